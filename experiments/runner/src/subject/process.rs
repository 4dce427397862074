//! A subject that is a program of its own.

use super::group::Group;
use super::{
    Instance, MARK, StartContext, Way, fill_in, free_address, limits, on_subject_cores, words,
};
use crate::failure::Cause;
use crate::inventory::emulator::PROCESSOR;
use crate::kernel::clock::monotonic_ns;
use crate::run::leftovers::Mark;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use weighbridge_schema::record::Stage;
use weighbridge_schema::template::{Piece, Word};

/// How long a program may take to end after SIGTERM.
pub const STOP_LIMIT: Duration = Duration::from_secs(5);

struct Process {
    child: Child,
    program: String,
    address: SocketAddr,
    start_call_ns: u64,
    spawned_ns: u64,
    stderr_file: PathBuf,
    /// `None` where the machine gives none.
    group: Option<Group>,
}

/// What is spawned.
pub struct Launch<'a> {
    /// The program, or what stands for it.
    pub program: &'a Word,
    /// Its arguments.
    pub arguments: &'a [Word],
    /// Its environment, beside the mark.
    pub environment: &'a BTreeMap<String, Word>,
    /// Whether what it writes to its standard output is kept, with what it writes to its standard error.
    pub keeps_stdout: bool,
}

impl Way for Launch<'_> {
    fn start<'a>(&self, context: &StartContext<'a>) -> Result<Box<dyn Instance + 'a>, Cause> {
        start(self, context)
    }

    fn overhead_ms(&self) -> u64 {
        match self.arguments.iter().flat_map(Word::pieces).any(is_portable) {
            true => 1_000,
            false => 60,
        }
    }
}

/// A portable module: a compiler runs before the first answer.
fn is_portable(piece: &Piece) -> bool {
    matches!(piece, Piece::Artifact(name) | Piece::File(name) if name.ends_with(".wasm"))
}

/// Spawns the program on the subject's cores and under the limits of every subject, as far as this machine has a
/// control group to give.
///
/// # Errors
/// The program cannot be spawned, or its control group cannot be made.
pub fn start(launch: &Launch<'_>, context: &StartContext<'_>) -> Result<Box<dyn Instance>, Cause> {
    let address = free_address()?;
    let mut begin = words(launch.program, address, context.artifacts)?;
    if let Some(emulator) = context.emulator {
        let prefix = std::iter::once(emulator).chain(PROCESSOR).map(str::to_owned);
        begin.splice(0..0, prefix);
    }
    let (program, additional) = begin.split_first().ok_or("a program without a name")?;
    let stderr = File::create(&context.stderr_file)
        .map_err(|e| Cause::io(format!("create {}", context.stderr_file.display()), e))?;
    let mut command = Command::new(program);
    command.args(additional);
    for argument in launch.arguments {
        command.args(words(argument, address, context.artifacts)?);
    }
    command.env_clear().env(MARK, Mark::of(context.run).to_string());
    for (name, value) in launch.environment {
        command.env(name, fill_in(value, address, context.artifacts)?);
    }
    let stdout = match launch.keeps_stdout {
        true => stderr.try_clone().map_err(|e| Cause::io("open standard output", e))?.into(),
        false => Stdio::null(),
    };
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // Its own group: Ctrl-C on the terminal reaches the runner, which then ends the subject in order.
    command.process_group(0);

    // The manifest says where it cannot be had.
    let _ = limits::open_files();
    let group = limits::group(&context.name())?;
    context.drop_page_cache()?;
    let mut call = || {
        on_subject_cores(context.pinning, || {
            context.pass_gate();
            let start_call_ns = monotonic_ns();
            let spawned = command.spawn();
            (start_call_ns, spawned, monotonic_ns())
        })
    };
    let (start_call_ns, spawned, spawned_ns) = match &group {
        Some(group) => group.within(call)?,
        None => call(),
    };
    let child = spawned.map_err(|error| Cause::io(format!("spawn {program}"), error))?;
    Ok(Box::new(Process {
        child,
        program: program.clone(),
        address,
        start_call_ns,
        spawned_ns,
        stderr_file: context.stderr_file.clone(),
        group,
    }))
}

