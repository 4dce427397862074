//! Measuring on other machines over ssh: `cargo xtask run --on ssh://host`.
//!
//! What is needed goes there in one archive; there the runner works by itself and writes its run
//! folder. This side only watches: it pulls the log from the byte it has, and when the connection
//! is cut it comes back with growing pauses. When this side is ended, `--resume` goes on from the
//! same place. At the end the parts become one run.

mod attend;
mod division;
mod host;
mod journal;

pub use host::Host;
pub use journal::{Journal, RemotePart};

use crate::kit::Kit;
use crate::merge::{self, Part};
use anyhow::{Context, Result, bail, ensure};
use attend::News;
use host::Ending;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use weighbridge_project::exit::InterruptedError;
use weighbridge_project::files::remove;
use weighbridge_project::progress::Progress;
use weighbridge_schema::manifest::Revision;
use weighbridge_schema::progress::Event;

/// What is to be measured, and by whom.
#[derive(Debug)]
pub struct Order<'a> {
    /// The folder that takes the run.
    pub results: &'a Path,
    /// The run's name.
    pub run: &'a str,
    /// The machines.
    pub hosts: &'a [Host],
    /// The choice of what is measured, as the runner's options.
    pub arguments: &'a [String],
    /// Instruction sets that were requested; each machine's own when empty.
    pub requested: &'a [String],
    /// Invocations of the cell that has the most.
    pub blocks_count: u32,
    /// State of the checkout: the other machine has none.
    pub revision: Option<Revision>,
}

/// What is found out about a machine before anything is sent there.
struct Found {
    architecture: String,
    base: String,
}

const PROBE: &str = "uname -s && uname -m && command -v tar >/dev/null \
    && base=${XDG_CACHE_HOME:-$HOME/.cache}/weighbridge/remote \
    && mkdir -p \"$base/bundles\" \"$base/runs\" && cd \"$base\" && pwd";
const IS_THERE: &str = "test -f \"$1/.complete\"";
const UNPACK: &str = "rm -rf \"$1.new\" && mkdir -p \"$1.new\" && tar -xf - -C \"$1.new\" \
    && : >\"$1.new/.complete\" && rm -rf \"$1\" && mv \"$1.new\" \"$1\"";

/// Ships, measures, and fetches. `kit_of` makes the kit for a machine's instruction set.
///
/// # Errors
/// A machine cannot be reached or is none of ours; its runner failed; the user interrupted, which leaves the other side
/// at work.
pub fn measure(
    order: &Order<'_>,
    kit_of: &mut dyn FnMut(&str) -> Result<Kit>,
    progress: &Progress,
) -> Result<PathBuf> {
    check_distinct(order.hosts)?;
    let found = order.hosts.iter().map(probe).collect::<Result<Vec<Found>>>()?;
    let machines: Vec<String> = found.iter().map(|found| found.architecture.clone()).collect();
    let shares = division::divide(&machines, order.requested, order.blocks_count)?;
    // Parts of one plan must not end early, each by what it alone has seen.
    let is_divided = shares.iter().any(|share| share.blocks.is_some());
    let mut kits: BTreeMap<&str, Kit> = BTreeMap::new();
    let mut parts = Vec::new();
    for ((host, found), share) in order.hosts.iter().zip(&found).zip(shares) {
        let architecture = found.architecture.as_str();
        if !kits.contains_key(architecture) {
            kits.insert(architecture, kit_of(architecture)?);
        }
        let kit = kits.get(architecture).context("a kit was just made")?;
        let unpacked = ship(host, &found.base, kit, progress)?;
        let machine = host.machine();
        let mut arguments = order.arguments.to_vec();
        arguments.extend(["--arch".to_owned(), share.architectures.join(",")]);
        arguments.extend(["--machine".to_owned(), machine.clone()]);
        if let Some(blocks) = share.blocks {
            arguments.extend(["--blocks".to_owned(), format!("{}..{}", blocks.start, blocks.end)]);
        }
        if is_divided {
            arguments.push("--fixed".to_owned());
        }
        if order.hosts.len() > 1 {
            // Two names may mean one machine: its parts then take turns.
            arguments.push("--wait-for-lock".to_owned());
        }
        let name = match order.hosts {
            [_] => order.run.to_owned(),
            _ => format!("{}-{machine}", order.run),
        };
        let home = format!("{}/runs/{name}", found.base);
        parts.push(RemotePart { host: host.clone(), name, unpacked, home, arguments });
    }
    let journal = Journal { run: order.run.to_owned(), revision: order.revision.clone(), parts };
    journal.write(order.results)?;
    drive(&journal, order.results, progress)
}

/// Resumes a run whose watching was ended.
///
/// # Errors
/// As [`measure`].
pub fn resume(results: &Path, run: &str, progress: &Progress) -> Result<PathBuf> {
    drive(&Journal::read(results, run)?, results, progress)
}

