//! A subject in a container without an engine: a bundle on disk, and an OCI runtime that is called once and
//! leaves nothing but the container behind. A client of containerd is called in the same way (`super::containerd`).

mod config;
mod folder;
pub mod groups;
mod init;
mod runtime;

pub use folder::remove_leftovers;
pub use runtime::{Runtime, Through, Unusable, allowed};

use super::process::STOP_LIMIT;
use super::{Instance, StartContext, Way, fill_in, free_address};
use crate::failure::Cause;
use crate::image::ENTRY_POINT;
use crate::inventory::artifacts::Artifacts;
use crate::inventory::programs;
use crate::kernel::clock::monotonic_ns;
use config::{Container, REFUSED_CALLS, config};
use folder::Folder;
use init::{Init, ended_within, open_init};
use rustix::process::{Signal, pidfd_send_signal};
use std::cell::{Cell, OnceCell, RefCell};
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use wait4::{ResUse, Wait4};
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::record::Stage;
use weighbridge_schema::template::Word;

/// System calls that the filter of every bundle refuses.
pub fn refused_calls_count() -> u64 {
    REFUSED_CALLS.len() as u64
}

struct Bundle<'a> {
    runtime: Runtime,
    folder: Folder,
    pinning: &'a Pinning,
    run: &'a str,
    /// The runtime's own process; it ends when the container runs.
    child: RefCell<Option<Child>>,
    /// How that ended, with the CPU time that it and all that it waited for took.
    ended: Cell<Option<ResUse>>,
    init: OnceCell<Init>,
    address: SocketAddr,
    start_call_ns: u64,
    spawned_ns: u64,
    stderr_file: PathBuf,
    removed: bool,
}

/// What is run.
pub struct Launch<'a> {
    /// What is the root file system's only file.
    pub file: &'a Word,
    /// Its name there.
    pub entry: &'a str,
    /// Its arguments.
    pub arguments: &'a [Word],
}

/// A static binary as the only file of a root file system, run by an OCI runtime.
pub struct ByRuntime<'a> {
    /// What stands for the runtime.
    pub runtime: &'a Word,
    /// Its options, before the verb.
    pub options: &'a [String],
    /// What stands for the binary.
    pub binary: &'a Word,
    /// Its arguments.
    pub arguments: &'a [Word],
}

impl Way for ByRuntime<'_> {
    fn start<'a>(&self, context: &StartContext<'a>) -> Result<Box<dyn Instance + 'a>, Cause> {
        let Self { runtime, options, binary: file, arguments } = *self;
        let runtime = Runtime::find(runtime, options, context.artifacts)?;
        start_with(runtime, &Launch { file, entry: ENTRY_POINT, arguments }, context)
    }

    fn overhead_ms(&self) -> u64 {
        150
    }

    fn usable(&self, artifacts: &Artifacts) -> Result<(), Unusable> {
        Runtime::find(self.runtime, self.options, artifacts).map(|_| ())
    }

    fn programs(&self) -> Vec<PathBuf> {
        programs::find(&self.runtime.to_string()).into_iter().collect()
    }
}