impl Process {
    fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr_file).unwrap_or_default()
    }

    /// SIGTERM first, SIGKILL when that does not help in time. Both go to its whole group, as those of
    /// a terminal do: `bwrap` stays above the process that serves and passes no signal on. What is
    /// left of the group when its first process has ended is killed.
    fn end(&mut self) -> Result<(), Cause> {
        let program = &self.program;
        let waiting = |error| Cause::io(format!("wait for {program}"), error);
        let pid = Pid::from_child(&self.child);
        // It may have ended by itself; waiting tells.
        let _ = kill_process_group(pid, Signal::TERM);
        let begun = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(_)) => {
                    // Most leave nobody behind, and then there is no such group.
                    let _ = kill_process_group(pid, Signal::KILL);
                    return Ok(());
                }
                Ok(None) if begun.elapsed() < STOP_LIMIT => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(None) => {
                    kill_process_group(pid, Signal::KILL)
                        .map_err(|e| Cause::io(format!("kill {program}"), e))?;
                    self.child.wait().map_err(waiting)?;
                    return Err(Cause::Timeout(format!(
                        "{program} did not end within {} s of SIGTERM and was killed",
                        STOP_LIMIT.as_secs()
                    )));
                }
                Err(error) => return Err(waiting(error)),
            }
        }
    }
}

impl Instance for Process {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn start_call_ns(&self) -> u64 {
        self.start_call_ns
    }

    fn stages_ns(&self) -> Vec<(Stage, u64)> {
        vec![(Stage::Spawned, self.spawned_ns)]
    }

    fn pid(&self) -> Result<u32, Cause> {
        Ok(self.child.id())
    }

    fn alive(&mut self) -> Result<(), Cause> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Cause::Ended {
                what: self.program.clone(),
                status,
                printed: self.stderr().trim().to_owned(),
            }),
            Err(error) => Err(Cause::io(format!("wait for {}", self.program), error)),
        }
    }

    fn answered(&mut self) -> Result<(), Cause> {
        self.group.as_ref().map_or(Ok(()), |group| group.adopt(self.child.id()))
    }

    fn stop(mut self: Box<Self>) -> Result<String, Cause> {
        self.end()?;
        if let Some(group) = self.group.take() {
            group.remove()?;
        }
        Ok(self.stderr())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end, and this does nothing.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_compiled_wherever_it_stands_in_a_word_and_what_is_compiled_is_not() {
        for (word, expected_ms) in [
            ("{artifact:a.wasm}", 1_000),
            ("--module={file:b.wasm},x", 1_000),
            ("{artifact:a.cwasm}", 60),
            ("a.wasm", 60),
        ] {
            let (program, arguments) = ("host".parse().unwrap(), [word.parse().unwrap()]);
            let environment = &BTreeMap::new();
            let (program, arguments) = (&program, &arguments);
            let launch = Launch { program, arguments, environment, keeps_stdout: false };
            assert_eq!(launch.overhead_ms(), expected_ms, "{word}");
        }
    }

    /// A shell that starts a process of its own, and the number of that.
    fn above_another(script: &str) -> (Process, Pid) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let shown = file.display();
        let script = format!("sleep 60 & echo $! > {shown}.new; mv {shown}.new {shown}; {script}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.process_group(0).spawn().unwrap();
        while !file.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let number = std::fs::read_to_string(&file).unwrap();
        let process = Process {
            child,
            program: "sh".to_owned(),
            address: free_address().unwrap(),
            start_call_ns: 0,
            spawned_ns: 0,
            stderr_file: file,
            group: None,
        };
        (process, Pid::from_raw(number.trim().parse().unwrap()).unwrap())
    }

    fn is_gone(pid: Pid) -> bool {
        let begun = Instant::now();
        let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
        // A killed process whose parent is gone stays a zombie until somebody reaps it.
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
        while lives() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
        !lives()
    }

    #[test]
    fn what_a_program_has_started_ends_with_it_although_it_passes_no_signal_on() {
        let (mut process, below) = above_another("wait");
        process.end().unwrap();
        assert!(is_gone(below));
        // One that ended by itself has left somebody behind.
        let (mut process, below) = above_another("exit 0");
        process.child.wait().unwrap();
        process.end().unwrap();
        assert!(is_gone(below));
    }
}
