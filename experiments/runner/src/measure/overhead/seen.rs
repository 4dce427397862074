//! What is seen of a service that goes wrong: what a panic shows, and what a debugger that is attached to it.

use super::version::Live;
use crate::failure::{Cause, Failure, Phase};
use crate::inventory::programs;
use crate::measure::instantiation::finish_within;
use crate::measure::isolation::get;
use crate::measure::maturity::{listening, shortened};
use crate::run::leftovers::Mark;
use crate::subject::MARK;
use std::process::{Command, Stdio};
use std::time::Duration;
use weighbridge_schema::overhead::{Attached, PanicSeen};

/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Longest time that a debugger is given.
const DEBUGGER_LIMIT: Duration = Duration::from_secs(60);
/// Lines of the standard error that are kept.
const LINES_KEPT: usize = 3;
/// The line that our own servers write when they listen.
const STAGES_LINE: &str = "weighbridge-stages ";
/// What is looked for on PATH.
const DEBUGGER: &str = "gdb";
/// A path at which no service has anything: any answer to it tells that the service answers.
const NOWHERE: &str = "/";

/// Asks a service whose handler panics, asks for something else afterwards, and ends it.
///
/// # Errors
/// It never listens.
pub fn panic(mut live: Live<'_>, path: &str) -> Result<PanicSeen, Failure> {
    listening(live.instance.as_mut()).map_err(Failure::at(Phase::Start))?;
    live.instance.answered().map_err(Failure::at(Phase::Limits))?;
    let address = live.instance.address();
    let client = match get(address, path, ANSWER_LIMIT) {
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            let first = shortened(body.lines().next().unwrap_or_default());
            format!("{} {first}", answer.status).trim_end().to_owned()
        }
        Err(why) => shortened(&why.to_string()),
    };
    let answers_after = get(address, NOWHERE, ANSWER_LIMIT).is_ok();
    let log = match live.end() {
        Ok(stderr) => first_lines(&stderr),
        // One that a panic has ended cannot be ended once more, and how it ended says what there is to say.
        Err(failure) => shortened(&failure.cause.to_string()),
    };
    Ok(PanicSeen { client, log, answers_after })
}

fn first_lines(stderr: &str) -> String {
    let lines = stderr.lines().filter(|line| !line.starts_with(STAGES_LINE));
    let telling = lines.map(shortened).filter(|line| !line.is_empty());
    telling.take(LINES_KEPT).collect::<Vec<_>>().join("; ")
}

/// Attaches a debugger to a process, which it stops meanwhile, and counts what it can name.
///
/// # Errors
/// There is none, it cannot be started, or it sees nothing; the message says what it said.
pub fn attach(pid: u32, run: &str) -> Result<Attached, Cause> {
    let path = programs::find(DEBUGGER).ok_or("there is no gdb on PATH: nothing was attached")?;
    let mut command = Command::new(path);
    command.args(["--batch", "--nx", "-p", &pid.to_string(), "-ex", "thread apply all backtrace"]);
    // What the user's environment sets up for a debugger is left out.
    command.env_clear().env(MARK, Mark::of(run).to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| Cause::io("spawn gdb", error))?;
    let output = finish_within(child, DEBUGGER_LIMIT)?;
    let (frames_count, named_frames_count) = frames(&String::from_utf8_lossy(&output.stdout));
    if frames_count == 0 {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("gdb saw no frame: {}", first_lines(&said)).into());
    }
    Ok(Attached { program: DEBUGGER.to_owned(), frames_count, named_frames_count })
}

/// Frames in a backtrace, and those of them that have a name: `#1  0x0040 in main ()`, but `#2  0x0041 in ?? ()`.
fn frames(printed: &str) -> (u64, u64) {
    let is_frame = |line: &&str| {
        let number = line.strip_prefix('#');
        number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let frames: Vec<&str> = printed.lines().filter(is_frame).collect();
    let named = frames.iter().filter(|line| !line.contains("?? (")).count();
    (frames.len() as u64, named as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_and_those_with_a_name_among_them() {
        let printed = "[New LWP 7]\nThread 2 (LWP 7):\n#0  0x00007f in read () from libc.so\n\
                       #1  0x0040 in ?? ()\n\nThread 1 (LWP 6):\n#0  epoll_wait (fd=3) at e.c:1\n\
                       #1  ?? ()\n[Inferior 1 (process 6) detached]\n# no frame\n";
        assert_eq!(frames(printed), (4, 2));
        assert_eq!(frames("ptrace: Operation not permitted.\n"), (0, 0));
    }

    #[test]
    fn the_first_lines_tell_and_our_own_does_not() {
        let stderr = "weighbridge-stages {}\n\nthread 'w' panicked at src/route.rs:51:3:\non \
                      purpose\nnote: run with\nmore\n";
        let expected = "thread 'w' panicked at src/route.rs:51:3:; on purpose; note: run with";
        assert_eq!(first_lines(stderr), expected);
        assert_eq!(first_lines("weighbridge-stages {}\n"), "");
    }
}
