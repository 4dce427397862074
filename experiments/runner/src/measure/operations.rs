//! The CPU time of one operation within a process: the program does it once for each line that it reads, and what it
//! has used is read before and after, while it waits. The clock is the kernel's, and so the same for native code and
//! for every Wasm runtime; all threads of the process count, as those do that make epochs pass or collect garbage.

use super::{Bench, Measured};
use crate::failure::{Cause, Failure, Phase};
use crate::inventory::artifacts::Artifacts;
use crate::kernel::{interrupt, procfs};
use crate::run::leftovers::Mark;
use crate::subject::{MARK, on_subject_cores};
use anyhow::{Result as AnyResult, bail};
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::operation::Operation;
use weighbridge_schema::subject::{Start, Subject};
use weighbridge_statistics::quantile::median;

/// Longest time for one answer: an interpreter takes a minute for `fib-40`, and a compiler runs before the first.
const LIMIT: Duration = Duration::from_secs(180);
/// Longest wait until no thread of the program runs.
const REST_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at that: some ticks of a processor's clock, and no load on the machine.
const LOOK: Duration = Duration::from_micros(200);
/// How often an interruption is looked for.
const INTERRUPT: Duration = Duration::from_millis(50);

/// What is run, and how often.
pub struct Timing {
    command: Vec<String>,
    environment: Vec<(String, String)>,
    iterations: u32,
}

/// What the program says of its operation before the first iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// How often it is done within an iteration.
    count: u32,
    /// Whether an iteration without it is taken off.
    is_difference: bool,
}

/// A program that is asked for iterations.
trait Iterate {
    /// Has it do an iteration, `with` the operation or `without` it, and tells the CPU time that it used, nanoseconds.
    fn iterate(&mut self, word: &str) -> Result<u64, Cause>;
}

impl Timing {
    /// The subject's program, with the operation as its last word.
    ///
    /// # Errors
    /// The subject is no program, or needs what is not there.
    pub fn new(
        subject: &Subject,
        artifacts: &Artifacts,
        operation: Operation,
        iterations: u32,
    ) -> AnyResult<Self> {
        let Start::Process { program, arguments, environment } = &subject.start else {
            bail!("operations are timed of programs: the subject needs `start.process`");
        };
        let mut command = artifacts.words(program)?;
        command.extend(artifacts.command(arguments)?);
        command.push(operation.key().to_owned());
        let environment = environment.iter();
        let environment =
            environment.map(|(name, word)| Ok((name.clone(), artifacts.fill_in(word)?)));
        Ok(Self { command, environment: environment.collect::<AnyResult<_>>()?, iterations })
    }
}

/// Runs the program on the subject's cores, and reads the CPU time of as many iterations as are asked for.
///
/// # Errors
/// The program cannot be started, ends, or says something else than it should; or its CPU time cannot be read.
pub fn measure(bench: &Bench<'_>, timing: &Timing) -> Result<Measured, Failure> {
    let shown = timing.command.join(" ");
    let empty = || Failure::new(Phase::Start, "an empty command");
    let (program, arguments) = timing.command.split_first().ok_or_else(empty)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env(MARK, Mark::of(bench.run).to_string());
    command.envs(timing.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let spawned = on_subject_cores(bench.pinning, || command.spawn());
    let mut child = spawned
        .map_err(|e| Failure::new(Phase::Start, Cause::io(format!("spawn `{shown}`"), e)))?;
    let timed = converse(&mut child, timing.iterations);
    // Whatever became of it; one that has ended already is only waited for.
    let _ = child.kill();
    let _ = child.wait();
    let cpu_ns = timed.map_err(|why| Failure::new(Phase::Run, why.within(format!("`{shown}`"))))?;
    let mut measured = Measured::default();
    measured.set(Metric::OperationCpu, Some(cpu_ns));
    Ok(measured)
}

/// Talks to the program until its iterations are done. Its pipes are read by threads, which end with the program.
fn converse(child: &mut Child, iterations: u32) -> Result<u64, Cause> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err("it has no pipes".into());
    };
    thread::scope(|scope| {
        let (lines, answers) = channel();
        scope.spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let printed = scope.spawn(move || {
            let mut printed = String::new();
            // What came before an error is what there is to show.
            let _ = BufReader::new(stderr).read_to_string(&mut printed);
            printed
        });
        let mut program = Program { pid: child.id(), stdin, answers };
        let timed = program.told().and_then(|told| time(&mut program, told, iterations));
        let status = if timed.is_err() { own_end(child) } else { None };
        // Without its input it ends by itself; what does not is killed, or its pipes would stay open.
        drop(program);
        let _ = child.kill();
        match (timed, status) {
            (Err(why), Some(status)) if !matches!(why, Cause::Interrupted) => {
                let printed = printed.join().unwrap_or_default().trim().to_owned();
                Err(Cause::Ended { what: "it".to_owned(), status, printed })
            }
            (timed, _) => timed,
        }
    })
}