/// Writes the bundle and calls `RUNTIME run --detach`. The start call comes after the bundle lies ready:
/// writing it is the counterpart of pulling an image.
///
/// # Errors
/// The bundle cannot be written, or the runtime cannot be spawned.
pub fn start_with<'a>(
    runtime: Runtime,
    launch: &Launch<'_>,
    context: &StartContext<'a>,
) -> Result<Box<dyn Instance + 'a>, Cause> {
    let address = free_address()?;
    let arguments = launch
        .arguments
        .iter()
        .map(|argument| fill_in(argument, address, context.artifacts))
        .collect::<Result<Vec<_>, _>>()?;
    let root = root_file_system(&context.artifacts.named(launch.file)?, launch.entry)?;
    let name = context.name();
    let stderr = File::create(&context.stderr_file)
        .map_err(|e| Cause::io(format!("create {}", context.stderr_file.display()), e))?;
    let folder = Folder::create(&name, &runtime)?;
    let mut command = runtime.run(&folder, context.run);
    command.stdout(Stdio::null()).stderr(stderr);
    // Its own group: Ctrl-C on the terminal reaches the runner, which then ends the subject in order.
    command.process_group(0);
    // From here on, dropping it removes the folder and what the runtime may have made.
    let mut bundle = Bundle {
        runtime,
        folder,
        pinning: context.pinning,
        run: context.run,
        child: RefCell::new(None),
        ended: Cell::new(None),
        init: OnceCell::new(),
        address,
        start_call_ns: 0,
        spawned_ns: 0,
        stderr_file: context.stderr_file.clone(),
        removed: false,
    };
    let container = Container {
        name: &name,
        root: &root,
        entry: launch.entry,
        arguments: &arguments,
        cores: context.pinning.subject_cores.as_deref(),
        run: context.run,
    };
    write_config(&bundle.folder, &container)?;

    context.drop_page_cache()?;
    let (start_call_ns, spawned, spawned_ns) = bundle.runtime.within(context.pinning, || {
        context.pass_gate();
        let start_call_ns = monotonic_ns();
        let spawned = command.spawn();
        (start_call_ns, spawned, monotonic_ns())
    })?;
    let program = bundle.runtime.program.display();
    let child = spawned.map_err(|e| Cause::io(format!("spawn {program}"), e))?;
    bundle.child.replace(Some(child));
    (bundle.start_call_ns, bundle.spawned_ns) = (start_call_ns, spawned_ns);
    Ok(Box::new(bundle))
}

fn write_config(folder: &Folder, container: &Container<'_>) -> Result<(), Cause> {
    let file = folder.config();
    std::fs::write(&file, config(container).to_string())
        .map_err(|error| Cause::io(format!("write {}", file.display()), error))
}

