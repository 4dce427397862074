//! Plans trials, starts subjects, sends load, records observations.
//!
//! `cargo xtask run` builds this program and calls it; it can be called by hand just as well.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprintln, print, println)]
extern crate weighbridge_machine;

mod calibrate;
mod engine;
mod failure;
mod http;
mod image;
mod inventory;
mod kernel;
mod load;
mod measure;
mod plan;
mod question;
mod run;
mod subject;

use anyhow::{Context, Result};
use calibrate::responder;
use clap::{Args, Parser, Subcommand};
use engine::engines::Engines;
use inventory::built::Built;
use kernel::interrupt;
use measure::Inventory;
use plan::dry_run;
use plan::lacking::LackingError;
use plan::planned;
use plan::survey;
use question::catalog::Catalog;
use question::custom_files;
use run::alone;
use run::announce::{Announcer, Style};
use run::ending;
use run::real_lab::RealLab;
use run::session::{End, Session};
use run::store;
use run::store::Store;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use weighbridge_machine::output;
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::speed::read_thresholds;

/// Plans trials, starts subjects, sends load, records observations.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Measure: one run, or the rest of an interrupted one.
    Run(Box<RunArguments>),
    /// Write the container image of a static binary as a deterministic archive.
    Image {
        /// A root file system for the layer below the binary's; none when absent (FROM scratch).
        #[arg(long, value_name = "FOLDER")]
        base: Option<PathBuf>,
        /// The static binary.
        #[arg(long)]
        binary: PathBuf,
        /// Its instruction set.
        #[arg(long, default_value = std::env::consts::ARCH)]
        architecture: String,
        /// The archive to write.
        #[arg(long)]
        output: PathBuf,
    },
    /// Turn a module's text into the module, for the probes that are written by hand.
    Assemble {
        /// The text (.wat).
        #[arg(long)]
        text: PathBuf,
        /// The module to write (.wasm).
        #[arg(long)]
        output: PathBuf,
    },
    /// Weigh the load generator beside wrk, and show both of its loops a server that stalls.
    CalibrateLoad(calibrate::Arguments),
    /// Answer every request with the same bytes: what the load generator is calibrated against.
    Responder(responder::Arguments),
}

#[derive(Args)]
struct RunArguments {
    #[command(flatten)]
    request: RunRequest,
    /// The folder of definitions, subjects, workloads and corpus.
    #[arg(long, default_value = "experiments")]
    folder: PathBuf,
    /// The checkout that the run is made from; the folder above that of the definitions unless
    /// given.
    #[arg(long, value_name = "DIR")]
    checkout: Option<PathBuf>,
    /// The folder of built artifacts.
    #[arg(long)]
    artifacts: PathBuf,
    /// The folder that takes the run.
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// JSON file that says how the needs of the run were met.
    #[arg(long)]
    provisions: Option<PathBuf>,
    /// The folder of the programs that set-up has installed.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// The paper's claims: with a budget, time goes where they are still open.
    #[arg(long)]
    claims: Option<PathBuf>,
    #[command(flatten)]
    part: Part,
    /// Resume this interrupted run; the other choices are taken from it.
    #[arg(long)]
    resume: Option<String>,
    /// Print the plan and what it will cost, and measure nothing.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: every trial in its order.
    #[arg(long, short, requires = "dry_run")]
    verbose: bool,
    /// With --dry-run: ask no container engine, and take those for granted that set-up can give.
    #[arg(long, requires = "dry_run")]
    plan_engines: bool,
    /// With --dry-run: write the manifest, with the whole plan, to this file.
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    write_manifest: Option<PathBuf>,
    /// How progress is written.
    #[arg(long, value_enum, default_value = "plain")]
    progress: Style,
}

