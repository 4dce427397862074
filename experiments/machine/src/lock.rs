//! The machine's lock. Two runs at once would measure each other, each would take the other's subjects for leftovers,
//! and what is built beside a run is measured with it: a run holds the lock alone, builds hold it together.

use crate::process::{Process, user_id, user_name};
use crate::signals;
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, ftruncate};
use rustix::io::{Errno, dup, pread, pwrite};
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What to do while somebody else holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// Give up: a person would rather know.
    Refuse,
    /// Wait: a batch system has put two parts of a run on one machine.
    Wait,
}

/// Beside whom the lock may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nobody: something is measured.
    Nobody,
    /// Others who hold it so: something is built.
    Builders,
}

/// How often a lock that is waited for is tried.
const POLL: Duration = Duration::from_millis(100);

/// How long nobody in particular may hold the lock before that is believed. A process that is killed between a fork
/// and its child's exec leaves the child with the lock for that moment: many of them on a busy machine take seconds.
const NOBODY_MOST: Duration = Duration::from_secs(10);

/// Holds the lock until it is dropped, or every process that was handed it has ended in whatever way.
#[derive(Debug)]
pub struct Lock(File);

/// Where the machine's lock is, of whatever checkout and user. TMPDIR does not move it: leftovers are looked for on the
/// whole machine, so that a run with another lock would end the subjects of this one.
#[must_use]
pub fn file() -> PathBuf {
    PathBuf::from("/tmp/weighbridge-measuring.lock")
}

/// Who holds a lock, as the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    process: Process,
    user: u32,
    since_unix_s: u64,
    what: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, user, since_unix_s, what } = self;
        let seconds = unix_s().saturating_sub(*since_unix_s);
        let age = match seconds {
            0..120 => format!("{seconds} s"),
            _ => format!("{} min", seconds / 60),
        };
        write!(f, "{what} (process {} of {}, for {age})", process.pid, user_name(*user))
    }
}

impl Holder {
    fn this(what: &str) -> Option<Self> {
        let what = what.replace('\n', " ");
        Some(Self { process: Process::this()?, user: user_id(), since_unix_s: unix_s(), what })
    }

    fn line(&self) -> String {
        let Self { process, user, since_unix_s, what } = self;
        format!("{} {} {user} {since_unix_s} {what}\n", process.pid, process.started_ticks)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_suffix('\n')?.splitn(5, ' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let process = Process { pid: number()?.try_into().ok()?, started_ticks: number()? };
        let (user, since_unix_s) = (number()?.try_into().ok()?, number()?);
        Some(Self { process, user, since_unix_s, what: words.next()?.to_owned() })
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Somebody else who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    holder: Option<Holder>,
    path: PathBuf,
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => holder.fmt(f),
            None => write!(f, "who holds {} does not say who it is", self.path.display()),
        }
    }
}

impl Occupant {
    /// What ends it.
    fn end(&self) -> String {
        match &self.holder {
            Some(holder) => format!("end it with: kill -INT {}", holder.process.pid),
            None => format!("find it with: fuser {}", self.path.display()),
        }
    }
}

