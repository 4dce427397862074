//! The command line of the analysis.

use anyhow::{Context, Result};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weighbridge_analysis::judge::{Claim, parse_claims};
use weighbridge_analysis::progress::{Form, Progress};
use weighbridge_analysis::render::{self, Destinations};
use weighbridge_analysis::{STEPS_COUNT, analyse, load};

/// Turns the raw log of a run into the paper's numbers, tables and figures, and into the report.
///
/// Exit code: 0 done; 1 done, but a claim is contradicted or an answer differs; 2 nothing was written, because the command line
/// or the raw log is at fault.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Folder of the run, with manifest.json and observations.jsonl.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Folder for numbers.tex, tables, figures and summaries.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Folder for the report (index.html).
    #[arg(long, value_name = "DIR")]
    report: PathBuf,
    /// The claims to judge.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// Seed of the resampling; the run's own seed unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// Form of the progress on standard output.
    #[arg(long, value_enum, default_value = "plain")]
    progress: Form,
    /// Why the PDF could not be built; the report says so.
    #[arg(long, value_name = "REASON")]
    pdf_missing: Option<String>,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `true` when no claim is contradicted and all answers are as expected.
fn run(options: Options) -> Result<bool> {
    let progress = Progress::new(options.progress);
    progress.begin("analysing", STEPS_COUNT + 2);
    let claims = load_claims(&options.claims)?;
    let run = load::load(&options.run)?;
    progress.step(&format!("read {} observations", run.observations.len()));
    let seed = options.seed.unwrap_or(run.manifest.seed);
    let results = analyse(&run, &claims, seed, |label| progress.step(label))?;
    for note in &results.notes {
        progress.note(note);
    }
    let destinations = Destinations {
        output: options.output,
        report: options.report,
        pdf_missing: options.pdf_missing,
    };
    render::write(&results, &destinations)?;
    progress.step("rendered tables, figures and report");
    progress.done(&destinations.output.join("summary.txt").display().to_string());
    Ok(results.hold())
}

fn load_claims(path: &Path) -> Result<Vec<Claim>> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {file}"))?;
    Ok(parse_claims(&file, &text)?)
}
