//! What nobody should be able to do, tried by a probe that is started in the service's place: one request for each
//! attempt. What each answer was stands in the raw log, and why it was so is for the analysis.
//!
//! Nothing here can harm the machine: what is taken is bounded by the probe and by the limits of every subject, and
//! what would take much is not asked for where there is little.

mod answers;
mod intrusion;

pub(super) use answers::{line, shown};
pub use intrusion::Intrusion;

use super::instance::{keep_stderr, start_context};
use super::instructions::Scratch;
use super::maturity::end_line;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::{Answer, PreparedRequest, exchange};
use crate::kernel::{interrupt, procfs};
use crate::subject::{Instance, way};
use answers::{After, confined, judge, unknown};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use weighbridge_schema::isolation::{Attempt, Isolation, Tried};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::start::Start;
use weighbridge_schema::workload::Expect;

/// Longest wait until a probe answers: a compiler on a busy machine may run before.
const FIRST_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for an answer that comes: a thousand processes of a slow kernel.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Longest wait for the answer that tells whether the instance is still there.
const ALIVE_LIMIT: Duration = Duration::from_secs(2);
/// How long an instance that answers no more is given to be seen to have ended.
const END_LIMIT: Duration = Duration::from_millis(500);
/// Memory and disk that must be free before a lot of them is asked for: twice what is, and more.
const FREE_LEAST_BYTES: u64 = 3 << 30;
/// What the runner writes into the file that nobody should read.
const OF_HOST: &str = "a file of the host\n";

/// Tries every attempt, the first ones with one instance, and a fresh one after each that may have spoilt it.
///
/// # Errors
/// An instance cannot be started or never answers, or the run was interrupted.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    intrusion: &Intrusion,
) -> Result<Measured, Failure> {
    let scratch = Scratch::new(bench.run, visit.position).map_err(Failure::at(Phase::Prepare))?;
    let on_host = OnHost::new(scratch).map_err(Failure::at(Phase::Prepare))?;
    let start = &intrusion.start;
    let mut visited = Visited { bench, visit, start, on_host, running: None, starts_count: 0 };
    let confinement = visited.ask("confinement", "", ANSWER_LIMIT)?;
    let confinement = confinement.ok().and_then(|answer| confined(&answer));
    let mut isolation = Isolation {
        calls_refused_count: intrusion.calls_refused_count(confinement.as_ref()),
        functions_imported_count: intrusion.functions_imported_count,
        confinement,
        tried: Vec::new(),
    };
    for &attempt in Attempt::ALL {
        let limit = if attempt == Attempt::Spin { intrusion.spin } else { ANSWER_LIMIT };
        let tried = match lacking(attempt) {
            Some(why) => unknown(attempt, why),
            None => visited.try_one(attempt, limit)?,
        };
        isolation.tried.push(tried);
    }
    visited.end()?;
    let mut measured = Measured::default();
    measured.set(Metric::AttemptsAnswered, Some(isolation.answered_count()));
    measured.set(Metric::AttemptsPossible, Some(isolation.possible_count()));
    measured.isolation = Some(isolation);
    Ok(measured)
}

/// Why an attempt is not asked for on this machine now; `None` where it can be.
pub(super) fn lacking(attempt: Attempt) -> Option<String> {
    let (what, free_bytes) = match attempt {
        Attempt::Allocate => ("memory", procfs::available_bytes()),
        Attempt::Disk => {
            let found = rustix::fs::statvfs(std::env::temp_dir().as_path()).ok();
            ("disk", found.map(|found| found.f_bavail.saturating_mul(found.f_frsize)))
        }
        _ => return None,
    };
    let has_enough = free_bytes.is_some_and(|bytes| bytes >= FREE_LEAST_BYTES);
    let least_gib = FREE_LEAST_BYTES >> 30;
    (!has_enough).then(|| format!("not asked: less than {least_gib} GiB of {what} are free"))
}

/// What the host has, and nobody should get at.
struct OnHost {
    /// Removed with all that lies in it when the visit ends.
    scratch: Scratch,
    /// Nobody has to accept: the kernel does.
    listener: TcpListener,
    /// What this process is called.
    called: String,
}

impl OnHost {
    fn new(scratch: Scratch) -> Result<Self, Cause> {
        let file = scratch.folder.join("of-host");
        std::fs::write(&file, OF_HOST)
            .map_err(|error| Cause::io(format!("write {}", file.display()), error))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|error| Cause::io("listen on loopback", error))?;
        let called = std::fs::read_to_string("/proc/self/comm")
            .map_err(|error| Cause::io("read /proc/self/comm", error))?;
        Ok(Self { scratch, listener, called: called.trim().to_owned() })
    }

    /// What stands behind the question mark of a request.
    fn query(&self, attempt: Attempt) -> Result<String, Cause> {
        let folder = self.scratch.folder.display();
        let own = std::process::id();
        Ok(match attempt {
            Attempt::HostFile => format!("path={folder}/of-host"),
            Attempt::Disk => format!("folder={folder}"),
            Attempt::Processes => format!("process={own}&called={}", self.called),
            Attempt::Trace => format!("process={own}"),
            Attempt::SocketLoopback => {
                let address = self.listener.local_addr();
                let address = address.map_err(|error| Cause::io("look at a listener", error))?;
                format!("port={}", address.port())
            }
            _ => String::new(),
        })
    }
}

