//! What came of it: counters, and a file for each input that was not answered alike.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::client::Answer;
use crate::input::Input;

/// Inputs written at most: after that many, more say nothing new.
const FILES_MAX: u64 = 100;

thread_local! {
    /// Panics of this thread, caught by the library.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Counts panics in the place of printing them.
pub(crate) fn count_panics() {
    std::panic::set_hook(Box::new(|_| PANICS.with(|panics| panics.set(panics.get() + 1))));
}

/// The counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    executions: u64,
    pictures: u64,
    late: u64,
    differences: u64,
    panics: u64,
    /// The first file that was written.
    pub(crate) first: Option<PathBuf>,
}

impl Tally {
    /// The counters as a line.
    pub(crate) fn line(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64();
        format!(
            "fuzz: {} executions in {seconds:.0} s ({:.0}/s): {} answered with a picture, {} past \
             the deadline and not compared, {} differences, {} panics",
            self.executions,
            self.executions as f64 / seconds.max(0.001),
            self.pictures,
            self.late,
            self.differences,
            self.panics
        )
    }
}

/// Collects from all threads.
pub(crate) struct Report {
    folder: PathBuf,
    seed: u64,
    tally: Mutex<Tally>,
}

impl Report {
    pub(crate) fn new(folder: PathBuf, seed: u64) -> Self {
        Self { folder, seed, tally: Mutex::default() }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Compares the answers to one input, each with who gave it; writes the input if they are not the
    /// same.
    pub(crate) fn add(&self, number: u64, input: &Input, answers: &[(&str, Answer)]) -> Result<()> {
        let panics = PANICS.with(Cell::take);
        // A deadline depends on the machine's speed and load.
        let is_late = answers.iter().any(|(_, answer)| answer.status == Some(503));
        let differ = !is_late && answers.windows(2).any(|pair| pair[0].1 != pair[1].1);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.executions += 1;
        tally.pictures += u64::from(answers.iter().all(|(_, answer)| answer.status == Some(200)));
        tally.late += u64::from(is_late);
        tally.differences += u64::from(differ);
        tally.panics += panics;
        if (differ || panics > 0) && tally.differences + tally.panics <= FILES_MAX {
            let path = self.folder.join(format!("seed-{}-{number}.bin", self.seed));
            let mut text = format!("POST {}\ncontent-type: {}\n", input.target, input.content_type);
            text += &format!("made from: {}\npanics in process: {panics}\n", input.origin);
            for (who, answer) in answers {
                let status = answer.status.map_or("none".to_owned(), |status| status.to_string());
                let body = String::from_utf8_lossy(answer.body.get(..300).unwrap_or(&answer.body));
                text += &format!("{who}: {status}, {} bytes: {body}\n", answer.body.len());
            }
            std::fs::write(&path, &input.body)
                .and_then(|()| std::fs::write(path.with_extension("txt"), text))
                .with_context(|| format!("write {}", path.display()))?;
            tally.first.get_or_insert(path);
        }
        Ok(())
    }
}
