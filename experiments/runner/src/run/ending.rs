//! How a run ends, as its user and its caller see it.

use crate::run::announce::Announcer;
use crate::run::session::End;
use crate::run::store::Store;
use anyhow::{Result, bail};
use std::process::ExitCode;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::progress::Event;

/// Complete, but trials failed.
const TRIALS_FAILED: u8 = 1;
/// Interrupted; the run can be resumed.
const INTERRUPTED: u8 = 130;

/// Gives a complete run its name; of any other one says what is kept and how to go on.
///
/// # Errors
/// The machine is at fault, and the message says what of it; or the folder cannot be renamed.
pub fn conclude(
    end: End,
    store: Store,
    manifest: &Manifest,
    announcer: &mut Announcer,
) -> Result<ExitCode> {
    let kept = format!(
        "after {} of {} trials, all of them kept; resume with: cargo xtask run --resume {}",
        store.done.len(),
        manifest.plan.len(),
        manifest.run
    );
    match end {
        End::Complete => {
            let (failed_count, trials_count) = (store.failed_count(), store.done.len());
            let folder = store.finish()?;
            announcer.say(&Event::Done(folder.display().to_string()));
            if failed_count == 0 {
                return Ok(ExitCode::SUCCESS);
            }
            // Whoever draws the events says it last, below where the run lies.
            if announcer.is_plain() {
                let text = format!("{failed_count} of {trials_count} trials failed");
                announcer.say(&Event::Note(text));
            }
            Ok(ExitCode::from(TRIALS_FAILED))
        }
        End::Interrupted => {
            announcer.say(&Event::Note(format!("interrupted {kept}")));
            Ok(ExitCode::from(INTERRUPTED))
        }
        End::Stopped(why) => bail!("{why}; stopped {kept}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake_lab::{
        FakeLab, Requested, Shown, answers_wrongly, finds_no_engine, shows,
    };
    use crate::run::fixture::{Heard, Question, go};

    /// How a run of six trials ends in a lab of that script, and what is said of it.
    fn concluded(script: impl Fn(&Requested) -> Shown + 'static) -> (Result<ExitCode>, String) {
        let question = Question::new(1, 1);
        let results = tempfile::tempdir().unwrap();
        let mut store = Store::create(results.path(), &question.manifest).unwrap();
        let (end, _) = go(&question, &FakeLab::new(script), &mut store, None);
        let heard = Heard::default();
        let code = conclude(end, store, &question.manifest, &mut heard.announcer());
        let printed = heard.text().replace(&results.path().display().to_string(), "results");
        (code, printed)
    }

    fn check(found: (Result<ExitCode>, String), code: u8, printed: &str) {
        assert_eq!(format!("{:?}", found.0.unwrap()), format!("{:?}", ExitCode::from(code)));
        assert_eq!(found.1, printed);
    }

    #[test]
    fn a_complete_run_says_where_it_lies_and_how_many_trials_failed_last() {
        check(concluded(|_| shows(1)), 0, "results/r\n");
        check(concluded(|_| answers_wrongly()), 1, "results/r\n6 of 6 trials failed\n");
        let one = |requested: &Requested| {
            if requested.number == 2 { answers_wrongly() } else { shows(1) }
        };
        check(concluded(one), 1, "results/r\n1 of 6 trials failed\n");
    }

    #[test]
    fn an_incomplete_run_says_what_is_kept_and_how_to_go_on() {
        let kept = "after 3 of 6 trials, all of them kept; resume with: cargo xtask run --resume r";
        let interrupted =
            concluded(
                |requested| if requested.number == 2 { shows(1).interrupted() } else { shows(1) },
            );
        check(interrupted, 130, &format!("interrupted {kept}\n"));
        let (stopped, printed) = concluded(|requested| {
            if requested.number == 3 { finds_no_engine().silencing("it is dead") } else { shows(1) }
        });
        assert_eq!(stopped.unwrap_err().to_string(), format!("it is dead; stopped {kept}"));
        assert_eq!(printed, "");
    }
}
