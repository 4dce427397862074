//! The verbs of Weighbridge: set up, build, run, analyse, write the paper.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use xtask::architecture::Architecture;
use xtask::exit::{Exit, InterruptedError, LackingError};
use xtask::process::take_signals;
use xtask::progress::Progress;
use xtask::project::Project;
use xtask::verbs;
use xtask::verbs::calibrate::What;
use xtask::verbs::run::{Choice, Mode};

/// Weighs WebAssembly against containers as the home of a small backend service.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
#[command(
    after_help = "Example:\n  cargo xtask all        everything, from set-up to the paper\n\n\
    Exit codes: 0 done; 1 done, but a claim or a check does not hold; 2 usage or failure;\n\
    3 the machine lacks something (named, with the line that installs it); 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Install missing packages without asking.
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Set up, build, measure, analyse and write the paper; skips what has not changed.
    #[command(
        after_help = "Examples:\n  cargo xtask all\n  cargo xtask all --profile paper --seed 7\n  \
        cargo xtask all --arch x86_64,aarch64"
    )]
    All {
        #[command(flatten)]
        choice: Choice,
        /// Do every stage again.
        #[arg(long)]
        force: bool,
    },
    /// Get what this machine lacks, or say the line that would.
    #[command(
        after_help = "Examples:\n  cargo xtask setup --yes\n  cargo xtask setup --subject wasmtime-serve"
    )]
    Setup {
        /// Install the programs of these subjects, separated by commas, or of all: runtimes that are asked for one by
        /// one, because some take half an hour.
        #[arg(long, alias = "subjects", value_delimiter = ',', value_name = "SUBJECT")]
        subject: Vec<String>,
        /// With --subject: this version in place of the pinned one, to be measured beside it.
        #[arg(long, requires = "subject", value_name = "VERSION")]
        runtime_version: Option<String>,
        /// Start or stop a Slurm of two nodes on this machine, to try the fleet with.
        #[arg(long, value_name = "start|stop", num_args = 0..=1, default_missing_value = "start")]
        slurm_test: Option<verbs::setup::SlurmTest>,
    },
    /// Say what is there, what is missing and the line that gets it; changes nothing.
    #[command(after_help = "Example:\n  cargo xtask doctor")]
    Doctor,
    /// List experiments, subjects, workloads, artifacts and runs.
    #[command(after_help = "Example:\n  cargo xtask list")]
    List,
    /// Build the measured artifacts.
    #[command(after_help = "Examples:\n  cargo xtask build --arch x86_64,aarch64\n  \
        cargo xtask build --check-reproducible")]
    Build {
        #[command(flatten)]
        choice: verbs::build::Choice,
    },
    /// Measure, and keep the raw logs.
    #[command(
        after_help = "Examples:\n  cargo xtask run cold-start --subject docker-scratch,wasmtime-aot\n  \
        cargo xtask run --profile smoke --dry-run\n  cargo xtask run --resume 2026-01-31T12-00-00Z-quick\n  \
        cargo xtask run --on ssh://me@board.local"
    )]
    Run {
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        mode: Mode,
    },
    /// Measure on a cluster, by Slurm.
    #[command(
        after_help = "Examples:\n  cargo xtask fleet submit --profile paper --arch x86_64,aarch64\n  \
        cargo xtask fleet status\n  cargo xtask fleet collect"
    )]
    Fleet {
        #[command(subcommand)]
        verb: verbs::fleet::Verb,
    },
    /// Find out what this machine and this method can tell apart: A/A runs, and the load generator beside wrk.
    #[command(after_help = "Examples:\n  cargo xtask calibrate\n  cargo xtask calibrate load")]
    Calibrate {
        /// Only this one: aa or load.
        what: Option<What>,
        /// How much is measured: smoke, quick or paper.
        #[arg(long, default_value = "quick")]
        profile: String,
    },
    /// Make tables, figures, numbers and the report from raw logs.
    #[command(
        after_help = "Examples:\n  cargo xtask analyze\n  cargo xtask analyze results/2026-01-31T12-00-00Z-quick"
    )]
    Analyze {
        /// The run's folder; the newest one, or the published one, when none is given.
        run: Option<PathBuf>,
        /// Analyse even when nothing has changed.
        #[arg(long)]
        force: bool,
    },
    /// Put two runs beside each other: what was different, and what came out differently.
    #[command(
        after_help = "Example:\n  cargo xtask compare 2026-01-31T12-00-00Z-quick 2026-02-28T12-00-00Z-quick"
    )]
    Compare {
        /// The first run: its folder, or its name in `results/`.
        run_a: PathBuf,
        /// The second run, which is divided by the first.
        run_b: PathBuf,
        /// What this machine cannot tell from nothing, from A/A runs.
        #[arg(long, value_name = "FILE")]
        calibration: Option<PathBuf>,
    },
    /// Write the PDF.
    #[command(
        after_help = "Examples:\n  cargo xtask paper\n  cargo xtask paper results/2026-01-31T12-00-00Z-quick"
    )]
    Paper {
        /// The run's folder; the newest one, or the published one, when none is given.
        run: Option<PathBuf>,
        /// Write it even when nothing has changed.
        #[arg(long)]
        force: bool,
    },
    /// Check everything: format, lints, unit and integration tests, and a smoke run to the PDF.
    #[command(
        after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --arch x86_64,aarch64"
    )]
    Test {
        /// Build for these architectures too, run the unit tests for them under an emulator, and let the smoke run visit them.
        #[arg(long, value_delimiter = ',', value_name = "ARCH")]
        arch: Vec<Architecture>,
        /// Only this: measure on a Slurm of two nodes on this machine, of which one is killed on the way.
        #[arg(long)]
        fleet: bool,
        /// Only this: compute the published run's numbers again, in Python from its raw log alone, and compare all.
        #[arg(long)]
        independent: bool,
    },
    /// Remove what was made; runs are kept.
    #[command(after_help = "Example:\n  cargo xtask clean --results")]
    Clean {
        /// Remove the runs too.
        #[arg(long)]
        results: bool,
        /// Remove downloads and toolchains too.
        #[arg(long)]
        state: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let progress = Progress::new();
    let done = take_signals()
        .and_then(|()| Project::locate(cli.yes))
        .and_then(|project| dispatch(cli.verb, &project, &progress));
    progress.abandon();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => report(&error),
    }
}

