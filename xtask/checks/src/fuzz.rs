//! `cargo xtask test --fuzz 10min`: mutated images and queries to the library in process, to the native server and
//! to the host with the component; they must answer the same, and no decoder may panic.

use anyhow::Result;
use std::time::Duration;
use weighbridge_build::artifacts;
use weighbridge_build::cargo::Build;
use weighbridge_project::exit::Exit;
use weighbridge_project::process::{command, interrupted, lines, shown};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;

const PROGRAM: &str = "weighbridge-fuzz";
/// Where the images to begin with lie.
const SEEDS: [&str; 3] =
    ["experiments/corpus", "experiments/corpus/odd", "experiments/corpus/odd/made"];

/// Builds the measured programs and the fuzzer, and runs it for `duration`.
///
/// # Errors
/// Something could not be built (exit code 3 where the machine lacks something) or run. Answers that differ are no
/// error but exit code 1.
pub fn run(project: &Project, duration: Duration, seed: u64, progress: &Progress) -> Result<Exit> {
    let setup = weighbridge_setup::provide(project, artifacts::NEEDS, progress)?;
    let artifacts = artifacts::artifacts(project, &setup, &[], false, progress)?;
    // As the measured programs are: a checked overflow would be a difference that they do not have.
    let release = Build {
        package: PROGRAM,
        within_workspace: false,
        profile: "release",
        arguments: &[],
        toolchain: None,
        env: &[],
    };
    release.run(project, progress)?;
    let out = project.state.join("fuzz");
    let mut fuzz = command(project.target.join("release").join(PROGRAM));
    fuzz.arg("--native").arg(artifacts.join("weighbridge-native"));
    fuzz.arg("--host").arg(artifacts.join("weighbridge-host"));
    fuzz.arg("--component").arg(artifacts.join("component.cwasm"));
    fuzz.arg("--seconds").arg(duration.as_secs().to_string());
    fuzz.arg("--seed").arg(seed.to_string()).arg("--out").arg(&out);
    fuzz.arg("--seeds").args(SEEDS.map(|folder| project.path(folder)));
    let text = shown(&fuzz);
    let status = lines(&mut fuzz, |line| println!("{line}"))?;
    match status.code() {
        _ if interrupted() => Ok(Exit::Interrupted),
        Some(0) => Ok(Exit::Done),
        Some(1) => Ok(Exit::DoesNotHold),
        _ => anyhow::bail!("`{text}` failed ({status})"),
    }
}