/// How it has ended by itself, if it has: it closes its output a moment before.
fn own_end(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        let status = child.try_wait().ok().flatten();
        if status.is_some() || begun.elapsed() > INTERRUPT {
            return status;
        }
        thread::sleep(LOOK);
    }
}

/// The program, as it is spoken to.
struct Program {
    pid: u32,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Program {
    fn told(&mut self) -> Result<Told, Cause> {
        let line = self.answer()?;
        serde_json::from_str(&line)
            .map_err(|error| format!("said `{line}` of its operation: {error}").into())
    }

    fn answer(&mut self) -> Result<String, Cause> {
        let begun = Instant::now();
        loop {
            match self.answers.recv_timeout(INTERRUPT) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err("it said nothing more".into()),
                Err(RecvTimeoutError::Timeout) if interrupt::requested() => {
                    return Err(Cause::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > LIMIT => {
                    let limit_s = LIMIT.as_secs();
                    return Err(Cause::Timeout(format!("did not answer within {limit_s} s")));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The CPU time of all its threads while none of them runs. Of one that runs the kernel counts what it has used
    /// since its last tick, up to some milliseconds, only later.
    fn cpu_at_rest_ns(&self) -> Result<u64, Cause> {
        let begun = Instant::now();
        loop {
            let first = procfs::cpu_at_rest_ns(self.pid);
            // Between looking at one thread and at the next, another may have run.
            if let Some(cpu_ns) = first
                && procfs::cpu_at_rest_ns(self.pid) == first
            {
                return Ok(cpu_ns);
            }
            if begun.elapsed() > REST_LIMIT {
                let why = "its CPU time cannot be read, or it computes without being asked";
                return Err(Cause::Timeout(why.to_owned()));
            }
            thread::sleep(LOOK);
        }
    }
}

impl Iterate for Program {
    fn iterate(&mut self, word: &str) -> Result<u64, Cause> {
        let before_ns = self.cpu_at_rest_ns()?;
        writeln!(self.stdin, "{word}")
            .and_then(|()| self.stdin.flush())
            .map_err(|error| Cause::io("ask it for an iteration", error))?;
        match self.answer()?.as_str() {
            "done" => Ok(self.cpu_at_rest_ns()?.saturating_sub(before_ns)),
            other => Err(format!("answered `{other}` to `{word}`, not `done`").into()),
        }
    }
}

/// The median over the iterations, for one operation, nanoseconds; where iterations without it are taken off, those of
/// both kinds alternate, and the median of those without is taken off.
fn time(program: &mut dyn Iterate, told: Told, iterations: u32) -> Result<u64, Cause> {
    if told.count == 0 {
        return Err("said that it does its operation never".into());
    }
    let (mut with_ns, mut without_ns) = (Vec::new(), Vec::new());
    for _ in 0..iterations {
        with_ns.push(program.iterate("with")? as f64);
        if told.is_difference {
            without_ns.push(program.iterate("without")? as f64);
        }
    }
    let with = median(&with_ns).ok_or("no iteration was asked for")?;
    let taken_off = median(&without_ns).unwrap_or(0.0);
    let each_ns = (with - taken_off) / f64::from(told.count);
    if each_ns < 1.0 {
        return Err(format!(
            "iterations with the operation took {with} ns, and those without it {taken_off} ns"
        )
        .into());
    }
    Ok(each_ns as u64)
}

#[cfg(test)]
#[path = "operations_tests.rs"]
mod tests;
