//! Tests of what a cause says, and of what is decided by it.

use super::*;
use anyhow::Context;
use rustix::io::Errno;
use std::os::unix::process::ExitStatusExt;

/// Causes that are the machine's, by type.
fn of_the_machine() -> Vec<Cause> {
    let mut all: Vec<Cause> = [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::IO]
        .map(|errno| Cause::io("create /a/file", errno))
        .into();
    all.push(Cause::io("write /a/b", Errno::NOSPC).within("`a command`"));
    all.push(Cause::PageCache(Arc::new(Errno::ROFS.into())));
    all.push(Cause::Containerd("it has ended".to_owned()));
    all.push(Cause::Interrupted);
    let full: io::Result<()> = Err(Errno::NOSPC.into());
    all.push(full.context("write layer").unwrap_err().into());
    let gone = EngineError::SocketNotFoundError("/run/docker.sock".to_owned());
    all.push(anyhow::Error::from(gone).context("start container c-1").into());
    all
}

#[test]
fn what_is_the_machines_by_its_type_is_so_by_the_words_that_a_raw_log_keeps() {
    for cause in of_the_machine() {
        assert!(cause.is_the_machines(), "{cause}");
        let read_back = Cause::from(cause.to_string());
        assert!(read_back.is_the_machines(), "{cause}");
        assert_eq!(read_back.is_full_disk(), cause.is_full_disk(), "{cause}");
    }
    assert_eq!(of_the_machine().iter().filter(|cause| cause.is_full_disk()).count(), 4);
}

#[test]
fn the_kind_decides_and_not_what_a_path_is_called() {
    let cause = Cause::io("read /a/no space left on device", Errno::NOENT);
    assert!(!cause.is_the_machines() && !cause.is_full_disk(), "{cause}");
    assert!(Cause::from(cause.to_string()).is_full_disk(), "of the text alone nobody knows better");
}

#[test]
fn what_another_program_said_is_read() {
    let ended = Cause::Ended {
        what: "/a/native".to_owned(),
        status: ExitStatus::from_raw(1 << 8),
        printed: "write: No space left on device (os error 28)".to_owned(),
    };
    let text = "/a/native ended with exit status: 1: write: No space left on device (os error 28)";
    assert_eq!(ended.to_string(), text);
    assert!(ended.is_the_machines() && ended.is_full_disk());
}

#[test]
fn a_chain_reads_as_phase_and_cause_and_says_nothing_twice() {
    let cause = Cause::io("create /a/file", Errno::ACCESS).within("container c-1");
    let text = "container c-1: create /a/file: Permission denied (os error 13)";
    assert_eq!(cause.to_string(), text);
    let failure = Failure::new(Phase::FirstResponse, cause.clone());
    assert_eq!(failure.to_string(), "first response");
    assert_eq!(format!("{:#}", anyhow::Error::from(failure)), format!("first response: {text}"));
    assert_eq!(format!("{:#}", anyhow::Error::from(cause)), text);
}