/// The root file system: a folder beside the artifact that holds a hard link of it and nothing else, so
/// that it is the same file for the page cache, wherever and how often it runs. It is made once per build, as
/// an image is unpacked once. The runtime adds empty folders to mount on.
fn root_file_system(binary: &Path, entry: &str) -> Result<PathBuf, Cause> {
    let mut name = binary.file_name().unwrap_or_default().to_owned();
    name.push("-root");
    let root = binary.with_file_name(name);
    let inside = root.join(entry);
    let identity = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    if identity(&inside).is_some() && identity(&inside) == identity(binary) {
        return Ok(root);
    }
    let linked = std::fs::create_dir_all(&root)
        .and_then(|()| match std::fs::remove_file(&inside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .and_then(|()| std::fs::hard_link(binary, &inside));
    linked
        .map_err(|e| Cause::io(format!("link {} to {}", binary.display(), inside.display()), e))?;
    Ok(root)
}

impl Bundle<'_> {
    fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr_file).unwrap_or_default()
    }

    /// What the runtime's own process came to; `None` while it runs.
    fn runtime_ended(&self) -> Result<Option<()>, Cause> {
        let program = self.runtime.program.display();
        let mut child = self.child.borrow_mut();
        if let Some(running) = child.as_mut() {
            let waited = running.try_wait4();
            match waited.map_err(|error| Cause::io(format!("wait for {program}"), error))? {
                None => return Ok(None),
                ended => self.ended.set(ended),
            }
            // The standard library does not know that it was waited for.
            *child = None;
        }
        match self.ended.get() {
            Some(ended) if !ended.status.success() => Err(Cause::Ended {
                what: format!("{program} run"),
                status: ended.status,
                printed: self.stderr().trim().to_owned(),
            }),
            _ => Ok(Some(())),
        }
    }

    /// The container's first process, once the runtime has ended.
    fn init(&self) -> Result<&Init, Cause> {
        if let Some(init) = self.init.get() {
            return Ok(init);
        }
        let begun = Instant::now();
        while self.runtime_ended()?.is_none() {
            if begun.elapsed() > STOP_LIMIT {
                return Err(Cause::Timeout(format!(
                    "{} run has not ended {} s after the container answered",
                    self.runtime.program.display(),
                    STOP_LIMIT.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let found = self
            .runtime
            .first_process(&self.folder, self.run)
            .and_then(|pid| open_init(pid, &self.folder.name));
        let found = found.map_err(|why| {
            format!("container {}: {why}: {}", self.folder.name, self.stderr().trim())
        })?;
        Ok(self.init.get_or_init(|| found))
    }

    /// SIGTERM first; what does not end then is killed by the runtime's `delete`.
    fn end(&mut self) -> Result<(), Cause> {
        let ended = match self.init() {
            Ok(init) => self.runtime.terminate(&self.folder, self.run).and_then(|is_sent| {
                if !is_sent {
                    // It may have ended by itself; waiting tells.
                    let _ = pidfd_send_signal(&init.descriptor, Signal::TERM);
                }
                ended_within(&init.descriptor, STOP_LIMIT)
            }),
            Err(why) => Err(why),
        };
        if let Some(child) = self.child.borrow_mut().as_mut()
            && matches!(child.try_wait(), Ok(None))
        {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.runtime.delete(&self.folder, self.pinning, self.run)?;
        self.folder.remove()?;
        self.removed = true;
        match ended {
            Ok(true) => Ok(()),
            Ok(false) => Err(Cause::Timeout(format!(
                "container {} did not end within {} s of SIGTERM and was killed",
                self.folder.name,
                STOP_LIMIT.as_secs()
            ))),
            Err(why) => Err(why),
        }
    }
}

impl Instance for Bundle<'_> {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn start_call_ns(&self) -> u64 {
        self.start_call_ns
    }

    fn stages_ns(&self) -> Vec<(Stage, u64)> {
        // The bundle lay ready when the start call was made: that is where the clock begins.
        vec![(Stage::Bundled, self.start_call_ns), (Stage::Spawned, self.spawned_ns)]
    }

    fn pid(&self) -> Result<u32, Cause> {
        self.init().map(|init| init.pid)
    }

    fn starters_cpu_ns(&self) -> Option<u64> {
        let used = self.ended.get()?.rusage;
        u64::try_from((used.utime + used.stime).as_nanos()).ok()
    }

    fn alive(&mut self) -> Result<(), Cause> {
        if self.runtime_ended()?.is_none() {
            return Ok(());
        }
        if ended_within(&self.init()?.descriptor, Duration::ZERO)? {
            let printed = self.stderr();
            return Err(
                format!("container {} has ended: {}", self.folder.name, printed.trim()).into()
            );
        }
        Ok(())
    }

    fn stop(mut self: Box<Self>) -> Result<String, Cause> {
        self.end()?;
        Ok(self.stderr())
    }
}

impl Drop for Bundle<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::artifacts::Artifacts;

    #[test]
    fn the_root_holds_the_very_file_and_follows_a_new_build() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("program");
        for content in ["first", "second"] {
            std::fs::remove_file(&binary).ok();
            std::fs::write(&binary, content).unwrap();
            let root = root_file_system(&binary, "service").unwrap();
            assert_eq!(root_file_system(&binary, "service").unwrap(), root);
            let inside = root.join("service");
            assert_eq!(std::fs::read_to_string(&inside).unwrap(), content);
            assert_eq!(inside.metadata().unwrap().ino(), binary.metadata().unwrap().ino());
        }
    }

    #[test]
    fn a_runtime_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::bare(folder.path());
        let error =
            Runtime::find(&"no-such-runtime".parse().unwrap(), &[], &artifacts).unwrap_err();
        assert_eq!(error.to_string(), "no-such-runtime is not installed");
        assert_eq!(error.remedy().as_deref(), Some("apt-get install no-such-runtime"));
        let installed = "{program:no-such-runtime}".parse().unwrap();
        let error = Runtime::find(&installed, &[], &artifacts).unwrap_err();
        assert_eq!(error.to_string(), "program `no-such-runtime` was not looked up");
        assert_eq!(error.remedy(), None);
    }
}