/// A run that is one part of a larger one, measured elsewhere or by several machines.
#[derive(Args)]
struct Part {
    /// Only the invocations from the first number to below the second, such as 4..8.
    #[arg(long, value_name = "A..B", value_parser = parse_blocks)]
    blocks: Option<Range<u32>>,
    /// Make the least number of invocations of every cell, no more and no fewer.
    #[arg(long)]
    fixed: bool,
    /// Name of this machine among those of the whole run.
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// Name of the run, in place of the time.
    #[arg(long, value_name = "RUN")]
    name: Option<String>,
    /// Wait while another run is measuring on this machine.
    #[arg(long)]
    wait_for_lock: bool,
    /// The caller has the machine's lock and hands it on as standard input.
    #[arg(long, hide = true, conflicts_with = "wait_for_lock")]
    lock_on_stdin: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Run(arguments) => run(&arguments),
        Verb::Image { base, binary, architecture, output } => {
            image::write(&binary, base.as_deref(), &architecture, &output).map(|image| {
                println!("{} {}", image.reference, image.id);
                ExitCode::SUCCESS
            })
        }
        Verb::Assemble { text, output } => assemble(&text, &output).map(|()| ExitCode::SUCCESS),
        Verb::CalibrateLoad(arguments) => calibrate::run(&arguments).map(|()| ExitCode::SUCCESS),
        Verb::Responder(arguments) => responder::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    if let Some(code) = output::exit_code() {
        return code.into();
    }
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(if error.is::<LackingError>() { 3 } else { 2 })
    })
}

fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let catalog = Catalog::read(&arguments.folder)?;
    let claims = read_claims_file(arguments.claims.as_deref())?;
    let provisions = read_provisions(arguments.provisions.as_deref())?;
    let mut announcer = Announcer::new(arguments.progress);
    interrupt::install()?;
    let measures = !arguments.dry_run;
    let lock = measures.then(|| alone::lock(&arguments.part, &mut announcer)).transpose()?;
    let engines = if arguments.plan_engines {
        Engines::plan(&provisions)
    } else {
        Engines::connect(&provisions)
    };
    if arguments.dry_run {
        let mut built = Built::read(&arguments.artifacts, &arguments.request.architectures())?;
        let manifest =
            new_manifest(arguments, (&catalog, &claims), &mut built, &engines, provisions)?;
        if let Some(file) = &arguments.write_manifest {
            store::write_whole(file, &serde_json::to_vec_pretty(&manifest)?)?;
        }
        print!("{}", dry_run::text(&manifest, &catalog, arguments.verbose)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (mut store, manifest, built) =
        opened(arguments, (&catalog, &claims), &engines, provisions)?;
    check_unchanged(&manifest, &built)?;
    if let Some(lock) = &lock {
        lock.note(&format!("run {}", manifest.run));
    }
    let profile = manifest.profile.parse().map_err(anyhow::Error::msg)?;
    let plan = planned::resolve(&manifest, &catalog.definitions, profile)?;
    let inventory =
        Inventory { catalog: &catalog, built: &built, engines: &engines, manifest: &manifest };
    let lab = RealLab::open(inventory, &plan, store.stderr_folder(), &mut announcer);
    let lab = match lab {
        Ok(lab) => lab,
        Err(error) => {
            if arguments.resume.is_none() {
                store.discard();
            }
            return Err(error);
        }
    };
    let session = Session {
        lab: &lab,
        manifest: &manifest,
        plan: &plan,
        definitions: &catalog.definitions,
        subjects: &catalog.subjects,
        profile,
        claims: &claims,
        budget: manifest.budget_ms.map(Duration::from_millis),
    };
    let end = session.run(&mut store, &mut announcer)?;
    // Of an engine that is gone, what stopped the run tells already.
    if !matches!(end, End::Stopped(_)) {
        lab.close(&mut announcer);
    }
    ending::conclude(end, store, &manifest, &mut announcer)
}

/// The folder of the run, its manifest and what it measures: of the interrupted run that is to be resumed, or new.
fn opened(
    arguments: &RunArguments,
    questions: (&Catalog, &[Claim]),
    engines: &Engines,
    provisions: Vec<Provision>,
) -> Result<(Store, Manifest, Built)> {
    let (catalog, _) = questions;
    std::fs::create_dir_all(&arguments.results)
        .with_context(|| format!("create {}", arguments.results.display()))?;
    match &arguments.resume {
        Some(run) => {
            let (store, manifest) = Store::resume(&arguments.results, run)?;
            check_machine(&manifest, arguments.part.machine.as_deref())?;
            let mut built = Built::read(&arguments.artifacts, &manifest.architectures)?;
            built.add_custom_files(custom_files::resumed(&manifest, catalog)?);
            let subjects = manifest.subjects.iter().map(|(name, entry)| (name, &entry.definition));
            built.local.locate_and_prepare(
                subjects,
                &catalog.programs,
                arguments.programs.as_deref(),
                false,
            );
            Ok((store, manifest, built))
        }
        None => {
            let mut built = Built::read(&arguments.artifacts, &arguments.request.architectures())?;
            let manifest = new_manifest(arguments, questions, &mut built, engines, provisions)?;
            Ok((Store::create(&arguments.results, &manifest)?, manifest, built))
        }
    }
}

fn new_manifest(
    arguments: &RunArguments,
    (catalog, claims): (&Catalog, &[Claim]),
    built: &mut Built,
    engines: &Engines,
    provisions: Vec<Provision>,
) -> Result<Manifest> {
    let part = &arguments.part;
    let asked_claims = chosen_claims(&arguments.request.claim, claims)?;
    let request = survey::Request {
        run: arguments.request.clone(),
        compared: survey::compared(&asked_claims, &catalog.subjects),
        claims: asked_claims,
        blocks: part.blocks.clone(),
        fixed: part.fixed,
        machine: part.machine.clone(),
        name: part.name.clone(),
        programs: arguments.programs.clone(),
        is_dry: arguments.dry_run,
    };
    let above = || arguments.folder.join("..");
    let checkout = arguments.checkout.clone().unwrap_or_else(above);
    survey::survey(&request, catalog, built, engines, provisions, &checkout)
}

/// The claims of these names.
fn chosen_claims(names: &[String], claims: &[Claim]) -> Result<Vec<Claim>> {
    let find = |name: &String| claims.iter().find(|claim| claim.name == *name).cloned();
    let chosen = names.iter().map(|name| {
        find(name).with_context(|| match nearest(name, claims.iter().map(|c| c.name.as_str())) {
            Some(near) => format!("no claim `{name}`; did you mean `{near}`?"),
            None => format!("no claim `{name}`; `cargo xtask list claims` shows all"),
        })
    });
    chosen.collect()
}

/// `4..8`.
fn parse_blocks(text: &str) -> Result<Range<u32>> {
    let range = text.split_once("..").and_then(|(from, to)| {
        let range = from.parse().ok()?..to.parse().ok()?;
        (!range.is_empty()).then_some(range)
    });
    range.with_context(|| format!("`{text}`: expected two numbers such as 4..8"))
}

fn read_claims_file(path: Option<&Path>) -> Result<Vec<Claim>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(read_thresholds(&path.display().to_string(), &text)?.asked())
}

