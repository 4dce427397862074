//! What a nested cargo is told outright, so that no configuration file of the user's decides about
//! a measured program: cargo merges `CARGO_HOME/config.toml` and those above the checkout into the
//! project's own, and lets their profiles win over `Cargo.toml`. Variables are the other way in;
//! [`command`](crate::process::command) keeps them out.

use crate::project::Project;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// What cargo takes where `Cargo.toml` is silent about a profile that inherits from `release`.
const DEFAULTS: [(&str, &str); 6] = [
    ("debug-assertions", "false"),
    ("incremental", "false"),
    ("overflow-checks", "false"),
    ("panic", "\"unwind\""),
    ("rpath", "false"),
    ("strip", "\"none\""),
];

/// The settings of the profile that measured programs are built with, by name, as TOML spells their
/// values.
///
/// # Errors
/// `Cargo.toml` cannot be read or has no such profile.
pub fn of_profile(project: &Project, profile: &str) -> Result<BTreeMap<String, String>> {
    let profiles = profiles(project)?;
    let mut settings: BTreeMap<String, String> =
        DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    add(&profiles, profile, &mut settings)?;
    Ok(settings)
}

/// The base first, so that the profile's own settings win.
fn add(profiles: &Table, name: &str, into: &mut BTreeMap<String, String>) -> Result<()> {
    let profile = profiles.get(name).and_then(Value::as_table);
    let profile = profile.with_context(|| format!("Cargo.toml has no profile `{name}`"))?;
    if let Some(base) = profile.get("inherits").and_then(Value::as_str) {
        add(profiles, base, into)?;
    }
    for (key, value) in profile {
        if key != "inherits" && !value.is_table() {
            into.insert(key.clone(), value.to_string());
        }
    }
    Ok(())
}

/// `--config` with each setting of a profile and of those that it inherits from: the command line
/// wins over every file. What a file says of one package by its name cannot be taken back; the
/// build is refused that was made so.
///
/// # Errors
/// As [`of_profile`].
pub fn arguments(project: &Project, profile: &str) -> Result<Vec<String>> {
    let settings = of_profile(project, profile)?.into_iter();
    let printed = settings.map(|(key, value)| format!("profile.{profile}.{key}={value}"));
    Ok(printed.flat_map(|one| ["--config".to_owned(), one]).collect())
}

/// Variables that keep a file's `[build]` and `[env]` from a build for one of our targets: what
/// stands in the environment goes before both, and empty is as good as nothing.
pub const EMPTY: [&str; 3] = ["CFLAGS", "TARGET_CFLAGS", "HOST_CFLAGS"];

/// The same, for every build. Compilers' flags are not among them: C code of the harness would be
/// compiled anew after each cargo that was called by hand.
pub const EMPTY_ALWAYS: [&str; 2] = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];

/// The variable whose empty value keeps a file's `rustflags` from a build for this machine.
pub const FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";

fn profiles(project: &Project) -> Result<Table> {
    let path = project.path("Cargo.toml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let manifest: Table = text.parse().with_context(|| format!("parse {}", path.display()))?;
    let profiles = manifest.get("profile").and_then(Value::as_table).cloned();
    profiles.with_context(|| format!("{} has no profiles", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_setting_is_said_and_the_profiles_own_goes_before_its_bases() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let project = Project {
            root: root.to_owned(),
            state: root.to_owned(),
            target: root.to_owned(),
            build: root.to_owned(),
            assume_yes: true,
        };
        let release = of_profile(&project, "release").unwrap();
        assert_eq!((release["lto"].as_str(), release["opt-level"].as_str()), ("\"thin\"", "3"));
        assert_eq!(release["panic"], "\"unwind\"");
        assert_eq!(release["strip"], "\"symbols\"");
        let elsewhere = of_profile(&project, "elsewhere").unwrap();
        assert_eq!((elsewhere["lto"].as_str(), elsewhere["opt-level"].as_str()), ("false", "2"));
        assert_eq!(elsewhere["debug-assertions"], "true");
        let printed = arguments(&project, "tools").unwrap();
        assert!(printed.contains(&"profile.tools.codegen-units=16".to_owned()), "{printed:?}");
        assert!(of_profile(&project, "none").is_err());
    }
}
