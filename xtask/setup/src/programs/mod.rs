//! Programs that subjects are run by and that we do not build: asked for one by one, since some take half an hour.
//! Each lies in a folder of its own below the state folder, named after it and its version, so that several versions
//! can be measured side by side.

mod cargo_install;
mod made;
mod nix;
mod npm;
mod own_sources;
mod pypi;
mod released;
mod relinked;
mod separate_root;

use crate::context::Context;
use anyhow::{Context as _, Result, bail};
use cargo_install::Origin;
use made::Made;
pub(crate) use own_sources::set_aside;
pub use released::released;
use std::path::{Path, PathBuf};
use weighbridge_machine::ask;
use weighbridge_project::process::command as start;
use weighbridge_project::progress::Progress;
use weighbridge_project::sources::digest_outside_workspace;
use weighbridge_schema::name::ProgramName;
use weighbridge_schema::program::{Installed, Program, RECORD, Source, folder_name};

/// The folder of all of them.
#[must_use]
pub fn folder(state: &Path) -> PathBuf {
    state.join(weighbridge_project::project::PROGRAMS)
}

/// What set-up has installed in that version; `None` when it has not, or when it is gone since.
#[must_use]
pub fn installed(state: &Path, name: &ProgramName, version: &str) -> Option<Installed> {
    installed_in(&folder(state), name, version)
}

/// The same, of another folder of programs.
#[must_use]
pub fn installed_in(programs: &Path, name: &ProgramName, version: &str) -> Option<Installed> {
    let record = programs.join(folder_name(name, version)).join(RECORD);
    let installed: Installed = serde_json::from_str(&std::fs::read_to_string(record).ok()?).ok()?;
    Path::new(&installed.program).is_file().then_some(installed)
}

/// One program in one version.
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a ProgramName,
    /// Its entry in `experiments/subjects.toml`.
    pub program: &'a Program,
    /// Another version than the pinned one.
    pub version: Option<&'a str>,
    /// Words after the program that make it say its version.
    pub ask_version: &'a [String],
}

impl Wanted<'_> {
    /// The version that is wanted.
    #[must_use]
    pub fn version(&self) -> &str {
        self.version.unwrap_or(&self.program.version)
    }

    /// What the program must say when it is asked its version.
    fn reported(&self) -> &str {
        let of_pinned = self.program.reports.as_deref().filter(|_| self.version.is_none());
        of_pinned.unwrap_or(self.version())
    }

    /// Installs it from the first source that works, and writes down how it is started. Says what the program said when
    /// it was asked its version.
    ///
    /// # Errors
    /// No source worked; the message says of each why not.
    pub fn install(&self, context: &Context<'_>, progress: &Progress) -> Result<String> {
        let mut refused = Vec::new();
        for source in &self.program.sources {
            match self.try_source(source, context, progress) {
                Ok(printed) => return Ok(printed),
                Err(error) if weighbridge_project::process::interrupted() => return Err(error),
                Err(error) => refused.push(match provider(source) {
                    Some(provider) => format!("{provider}: {error:#}"),
                    None => format!("{error:#}"),
                }),
            }
        }
        bail!("{} {} cannot be had here: {}", self.name, self.version(), refused.join("; "))
    }

    fn try_source(
        &self,
        source: &Source,
        context: &Context<'_>,
        progress: &Progress,
    ) -> Result<String> {
        let root = folder(&context.state).join(folder_name(self.name, self.version()));
        // Without its record the folder is unfinished, of this try or of an earlier one.
        let _ = std::fs::remove_dir_all(&root);
        let tried = self.make(source, &root, context, progress).and_then(|made| {
            let printed = self.ask(&made.command, matches!(source, Source::Debian { .. }))?;
            write_record(&root, made, provider(source).unwrap_or_default())?;
            Ok(printed)
        });
        if tried.is_err() {
            let _ = std::fs::remove_dir_all(&root);
        }
        tried
    }

    fn make(
        &self,
        source: &Source,
        root: &Path,
        context: &Context<'_>,
        progress: &Progress,
    ) -> Result<Made> {
        match source {
            Source::Cargo { package, program, features, needs, minutes } => {
                let wanted = cargo_install::Crate {
                    package,
                    origin: Origin::Registry(self.version()),
                    program,
                    features: features.as_deref(),
                    needs,
                    minutes: *minutes,
                };
                cargo_install::install(context, &wanted, root, progress)
            }
            Source::Debian { .. } | Source::Nix { .. } | Source::Repository { .. }
                if self.version.is_some() =>
            {
                bail!("it has the pinned version only")
            }
            Source::Nix { package, program } => nix::build(context, package, program, root),
            Source::Repository { folder, program, needs, minutes } => {
                // Before it is compiled: a change in the meantime is another program.
                let digest = digest_outside_workspace(&context.repo, folder)?;
                let folder = context.repo.join(folder);
                let wanted = cargo_install::Crate {
                    package: program,
                    origin: Origin::Folder(&folder),
                    program,
                    features: None,
                    needs,
                    minutes: *minutes,
                };
                let mut made = cargo_install::install(context, &wanted, root, progress)?;
                made.detail.insert(own_sources::SOURCES.to_owned(), digest);
                Ok(made)
            }
            Source::Unavailable { reason } => bail!("{reason}"),
            Source::Debian { suite, package, package_version, program, with, relinked } => {
                let mut packages = vec![format!("{package}={package_version}")];
                packages.extend_from_slice(with);
                let wanted = separate_root::Wanted { suite, package, packages, program, relinked };
                separate_root::unpack(context, &wanted, root)
            }
            Source::Npm { package, program, native } => {
                let version = self.version();
                let wanted = npm::Package { package, version, program, is_native: *native };
                npm::install(context, &wanted, root)
            }
            Source::Pypi { package, program, sha256 } => {
                let version = self.version();
                let sha256 = sha256.get(version).map_or(&[][..], Vec::as_slice);
                pypi::install(context, &pypi::Wheel { package, version, program, sha256 }, root)
            }
        }
    }

    /// It must run here and be the version that was requested. One from a package may keep silent about it, as Debian's
    /// wazero does (`dev`): the package was requested by its exact version.
    fn ask(&self, command: &[String], is_packaged: bool) -> Result<String> {
        let words = [command, self.ask_version].concat();
        let shown = words.join(" ");
        let (program, arguments) = words.split_first().context("no command")?;
        let output = ask::output(start(program).args(arguments), ask::LIMIT);
        let output = output.with_context(|| format!("run `{shown}`"))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let printed = printed.lines().next().unwrap_or_default().trim().to_owned();
        let states_none = !printed.contains(|letter: char| letter.is_ascii_digit());
        let expected = self.reported();
        let is_right = printed.contains(expected) || (is_packaged && states_none);
        if !output.status.success() || !is_right {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "`{shown}` said `{printed}` and not {expected} ({}) {}",
                output.status,
                errors.trim()
            );
        }
        Ok(printed)
    }
}

