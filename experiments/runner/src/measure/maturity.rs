//! What a runtime can do, tried: a program is run to its end, or a server is started and asked. What does not work is
//! an observation like what does; only what could not be tried is a failure.

use super::instance::start_context;
use super::instantiation::finish_within;
use super::instructions::Scratch;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::{PreparedRequest, exchange};
use crate::kernel::interrupt;
use crate::run::leftovers::Mark;
use crate::subject::{Instance, MARK, on_subject_cores, start_program};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use weighbridge_schema::capability::{Exchange, Step};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::template::{Piece, Word};
use weighbridge_schema::workload::Expect;

/// Longest wait until a server listens: a compiler on a busy machine may run before.
const LISTEN_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for an answer: many times any deadline that a definition sets.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Longest line of what a program wrote that is kept.
const LINE_CHARACTERS: usize = 200;

/// How one step went.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Whether it went as it had to.
    is_fine: bool,
    /// What it showed.
    what: String,
}

impl Seen {
    fn fine(what: String) -> Self {
        Self { is_fine: true, what }
    }

    fn wrong(what: String) -> Self {
        Self { is_fine: false, what }
    }
}

/// Goes through the `steps` of a probe until one does not go as the definition says. The metric is 1 or 0, the
/// remarks are what each step showed.
///
/// # Errors
/// It could not be tried: a program cannot be started, or the run was interrupted.
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>, steps: &[Step]) -> Result<Measured, Failure> {
    let scratch = Scratch::new(bench.run, visit.position).map_err(Failure::at(Phase::Prepare))?;
    let mut measured = Measured::default();
    let mut works = true;
    for (place, step) in steps.iter().enumerate() {
        let seen = match step {
            Step::Run { command, says, fails, limit_ms } => {
                let output = run(bench, &fill_in(command, &scratch), *limit_ms)?;
                match output {
                    Ok(output) => judge(&output, says, *fails),
                    Err(why) => Seen::wrong(why.to_string()),
                }
            }
            Step::Serve { command, requests } => {
                serve(bench, visit, &fill_in(command, &scratch), requests, place as u32)?
            }
        };
        if interrupt::requested() {
            return Err(Failure::new(Phase::Probe, Cause::Interrupted));
        }
        works = seen.is_fine;
        measured.remarks.push(seen.what);
        if !works {
            break;
        }
    }
    measured.set(Metric::Works, Some(u64::from(works)));
    Ok(measured)
}

/// The command with the trial's own folder in it.
fn fill_in(command: &[Word], scratch: &Scratch) -> Vec<Word> {
    let folder = |piece: &Piece| {
        (*piece == Piece::Scratch).then(|| scratch.folder.to_string_lossy().into_owned())
    };
    command.iter().map(|word| word.with(folder)).collect()
}

