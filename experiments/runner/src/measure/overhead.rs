//! What it takes to make a service and to change it, in the form that a subject runs: its sources and crates are
//! counted, and under most profiles it is built from nothing, edited, built again, replaced and put back.
//!
//! How it is built stands in `recipes.json`, which the build has written. Where that is not there, as on a machine that
//! was sent what others have built, there is nothing to count, and the line says so.

mod counts;
mod seen;
mod version;
mod workshop;

use super::artifact_size::gzip_bytes;
use super::instructions::Scratch;
use super::task::Task;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::inventory::artifacts::Artifacts;
use crate::kernel::clock::monotonic_ns;
use crate::plan::planned::Planned;
use anyhow::{Context, Result as AnyResult, bail};
use std::collections::BTreeMap;
use std::path::Path;
use version::{Form, Live, Version};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::overhead::{Making, Overhead, Service, Tool};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::recipe::{self, Call, Recipe, RecipeBook};
use weighbridge_schema::subject::{Part, Subject, Technology};
use workshop::{LIST_LIMIT, Workshop, run};

/// What is counted, built and changed.
pub struct Workpiece<'a> {
    making: &'a Making,
    service: Service,
    form: Form<'a>,
    is_built: bool,
    /// How everything is built; why nobody knows, where nobody does.
    book: Result<RecipeBook, String>,
}

impl<'a> Workpiece<'a> {
    /// Of a trial, in a run of that profile.
    ///
    /// # Errors
    /// The trial names no service, or its subject ships no artifact that what is built could take the place of.
    pub fn new(
        planned: &Planned<'a>,
        services: &'a BTreeMap<Service, Making>,
        profile: &str,
        subject: &'a Subject,
        artifacts: &Artifacts,
    ) -> AnyResult<Self> {
        let parameter = planned.trial.cell.parameter;
        let Parameter::Service(service) = parameter else { bail!("it names no service") };
        let making = services.get(&service);
        let making =
            making.with_context(|| format!("the definition has no service `{service}`"))?;
        let [Part::Artifact(shipped)] = subject.size.shipped.as_slice() else {
            bail!("the subject must ship one artifact, whose place is taken by what is built");
        };
        let form = Form { technology: subject.technology, start: &subject.start, shipped };
        let is_built = planned.definition.method.builds(profile.parse()?, parameter);
        let book = read(&artifacts.beside(recipe::FILE));
        Ok(Self { making, service, form, is_built, book })
    }

    /// What a visit has to do with it.
    pub fn task(self) -> Task<'a> {
        Task::Overhead(Box::new(self))
    }
}

fn read(file: &Path) -> Result<RecipeBook, String> {
    let why = |error: &dyn std::fmt::Display| {
        format!("{}: {error}: nothing is counted without it", file.display())
    };
    let text = std::fs::read_to_string(file).map_err(|error| why(&error))?;
    let book: RecipeBook = serde_json::from_str(&text).map_err(|error| why(&error))?;
    match book.schema_version {
        SCHEMA_VERSION => Ok(book),
        other => Err(why(&format!("schema version {other}, not {SCHEMA_VERSION}"))),
    }
}

/// Counts, and builds where the profile says so.
///
/// # Errors
/// Sources or crates cannot be listed, a build fails, or a version does not answer as it must.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    piece: &Workpiece<'_>,
) -> Result<Measured, Failure> {
    let mut measured = Measured::default();
    let book = match &piece.book {
        Ok(book) => book,
        Err(why) => {
            measured.remarks.push(why.clone());
            return Ok(measured);
        }
    };
    let form = piece.form;
    let recipes = book.services.get(&piece.service);
    let recipes = recipes.ok_or_else(|| format!("recipes.json has no {}", piece.service));
    let recipes = recipes.map_err(Failure::at(Phase::Prepare))?;
    let recipe = match form.technology {
        Technology::Native | Technology::Container => &recipes.native,
        Technology::Wasm => &recipes.component,
    };
    let mut overhead =
        count(bench, piece, (book, recipe), &mut measured).map_err(Failure::at(Phase::Count))?;
    if piece.is_built {
        build(bench, visit, piece, (book, recipe), (&mut measured, &mut overhead))?;
    } else {
        measured.remarks.push("this profile builds no such service".to_owned());
    }
    measured.overhead = Some(overhead);
    Ok(measured)
}

