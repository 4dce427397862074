//! Start, first correct answer, and stop: the frame that all methods with a running subject share.

use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::{Answer, Askers, First, FirstAnswer, PreparedRequest, first_answer};
use crate::kernel::interrupt;
use crate::kernel::procfs;
use crate::subject::{Instance, StartContext, start};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::{PageCache, Parameter};
use weighbridge_schema::record::Stage;
use weighbridge_schema::start::{END, Start};
use weighbridge_schema::subject::Subject;

/// Longest wait for the first answer: a compiler on a slow machine may run before it.
pub const FIRST_ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The line both servers write when they listen.
const STAGES_LINE: &str = "weighbridge-stages ";

/// A started subject that has answered its first request correctly.
pub struct Running<'a> {
    /// The subject.
    pub instance: Box<dyn Instance + 'a>,
    /// Its first answer, with its moments.
    pub first: FirstAnswer,
    stderr_file: PathBuf,
}

/// Starts the visit's subject and waits for the first correct answer to `request`. `copy` is the number of the
/// instance among those that run side by side, from 0.
///
/// # Errors
/// It could not be started, or gave no correct answer; it is ended all the same.
pub fn begin<'a>(
    bench: &Bench<'a>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    copy: u32,
) -> Result<Running<'a>, Failure> {
    begin_started(bench, visit, &bench.job.subject.start, request, copy)
}

/// The same of an instance that is started as `how` says, where that is another way than the subject's own.
fn begin_started<'a>(
    bench: &Bench<'a>,
    visit: &Visit<'_>,
    how: &Start,
    request: &PreparedRequest,
    copy: u32,
) -> Result<Running<'a>, Failure> {
    let (subject, context) = (bench.job.subject, start_context(bench, visit, copy));
    let instance = start(how, &context).map_err(Failure::at(Phase::Start))?;
    let mut running = ask(instance, subject, &context, request, &Askers::default())?;
    running.instance.answered().map_err(Failure::at(Phase::Limits))?;
    Ok(running)
}

/// Waits for the first correct answer to `request` of an instance that was started as `context` says, beside the others
/// of `askers`.
///
/// # Errors
/// It gave none; it is ended then.
pub fn ask<'a>(
    mut instance: Box<dyn Instance + 'a>,
    subject: &Subject,
    context: &StartContext<'a>,
    request: &PreparedRequest,
    askers: &Askers,
) -> Result<Running<'a>, Failure> {
    let wanted = match subject.until_correct {
        true => First::Correct,
        false => First::Any,
    };
    let wanted = (wanted, FIRST_ANSWER_LIMIT);
    let first = first_answer(askers, instance.address(), request, wanted, || {
        if interrupt::requested() {
            return Err(Cause::Interrupted);
        }
        instance.alive()
    })
    .map_err(Failure::at(Phase::FirstResponse))?;
    first.answer.check(request).map_err(Failure::at(Phase::FirstResponse))?;
    Ok(Running { instance, first, stderr_file: context.stderr_file.clone() })
}

/// What starting needs to know, for the visit's instance number `copy`.
pub fn start_context<'a>(bench: &Bench<'a>, visit: &Visit<'_>, copy: u32) -> StartContext<'a> {
    let name = &visit.trial.cell.subject;
    let file = match copy {
        0 => format!("{:05}-{name}.txt", visit.position),
        _ => format!("{:05}-{name}-{copy}.txt", visit.position),
    };
    StartContext {
        artifacts: bench.job.artifacts,
        emulator: bench.job.emulator.map(|emulator| emulator.program.as_str()),
        engines: bench.engines,
        images: bench.images,
        pinning: bench.pinning,
        run: bench.run,
        position: visit.position,
        copy,
        page_cache: match visit.trial.cell.parameter {
            Parameter::PageCacheDropped => PageCache::Dropped,
            _ => PageCache::Warm,
        },
        stderr_file: bench.stderr_folder.join(file),
        turn: None,
    }
}

impl Running<'_> {
    /// The moments that are known while it runs, since the start call.
    fn stages_ns(&self) -> BTreeMap<Stage, u64> {
        let from = self.instance.start_call_ns();
        let mut known: BTreeMap<Stage, u64> = self.instance.stages_ns().into_iter().collect();
        known.insert(Stage::Connected, self.first.connected_ns);
        known.insert(Stage::FirstByte, self.first.first_byte_ns);
        known.insert(Stage::Response, self.first.response_ns);
        known.into_iter().map(|(stage, ns)| (stage, ns.saturating_sub(from))).collect()
    }

    /// Ends it and gives the program's own moments, since the start call.
    ///
    /// # Errors
    /// It could not be ended, or what it wrote could not be kept or understood.
    pub fn end(self) -> Result<BTreeMap<Stage, u64>, Failure> {
        let from = self.instance.start_call_ns();
        let stderr = self.instance.stop().map_err(Failure::at(Phase::Stop))?;
        keep_stderr(&self.stderr_file, &stderr)?;
        let own = program_stages(&stderr).map_err(Failure::at(Phase::Stages))?;
        Ok(own.into_iter().map(|(stage, ns)| (stage, ns.saturating_sub(from))).collect())
    }
}

