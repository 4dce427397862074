//! How long the analysis takes on a large run. Not part of the usual tests:
//! `cargo test -p weighbridge-analysis --profile tools --test all performance -- --ignored --nocapture`

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, analyse};
use std::path::Path;
use std::time::{Duration, Instant};
use weighbridge_analysis::judge::parse_claims;
use weighbridge_analysis::load::load;
use weighbridge_analysis::render::{self, Destinations};

/// From the raw log to every written file.
fn analysed(name: &str, invocations: u32) -> (usize, Duration) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    Fixture::new(invocations).write(&folder);
    let claims = parse_claims("claims.toml", include_str!("../claims.toml")).unwrap();
    let start = Instant::now();
    let run = load(&folder).unwrap();
    let loaded = start.elapsed();
    let results = analyse(&run, &claims);
    let analysed = start.elapsed();
    let destinations = Destinations {
        output: folder.join("paper"),
        report: folder.join("report"),
        pdf: Some(folder.join("weighbridge.pdf")),
        pdf_missing: None,
    };
    render::write(&results, &destinations).unwrap();
    let all = start.elapsed();
    println!(
        "{} observations: loaded {loaded:.2?}, analysed {:.2?}, rendered {:.2?}, in all {all:.2?}",
        run.observations.len(),
        analysed - loaded,
        all - analysed
    );
    (run.observations.len(), all)
}

/// A fixed part at the start, such as that of the thread pool, is in the smaller one and makes the factor smaller.
#[test]
#[ignore = "takes a minute and 100 MB; run by hand, alone on the machine"]
fn a_hundred_thousand_observations_and_what_ten_times_as_many_take() {
    let (few_count, few) = analysed("tenth-of-a-large-run", 209);
    let (many_count, many) = analysed("large-run", 2084);
    assert!(many_count >= 100_000);
    let observations = many_count as f64 / few_count as f64;
    let time = many.as_secs_f64() / few.as_secs_f64();
    println!("{observations:.2} times the observations, {time:.2} times the time");
    if std::env::var_os("WEIGHBRIDGE_ALONE").is_some() {
        assert!(
            time <= observations * 1.1,
            "{time} times the time of {observations} times as many"
        );
    }
    assert!(many < Duration::from_secs(120), "{many:?}");
}
