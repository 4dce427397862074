//! `cargo build` with a bar: how many crates there are is remembered from the last time, or counted in the
//! dependency tree.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use weighbridge_project::files;
use weighbridge_project::process::{Beside, Crate, cargo_artifact, check, command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::settings;
use weighbridge_setup::TargetToolchain;

/// What to build.
pub struct Build<'a> {
    /// Package name.
    pub package: &'a str,
    /// Select the whole workspace and of it only the package's program. Cargo unifies features over what is
    /// selected: a program built so shares its dependencies with `cargo test --workspace`.
    pub within_workspace: bool,
    /// Cargo profile: `release` for what is measured, `tools` for what measures.
    pub profile: &'a str,
    /// Additional arguments, such as features.
    pub arguments: &'a [&'a str],
    /// The target's toolchain; `None` builds for this machine as cargo would by itself.
    pub toolchain: Option<&'a TargetToolchain>,
    /// Environment variables of the build.
    pub env: &'a [(&'a str, &'a str)],
}

impl Build<'_> {
    fn triple(&self) -> Option<&str> {
        self.toolchain.map(|toolchain| toolchain.triple.as_str())
    }

    fn cargo(&self) -> PathBuf {
        self.toolchain.map_or_else(|| PathBuf::from("cargo"), |toolchain| toolchain.cargo.clone())
    }

    /// The call of cargo in the checkout, which says nothing but errors.
    ///
    /// # Errors
    /// The profile's settings cannot be read.
    pub(crate) fn called(&self, project: &Project) -> Result<Command> {
        let mut build = command(self.cargo());
        build.current_dir(&project.root).arg("build");
        build.args(settings::arguments(project, self.profile)?);
        build.envs(settings::EMPTY_ALWAYS.map(|variable| (variable, "")));
        if let Some(toolchain) = self.toolchain {
            build.envs(settings::EMPTY.map(|variable| (variable, "")));
            build.args(&toolchain.arguments).envs(&toolchain.env);
            build.args(["--target", &toolchain.triple]);
        } else {
            build.env(settings::FLAGS, "");
        }
        build.args(["--locked", "--profile", self.profile]).args(self.selection());
        build.args(self.arguments).envs(self.env.iter().copied());
        build.envs(project.cargo_folders());
        build.arg("--quiet");
        Ok(build)
    }

    /// Begins to build while something else is done. Cargo lets one build at a time into the folder of a profile:
    /// [`run`](Self::run) waits for this one's end, and has little left to do then.
    ///
    /// # Errors
    /// Cargo cannot be started.
    pub(crate) fn beside(&self, project: &Project) -> Result<Beside> {
        Beside::start(&mut self.called(project)?)
    }

    /// Builds, drawing progress.
    ///
    /// # Errors
    /// The build failed; cargo's own messages stand above.
    pub fn run(&self, project: &Project, progress: &Progress) -> Result<()> {
        let of_profile = settings::of_profile(project, self.profile)?;
        let mut build = self.called(project)?;
        build.arg("--message-format=json-render-diagnostics");

        let memory = format!("units-{}", self.key());
        let begun = Instant::now();
        progress.begin(&self.title(), self.expected_count(project, &memory));
        let (mut ready_count, mut compiled_count) = (0u64, 0u64);
        let (mut made, mut other) = (None, None);
        let ended = lines(&mut build, |line| {
            if let Some(ready) = cargo_artifact(line) {
                ready_count += 1;
                compiled_count += u64::from(ready.is_new);
                progress.tick(&ready.name);
                if self.is_otherwise(&ready, &of_profile["opt-level"]) {
                    other = Some(ready.name.clone());
                }
                made = ready.program.filter(|_| ready.name == self.package).or(made.take());
            }
        });
        // The command line would fill a screen, and says less than what cargo has said.
        ended
            .and_then(|status| check(&self.title(), status))
            .context("cargo's messages stand above")
            .and_then(|()| self.check_place(project, made.as_deref()))
            .and_then(|()| self.check_settings(other))
            .inspect_err(|_| progress.abandon())?;
        progress.end(&format!("{compiled_count} of {ready_count} crates compiled"));
        if compiled_count * 4 >= ready_count {
            let longest = self.remembered_duration(project).max(Some(begun.elapsed()));
            let seconds = longest.unwrap_or_default().as_secs().to_string();
            files::write(&self.duration_file(project), seconds.as_bytes())?;
        }
        let remembered = project.state.join("stamps").join(memory);
        files::write(&remembered, ready_count.to_string().as_bytes())
    }

    /// The command that lists the crates which it builds, one a line, each perhaps several times.
    pub(crate) fn listed(&self, project: &Project) -> Command {
        let mut tree = command(self.cargo());
        tree.current_dir(&project.root).args(["tree", "--locked", "--prefix", "none"]);
        tree.args(["--edges", "no-dev", "--format", "{p}", "--package", self.package]);
        if let Some(triple) = self.triple() {
            tree.args(["--target", triple]);
        }
        // Which of the package's targets is built is nothing that `cargo tree` could be told.
        let mut words = self.arguments.iter().copied();
        while let Some(word) = words.next() {
            match word {
                "--lib" => {}
                "--bin" => {
                    words.next();
                }
                other => {
                    tree.arg(other);
                }
            }
        }
        tree
    }

    /// Where the duration of the longest build is kept, of those that have compiled a quarter of the
    /// crates: the others may be shared with a build before, and what has compiled less says nothing
    /// of a build from nothing.
    fn duration_file(&self, project: &Project) -> PathBuf {
        project.state.join("stamps").join(format!("seconds-{}", self.key()))
    }

    /// How long it took here at most; `None` when that is not remembered.
    pub(crate) fn remembered_duration(&self, project: &Project) -> Option<Duration> {
        let text = std::fs::read_to_string(self.duration_file(project)).ok()?;
        Some(Duration::from_secs(text.trim().parse().ok()?))
    }

    /// A file's `build.target` cannot be taken back on the command line: what lies in the usual
    /// place would be an older program.
    fn check_place(&self, project: &Project, made: Option<&Path>) -> Result<()> {
        let (Some(made), None) = (made, self.toolchain) else { return Ok(()) };
        let expected = project.target.join(self.profile).join(self.package);
        ensure!(
            made == expected,
            "cargo made {} and not {}: a configuration file of yours (CARGO_HOME/config.toml, or .cargo/config.toml above \
             the checkout) sets `build.target`; take it out",
            made.display(),
            expected.display()
        );
        Ok(())
    }

    /// Whether a crate of the target was optimised in another way than the profile says.
    fn is_otherwise(&self, ready: &Crate, level: &str) -> bool {
        // Not what runs while building; and the standard library's crates may have a level of their
        // own.
        let of_target = self.triple().is_some_and(|triple| {
            ready.file.iter().flat_map(|file| file.components()).any(|p| p.as_os_str() == triple)
        });
        let has_own_std = self.toolchain.is_some_and(|toolchain| !toolchain.arguments.is_empty());
        let is_ours = ready.name.replace('_', "-").starts_with("weighbridge-");
        of_target
            && (is_ours || !has_own_std)
            && ready.optimisation.as_deref().is_some_and(|own| own != level.trim_matches('"'))
    }

    fn check_settings(&self, other: Option<String>) -> Result<()> {
        let Some(other) = other else { return Ok(()) };
        bail!(
            "{other} was built with other settings than Cargo.toml's profile `{}`: a configuration file of yours \
             (CARGO_HOME/config.toml, or .cargo/config.toml above the checkout) has `profile.{}.package.{other}`; take it out",
            self.profile,
            self.profile
        )
    }

    fn selection(&self) -> Vec<&str> {
        if self.within_workspace {
            vec!["--workspace", "--bin", self.package]
        } else {
            vec!["--package", self.package]
        }
    }

    fn key(&self) -> String {
        let triple = self.triple().unwrap_or("host");
        let features = self.arguments.join("").replace("--", "-");
        format!("{}-{triple}-{}{features}", self.package, self.profile)
    }

    fn title(&self) -> String {
        let features = self.arguments.iter().map(|a| format!(" {a}")).collect::<String>();
        match self.triple() {
            Some(triple) => format!("build {}{features} for {triple}", self.package),
            None => format!("build {}{features}", self.package),
        }
    }

    fn expected_count(&self, project: &Project, memory: &str) -> u64 {
        let remembered = std::fs::read_to_string(project.state.join("stamps").join(memory));
        if let Some(count) = remembered.ok().and_then(|text| text.parse().ok()) {
            return count;
        }
        let mut tree = self.listed(project);
        tree.stderr(std::process::Stdio::null());
        let mut packages = BTreeSet::new();
        // A count that cannot be had only costs the bar its end.
        let _ = lines(&mut tree, |line| {
            packages.insert(line.trim_end_matches(" (*)").to_owned());
        });
        packages.len() as u64
    }
}

#[cfg(test)]
mod tests;
