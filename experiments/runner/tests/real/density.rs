//! Tenants that are raised for real: levels, walls, and a raise that is killed.

use crate::common::*;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::raise::{Raise, Wall};
use weighbridge_schema::record::{Observation, Outcome};

/// What starts and ends within milliseconds, in each packing that needs neither an engine nor root.
const SUBJECTS: &str = "native,wasmtime-aot,wasmtime-tenants";

fn raises(observations: &[Observation]) -> BTreeMap<&str, &Raise> {
    let of = |seen: &'_ Observation| assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.trial.cell);
    observations.iter().for_each(of);
    let raises = planned_visits(observations).into_iter();
    raises.map(|seen| (seen.trial.cell.subject.as_str(), seen.raise.as_ref().unwrap())).collect()
}

pub fn tenants_are_raised_level_by_level_in_every_packing() {
    let results = tempfile::tempdir().unwrap();
    let arguments = ["density", "--profile", "smoke", "--subject", SUBJECTS];
    succeed(&runner(results.path(), &arguments).output().unwrap());
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let raises = raises(&observations);
    for (subject, expected) in [
        ("native", &[1, 2, 4][..]),
        ("wasmtime-aot", &[1, 2, 4]),
        ("wasmtime-tenants", &[1, 2, 4, 8]),
    ] {
        let raise = raises[subject];
        let levels: Vec<u32> = raise.levels.iter().map(|level| level.tenants_count).collect();
        assert_eq!((levels.as_slice(), raise.wall), (expected, Wall::NoMoreAsked), "{subject}");
        let pss = |level: usize| raise.levels[level].metrics[&Metric::PackingPss];
        assert!(pss(0) < pss(expected.len() - 1), "{subject}: each tenant takes something");
        for level in &raise.levels {
            for metric in [Metric::Pss, Metric::Available, Metric::LatencyP99] {
                assert!(level.metrics.contains_key(&metric), "{subject}: {metric}");
            }
            // That of the first tenant of one host is the host's.
            let is_host = subject == "wasmtime-tenants" && level.tenants_count == 1;
            assert_ne!(level.metrics.contains_key(&Metric::TenantStart), is_host, "{subject}");
        }
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

pub fn a_budget_is_a_wall_and_so_is_a_bound_and_both_are_named() {
    for (from, to, expected) in [
        ("memory_budget_mib = 4096", "memory_budget_mib = 1", Wall::Memory),
        ("p99_bound_us = 50000", "p99_bound_us = 1", Wall::Latency),
    ] {
        let questions = Questions::copy();
        questions.change("definitions/density.toml", |text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        succeed(&questions.run(&["density", "--profile", "smoke", "--subject", "native"]));
        let (_, observations) = read(&only_run(&questions.results(), "smoke"));
        let raise = raises(&observations)["native"];
        assert_eq!((raise.wall, raise.levels.len()), (expected, 1), "{:?}", raise.reason);
        assert!(raise.reason.as_ref().is_some_and(|why| why.contains(" 1 ")), "{:?}", raise.reason);
    }
}

/// Kills a run while tens of tenants stand, and has the next one clear up.
pub fn a_raise_that_is_killed_leaves_no_tenant_to_the_next() {
    let mut subjects = vec!["native"];
    match is_root() {
        true => subjects.push("crun"),
        false => left_out("tenants in containers that are killed", "no root"),
    }
    for subject in subjects {
        if subject == "crun" && !is_installed(subject) {
            left_out(subject, "not installed");
            continue;
        }
        let results = tempfile::tempdir().unwrap();
        let arguments = ["density", "--profile", "quick", "--subject", subject];
        let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while processes() < 30 {
            assert!(child.try_wait().unwrap().is_none(), "{subject}: it ended by itself");
            assert!(begun.elapsed() < Duration::from_secs(60), "{subject}: {}", processes());
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // A runtime that was just starting one was counted, too, and ends by itself.
        assert!(processes() > 0, "{subject}: no tenant lives on, so nothing is left to clear up");
        let next = tempfile::tempdir().unwrap();
        let arguments = ["cold-start", "--profile", "smoke", "--subject", "native"];
        succeed(&runner(next.path(), &arguments).output().unwrap());
        assert_nothing_is_left();
        assert_eq!(processes(), 0, "{subject}");
    }
}

fn is_installed(subject: &str) -> bool {
    use weighbridge_schema::manifest::Availability;
    matches!(availabilities(&["density"])[subject], Availability::Installed { .. })
}
