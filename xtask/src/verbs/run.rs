//! `cargo xtask run`: measure, with the engine started for as long as that takes.

use super::setup::{for_manifest, need_name};
use super::{build, tools};
use crate::architecture::Architecture;
use crate::exit::{Exit, InterruptedError};
use crate::process::{command, with_events};
use crate::progress::Progress;
use crate::project::Project;
use crate::remote::Host;
use crate::setup::{Engines, Need, Setup, engine};
use crate::stage;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use weighbridge_schema::artifact::Provision;

mod inputs;

const STAGE: &str = "run";

/// What the user asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// Experiments by name; all when none is given.
    pub experiments: Vec<String>,
    /// Only these subjects, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub subject: Vec<String>,
    /// Only these workloads, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub workload: Vec<String>,
    /// How much is measured: smoke, quick or paper.
    #[arg(long, default_value = "quick")]
    pub profile: String,
    /// Seed of the plan's shuffle.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Architectures, separated by commas; what is not this machine's is emulated, and gives equivalence, sizes
    /// and instruction counts only. This machine's own when none is given.
    #[arg(long, value_delimiter = ',', value_name = "ARCH")]
    pub arch: Vec<Architecture>,
    /// Time to measure for, such as 30min: the cells whose intervals are widest against their claims come first.
    #[arg(long, value_name = "TIME")]
    pub budget: Option<String>,
}

impl Choice {
    /// Whether only a part is asked for: such a run makes no paper unless that is said.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        [&self.experiments, &self.subject, &self.workload].iter().any(|names| !names.is_empty())
    }

    /// The runner's options for it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = self.experiments.clone();
        arguments.extend(["--profile".to_owned(), self.profile.clone()]);
        arguments.extend(["--seed".to_owned(), self.seed.to_string()]);
        for (option, names) in [("--subject", &self.subject), ("--workload", &self.workload)] {
            if !names.is_empty() {
                arguments.extend([option.to_owned(), names.join(",")]);
            }
        }
        if !self.arch.is_empty() {
            let names: Vec<&str> =
                self.arch.iter().map(|architecture| architecture.name()).collect();
            arguments.extend(["--arch".to_owned(), names.join(",")]);
        }
        if let Some(budget) = &self.budget {
            arguments.extend(["--budget".to_owned(), budget.clone()]);
        }
        arguments
    }
}

/// What else a run may be.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Mode {
    /// Print the plan with an estimate of time and disk, and measure nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Go on with this interrupted run.
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// Measure there, as in ssh://me@host:22; several, separated by commas, share the blocks.
    #[arg(long, value_delimiter = ',', value_name = "MACHINE", conflicts_with = "dry_run")]
    pub on: Vec<Host>,
}

/// The needs of a run; the paper's come later.
pub const NEEDS: &[Need] = &[
    Need::CCompiler,
    Need::WasmComponent,
    Need::WasmCommand,
    Need::StaticNative,
    Need::Emulator,
    Need::ContainerEngine,
    Need::Podman,
    Need::OciRuntimes,
    Need::ImageDebian,
    Need::ImageAlpine,
];

/// The verb: always measures.
///
/// # Errors
/// The build failed, a name does not exist, or the runner failed.
pub fn run(project: &Project, choice: &Choice, mode: &Mode, progress: &Progress) -> Result<Exit> {
    let results = project.results();
    let made = match super::elsewhere::run(project, &results, choice, mode, progress)? {
        Some(folder) => Some(folder),
        None => {
            let needs = Need::with_foreign(NEEDS, &choice.arch);
            let setup = super::setup::provide(project, &needs, progress)?;
            let artifacts = build::artifacts(project, &setup, &choice.arch, false, progress)?;
            measure(project, &results, &setup, &artifacts, choice, mode, progress)?
        }
    };
    if let Some(folder) = made {
        println!("raw logs: {}", project.shown(&folder));
        println!("next: cargo xtask analyze {}", project.shown(&folder));
    }
    Ok(Exit::Done)
}

/// As [`run`], for a stage of `all`: what was measured with the same inputs is kept, whatever was
/// asked in between.
///
/// # Errors
/// As [`run`].
pub fn stage(
    project: &Project,
    setup: &Setup,
    artifacts: &Path,
    choice: &Choice,
    force: bool,
    progress: &Progress,
) -> Result<PathBuf> {
    let (_, runner_digest) = tools::ensure(project, tools::RUNNER, progress)?;
    let parts =
        inputs::of(project, artifacts, choice, &project.programs(), &runner_digest, progress)?;
    // Each question, asked in each state of the machine, has a stamp of its own.
    let stage = stage::of(STAGE, &parts.digest());
    // What a definition brings along lies anywhere: only measuring again is sure to see that it has changed.
    if !force
        && !asks_for_example(project, choice)
        && let Some(stamp) = stage::fresh(project, &stage, &parts.digest())
        && let Some(folder) = stamp.outputs.into_iter().next().map(|output| output.path)
    {
        progress.skipped(
            "run",
            &format!("{} is unchanged in all that decides", project.shown(&folder)),
        );
        return Ok(folder);
    }
    if let Some(why) = stage::why_another(project, STAGE, &parts, inputs::ASKED) {
        progress.note(&format!("  measured again: {why}"));
    }
    let folder = into(project, &project.results(), setup, artifacts, choice, progress)?;
    stage::done_with(project, &stage, &parts, std::slice::from_ref(&folder), "measured")?;
    Ok(folder)
}

