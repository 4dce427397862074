//! `cargo xtask build`: the measured artifacts, with their digests in `artifacts.json`.

use super::setup::{for_manifest, toolchain};
use super::tools;
use crate::cargo::Build;
use crate::exit::Exit;
use crate::inputs::{Inputs, sha256_file};
use crate::process::{check, command, lines, shown};
use crate::progress::Progress;
use crate::project::Project;
use crate::setup::{Need, Setup, TargetToolchain};
use crate::stage;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::{Artifact, Artifacts};

const STAGE: &str = "build";

/// File names of the artifacts, which are their names in `subjects.toml` too.
const NATIVE: &str = "weighbridge-native";
const HOST: &str = "weighbridge-host";
const HOST_COMPILER: &str = "weighbridge-host-compiler";
const COMPONENT: &str = "component.wasm";
const COMPILED: &str = "component.cwasm";
const COMMAND: &str = "command.wasm";
const IMAGE: &str = "image.tar";

/// The needs of a build.
pub const NEEDS: &[Need] =
    &[Need::CCompiler, Need::WasmComponent, Need::WasmCommand, Need::StaticNative];

/// The verb.
///
/// # Errors
/// A target is missing (exit code 3) or the build failed.
pub fn run(project: &Project, force: bool, progress: &Progress) -> Result<Exit> {
    let setup = super::setup::provide(project, NEEDS, progress)?;
    let folder = artifacts(project, &setup, force, progress)?;
    let text = std::fs::read_to_string(folder.join("artifacts.json"))?;
    let record: Artifacts = serde_json::from_str(&text)?;
    for (name, artifact) in &record.artifacts {
        println!("{name:<26} {:>10} bytes  sha256 {}", artifact.size_bytes, artifact.sha256);
    }
    println!("{}", folder.display());
    Ok(Exit::Done)
}

/// Builds everything unless nothing has changed, and returns the folder.
///
/// # Errors
/// As [`run`].
pub fn artifacts(
    project: &Project,
    setup: &Setup,
    force: bool,
    progress: &Progress,
) -> Result<PathBuf> {
    let native = toolchain(setup, Need::StaticNative)?;
    let component = toolchain(setup, Need::WasmComponent)?;
    let wasm_command = toolchain(setup, Need::WasmCommand)?;
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;

    let inputs = inputs(project, &[native, component, wasm_command])?;
    let folder = project.artifacts();
    if !force && stage::fresh(project, STAGE, &inputs).is_some() {
        progress.skipped("build", "sources and toolchains are unchanged");
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let env = [("WEIGHBRIDGE_BUILD_DIGEST", &inputs[..16])];
    let release = |package, arguments, toolchain| Build {
        package,
        within_workspace: false,
        profile: "release",
        arguments,
        toolchain: Some(toolchain),
        env: &env,
    };

    release("weighbridge-native", &[], native).run(project, progress)?;
    keep(project, native, "weighbridge-native", &folder.join(NATIVE))?;
    release("weighbridge-host", &["--no-default-features"], native).run(project, progress)?;
    keep(project, native, "weighbridge-host", &folder.join(HOST))?;
    release("weighbridge-host", &[], native).run(project, progress)?;
    keep(project, native, "weighbridge-host", &folder.join(HOST_COMPILER))?;
    release("weighbridge-component", &["--lib"], component).run(project, progress)?;
    keep(project, component, "weighbridge_component.wasm", &folder.join(COMPONENT))?;
    release("weighbridge-command", &[], wasm_command).run(project, progress)?;
    keep(project, wasm_command, "weighbridge-command.wasm", &folder.join(COMMAND))?;

    progress.begin("compile the component ahead of time, write the image", 0);
    finish(&folder, &runner).inspect_err(|_| progress.abandon())?;
    progress.end("done");

    let record = record(&folder, native, setup)?;
    let outputs = record.artifacts.values().map(|a| folder.join(&a.file)).collect();
    stage::write(&folder.join("artifacts.json"), &serde_json::to_vec_pretty(&record)?)?;
    stage::done(project, STAGE, &inputs, outputs, "built")?;
    Ok(folder)
}

fn inputs(project: &Project, toolchains: &[&TargetToolchain]) -> Result<String> {
    let sources = [
        "service",
        "experiments/runner/src/image",
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
        ".cargo/config.toml",
    ];
    let mut inputs = Inputs::default().paths(&project.root, &sources)?;
    for toolchain in toolchains {
        inputs = inputs.word(&serde_json::to_string(toolchain)?);
    }
    Ok(inputs.digest())
}

/// Copies what cargo made to its place among the artifacts, under a name of its own: two builds of the
/// host differ in their features and would overwrite each other.
fn keep(project: &Project, toolchain: &TargetToolchain, made: &str, to: &Path) -> Result<()> {
    let from = project.target.join(&toolchain.triple).join("release").join(made);
    let bytes = std::fs::read(&from).with_context(|| format!("read {}", from.display()))?;
    stage::write(to, &bytes)?;
    if to.extension().is_none() {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", to.display()))?;
    }
    Ok(())
}

/// What cargo does not make: the component compiled for this machine, and the image of the binary.
fn finish(folder: &Path, runner: &Path) -> Result<()> {
    let mut compile = command(folder.join(HOST_COMPILER));
    compile.arg("compile").arg(folder.join(COMPONENT));
    compile.arg("--output").arg(folder.join(COMPILED));
    let mut image = command(runner);
    image.args(["image", "--architecture", std::env::consts::ARCH]);
    image.arg("--binary").arg(folder.join(NATIVE));
    image.arg("--output").arg(folder.join(IMAGE));
    for mut step in [compile, image] {
        let text = shown(&step);
        let status = lines(&mut step, |_| ())?;
        check(&text, status)?;
    }
    Ok(())
}

fn record(folder: &Path, native: &TargetToolchain, setup: &Setup) -> Result<Artifacts> {
    let mut artifacts = BTreeMap::new();
    for file in [NATIVE, HOST, HOST_COMPILER, COMPONENT, COMPILED, COMMAND, IMAGE] {
        let path = folder.join(file);
        let size_bytes =
            std::fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?.len();
        let artifact = Artifact { file: file.to_owned(), size_bytes, sha256: sha256_file(&path)? };
        artifacts.insert(file.to_owned(), artifact);
    }
    Ok(Artifacts {
        schema_version: SCHEMA_VERSION,
        architecture: std::env::consts::ARCH.to_owned(),
        toolchain: compiler_version(native)?,
        libc: if native.triple.ends_with("musl") { "musl" } else { "glibc" }.to_owned(),
        artifacts,
        provisions: for_manifest(setup)?
            .into_iter()
            .filter(|provision| {
                !matches!(provision.need.as_str(), "container-engine" | "tex" | "nix")
            })
            .collect(),
    })
}

/// First line of `rustc --version` of the compiler behind the toolchain's cargo.
fn compiler_version(toolchain: &TargetToolchain) -> Result<String> {
    let program = toolchain.env.get("RUSTC").map_or("rustc", String::as_str);
    let mut version = String::new();
    let status = lines(command(program).arg("--version"), |line| {
        if version.is_empty() {
            line.clone_into(&mut version);
        }
    })?;
    check(&format!("{program} --version"), status)?;
    Ok(version)
}
