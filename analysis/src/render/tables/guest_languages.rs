//! One hello-level guest in several languages: what its component and the compiled module weigh, and how fast it
//! starts.

use crate::load::question::Question;
use crate::render::number::show;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{n_cell, number_cell, ratio_cell, versus_title};
use crate::results::Results;
use weighbridge_schema::manifest::{Availability, PreparedEntry, ProgramEntry, SubjectEntry};
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::{Metric, Unit};
use weighbridge_schema::name::ProgramName;
use weighbridge_schema::quantity::Quantity;

/// Rows: guest, those too whose compiler is not installed.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, QuestionKind::GuestLanguages);
    let mut table = Table::new(
        "guest-languages",
        "Guest languages: size and cold start of a hello-level guest",
        &[
            ("guest", Align::Left),
            ("component", Align::Right),
            ("compiled", Align::Right),
            ("cold start, median [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
            ("compiler", Align::Wrap(0.2)),
        ],
    );
    for question in results.of_kind(QuestionKind::GuestLanguages) {
        rows(results, question, &mut table);
    }
    table
}

fn rows(results: &Results<'_>, question: &Question, table: &mut Table) {
    let manifest = &results.run.manifest;
    // The question leaves out what was not installed; here its row says what would install it.
    let requested = manifest.experiments.get(&question.experiment).map(|entry| &entry.subjects);
    for subject in requested.into_iter().flatten() {
        let Some(entry) = manifest.subjects.get(subject) else { continue };
        if let Availability::NotInstalled { reason, remedy } = &entry.availability {
            let help =
                remedy.as_ref().map_or_else(|| reason.clone(), |line| format!("{reason}: {line}"));
            table.push(vec![
                Content::text(subject.as_str()),
                Content::Nothing,
                Content::Nothing,
                Content::Absent("not installed".to_owned()),
                Content::Nothing,
                Content::Nothing,
                Content::Absent(help),
            ]);
            continue;
        }
        let time = Quantity::Metric(Metric::TimeToFirstResponse);
        for setting in &question.settings {
            let key = question.key(setting, subject);
            table.push(vec![
                Content::text(subject.as_str()),
                bytes(entry.prepared.as_ref().and_then(component_bytes)),
                bytes(entry.prepared.as_ref().map(|prepared| prepared.size_bytes)),
                number_cell(results, &key, time),
                ratio_cell(results, question, &key, time),
                n_cell(results, &key, time),
                Content::text(compiler(entry, &manifest.artifacts.toolchain)),
            ]);
        }
    }
}

/// A file's size: exact.
fn bytes(size: Option<u64>) -> Content {
    #[expect(clippy::cast_precision_loss, reason = "no file of ours has 2^53 bytes")]
    size.map_or(Content::Nothing, |size| {
        Content::Number(show(size as f64, None, Unit::Bytes, true))
    })
}

/// The component that the module was compiled from.
fn component_bytes(prepared: &PreparedEntry) -> Option<u64> {
    let mut made_of = prepared.made_of.iter();
    made_of.find(|file| file.file.ends_with(".wasm")).map(|file| file.size_bytes)
}

/// The programs that made the component, with their packages' versions; our own toolchain where there is none.
fn compiler(entry: &SubjectEntry, toolchain: &str) -> String {
    if entry.programs.is_empty() {
        return toolchain.split(" (").next().unwrap_or(toolchain).to_owned();
    }
    let programs = entry.programs.iter().map(|(name, program)| version(name, program));
    programs.collect::<Vec<_>>().join(", ")
}

/// `componentize-js 0.23.0`. Packages of npm stand below the name of who publishes them.
fn version(name: &ProgramName, program: &ProgramEntry) -> String {
    let is_it = |package: &str| package.rsplit('/').next() == Some(name.as_str());
    match program.detail.iter().find(|(package, _)| is_it(package)) {
        Some((_, version)) => format!("{name} {version}"),
        None => format!("{name} of this machine"),
    }
}
