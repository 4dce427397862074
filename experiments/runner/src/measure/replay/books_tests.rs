//! Tests of the books, with shells for instances.

use super::*;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use weighbridge_schema::record::Stage;

/// A process that computes, or sleeps, until it is ended.
struct Shell {
    child: Child,
    starters_ns: Option<u64>,
}

impl Shell {
    fn run(script: &str, starters_ns: Option<u64>) -> Self {
        Self { child: Command::new("sh").args(["-c", script]).spawn().unwrap(), starters_ns }
    }

    /// One that has loaded all it needs, and waits for a word.
    fn waiting() -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo; read word"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self { child, starters_ns: Some(0) }
    }

    /// Waits until it has used so much since it began.
    fn until_used_ns(&self, ns: u64) {
        let begun = Instant::now();
        while procfs::cpu_ns(&[self.child.id()]).is_none_or(|used_ns| used_ns < ns) {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not compute");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Instance for Shell {
    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn start_call_ns(&self) -> u64 {
        0
    }

    fn stages_ns(&self) -> Vec<(Stage, u64)> {
        Vec::new()
    }

    fn pid(&self) -> Result<u32, Cause> {
        Ok(self.child.id())
    }

    fn starters_cpu_ns(&self) -> Option<u64> {
        self.starters_ns
    }

    fn alive(&mut self) -> Result<(), Cause> {
        Ok(())
    }

    fn stop(self: Box<Self>) -> Result<String, Cause> {
        Ok(String::new())
    }
}

const SPIN: &str = "while :; do :; done";
const MS: u64 = 1_000_000;

fn used_ns(books: &Books<'_>) -> Result<u64, Cause> {
    books.used_ns(&Used::new(), &Used::new())
}

#[test]
fn what_was_used_before_the_window_opened_is_not_counted_and_what_ended_in_it_is() {
    let books = Books::new(None);
    let (before, stays) = (Shell::run(SPIN, Some(5)), Shell::run("exec sleep 60", Some(7)));
    before.until_used_ns(20 * MS);
    books.enter(0, &before).unwrap();
    books.enter(1, &stays).unwrap();
    // Ended before the window: not counted.
    let early = Shell::run(SPIN, Some(11));
    books.enter(2, &early).unwrap();
    books.leave(2);
    drop(early);
    assert!(used_ns(&books).is_err(), "nothing is known before it opens");
    let now_ns = || procfs::cpu_ns(&[before.child.id()]).unwrap();
    let before_open_ns = now_ns();
    books.open();
    before.until_used_ns(now_ns() + 30 * MS);
    books.leave(0);
    // What the shell that sleeps has used is little; the rest is that of the one that was ended.
    let most_ns = now_ns() - before_open_ns + 20 * MS;
    drop(before);
    let of_window_ns = used_ns(&books).unwrap();
    assert!(of_window_ns >= 30 * MS && of_window_ns <= most_ns, "{of_window_ns} of {most_ns}");
    // One that was started within the window counts with the programs that started it.
    let late = Shell::run("exec sleep 60", Some(1_000 * MS));
    books.enter(3, &late).unwrap();
    let with_start_ns = used_ns(&books).unwrap();
    assert!(with_start_ns >= of_window_ns + 1_000 * MS, "{with_start_ns}");
    assert!(books.held_bytes().is_some_and(|bytes| bytes > 0));
}

#[test]
fn what_cannot_be_read_makes_the_sum_unknown_and_says_why() {
    let books = Books::new(None);
    let starting = Shell::run("exec sleep 60", None);
    books.enter(0, &starting).unwrap();
    books.open();
    let why = used_ns(&books).unwrap_err().to_string();
    assert_eq!(why, "a program that starts it still runs");

    let books = Books::new(None);
    books.lose(&Cause::from("no room"));
    books.open();
    assert_eq!(used_ns(&books).unwrap(), 0, "before the window nothing counts");
    books.lose(&Cause::from("no room"));
    let why = used_ns(&books).unwrap_err().to_string();
    assert!(why.ends_with("is gone with it: no room"), "{why}");
}

#[test]
fn memory_is_that_of_all_who_are_up() {
    let books = Books::new(None);
    assert_eq!(books.held_bytes(), Some(0), "nobody holds anything");
    let shells = [Shell::waiting(), Shell::waiting()];
    for (number, shell) in (0u32..).zip(&shells) {
        books.enter(number, shell).unwrap();
    }
    let both = books.held_bytes().unwrap();
    books.leave(0);
    let alone = books.held_bytes().unwrap();
    assert!(0 < alone && alone < both, "{alone} of {both}");
}
