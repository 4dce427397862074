//! Tables of one method that are a row for each cell and a column for each quantity.

use crate::render::table::{Align, Content, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

/// A column after the subject's name.
#[derive(Debug, Clone)]
enum Column {
    /// A number under this heading.
    Number(String, Quantity),
    /// Its ratio to the baseline's.
    Versus(Quantity),
    /// How many invocations it is of.
    Count(Quantity),
}

impl Column {
    fn metric(title: &str, metric: Metric) -> Self {
        Column::Number(title.to_owned(), Quantity::Metric(metric))
    }
}

/// Rows: setting x subject.
fn table(results: &Results<'_>, kind: QuestionKind, title: &str, columns: &[Column]) -> Table {
    let versus = versus_title(results, kind);
    let heading = |column: &Column| match column {
        Column::Number(title, _) => title.clone(),
        Column::Versus(_) => versus.clone(),
        Column::Count(_) => "n".to_owned(),
    };
    let headings: Vec<String> = columns.iter().map(heading).collect();
    let mut all = vec![("subject", Align::Left)];
    all.extend(headings.iter().map(|title| (title.as_str(), Align::Right)));
    let mut table = Table::new(kind.key(), title, &all);
    rows_by_setting(results, kind, &mut table, |question, key| {
        let cell = |column: &Column| match column {
            Column::Number(_, quantity) => number_cell(results, key, *quantity),
            Column::Versus(quantity) => ratio_cell(results, question, key, *quantity),
            Column::Count(quantity) => n_cell(results, key, *quantity),
        };
        let numbers = columns.iter().map(cell);
        std::iter::once(subject_cell(key)).chain(numbers).collect::<Vec<Content>>()
    });
    table
}

/// From the start call to the first correct response.
#[must_use]
pub fn cold_start(results: &Results<'_>) -> Table {
    let time = Quantity::Metric(Metric::TimeToFirstResponse);
    let title = "Cold start: time to the first correct response";
    let columns = [
        Column::Number("median [95 % interval]".to_owned(), time),
        Column::Versus(time),
        Column::Count(time),
    ];
    let mut table = table(results, QuestionKind::ColdStart, title, &columns);
    table.abreast = 2;
    table
}

/// Instances made and dropped within one warm process.
#[must_use]
pub fn instantiation(results: &Results<'_>) -> Table {
    let time = Quantity::Metric(Metric::Instantiation);
    let columns = [
        Column::Number("instantiation [95 % interval]".to_owned(), time),
        Column::Versus(time),
        Column::metric("USS per held instance [95 % interval]", Metric::InstanceUss),
        Column::Count(time),
    ];
    table(results, QuestionKind::Instantiation, "Instantiation within a warm process", &columns)
}

/// The highest offered rate that met the service level objective.
#[must_use]
pub fn highest_rate(results: &Results<'_>) -> Table {
    let rate = Quantity::Metric(Metric::HighestRate);
    let columns = [
        Column::Number("requests/s [95 % interval]".to_owned(), rate),
        Column::Versus(rate),
        Column::Count(rate),
    ];
    table(
        results,
        QuestionKind::HighestRate,
        "Highest rate within the objective, open loop",
        &columns,
    )
}

/// What an instance costs that nobody asks.
#[must_use]
pub fn idle(results: &Results<'_>) -> Table {
    let columns = [
        Column::metric("CPU time [95 % interval]", Metric::IdleCpu),
        Column::metric("wake-ups [95 % interval]", Metric::IdleWakeups),
        Column::metric("CPU time of the shim", Metric::IdleShimCpu),
        Column::metric("its wake-ups", Metric::IdleShimWakeups),
        Column::metric("PSS [95 % interval]", Metric::Pss),
        Column::Count(Quantity::Metric(Metric::IdleCpu)),
    ];
    let title = "Idle: what an instance costs that nobody asks, by the hour";
    table(results, QuestionKind::Idle, title, &columns)
}

/// Bytes shipped per service, and bytes that must already be on the machine.
#[must_use]
pub fn artifact_size(results: &Results<'_>) -> Table {
    let columns = [
        Column::metric("shipped", Metric::Shipped),
        Column::Versus(Quantity::Metric(Metric::Shipped)),
        Column::metric("gzip -6", Metric::ShippedGzip),
        Column::metric("zstd -19", Metric::ShippedZstd),
        Column::metric("base layers", Metric::BaseLayers),
        Column::metric("own layer", Metric::ServiceLayer),
        Column::metric("runtime", Metric::Runtime),
        Column::metric("with runtime", Metric::WithRuntime),
    ];
    let title = "Size: shipped per service, and with the runtime";
    table(results, QuestionKind::ArtifactSize, title, &columns)
}

/// Instructions that an emulator counted: until the subject is ready, for its first call, and for each additional one.
#[must_use]
pub fn instructions(results: &Results<'_>) -> Table {
    let columns = [
        Column::metric("until ready", Metric::InstructionsToReady),
        Column::metric("first call", Metric::InstructionsFirstCall),
        Column::metric("each further call", Metric::InstructionsPerCall),
        Column::Versus(Quantity::Metric(Metric::InstructionsPerCall)),
    ];
    let title = "Instructions executed, in-process calls, counted by an emulator";
    table(results, QuestionKind::Instructions, title, &columns)
}

/// What a service is made of in each form, and what must be there before it is made.
#[must_use]
pub fn overhead(results: &Results<'_>) -> Table {
    let columns = [
        Column::metric("tools", Metric::Tools),
        Column::metric("fetched for tools", Metric::ToolsFetched),
        Column::metric("steps", Metric::Steps),
        Column::metric("crates", Metric::Crates),
        Column::metric("fetched for crates", Metric::CratesFetched),
        Column::metric("lines, shared", Metric::SharedLines),
        Column::metric("lines, this form", Metric::FormLines),
    ];
    let title = "Overhead: what a service is made of in each form, and by which steps";
    table(results, QuestionKind::Overhead, title, &columns)
}

/// How long it takes to make it and to change it.
#[must_use]
pub fn overhead_times(results: &Results<'_>) -> Table {
    let columns = [
        Column::metric("clean build", Metric::CleanBuild),
        Column::metric("after an edit", Metric::Rebuild),
        Column::metric("edit to first answer", Metric::EditToAnswer),
        Column::metric("upgrade", Metric::Upgrade),
        Column::metric("roll-back", Metric::RollBack),
        Column::metric("handed on, gzip", Metric::Pushed),
        Column::Count(Quantity::Metric(Metric::CleanBuild)),
    ];
    let title = "Overhead: building, changing and replacing a service";
    let mut table = table(results, QuestionKind::Overhead, title, &columns);
    table.name = "overhead-times";
    table
}

/// The table of a method that has none of its own yet: the quantities by which two runs are told apart.
#[must_use]
pub fn told_apart(results: &Results<'_>, kind: QuestionKind) -> Table {
    let facts = kind.facts();
    let numbers = facts.told_apart.iter();
    let mut columns: Vec<Column> =
        numbers.map(|quantity| Column::Number(quantity.title(), *quantity)).collect();
    if facts.has_ratio {
        columns.push(Column::Versus(facts.headline));
    }
    columns.push(Column::Count(facts.headline));
    table(results, kind, &facts.headline.title(), &columns)
}
