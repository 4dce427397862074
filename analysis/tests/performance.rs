//! How long the analysis takes on a large run. Not part of the usual tests:
//! `cargo test -p weighbridge-analysis --profile tools --test performance -- --ignored --nocapture`

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::{Fixture, analyse};
use weighbridge_analysis::judge::parse_claims;
use weighbridge_analysis::load::load;
use weighbridge_analysis::render::{self, Destinations};

#[test]
#[ignore = "takes a minute and 100 MB; run by hand"]
fn a_hundred_thousand_observations() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-run");
    Fixture::new(2084).write(&folder);
    let claims = parse_claims("claims.toml", include_str!("../claims.toml")).unwrap();
    let start = Instant::now();
    let run = load(&folder).unwrap();
    let loaded = start.elapsed();
    assert!(run.observations.len() >= 100_000);
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
    assert!(all < Duration::from_secs(120), "{all:?}");
}
