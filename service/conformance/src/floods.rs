//! Floods: what a server under attack does to others, and what it costs. Each has a fresh server of its own, lasts a few
//! seconds and stays on the loopback interface.

use std::fmt;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::attacks::{Attack, all};
use crate::table::health;
use crate::wire::Client;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(30);
/// How long health is probed before a flood.
const BEFORE: Duration = Duration::from_secs(1);
/// Between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(25);
/// How long a server may take to let go of what a flood left.
const AFTER: Duration = Duration::from_secs(2);

/// How a server fared in a flood.
#[derive(Debug)]
pub struct Report {
    /// What was done.
    pub name: &'static str,
    /// Health checks before.
    pub before: Health,
    /// Health checks meanwhile.
    pub during: Health,
    /// The most memory that was resident, in KiB.
    pub peak_kib: u64,
    /// Descriptors before and after.
    pub descriptors: [usize; 2],
    /// Threads before and after.
    pub threads: [usize; 2],
    /// What the attackers saw.
    pub seen: String,
}

/// Health checks, each on a new connection.
#[derive(Debug, Default)]
pub struct Health {
    /// Times of those that were answered, in order of length.
    times: Vec<Duration>,
    /// How many were not answered.
    pub unanswered: usize,
}

impl Health {
    fn at(&self, share: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        // A share of a few thousand: exact.
        let at = (last as f64 * share).round() as usize;
        self.times.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |share| self.at(share).as_secs_f64() * 1e3;
        write!(f, "{:.2}/{:.1}", ms(0.5), ms(0.99))?;
        if self.unanswered > 0 {
            write!(
                f,
                " ({} of {} unanswered)",
                self.unanswered,
                self.unanswered + self.times.len()
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, before, during, seen, .. } = self;
        let peak_mib = self.peak_kib / 1024;
        let [fds, fds_after] = self.descriptors;
        let [threads, threads_after] = self.threads;
        write!(
            f,
            "| {name} | {before} | {during} | {peak_mib} | {fds} -> {fds_after} | {threads} -> {threads_after} | {seen} |"
        )
    }
}

/// The head of the table that [`Report`]s are rows of.
pub const COLUMNS: &str = "| flood | health p50/p99 before, ms | during | peak RSS, MiB | descriptors | threads | seen |\n\
                           | --- | --- | --- | --- | --- | --- | --- |";

/// Floods servers that `command` starts, to which `--listen ADDRESS` is added; only floods whose name contains `only`.
/// `each` gets every report when it is there.
///
/// # Errors
/// A server cannot be started, or is gone after a flood.
pub fn run(
    command: &[String],
    only: &str,
    lasting: Duration,
    mut each: impl FnMut(&Report),
) -> Result<()> {
    raise_descriptors();
    for attack in all().into_iter().filter(|attack| attack.name.contains(only)) {
        each(
            &flood(command, &attack, lasting)
                .with_context(|| format!("flood `{}`", attack.name))?,
        );
    }
    Ok(())
}

/// This program holds the other ends of all connections.
fn raise_descriptors() {
    let limits = getrlimit(Resource::Nofile);
    // Where it is refused, connecting will say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits });
}

fn flood(command: &[String], attack: &Attack, lasting: Duration) -> Result<Report> {
    let server = Server::start(command, attack.descriptors)?;
    let address = server.address;
    let is_over = AtomicBool::new(false);
    let before = probe(address, &after(BEFORE));
    let (descriptors, threads) = (server.descriptors(), server.threads());
    let (during, seen) = thread::scope(|scope| {
        let prober = scope.spawn(|| probe(address, &|| is_over.load(Relaxed)));
        let seen = (attack.run)(address, lasting);
        is_over.store(true, Relaxed);
        (prober.join().unwrap_or_default(), seen)
    });
    let settled = Instant::now();
    while server.descriptors() > descriptors && settled.elapsed() < AFTER {
        thread::sleep(PROBE_EVERY);
    }
    if !is_healthy(address) {
        bail!("the server does not answer afterwards");
    }
    Ok(Report {
        name: attack.name,
        before,
        during,
        peak_kib: server.peak_kib()?,
        descriptors: [descriptors, server.descriptors()],
        threads: [threads, server.threads()],
        seen: seen?,
    })
}

/// Whether so much time has passed since now.
fn after(time: Duration) -> impl Fn() -> bool {
    let begun = Instant::now();
    move || begun.elapsed() >= time
}

fn probe(address: SocketAddr, is_over: &dyn Fn() -> bool) -> Health {
    let mut health = Health::default();
    while !is_over() {
        let begun = Instant::now();
        if is_healthy(address) {
            health.times.push(begun.elapsed());
        } else {
            health.unanswered += 1;
        }
        thread::sleep(PROBE_EVERY);
    }
    health.times.sort_unstable();
    health
}

fn is_healthy(address: SocketAddr) -> bool {
    let Ok(mut client) = Client::connect(address) else { return false };
    client.send(&health("Connection: close\r\n"));
    matches!(client.response(false), Ok(Some(response)) if response.status == 200)
}

/// A server that runs until it is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &[String], descriptors: Option<u32>) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let [program, arguments @ ..] = command else { bail!("no program to start") };
        let mut started = match descriptors {
            None => Command::new(program),
            Some(count) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", &format!("ulimit -n {count} && exec \"$0\" \"$@\"")])
                    .arg(program);
                shell
            }
        };
        started.args(arguments).args(["--listen", &address.to_string()]);
        let child =
            started.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.with_context(|| format!("start {program}"))?;
        let server = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > START {
                bail!("{program} does not listen on {address}");
            }
            thread::sleep(PROBE_EVERY);
        }
        Ok(server)
    }

    fn entries(&self, folder: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).map_or(0, Iterator::count)
    }

    fn descriptors(&self) -> usize {
        self.entries("fd")
    }

    fn threads(&self) -> usize {
        self.entries("task")
    }

    fn peak_kib(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let text = line.context("no VmHWM")?.trim().trim_end_matches(" kB");
        text.parse().context("VmHWM is no number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its own way to end first, so that nothing of it is left behind.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(8)
        {
            thread::sleep(PROBE_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