fn check_distinct(hosts: &[Host]) -> Result<()> {
    for (index, host) in hosts.iter().enumerate() {
        let is_twice = hosts[..index].iter().any(|other| other.machine() == host.machine());
        ensure!(!is_twice, "{host} is named twice by --on");
    }
    Ok(())
}

fn probe(host: &Host) -> Result<Found> {
    let answer = host.ask(&["sh", "-c", PROBE])?;
    let lines: Vec<&str> = answer.lines().collect();
    // What a login script prints comes before it.
    let [.., system, architecture, base] = lines.as_slice() else {
        bail!("{host}: expected its architecture and folder, and got: {answer}");
    };
    ensure!(*system == "Linux", "{host} runs {system}; only Linux is measured");
    let known = weighbridge_schema::definition::ARCHITECTURES;
    ensure!(known.contains(architecture), "{host} is of {architecture}: no such architecture here");
    Ok(Found { architecture: (*architecture).to_owned(), base: (*base).to_owned() })
}

/// Sends the kit, unless it lies there; gives the folder it is unpacked in.
fn ship(host: &Host, base: &str, kit: &Kit, progress: &Progress) -> Result<String> {
    let folder = format!("{base}/bundles/{}", kit.digest);
    match host.try_ask(&["sh", "-c", IS_THERE, "sh", &folder])? {
        (_, Ending::Exited(0)) => progress.note(&format!("  {host} has the kit")),
        (_, Ending::Exited(_)) => {
            let size_bytes = std::fs::metadata(&kit.file).map_or(0, |metadata| metadata.len());
            progress.note(&format!("  sending {} MB to {host}", size_bytes.div_ceil(1_000_000)));
            host.send(&kit.file, &["sh", "-c", UNPACK, "sh", &folder])?;
        }
        (_, Ending::Cut) => bail!("{host} cannot be reached any more"),
    }
    Ok(folder)
}

/// Watches all parts until each lies here complete, and merges them.
fn drive(journal: &Journal, results: &Path, progress: &Progress) -> Result<PathBuf> {
    let folder = journal.folder(results);
    let (sender, receiver) = mpsc::channel();
    let fetched: Vec<Result<PathBuf>> = std::thread::scope(|scope| {
        let watchers: Vec<_> = journal
            .parts
            .iter()
            .map(|part| {
                let (news, folder) = (sender.clone(), &folder);
                scope.spawn(move || attend::attend(part, folder, &news))
            })
            .collect();
        drop(sender);
        tell(&receiver, &journal.run, progress);
        let panicked = || Err(anyhow::anyhow!("the watcher of a machine has ended unexpectedly"));
        watchers.into_iter().map(|watcher| watcher.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut parts = Vec::new();
    for (fetched, part) in fetched.into_iter().zip(&journal.parts) {
        let path = fetched.map_err(|error| journal.reported(error, part))?;
        let mut part = Part::read(&path)?;
        part.manifest.add_revision(journal.revision.as_ref());
        parts.push(part);
    }
    progress.end("done");
    let merged = merge::merge(parts, &journal.run, results, None)?;
    for note in &merged.notes {
        progress.note(&format!("  {note}"));
    }
    for part in &journal.parts {
        // It is here whole; what stays there costs only space.
        let _ = part.host.try_ask(&["rm", "-rf", &part.home]);
    }
    remove(&folder)?;
    Ok(merged.folder)
}

/// Draws what the watchers say until they have ended.
fn tell(receiver: &mpsc::Receiver<News>, run: &str, progress: &Progress) {
    let (mut steps_count, mut done_count) = (0, 0);
    for news in receiver {
        match news {
            News::Planned { trials, done } => {
                steps_count += trials;
                done_count += done;
                let title = format!("measuring {run}");
                progress.event(Event::Begin { title, steps_count, done_count, estimate_ms: None });
            }
            News::Step { label, failed } => {
                done_count += 1;
                progress.event(Event::Step { label, failed });
            }
            News::Note(text) => progress.note(&format!("  {text}")),
        }
    }
}

impl Journal {
    /// The error of a part, with the way on.
    fn reported(&self, error: anyhow::Error, part: &RemotePart) -> anyhow::Error {
        let go_on = format!("cargo xtask run --resume {} --on {}", self.run, part.host);
        let (remote, home) = (part.script(), &part.home);
        if error.is::<InterruptedError>() {
            eprintln!(
                "{} goes on measuring by itself. To watch it again: {go_on}\n\
                 To end it there: ssh ... sh {remote} stop {home} {}",
                part.host, part.name
            );
            return error;
        }
        error.context(format!("{}: to go on: {go_on}", part.host))
    }
}
