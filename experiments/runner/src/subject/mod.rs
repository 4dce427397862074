//! Ways of starting a subject. Each is one file here; an entry in `experiments/subjects.toml` names one.

pub mod bundle;
mod container;
mod containerd;
pub mod gate;
pub mod group;
pub mod limits;
mod process;

use crate::engine::engines::Engines;
use crate::failure::Cause;
use crate::image::Image;
use crate::inventory::artifacts::Artifacts;
use crate::kernel::affinity::pin_current_thread;
use crate::kernel::page_cache;
use crate::plan::missing::Missing;
use bundle::Unusable;
use gate::Turn;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::parameter::PageCache;
use weighbridge_schema::subject::Start;
use weighbridge_schema::template::{Piece, Word};

/// Marks every process of ours, so that a later run can find what an earlier one left behind: its value is a
/// [`Mark`](crate::run::leftovers::Mark).
pub const MARK: &str = "WEIGHBRIDGE_RUN";

/// A way of starting: all that the runner knows of it.
pub trait Way {
    /// Starts a subject.
    ///
    /// # Errors
    /// It could not be started; the message names the program or the container.
    fn start<'a>(&self, context: &StartContext<'a>) -> Result<Box<dyn Instance + 'a>, Cause>;
    /// How long a trial takes besides its window, for estimates: start, first answer, stop.
    fn overhead_ms(&self) -> u64;
    /// Whether anything can be started in this way here, by this user.
    ///
    /// # Errors
    /// It cannot: the message says why.
    fn usable(&self, _artifacts: &Artifacts) -> Result<(), Unusable> {
        Ok(())
    }
    /// The version of the daemon behind it, which stands beside the subject's; `None` without one.
    ///
    /// # Errors
    /// The daemon's program says none.
    fn daemon_version(&self) -> anyhow::Result<Option<String>> {
        Ok(None)
    }
    /// The programs on PATH that it runs subjects by: none may be replaced while a run measures.
    fn programs(&self) -> Vec<PathBuf> {
        Vec::new()
    }
    /// Why the daemon behind it does not answer any more; `None` where it does, or there is none.
    fn silence(&self, _engines: &Engines) -> Option<String> {
        None
    }
}

/// The way of starting that a subject names.
pub fn way(start: &Start) -> Box<dyn Way + '_> {
    match start {
        Start::Process { program, arguments, environment } => {
            Box::new(process::Launch { program, arguments, environment, keeps_stdout: false })
        }
        Start::Container { engine, image, arguments, network, port, environment } => {
            let (engine, network, port) = (*engine, *network, *port);
            Box::new(container::Launch { engine, image, arguments, network, port, environment })
        }
        Start::Bundle { runtime, options, binary, arguments } => {
            Box::new(bundle::ByRuntime { runtime, options, binary, arguments })
        }
        Start::Containerd { shim, file, arguments } => {
            Box::new(containerd::ByShim { shim, file, arguments })
        }
    }
}

/// A started subject. Dropping it ends it, whatever happened in between.
pub trait Instance: Send {
    /// Where it listens, or will.
    fn address(&self) -> SocketAddr;
    /// The start call, `CLOCK_MONOTONIC` nanoseconds.
    fn start_call_ns(&self) -> u64;
    /// Moments that the way of starting itself can tell, `CLOCK_MONOTONIC` nanoseconds.
    fn stages_ns(&self) -> Vec<(weighbridge_schema::record::Stage, u64)>;
    /// First process of the subject, as the host sees it.
    ///
    /// # Errors
    /// It is not running any more.
    fn pid(&self) -> Result<u32, Cause>;
    /// CPU time, in nanoseconds, of the programs that started it and have ended, those among them that they waited for;
    /// `None` where one of them has not ended yet.
    fn starters_cpu_ns(&self) -> Option<u64> {
        Some(0)
    }
    /// CPU time, in nanoseconds, that the runner's thread used from the start call to the moment from which the service
    /// is asked; `None` where that is more than calls to an engine, whose answers the thread awaits asleep.
    fn calls_cpu_ns(&self) -> Option<u64> {
        None
    }
    /// Why it will not answer any more; `Ok` while it runs.
    ///
    /// # Errors
    /// It has ended; the message says how.
    fn alive(&mut self) -> Result<(), Cause>;
    /// It has given its first answer: what may not lie in the timed stretch is done now.
    ///
    /// # Errors
    /// It could not be done.
    fn answered(&mut self) -> Result<(), Cause> {
        Ok(())
    }
    /// Ends it and returns what it wrote to its standard error.
    ///
    /// # Errors
    /// It could not be ended or its output could not be read.
    fn stop(self: Box<Self>) -> Result<String, Cause>;
}

