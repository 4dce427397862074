//! Calling an OCI runtime, and what it keeps: one folder per container under [`BASE`], ours alone.

use crate::subject::{MARK, on_subject_cores};
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weighbridge_schema::manifest::Pinning;

/// Where the bundles and the runtimes' state lie while containers run.
const BASE: &str = "/run/weighbridge";

/// The second hierarchy of a machine that has version 1 and version 2 of control groups (hybrid).
const HYBRID: &str = "/sys/fs/cgroup/unified";

/// Folders where distributions keep runtimes, and that are not on every user's PATH.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// An OCI runtime of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// The program.
    pub program: PathBuf,
}

/// Why a runtime cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// There is no such program.
    Missing(String),
    /// The runner is no root, so the runtime may not make a container with cores and a control group.
    NotRoot(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Missing(name) => write!(f, "{name} is not installed"),
            Unusable::NotRoot(name) => write!(
                f,
                "{name} needs root here: a container's cores and control group are not a user's to set"
            ),
        }
    }
}

impl Unusable {
    /// The line that would change it. Distributions name the packages as the programs.
    pub fn remedy(&self) -> String {
        match self {
            Unusable::Missing(name) => format!("apt-get install {name}"),
            Unusable::NotRoot(_) => "sudo --preserve-env=PATH cargo xtask run".to_owned(),
        }
    }
}

impl Runtime {
    /// Looks a runtime up.
    ///
    /// # Errors
    /// It is not installed, or it would not be allowed to make a container.
    pub fn find(name: &str) -> Result<Self, Unusable> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .chain(FOLDERS.map(PathBuf::from))
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())
            .ok_or_else(|| Unusable::Missing(name.to_owned()))?;
        if !rustix::process::geteuid().is_root() {
            return Err(Unusable::NotRoot(name.to_owned()));
        }
        Ok(Self { program })
    }

    /// A command of this runtime on the state of one container.
    pub fn command(&self, folder: &Folder, run: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env(MARK, run).arg("--root").arg(folder.state());
        command.stdin(Stdio::null());
        command
    }

    /// Calls `spawn` where the runtime finds what it needs: on the subject's cores, and for crun in a mount
    /// namespace without the second hierarchy of a hybrid machine, at whose sight it gives up (crun 1.8:
    /// "cgroups in hybrid mode not supported"). A thread of its own takes both on, so the runner keeps its own
    /// cores and mounts.
    ///
    /// # Errors
    /// The namespace cannot be made.
    pub fn within<T: Send>(
        &self,
        pinning: &Pinning,
        spawn: impl FnOnce() -> T + Send,
    ) -> Result<T, String> {
        let hide =
            self.program.ends_with("crun") && Path::new(HYBRID).join("cgroup.procs").exists();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                if hide {
                    hide_hybrid().map_err(|error| {
                        format!("hide {HYBRID} from {}: {error}", self.program.display())
                    })?;
                }
                Ok(on_subject_cores(pinning, spawn))
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Ends and removes a container, whatever state it is in; one that is not there is no error.
    ///
    /// # Errors
    /// The runtime refused; the message holds what it said.
    pub fn delete(&self, folder: &Folder, pinning: &Pinning, run: &str) -> Result<(), String> {
        let mut command = self.command(folder, run);
        command.args(["delete", "--force", &folder.name]);
        let output = self
            .within(pinning, || command.output())?
            .map_err(|error| format!("run {}: {error}", self.program.display()))?;
        // Some versions call it an error that there is nothing to delete.
        if output.status.success() || !folder.has_state() {
            return Ok(());
        }
        Err(format!(
            "{} delete {}: {}: {}",
            self.program.display(),
            folder.name,
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

/// Makes this thread's mounts its own and takes the second hierarchy off them.
fn hide_hybrid() -> rustix::io::Result<()> {
    // SAFETY: the table of file descriptors stays shared (no CLONE_FILES), which is what the function is
    // unsafe for. The thread is a fresh one and ends right after.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    // Otherwise the unmount would reach the machine's own namespace.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    unmount(HYBRID, UnmountFlags::DETACH)
}

/// What lies on disk of one container: `config.json`, `state/` (the runtime's `--root`), `pid` and `runtime`
/// (the program that made it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The container's name.
    pub name: String,
    path: PathBuf,
}

impl Folder {
    /// Makes the folder of a new container.
    ///
    /// # Errors
    /// It cannot be made, or it is there already.
    pub fn create(name: &str, runtime: &Runtime) -> Result<Self, String> {
        let folder = Self { name: name.to_owned(), path: Path::new(BASE).join(name) };
        let made = std::fs::create_dir_all(BASE)
            .and_then(|()| std::fs::create_dir(&folder.path))
            .and_then(|()| {
                std::fs::write(
                    folder.path.join("runtime"),
                    runtime.program.as_os_str().as_encoded_bytes(),
                )
            });
        made.map_err(|error| format!("create {}: {error}", folder.path.display()))?;
        Ok(folder)
    }

    /// The bundle.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that takes the process id of the container's first process.
    pub fn pid_file(&self) -> PathBuf {
        self.path.join("pid")
    }

    fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// Whether the runtime still knows the container.
    fn has_state(&self) -> bool {
        self.state().join(&self.name).exists()
    }

    /// Removes it, and the folder of all of them when it was the last.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> Result<(), String> {
        std::fs::remove_dir_all(&self.path)
            .map_err(|error| format!("remove {}: {error}", self.path.display()))?;
        // Another container may still be there: then this fails, as it should.
        let _ = std::fs::remove_dir(BASE);
        Ok(())
    }
}

/// Ends and removes every container of ours that a killed run has left behind, and says how many there were.
///
/// # Errors
/// One of them cannot be removed; the message names it.
pub fn remove_leftovers() -> Result<usize, String> {
    let Ok(entries) = std::fs::read_dir(BASE) else { return Ok(0) };
    let mut count = 0;
    for entry in entries.flatten() {
        let path = entry.path();
        let folder = Folder { name: entry.file_name().to_string_lossy().into_owned(), path };
        if let Ok(program) = std::fs::read_to_string(folder.path.join("runtime")) {
            let runtime = Runtime { program: program.into() };
            runtime.delete(&folder, &Pinning::default(), "leftovers")?;
        }
        folder.remove()?;
        count += 1;
    }
    Ok(count)
}
