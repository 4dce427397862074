//! A program from the npm registry: the package and what it depends on in a folder of their own,
//! run by the machine's Node.js, or as it is where the package carries a finished program. Scripts
//! that packages want run on installation are not run.

use super::made::Made;
use crate::context::Context;
use crate::machine::Step;
use crate::packages::in_nix;
use crate::registries::{Answer, of_npm, way_on};
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_project::files::make_folder;

/// What npm writes down about what it has installed.
#[derive(Deserialize)]
struct Lock {
    /// By path within the folder; the folder's own has none.
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Locked {
    version: Option<String>,
}

/// A package and what is taken from it.
pub(super) struct Package<'a> {
    /// Its name.
    pub(super) package: &'a str,
    /// Its version.
    pub(super) version: &'a str,
    /// The program: its name, or its path within the package.
    pub(super) program: &'a str,
    /// Whether the program is started as it is.
    pub(super) is_native: bool,
}

/// A package's own file.
#[derive(Deserialize)]
struct Manifest {
    /// Its programs by name.
    bin: BTreeMap<String, String>,
}

/// Installs the package of exactly that version below `root`.
///
/// # Errors
/// This machine has no Node.js with npm, the registry has no such version, or the package brings no such program.
pub(super) fn install(context: &Context<'_>, wanted: &Package<'_>, root: &Path) -> Result<Made> {
    let Package { package, version, program, is_native } = *wanted;
    let machine = context.machine;
    if in_nix(machine) {
        bail!("nothing is downloaded in a Nix shell");
    }
    let missing =
        "is not there: install Node.js 20 or later with npm (Debian: apt-get install nodejs npm)";
    let node = machine.find("node").with_context(|| format!("node {missing}"))?;
    if machine.find("npm").is_none() {
        bail!("npm {missing}");
    }
    make_folder(root)?;
    (context.reporter)(&format!("installing {package} {version} with what it depends on"));
    let folder = root.display().to_string();
    let wanted = format!("{package}@{version}");
    let words =
        ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix"];
    let install = Step::new("npm", words.into_iter().chain([folder.as_str(), wanted.as_str()]));
    if let Err(error) = machine.run(&install) {
        // npm names no version that is there.
        match of_npm(machine, package, version) {
            Ok(Answer::Gone(newest)) => {
                bail!("the npm registry has no {wanted}; {}", way_on(Ok(newest)))
            }
            _ => return Err(error),
        }
    }

    let modules = root.join("node_modules");
    let home = modules.join(package);
    let file = match is_native {
        true => program.to_owned(),
        false => {
            let Manifest { mut bin } = read(context, &home.join("package.json"))?;
            let file = bin.remove(program);
            file.with_context(|| format!("{wanted} brings no program {program}"))?
        }
    };
    let program = home.join(file.trim_start_matches("./"));
    if !machine.exists(&program) {
        bail!("{wanted} holds no {}", program.display());
    }
    let Lock { packages } = read(context, &modules.join(".package-lock.json"))?;
    // A package may bring another version of the program along for itself, deeper down.
    let is_nested = |path: &str| path.matches("node_modules/").count() > 1;
    let (nested, own): (Vec<_>, Vec<_>) =
        packages.into_iter().partition(|(path, _)| is_nested(path));
    let mut detail = BTreeMap::new();
    for (path, locked) in own.into_iter().chain(nested) {
        let name = path.rsplit_once("node_modules/").map_or(path.as_str(), |(_, name)| name);
        if let Some(version) = locked.version {
            detail.entry(name.to_owned()).or_insert(version);
        }
    }
    let by_node = (!is_native).then(|| node.display().to_string());
    let command = by_node.into_iter().chain([program.display().to_string()]).collect();
    Ok(Made { command, program, libraries: Vec::new(), detail })
}

