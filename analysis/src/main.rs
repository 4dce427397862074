//! The command line of the analysis.

mod decide_verb;
mod kit_verbs;
mod reconcile_verb;
mod speed_verb;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weighbridge_analysis::judge::{Claim, parse_claims};
use weighbridge_analysis::progress::{Form, Progress};
use weighbridge_analysis::render::{self, Destinations, beside, verification};
use weighbridge_analysis::{
    STEPS_COUNT, analyse, calibrate, explain, load, twins, two_runs, verify,
};
use weighbridge_analysis::{history, upgrade};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;

/// From raw logs to numbers.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Turn the raw log of a run into the paper's numbers, tables and figures, and into the report.
    ///
    /// Exit code: 0 done; 1 done, but a claim is contradicted or an answer differs; 2 nothing was written, because the
    /// command line or the raw log is at fault.
    Render(Render),
    /// Compare two runs: which conditions differ, and which results differ.
    Compare(Compare),
    /// Judge the paper's claims by a run of one's own, beside the published run.
    ///
    /// Exit code: 0 all hold; 1 one is contradicted; 2 nothing was judged, because the command line or a raw log is at
    /// fault; 3 one could not be measured; 4 one is undecided.
    Verify(Verify),
    /// Judge the lines of a file by one run, and by what was read beside it: each with its value, what it wants and its
    /// verdict.
    ///
    /// Exit code: 0 all hold; 1 one is contradicted; 2 nothing was judged, because the command line or the raw log is
    /// at fault; 3 one was not measured; 4 one is undecided.
    Judge(speed_verb::Judge),
    /// Write a larger run, of the raw log of one, to time this program with.
    #[command(hide = true)]
    Multiply(speed_verb::Multiply),
    /// Compute what the paper shows from the published raw log again, and compare it with what was published.
    ///
    /// Exit code: 0 all is as published; 1 something is not, each in a line; 2 nothing was compared, because the
    /// command line or a file is at fault.
    Published(kit_verbs::Published),
    /// Write a kit's appendix, research object (RO-Crate) and digests.
    Describe(kit_verbs::Describe),
    /// Say where a number of a run comes from: its formula, the lines of the raw log, the command that measures it
    /// again.
    Explain(Explain),
    /// Say of each published answer whether a run reproduces it, or which other boundary or setting explains it.
    Reconcile(reconcile_verb::Reconcile),
    /// Say what a load costs in every packing by a run's measurements, which packing to take, and what would change it.
    ///
    /// Exit code: 0 one is to be taken; 1 every packing is above the bound; 2 nothing was computed, because the
    /// command line or a file is at fault; 3 no packing was measured; 4 the intervals leave it open.
    Decide(decide_verb::Decide),
    /// Compare the releases of one program that a run has measured, and name those that changed it.
    ///
    /// Exit code: 0 done; with --moved 4 when the last release does not differ from the first, or
    /// nobody can tell.
    History(History),
    /// Say what moves when a program is taken in another version, by a run that has measured both.
    ///
    /// Exit code: 0 done; 1 done, but a claim is contradicted that was not.
    Upgrade(Upgrade),
    /// Compute from a run of equal subjects what this machine and this method can tell apart.
    ///
    /// Exit code: 0 done; 1 done, but equal subjects seem to differ more or less often than chance makes them.
    Calibrate(Calibrate),
}

#[derive(Debug, Args)]
struct Calibrate {
    /// Folder of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct Render {
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
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Seed of the resampling; the run's own seed unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// Form of the progress on standard output.
    #[arg(long, value_enum, default_value = "plain")]
    progress: Form,
    /// The paper that the report links to; it may be built later, in a folder that is there.
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// Why the PDF could not be built; the report says so.
    #[arg(long, value_name = "REASON")]
    pdf_missing: Option<String>,
}