fn assemble(text: &Path, output: &Path) -> Result<()> {
    let module = wat::parse_file(text).with_context(|| format!("assemble {}", text.display()))?;
    store::write_whole(output, &module)
}

fn read_provisions(path: Option<&Path>) -> Result<Vec<Provision>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

/// A part goes on where it began: its manifest says which cores were used there, and a block that two machines had
/// measured would compare them with each other.
fn check_machine(manifest: &Manifest, name: Option<&str>) -> Result<()> {
    let began_on = manifest.machines.keys().next().map(String::as_str);
    anyhow::ensure!(
        name.is_none() || name == began_on,
        "run {} began on {}: resume it there, or begin a new part here",
        manifest.run,
        began_on.unwrap_or("a machine without a name")
    );
    Ok(())
}

/// A resumed run must measure what it began with.
fn check_unchanged(manifest: &Manifest, built: &Built) -> Result<()> {
    anyhow::ensure!(
        manifest.artifacts.artifacts == built.local.record.artifacts
            && manifest.foreign_artifacts == built.foreign_records(),
        "the artifacts have been rebuilt since run {} began: begin a new run",
        manifest.run
    );
    for (name, entry) in &manifest.subjects {
        let is_same = entry.programs == survey::program_entries(&entry.definition, &built.local)
            && entry.prepared.as_ref().map(|began| &began.sha256)
                == built.local.prepared(name).ok().flatten().map(|now| &now.entry.sha256);
        anyhow::ensure!(
            is_same || !matches!(entry.availability, Availability::Installed { .. }),
            "the programs of subject {name} have changed since run {} began: begin a new run",
            manifest.run
        );
    }
    Ok(())
}
