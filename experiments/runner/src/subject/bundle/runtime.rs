//! Calling an OCI runtime.

use super::folder::Folder;
use crate::failure::Cause;
use crate::inventory::artifacts::{Artifacts, key};
use crate::inventory::programs;
use crate::plan::missing::Missing;
use crate::run::leftovers::Mark;
use crate::subject::{MARK, on_subject_cores};
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::template::{Piece, Word};

/// The second hierarchy of a machine that has version 1 and version 2 of control groups (hybrid).
const HYBRID: &str = "/sys/fs/cgroup/unified";

/// How often a container is deleted that stays. Nothing is measured any more by then, and a runtime may fail by chance:
/// youki makes a sealed copy of itself for every call, and once the kernel would not seal it (EBUSY).
const DELETE_ATTEMPTS: u32 = 3;
const DELETE_REST: Duration = Duration::from_millis(100);

/// An OCI runtime of this machine, or containerd's client in the place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// The program that is called.
    pub program: PathBuf,
    /// Its own options, before every verb.
    pub options: Vec<String>,
    /// The containerd that it speaks to, where it is a client of one.
    pub through: Option<Through>,
}

/// What a client of containerd asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Through {
    /// Where containerd listens.
    pub socket: PathBuf,
    /// The shim that is to run the container.
    pub shim: PathBuf,
}

/// Why a runtime cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// There is no such program on this machine.
    #[error("{0} is not installed")]
    Missing(String),
    /// The program of `[programs]` is not installed; the reason says so.
    #[error(transparent)]
    NotInstalled(#[from] Missing),
    /// The runner is no root, so the runtime may not make a container with cores and a control group.
    #[error("{0} needs root here: a container's cores and control group are not a user's to set")]
    NotRoot(String),
}

impl Unusable {
    /// The line that would change it. Distributions name the packages as the programs; `None` where it is the
    /// subject's own line of set-up.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Unusable::Missing(name) => Some(format!("apt-get install {name}")),
            Unusable::NotInstalled(_) => None,
            Unusable::NotRoot(_) => Some("sudo --preserve-env=PATH cargo xtask run".to_owned()),
        }
    }
}

impl Runtime {
    /// Looks a runtime up: a name on PATH, or `{program:NAME}`.
    ///
    /// # Errors
    /// It is not installed, or it would not be allowed to make a container.
    pub fn find(
        runtime: &Word,
        options: &[String],
        artifacts: &Artifacts,
    ) -> Result<Self, Unusable> {
        let program = allowed(runtime, artifacts)?;
        Ok(Self { program, options: options.to_vec(), through: None })
    }

    /// A command of this runtime on the state of one container.
    fn command(&self, folder: &Folder, run: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env(MARK, Mark::of(run).to_string()).stdin(Stdio::null());
        command.args(&self.options);
        match &self.through {
            None => command.arg("--root").arg(folder.state()),
            Some(through) => command.arg("--address").arg(&through.socket),
        };
        command
    }

    /// The command that makes and starts the container of `folder`, and ends when it runs.
    pub fn run(&self, folder: &Folder, run: &str) -> Command {
        let mut command = self.command(folder, run);
        command.args(["run", "--detach", "--pid-file"]).arg(folder.pid_file());
        match &self.through {
            None => command.arg("--bundle").arg(folder.path()),
            Some(through) => {
                // Without a reader of its output, which the client would be, the container has none.
                command.args(["--null-io", "--runtime"]).arg(&through.shim);
                command.arg("--config").arg(folder.config())
            }
        };
        command.arg(&folder.name);
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
    ) -> Result<T, Cause> {
        let hide =
            self.program.ends_with("crun") && Path::new(HYBRID).join("cgroup.procs").exists();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                if hide {
                    hide_hybrid().map_err(|error| {
                        Cause::io(format!("hide {HYBRID} from {}", self.program.display()), error)
                    })?;
                }
                Ok(on_subject_cores(pinning, spawn))
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The process id of the container's first process, once the call that runs it has ended.
    ///
    /// # Errors
    /// The runtime wrote down none, and containerd knows none.
    pub fn first_process(&self, folder: &Folder, run: &str) -> Result<u32, Cause> {
        let file = folder.pid_file();
        let shown = file.display();
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Cause::io(format!("the runtime wrote no {shown}"), error))?;
        let written = text.trim().parse().map_err(|_| format!("{shown} holds `{text}`"))?;
        // containerd's client writes what the shim knew when the container was made; runwasi's library has no process
        // before it is started, and says 0.
        if written > 0 || self.through.is_none() {
            return Ok(written);
        }
        let mut command = self.command(folder, run);
        command.args(["tasks", "ls"]);
        let output = command.output().map_err(|error| {
            Cause::io(format!("run {} tasks ls", self.program.display()), error)
        })?;
        let printed = String::from_utf8_lossy(&output.stdout);
        process_of_task(&printed, &folder.name)
            .ok_or_else(|| format!("containerd knows no process of it: {}", printed.trim()).into())
    }

