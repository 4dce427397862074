//! Two instruction sets, several machines: what is compared with what, and what no emulator may tell.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, key};
use weighbridge_analysis::load::question::CellKey;
use weighbridge_analysis::render::table::{Content, Row, Table};
use weighbridge_analysis::render::tables::{architectures, portability};
use weighbridge_analysis::summarise::missing::Cause;
use weighbridge_schema::manifest::Fingerprint;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Observation;

const START: Quantity = Quantity::Metric(Metric::TimeToFirstResponse);
const SHIPPED: Quantity = Quantity::Metric(Metric::Shipped);

/// Plans and visits the trials of `experiment` on aarch64 too; `change` makes the observation what it shall be.
fn beside(fixture: &mut Fixture, experiment: &str, change: impl Fn(&mut Observation)) {
    fixture.manifest.architectures = vec!["x86_64".to_owned(), "aarch64".to_owned()];
    let of = |o: &&Observation| o.trial.experiment.as_str() == experiment;
    let mut copies: Vec<Observation> = fixture.observations.iter().filter(of).cloned().collect();
    for copy in &mut copies {
        copy.trial.cell.architecture = "aarch64".to_owned();
        copy.position = fixture.manifest.plan.len() as u64;
        fixture.manifest.plan.push(copy.trial.clone());
        change(copy);
    }
    fixture.observations.extend(copies);
}

fn cold_start(subject: &str) -> CellKey {
    key("cold-start", subject, Some("healthz"), "-")
}

/// The rows below the heading that begins so.
fn rows_under<'a>(table: &'a Table, heading: &str) -> Vec<&'a [Content]> {
    let begins = |row: &Row| matches!(row, Row::Heading(text) if text.starts_with(heading));
    let from = table.rows.iter().position(begins).unwrap_or_else(|| panic!("{table:?}"));
    let cells = |row: &'a Row| match row {
        Row::Cells(cells) => Some(cells.as_slice()),
        Row::Heading(_) => None,
    };
    table.rows[from + 1..].iter().map_while(cells).collect()
}

#[test]
fn sizes_are_compared_and_emulated_times_are_not_shown() {
    let mut fixture = Fixture::new(8);
    beside(&mut fixture, "artifact-size", |observation| {
        observation.emulated = true;
        if observation.trial.cell.subject.as_str() == "wasmtime-aot" {
            *observation.metrics.get_mut(&Metric::Shipped).unwrap() *= 3;
        }
    });
    // Smuggled in: this machine emulated, and neither line says so.
    beside(&mut fixture, "cold-start", |observation| {
        observation.metrics.insert(Metric::TimeToFirstResponse, 1);
    });
    fixture.analysed("", |results| {
        let aot = key("artifact-size", "wasmtime-aot", None, "-").with_architecture("aarch64");
        let interaction = &results.interactions[&(aot, SHIPPED)];
        assert!((interaction.ratio - 3.0).abs() < 1e-9, "{interaction:?}");
        let interval = interaction.interval.unwrap();
        assert_eq!(interval.low, interval.high, "sizes are exact");
        let smuggled = cold_start("wasmtime-aot").with_architecture("aarch64");
        assert_eq!(results.summary(&smuggled, START), None);
        assert_eq!(results.missing[&smuggled].cause, Cause::Emulated);

        let table = architectures::table(results);
        let rows = rows_under(&table, "cold-start, healthz");
        assert_eq!(rows.len(), 1, "the baseline's row says what is missing");
        assert_eq!(rows[0][3], Content::Absent("emulated only".to_owned()));
        for row in table.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => Some(cells),
            Row::Heading(_) => None,
        }) {
            assert_ne!(row[3], Content::Nothing, "an empty cell says why: {row:?}");
        }
    });
}

#[test]
fn one_architecture_has_no_table_and_says_how_to_ask_for_two() {
    Fixture::new(2).analysed("", |results| {
        let table = architectures::table(results);
        assert!(table.rows.is_empty());
        assert!(table.when_empty.contains("--arch x86_64,aarch64"));
        // What was not asked for has no column.
        assert_eq!(portability::table(results).columns.len(), 4);
    });
}

/// A machine of its own measured aarch64, where the component costs twice as much.
#[test]
fn real_times_of_both_are_ratios_within_each_and_an_interaction() {
    let mut fixture = Fixture::new(10);
    beside(&mut fixture, "cold-start", |observation| {
        observation.machine = Some("arm".to_owned());
        let is_component = observation.trial.cell.subject.as_str() == "wasmtime-aot";
        let time = observation.metrics.get_mut(&Metric::TimeToFirstResponse).unwrap();
        *time *= if is_component { 20 } else { 10 };
    });
    let local = fixture.manifest.fingerprint.clone();
    let arm = Fingerprint { architecture: "aarch64".to_owned(), ..local.clone() };
    fixture.manifest.machines = [("x86".to_owned(), local), ("arm".to_owned(), arm)].into();
    fixture.analysed("", |results| {
        let aot = cold_start("wasmtime-aot");
        let on_arm = aot.with_architecture("aarch64");
        let ratio = |key: &CellKey| results.comparison(key, START).unwrap().ratio.unwrap();
        assert!((ratio(&on_arm) / ratio(&aot) - 2.0).abs() < 1e-9);
        let found = results.interactions[&(on_arm, START)];
        assert!((found.ratio - 2.0).abs() < 1e-9, "{found:?}");
        let interval = found.interval.unwrap();
        assert!(interval.low > 1.5 && interval.high < 2.7, "{interval:?}");
        let table = architectures::table(results);
        let rows = rows_under(&table, "cold-start, healthz");
        assert!(rows.len() > 1, "every subject that was measured has its row");
    });
}

/// Half of the blocks come from a machine on which the component costs three times as much: the interval of the
/// ratio reaches from one machine's to the other's.
#[test]
fn machines_are_a_random_factor() {
    let mut fixture = Fixture::new(10);
    let local = fixture.manifest.fingerprint.clone();
    fixture.manifest.machines = [("a".to_owned(), local.clone()), ("b".to_owned(), local)].into();
    for observation in &mut fixture.observations {
        let is_second = observation.trial.invocation >= 5;
        observation.machine = Some(if is_second { "b" } else { "a" }.to_owned());
        if is_second && observation.trial.cell.subject.as_str() == "wasmtime-aot" {
            let time = observation.metrics.get_mut(&Metric::TimeToFirstResponse);
            time.into_iter().for_each(|time| *time *= 3);
        }
    }
    let high_by_low = |fixture: &Fixture| {
        let mut width = 0.0;
        fixture.analysed("", |results| {
            let comparison = results.comparison(&cold_start("wasmtime-aot"), START).unwrap();
            let interval = comparison.interval.unwrap();
            width = interval.high / interval.low;
        });
        width
    };
    assert!(high_by_low(&fixture) > 2.5, "{}", high_by_low(&fixture));
    let one = Fixture::new(10);
    assert!(high_by_low(&one) < 1.5, "{}", high_by_low(&one));
}
