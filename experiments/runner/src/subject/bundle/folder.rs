//! What a container has on disk while it runs: one folder each under [`BASE`], ours alone.

use super::groups;
use super::runtime::Runtime;
use crate::failure::Cause;
use crate::subject::group;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use weighbridge_schema::manifest::Pinning;

/// Where the bundles and the runtimes' state lie while containers run; xtask keeps its engine elsewhere.
const BASE: &str = "/run/weighbridge-bundles";

/// What lies on disk of one container: `config.json`, `state/` (the runtime's `--root`), `pid`, and `runtime`:
/// the path of the program that made it, locked as long as the runner lives.
#[derive(Debug)]
pub struct Folder {
    /// The container's name.
    pub name: String,
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder of a new container.
    ///
    /// # Errors
    /// It cannot be made, or it is there already.
    pub fn create(name: &str, runtime: &Runtime) -> Result<Self, Cause> {
        let path = Path::new(BASE).join(name);
        let made = std::fs::create_dir_all(BASE).and_then(|()| std::fs::create_dir(&path));
        let made = made.and_then(|()| {
            let mut file = File::create_new(path.join("runtime"))?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            file.write_all(runtime.program.as_os_str().as_encoded_bytes())?;
            Ok(file)
        });
        match made {
            Ok(lock) => Ok(Self { name: name.to_owned(), path, _lock: lock }),
            Err(error) => Err(Cause::io(format!("create {}", path.display()), error)),
        }
    }

    #[cfg(test)]
    pub fn of_test(name: &str, path: &Path) -> Self {
        let lock = File::create(path.join("runtime-of-test")).unwrap();
        Self { name: name.to_owned(), path: path.to_owned(), _lock: lock }
    }

    /// The bundle.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the container is to be.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// The file that takes the process id of the container's first process.
    pub fn pid_file(&self) -> PathBuf {
        self.path.join("pid")
    }

    /// What the runtime keeps of it.
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// Whether the runtime still knows the container.
    pub fn has_state(&self) -> bool {
        self.state().join(&self.name).exists()
    }

    /// Removes it, and the folder of all of them when it was the last.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> Result<(), Cause> {
        std::fs::remove_dir_all(&self.path)
            .map_err(|error| Cause::io(format!("remove {}", self.path.display()), error))?;
        // Another container may still be there: then this fails, as it should.
        let _ = std::fs::remove_dir(BASE);
        Ok(())
    }
}

/// Ends and removes every container that a killed run has left behind, and says how many there were; and removes the
/// control groups of its processes. What a run that lives holds is left alone: only one run measures at a time.
///
/// # Errors
/// One of them cannot be removed; the message names it.
pub fn remove_leftovers() -> Result<usize, Cause> {
    group::remove_leftovers()?;
    let Ok(entries) = std::fs::read_dir(BASE) else { return Ok(0) };
    let mut count = 0;
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let file = path.join("runtime");
        // Killed before it could even be written down: then nothing has been started, and the folder is empty.
        if std::fs::remove_dir(&path).is_ok() {
            continue;
        }
        let failed = |doing: &str, error| Cause::io(format!("{doing} {}", file.display()), error);
        let mut lock = File::open(&file).map_err(|error| failed("open", error))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let mut program = String::new();
        lock.read_to_string(&mut program).map_err(|error| failed("read", error))?;
        // Of one that containerd held there is no state here: it has ended with that, but its groups are still there.
        let runtime = Runtime { program: program.into(), options: Vec::new(), through: None };
        let folder = Folder { name, path, _lock: lock };
        if folder.has_state() {
            runtime.delete(&folder, &Pinning::default(), "leftovers")?;
        }
        groups::remove(&folder.name)?;
        folder.remove()?;
        count += 1;
    }
    Ok(count)
}
