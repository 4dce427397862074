//! Writing a merged run: under a temporary name, until all of it is there.

use super::{Part, manifest};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use weighbridge_project::files::{make_folder, remove, write as write_whole};
use weighbridge_schema::line;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::Observation;

/// Writes everything and gives the folder its name; returns it and the number of observations.
pub(super) fn write(
    parts: &[Part],
    merged: &Manifest,
    machines: &[String],
    results: &Path,
) -> Result<(PathBuf, usize)> {
    // The ending keeps it out of the list of runs.
    let unfinished = results.join(format!("{}.merging.partial", merged.run));
    remove(&unfinished)?;
    for sub in ["histograms", "series", "stderr"] {
        make_folder(&unfinished.join(sub))?;
    }
    write_whole(&unfinished.join("manifest.json"), &serde_json::to_vec_pretty(merged)?)?;
    let stops = manifest::stops(parts);
    write_whole(&unfinished.join("stops.json"), &serde_json::to_vec_pretty(&stops)?)?;
    let observations_count = write_log(parts, merged, machines, &unfinished)?;
    for part in parts {
        copy_stderr(part, &unfinished)?;
    }
    let finished = results.join(&merged.run);
    fs::rename(&unfinished, &finished)
        .with_context(|| format!("rename {} to {}", unfinished.display(), finished.display()))?;
    Ok((finished, observations_count))
}

fn write_log(
    parts: &[Part],
    merged: &Manifest,
    machines: &[String],
    folder: &Path,
) -> Result<usize> {
    let positions: BTreeMap<&Trial, u64> = merged.plan.iter().zip(0..).collect();
    let mut log = Vec::new();
    let mut count = 0;
    for (part, machine) in parts.iter().zip(machines) {
        for observation in &part.observations {
            let position = *positions
                .get(&observation.trial)
                .context("an observation belongs to no planned trial")?;
            let mut line = observation.clone();
            line.run.clone_from(&merged.run);
            line.position = position;
            line.machine = Some(machine.clone());
            copy_files(part, &mut line, folder)?;
            log.extend(line::write(&line)?);
            count += 1;
        }
    }
    let path = folder.join("observations.jsonl");
    let mut file =
        fs::File::create_new(&path).with_context(|| format!("create {}", path.display()))?;
    file.write_all(&log)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write {}", path.display()))?;
    Ok(count)
}

/// Copies the files that the line names, under the line's new position, and names them so.
fn copy_files(part: &Part, line: &mut Observation, folder: &Path) -> Result<()> {
    let position = line.position;
    let named = [
        line.histogram.as_mut().map(|histogram| &mut histogram.file),
        line.series.as_mut().map(|series| &mut series.file),
    ];
    for file in named.into_iter().flatten() {
        let new = renamed(file, position)
            .with_context(|| format!("{} names the file {file}", part.name()))?;
        copy(&part.folder.join(&*file), &folder.join(&new))?;
        *file = new;
    }
    Ok(())
}

/// `histograms/00007-latency-native.hlog` with another number.
fn renamed(file: &str, position: u64) -> Result<String> {
    let (sub, name) = file.split_once('/').context("a file lies in a folder of the run")?;
    let is_plain = !name.contains('/') && ["histograms", "series"].contains(&sub);
    ensure!(is_plain, "it lies in no folder of the run");
    let (number, rest) = name.split_once('-').unwrap_or(("", name));
    let rest = if number.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { name };
    Ok(format!("{sub}/{position:05}-{rest}"))
}

/// Standard error is named by no line: the part's name keeps the files apart.
fn copy_stderr(part: &Part, folder: &Path) -> Result<()> {
    let from = part.folder.join("stderr");
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(&from).with_context(|| format!("list {}", from.display()))? {
        let path = entry.with_context(|| format!("list {}", from.display()))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let name = format!("{}-{}", part.name(), name.to_string_lossy());
            copy(&path, &folder.join("stderr").join(name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    ensure!(!to.exists(), "two files would be {}", to.display());
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("copy {} to {}", from.display(), to.display()))
}
