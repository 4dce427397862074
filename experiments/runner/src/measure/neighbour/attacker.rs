//! What is done during an attack: threads of the runner ask the aggressor, or open connections to it.

use crate::failure::Cause;
use crate::http::Answer;
use crate::kernel::affinity::pin_current_thread;
use crate::measure::isolation::{get, line, shown};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use weighbridge_schema::attack::Attack;
use weighbridge_schema::isolation::Went;

/// Longest wait for an answer beyond the end of the attack.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Files of 64 MiB that are written during an attack at most.
const FILES_MOST: u64 = 8;
/// Errors of who was given all that it may have: that is what was asked of it.
const FULL: [&str; 3] = ["ENOMEM", "ENOSPC", "EDQUOT"];
/// Longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_millis(200);
/// Rest between two connections when as many are held as shall be: opening them takes the load generator's core.
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(10);
/// A request whose head never ends.
const BEGUN_HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: weighbridge\r\nX-Slow: ";

/// Who is made to attack, and how.
pub(super) struct Attacker {
    pub(super) attack: Attack,
    /// Where the aggressor listens.
    pub(super) address: SocketAddr,
    /// What stands before its paths: in a host of many its name.
    pub(super) prefix: String,
    /// A folder of the machine, for who may write there.
    pub(super) folder: PathBuf,
    /// Requests that it computes for at once.
    pub(super) spins_count: u32,
    /// Connections that are held at once.
    pub(super) held_connections_count: u32,
    /// Cores of the client, which the threads here stay on; empty: all.
    pub(super) cores: Vec<u32>,
    /// How long who computes does so.
    pub(super) lasts: Duration,
}

/// What came of an attack.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Acts {
    /// Requests that the aggressor worked on as it was asked to, or connections that were opened.
    pub(super) count: u64,
    /// Why there was no other one, where the attack ended before it was told to.
    pub(super) refusal: Option<String>,
}

impl Attacker {
    /// Why the aggressor has no way to make the attack; `None` where it has, or nobody can tell before.
    pub(super) fn refusal(&self) -> Option<String> {
        match self.attack {
            Attack::Disk => done(&self.ask(&self.writing())).err(),
            _ => None,
        }
    }

    /// Attacks while `meanwhile` runs. Nothing of the attack goes on when this returns.
    pub(super) fn during<T>(&self, meanwhile: impl FnOnce() -> T) -> (T, Acts) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let until_ms = (now + self.lasts).as_millis();
        let threads_count = match self.attack {
            Attack::None => 0,
            Attack::Spin => self.spins_count,
            Attack::Allocate | Attack::Connections | Attack::Disk => 1,
        };
        let is_over = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads_count)
                .map(|_| {
                    std::thread::Builder::new().spawn_scoped(scope, move || {
                        if !self.cores.is_empty() {
                            pin_current_thread(&self.cores);
                        }
                        self.act(until_ms, is_over)
                    })
                })
                .collect();
            let seen = meanwhile();
            is_over.store(true, Relaxed);
            let mut all = Acts::default();
            for thread in threads {
                let acts = match thread {
                    Ok(thread) => {
                        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    }
                    Err(error) => {
                        Acts { count: 0, refusal: Some(format!("spawn a thread: {error}")) }
                    }
                };
                all.count += acts.count;
                all.refusal = all.refusal.or(acts.refusal);
            }
            (seen, all)
        })
    }

    /// What one thread does.
    fn act(&self, until_ms: u128, is_over: &AtomicBool) -> Acts {
        match self.attack {
            Attack::None => Acts::default(),
            Attack::Spin => again(1, is_over, || self.ask(&format!("spin?until_ms={until_ms}"))),
            Attack::Allocate => again(u64::MAX, is_over, || self.ask("allocate")),
            Attack::Disk => again(FILES_MOST, is_over, || self.ask(&self.writing())),
            Attack::Connections => flood(self.address, self.held_connections_count, is_over),
        }
    }

    fn writing(&self) -> String {
        format!("disk?folder={}&sync=yes", self.folder.display())
    }

    fn ask(&self, what: &str) -> Result<Answer, Cause> {
        let target = format!("{}/isolation/{what}", self.prefix);
        get(self.address, &target, self.lasts + ANSWER_LIMIT)
    }
}

/// Asks until the attack is over, so often at most, or up to the first answer that is no act.
fn again(most: u64, is_over: &AtomicBool, ask: impl Fn() -> Result<Answer, Cause>) -> Acts {
    let mut acts = Acts::default();
    while acts.count < most && !is_over.load(Relaxed) {
        if let Err(why) = done(&ask()) {
            acts.refusal = Some(why);
            break;
        }
        acts.count += 1;
    }
    acts
}

/// Whether the aggressor did as it was asked to.
fn done(asked: &Result<Answer, Cause>) -> Result<(), String> {
    match asked.as_ref().ok().and_then(line) {
        Some((Went::Possible, ..)) => Ok(()),
        Some((Went::Refused, Some(error), ..)) if FULL.contains(&error.as_str()) => Ok(()),
        _ => Err(shown(asked)),
    }
}

/// Opens connections as fast as it can up to `most`, every other one with a head that never ends, and then a new one in
/// the place of the oldest from time to time. What has begun a head gets a byte more of it in turn.
fn flood(address: SocketAddr, most: u32, is_over: &AtomicBool) -> Acts {
    let most = most as usize;
    let mut held: VecDeque<(TcpStream, bool)> = VecDeque::with_capacity(most + 1);
    let mut acts = Acts::default();
    while !is_over.load(Relaxed) {
        let begins_head = acts.count % 2 == 1;
        let is_opened = match open(address, begins_head) {
            Ok(stream) => {
                held.push_back((stream, begins_head));
                acts.count += 1;
                true
            }
            Err(error) => {
                let why = || format!("{} connections, and then: {error}", acts.count);
                acts.refusal.get_or_insert_with(why);
                false
            }
        };
        let is_full = held.len() > most;
        if is_full {
            held.pop_front();
        }
        if is_full || !is_opened {
            let turn = usize::try_from(acts.count).unwrap_or(0) % held.len().max(1);
            if let Some((stream, true)) = held.get(turn) {
                // One that was closed meanwhile takes nothing more.
                let _ = (&*stream).write_all(b"x");
            }
            std::thread::sleep(BETWEEN_CONNECTIONS);
        }
    }
    acts
}

fn open(address: SocketAddr, begins_head: bool) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
    if begins_head {
        stream.write_all(BEGUN_HEAD)?;
    }
    Ok(stream)
}

#[cfg(test)]
#[path = "attacker_tests.rs"]
mod tests;