/// Tools, steps, crates and lines.
fn count(
    bench: &Bench<'_>,
    piece: &Workpiece<'_>,
    (book, recipe): (&RecipeBook, &Recipe),
    measured: &mut Measured,
) -> Result<Overhead, Cause> {
    let checkout = Path::new(&book.checkout);
    let Workpiece { making, form, .. } = piece;
    let mut tools = recipe.tools.clone();
    match form.technology {
        Technology::Native => {}
        Technology::Container => tools.extend(book.container_tools.iter().cloned()),
        Technology::Wasm => {
            let (files_count, fetched_bytes) = crates(bench, &book.host_crates, checkout)?;
            tools.push(Tool {
                name: "Wasm host with its compiler".to_owned(),
                provider: "built here, of crates".to_owned(),
                files_count: Some(files_count),
                fetched_bytes,
            });
        }
    }
    let got = tools.iter().map(|tool| format!("get {}: {}", tool.name, tool.provider));
    let steps = got.chain(form.steps().iter().map(|&step| step.to_owned())).collect();
    let overhead = Overhead { tools, steps, ..Overhead::default() };
    measured.set(Metric::Tools, Some(overhead.tools.len() as u64));
    measured.set(Metric::ToolsFetched, overhead.fetched_bytes());
    measured.set(Metric::Steps, Some(overhead.steps.len() as u64));
    let (crates_count, fetched_bytes) = crates(bench, &recipe.crates, checkout)?;
    measured.set(Metric::Crates, Some(crates_count));
    measured.set(Metric::CratesFetched, fetched_bytes);
    let of_form = match form.technology {
        Technology::Native | Technology::Container => &making.native,
        Technology::Wasm => &making.component,
    };
    measured.set(Metric::SharedLines, Some(counts::lines(checkout, &making.shared)?));
    measured.set(Metric::FormLines, Some(counts::lines(checkout, of_form)?));
    Ok(overhead)
}

/// How many crates of registries a list holds, and their bytes.
fn crates(bench: &Bench<'_>, list: &Call, checkout: &Path) -> Result<(u64, Option<u64>), Cause> {
    let output = run(bench, list, checkout, &[], LIST_LIMIT)?;
    let crates = counts::of_registries(&String::from_utf8_lossy(&output.stdout));
    let fetched_bytes = counts::cargo_home().and_then(|home| counts::fetched_bytes(&crates, &home));
    Ok((crates.len() as u64, fetched_bytes))
}

/// From nothing to a version that answers, from an edit to one that answers otherwise, back again, and to one that
/// panics.
fn build(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    piece: &Workpiece<'_>,
    (book, recipe): (&RecipeBook, &Recipe),
    (measured, overhead): (&mut Measured, &mut Overhead),
) -> Result<(), Failure> {
    let Workpiece { making, form, .. } = piece;
    let scratch = Scratch::new(bench.run, visit.position).map_err(Failure::at(Phase::Prepare))?;
    let shop = Workshop::open(bench, (book, recipe), making, &scratch.folder)
        .map_err(Failure::at(Phase::Prepare))?;
    let build = || shop.build().map_err(Failure::at(Phase::Run));
    let made = shop.made();
    let ship = |number: u32| {
        let what = (made.as_path(), book.compile_options.as_slice());
        Version::make(bench, *form, what, &scratch.folder, number)
            .map_err(Failure::at(Phase::Shipped))
    };

    measured.set(Metric::CleanBuild, Some(build()?));
    let before = ship(0)?;
    let mut running = before.start(bench, visit, 0)?;
    running.answers(&making.path, &making.says)?;

    let edited_ns = shop.change(&making.edit).map_err(Failure::at(Phase::Prepare))?;
    measured.set(Metric::Rebuild, Some(build()?));
    let after = ship(1)?;
    let (running, upgrade) =
        replace(running, || after.start(bench, visit, 1), (&making.path, &making.says_after))?;
    measured.set(Metric::Upgrade, Some(upgrade.took_ns()));
    measured.set(Metric::EditToAnswer, Some(upgrade.answered_ns.saturating_sub(edited_ns)));
    let shipped = std::fs::read(&after.file).map_err(anyhow::Error::from);
    let pushed = shipped.and_then(|bytes| gzip_bytes(&bytes)).map_err(Failure::at(Phase::Gzip))?;
    measured.set(Metric::Pushed, Some(pushed));
    let attached = running.instance.pid().and_then(|pid| seen::attach(pid, bench.run));
    match attached {
        Ok(attached) => overhead.debugger = Some(attached),
        Err(why) => measured.remarks.push(why.to_string()),
    }

    let (running, roll_back) =
        replace(running, || before.start(bench, visit, 2), (&making.path, &making.says))?;
    measured.set(Metric::RollBack, Some(roll_back.took_ns()));
    running.end()?;

    shop.change(&making.panic).map_err(Failure::at(Phase::Prepare))?;
    build()?;
    let panicking = ship(2)?;
    overhead.panic = Some(seen::panic(panicking.start(bench, visit, 3)?, &making.path)?);
    Ok(())
}

/// The moments at which one version took the place of another.
struct Replacement {
    /// The end of the first was asked for.
    asked_ns: u64,
    /// The second had answered.
    answered_ns: u64,
}

impl Replacement {
    fn took_ns(&self) -> u64 {
        self.answered_ns.saturating_sub(self.asked_ns)
    }
}

/// Ends what runs, starts another version, and waits until `path` is answered by `says`.
fn replace<'x>(
    running: Live<'_>,
    start: impl FnOnce() -> Result<Live<'x>, Failure>,
    (path, says): (&str, &str),
) -> Result<(Live<'x>, Replacement), Failure> {
    let asked_ns = monotonic_ns();
    running.end()?;
    let mut next = start()?;
    let answered_ns = next.answers(path, says)?;
    Ok((next, Replacement { asked_ns, answered_ns }))
}

#[cfg(test)]
#[path = "overhead_tests.rs"]
mod tests;
