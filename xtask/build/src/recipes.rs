//! `recipes.json`, beside the artifacts: how each form of a service is built, and what must be on the machine before.
//! It tells the runner, which builds them again for the method `overhead`, in a copy of the sources.

use crate::artifacts::SOURCES;
use crate::cargo::Build;
use crate::record;
use crate::reproducible::MEMBERS;
use anyhow::Result;
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::path::Path;
use std::process::Command;
use weighbridge_project::build_step;
use weighbridge_project::files;
use weighbridge_project::inputs::Inputs;
use weighbridge_project::project::Project;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::overhead::{Service, Tool};
use weighbridge_schema::recipe::{Call, FILE, Recipe, RecipeBook, Recipes};
use weighbridge_setup::{Context, Need, Setup, TargetToolchain, fetched, toolchain};

const BUILD_STEP: &str = "recipes";
/// The variables that name cargo's folders: the runner has its own.
const FOLDERS: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"];

/// A package with its arguments, and what it makes.
type Made = (&'static str, &'static [&'static str], &'static str);

/// The native program and the component of each service.
const FORMS: [(Service, Made, Made); 2] = [
    (
        Service::Image,
        ("weighbridge-native", &[], "weighbridge-native"),
        ("weighbridge-component", &["--lib"], "weighbridge_component.wasm"),
    ),
    (
        Service::JsonApi,
        ("example-json-api", &["--bin", "json-api"], "json-api"),
        ("example-json-api", &["--lib"], "json_api.wasm"),
    ),
];

/// Writes the file, unless nothing has changed: what has to be fetched takes the package manager some seconds to count.
///
/// # Errors
/// A target is missing, or the file cannot be written.
pub(crate) fn write(project: &Project, setup: &Setup, local: &Path) -> Result<()> {
    let mut book = book(project, setup)?;
    let digest = Inputs::default()
        .word(&serde_json::to_string(&book)?)
        .word(&serde_json::to_string(&setup.provisions)?)
        .digest();
    let file = local.join(FILE);
    // A state folder that several checkouts share may tell of another one's file.
    let is_of_here = |stamp: build_step::Stamp| stamp.outputs.iter().any(|made| made.path == file);
    if build_step::fresh(project, BUILD_STEP, &digest).is_some_and(is_of_here) {
        return Ok(());
    }
    let silent = |_: &str| ();
    let context = Context::of(project, &silent);
    let tools = |needs: &[Need]| fetched::tools(&context, setup, needs);
    let native = tools(&[Need::CCompiler, Need::StaticNative]);
    // The Wasm host is a native program.
    let component = tools(&[Need::CCompiler, Need::WasmComponent, Need::StaticNative]);
    book.container_tools = tools(&[Need::ContainerEngine]);
    for recipes in book.services.values_mut() {
        recipes.native.tools.clone_from(&native);
        recipes.component.tools.clone_from(&component);
    }
    files::write(&file, &serde_json::to_vec_pretty(&book)?)?;
    build_step::done(project, BUILD_STEP, &digest, &[file], "written")
}

/// All of it but the tools.
fn book(project: &Project, setup: &Setup) -> Result<RecipeBook> {
    let native = toolchain(setup, Need::StaticNative)?;
    let component = toolchain(setup, Need::WasmComponent)?;
    let mut services = BTreeMap::new();
    for (service, of_native, of_component) in FORMS {
        let recipes = Recipes {
            native: recipe(project, of_native, native)?,
            component: recipe(project, of_component, component)?,
        };
        services.insert(service, recipes);
    }
    let mut compile_options = vec!["--target".to_owned(), native.triple.clone()];
    if let Some(level) = record::level(ARCH) {
        compile_options.extend(["--cpu".to_owned(), level.to_owned()]);
    }
    let host = build(("weighbridge-host", &[], ""), native);
    Ok(RecipeBook {
        schema_version: SCHEMA_VERSION,
        checkout: project.root.to_string_lossy().into_owned(),
        sources: SOURCES.iter().chain(&MEMBERS).map(|&source| source.to_owned()).collect(),
        services,
        container_tools: Vec::new(),
        host_crates: listed(project, &host),
        compile_options,
    })
}

fn build<'a>((package, arguments, _): Made, toolchain: &'a TargetToolchain) -> Build<'a> {
    Build {
        package,
        within_workspace: false,
        profile: "release",
        arguments,
        toolchain: Some(toolchain),
        env: &[],
    }
}

