//! Questions to other programs, such as for their version: answered at once, or not at all.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a program may take to say its version. The slowest one known takes a second on an idle machine.
pub const LIMIT: Duration = Duration::from_secs(10);
/// How long what it has written may take to arrive after its end.
const REST: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(2);
/// More than that of an answer is not kept.
const ANSWER_BYTES: u64 = 1 << 20;

/// Runs a program to its end, without an input, and gives what it wrote. One that has not ended by then is killed, with
/// what it has started.
///
/// # Errors
/// It cannot be started, or does not end in time (`TimedOut`).
pub fn output(command: &mut Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what it starts ends with it.
    command.process_group(0);
    let mut child = command.spawn()?;
    let (sender, arrived) = channel();
    let stdout = collect(child.stdout.take(), &sender);
    let stderr = collect(child.stderr.take(), &sender);
    drop(sender);
    let Some(status) = wait(&mut child, limit)? else {
        end(&mut child);
        let seconds = limit.as_secs_f64();
        let printed = format!("it did not end within {seconds} s and was killed");
        return Err(Error::new(ErrorKind::TimedOut, printed));
    };
    if !all_arrived(&arrived) {
        // Something that it has started goes on and holds its output open.
        end(&mut child);
    }
    let take = |bytes: Arc<Mutex<Vec<u8>>>| {
        std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner))
    };
    Ok(Output { status, stdout: take(stdout), stderr: take(stderr) })
}

/// `None` when it has not ended in time.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

fn end(child: &mut Child) {
    // What has ended by itself meanwhile is what is wanted.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

/// Keeps reading on a thread of its own: a full pipe would hold the program up.
fn collect(from: Option<impl Read + Send + 'static>, sender: &Sender<()>) -> Arc<Mutex<Vec<u8>>> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let Some(mut from) = from else { return bytes };
    let (kept, sender) = (Arc::clone(&bytes), sender.clone());
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if (kept.len() as u64) < ANSWER_BYTES {
                kept.extend_from_slice(&piece[..count]);
            }
        }
        // Nobody listens any more when it has taken too long.
        let _ = sender.send(());
    });
    bytes
}

/// Whether both outputs have come to their ends.
fn all_arrived(arrived: &Receiver<()>) -> bool {
    (0..2).all(|_| arrived.recv_timeout(REST).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn an_answer_is_given_whole() {
        let long =
            "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo e >&2; exit 3";
        let answer = output(&mut shell(long), Duration::from_secs(60)).unwrap();
        assert_eq!(answer.stdout.len(), 220_000);
        assert_eq!((answer.stderr.as_slice(), answer.status.code()), (&b"e\n"[..], Some(3)));
    }

    #[test]
    fn a_program_that_says_nothing_is_ended_with_what_it_has_started() {
        let begun = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 300 & echo $! >{}; wait", file.display());
        let error = output(&mut shell(&script), Duration::from_secs(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "it did not end within 2 s and was killed");
        let started = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        while crate::process::Process::of(started).is_some() {
            assert!(begun.elapsed() < Duration::from_secs(60), "process {started} goes on");
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn one_that_leaves_something_running_is_not_waited_for() {
        let begun = Instant::now();
        let answer = output(&mut shell("sleep 300 & echo 1.2"), Duration::from_secs(100)).unwrap();
        assert_eq!(answer.stdout, b"1.2\n");
        assert!(begun.elapsed() < Duration::from_secs(100));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_at_once() {
        let error = output(&mut Command::new("no-such-program"), LIMIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
