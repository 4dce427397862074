//! How far a fleet is: from the parts' own logs, and from what Slurm says where it answers.

use super::{Element, Fleet};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use weighbridge_project::files::read_json;
use weighbridge_project::progress::human;
use weighbridge_schema::line;
use weighbridge_schema::manifest::Manifest;

/// One element's progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which one.
    pub element: Element,
    /// The part that counts, once it is complete.
    pub done: Option<String>,
    /// Slurm's word for its state, where it has one.
    pub state: Option<String>,
    /// The node that works on it, or did.
    pub node: Option<String>,
    /// Trials that are there.
    pub trials_done: u64,
    /// Trials of its plan; `None` until it has one.
    pub trials_planned: Option<u64>,
    /// Time that its trials took so far.
    pub measured: Duration,
}

impl Progress {
    /// Whether Slurm has it still: waiting, running or ending.
    fn is_in_queue(&self) -> bool {
        let state = self.state.as_deref().unwrap_or_default();
        ["pending", "running", "completing", "configuring", "requeue", "suspended"]
            .iter()
            .any(|word| state.starts_with(word))
    }
}

/// Looks at every element. `command` makes a program of Slurm; where it does not answer, states are unknown.
///
/// # Errors
/// A part's files are damaged.
pub fn progress(
    folder: &Path,
    fleet: &Fleet,
    command: impl Fn(&str) -> Command,
) -> Result<Vec<Progress>> {
    let mut states = BTreeMap::new();
    for (architecture, job) in &fleet.jobs {
        for (index, state, node) in ask(job, &fleet.job_name(architecture), &command) {
            states.insert((architecture.as_str(), index), (state, node));
        }
    }
    let elements = fleet.elements().into_iter();
    elements
        .map(|element| {
            let known = states.get(&(element.architecture.as_str(), element.index));
            let done = std::fs::read_to_string(folder.join("done").join(element.name())).ok();
            let done = done.map(|name| name.trim().to_owned());
            let mut found = Progress {
                done,
                state: known.map(|(state, _)| state.clone()),
                node: known.map(|(_, node)| node.clone()).filter(|node| !node.is_empty()),
                trials_done: 0,
                trials_planned: None,
                measured: Duration::ZERO,
                element,
            };
            if let Some(part) = part_of(folder, &found) {
                look_into(&part, &mut found)?;
            }
            Ok(found)
        })
        .collect()
}

/// The part that counts, else the one that has come farthest: a node that was lost leaves another.
fn part_of(folder: &Path, found: &Progress) -> Option<PathBuf> {
    let parts = folder.join("parts");
    if let Some(name) = &found.done {
        return Some(parts.join(name));
    }
    let prefix = format!("{}-", found.element.name());
    let entries = std::fs::read_dir(parts).into_iter().flatten().flatten();
    let of_it = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    let log_size = |path: &PathBuf| {
        std::fs::metadata(path.join("observations.jsonl")).map_or(0, |metadata| metadata.len())
    };
    of_it.map(|entry| entry.path()).max_by_key(log_size)
}

fn look_into(part: &Path, found: &mut Progress) -> Result<()> {
    let manifest = part.join("manifest.json");
    if !manifest.is_file() {
        return Ok(());
    }
    let manifest: Manifest = read_json(&manifest)?;
    found.trials_planned = Some(manifest.plan.len() as u64);
    found.node = manifest.machines.keys().next().cloned().or_else(|| found.node.take());
    let log = std::fs::read(part.join("observations.jsonl")).unwrap_or_default();
    // A last line that is being written is none yet.
    let lines = log.split(|&byte| byte == b'\n').filter_map(|line| line::read(line).ok());
    for observation in lines.map(|line| line.observation) {
        found.trials_done += u64::from(observation.repeat == 0);
        found.measured += Duration::from_nanos(observation.duration_ns);
    }
    Ok(())
}

/// Index, state and node of an array's elements: those that wait or run from squeue, those that ended from sacct, on
/// clusters that keep accounts.
fn ask(job: &str, name: &str, command: &impl Fn(&str) -> Command) -> Vec<(u32, String, String)> {
    let mut sacct = command("sacct");
    sacct.args(["--noheader", "--allocations", "--parsable2", "--format=JobID,State,NodeList"]);
    sacct.args(["--jobs", job]);
    let mut squeue = command("squeue");
    squeue.args(["--noheader", "--array", "--format=%i|%T %r|%N", "--name", name]);
    let mut found = Vec::new();
    for mut ask in [sacct, squeue] {
        // Silence is an answer too: the cluster keeps no accounts, or the job has ended long since.
        let output = ask.output().map(|output| output.stdout).unwrap_or_default();
        found.extend(String::from_utf8_lossy(&output).lines().filter_map(read_state));
    }
    found
}

/// `12_3|RUNNING None|node-1`.
fn read_state(line: &str) -> Option<(u32, String, String)> {
    let mut fields = line.split('|');
    let index = fields.next()?.split_once('_')?.1.parse().ok()?;
    let state = fields.next()?.trim_end_matches(" None").trim().to_lowercase();
    Some((index, state, fields.next().unwrap_or_default().trim().to_owned()))
}