/// Takes the lock in `path` for `what`, which is said to whoever comes while it is held; or says who holds it.
///
/// # Errors
/// The file cannot be opened or locked.
pub fn attempt(path: &Path, beside: Beside, what: &str) -> Result<Result<Lock, Occupant>> {
    let file = open(path)?;
    let operation = match beside {
        Beside::Nobody => FlockOperation::NonBlockingLockExclusive,
        Beside::Builders => FlockOperation::NonBlockingLockShared,
    };
    match flock(&file, operation) {
        Ok(()) => {
            let lock = Lock(file);
            lock.note(what);
            Ok(Ok(lock))
        }
        Err(Errno::WOULDBLOCK | Errno::INTR) => {
            Ok(Err(Occupant { holder: holder(&file), path: path.to_owned() }))
        }
        Err(error) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}

/// As [`attempt`], and waits if that is wanted. `waiting` is told once whom it is waited for.
///
/// # Errors
/// Somebody else holds it and is not waited for, the message says who (whoever is not said to hold it is given
/// ten seconds to end); a signal ended the wait; the file cannot be
/// opened.
pub fn take(
    path: &Path,
    beside: Beside,
    busy: Busy,
    what: &str,
    waiting: impl FnOnce(&str),
) -> Result<Lock> {
    let mut waiting = Some(waiting);
    let begun = Instant::now();
    loop {
        let occupant = match attempt(path, beside, what)? {
            Ok(lock) => return Ok(lock),
            Err(occupant) => occupant,
        };
        let may_be_ending = occupant.holder.is_none() && begun.elapsed() < NOBODY_MOST;
        if busy == Busy::Refuse && !may_be_ending {
            bail!(
                "this machine is measuring or building: {occupant}. Two at once would measure each other: wait for it, \
                 or {}",
                occupant.end()
            );
        }
        if !may_be_ending && let Some(waiting) = waiting.take() {
            waiting(&occupant.to_string());
        }
        ensure!(!signals::requested(), "interrupted while waiting for {occupant}");
        std::thread::sleep(POLL);
    }
}

impl Lock {
    /// Says what it is held for from now on, and that this process is the one to ask. Kept silent where the file is
    /// somebody else's: then nobody is told.
    pub fn note(&self, what: &str) {
        if let Some(holder) = Holder::this(what) {
            let _ =
                ftruncate(&self.0, 0).and_then(|()| pwrite(&self.0, holder.line().as_bytes(), 0));
        }
    }

    /// For the standard input of a program that is to hold the lock as well, to its own end: [`Lock::handed_on`].
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn hand_on(&self) -> Result<Stdio> {
        Ok(self.0.try_clone().context("hand the machine's lock on")?.into())
    }

    /// The lock in `path` that the parent of this process has handed on as standard input.
    ///
    /// # Errors
    /// Standard input is something else, or somebody else holds the lock.
    pub fn handed_on(path: &Path, what: &str) -> Result<Self> {
        let file = File::from(dup(std::io::stdin().as_fd()).context("look at standard input")?);
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let given = file.metadata().context("look at standard input")?;
        let wanted = path.metadata().with_context(|| format!("look at {}", path.display()))?;
        ensure!(
            identity(given) == identity(wanted),
            "standard input is not {}: start `cargo xtask run`, or leave --lock-on-stdin out",
            path.display()
        );
        // Held already by who opened the file for us: then this changes nothing.
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .with_context(|| format!("lock {}", path.display()))?;
        let lock = Self(file);
        lock.note(what);
        Ok(lock)
    }
}

/// Who holds it, if the file tells and the process it tells of is still there.
fn holder(file: &File) -> Option<Holder> {
    let mut bytes = [0; 512];
    let count = pread(file, &mut bytes, 0).ok()?;
    let holder = Holder::parse(std::str::from_utf8(&bytes[..count]).ok()?)?;
    holder.process.is_alive().then_some(holder)
}

/// Opens the file, which any user of the machine may have made. To lock it, reading it is enough; where it may be
/// written as well, the holder says who it is.
fn open(path: &Path) -> Result<File> {
    // A link or a pipe that somebody has put there is not followed, and does not hold us up.
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = |access: OFlags| rustix::fs::open(path, access | flags, Mode::empty());
    loop {
        let mut found = opened(OFlags::RDWR);
        if matches!(found, Err(Errno::ACCESS | Errno::PERM | Errno::ROFS)) {
            found = opened(OFlags::RDONLY);
        }
        match found {
            Ok(file) => return regular(file, path),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(refused(path, error)),
        }
        let new = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | flags;
        match rustix::fs::open(path, new, Mode::from_raw_mode(0o666)) {
            Ok(file) => {
                // Whatever the umask says: the next one may be another user's.
                let _ = fchmod(&file, Mode::from_raw_mode(0o666));
                return regular(file, path);
            }
            // Somebody else was first.
            Err(Errno::EXIST) => {}
            Err(error) => return Err(refused(path, error)),
        }
    }
}

fn regular(file: OwnedFd, path: &Path) -> Result<File> {
    let file = File::from(file);
    let is_file = file.metadata().is_ok_and(|found| found.is_file() && found.nlink() == 1);
    ensure!(is_file, "{} is no plain file: remove it", path.display());
    Ok(file)
}

fn refused(path: &Path, error: Errno) -> anyhow::Error {
    let shown = path.display();
    match path.symlink_metadata() {
        Ok(found) => anyhow::anyhow!(
            "open {shown}, which belongs to {}: {error}: have its owner run `chmod 666 {shown}`, or remove it while nothing is measured",
            user_name(found.uid())
        ),
        Err(_) => anyhow::anyhow!("make {shown}: {error}"),
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
