//! Instructions that an emulator counts while the subject handles one request several times within one process.
//!
//! The emulated program is given the same words and the same environment everywhere, whatever the folders are called:
//! it runs in a folder of its own in which everything has a fixed name, because what it does to read its arguments is
//! counted too.

use super::instantiation::finish;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::inventory::artifacts::Artifacts;
use crate::inventory::digest::sha256_file;
use crate::inventory::emulator::{self, PROCESSOR};
use crate::plan::missing::Missing;
use crate::run::leftovers::Mark;
use crate::subject::{MARK, on_subject_cores};
use anyhow::Context;
use serde::Deserialize;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use weighbridge_schema::manifest::Emulator;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::template::{Piece, Word};
use weighbridge_schema::workload::{Expect, RequestShape};

/// The artifact that is the emulator's plugin, built for this machine.
pub const PLUGIN: &str = "libweighbridge_instructions.so";

/// What the request's body is called in the folder of a trial.
const BODY: &str = "body";

/// The allocator of both arms gives memory back to the system when it has not been used for a second. To an emulated
/// program a second is thirty times as short, and never the same number of instructions.
const NO_PURGE: &str = "MIMALLOC_PURGE_DELAY=-1";

/// What the plugin writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    /// The emulated architecture.
    target: String,
    /// Threads of the program.
    vcpus: u64,
    /// Instructions up to each marker: one before the first call, and one after each.
    markers: Vec<u64>,
    /// Instructions up to the end.
    total: u64,
}

/// What the command prints.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    body_bytes: u64,
}

/// A call of the subject's command that handles one request several times.
pub struct Call<'a> {
    /// The command, in a folder in which the artifacts lie.
    words: Vec<String>,
    /// Those artifacts: what they are called there, and where they are.
    files: Vec<(String, PathBuf)>,
    /// The emulator's plugin.
    plugin: PathBuf,
    request: &'a RequestShape,
    body: Vec<u8>,
    iterations: u32,
}

impl<'a> Call<'a> {
    /// Fills in the subject's `call`.
    ///
    /// # Errors
    /// It names what was not built.
    pub fn new(
        template: &[Word],
        artifacts: &Artifacts,
        plugin: PathBuf,
        (request, body): (&'a RequestShape, Vec<u8>),
        iterations: u32,
    ) -> Result<Self, Missing> {
        let mut files = Vec::new();
        for piece in template.iter().flat_map(Word::pieces) {
            let Piece::Artifact(name) = piece else { continue };
            files.push((name.clone(), artifacts.path(name)?));
        }
        let linked: Vec<Word> = template.iter().map(in_folder).collect();
        let mut words = artifacts.command(&linked)?;
        words.extend(request_words(request, iterations));
        if !body.is_empty() {
            words.extend(["--body".to_owned(), BODY.to_owned()]);
        }
        Ok(Self { words, files, plugin, request, body, iterations })
    }

    /// Puts into the folder what the command names.
    fn lay_out(&self, folder: &Scratch) -> Result<(), Cause> {
        folder.link(PLUGIN, &self.plugin)?;
        for (name, path) in &self.files {
            folder.link(name, path)?;
        }
        if self.body.is_empty() { Ok(()) } else { folder.write(BODY, &self.body) }
    }
}

/// Runs the call under an emulator of the cell's architecture that counts, the local architecture too.
///
/// # Errors
/// There is no emulator for it, or the call failed or answered wrongly.
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>, call: &Call<'_>) -> Result<Measured, Failure> {
    let architecture = &visit.trial.cell.architecture;
    let emulator = loading_plugins(architecture).map_err(Failure::at(Phase::Emulator))?;
    let scratch = Scratch::new(bench.run, visit.position).map_err(Failure::at(Phase::Prepare))?;
    call.lay_out(&scratch).map_err(Failure::at(Phase::Prepare))?;