    /// Whether a signal to the container's first process reaches no program in it: that of runsc is a
    /// kernel of its own, which SIGTERM does not end (20240729).
    fn hides_its_program(&self) -> bool {
        self.through.is_none() && self.program.ends_with("runsc")
    }

    /// Has the runtime send SIGTERM to the program in the container, where its first process passes
    /// none on. False where the caller may send it itself.
    ///
    /// # Errors
    /// The runtime cannot be called.
    pub fn terminate(&self, folder: &Folder, run: &str) -> Result<bool, Cause> {
        if !self.hides_its_program() {
            return Ok(false);
        }
        let mut command = self.command(folder, run);
        // It may have ended by itself, and then the runtime refuses; waiting tells.
        command
            .args(["kill", &folder.name, "TERM"])
            .output()
            .map_err(|error| Cause::io(format!("run {} kill", self.program.display()), error))?;
        Ok(true)
    }

    /// Ends and removes a container, whatever state it is in; one that is not there is no error.
    ///
    /// # Errors
    /// The runtime refused, again and again; the message holds what it said.
    pub fn delete(&self, folder: &Folder, pinning: &Pinning, run: &str) -> Result<(), Cause> {
        let steps: &[&[&str]] = match self.through {
            None => &[&["delete", "--force"]],
            Some(_) => &[&["tasks", "delete", "--force"], &["containers", "delete"]],
        };
        for (index, words) in steps.iter().enumerate() {
            let is_last = index + 1 == steps.len();
            let attempt = || self.delete_by(words, is_last, folder, pinning, run);
            let mut done = attempt();
            for _ in 1..DELETE_ATTEMPTS {
                if done.is_ok() {
                    break;
                }
                std::thread::sleep(DELETE_REST);
                done = attempt();
            }
            done?;
        }
        Ok(())
    }

    /// One step on the way to that, once.
    fn delete_by(
        &self,
        words: &[&str],
        is_last: bool,
        folder: &Folder,
        pinning: &Pinning,
        run: &str,
    ) -> Result<(), Cause> {
        let mut command = self.command(folder, run);
        command.args(words).arg(&folder.name);
        let output = self
            .within(pinning, || command.output())?
            .map_err(|error| Cause::io(format!("run {}", self.program.display()), error))?;
        let printed = String::from_utf8_lossy(&output.stderr);
        // Some versions call it an error that there is nothing to delete, and containerd's client that the task
        // was killed: what counts is its last step.
        let is_gone = match self.through {
            None => !folder.has_state(),
            Some(_) => !is_last || printed.contains("not found"),
        };
        if output.status.success() || is_gone {
            return Ok(());
        }
        let (program, words, name) = (self.program.display(), words.join(" "), &folder.name);
        Err(format!("{program} {words} {name}: {}: {}", output.status, printed.trim()).into())
    }
}

/// The process id beside the name of a task in the list of containerd's client: `TASK PID STATUS`.
fn process_of_task(list: &str, name: &str) -> Option<u32> {
    let line = list.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok().filter(|&pid| pid > 0)
}

