//! A run that is made of another one to time the analysis with: it is read as any other, and is as large as asked.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, analyse, key};
use weighbridge_analysis::load::load;
use weighbridge_analysis::multiplied::{Rows, write};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

#[test]
fn a_multiplied_run_is_read_as_any_other_and_has_the_rows_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (once, thrice) = (folder.path().join("once"), folder.path().join("thrice"));
    Fixture::new(2).write(&once);
    let run = load(&once).unwrap();
    let rows = Rows::of(&run);
    assert!(rows.iterations_count > 0 && rows.requests_count > 0 && rows.readings_count > 0);
    assert_eq!(rows.visits_count, run.observations.len() as u64);
    let written = write(&run, rows.total() * 3, &thrice).unwrap();
    assert_eq!(written.total(), rows.total() * 3);
    let larger = load(&thrice).unwrap();
    assert_eq!(Rows::of(&larger), written);
    assert_eq!(larger.manifest.plan.len(), 3 * run.manifest.plan.len());
    assert_eq!(larger.histograms.len(), 3 * run.histograms.len());
    assert_eq!(larger.series.len(), 3 * run.series.len());
    let results = analyse(&larger, &[]);
    let of = |experiment: &str, metric| {
        let workload = (experiment == "cold-start").then_some("healthz");
        let key = key(experiment, "wasmtime-aot", workload, "-");
        results.summary(&key, Quantity::Metric(metric)).unwrap().clone()
    };
    let start = of("cold-start", Metric::TimeToFirstResponse);
    assert!(start.n == 6 && start.interval.is_some_and(|i| i.low < i.high), "{start:?}");
    assert!(of("artifact-size", Metric::Shipped).is_exact(), "what is read stays as it was read");
}

#[test]
fn the_last_copy_ends_where_there_are_enough_rows_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (once, more) = (folder.path().join("once"), folder.path().join("more"));
    Fixture::new(1).write(&once);
    let run = load(&once).unwrap();
    let rows = Rows::of(&run).total();
    let written = write(&run, rows + 1, &more).unwrap();
    assert_eq!(written.visits_count, run.observations.len() as u64 + 1);
    assert!((rows + 1..2 * rows).contains(&written.total()), "{written}");
    assert!(written.to_string().starts_with(&format!("{} rows: ", written.total())), "{written}");
    let error = write(&run, 1, &more).unwrap_err();
    assert!(format!("{error:#}").contains("creating "), "{error:#}");
}
