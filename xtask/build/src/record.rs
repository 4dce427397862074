//! What is written down about the artifacts of one architecture, and shown.

use crate::names::GUESTS;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::inputs::sha256_file;
use weighbridge_project::process::{check, command, lines};
use weighbridge_project::project::Project;
use weighbridge_project::{files, settings};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::{Artifact, Artifacts, Provision};
use weighbridge_setup::{Need, Outcome, Setup, TargetToolchain, compiler_variable, for_manifest};

/// The processors that the component is compiled for ahead of time, where the architecture has names for
/// them. A named level and not what the building machine's processor has, so that every machine compiles the
/// same; and not the baseline, because the native codecs dispatch to AVX2 at run time, which compiled Wasm
/// cannot. A machine that lacks AVX2 itself gets what it can run.
#[must_use]
pub fn level(architecture: &str) -> Option<&'static str> {
    match architecture {
        "x86_64" if is_below_v3() => Some("x86-64-v2"),
        "x86_64" => Some("x86-64-v3"),
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
fn is_below_v3() -> bool {
    let is_v3 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("lzcnt");
    !is_v3
}

#[cfg(not(target_arch = "x86_64"))]
fn is_below_v3() -> bool {
    false
}

/// What the artifacts of one architecture were built with.
pub struct Built<'a> {
    /// The architecture.
    pub architecture: &'a str,
    /// The target of the native programs.
    pub native: &'a TargetToolchain,
    /// The need that this target meets.
    pub need: Need,
    /// The targets of the guests.
    pub guests: [&'a TargetToolchain; 2],
}

/// Writes `artifacts.json` of `files` in `folder`, and returns their paths.
///
/// # Errors
/// A file is not there, or the record cannot be written.
pub fn write(
    project: &Project,
    folder: &Path,
    files: &[&str],
    built: &Built<'_>,
    setup: &Setup,
) -> Result<Vec<PathBuf>> {
    let &Built { architecture, native, need, guests } = built;
    let mut artifacts = BTreeMap::new();
    for &file in files {
        let path = folder.join(file);
        let size_bytes =
            std::fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?.len();
        let artifact = Artifact { file: file.to_owned(), size_bytes, sha256: sha256_file(&path)? };
        artifacts.insert(file.to_owned(), artifact);
    }
    let record = Artifacts {
        schema_version: SCHEMA_VERSION,
        architecture: architecture.to_owned(),
        toolchain: compiler_version(native)?,
        libc: if native.triple.ends_with("musl") { "musl" } else { "glibc" }.to_owned(),
        artifacts,
        provisions: provisions(architecture, need, setup)?,
        settings: std::iter::once(native)
            .chain(guests)
            .map(|toolchain| Ok((toolchain.triple.clone(), settings(project, toolchain)?)))
            .collect::<Result<_>>()?,
    };
    files::write(&folder.join("artifacts.json"), &serde_json::to_vec_pretty(&record)?)?;
    Ok(files.iter().map(|file| folder.join(file)).collect())
}

/// What a target's compilers were told. Folders are left out: they are the machine's, and decide
/// nothing.
fn settings(project: &Project, toolchain: &TargetToolchain) -> Result<BTreeMap<String, String>> {
    let of_folder = ["--remap-path-prefix=", "-Lnative="];
    let flags = toolchain.env.get(settings::FLAGS).map(String::as_str).unwrap_or_default();
    let flags = flags.split('\x1f').filter(|flag| !of_folder.iter().any(|f| flag.starts_with(f)));
    let profile = settings::of_profile(project, "release")?;
    let profile = profile.iter().map(|(key, value)| format!("{key} = {value}"));
    let mut all = BTreeMap::from([
        ("rustflags".to_owned(), flags.collect::<Vec<_>>().join(" ")),
        ("profile".to_owned(), profile.collect::<Vec<_>>().join(", ")),
    ]);
    if !toolchain.arguments.is_empty() {
        all.insert("cargo".to_owned(), toolchain.arguments.join(" "));
    }
    for (name, tool) in [("cflags", "CFLAGS"), ("c-compiler", "CC")] {
        let value = toolchain.env.get(&compiler_variable(tool, &toolchain.triple));
        let Some(value) = value else { continue };
        let value = if tool == "CC" { first_line(value)? } else { value.clone() };
        all.insert(name.to_owned(), value);
    }
    Ok(all)
}

/// What had a part in the artifacts.
fn parts(need: Need) -> [Need; 6] {
    [
        Need::CCompiler,
        Need::WasmComponent,
        Need::WasmCommand,
        Need::ImageDebian,
        Need::ImageAlpine,
        need,
    ]
}

/// Versions of what was found for that, however it came here.
#[must_use]
pub fn found(setup: &Setup, need: Need) -> String {
    let parts = parts(need);
    let of_parts = setup.provisions.iter().filter(|provision| parts.contains(&provision.need));
    let reported = of_parts.map(|provision| match &provision.outcome {
        Outcome::Provided { detail, .. } => format!("{}: {detail:?}", provision.need),
        Outcome::Missing { .. } => format!("{}: missing", provision.need),
    });
    reported.collect::<Vec<_>>().join("\n")
}

fn provisions(architecture: &str, need: Need, setup: &Setup) -> Result<Vec<Provision>> {
    let parts = parts(need);
    let mut all = for_manifest(setup)?;
    let mut wanted = setup.provisions.iter().map(|provision| parts.contains(&provision.need));
    // One entry for each of the set-up's, in the same order.
    all.retain(|_| wanted.next().unwrap_or(false));
    all.push(Provision {
        need: "compiled-component".to_owned(),
        provider: Some("cranelift".to_owned()),
        detail: level(architecture).unwrap_or("the architecture's baseline").to_owned(),
        remedy: None,
    });
    Ok(all)
}

/// First line of `rustc --version` of the compiler behind the toolchain's cargo.
fn compiler_version(toolchain: &TargetToolchain) -> Result<String> {
    first_line(toolchain.env.get("RUSTC").map_or("rustc", String::as_str))
}

fn first_line(program: &str) -> Result<String> {
    let mut version = String::new();
    let status = lines(command(program).arg("--version"), |line| {
        if version.is_empty() {
            line.clone_into(&mut version);
        }
    })?;
    check(&format!("{program} --version"), status)?;
    Ok(version)
}

/// Reads `artifacts.json` of a folder.
///
/// # Errors
/// It is not there, or damaged; the message names it.
pub fn read(folder: &Path) -> Result<Artifacts> {
    let path = folder.join("artifacts.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

/// Prints the artifacts of all folders, and that the guests are the same files in each.
///
/// # Errors
/// A record cannot be read, or a guest is not the same file in each.
pub fn show(folders: &[PathBuf]) -> Result<()> {
    let records = folders.iter().map(|folder| read(folder)).collect::<Result<Vec<_>>>()?;
    for (folder, record) in folders.iter().zip(&records) {
        println!("{}  {}  {}", record.architecture, record.libc, folder.display());
        for (name, artifact) in &record.artifacts {
            println!("  {name:<26} {:>10} bytes  sha256 {}", artifact.size_bytes, artifact.sha256);
        }
    }
    let names: Vec<&str> = records.iter().map(|record| record.architecture.as_str()).collect();
    for guest in GUESTS {
        let mut digests = records.iter().filter_map(|record| record.artifacts.get(guest));
        let first = digests.next().with_context(|| format!("there is no {guest}"))?;
        anyhow::ensure!(
            digests.all(|other| other.sha256 == first.sha256),
            "{guest} is not the same file for {}: build again with --force",
            names.join(" and ")
        );
        if names.len() > 1 {
            println!("{guest} is the same file for {}: {}", names.join(" and "), first.sha256);
        }
    }
    Ok(())
}