    let mut command = quiet_command(&emulator.program);
    // One processor model, so that what a program chooses by the processor at hand is the same everywhere; the seed
    // is that of the random bytes which the kernel gives to each process. The mark is for us, not for the program.
    command.args(PROCESSOR).args(["-seed", "1", "-U", MARK, "-E", NO_PURGE]);
    command.args(["-plugin", &format!("./{PLUGIN},out=counts.json")]).args(&call.words);
    command.current_dir(&scratch.folder).env_clear().env(MARK, Mark::of(bench.run).to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let spawned = on_subject_cores(bench.pinning, || command.spawn());
    let shown = format!("{} {}", emulator.program, call.words.join(" "));
    let child = spawned
        .map_err(|e| Failure::new(Phase::Start, Cause::io(format!("spawn `{shown}`"), e)))?;
    let output =
        finish(child).map_err(|why| Failure::new(Phase::Run, why.within(format!("`{shown}`"))))?;
    check_answer(&output, &scratch.folder.join("response"), &call.request.expect)
        .map_err(|why| Failure::new(Phase::Run, why.within(format!("`{shown}`"))))?;
    let counts = read_counts(&scratch.folder.join("counts.json"), &output)
        .map_err(|why| Failure::new(Phase::Count, why.within(format!("`{shown}`"))))?;
    record(&counts, call.iterations).map_err(Failure::at(Phase::Run))
}

/// The emulator of an architecture, for the machine's own too.
fn loading_plugins(architecture: &str) -> anyhow::Result<Emulator> {
    let found = emulator::find(architecture)?;
    // Debian links it statically since its version 13, and then it has no such option.
    let help = Command::new(&found.program).arg("-h").stderr(Stdio::null()).output();
    let help = help.with_context(|| format!("run {} -h", found.program))?;
    if !String::from_utf8_lossy(&help.stdout).contains("-plugin") {
        anyhow::bail!(
            "{} ({}) was built without plugins: install a qemu-user that is linked dynamically",
            found.program,
            found.version
        );
    }
    Ok(found)
}

/// The program, with the addresses of its mappings not random where that can be had: what an emulated program gets
/// from `mmap` depends on them. In some containers it is forbidden; then a first call varies by some ten instructions.
fn quiet_command(program: &str) -> Command {
    let allowed = Command::new("setarch").args(["--addr-no-randomize", "true"]).output();
    if allowed.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("setarch");
        command.args(["--addr-no-randomize", program]);
        return command;
    }
    Command::new(program)
}

/// The word as it is in a folder in which the artifacts lie.
fn in_folder(word: &Word) -> Word {
    word.with(|piece| match piece {
        Piece::Artifact(name) => Some(format!("./{name}")),
        _ => None,
    })
}

fn request_words(workload: &RequestShape, iterations: u32) -> Vec<String> {
    let iterations = iterations.to_string();
    let mut words = vec!["--method", &workload.method, "--path", &workload.path];
    words.extend(["--iterations", &iterations, "--output", "response"]);
    if let Some(content_type) = &workload.content_type {
        words.extend(["--content-type", content_type]);
    }
    words.into_iter().map(str::to_owned).collect()
}

fn check_answer(output: &Output, response: &Path, expect: &Expect) -> Result<(), Cause> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, printed.trim()).into());
    }
    let answer: Answer = serde_json::from_str(stdout.trim())
        .map_err(|error| format!("said nothing of its answer: {error}"))?;
    if answer.status != expect.status {
        return Err(format!("answered {}, not {}", answer.status, expect.status).into());
    }
    let sha256 = sha256_file(response)?;
    if sha256 != expect.sha256 {
        return Err(format!(
            "the body of {} bytes has SHA-256 {sha256}, not {}",
            answer.body_bytes, expect.sha256
        )
        .into());
    }
    Ok(())
}

fn read_counts(file: &Path, output: &Output) -> Result<Counts, Cause> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let printed = String::from_utf8_lossy(&output.stderr);
        format!("the plugin wrote no counts ({error}); the emulator said: {}", printed.trim())
    })?;
    let counts = serde_json::from_str(&text);
    counts.map_err(|error| format!("the plugin wrote `{text}`: {error}").into())
}

