//! The verbs for a published run and its kit.

use super::{Render, load_claims, render, say};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::PathBuf;
use weighbridge_analysis::progress::Form;
use weighbridge_analysis::{analyse, calibrate, kit, load, published};

#[derive(Debug, Args)]
pub struct Published {
    /// Folder of the published run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The claims.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// calibration.json that was published with the run.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Folder of what was published.
    #[arg(long, value_name = "DIR")]
    published: PathBuf,
    /// Folder of the paper's text, which quotes numbers.
    #[arg(long, value_name = "DIR")]
    sections: PathBuf,
    /// Folders of artifacts, each with its instruction set as its name: are they those that were measured?
    #[arg(long, value_name = "DIR")]
    artifacts: Vec<PathBuf>,
    /// Folder for what is computed; emptied first.
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
    /// Take what is computed as what is published.
    #[arg(long)]
    renew: bool,
}

#[derive(Debug, Args)]
pub struct Describe {
    /// Folder of the published run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The claims.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// calibration.json that was published with the run.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Folder of the kit, otherwise whole.
    #[arg(long, value_name = "DIR")]
    kit: PathBuf,
}

/// `true` when the raw log gives what was published.
pub fn compare_published(options: Published) -> Result<bool> {
    if options.work.is_dir() {
        // A table that is not made any more must not be compared.
        std::fs::remove_dir_all(&options.work)
            .with_context(|| format!("remove {}", options.work.display()))?;
    }
    let mut found = Vec::new();
    let manifest = load::manifest(&options.run)?;
    for folder in &options.artifacts {
        found.extend(published::other_artifacts(&manifest, folder)?);
    }
    let generated = options.work.join("generated");
    let _ = render(Render {
        run: options.run,
        output: generated.clone(),
        report: options.work.join("report"),
        claims: options.claims,
        calibration: options.calibration,
        seed: None,
        progress: Form::Silent,
        pdf: None,
        pdf_missing: None,
    })?;
    let computed = published::as_published(&generated, &options.sections)?;
    let (shown, run) = (options.published.display(), &manifest.run);
    if options.renew {
        published::write(&options.published, &computed)?;
        return say(&format!("{shown} holds what {run} gives\n"), true);
    }
    let before = published::read(&options.published)?;
    ensure!(!before.is_empty(), "{shown} holds nothing to compare with; --renew fills it");
    found.extend(published::differences(&before, &computed));
    if found.is_empty() {
        let (count, measured) = (computed.len(), options.artifacts.len());
        let artifacts = match measured {
            0 => "",
            _ => ", and the artifacts are those that were measured",
        };
        return say(&format!("{run}: all {count} files are as published{artifacts}\n"), true);
    }
    let lines: Vec<String> = found.iter().map(|line| format!("{line}\n")).collect();
    say(&format!("{}the run {run} does not give what {shown} says\n", lines.concat()), false)
}

/// Writes a kit's appendix, research object and digests.
pub fn describe(options: &Describe) -> Result<()> {
    let claims = load_claims(&options.claims)?;
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let run = load::load(&options.run)?;
    let results = analyse(&run, &claims, calibration, run.manifest.seed, |_| ())?;
    kit::describe(&results, &options.kit)
}