/// Starts the visit's subject, waits for the first correct answer to `request`, calls `then` with the
/// running instance and that answer, and stops the subject. Stages and the time to the first response are
/// recorded in every case where it answered.
///
/// # Errors
/// Any of these failed; the subject is ended all the same.
pub fn with_instance(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    then: impl FnOnce(&mut dyn Instance, &Answer, &mut Measured) -> Result<(), Failure>,
) -> Result<Measured, Failure> {
    with_instance_started(bench, visit, &bench.job.subject.start, request, then)
}

/// The same with something else in the service's place: with an instance that is started as `how` says.
///
/// # Errors
/// As [`with_instance`].
pub fn with_instance_started(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    how: &Start,
    request: &PreparedRequest,
    then: impl FnOnce(&mut dyn Instance, &Answer, &mut Measured) -> Result<(), Failure>,
) -> Result<Measured, Failure> {
    let mut running = begin_started(bench, visit, how, request, 0)?;
    let emulated = bench.job.emulator.is_some();
    let mut measured = Measured { stages_ns: running.stages_ns(), emulated, ..Measured::default() };
    measured.set(Metric::TimeToFirstResponse, measured.stages_ns.get(&END.0).copied());

    then(running.instance.as_mut(), &running.first.answer, &mut measured)?;

    let processes = running.instance.pid().map(procfs::tree).ok();
    measured.subject_involuntary_switches_count =
        processes.and_then(|pids| procfs::involuntary_switches_count(&pids));
    let calls_cpu_ns = running.instance.calls_cpu_ns();
    measured.stages_ns.extend(running.end()?);
    let share_ns = calls_cpu_ns.and_then(|cpu_ns| harness_share_ns(cpu_ns, &measured.stages_ns));
    measured.set(Metric::HarnessShare, share_ns);
    Ok(measured)
}

/// What of a start the harness itself took: the CPU time of its calls, the time from when the service listened and the
/// last call was answered to the client's connection, and that from the first byte of the response to its last.
/// `None` where a stage is not known.
fn harness_share_ns(calls_cpu_ns: u64, stages_ns: &BTreeMap<Stage, u64>) -> Option<u64> {
    let at = |stage: Stage| stages_ns.get(&stage).copied();
    let ready_ns = at(Stage::Listening)?.max(at(Stage::Started)?);
    let noticing_ns = at(Stage::Connected)?.saturating_sub(ready_ns);
    let reading_ns = at(Stage::Response)?.saturating_sub(at(Stage::FirstByte)?);
    Some(calls_cpu_ns + noticing_ns + reading_ns)
}

/// A process writes to its file itself; what a container wrote is fetched from the engine. Files that
/// hold nothing but the stage line are not worth keeping.
///
/// # Errors
/// The file cannot be written or removed.
pub(super) fn keep_stderr(file: &Path, stderr: &str) -> Result<(), Failure> {
    let worth_keeping = stderr.lines().any(|line| !line.starts_with(STAGES_LINE));
    let kept = if worth_keeping {
        std::fs::write(file, stderr)
    } else if file.exists() {
        std::fs::remove_file(file)
    } else {
        Ok(())
    };
    let failed = |error| Cause::io(file.display().to_string(), error);
    kept.map_err(|error| Failure::new(Phase::Stderr, failed(error)))
}

/// The program's own stages, absolute. A program that writes no such line has none.
fn program_stages(stderr: &str) -> Result<BTreeMap<Stage, u64>, Cause> {
    match stderr.lines().find_map(|line| line.strip_prefix(STAGES_LINE)) {
        Some(json) => serde_json::from_str(json)
            .map_err(|error| format!("the subject's line `{STAGES_LINE}{json}`: {error}").into()),
        None => Ok(BTreeMap::new()),
    }
}

/// The cores of the load generator.
pub fn client_cores<'a>(bench: &Bench<'a>) -> &'a [u32] {
    bench.pinning.client_cores.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_read_from_among_other_lines() {
        let stderr = "hello\nweighbridge-stages {\"main\":5,\"listening\":9}\nbye\n";
        let stages = program_stages(stderr).unwrap();
        assert_eq!(stages, BTreeMap::from([(Stage::Main, 5), (Stage::Listening, 9)]));
        assert_eq!(program_stages("nothing\n").unwrap(), BTreeMap::new());
        assert!(program_stages("weighbridge-stages {\"man\":5}\n").is_err());
    }

    #[test]
    fn the_share_of_the_harness_is_its_calls_its_lateness_and_its_reading() {
        let stages = |listening_ns: u64| {
            BTreeMap::from([
                (Stage::Created, 40_000),
                (Stage::Started, 100_000),
                (Stage::Listening, listening_ns),
                (Stage::Connected, 130_000),
                (Stage::FirstByte, 150_000),
                (Stage::Response, 157_000),
            ])
        };
        // It listened before the engine had answered, and then after it.
        assert_eq!(harness_share_ns(500, &stages(90_000)), Some(500 + 30_000 + 7_000));
        assert_eq!(harness_share_ns(500, &stages(120_000)), Some(500 + 10_000 + 7_000));
        let mut untold = stages(90_000);
        untold.remove(&Stage::Listening);
        assert_eq!(harness_share_ns(500, &untold), None, "unknown, not 0");
    }
}
