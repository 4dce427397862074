//! `cargo xtask analyze`: from raw logs to tables, figures, numbers and the report.

use super::{calibrate, tools};
use crate::exit::Exit;
use crate::inputs::Inputs;
use crate::process::{command, with_events};
use crate::progress::Progress;
use crate::project::Project;
use crate::stage;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

const STAGE: &str = "analyze";
/// The stage's result when every check and claim holds or is undecided.
const HOLDS: &str = "holds";

/// The folder in a run's own that holds what was made of its raw log.
pub const REPORT: &str = "report";

/// Where the analysis puts what it makes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Tables, figures and numbers for the paper.
    pub generated: PathBuf,
    /// The report in HTML.
    pub report: PathBuf,
    /// The paper, where one is made.
    pub pdf: PathBuf,
}

impl Output {
    /// The paper of the checkout. It is replaced only by what says so: `cargo xtask paper`,
    /// `--paper`, and an `all` of everything.
    #[must_use]
    pub fn of_paper(project: &Project) -> Self {
        Self {
            generated: project.path("paper/generated"),
            report: project.path("report"),
            pdf: project.path("paper/weighbridge.pdf"),
        }
    }

    /// Beside the raw log of a run: each run keeps its own.
    #[must_use]
    pub fn of_run(folder: &Path) -> Self {
        let report = folder.join(REPORT);
        Self { generated: report.join("generated"), pdf: report.join("weighbridge.pdf"), report }
    }

    /// Of the paper where that was asked for, else of the run.
    #[must_use]
    pub fn choose(project: &Project, folder: &Path, is_paper: bool) -> Self {
        if is_paper { Self::of_paper(project) } else { Self::of_run(folder) }
    }
}

/// The run to analyse: the one named, else the newest, else the published one.
///
/// # Errors
/// There is none.
pub fn choose(project: &Project, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        let candidates = [path.to_owned(), project.results().join(path)];
        return candidates
            .into_iter()
            .find(|candidate| candidate.join("manifest.json").is_file())
            .with_context(|| format!("{} is not a run: it has no manifest.json", path.display()));
    }
    if let Some(newest) = tools::runs(project)?.pop() {
        return Ok(newest);
    }
    tools::published(project)?.context(
        "there is no run yet: `cargo xtask run` makes one, `cargo xtask all` does everything",
    )
}

/// The verb.
///
/// # Errors
/// There is no run, or its raw log is damaged; the message names file and line.
pub fn run(
    project: &Project,
    named: Option<&Path>,
    is_paper: bool,
    force: bool,
    progress: &Progress,
) -> Result<Exit> {
    let folder = choose(project, named)?;
    let output = Output::choose(project, &folder, is_paper);
    let exit = stage(project, &folder, &output, None, force, progress)?;
    println!("{}\n", summary(&output)?);
    println!("report: {}", project.shown(&output.report.join("index.html")));
    println!("figures: {}", project.shown(&output.generated));
    println!("to put it into the paper: cargo xtask paper {}", project.shown(&folder));
    Ok(exit)
}

/// The table of medians, ratios and verdicts, as the terminal shows it.
///
/// # Errors
/// The analysis has not written it.
pub fn summary(output: &Output) -> Result<String> {
    let file = output.generated.join("summary.txt");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    // The first line says which command generated the file: a reader of the screen has just typed it.
    let lines: Vec<&str> = text.lines().skip_while(|line| line.starts_with('%')).collect();
    Ok(lines.join("\n").trim().to_owned())
}

/// The run that the analysis has last written there; `None` when there is none.
fn run_of(output: &Output) -> Option<String> {
    let text = std::fs::read_to_string(output.generated.join("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(summary["run"].as_str()?.to_owned())
}

/// The stage: skipped when neither the raw logs nor the analysis have changed.
/// `pdf_missing` says why there will be no PDF, where that is known.
///
/// # Errors
/// As [`run`].
pub fn stage(
    project: &Project,
    folder: &Path,
    output: &Output,
    pdf_missing: Option<&str>,
    force: bool,
    progress: &Progress,
) -> Result<Exit> {
    let (program, digest) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let calibration = calibrate::newest(project);
    let calibrated = calibration.as_ref().map(std::fs::read_to_string).transpose();
    let inputs = Inputs::default()
        .word(&folder.to_string_lossy())
        .word(&output.generated.to_string_lossy())
        .word(&digest)
        .word(pdf_missing.unwrap_or_default())
        .word(&calibrated.context("read the calibration")?.unwrap_or_default())
        .folder_without(folder, &[REPORT])?
        .path(&project.root, "analysis/claims.toml")?
        .digest();
    let name = stage::of(STAGE, &output.generated.to_string_lossy());
    if !force && let Some(stamp) = stage::fresh(project, &name, &inputs) {
        progress.skipped("analyze", &format!("{} is unchanged", project.shown(folder)));
        return Ok(if stamp.result == HOLDS { Exit::Done } else { Exit::DoesNotHold });
    }
    if let Some(before) = run_of(output).filter(|before| !folder.ends_with(before)) {
        progress.note(&format!("  {} was of {before}", project.shown(&output.generated)));
    }
    let mut analysis = command(&program);
    analysis.current_dir(&project.root).arg("render").arg("--run").arg(folder);
    analysis.arg("--output").arg(&output.generated).arg("--report").arg(&output.report);
    analysis.arg("--claims").arg(project.path("analysis/claims.toml"));
    analysis.args(["--progress", "json"]);
    if let Some(calibration) = &calibration {
        analysis.arg("--calibration").arg(calibration);
    }
    if let Some(why) = pdf_missing {
        analysis.args(["--pdf-missing", why]);
    }
    let (_, code) = with_events(&mut analysis, progress).inspect_err(|_| progress.abandon())?;
    if !matches!(code, 0 | 1) {
        progress.abandon();
        anyhow::bail!("the analysis ended with exit code {code}; its message stands above");
    }
    progress.end("done");
    let outputs = [output.generated.join("numbers.tex"), output.report.join("index.html")];
    let (exit, result) =
        if code == 0 { (Exit::Done, HOLDS) } else { (Exit::DoesNotHold, "does not hold") };
    stage::done(project, &name, &inputs, &outputs, result)?;
    Ok(exit)
}