/// The source's name in records; `None` where it provides nothing.
fn provider(source: &Source) -> Option<&'static str> {
    match source {
        Source::Cargo { .. } => Some("cargo"),
        Source::Debian { .. } => Some("debian"),
        Source::Nix { .. } => Some("nix"),
        Source::Npm { .. } => Some("npm"),
        Source::Pypi { .. } => Some("pypi"),
        Source::Repository { .. } => Some("repository"),
        Source::Unavailable { .. } => None,
    }
}

fn write_record(root: &Path, made: Made, provider: &str) -> Result<()> {
    let installed = Installed {
        command: made.command,
        program: made.program.display().to_string(),
        libraries: made.libraries.iter().map(|path| path.display().to_string()).collect(),
        provider: provider.to_owned(),
        detail: made.detail,
    };
    weighbridge_project::files::write(&root.join(RECORD), &serde_json::to_vec_pretty(&installed)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    #[test]
    fn what_no_source_has_is_refused_with_what_each_of_them_said() {
        let (machine, bench) = (FakeMachine::debian(), Bench::new("unavailable"));
        let program = Program {
            version: "4.0.2".to_owned(),
            reports: None,
            licence: "Apache-2.0".to_owned(),
            sources: vec![
                Source::Nix { package: "fermyon-spin".to_owned(), program: "bin/spin".to_owned() },
                Source::Unavailable { reason: "no registry has it".to_owned() },
            ],
        };
        let name = "spin".parse().unwrap();
        let install = |version| {
            let wanted = Wanted { name: &name, program: &program, version, ask_version: &[] };
            let tried =
                bench.call(&machine, false, |context| wanted.install(context, &Progress::new()));
            tried.unwrap_err().to_string()
        };
        let error = install(None);
        assert!(
            error.starts_with("spin 4.0.2 cannot be had here: nix: there is no nix"),
            "{error}"
        );
        assert!(error.ends_with("; no registry has it"), "{error}");
        let error = install(Some("3.0.0"));
        assert!(error.contains("nix: it has the pinned version only"), "{error}");
        assert!(installed(&bench.state, &name, "4.0.2").is_none());
    }

    #[test]
    fn the_pinned_version_may_call_itself_otherwise_and_another_one_says_its_own() {
        let program = Program {
            version: "1.20261117.1".to_owned(),
            reports: Some("2026-11-17".to_owned()),
            licence: "Apache-2.0".to_owned(),
            sources: Vec::new(),
        };
        let name = "workerd".parse().unwrap();
        let ask_version = ["workerd 2026-11-17".to_owned()];
        let ask_version = &ask_version;
        let wanted = |version| Wanted { name: &name, program: &program, version, ask_version };
        let echo = ["echo".to_owned()];
        assert_eq!(wanted(None).ask(&echo, false).unwrap(), "workerd 2026-11-17");
        let error = wanted(Some("1.20261001.0")).ask(&echo, false).unwrap_err().to_string();
        assert!(error.contains("and not 1.20261001.0"), "{error}");
    }
}
