//! `cargo xtask list`: the experiments, subjects, workloads, artifacts and runs.

use super::build;
use crate::architecture::Architecture;
use crate::exit::Exit;
use crate::project::Project;
use anyhow::{Context, Result};
use std::fmt::Write;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::subject::parse_subjects;
use weighbridge_schema::workload::{Workload, parse_workloads};

const EXAMPLES_HEADING: &str =
    "examples, measured when they are named (with what each brings along)\n";

/// The verb.
///
/// # Errors
/// A definition cannot be read or is wrong; the message names file and line.
pub fn run(project: &Project) -> Result<Exit> {
    print!("{}", text(project)?);
    Ok(Exit::Done)
}

/// What a workload asks for, in a line.
fn words(workload: &Workload) -> String {
    match workload {
        Workload::Request(request) => format!("{} {}", request.method, request.path),
        Workload::Mix(mix) => mix.to_string(),
    }
}

fn text(project: &Project) -> Result<String> {
    let read = |relative: &str| {
        let path = project.path(relative);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let subjects =
        parse_subjects("experiments/subjects.toml", &read("experiments/subjects.toml")?)?;
    let workloads =
        parse_workloads("experiments/workloads.toml", &read("experiments/workloads.toml")?)?;
    let mut text = String::from("experiments (trials with the profiles smoke, quick, paper)\n");
    for (heading, folder) in [("", "definitions"), (EXAMPLES_HEADING, "examples")] {
        text += heading;
        for stem in stems_in(project, folder)? {
            let file = format!("experiments/{folder}/{stem}.toml");
            let definition =
                Definition::parse(&file, stem.parse()?, &read(&file)?, &subjects, &workloads)?;
            let count = |profile| {
                let invocations = 0..definition.settings(profile).planned_invocations();
                definition.trials(std::env::consts::ARCH, invocations).len()
            };
            let counts = [Profile::Smoke, Profile::Quick, Profile::Paper].map(count);
            writeln!(text, "  {stem:<16} {counts:?}  {}", definition.question)?;
            for (name, subject) in &definition.own.subjects {
                writeln!(text, "    {name:<20} {}", subject.title)?;
            }
            for (name, workload) in &definition.own.workloads {
                writeln!(text, "    {name:<20} {}", words(workload))?;
            }
        }
    }
    text += "subjects\n";
    for (name, subject) in &subjects {
        writeln!(text, "  {name:<22} {}", subject.title)?;
    }
    text += "workloads\n";
    for (name, workload) in &workloads {
        writeln!(text, "  {name:<28} {}", words(workload))?;
    }
    text += "artifacts (cargo xtask build --arch)\n";
    for architecture in Architecture::ALL {
        let folder = project.artifacts().with_file_name(architecture.name());
        if folder.join("artifacts.json").is_file() {
            let record = build::record::read(&folder)?;
            writeln!(text, "  {architecture:<10} {}, {}", record.libc, record.toolchain)?;
        }
    }
    text += "runs\n";
    for run in super::tools::runs(project)? {
        writeln!(text, "  {}", project.shown(&run))?;
    }
    Ok(text)
}

/// Names of the experiments, sorted.
///
/// # Errors
/// The folder of definitions cannot be listed.
pub fn stems(project: &Project) -> Result<Vec<String>> {
    stems_in(project, "definitions")
}

fn stems_in(project: &Project, folder: &str) -> Result<Vec<String>> {
    let folder = project.path("experiments").join(folder);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    let mut stems: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_toml = path.extension().is_some_and(|extension| extension == "toml");
            is_toml.then(|| path.file_stem().map(|s| s.to_string_lossy().into_owned())).flatten()
        })
        .collect();
    stems.sort();
    Ok(stems)
}
