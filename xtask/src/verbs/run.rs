//! `cargo xtask run`: measure, with the engine started for as long as that takes.

use super::setup::{for_manifest, need_name};
use super::{build, failures, tools, unfinished};
use crate::architecture::Architecture;
use crate::asked;
use crate::exit::{Exit, InterruptedError, ToldError};
use crate::machine_lock;
use crate::process::{command, interrupted, with_events};
use crate::progress::Progress;
use crate::project::Project;
use crate::remote::Host;
use crate::setup::{Engines, Need, Setup, engine};
use crate::stage;
use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::duration::parse_duration;

mod inputs;

const STAGE: &str = "run";

/// What the user asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// Experiments by name, separated by spaces or commas; all when none is given.
    #[arg(value_delimiter = ',', value_name = "EXPERIMENT")]
    pub experiments: Vec<String>,
    /// Only these subjects, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub subject: Vec<String>,
    /// Only these workloads, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "WORKLOAD")]
    pub workload: Vec<String>,
    /// Only what these claims compare, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "CLAIM")]
    pub claim: Vec<String>,
    /// How much is measured.
    #[arg(long, default_value = "quick", value_parser = profiles())]
    pub profile: String,
    /// Seed of the plan's shuffle: the same seed gives the same order.
    #[arg(
        long,
        default_value_t = 1,
        value_name = "NUMBER",
        allow_hyphen_values = true,
        value_parser = seed
    )]
    pub seed: u64,
    /// Architectures, separated by commas; what is not this machine's is emulated, and gives equivalence, sizes
    /// and instruction counts only. This machine's own when none is given.
    #[arg(long, value_delimiter = ',', value_name = "ARCH")]
    pub arch: Vec<Architecture>,
    /// Time to measure for, with its unit, such as 90s, 30min or 2h: the cells whose intervals are widest against
    /// their claims come first.
    #[arg(long, value_name = "TIME", value_parser = budget)]
    pub budget: Option<String>,
}

impl Choice {
    /// Whether only a part is asked for: such a run makes no paper unless that is said.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        [&self.experiments, &self.subject, &self.workload, &self.claim]
            .iter()
            .any(|names| !names.is_empty())
    }

    /// The runner's options for it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = self.experiments.clone();
        arguments.extend(["--profile".to_owned(), self.profile.clone()]);
        arguments.extend(["--seed".to_owned(), self.seed.to_string()]);
        let lists = [
            ("--subject", &self.subject),
            ("--workload", &self.workload),
            ("--claim", &self.claim),
        ];
        for (option, names) in lists {
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

/// The profiles as the command line takes them, each with what it is for and about how long everything takes with it.
#[must_use]
pub fn profiles() -> PossibleValuesParser {
    PossibleValuesParser::new([
        PossibleValue::new("smoke")
            .help("one invocation of everything, some minutes: does it work?"),
        PossibleValue::new("quick").help("about an hour on two cores: a reviewer's verdict"),
        PossibleValue::new("paper").help("hours: what is published"),
    ])
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// Checked here, and read by the runner.
pub(super) fn budget(text: &str) -> Result<String, String> {
    parse_duration(text).map(|_| text.to_owned())
}

/// What else a run may be.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Mode {
    /// Print what would be measured, with an estimate of time and disk, and measure nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: every trial in its order.
    #[arg(long, short, requires = "dry_run")]
    pub verbose: bool,
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
    asked::check(project, choice)?;
    if mode.on.is_empty() && mode.resume.is_none() && !mode.dry_run {
        asked::check_installed(project, choice)?;
    }
    let results = project.results();
    let made = match super::elsewhere::run(project, &results, choice, mode, progress)? {
        Some(folder) => Some(folder),
        None => {
            if let Some(run) = &mode.resume {
                unfinished::check(&results, run)?;
            }
            // Before set-up: of two runs the second is refused at once, and starts no engine beside the first.
            let _lock = (!mode.dry_run).then(machine_lock::to_measure).transpose()?;
            let needs = Need::with_foreign(NEEDS, &choice.arch);
            let setup = super::setup::provide(project, &needs, progress)?;
            let artifacts = build::artifacts(project, &setup, &choice.arch, false, progress)?;
            let measured = measure(project, &results, &setup, &artifacts, choice, mode, progress);
            measured.inspect_err(|error| {
                if let (Some(run), true) = (&mode.resume, error.is::<InterruptedError>()) {
                    progress.note(&format!("go on with: cargo xtask run --resume {run}"));
                }
            })?
        }
    };
    if let Some(folder) = made {
        println!("raw logs: {}", project.shown(&folder));
        println!("next: cargo xtask analyze {}", project.shown(&folder));
        if let Some(failed) = failures::of(&folder)? {
            println!("{failed}: the raw log says why");
            return Ok(Exit::DoesNotHold);
        }
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
    let lock = (!mode.dry_run).then(machine_lock::to_measure).transpose()?;
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    if mode.dry_run {
        return dry_run(project, setup, artifacts, choice, mode, &runner).map(|()| None);
    }
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
    measuring.args(["--progress", "json"]);
    if let Some(lock) = &lock {
        measuring.arg("--lock-on-stdin").stdin(lock.hand_on()?);
    }
    let begun = SystemTime::now();
    let ended = with_events(&mut measuring, progress);
    if let Some(lock) = &lock {
        lock.note(&machine_lock::command_line());
    }
    match ended {
        Ok((made, 0)) => {
            progress.end("done");
            Ok(made.map(PathBuf::from))
        }
        Ok((made, 1)) => {
            progress.end("done, but trials failed");
            Ok(made.map(PathBuf::from))
        }
        // It has said why, and how to go on.
        Ok((_, code @ (2 | 3 | 130))) => {
            progress.abandon();
            Err(ToldError { code: u8::try_from(code).unwrap_or(2) }.into())
        }
        ended => {
            progress.abandon();
            if let Some(run) = mode.resume.clone().or_else(|| unfinished::since(results, begun)) {
                progress.note(&format!(
                    "what was measured is kept; go on with: cargo xtask run --resume {run}"
                ));
            }
            anyhow::ensure!(!interrupted(), ToldError { code: 130 });
            let (_, code) = ended?;
            anyhow::bail!("the runner ended with exit code {code}; its message stands above")
        }
    }
}

/// Prints what would be measured. No engine is started for it: what set-up can give is taken for granted.
fn dry_run(
    project: &Project,
    setup: &Setup,
    artifacts: &Path,
    choice: &Choice,
    mode: &Mode,
    runner: &Path,
) -> Result<()> {
    let provisions = project.state.join("provisions-planned.json");
    stage::write(&provisions, &serde_json::to_vec_pretty(&for_manifest(setup)?)?)?;
    let mut planning = command(runner);
    planning.current_dir(&project.root).arg("run").args(choice.arguments());
    planning.arg("--artifacts").arg(artifacts).arg("--provisions").arg(&provisions);
    planning.arg("--programs").arg(crate::setup::programs::folder(&project.state));
    planning.args(["--claims", "analysis/claims.toml", "--dry-run", "--plan-engines"]);
    if mode.verbose {
        planning.arg("--verbose");
    }
    let status = crate::process::lines(&mut planning, |line| println!("{line}"))?;
    ToldError::unless(status, &[0])
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
