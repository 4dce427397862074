//! Programs that we do not build: those that set-up has installed for us, and those of this machine.

use crate::inventory::digest::sha256_file;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::manifest::ProgramEntry;
use weighbridge_schema::name::ProgramName;
use weighbridge_schema::program::{self, Installed};

/// A program that subjects are run by.
#[derive(Debug, Clone)]
pub struct Program {
    /// The words that start it: the program, or a loader with its options and then the program.
    pub command: Vec<String>,
    /// The file that is the program itself.
    pub file: PathBuf,
    /// The folder that set-up installed it into; `None` of a program on PATH.
    pub folder: Option<PathBuf>,
    /// The shared libraries that came with it.
    pub libraries: Vec<PathBuf>,
    /// What the manifest says of it.
    pub entry: ProgramEntry,
}

impl Program {
    /// Its own path, or that of the program `beside` it.
    #[must_use]
    pub fn path(&self, beside: Option<&str>) -> PathBuf {
        beside.map_or_else(|| self.file.clone(), |other| self.file.with_file_name(other))
    }

    /// The words that start it, or the program `beside` it, the same way.
    #[must_use]
    pub fn command(&self, beside: Option<&str>) -> Vec<String> {
        let mut command = self.command.clone();
        if let (Some(_), Some(last)) = (beside, command.last_mut()) {
            *last = self.path(beside).to_string_lossy().into_owned();
        }
        command
    }
}

/// The program that set-up has installed in that version below `folder`; else, where no version was requested other
/// than the pinned one, the one on PATH, whatever its version: what is measured states its own.
///
/// # Errors
/// It is not there, or its record cannot be read; the message says why, where no source of `pinned` has it.
pub fn locate(
    folder: Option<&Path>,
    name: &ProgramName,
    version: Option<&str>,
    pinned: &program::Program,
) -> Result<Program> {
    let wanted = version.unwrap_or(&pinned.version);
    let own = folder.map(|folder| folder.join(program::folder_name(name, wanted)));
    let own = own.filter(|own| own.join(program::RECORD).is_file());
    if let Some(own) = own {
        let record = own.join(program::RECORD);
        let text = std::fs::read_to_string(&record)
            .with_context(|| format!("read {}", record.display()))?;
        let installed: Installed =
            serde_json::from_str(&text).with_context(|| format!("parse {}", record.display()))?;
        let file = PathBuf::from(installed.program);
        let entry = ProgramEntry {
            provider: installed.provider,
            sha256: sha256_file(&file)?,
            detail: installed.detail,
        };
        let libraries = installed.libraries.into_iter().map(PathBuf::from).collect();
        let folder = Some(own);
        return Ok(Program { command: installed.command, file, folder, libraries, entry });
    }
    let found = find(name.as_str()).filter(|_| version.is_none());
    let file = found.with_context(|| match pinned.unavailable() {
        Some(why) => format!("{name} {wanted} is not installed: {why}"),
        None => format!("{name} {wanted} is not installed"),
    })?;
    let entry = ProgramEntry {
        provider: "path".to_owned(),
        sha256: sha256_file(&file)?,
        detail: BTreeMap::new(),
    };
    let command = vec![file.to_string_lossy().into_owned()];
    Ok(Program { command, file, folder: None, libraries: Vec::new(), entry })
}

/// Folders where daemons and OCI runtimes lie, and that are not on every user's PATH.
const ADDITIONAL: [&str; 6] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/libexec",
    "/usr/lib/podman",
];

/// Where the program of that name is: on PATH, or in one of the folders of engines.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(ADDITIONAL.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_and_a_missing_one_is_not() {
        assert!(find("sh").is_some_and(|path| path.ends_with("sh")));
        assert_eq!(find("no-such-program"), None);
    }

    #[test]
    fn the_installed_version_goes_before_the_one_on_path_and_another_version_is_not_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let name: ProgramName = "sh".parse().unwrap();
        let own = folder.path().join("sh-1.2");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("sh"), "the program").unwrap();
        let installed = Installed {
            command: vec!["/loader".to_owned(), own.join("sh").display().to_string()],
            program: own.join("sh").display().to_string(),
            libraries: Vec::new(),
            provider: "debian".to_owned(),
            detail: BTreeMap::from([("sh".to_owned(), "1.2-3".to_owned())]),
        };
        let record = serde_json::to_string(&installed).unwrap();
        std::fs::write(own.join(program::RECORD), record).unwrap();

        let pinned = |version: &str, sources| program::Program {
            version: version.to_owned(),
            reports: None,
            licence: "MIT".to_owned(),
            sources,
        };
        let root = own;
        let own = locate(Some(folder.path()), &name, None, &pinned("1.2", Vec::new())).unwrap();
        assert_eq!(
            own.command(Some("ash")),
            ["/loader".to_owned(), root.join("ash").display().to_string()]
        );
        assert_eq!(own.folder, Some(root));
        assert_eq!((own.command, own.entry.provider.as_str()), (installed.command, "debian"));
        let on_path = locate(Some(folder.path()), &name, None, &pinned("1.3", Vec::new())).unwrap();
        assert_eq!(on_path.entry.provider, "path");
        let other = locate(Some(folder.path()), &name, Some("1.3"), &pinned("1.2", Vec::new()));
        assert_eq!(other.unwrap_err().to_string(), "sh 1.3 is not installed");
    }

    #[test]
    fn a_program_that_no_source_has_says_why() {
        let pinned = program::Program {
            version: "1.2".to_owned(),
            reports: None,
            licence: "MIT".to_owned(),
            sources: vec![program::Source::Unavailable { reason: "no registry has it".to_owned() }],
        };
        let name: ProgramName = "no-such-program".parse().unwrap();
        let error = locate(None, &name, None, &pinned).unwrap_err().to_string();
        assert_eq!(error, "no-such-program 1.2 is not installed: no registry has it");
    }
}
