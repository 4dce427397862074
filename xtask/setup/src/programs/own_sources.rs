//! Programs that are compiled from this repository: one that lies here serves only as long as it was made of the
//! sources that the checkout holds now. Its version does not tell: it stays the same from one change to the next.

use super::folder_name;
use anyhow::{Context as _, Result};
use std::path::Path;
use weighbridge_project::sources::digest_outside_workspace;
use weighbridge_schema::program::{Installed, Programs, RECORD, Source};

/// The digest of the sources in the record of an installed program, and so in the manifest of a run.
pub(super) const SOURCES: &str = "sources_sha256";
/// The record of a program that was made of other sources: nobody finds it there.
const ASIDE: &str = "program.json.of-other-sources";

/// Sets aside what was compiled from other sources than the checkout's, and takes back what was set aside and is of
/// these; `installed` is the folder of all programs. What was set aside is not installed, for whoever looks: set-up
/// compiles it again when it is asked.
///
/// # Errors
/// The sources cannot be read, or the record cannot be renamed.
pub(crate) fn set_aside(
    checkout: &Path,
    (programs, installed): (&Programs, &Path),
    reporter: &dyn Fn(&str),
) -> Result<()> {
    for (name, program) in programs {
        let own = program.sources.iter().find_map(|source| match source {
            Source::Repository { folder, .. } => Some(folder),
            _ => None,
        });
        let Some(folder) = own else { continue };
        let root = installed.join(folder_name(name, &program.version));
        let (record, aside) = (root.join(RECORD), root.join(ASIDE));
        if !record.is_file() && !aside.is_file() {
            continue;
        }
        let digest = digest_outside_workspace(checkout, folder)?;
        if is_made_of(&aside, &digest) {
            rename(&aside, &record)?;
        } else if record.is_file() && !is_made_of(&record, &digest) {
            rename(&record, &aside)?;
            reporter(&format!(
                "{name} was compiled from other sources than those of {folder} and what it depends on: it is not used"
            ));
        }
    }
    Ok(())
}

/// One that does not tell what it was made of was made of something else.
fn is_made_of(record: &Path, digest: &str) -> bool {
    let read = std::fs::read_to_string(record).ok();
    let installed = read.and_then(|text| serde_json::from_str::<Installed>(&text).ok());
    installed
        .is_some_and(|installed| installed.detail.get(SOURCES).is_some_and(|sha| sha == digest))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .with_context(|| format!("rename {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use weighbridge_project::files::write;
    use weighbridge_schema::program::Program;

    const CRATE: &str =
        "[package]\nname = \"shim\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";

    /// Makes a checkout whose shim is compiled from `shim/`.
    fn checkout(root: &Path) -> Programs {
        write(&root.join("Cargo.toml"), b"[workspace]\nmembers = []\n").unwrap();
        write(&root.join("Cargo.lock"), b"").unwrap();
        write(&root.join("rust-toolchain.toml"), b"").unwrap();
        write(&root.join("shim/Cargo.toml"), CRATE.as_bytes()).unwrap();
        change(root, "before");
        let source = Source::Repository {
            folder: "shim".to_owned(),
            program: "shim".to_owned(),
            needs: Vec::new(),
            minutes: [1, 2],
        };
        let program = Program {
            version: "0.1.0".to_owned(),
            reports: None,
            licence: "MIT".to_owned(),
            sources: vec![source],
        };
        Programs::from([("shim".parse().unwrap(), program)])
    }

    fn change(root: &Path, text: &str) {
        write(&root.join("shim/src/main.rs"), format!("//! {text}\n").as_bytes()).unwrap();
    }

    #[test]
    fn what_was_compiled_before_a_change_is_not_used_and_comes_back_with_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (programs, installed) = (checkout(&root), root.join("state/programs"));
        let own = installed.join("shim-0.1.0");
        let install = |detail: BTreeMap<String, String>| {
            let installed = Installed {
                command: Vec::new(),
                program: root.join("Cargo.toml").display().to_string(),
                libraries: Vec::new(),
                provider: "repository".to_owned(),
                detail,
            };
            write(&own.join(RECORD), &serde_json::to_vec(&installed).unwrap()).unwrap();
        };
        let said = RefCell::new(Vec::new());
        let is_there = || {
            let reporter = |line: &str| said.borrow_mut().push(line.to_owned());
            set_aside(&root, (&programs, &installed), &reporter).unwrap();
            own.join(RECORD).is_file()
        };
        assert!(!is_there(), "nothing is installed");
        let digest = digest_outside_workspace(&root, "shim").unwrap();
        install(BTreeMap::from([(SOURCES.to_owned(), digest)]));
        assert!(is_there(), "of these sources");
        assert!(said.borrow().is_empty());
        change(&root, "after");
        assert!(!is_there(), "of other sources");
        assert!(
            said.borrow()[0].starts_with("shim was compiled from other sources than those of shim")
        );
        change(&root, "before");
        assert!(is_there(), "the sources are back");
        install(BTreeMap::new());
        assert!(!is_there(), "of an earlier set-up, which did not write down its sources");
    }
}