/// The program of a runtime or a shim: a name on PATH, or `{program:NAME}`.
///
/// # Errors
/// It is not installed, or it would not be allowed to make a container.
pub fn allowed(runtime: &Word, artifacts: &Artifacts) -> Result<PathBuf, Unusable> {
    let (name, program) = match runtime.only() {
        Some(Piece::Program { name, version, beside }) => {
            let name = key(name, version.as_deref());
            let found = artifacts.program(&name)?;
            let path = found.path(beside.as_deref());
            (name, path)
        }
        _ => {
            let name = runtime.to_string();
            let found = programs::find(&name).ok_or_else(|| Unusable::Missing(name.clone()))?;
            (name, found)
        }
    };
    if !rustix::process::geteuid().is_root() {
        return Err(Unusable::NotRoot(name));
    }
    Ok(program)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of the command that runs a container of this folder.
    fn words(through: Option<Through>, path: &Path) -> Vec<String> {
        let folder = Folder::of_test("c-1", path);
        let options = match through {
            None => vec!["--network=host".to_owned()],
            Some(_) => Vec::new(),
        };
        let command = Runtime { program: "program".into(), options, through }.run(&folder, "r");
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        words.map(|word| word.replace(&*path.to_string_lossy(), "@")).collect()
    }

    #[test]
    fn containerd_is_handed_the_bundle_that_a_runtime_is() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = "--network=host --root @/state run --detach --pid-file @/pid --bundle @ c-1";
        assert_eq!(words(None, folder.path()).join(" "), runtime);
        let through = Through { socket: "/c.sock".into(), shim: "/bin/shim".into() };
        let client = "--address /c.sock run --detach --pid-file @/pid --null-io --runtime /bin/shim \
                      --config @/config.json c-1";
        assert_eq!(words(Some(through), folder.path()).join(" "), client);
    }

    /// A runtime whose `delete` works from the `from`th call on.
    fn deletes(from: usize) -> Result<(), Cause> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().to_owned();
        let (program, calls) = (path.join("runtime"), path.join("calls"));
        let script = format!(
            "#!/bin/sh\necho \"$3 $4\" >> {calls}\nif [ $(/usr/bin/wc -l < {calls}) -ge {from} ]; then\n\
             exec /bin/rm -r \"$2/$5\"\nfi\necho it is busy >&2\nexit 1\n",
            calls = calls.display()
        );
        let draft = path.join("draft");
        std::fs::write(&draft, script).unwrap();
        // Written by another process: one of this test's neighbours that forks while it is open here would keep it
        // busy.
        let mut install = Command::new("install");
        assert!(install.args([&draft, &program]).status().unwrap().success());
        let folder = Folder::of_test("c-1", &path);
        std::fs::create_dir_all(folder.state().join("c-1")).unwrap();
        let runtime = Runtime { program, options: Vec::new(), through: None };
        let deleted = runtime.delete(&folder, &Pinning::default(), "r");
        let calls = std::fs::read_to_string(calls).unwrap();
        assert_eq!(calls, "delete --force\n".repeat(from.min(3)));
        assert_eq!(folder.has_state(), deleted.is_err());
        deleted
    }

    #[test]
    fn a_container_that_stays_is_deleted_again_but_not_for_ever() {
        deletes(1).unwrap();
        deletes(3).unwrap();
        let error = deletes(4).unwrap_err().to_string();
        assert!(error.ends_with("delete --force c-1: exit status: 1: it is busy"), "{error}");
    }

    #[test]
    fn a_task_is_found_by_its_whole_name_and_one_without_a_process_has_none() {
        let list = "TASK     PID      STATUS    \nc-10     77       RUNNING\nc-1      4711     RUNNING\nc-2  0  CREATED\n";
        assert_eq!(process_of_task(list, "c-1"), Some(4711));
        assert_eq!(process_of_task(list, "c-2"), None);
        assert_eq!(process_of_task(list, "c-3"), None);
    }
}