fn recipe(project: &Project, made: Made, toolchain: &TargetToolchain) -> Result<Recipe> {
    let build = build(made, toolchain);
    let tools: Vec<Tool> = Vec::new();
    let makes = format!("{}/release/{}", toolchain.triple, made.2);
    Ok(Recipe {
        build: call(&build.called(project)?),
        crates: listed(project, &build),
        makes,
        tools,
    })
}

/// Lists crates without asking anybody: they were fetched for the build.
fn listed(project: &Project, build: &Build<'_>) -> Call {
    let mut listed = build.listed(project);
    listed.arg("--offline");
    call(&listed)
}

/// The words and the variables of a command that is to be run elsewhere.
fn call(command: &Command) -> Call {
    let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let set = command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?))));
    let environment = set.filter(|(name, _)| !FOLDERS.contains(&name.as_str())).collect();
    Call { words: words.map(text).collect(), environment }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(folder: &Path) -> Project {
        Project {
            root: Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned(),
            state: folder.join("state"),
            target: folder.join("target"),
            build: folder.join("target"),
            assume_yes: true,
        }
    }

    fn target(triple: &str) -> TargetToolchain {
        TargetToolchain {
            triple: triple.to_owned(),
            cargo: "/a/cargo".into(),
            env: BTreeMap::from([("RUSTC".to_owned(), "/a/rustc".to_owned())]),
            arguments: vec!["-Zbuild-std=std".to_owned()],
        }
    }

    fn setup() -> Setup {
        Setup {
            schema_version: weighbridge_setup::SCHEMA_VERSION,
            provisions: Vec::new(),
            targets: BTreeMap::from([
                (Need::StaticNative, target("x-musl")),
                (Need::WasmComponent, target("wasm32-wasip2")),
            ]),
        }
    }

    #[test]
    fn a_recipe_is_the_command_of_the_build_without_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(&project(folder.path()), &setup()).unwrap();
        assert_eq!(Vec::from_iter(book.services.keys().copied()), Service::ALL);
        for (service, recipes) in &book.services {
            for recipe in [&recipes.native, &recipes.component] {
                let Recipe { build, crates, makes, .. } = recipe;
                assert_eq!(build.words[..2], ["/a/cargo", "build"], "{service}");
                for word in ["--locked", "-Zbuild-std=std", "--target"] {
                    assert!(build.words.iter().any(|other| other == word), "{service}: {word}");
                }
                assert_eq!(build.environment["RUSTC"], "/a/rustc");
                assert!(FOLDERS.iter().all(|name| !build.environment.contains_key(*name)));
                assert_eq!(crates.words[..2], ["/a/cargo", "tree"], "{service}");
                assert!(!crates.words.iter().any(|word| word == "--lib" || word == "--bin"));
                assert!(makes.contains("/release/"), "{makes}");
            }
        }
        assert!(book.services[&Service::JsonApi].native.makes.starts_with("x-musl/"));
        assert_eq!(book.compile_options[..2], ["--target", "x-musl"]);
    }

    #[test]
    fn every_package_and_every_source_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path());
        let lock = std::fs::read_to_string(project.path("Cargo.lock")).unwrap();
        for (_, (native, ..), (component, ..)) in FORMS {
            for package in [native, component] {
                assert!(lock.contains(&format!("name = \"{package}\"")), "{package}");
            }
        }
        for source in book(&project, &setup()).unwrap().sources {
            assert!(project.path(&source).exists(), "{source}");
        }
    }
}
