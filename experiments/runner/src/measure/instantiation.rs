//! Instances made and dropped within one warm process: the last step of the ladder of cold starts.

use super::{Bench, Measured};
use crate::failure::{Cause, Failure, Phase};
use crate::kernel::interrupt;
use crate::run::leftovers::Mark;
use crate::subject::{MARK, on_subject_cores};
use serde::Deserialize;
use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use weighbridge_schema::metric::Metric;

/// Longest time for one invocation: a compiler on a slow machine may run before the first instance.
const LIMIT: Duration = Duration::from_secs(120);

/// The one line that the command prints.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    /// Time to make and drop each instance, in order.
    durations_ns: Vec<u64>,
    /// Instances that were held at once.
    held_count: u64,
    /// USS of the process before they were made; `None` where the kernel does not tell.
    uss_bytes_before: Option<u64>,
    /// USS while they were held.
    uss_bytes_held: Option<u64>,
}

/// Runs the subject's `instantiate` command once, on the subject's cores. The durations are kept in their order; the
/// metrics are their median, and the USS that each held instance adds.
///
/// # Errors
/// The command failed or did not print what it should.
pub fn measure(bench: &Bench<'_>, words: &[String], iterations: u32) -> Result<Measured, Failure> {
    let shown = words.join(" ");
    let empty = || Failure::new(Phase::Start, "an empty command");
    let (program, arguments) = words.split_first().ok_or_else(empty)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env(MARK, Mark::of(bench.run).to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let spawned = on_subject_cores(bench.pinning, || command.spawn());
    let child = spawned
        .map_err(|e| Failure::new(Phase::Start, Cause::io(format!("spawn `{shown}`"), e)))?;
    let output =
        finish(child).map_err(|why| Failure::new(Phase::Run, why.within(format!("`{shown}`"))))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(
            Phase::Run,
            format!("`{shown}`: {}: {}", output.status, printed.trim()),
        ));
    }
    let report: Report = serde_json::from_str(stdout.trim()).map_err(|error| {
        Failure::new(Phase::Run, format!("`{shown}` printed no report: {error}"))
    })?;
    record(report, iterations).map_err(Failure::at(Phase::Run))
}

/// Waits for the end, and ends it when the run is interrupted or the time is up.
pub fn finish(child: Child) -> Result<Output, Cause> {
    finish_within(child, LIMIT)
}

/// The same with another limit.
///
/// # Errors
/// It was ended before its time; the message says why.
pub fn finish_within(mut child: Child, limit: Duration) -> Result<Output, Cause> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        // A full pipe would stop the program.
        let stdout = scope.spawn(move || read_all(out.as_mut()));
        let stderr = scope.spawn(move || read_all(err.as_mut()));
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| Cause::io("wait", error))? {
                break status;
            }
            if interrupt::requested() || begun.elapsed() > limit {
                let _ = child.kill();
                let _ = child.wait();
                return Err(match interrupt::requested() {
                    true => Cause::Interrupted,
                    false => Cause::Timeout(format!("did not end within {} s", limit.as_secs())),
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let joined = |thread: std::thread::ScopedJoinHandle<'_, Vec<u8>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        Ok(Output { status, stdout: joined(stdout), stderr: joined(stderr) })
    })
}

fn read_all(pipe: Option<&mut impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What came before an error is what there is to show.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

fn record(report: Report, iterations: u32) -> Result<Measured, Cause> {
    let count = report.durations_ns.len();
    if count != iterations as usize {
        return Err(format!("{iterations} instances were asked for, {count} were timed").into());
    }
    let mut measured = Measured::default();
    measured.set(Metric::Instantiation, median(&report.durations_ns));
    // Both readings are rounded to pages; a negative difference says that there is nothing to tell.
    let added = report
        .uss_bytes_held
        .zip(report.uss_bytes_before)
        .and_then(|(held, before)| held.checked_sub(before));
    measured.set(Metric::InstanceUss, added.and_then(|bytes| bytes.checked_div(report.held_count)));
    measured.series_ns = Some(report.durations_ns);
    Ok(measured)
}

/// The middle value, or the mean of the two in the middle; `None` of nothing.
fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let upper = *sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        0 => Some(sorted[sorted.len() / 2 - 1].midpoint(upper)),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(durations_ns: &[u64], held_count: u64) -> Report {
        Report {
            durations_ns: durations_ns.to_vec(),
            held_count,
            uss_bytes_before: Some(1_000_000),
            uss_bytes_held: Some(1_400_000),
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[9]), Some(9));
        assert_eq!(median(&[9, 1, 5]), Some(5));
        assert_eq!(median(&[9, 1, 5, 7]), Some(6));
        assert_eq!(median(&[u64::MAX, u64::MAX]), Some(u64::MAX));
    }

    #[test]
    fn each_instance_gets_its_share_and_the_order_is_kept() {
        let measured = record(report(&[30, 10, 20], 100), 3).unwrap();
        assert_eq!(measured.series_ns, Some(vec![30, 10, 20]));
        assert_eq!(measured.metrics[&Metric::Instantiation], 20);
        assert_eq!(measured.metrics[&Metric::InstanceUss], 4000);
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let known = |report| record(report, 1).unwrap().metrics.contains_key(&Metric::InstanceUss);
        assert!(known(report(&[1], 1)));
        assert!(!known(report(&[1], 0)), "nothing was held");
        assert!(!known(Report { uss_bytes_before: None, ..report(&[1], 1) }));
        assert!(!known(Report { uss_bytes_held: Some(0), ..report(&[1], 1) }), "never negative");
        assert!(record(report(&[1, 2], 1), 3).is_err(), "one is missing");
    }

    #[test]
    fn a_program_that_fails_is_waited_for_and_heard() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = finish(child).unwrap();
        assert_eq!(
            (output.status.code(), &*output.stdout, &*output.stderr),
            (Some(3), b"out\n".as_slice(), b"err\n".as_slice())
        );
    }
}