fn record(counts: &Counts, iterations: u32) -> Result<Measured, Cause> {
    let calls: Vec<u64> =
        counts.markers.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    if calls.len() != iterations as usize {
        let counted = calls.len();
        return Err(format!("{iterations} calls were asked for, {counted} were counted").into());
    }
    let mut measured = Measured { emulated: true, ..Measured::default() };
    measured.set(Metric::InstructionsToReady, counts.markers.first().copied());
    measured.set(Metric::InstructionsFirstCall, calls.first().copied());
    let mut steady = calls.get(1..).unwrap_or_default().to_vec();
    steady.sort_unstable();
    measured.set(Metric::InstructionsPerCall, steady.get(steady.len() / 2).copied());
    if let (Some(least), Some(most)) = (steady.first(), steady.last())
        && least != most
    {
        measured.remarks.push(format!("calls after the first took {least} to {most} instructions"));
    }
    if counts.vcpus != 1 {
        measured.remarks.push(format!("{} threads were counted together", counts.vcpus));
    }
    Ok(measured)
}

/// A folder for one trial, removed with what is in it.
pub(super) struct Scratch {
    pub(super) folder: PathBuf,
}

impl Scratch {
    /// Makes it.
    ///
    /// # Errors
    /// The system's temporary folder does not take it.
    pub(super) fn new(run: &str, position: u64) -> Result<Self, Cause> {
        let name = format!("weighbridge-{}-{run}-{position}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Cause::io(format!("create {}", folder.display()), error))?;
        Ok(Self { folder })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Cause> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes)
            .map_err(|error| Cause::io(format!("write {}", path.display()), error))
    }

    fn link(&self, name: &str, to: &Path) -> Result<(), Cause> {
        let absolute = std::path::absolute(to).map_err(anyhow::Error::from)?;
        symlink(&absolute, self.folder.join(name))
            .map_err(|error| Cause::io(format!("link to {}", absolute.display()), error))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in the system's temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(markers: &[u64]) -> Counts {
        let total = markers.last().copied().unwrap_or_default() + 1;
        Counts { target: "aarch64".to_owned(), vcpus: 1, markers: markers.to_vec(), total }
    }

    #[test]
    fn start_first_and_later_calls_are_kept_apart() {
        let measured = record(&counts(&[1000, 1500, 1800, 2100]), 3).unwrap();
        assert!(measured.emulated && measured.remarks.is_empty(), "{:?}", measured.remarks);
        assert_eq!(measured.metrics[&Metric::InstructionsToReady], 1000);
        assert_eq!(measured.metrics[&Metric::InstructionsFirstCall], 500);
        assert_eq!(measured.metrics[&Metric::InstructionsPerCall], 300);
        assert!(record(&counts(&[1000, 1500]), 2).is_err(), "a marker is missing");
        assert!(record(&counts(&[]), 2).is_err(), "no marker came");
    }

    #[test]
    fn calls_that_differ_are_remarked() {
        let measured = record(&counts(&[0, 500, 800, 1110, 1410]), 4).unwrap();
        assert_eq!(measured.metrics[&Metric::InstructionsPerCall], 300);
        assert_eq!(measured.remarks, ["calls after the first took 300 to 310 instructions"]);
        let threads = record(&Counts { vcpus: 3, ..counts(&[0, 500, 800]) }, 2).unwrap();
        assert_eq!(threads.remarks, ["3 threads were counted together"]);
    }

    #[test]
    fn artifacts_are_named_as_they_are_called_in_the_folder() {
        for (word, expected) in [
            ("{artifact:component.cwasm}", "./component.cwasm"),
            ("--of={artifact:component.cwasm}", "--of=./component.cwasm"),
            ("call", "call"),
        ] {
            assert_eq!(in_folder(&word.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn a_wrong_answer_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let response = folder.path().join("response");
        std::fs::write(&response, "ok").unwrap();
        let sha256 = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df";
        let expect = Expect { status: 200, sha256: sha256.to_owned() };
        let reported = |script: &str, expect: &Expect| {
            let output = Command::new("sh").args(["-c", script]).output().unwrap();
            check_answer(&output, &response, expect).map_err(|why| why.to_string())
        };
        let line = r#"echo '{"status":200,"body_bytes":2}'"#;
        assert_eq!(reported(line, &expect), Ok(()));
        assert!(reported("echo no >&2; exit 1", &expect).unwrap_err().contains("no"));
        assert!(reported("true", &expect).is_err());
        let other = Expect { status: 404, ..expect.clone() };
        assert_eq!(reported(line, &other).unwrap_err(), "answered 200, not 404");
        let other = Expect { sha256: "0".repeat(64), ..expect };
        assert!(reported(line, &other).unwrap_err().contains("SHA-256"));
    }
}
