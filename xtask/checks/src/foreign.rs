//! `cargo xtask test --arch`: our own programs' unit tests as a machine of the other architecture would run them, so
//! that nothing in them takes this machine's for granted.

use anyhow::Result;
use weighbridge_build::tools::ELSEWHERE;
use weighbridge_project::process::{command, run as call};
use weighbridge_project::project::Project;
use weighbridge_project::settings;
use weighbridge_schema::architecture::Architecture;
use weighbridge_setup::{Need, Setup, rust, toolchain};

/// What runs on the machine that measures. Not the analysis: it asks the machine nothing, and would
/// have polars compiled once more.
const PACKAGES: [&str; 15] = [
    "xtask",
    "weighbridge-project",
    "weighbridge-setup",
    "weighbridge-build",
    "weighbridge-elsewhere",
    "weighbridge-releases",
    "weighbridge-checks",
    "weighbridge-runner",
    "weighbridge-schema",
    "weighbridge-machine",
    "weighbridge-statistics",
    "weighbridge-server",
    "weighbridge-native",
    "weighbridge-transform",
    "weighbridge-shell",
];

/// Builds them for `architecture` and runs them under an emulator.
///
/// # Errors
/// There is no toolchain for it, or a test failed.
pub fn run(project: &Project, setup: &Setup, architecture: Architecture) -> Result<()> {
    if let Some((_, why, remedy)) = setup.missing().find(|(need, _, _)| *need == Need::Emulator) {
        eprintln!("not tested for {architecture}: {why}: {remedy}");
        return Ok(());
    }
    let toolchain = toolchain(setup, Need::static_foreign(architecture))?;
    let mut tests = command(&toolchain.cargo);
    tests.current_dir(&project.root).envs(&toolchain.env);
    tests.args(["test", "--locked", "--profile", ELSEWHERE, "--lib", "--bins"]);
    tests.args(settings::arguments(project, ELSEWHERE)?);
    tests.args(["--target", &toolchain.triple]);
    tests.args(toolchain.arguments.iter().map(|argument| with_test_crate(argument)));
    tests.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let runner = format!("CARGO_TARGET_{}_RUNNER", rust::variable_form(&toolchain.triple));
    tests.env(runner, format!("qemu-{architecture}"));
    call(tests.envs(project.cargo_folders()))
}

/// A standard library that is built along has no test harness unless that is requested.
fn with_test_crate(argument: &str) -> String {
    let is_build_std = argument.starts_with("-Zbuild-std=");
    if is_build_std { format!("{argument},test") } else { argument.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_built_where_the_standard_library_is() {
        let arguments = rust::build_std("panic_unwind");
        assert_eq!(with_test_crate(&arguments[0]), "-Zbuild-std=std,panic_unwind,test");
        assert_eq!(with_test_crate("--offline"), "--offline");
    }

    #[test]
    fn every_crate_of_xtask_is_tested() {
        let manifest = include_str!("../../../Cargo.toml");
        let members = manifest.lines().map(|line| line.trim().trim_matches(['"', ',']));
        let crates: Vec<&str> = members.filter_map(|line| line.strip_prefix("xtask/")).collect();
        assert!(crates.len() >= 4, "{crates:?}");
        for name in crates {
            let package = format!("weighbridge-{name}");
            assert!(PACKAGES.contains(&package.as_str()), "{package} is not tested");
        }
    }
}
