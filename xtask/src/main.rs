//! The verbs of Weighbridge: set up, build, run, analyse, write the paper.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprintln)]
extern crate weighbridge_machine;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use weighbridge_machine::output;
use weighbridge_project::exit::{Exit, InterruptedError, LackingError, ReportedError};
use weighbridge_project::process::{only_what_is_done, take_signals};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_releases::{history, upgrade};
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;
use xtask::verbs;
use xtask::verbs::calibrate::What;
use xtask::verbs::run::{self, Mode};

/// Weighs WebAssembly against containers as the home of a small backend service.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
#[command(
    after_help = "Example:\n  cargo xtask all        everything, from set-up to the paper\n\n\
    Exit codes: 0 done; 1 done, but a claim or a check does not hold, or trials failed; 2 usage or failure;\n\
    3 the machine lacks something (named, with the line that installs it); 4 undecided (verify); 130 interrupted; 141 nobody read on."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// What is asked on a terminal before set-up installs packages.
#[derive(clap::Args)]
struct Installing {
    /// Install missing packages without asking.
    #[arg(long)]
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
        choice: RunRequest,
        /// Do every build step again.
        #[arg(long)]
        force: bool,
        /// Do nothing that is not done already: exit code 3 where something would be done.
        #[arg(long, hide = true, conflicts_with = "force")]
        unchanged: bool,
        #[command(flatten)]
        installing: Installing,
        /// Replace the paper of the checkout (paper/, report/), as an `all` of everything does. One
        /// of a part else writes beside its run: results/RUN/report/.
        #[arg(long)]
        paper: bool,
    },
    /// Install what this machine lacks, or print the command that installs it.
    #[command(
        after_help = "Examples:\n  cargo xtask setup --yes\n  cargo xtask setup --subject wasmtime-serve"
    )]
    Setup {
        /// Install the runtimes of these subjects, separated by commas, or of `all`; nothing else
        /// installs them, because some take half an hour.
        #[arg(long, alias = "subjects", value_delimiter = ',', value_name = "SUBJECT")]
        subject: Vec<String>,
        /// With one --subject: install this version of its runtime, to be measured beside the pinned one.
        #[arg(long, requires = "subject", value_name = "VERSION")]
        runtime_version: Option<String>,
        /// Start or stop a Slurm of two nodes on this machine, to try the fleet with.
        #[arg(long, value_name = "start|stop", num_args = 0..=1, default_missing_value = "start")]
        slurm_test: Option<verbs::setup::SlurmTest>,
        #[command(flatten)]
        installing: Installing,
    },
    /// Show what is installed, what is missing and the command that installs it; changes nothing.
    #[command(after_help = "Examples:\n  cargo xtask doctor\n  cargo xtask doctor --json\n  \
        cargo xtask doctor --pins\n\nExit codes of --pins: 0 all are there; 1 one is gone; 4 one could not be asked for.")]
    Doctor {
        /// Ask each source whether it still has the versions that are pinned; changes nothing.
        #[arg(long)]
        pins: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the questions, what can be measured here, and what was measured.
    #[command(after_help = "Examples:\n  cargo xtask list\n  cargo xtask list runs subjects\n  \
        cargo xtask list claims --json")]
    List {
        /// Only these parts of the list; all when none is named.
        #[arg(value_name = "PART")]
        parts: Vec<verbs::list::Section>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Build the measured artifacts.
    #[command(after_help = "Examples:\n  cargo xtask build --arch x86_64,aarch64\n  \
        cargo xtask build --check-reproducible")]
    Build {
        #[command(flatten)]
        choice: verbs::build::Choice,
        #[command(flatten)]
        installing: Installing,
    },
    /// Measure, and keep the raw logs.
    #[command(
        after_help = "Examples:\n  cargo xtask run cold-start --subject docker-scratch,wasmtime-aot\n  \
        cargo xtask run --profile smoke --dry-run\n  cargo xtask run --resume 2026-01-31T12-00-00Z-quick\n  \
        cargo xtask run --on ssh://me@board.local"
    )]
    Run {
        #[command(flatten)]
        choice: RunRequest,
        #[command(flatten)]
        mode: Mode,
        #[command(flatten)]
        installing: Installing,
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
    /// Measure the smallest difference that this machine resolves (A/A runs), the load generator beside wrk, and how
    /// fast our own arms and the harness are.
    #[command(after_help = "Examples:\n  cargo xtask calibrate\n  cargo xtask calibrate load\n  \
                      cargo xtask calibrate speed    are our own arms and the harness as fast as they must be?")]
    Calibrate {
        /// Only this one; aa and load when none is named.
        what: Option<What>,
        /// How much is measured.
        #[arg(long, value_enum, default_value_t)]
        profile: Profile,
        #[command(flatten)]
        installing: Installing,
    },
    /// Make tables, figures, numbers and the report from raw logs.
    #[command(
        after_help = "Examples:\n  cargo xtask analyze\n  cargo xtask analyze results/2026-01-31T12-00-00Z-quick"
    )]
    Analyze {
        /// The run: its folder, or its name in `results/` or `paper/data/`; the newest one when none is given.
        run: Option<PathBuf>,
        /// Analyse even when nothing has changed.
        #[arg(long)]
        force: bool,
        /// Replace the paper's figures and numbers (paper/generated/) and report/, in place of
        /// writing beside the run.
        #[arg(long)]
        paper: bool,
    },
    /// Say where a number comes from: its formula, the lines of the raw log, the command that measures it again.
    #[command(
        after_help = "Example:\n  cargo xtask explain cold-start/healthz/-/docker-scratch/time_to_first_response"
    )]
    Explain {
        /// The number, as numbers.tex and the report name it: experiment/workload/parameter/subject/quantity.
        #[arg(value_name = "KEY")]
        key: String,
        /// The run: its folder, or its name in `results/` or `paper/data/`; the published one when none is given.
        #[arg(long, value_name = "RUN")]
        run: Option<PathBuf>,
    },
    /// Measure on this machine what the paper's claims compare, and say whether they hold here.
    #[command(
        after_help = "Examples:\n  cargo xtask verify container-starts-later-than-component\n  \
        cargo xtask verify --published\n\nExit codes: 0 all hold; 1 one is contradicted, or a published number is not what \
        the raw log gives;\n2 usage or failure; 3 one could not be measured here; 4 one is undecided."
    )]
    Verify {
        #[command(flatten)]
        requested: verbs::verify::Requested,
        #[command(flatten)]
        installing: Installing,
    },
    /// Pack a published run into one archive that anybody can check without building: raw log, measured programs,
    /// claims, paper, and a script.
    #[command(after_help = "Example:\n  cargo xtask kit --output weighbridge-kit.tar.gz")]
    Kit {
        #[command(flatten)]
        requested: verbs::kit::Requested,
        #[command(flatten)]
        installing: Installing,
    },
    /// Measure one cell over many releases of a program in one run, and name those that changed it.
    #[command(
        after_help = "Examples:\n  cargo xtask history wasmtime-serve --metric cold-start/healthz \
        --versions 42..49\n  cargo xtask history wasmtime-serve --metric cold-start/healthz \
        --bisect 42..49\n\nExit code 4: --bisect found nothing."
    )]
    History {
        #[command(flatten)]
        requested: history::Requested,
        #[command(flatten)]
        installing: Installing,
    },
    /// Measure another version of a program beside the pinned one: what moves?
    #[command(after_help = "Example:\n  cargo xtask upgrade wasmtime=49.0.4\n\n\
        Exit code 1: a claim is contradicted that was not.")]
    Upgrade {
        #[command(flatten)]
        requested: upgrade::Requested,
        #[command(flatten)]
        installing: Installing,
    },
    /// Measure on this machine what published answers compare, and say which are reproduced, and which explained.
    #[command(after_help = "Examples:\n  cargo xtask reconcile 'WASM on the Server'\n  \
        cargo xtask reconcile --run 2026-01-31T12-00-00Z-quick")]
    Reconcile {
        #[command(flatten)]
        requested: verbs::reconcile::Requested,
        #[command(flatten)]
        installing: Installing,
    },
    /// Compare two runs: which conditions differ, and which results differ.
    #[command(
        after_help = "Example:\n  cargo xtask compare 2026-01-31T12-00-00Z-quick 2026-02-28T12-00-00Z-quick"
    )]
    Compare {
        #[command(flatten)]
        requested: verbs::compare::Requested,
    },
    /// Say what a load of your own costs in every packing, which one to take, and what would change the answer.
    #[command(after_help = verbs::decide::EXAMPLES)]
    Decide {
        #[command(flatten)]
        requested: verbs::decide::Requested,
    },
    /// Write the PDF.
    #[command(
        after_help = "Examples:\n  cargo xtask paper\n  cargo xtask paper results/2026-01-31T12-00-00Z-quick"
    )]
    Paper {
        /// The run: its folder, or its name in `results/` or `paper/data/`; the newest one when none is given.
        run: Option<PathBuf>,
        /// Write it even when nothing has changed.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        installing: Installing,
    },
    /// Check everything: format, lints, unit and integration tests, and a smoke run to the PDF.
    #[command(
        after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --arch x86_64,aarch64"
    )]
    Test {
        #[command(flatten)]
        requested: verbs::test::Requested,
        #[command(flatten)]
        installing: Installing,
    },
    /// Remove build products, and print what stays; runs and downloads are kept without the options below.
    #[command(after_help = "Examples:\n  cargo xtask clean\n  cargo xtask clean --results --state")]
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
        .and_then(|()| Project::locate(assumes_yes(&cli.verb)))
        .and_then(|project| dispatch(cli.verb, &project, &progress));
    progress.abandon();
    if let Some(code) = output::exit_code() {
        return code.into();
    }
    match done {
        Ok(exit) => exit.into(),
        Err(error) => report(&error),
    }
}