/// Measures into another folder than the usual one.
///
/// # Errors
/// As [`run`].
pub fn into(
    project: &Project,
    results: &Path,
    setup: &Setup,
    artifacts: &Path,
    choice: &Choice,
    progress: &Progress,
) -> Result<PathBuf> {
    measure(project, results, setup, artifacts, choice, &Mode::default(), progress)?
        .context("the runner ended without saying where its run is")
}

fn asks_for_example(project: &Project, choice: &Choice) -> bool {
    let folder = project.path("experiments/examples");
    choice.experiments.iter().any(|name| folder.join(format!("{name}.toml")).is_file())
}

fn measure(
    project: &Project,
    results: &Path,
    setup: &Setup,
    artifacts: &Path,
    choice: &Choice,
    mode: &Mode,
    progress: &Progress,
) -> Result<Option<PathBuf>> {
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    // Held to the end of this function: engines that we started are stopped then.
    let engines = engine::ensure(&project.setup_context(&reporter))?;
    let provisions = project.state.join("provisions.json");
    stage::write(&provisions, &serde_json::to_vec_pretty(&with_engines(setup, &engines)?)?)?;

    let mut measuring = command(&runner);
    measuring.current_dir(&project.root).arg("run").args(choice.arguments());
    measuring.arg("--artifacts").arg(artifacts).arg("--results").arg(results);
    measuring.arg("--provisions").arg(&provisions);
    measuring.arg("--programs").arg(project.programs());
    measuring.args(["--claims", "analysis/claims.toml"]);
    engines.tell(&mut measuring);
    if let Some(run) = &mode.resume {
        measuring.args(["--resume", run]);
    }
    if mode.dry_run {
        measuring.arg("--dry-run");
        crate::process::run(&mut measuring)?;
        return Ok(None);
    }
    measuring.args(["--progress", "json"]);
    let (made, code) = with_events(&mut measuring, progress).inspect_err(|_| progress.abandon())?;
    match code {
        0 => {
            progress.end("done");
            Ok(made.map(PathBuf::from))
        }
        130 => {
            progress.abandon();
            Err(InterruptedError.into())
        }
        code => {
            progress.abandon();
            anyhow::bail!("the runner ended with exit code {code}; its message stands above")
        }
    }
}

/// The provisions, with what became of the engines when they were really needed.
fn with_engines(setup: &Setup, engines: &Engines) -> Result<Vec<Provision>> {
    let mut provisions = for_manifest(setup)?;
    for engine in engines.iter() {
        let need = need_name(engine.need)?;
        let (detail, remedy) = match &engine.missing {
            Some((reason, remedy)) => (reason.clone(), Some(remedy.clone())),
            None => {
                let parts = engine.detail.iter().map(|(name, value)| format!("{name} {value}"));
                (parts.collect::<Vec<_>>().join(", "), None)
            }
        };
        provisions.retain(|provision| provision.need != need);
        provisions.push(Provision { need, provider: engine.provider.clone(), detail, remedy });
    }
    Ok(provisions)
}

#[cfg(test)]
mod tests {
    use super::super::analyze::Output;
    use super::*;

    #[test]
    fn a_part_leaves_the_paper_alone_and_writes_beside_its_run() {
        let narrow = |choice: Choice| choice.is_narrow();
        let named = || vec!["one".to_owned()];
        assert!(narrow(Choice { experiments: named(), ..Choice::default() }));
        assert!(narrow(Choice { subject: named(), ..Choice::default() }));
        assert!(narrow(Choice { workload: named(), ..Choice::default() }));
        assert!(!narrow(Choice { profile: "paper".to_owned(), ..Choice::default() }));
        let folder = Path::new("/checkout/results/2026-quick");
        let output = Output::of_run(folder);
        for made in [&output.generated, &output.report, &output.pdf] {
            assert!(made.starts_with(folder.join("report")), "{}", made.display());
        }
    }

    #[test]
    fn architectures_are_handed_on_only_when_they_were_asked_for() {
        let mut choice = Choice::default();
        assert!(!choice.arguments().contains(&"--arch".to_owned()));
        choice.arch = vec![Architecture::X86_64, Architecture::Aarch64];
        let arguments = choice.arguments();
        let index = arguments.iter().position(|argument| argument == "--arch").unwrap();
        assert_eq!(arguments[index + 1], "x86_64,aarch64");
    }
}
