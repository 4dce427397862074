//! The batch scripts of a fleet, and handing them to Slurm.

use super::{Element, Fleet};
use crate::kit::Kit;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use weighbridge_project::files;
use weighbridge_project::process::shown;

const ELEMENT: &str = include_str!("element.sh");

/// What the user says about the batch system.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Slurm's partition; the cluster's default when absent.
    pub partition: Option<String>,
    /// Additional options of sbatch, such as `--account=x`.
    pub options: Vec<String>,
}

/// Writes the fleet's folder: scripts, kits by the architecture of the node, folders for what comes.
///
/// # Errors
/// It exists already, or cannot be written.
pub fn write(folder: &Path, fleet: &Fleet, kits: &[(String, Kit)], batch: &Batch) -> Result<()> {
    ensure!(!folder.exists(), "{} exists already: a fleet is never overwritten", folder.display());
    let text = folder.display().to_string();
    // Slurm puts its own words in the place of %, and takes quotes for its own.
    let is_plain = |c: char| !c.is_whitespace() && !"%\"'\\$`".contains(c);
    ensure!(text.chars().all(is_plain), "`{text}`: choose a folder without blanks, quotes and %");
    ensure!(folder.is_absolute(), "`{text}`: the nodes need an absolute path");
    for sub in ["parts", "done", "log", "bundles"] {
        let path = folder.join(sub);
        files::make_folder(&path)?;
    }
    for (architecture, kit) in kits {
        let to = folder.join("bundles").join(format!("{architecture}.tar"));
        fs::copy(&kit.file, &to).with_context(|| format!("write {}", to.display()))?;
        files::write(&to.with_extension("digest"), kit.digest.as_bytes())?;
    }
    files::write(&folder.join("element.sh"), ELEMENT.as_bytes())?;
    for architecture in &fleet.architectures {
        let script = batch_script(folder, fleet, architecture, batch);
        files::write(&script_of(folder, architecture), script.as_bytes())?;
    }
    fleet.write(folder)
}

pub(super) fn script_of(folder: &Path, architecture: &str) -> PathBuf {
    folder.join(format!("{architecture}.sbatch"))
}

/// The array of one architecture. Everything stands in the script, so that `sbatch FILE` by hand does the same.
fn batch_script(folder: &Path, fleet: &Fleet, architecture: &str, batch: &Batch) -> String {
    let at = folder.display();
    let mut options = vec![
        format!("--job-name={}", fleet.job_name(architecture)),
        format!("--array=0-{}", fleet.array_count() - 1),
        format!("--constraint={architecture}"),
        "--nodes=1".to_owned(),
        "--exclusive".to_owned(),
        "--mem=0".to_owned(),
        "--requeue".to_owned(),
        "--open-mode=append".to_owned(),
        format!("--output={at}/log/{architecture}-%a.log"),
    ];
    options.extend(batch.partition.iter().map(|name| format!("--partition={name}")));
    options.extend(batch.options.iter().cloned());
    let mut text = String::from("#!/bin/sh\n");
    for option in options {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#SBATCH {option}");
    }
    let words: Vec<String> = fleet.arguments.iter().map(|word| quoted(word)).collect();
    let (size, count) = (fleet.block_size, fleet.blocks_count);
    let _ = write!(
        text,
        "# Element i measures the blocks from i * {size} on, {size} of them, of {count} in all.\n\
         from=$((SLURM_ARRAY_TASK_ID * {size}))\n\
         to=$((from + {size}))\n\
         [ \"$to\" -le {count} ] || to={count}\n\
         exec sh {at}/element.sh {at} {architecture} \"$from\" \"$to\" {}\n",
        words.join(" ")
    );
    text
}

fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-=,:+".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The command that hands the array of one architecture over.
#[must_use]
pub fn sbatch(folder: &Path, architecture: &str, command: impl Fn(&str) -> Command) -> Command {
    let mut sbatch = command("sbatch");
    sbatch.arg("--parsable").arg(script_of(folder, architecture));
    sbatch
}

/// Hands the arrays over and notes their numbers. `command` makes a program of Slurm.
///
/// # Errors
/// There is no sbatch, or it refuses; what it said stands in the message.
pub fn submit(folder: &Path, fleet: &mut Fleet, command: impl Fn(&str) -> Command) -> Result<()> {
    for architecture in fleet.architectures.clone() {
        if fleet.jobs.contains_key(&architecture) {
            continue;
        }
        let mut sbatch = sbatch(folder, &architecture, &command);
        let text = shown(&sbatch);
        let output = sbatch
            .output()
            .with_context(|| format!("run `{text}`: is this a machine of the cluster?"))?;
        ensure!(
            output.status.success(),
            "`{text}`: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        // With several clusters the name of this one follows.
        let job = answer.trim().split(';').next().unwrap_or_default().to_owned();
        fleet.jobs.insert(architecture, job);
        fleet.write(folder)?;
    }
    Ok(())
}

/// Where an element's messages go.
#[must_use]
pub fn log_of(folder: &Path, element: &Element) -> PathBuf {
    folder.join("log").join(format!("{}-{}.log", element.architecture, element.index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::plan::tests::fleet;

    #[test]
    fn the_script_says_all_that_slurm_must_know() {
        let batch =
            Batch { partition: Some("long".to_owned()), options: vec!["--account=me".to_owned()] };
        let mut fleet = fleet(7, 2);
        fleet.arguments.push("it's".to_owned());
        let text = batch_script(Path::new("/shared/f"), &fleet, "aarch64", &batch);
        for line in [
            "#SBATCH --array=0-3",
            "#SBATCH --constraint=aarch64",
            "#SBATCH --exclusive",
            "#SBATCH --requeue",
            "#SBATCH --open-mode=append",
            "#SBATCH --output=/shared/f/log/aarch64-%a.log",
            "#SBATCH --partition=long",
            "#SBATCH --account=me",
            r#"exec sh /shared/f/element.sh /shared/f aarch64 "$from" "$to" --profile quick 'it'\''s'"#,
        ] {
            assert!(text.lines().any(|l| l == line), "no `{line}` in {text}");
        }
    }

    /// The arithmetic of the script and that of [`Fleet::elements`] agree.
    #[test]
    fn the_script_takes_the_blocks_of_its_element() {
        let folder = tempfile::tempdir().unwrap();
        let fleet = fleet(7, 2);
        let script = batch_script(folder.path(), &fleet, "x86_64", &Batch::default());
        fs::write(folder.path().join("job"), script).unwrap();
        fs::write(folder.path().join("element.sh"), "echo \"$2-$3-$4\"").unwrap();
        for element in fleet.elements().iter().filter(|e| e.architecture == "x86_64") {
            let mut job = Command::new("sh");
            job.arg(folder.path().join("job"));
            job.env("SLURM_ARRAY_TASK_ID", element.index.to_string());
            let output = job.output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), element.name());
        }
    }

    #[test]
    fn a_folder_that_slurm_would_misread_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, expected) in [("a b", "without blanks"), ("50%", "without blanks")] {
            let at = folder.path().join(name);
            let error = write(&at, &fleet(1, 1), &[], &Batch::default()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let at = folder.path().join("fine");
        write(&at, &fleet(1, 1), &[], &Batch::default()).unwrap();
        let error = write(&at, &fleet(1, 1), &[], &Batch::default()).unwrap_err().to_string();
        assert!(error.contains("never overwritten"), "{error}");
    }
}