fn read<T: for<'de> Deserialize<'de>>(context: &Context<'_>, path: &Path) -> Result<T> {
    let text = context.machine.read(path);
    let text = text.with_context(|| format!("npm has left no {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    /// A machine with Node.js, and what npm leaves below `root` there.
    fn machine(root: &Path, bin: &'static str) -> FakeMachine {
        let modules = root.join("node_modules");
        let machine = FakeMachine::debian().on("npm install", move |machine, _| {
            let file = |path: &str, text: &str| {
                machine.add_file(&modules.join(path).display().to_string(), text);
            };
            file("@p/compiler/package.json", &format!("{{\"bin\": {bin}}}"));
            file("@p/compiler/src/cli.js", "");
            file(
                ".package-lock.json",
                r#"{"packages": {
                    "node_modules/@a/driver/node_modules/@p/compiler": {"version": "1.2.2"},
                    "node_modules/@p/compiler": {"version": "1.2.3"},
                    "node_modules/@p/driver/node_modules/@p/compiler": {"version": "1.2.1"},
                    "node_modules/@p/compiler/node_modules/parser": {"version": "4.0.0"}
                }}"#,
            );
            Ok(String::new())
        });
        machine.add_program("node");
        machine.add_program("npm");
        machine
    }

    fn made(bench: &Bench, machine: &FakeMachine) -> Result<Made, String> {
        made_of(bench, machine, "compiler", false)
    }

    fn made_of(
        bench: &Bench,
        machine: &FakeMachine,
        program: &str,
        is_native: bool,
    ) -> Result<Made, String> {
        let wanted = Package { package: "@p/compiler", version: "1.2.3", program, is_native };
        bench.call(machine, false, |context| {
            let made = install(context, &wanted, &bench.state.join("compiler-1.2.3"));
            made.map_err(|error| format!("{error:#}"))
        })
    }

    #[test]
    fn a_package_is_run_by_node_and_says_what_came_with_it() {
        let bench = Bench::new("npm");
        let root = bench.state.join("compiler-1.2.3");
        for bin in
            [r#"{"compiler": "./src/cli.js"}"#, r#"{"other": "x", "compiler": "src/cli.js"}"#]
        {
            let machine = machine(&root, bin);
            let made = made(&bench, &machine).unwrap();
            let program = root.join("node_modules/@p/compiler/src/cli.js");
            assert_eq!(made.command, ["/usr/bin/node", &program.display().to_string()]);
            assert_eq!(made.program, program);
            assert_eq!(made.detail["@p/compiler"], "1.2.3");
            assert_eq!(made.detail["parser"], "4.0.0");
            assert_eq!(machine.count("--ignore-scripts"), 1, "nobody's scripts are run");
            assert_eq!(machine.count(" @p/compiler@1.2.3"), 1);
        }
    }

    #[test]
    fn a_finished_program_is_started_as_it_is_and_one_that_is_not_there_is_named() {
        let bench = Bench::new("npm-native");
        let root = bench.state.join("compiler-1.2.3");
        let machine = machine(&root, "{}");
        let made = made_of(&bench, &machine, "src/cli.js", true).unwrap();
        let program = root.join("node_modules/@p/compiler/src/cli.js");
        assert_eq!(made.command, [program.display().to_string()]);
        let error = made_of(&bench, &machine, "bin/other", true).map(|_| ()).unwrap_err();
        assert!(error.starts_with("@p/compiler@1.2.3 holds no "), "{error}");
    }

    #[test]
    fn a_version_that_is_gone_is_told_with_the_newest() {
        let bench = Bench::new("npm-gone");
        let gone = FakeMachine::debian()
            .on("npm install", |_, _| bail!("npm error code ETARGET"))
            .on("@p/compiler@1.2.3 version", |_, _| bail!("npm error code E404"))
            .on("@p/compiler version", |_, _| Ok("2.0.0\n".to_owned()));
        gone.add_program("node");
        gone.add_program("npm");
        let error = made(&bench, &gone).map(|_| ()).unwrap_err();
        assert!(
            error.starts_with("the npm registry has no @p/compiler@1.2.3; the newest is 2.0.0")
        );
    }

    #[test]
    fn without_node_or_the_program_it_is_said_what_is_missing() {
        let bench = Bench::new("npm-missing");
        let other = machine(&bench.state.join("compiler-1.2.3"), r#"{"other": "src/cli.js"}"#);
        let error = made(&bench, &other).map(|_| ()).unwrap_err();
        assert_eq!(error, "@p/compiler@1.2.3 brings no program compiler");
        let bare = FakeMachine::debian();
        let error = made(&bench, &bare).map(|_| ()).unwrap_err();
        assert!(error.contains("apt-get install nodejs npm"), "{error}");
        assert_eq!(bare.count("npm"), 0);
        let nix = FakeMachine::debian().with("IN_NIX_SHELL", "impure");
        let error = made(&bench, &nix).map(|_| ()).unwrap_err();
        assert!(error.contains("Nix shell"), "{error}");
    }
}