fn dispatch(verb: Verb, project: &Project, progress: &Progress) -> anyhow::Result<Exit> {
    match verb {
        Verb::All { choice, force } => verbs::all::run(project, &choice, force, progress),
        Verb::Setup { slurm_test: Some(what), .. } => verbs::setup::slurm_test(project, what),
        Verb::Setup { subject, runtime_version, .. } if !subject.is_empty() => {
            verbs::setup_subjects::run(project, &subject, runtime_version.as_deref(), progress)
        }
        Verb::Setup { .. } => verbs::setup::run(project, progress),
        Verb::Doctor => verbs::doctor::run(project),
        Verb::List => verbs::list::run(project),
        Verb::Build { choice } => verbs::build::run(project, &choice, progress),
        Verb::Run { choice, mode } => verbs::run::run(project, &choice, &mode, progress),
        Verb::Fleet { verb } => verbs::fleet::run(project, &verb, progress),
        Verb::Calibrate { what, profile } => {
            verbs::calibrate::run(project, what, &profile, progress)
        }
        Verb::Analyze { run, force } => {
            verbs::analyze::run(project, run.as_deref(), force, progress)
        }
        Verb::Compare { run_a, run_b, calibration } => {
            verbs::compare::run(project, &run_a, &run_b, calibration.as_deref(), progress)
        }
        Verb::Paper { run, force } => verbs::paper::run(project, run.as_deref(), force, progress),
        Verb::Test { fleet: true, .. } => verbs::test::fleet(project, progress),
        Verb::Test { independent: true, .. } => verbs::test_independent::run(project, progress),
        Verb::Test { arch, fleet: false, independent: false } => {
            verbs::test::run(project, &arch, progress)
        }
        Verb::Clean { results, state } => verbs::clean::run(project, results, state),
    }
}

fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<InterruptedError>() {
        eprintln!("interrupted");
        return Exit::Interrupted.into();
    }
    eprintln!("error: {error:#}");
    if error.is::<LackingError>() {
        return Exit::Lacking.into();
    }
    ExitCode::from(2)
}
