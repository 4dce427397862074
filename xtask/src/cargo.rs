//! `cargo build` with a bar: how many crates there are is remembered from the last time, or counted in the
//! dependency tree.

use crate::process::{cargo_artifact, check, command, lines};
use crate::progress::Progress;
use crate::project::Project;
use crate::setup::TargetToolchain;
use crate::stage;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What to build.
pub struct Build<'a> {
    /// Package name.
    pub package: &'a str,
    /// Select the whole workspace and of it only the package's program. Cargo unifies features over what is
    /// selected: a program built so shares its dependencies with `cargo test --workspace`.
    pub within_workspace: bool,
    /// Cargo profile: `release` for what is measured, `tools` for what measures.
    pub profile: &'a str,
    /// Further arguments, such as features.
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

    /// Builds, drawing progress.
    ///
    /// # Errors
    /// The build failed; cargo's own messages stand above.
    pub fn run(&self, project: &Project, progress: &Progress) -> Result<()> {
        let cargo = self.toolchain.map_or_else(|| PathBuf::from("cargo"), |t| t.cargo.clone());
        let mut build = command(cargo);
        build.current_dir(&project.root).arg("build");
        if let Some(toolchain) = self.toolchain {
            // RUSTFLAGS would silently win over the toolchain's own.
            build.env_remove("RUSTFLAGS").args(&toolchain.arguments).envs(&toolchain.env);
            build.args(["--target", &toolchain.triple]);
        }
        build.args(["--locked", "--profile", self.profile]).args(self.selection());
        build.args(self.arguments).envs(self.env.iter().copied());
        build.envs(project.cargo_folders());
        build.args(["--quiet", "--message-format=json-render-diagnostics"]);

        let memory = format!("units-{}", self.key());
        progress.begin(&self.title(), self.expected_count(project, &memory));
        let (mut ready_count, mut compiled_count) = (0u64, 0u64);
        let ended = lines(&mut build, |line| {
            if let Some((name, is_new)) = cargo_artifact(line) {
                ready_count += 1;
                compiled_count += u64::from(is_new);
                progress.tick(&name);
            }
        });
        // The command line would fill a screen, and says less than what cargo has said.
        let judged = ended.and_then(|status| check(&self.title(), status));
        judged.context("cargo's messages stand above").inspect_err(|_| progress.abandon())?;
        progress.end(&format!("{compiled_count} of {ready_count} crates compiled"));
        let remembered = project.state.join("stamps").join(memory);
        stage::write(&remembered, ready_count.to_string().as_bytes())
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
        let mut tree = command("cargo");
        tree.current_dir(&project.root).args(["tree", "--locked", "--prefix", "none"]);
        tree.args(["--edges", "no-dev", "--format", "{p}", "--package", self.package]);
        if let Some(triple) = self.triple() {
            tree.args(["--target", triple]);
        }
        tree.args(self.arguments).stderr(std::process::Stdio::null());
        let mut packages = BTreeSet::new();
        // A count that cannot be had only costs the bar its end.
        let _ = lines(&mut tree, |line| {
            packages.insert(line.trim_end_matches(" (*)").to_owned());
        });
        packages.len() as u64
    }
}
