//! Tests of what an answer, or the lack of one, comes to.

use super::*;

fn answer(status: u16, body: &str) -> Result<Answer, Cause> {
    Ok(Answer { status, body: body.as_bytes().to_vec() })
}

fn closed() -> Result<Answer, Cause> {
    Err(Cause::from("the connection was closed"))
}

const THERE: After = After { answers: true, ended: None };

fn gone() -> After {
    After { answers: false, ended: Some("ended: signal: 6 (SIGABRT): nothing".to_owned()) }
}

#[track_caller]
fn check(
    attempt: Attempt,
    (asked, is_waited_out): (Result<Answer, Cause>, bool),
    after: &After,
    expected: (Option<Went>, Option<&str>, &str),
) {
    let tried = judge(attempt, &asked, is_waited_out, after);
    assert_eq!((tried.went, tried.error.as_deref(), tried.seen.as_str()), expected);
    assert_eq!((tried.attempt, tried.answers_after), (attempt, after.answers));
}

#[test]
fn an_answer_is_what_the_probe_says() {
    let refused = answer(200, "refused EPERM ENOENT mount: Operation not permitted\n");
    let tried = judge(Attempt::Mount, &refused, false, &THERE);
    assert_eq!(tried.went, Some(Went::Refused));
    assert_eq!(tried.error.as_deref(), Some("EPERM"));
    assert_eq!(tried.error_elsewhere.as_deref(), Some("ENOENT"));
    assert_eq!(tried.seen, "mount: Operation not permitted");
    let absent = answer(200, "absent - - no interface mounts\n");
    check(
        Attempt::Mount,
        (absent, false),
        &THERE,
        (Some(Went::Absent), None, "no interface mounts"),
    );
}

#[test]
fn what_is_no_answer_tells_nothing() {
    for (asked, seen) in [
        (answer(200, "1\n"), "200 1"),
        (answer(200, "refused - - without a name\n"), "200 refused - - without a name"),
        (answer(500, ""), "500"),
        (answer(404, "no such probe\n"), "404 no such probe"),
        (closed(), "the connection was closed"),
    ] {
        check(Attempt::Mount, (asked, false), &THERE, (None, None, seen));
    }
    // The service answers every path so, and goes on.
    let service = answer(404, "not found");
    check(Attempt::Trap, (service, false), &THERE, (None, None, "404 not found"));
}

#[test]
fn who_spins_is_ended_or_is_not() {
    let ended = (Some(Went::Refused), Some("ended"), "503 too late");
    check(Attempt::Spin, (answer(503, "too late"), false), &THERE, ended);
    let spins = (Some(Went::Possible), None, "the connection was closed");
    check(Attempt::Spin, (closed(), true), &THERE, spins);
    // All the requests of an instance end with it.
    let seen = "the connection was closed; ended: signal: 6 (SIGABRT): nothing";
    check(Attempt::Spin, (closed(), false), &gone(), (Some(Went::Possible), None, seen));
}

#[test]
fn who_traps_ends_an_instance_or_the_service() {
    let contained = (Some(Went::Refused), Some("contained"), "500");
    check(Attempt::Trap, (answer(500, ""), false), &THERE, contained);
    let seen = "the connection was closed; ended: signal: 6 (SIGABRT): nothing";
    check(Attempt::Recurse, (closed(), false), &gone(), (Some(Went::Possible), None, seen));
}

#[test]
fn who_takes_too_much_is_killed_and_who_ends_otherwise_tells_nothing() {
    let seen = "the connection was closed; ended: signal: 6 (SIGABRT): nothing";
    let killed = (Some(Went::Refused), Some("killed"), seen);
    check(Attempt::Allocate, (closed(), false), &gone(), killed);
    check(Attempt::Fork, (closed(), false), &gone(), (None, None, seen));
}

#[test]
fn a_process_says_how_it_is_confined_and_a_guest_nothing() {
    let told =
        "possible - - Uid=65534,65534,65534,65534 CapEff=0000000000000000 Seccomp=2 kernel=6.1\n";
    let confined_so = confined(&answer(200, told).unwrap()).unwrap();
    assert_eq!(confined_so.user, Some(65534));
    assert_eq!(confined_so.capabilities.as_deref(), Some("0000000000000000"));
    assert_eq!((confined_so.seccomp_mode, confined_so.seccomp_filters_count), (Some(2), None));
    assert_eq!(confined_so.kernel.as_deref(), Some("6.1"));
    assert_eq!(confined(&answer(200, "absent - - a guest is no process\n").unwrap()), None);
}