struct Visited<'a, 'v> {
    bench: &'v Bench<'a>,
    visit: &'v Visit<'v>,
    start: &'v Start,
    on_host: OnHost,
    running: Option<Box<dyn Instance + 'a>>,
    starts_count: u32,
}

impl<'a> Visited<'a, '_> {
    fn try_one(&mut self, attempt: Attempt, limit: Duration) -> Result<Tried, Failure> {
        let query = self.on_host.query(attempt).map_err(Failure::at(Phase::Prepare))?;
        // A start takes time too.
        self.address()?;
        let begun = Instant::now();
        let asked = self.ask(attempt.key(), &query, limit)?;
        let is_waited_out = asked.is_err() && begun.elapsed() >= limit;
        let after = self.after();
        let tried = judge(attempt, &asked, is_waited_out, &after);
        if attempt.spoils() || !after.answers {
            self.end()?;
        }
        Ok(tried)
    }

    /// Asks an instance, which is started before where there is none; the inner error says that no answer came.
    fn ask(
        &mut self,
        path: &str,
        query: &str,
        limit: Duration,
    ) -> Result<Result<Answer, Cause>, Failure> {
        let address = self.address()?;
        let asked = get(address, &format!("/isolation/{path}?{query}"), limit);
        if interrupt::requested() {
            return Err(Failure::new(Phase::Probe, Cause::Interrupted));
        }
        Ok(asked)
    }

    /// The address of an instance that answers.
    fn address(&mut self) -> Result<SocketAddr, Failure> {
        if let Some(instance) = &self.running {
            return Ok(instance.address());
        }
        let context = start_context(self.bench, self.visit, self.starts_count);
        self.starts_count += 1;
        let mut instance = way(self.start).start(&context).map_err(Failure::at(Phase::Start))?;
        until_alive(instance.as_mut()).map_err(Failure::at(Phase::FirstResponse))?;
        instance.answered().map_err(Failure::at(Phase::Limits))?;
        let address = instance.address();
        self.running = Some(instance);
        Ok(address)
    }

    fn after(&mut self) -> After {
        let Some(instance) = self.running.as_deref_mut() else {
            return After { answers: false, ended: None };
        };
        if is_alive(instance.address()) {
            return After { answers: true, ended: None };
        }
        let begun = Instant::now();
        loop {
            match instance.alive() {
                Err(why) => return After { answers: false, ended: Some(end_line(&why)) },
                Ok(()) if begun.elapsed() >= END_LIMIT => {
                    return After { answers: false, ended: None };
                }
                Ok(()) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Ends the instance. One that is deaf to SIGTERM is killed, and one that has ended is none: whether it stops is
    /// not what was asked.
    fn end(&mut self) -> Result<(), Failure> {
        let Some(instance) = self.running.take() else { return Ok(()) };
        let number = self.starts_count.saturating_sub(1);
        let file: PathBuf = start_context(self.bench, self.visit, number).stderr_file;
        match instance.stop() {
            Ok(stderr) => keep_stderr(&file, &stderr),
            Err(_) => Ok(()),
        }
    }
}

/// Waits for the first answer of an instance of the probe, a correct one.
pub(super) fn until_alive(instance: &mut dyn Instance) -> Result<(), Cause> {
    let (begun, address) = (Instant::now(), instance.address());
    loop {
        instance.alive()?;
        if is_alive(address) {
            return Ok(());
        }
        if interrupt::requested() {
            return Err(Cause::Interrupted);
        }
        if begun.elapsed() > FIRST_LIMIT {
            let limit = FIRST_LIMIT.as_secs();
            return Err(Cause::Timeout(format!("the probe does not answer within {limit} s")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_alive(address: SocketAddr) -> bool {
    get(address, "/isolation/alive", ALIVE_LIMIT).is_ok_and(|answer| answer.status == 200)
}

/// Asks for something of which nobody knows what must come back.
pub(super) fn get(address: SocketAddr, target: &str, limit: Duration) -> Result<Answer, Cause> {
    let head = format!("GET {target} HTTP/1.1\r\nHost: weighbridge\r\n\r\n");
    let expect = Expect { status: 0, sha256: String::new() };
    let request = PreparedRequest { bytes: head.into_bytes(), expect, is_head: false };
    exchange(address, &request, limit)
}