/// Runs a program to its end; the inner error says that it did not end in time.
fn run(
    bench: &Bench<'_>,
    command: &[Word],
    limit_ms: u64,
) -> Result<Result<Output, Cause>, Failure> {
    let words = bench.job.artifacts.command(command).map_err(Failure::at(Phase::Start))?;
    let (program, arguments) = words.split_first().ok_or_else(empty)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env(MARK, Mark::of(bench.run).to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let spawned = on_subject_cores(bench.pinning, || command.spawn());
    let child = spawned.map_err(|error| {
        Failure::new(Phase::Start, Cause::io(format!("spawn `{}`", words.join(" ")), error))
    })?;
    Ok(finish_within(child, Duration::from_millis(limit_ms)))
}

fn empty() -> Failure {
    Failure::new(Phase::Start, "an empty command")
}

/// Whether a program ended as it had to and said what it had to.
fn judge(output: &Output, says: &[String], fails: bool) -> Seen {
    let text = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let lacks = says.iter().any(|wanted| !text.contains(wanted.as_str()));
    if output.status.success() == fails || lacks {
        return Seen::wrong(format!("{}: {}", output.status, telling_line(&text)));
    }
    let lines: Vec<String> = says
        .iter()
        .filter_map(|wanted| text.lines().find(|line| line.contains(wanted.as_str())))
        .map(shortened)
        .collect();
    Seen::fine(match lines.join("; ") {
        seen if seen.is_empty() => output.status.to_string(),
        seen => format!("{}: {seen}", output.status),
    })
}

/// How a server ended, without the program's name, which is a loader's for some.
pub(super) fn end_line(why: &Cause) -> String {
    match why {
        Cause::Ended { status, printed, .. } => {
            format!("ended: {status}: {}", telling_line(printed))
        }
        other => format!("ended: {}", shortened(&other.to_string())),
    }
}

/// The first line that names an error, else the first that is no blank line and no ruler.
fn telling_line(text: &str) -> String {
    let telling = || text.lines().map(str::trim).filter(|line| is_telling(line));
    let error = telling().find(|line| line.to_lowercase().contains("error"));
    error.or_else(|| telling().next()).map_or_else(|| "nothing".to_owned(), shortened)
}

fn is_telling(line: &str) -> bool {
    line.chars().any(char::is_alphanumeric)
}

/// As much of a line as a table bears, without what differs from machine to machine: folders, and the time before it.
pub(super) fn shortened(line: &str) -> String {
    let timeless = line
        .trim()
        .strip_prefix('[')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .and_then(|rest| Some(rest.split_once(']')?.1.trim_start()));
    let line = without_folders(timeless.unwrap_or(line.trim()));
    line.chars().filter(|c| !c.is_control()).take(LINE_CHARACTERS).collect()
}

/// Starts a server, asks it and ends it.
fn serve(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    command: &[Word],
    requests: &[Exchange],
    copy: u32,
) -> Result<Seen, Failure> {
    let context = start_context(bench, visit, copy);
    let (program, arguments) = command.split_first().ok_or_else(empty)?;
    let mut instance =
        start_program(program, arguments, &context).map_err(Failure::at(Phase::Start))?;
    let answered = listening(instance.as_mut()).and_then(|()| instance.answered());
    let seen = match answered {
        Ok(()) => ask(instance.as_mut(), requests),
        Err(why) => Seen::wrong(why.to_string()),
    };
    // One that is deaf to SIGTERM is killed: whether it stops is not what was asked.
    let _ = instance.stop();
    Ok(seen)
}

/// Waits until somebody listens at the server's address.
pub(super) fn listening(instance: &mut dyn Instance) -> Result<(), Cause> {
    let (begun, address) = (Instant::now(), instance.address());
    loop {
        instance.alive().map_err(|why| end_line(&why))?;
        if TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok() {
            return Ok(());
        }
        if interrupt::requested() || begun.elapsed() > LISTEN_LIMIT {
            let limit = LISTEN_LIMIT.as_secs();
            return Err(Cause::Timeout(format!("does not listen within {limit} s")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn ask(instance: &mut dyn Instance, requests: &[Exchange]) -> Seen {
    let mut seen = Vec::new();
    for request in requests {
        let Seen { is_fine, what } = answer(instance.address(), request);
        seen.push(format!("{}: {what}", request.path));
        if !is_fine {
            // A server that has ended says more about it than its silence does.
            seen.extend(instance.alive().err().map(|why| end_line(&why)));
            return Seen::wrong(seen.join("; "));
        }
    }
    Seen::fine(seen.join("; "))
}

fn answer(address: SocketAddr, request: &Exchange) -> Seen {
    let head = format!("GET {} HTTP/1.1\r\nHost: weighbridge\r\n\r\n", request.path);
    // What must come back is compared here: it is not known to the byte.
    let expect = Expect { status: 0, sha256: String::new() };
    let prepared = PreparedRequest { bytes: head.into_bytes(), expect, is_head: false };
    let answer = match exchange(address, &prepared, ANSWER_LIMIT) {
        Ok(answer) => answer,
        Err(why) => return Seen::wrong(why.to_string()),
    };
    let body = String::from_utf8_lossy(&answer.body);
    let first = body.lines().find(|line| is_telling(line)).unwrap_or_default();
    let what = format!("{} {}", answer.status, shortened(first));
    let is_fine = request.statuses.contains(&answer.status) && body.starts_with(&request.says);
    Seen { is_fine, what: what.trim_end().to_owned() }
}

/// The text without the folders of absolute paths: a file's name tells as much, and is the same on every machine.
fn without_folders(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "`'\"()[]{},;".contains(c);
    let mut out = String::new();
    for piece in text.split_inclusive(is_end) {
        let (word, end) = match piece.chars().last() {
            Some(last) if is_end(last) => piece.split_at(piece.len() - last.len_utf8()),
            _ => (piece, ""),
        };
        let name = word.trim_end_matches(':').rsplit('/').next().unwrap_or_default();
        // A path of a request, such as /spin, is one part; a file's has several.
        let is_file = word.starts_with('/') && word.matches('/').count() > 1 && !name.is_empty();
        let colons = &word[word.trim_end_matches(':').len()..];
        out += &if is_file { format!("{name}{colons}") } else { word.to_owned() };
        out += end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.as_bytes().to_vec(),
            stderr: stderr.as_bytes().to_vec(),
        }
    }

    fn check(ended: &Output, says: &[&str], fails: bool, expected: Result<&str, &str>) {
        let says: Vec<String> = says.iter().map(|&text| text.to_owned()).collect();
        let seen = judge(ended, &says, fails);
        let (Ok(what) | Err(what)) = expected;
        let expected = Seen { is_fine: expected.is_ok(), what: what.to_owned() };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_program_must_end_as_asked_and_say_everything() {
        let fine = output(0, "\n---\nsimd 44\n", "");
        check(&fine, &["simd"], false, Ok("exit status: 0: simd 44"));
        check(&fine, &["simd 45"], false, Err("exit status: 0: simd 44"));
        check(&fine, &["simd"], true, Err("exit status: 0: simd 44"));
        check(&output(0, "", ""), &["simd"], false, Err("exit status: 0: nothing"));
        let warned = output(1, "", "[warning] new\n[Error] no such section\n");
        check(&warned, &["simd"], false, Err("exit status: 1: [Error] no such section"));
    }

    #[test]
    fn a_guest_that_was_stopped_is_told_from_one_that_never_began() {
        let stopped = output(1, "spinning\n", "error: timeout\n");
        check(
            &stopped,
            &["spinning", "timeout"],
            true,
            Ok("exit status: 1: spinning; error: timeout"),
        );
        let refused = output(1, "", "error: unknown import\n");
        check(
            &refused,
            &["spinning", "timeout"],
            true,
            Err("exit status: 1: error: unknown import"),
        );
    }

    #[test]
    fn folders_are_left_out_and_the_rest_stays() {
        assert_eq!(
            without_folders("`/a/b/host` failed: /spin: 503; at /x/y.wat: no (/tmp/z/w)"),
            "`host` failed: /spin: 503; at y.wat: no (w)"
        );
        assert_eq!(without_folders("wasi:http/types@0.2.0 a/b"), "wasi:http/types@0.2.0 a/b");
        let ended = |raw: i32, printed: &str| {
            let (what, printed) = ("/a/ld.so".to_owned(), printed.to_owned());
            end_line(&Cause::Ended { what, status: ExitStatus::from_raw(raw), printed })
        };
        assert_eq!(
            ended(1 << 8, "[warning] new\n[error] no section"),
            "ended: exit status: 1: [error] no section"
        );
        assert_eq!(ended(9, ""), "ended: signal: 9 (SIGKILL): nothing");
        let unknown = Cause::io("wait for /a/ld.so", rustix::io::Errno::CHILD);
        assert_eq!(end_line(&unknown), "ended: wait for ld.so: No child processes (os error 10)");
        assert_eq!(shortened("[2026-11-21 15:35] [error] no /a/b/c.so "), "[error] no c.so");
    }
}