/// The table of a fleet, with what is left.
#[must_use]
pub fn table(found: &[Progress]) -> String {
    let mut text =
        String::from("element            state                  node         trials   left\n");
    let mut left_in_all = Some(Duration::ZERO);
    for one in found {
        let left = left(one, found);
        let shown_left = match left {
            Some(Duration::ZERO) => "-".to_owned(),
            Some(left) => human(left),
            None => "?".to_owned(),
        };
        left_in_all = left_in_all.zip(left).map(|(all, one)| all + one);
        let state = match (&one.done, &one.state) {
            (Some(_), _) => "done",
            (None, Some(state)) => state,
            (None, None) => "not in the queue",
        };
        let planned = one.trials_planned.map_or("?".to_owned(), |count| count.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<18} {state:<22} {:<12} {:>3}/{planned:<4} {shown_left}",
            one.element.name(),
            one.node.as_deref().unwrap_or("-"),
            one.trials_done,
        );
    }
    let done = found.iter().filter(|one| one.done.is_some()).count();
    let _ = write!(text, "{done} of {} elements are complete", found.len());
    match left_in_all {
        _ if done == found.len() => text += ": cargo xtask fleet collect\n",
        Some(left) => {
            let _ = writeln!(text, "; about {} of measuring left, over all nodes", human(left));
        }
        None => text += "; nothing is known yet about what is left\n",
    }
    text
}

/// The lines that hand over again what is neither complete nor in the queue: elements that failed or ran out of time.
/// They go on where they were.
#[must_use]
pub fn again(folder: &Path, found: &[Progress]) -> String {
    let mut lost: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in found.iter().filter(|one| one.done.is_none() && !one.is_in_queue()) {
        lost.entry(&one.element.architecture).or_default().push(one.element.index.to_string());
    }
    let lines = lost.into_iter().map(|(architecture, indices)| {
        let script = super::script::script_of(folder, architecture);
        format!("again: sbatch --array={} {}\n", indices.join(","), script.display())
    });
    lines.collect()
}

/// What an element still takes: its trials at the pace of its own, else of its architecture; as many trials as the
/// others have, while it has no plan.
fn left(one: &Progress, all: &[Progress]) -> Option<Duration> {
    if one.done.is_some() {
        return Some(Duration::ZERO);
    }
    let peers = || all.iter().filter(|p| p.element.architecture == one.element.architecture);
    let pace = |progress: &[&Progress]| {
        let trials: u64 = progress.iter().map(|p| p.trials_done).sum();
        let measured: Duration = progress.iter().map(|p| p.measured).sum();
        (trials > 0).then(|| measured.as_secs_f64() / trials as f64)
    };
    let pace = pace(&[one]).or_else(|| pace(&peers().collect::<Vec<_>>()))?;
    let planned = one.trials_planned.or_else(|| {
        let per_block = peers().find_map(|peer| {
            let blocks = u64::from(peer.element.to - peer.element.from);
            Some(peer.trials_planned? as f64 / blocks as f64)
        })?;
        Some((per_block * f64::from(one.element.to - one.element.from)) as u64)
    })?;
    Some(Duration::from_secs_f64(pace * planned.saturating_sub(one.trials_done) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::plan::tests::fleet;

    fn silent(_: &str) -> Command {
        Command::new("true")
    }

    #[test]
    fn slurm_s_lines_are_read() {
        let running = (3, "running".to_owned(), "node-1".to_owned());
        assert_eq!(read_state("12_3|RUNNING None|node-1"), Some(running));
        let waiting = (4, "pending resources".to_owned(), String::new());
        assert_eq!(read_state("12_4|PENDING Resources|"), Some(waiting));
        assert_eq!(read_state("slurm_load_jobs error: Invalid job id specified"), None);
    }

    #[test]
    fn a_fleet_that_nobody_works_on_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let found = progress(folder.path(), &fleet(2, 1), silent).unwrap();
        let text = table(&found);
        assert!(text.contains("x86_64-0-1         not in the queue"), "{text}");
        assert!(text.contains("0 of 4 elements are complete; nothing is known yet"), "{text}");
        let mut found = found;
        found[0].state = Some("pending resources".to_owned());
        found[2].state = Some("node_fail".to_owned());
        let lines = again(Path::new("/f"), &found);
        let expected = "again: sbatch --array=0,1 /f/aarch64.sbatch\nagain: sbatch --array=1 /f/x86_64.sbatch\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_left_comes_from_the_pace_of_the_peers() {
        let folder = tempfile::tempdir().unwrap();
        let mut found = progress(folder.path(), &fleet(2, 1), silent).unwrap();
        found[0].done = Some("x86_64-0-1-n".to_owned());
        (found[0].trials_done, found[0].trials_planned) = (10, Some(10));
        found[0].measured = Duration::from_secs(20);
        assert_eq!(left(&found[1], &found), Some(Duration::from_secs(20)));
        (found[1].trials_done, found[1].trials_planned) = (4, Some(10));
        found[1].measured = Duration::from_secs(4);
        assert_eq!(left(&found[1], &found), Some(Duration::from_secs(6)));
        assert_eq!(left(&found[2], &found), None, "nothing is known about the other architecture");
        let text = table(&found);
        assert!(text.contains("1 of 4 elements are complete"), "{text}");
    }
}