#[derive(Debug, Args)]
struct Compare {
    /// Folder of the first run: the divisor of every ratio.
    #[arg(value_name = "RUN_A")]
    a: PathBuf,
    /// Folder of the second run.
    #[arg(value_name = "RUN_B")]
    b: PathBuf,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Seed of the resampling; the second run's own seed unless given.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Args)]
struct Explain {
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The number: experiment/workload/parameter/subject/quantity, as in numbers.tex.
    #[arg(value_name = "KEY")]
    key: String,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct History {
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Folder for the text, the table and the figure.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// What is compared, by its key in numbers.tex; what answers the experiment's question unless
    /// given.
    #[arg(long, value_name = "QUANTITY")]
    quantity: Option<String>,
    /// Only this parameter of the cells, such as page-cache=dropped; `-` where nothing varies.
    #[arg(long, value_name = "PARAMETER", allow_hyphen_values = true)]
    parameter: Option<Parameter>,
    /// End with the exit code that says whether the last release differs from the first.
    #[arg(long)]
    moved: bool,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Upgrade {
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The program, as in subjects.toml.
    #[arg(long, value_name = "NAME")]
    program: String,
    /// Its other version.
    #[arg(long, value_name = "VERSION")]
    version: String,
    /// The claims to judge.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Verify {
    /// Folder of the published run.
    #[arg(long, value_name = "DIR")]
    published: PathBuf,
    /// Folder of the run that was made to check it.
    #[arg(long, value_name = "DIR")]
    here: PathBuf,
    /// The claims.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// Only these of them, by name; all when none is given.
    #[arg(long, value_delimiter = ',', value_name = "CLAIM")]
    claim: Vec<String>,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

fn main() -> ExitCode {
    let as_code = |holds| if holds { 0 } else { 1 };
    let done = match Options::parse().verb {
        Verb::Render(options) => render(options).map(as_code),
        Verb::Compare(options) => compare(&options).map(as_code),
        Verb::Explain(options) => explain_number(&options).map(|()| 0),
        Verb::Decide(options) => decide_verb::decide_packing(&options),
        Verb::Verify(options) => verify(&options),
        Verb::Judge(options) => speed_verb::judge_lines(&options),
        Verb::Multiply(options) => speed_verb::multiply(&options).map(|()| 0),
        Verb::Published(options) => kit_verbs::compare_published(options).map(as_code),
        Verb::Describe(options) => kit_verbs::describe(&options).map(|()| 0),
        Verb::Reconcile(options) => reconcile_verb::run(&options).map(|()| 0),
        Verb::History(options) => compare_releases(&options),
        Verb::Upgrade(options) => compare_versions(&options),
        Verb::Calibrate(options) => calibrate_twins(&options).map(as_code),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // `eprintln!` would panic where nobody reads.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `true` when no claim is contradicted and all answers are as expected.
fn render(options: Render) -> Result<bool> {
    let progress = Progress::new(options.progress);
    progress.begin("analysing", STEPS_COUNT + 2);
    let claims = load_claims(&options.claims)?;
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let run = load::load(&options.run)?;
    progress.step(&format!("read {} observations", run.observations.len()));
    let seed = options.seed.unwrap_or(run.manifest.seed);
    let results = analyse(&run, &claims, calibration, seed, |label| progress.step(label))?;
    for note in &results.notes {
        progress.note(note);
    }
    let destinations = Destinations {
        output: options.output,
        report: options.report,
        pdf: options.pdf,
        pdf_missing: options.pdf_missing,
    };
    render::write(&results, &destinations)?;
    progress.step("rendered tables, figures and report");
    progress.done(&destinations.output.join("summary.txt").display().to_string());
    Ok(results.hold())
}

fn compare(options: &Compare) -> Result<bool> {
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let (a, b) = (load::load(&options.a)?, load::load(&options.b)?);
    let seed = options.seed.unwrap_or(b.manifest.seed);
    let found = two_runs::beside(&a, &b, calibration, seed)?;
    let text = beside::render(&a.manifest.run, &b.manifest.run, &found);
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(true)
}

fn explain_number(options: &Explain) -> Result<()> {
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let run = load::load(&options.run)?;
    let results = analyse(&run, &[], calibration, run.manifest.seed, |_| ())?;
    let text = explain::explain(&run, &results, &options.key)?;
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// Writes to standard output, and passes `value` on.
fn say<T>(text: &str, value: T) -> Result<T> {
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(value)
}

/// The exit code by the verdicts.
fn verify(options: &Verify) -> Result<u8> {
    let mut claims = load_claims(&options.claims)?;
    if !options.claim.is_empty() {
        claims.retain(|claim| options.claim.contains(&claim.name));
    }
    let (published, here) = (load::load(&options.published)?, load::load(&options.here)?);
    let found = verify::verify(&published, &here, &claims, options.calibration.as_deref())?;
    let text = verification::render(&published.manifest.run, &here.manifest.run, &found);
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(found.exit_code())
}

/// The exit code; 0 unless it is to say whether the last release moved.
fn compare_releases(options: &History) -> Result<u8> {
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let quantity = options.quantity.as_deref().map(Quantity::named).transpose()?;
    let run = load::load(&options.run)?;
    let found = history::history(&run, quantity, options.parameter, calibration)?;
    let text = render::history::write(&found, &options.output)?;
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let has_moved = found.timelines.first().and_then(history::Timeline::ends_differ);
    Ok(if options.moved && has_moved != Some(true) { 4 } else { 0 })
}

/// The exit code: 1 when a claim is contradicted that was not.
fn compare_versions(options: &Upgrade) -> Result<u8> {
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let claims = load_claims(&options.claims)?;
    let run = load::load(&options.run)?;
    let versions = (options.program.as_str(), options.version.as_str());
    let found = upgrade::upgrade(&run, versions, &claims, calibration)?;
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = std::io::stdout().write_all(render::upgrade::render(&found).as_bytes());
    Ok(u8::from(found.contradicts()))
}

/// `true` when false positives are as frequent as chance makes them.
fn calibrate_twins(options: &Calibrate) -> Result<bool> {
    let run = load::load(&options.run)?;
    let calibration = twins::calibrate(&run)?;
    let json = serde_json::to_string_pretty(&calibration).context("lay the calibration out")?;
    let shown = options.output.display();
    std::fs::write(&options.output, json + "\n").with_context(|| format!("writing {shown}"))?;
    let _ = std::io::stdout().write_all(twins::text(&calibration).as_bytes());
    let total = twins::total(&calibration);
    Ok(total.is_some_and(|(_, differ, low, high)| (low..=high).contains(&differ)))
}

fn load_claims(path: &Path) -> Result<Vec<Claim>> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {file}"))?;
    Ok(parse_claims(&file, &text)?)
}