/// Whether packages are installed without asking.
fn assumes_yes(verb: &Verb) -> bool {
    match verb {
        Verb::All { installing, .. }
        | Verb::Setup { installing, .. }
        | Verb::Build { installing, .. }
        | Verb::Run { installing, .. }
        | Verb::Calibrate { installing, .. }
        | Verb::Paper { installing, .. }
        | Verb::Verify { installing, .. }
        | Verb::Kit { installing, .. }
        | Verb::History { installing, .. }
        | Verb::Upgrade { installing, .. }
        | Verb::Reconcile { installing, .. }
        | Verb::Test { installing, .. } => installing.yes,
        Verb::Fleet { verb: verbs::fleet::Verb::Submit(what) } => what.yes,
        _ => false,
    }
}

fn dispatch(verb: Verb, project: &Project, progress: &Progress) -> anyhow::Result<Exit> {
    match verb {
        Verb::All { choice, force, paper, unchanged, .. } => {
            if unchanged {
                only_what_is_done();
            }
            verbs::all::run(project, &choice, paper, force, progress)
        }
        Verb::Setup { slurm_test: Some(what), .. } => verbs::setup::slurm_test(project, what),
        Verb::Setup { subject, runtime_version, .. } if !subject.is_empty() => {
            weighbridge_setup::subjects::run(
                project,
                &subject,
                runtime_version.as_deref(),
                progress,
            )
        }
        Verb::Setup { .. } => verbs::setup::run(project, progress),
        Verb::Doctor { pins: true, json } => verbs::doctor::pins(project, json),
        Verb::Doctor { json, .. } => verbs::doctor::run(project, json),
        Verb::List { parts, json } => verbs::list::run(project, &parts, json),
        Verb::Build { choice, .. } => verbs::build::run(project, &choice, progress),
        Verb::Run { choice, mode, .. } => verbs::run::run(project, &choice, &mode, progress),
        Verb::Fleet { verb } => verbs::fleet::run(project, &verb, progress),
        Verb::Calibrate { what, profile, .. } => {
            verbs::calibrate::run(project, what, profile, progress)
        }
        Verb::Analyze { run, force, paper } => {
            verbs::analyze::run(project, run.as_deref(), paper, force, progress)
        }
        Verb::Explain { key, run } => verbs::explain::run(project, &key, run.as_deref(), progress),
        Verb::Verify { requested, .. } if requested.published => {
            verbs::verify_published::run(project, requested.renew, progress)
        }
        Verb::Verify { requested, .. } => verbs::verify::run(project, &requested, progress),
        Verb::Kit { requested, .. } => verbs::kit::run(project, &requested, progress),
        Verb::History { requested, .. } => history::run(&run::lab(project, progress), &requested),
        Verb::Upgrade { requested, .. } => upgrade::run(&run::lab(project, progress), &requested),
        Verb::Reconcile { requested, .. } => verbs::reconcile::run(project, &requested, progress),
        Verb::Compare { requested } => verbs::compare::run(project, &requested, progress),
        Verb::Decide { requested } => verbs::decide::run(project, &requested, progress),
        Verb::Paper { run, force, .. } => {
            verbs::paper::run(project, run.as_deref(), force, progress)
        }
        Verb::Test { requested, .. } => verbs::test::run(project, requested, progress),
        Verb::Clean { results, state } => verbs::clean::run(project, results, state),
    }
}

fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<InterruptedError>() {
        eprintln!("interrupted");
        return Exit::Interrupted.into();
    }
    let reported = error.downcast_ref::<ReportedError>().map(|reported| reported.code);
    // With a context it says which check it was of.
    if reported.is_none() || error.chain().count() > 1 {
        eprintln!("error: {error:#}");
    }
    if let Some(code) = reported {
        return ExitCode::from(code);
    }
    if error.is::<LackingError>() {
        return Exit::Lacking.into();
    }
    ExitCode::from(2)
}