/// What starting needs to know.
#[derive(Clone)]
pub struct StartContext<'a> {
    /// What was built.
    pub artifacts: &'a Artifacts,
    /// What runs programs of the artifacts' architecture, where the machine itself does not.
    pub emulator: Option<&'a str>,
    /// The container engines.
    pub engines: &'a Engines,
    /// Images by what the subjects name them, loaded into the engines that the plan's subjects ask.
    pub images: &'a BTreeMap<Word, Image>,
    /// Which core does what.
    pub pinning: &'a Pinning,
    /// The run, for labels and names.
    pub run: &'a str,
    /// Index in the plan, for names.
    pub position: u64,
    /// Number of the instance among those that are started side by side, for names.
    pub copy: u32,
    /// What the page cache must hold at the start call.
    pub page_cache: PageCache,
    /// File that takes the standard error of a process.
    pub stderr_file: PathBuf,
    /// Its passage where several are started at once; `None` of one that waits for no other.
    pub turn: Option<Arc<Turn>>,
}

impl StartContext<'_> {
    /// A name that no other instance has: `weighbridge-<run>-<position>`, and the copy's number from the
    /// second one on.
    fn name(&self) -> String {
        match self.copy {
            0 => format!("weighbridge-{}-{}", self.run, self.position),
            copy => format!("weighbridge-{}-{}-{copy}", self.run, self.position),
        }
    }

    /// The last thing before the start call: drops the page cache where the cell's parameter says so.
    fn drop_page_cache(&self) -> Result<(), Cause> {
        match self.page_cache {
            PageCache::Warm => Ok(()),
            PageCache::Dropped => page_cache::drop(),
        }
    }

    /// Comes right before the start call is timed, on the thread that makes it: waits for those that are to be started
    /// at the same time.
    fn pass_gate(&self) {
        if let Some(turn) = &self.turn {
            turn.pass();
        }
    }
}

/// Runs `spawn` on the subject's cores, which a child inherits.
///
/// The standard library spawns with `posix_spawn` as long as nothing must run between fork and exec; the
/// core set is therefore put on this thread, and taken off again.
pub fn on_subject_cores<T>(pinning: &Pinning, spawn: impl FnOnce() -> T) -> T {
    let Some(cores) = &pinning.subject_cores else { return spawn() };
    let before = weighbridge_machine::local_cores();
    pin_current_thread(cores);
    let spawned = spawn();
    pin_current_thread(&before);
    spawned
}

/// Ports that were given last. The kernel may name one again as soon as it is closed, and an instance that is started
/// at the same time as others has not bound its own yet: of 256 ports drawn one after the other, two were the same in
/// 184 of 200 tries.
static GIVEN_PORTS: Mutex<VecDeque<u16>> = Mutex::new(VecDeque::new());
/// So many of them are not given again: more than instances run side by side, and few of the kernel's 28,000.
const GIVEN_PORTS_MAX: usize = 1_024;

/// A port on loopback that was free a moment ago, and was given to no instance that is starting.
fn free_address() -> Result<SocketAddr, Cause> {
    let mut given = GIVEN_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| Cause::io("find a free port on loopback", error))?;
        if given.contains(&address.port()) {
            continue;
        }
        given.push_back(address.port());
        if given.len() > GIVEN_PORTS_MAX {
            given.pop_front();
        }
        return Ok(address);
    }
}

/// Starts an instance as `how` says.
///
/// # Errors
/// It could not be started; the message names the program or the container.
pub fn start<'a>(how: &Start, context: &StartContext<'a>) -> Result<Box<dyn Instance + 'a>, Cause> {
    if context.emulator.is_some() && !matches!(how, Start::Process { .. }) {
        return Err("only programs are emulated, not containers".into());
    }
    way(how).start(context)
}

/// Starts a program that is no subject: a runtime with other arguments, to see what it can do.
///
/// # Errors
/// It cannot be spawned, or a file is named that is not there.
pub fn start_program<'a>(
    program: &Word,
    arguments: &[Word],
    context: &StartContext<'a>,
) -> Result<Box<dyn Instance + 'a>, Cause> {
    let environment = BTreeMap::new();
    // Some say on their standard output what went wrong.
    let environment = &environment;
    let launch = process::Launch { program, arguments, environment, keeps_stdout: true };
    process::start(&launch, context)
}

/// Puts the address and the paths of files into an argument.
///
/// # Errors
/// A file is named that is not there.
fn fill_in(word: &Word, listen: SocketAddr, artifacts: &Artifacts) -> Result<String, Missing> {
    artifacts.fill_in(&with_address(word, listen))
}

/// The same for a word that may stand for several: a program that is started by a loader.
fn words(word: &Word, listen: SocketAddr, artifacts: &Artifacts) -> Result<Vec<String>, Missing> {
    artifacts.words(&with_address(word, listen))
}

fn with_address(word: &Word, listen: SocketAddr) -> Word {
    word.with(|piece| match piece {
        Piece::Listen => Some(listen.to_string()),
        Piece::Port => Some(listen.port().to_string()),
        _ => None,
    })
}
