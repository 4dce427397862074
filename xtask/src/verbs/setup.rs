//! `cargo xtask setup`: get what this machine lacks, or say the line that would.

use anyhow::Result;
use weighbridge_project::exit::Exit;
use weighbridge_project::machine_lock;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_setup::slurm_test::Cluster;
use weighbridge_setup::{Context, Need, Outcome, provide, provider_words};

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
    let context = Context::of(project, &reporter);
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
