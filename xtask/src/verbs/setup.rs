//! `cargo xtask setup`: get what this machine lacks, or say the line that would.

use crate::exit::{Exit, LackingError};
use crate::machine_lock;
use crate::progress::Progress;
use crate::project::Project;
use crate::setup::slurm_test::Cluster;
use crate::setup::{Need, Outcome, Setup, TargetToolchain, provide_all, provider_words};
use crate::stage;
use anyhow::{Context, Result};
use weighbridge_schema::artifact::Provision;

/// Goes through the needs and writes `<state>/setup.json`.
///
/// # Errors
/// There is no Rust compiler, or the state folder cannot be written. A need that stays missing is no
/// error: whoever cannot do without it says so.
pub fn provide(project: &Project, needs: &[Need], progress: &Progress) -> Result<Setup> {
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    progress.begin("setup", 0);
    let setup = provide_all(&project.setup_context(&reporter), needs)
        .inspect_err(|_| progress.abandon())?;
    let missing = setup.missing().count();
    progress.end(&if missing == 0 {
        "everything is there".to_owned()
    } else {
        format!("{missing} of {} needs are missing", needs.len())
    });
    for (need, reason, remedy) in setup.missing() {
        progress.note(&format!("  missing: {need}: {reason}\n    to get it: {remedy}"));
    }
    let file = project.state.join("setup.json");
    stage::write(&file, &serde_json::to_vec_pretty(&setup)?)?;
    Ok(setup)
}

/// What to do with the Slurm of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SlurmTest {
    /// Start it anew.
    Start,
    /// End it.
    Stop,
}

/// Starts or stops the Slurm of the tests.
///
/// # Errors
/// It is not installed (exit code 3), or does not start or end.
pub fn slurm_test(project: &Project, what: SlurmTest) -> Result<Exit> {
    let reporter = |line: &str| eprintln!("{line}");
    let context = project.setup_context(&reporter);
    let cluster = Cluster::of(&context);
    match what {
        SlurmTest::Start => {
            cluster.start(&context)?;
            println!("export SLURM_CONF={}", cluster.configuration().display());
            println!("to end it: cargo xtask setup --slurm-test stop");
        }
        SlurmTest::Stop => cluster.stop()?,
    }
    Ok(Exit::Done)
}

/// The verb.
///
/// # Errors
/// As [`provide`].
pub fn run(project: &Project, progress: &Progress) -> Result<Exit> {
    let _lock = machine_lock::to_build()?;
    let setup = provide(project, Need::ALL_BUT_TESTS, progress)?;
    for provision in &setup.provisions {
        if let Outcome::Provided { provider, .. } = &provision.outcome {
            println!("{:<26} {}", provision.need.to_string(), provider_words(provider));
        }
    }
    Ok(Exit::Done)
}

/// The toolchain of a target that cannot be done without.
///
/// # Errors
/// It is missing; exit code 3.
pub fn toolchain(setup: &Setup, need: Need) -> Result<&TargetToolchain> {
    setup.target(need).ok_or_else(|| {
        let found = setup.missing().find(|(missing, _, _)| *missing == need);
        let (reason, remedy) =
            found.map_or(("it was not set up", "cargo xtask setup"), |m| (m.1, m.2));
        LackingError { what: format!("{need} ({reason})"), remedy: remedy.to_owned() }.into()
    })
}

/// The name of a need in the manifest.
///
/// # Errors
/// It has no serialised name, which its type excludes.
pub fn need_name(need: Need) -> Result<String> {
    let name = serde_json::to_value(need)?;
    Ok(name.as_str().context("a need's name is a string")?.to_owned())
}

/// The provisions as the manifest keeps them.
///
/// # Errors
/// As [`need_name`].
pub fn for_manifest(setup: &Setup) -> Result<Vec<Provision>> {
    setup
        .provisions
        .iter()
        .map(|provision| {
            let need = need_name(provision.need)?;
            Ok(match &provision.outcome {
                Outcome::Provided { provider, detail } => Provision {
                    need,
                    provider: Some(provider.clone()),
                    detail: detail
                        .iter()
                        .map(|(name, value)| format!("{name} {value}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                    remedy: None,
                },
                Outcome::Missing { reason, remedy } => Provision {
                    need,
                    provider: None,
                    detail: reason.clone(),
                    remedy: Some(remedy.clone()),
                },
            })
        })
        .collect()
}
