//! Start, first correct answer, and stop: the frame that all methods with a running subject share.

use super::{Bench, Failure, Measured, Visit};
use crate::http::{Answer, PreparedRequest, first_answer};
use crate::interrupt;
use crate::subject::{Instance, StartContext, start};
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::record::Stage;

/// Longest wait for the first answer: a compiler on a slow machine may run before it.
const FIRST_ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The line both servers write when they listen.
const STAGES_LINE: &str = "weighbridge-stages ";

/// The request of the visit's workload.
pub fn request<'a>(bench: &Bench<'a>, visit: &Visit<'_>) -> Result<&'a PreparedRequest, Failure> {
    let name = visit.trial.cell.workload.as_ref();
    name.and_then(|name| bench.requests.get(name)).ok_or_else(|| {
        Failure::at("plan")(format!("trial {} has no known workload", visit.trial.cell))
    })
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
    let name = &visit.trial.cell.subject;
    let subject = bench
        .catalog
        .subjects
        .get(name)
        .ok_or_else(|| Failure::at("plan")(format!("no subject `{name}`")))?;
    let context = StartContext {
        artifacts: bench.artifacts,
        engine: bench.engine,
        images: bench.images,
        pinning: bench.pinning,
        run: bench.run,
        position: visit.position,
        stderr_file: bench.stderr_folder.join(format!("{:05}-{name}.txt", visit.position)),
    };
    let mut instance = start(subject, &context).map_err(Failure::at("start"))?;
    let first = first_answer(instance.address(), request, FIRST_ANSWER_LIMIT, || {
        if interrupt::requested() {
            return Err(interrupt::REASON.to_owned());
        }
        instance.alive()
    })
    .map_err(Failure::at("first response"))?;
    first.answer.check(request).map_err(Failure::at("first response"))?;

    let from = instance.start_call_ns();
    let since = |ns: u64| ns.saturating_sub(from);
    let mut measured = Measured::default();
    measured.stages_ns.extend(instance.stages_ns().into_iter().map(|(s, ns)| (s, since(ns))));
    measured.stages_ns.insert(Stage::Connected, since(first.connected_ns));
    measured.stages_ns.insert(Stage::FirstByte, since(first.first_byte_ns));
    measured.stages_ns.insert(Stage::Response, since(first.response_ns));
    measured.set(Metric::TimeToFirstResponse, Some(since(first.response_ns)));

    then(instance.as_mut(), &first.answer, &mut measured)?;

    let stderr = instance.stop().map_err(Failure::at("stop"))?;
    keep_stderr(&context, &stderr)?;
    for (stage, ns) in program_stages(&stderr).map_err(Failure::at("stages"))? {
        measured.stages_ns.insert(stage, since(ns));
    }
    Ok(measured)
}

/// A process writes to its file itself; what a container wrote is fetched from the engine. Files that
/// hold nothing but the stage line are not worth keeping.
fn keep_stderr(context: &StartContext<'_>, stderr: &str) -> Result<(), Failure> {
    let file = &context.stderr_file;
    let worth_keeping = stderr.lines().any(|line| !line.starts_with(STAGES_LINE));
    let kept = if worth_keeping {
        std::fs::write(file, stderr)
    } else if file.exists() {
        std::fs::remove_file(file)
    } else {
        Ok(())
    };
    kept.map_err(|error| Failure::at("stderr")(format!("{}: {error}", file.display())))
}

/// The program's own stages, absolute. A program that writes no such line has none.
fn program_stages(stderr: &str) -> Result<BTreeMap<Stage, u64>, String> {
    match stderr.lines().find_map(|line| line.strip_prefix(STAGES_LINE)) {
        Some(json) => serde_json::from_str(json)
            .map_err(|error| format!("the subject's line `{STAGES_LINE}{json}`: {error}")),
        None => Ok(BTreeMap::new()),
    }
}

/// The cores of the load generator.
pub fn client_cores<'a>(bench: &Bench<'a>) -> &'a [u32] {
    bench.pinning.client_cores.as_deref().unwrap_or_default()
}

/// The request of a workload by name, for methods that send many.
pub fn request_named<'a>(
    bench: &Bench<'a>,
    name: &WorkloadName,
) -> Result<&'a PreparedRequest, Failure> {
    bench
        .requests
        .get(name)
        .ok_or_else(|| Failure::at("plan")(format!("workload `{name}` was not laid out")))
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
}
