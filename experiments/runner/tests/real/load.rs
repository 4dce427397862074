//! Load and series against real subjects: a search for the highest rate, a mix with its histograms, instances in a
//! host.

use crate::common::*;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;

pub fn instances_within_a_host_are_timed() {
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["instantiation", "--profile", "smoke"]).output().unwrap());
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let visits = planned_visits(&observations);
    let [observation] = visits.as_slice() else { panic!("{observations:?}") };
    assert_eq!(observation.outcome, Outcome::Ok);
    assert!(observation.metrics[&Metric::Instantiation] > 0);
    // An instance has a page of its own at least, and far less than a process.
    let uss_bytes = observation.metrics[&Metric::InstanceUss];
    assert!((4096..4 << 20).contains(&uss_bytes), "{uss_bytes}");
}

pub fn the_search_and_the_series_say_what_they_did() {
    let results = tempfile::tempdir().unwrap();
    let arguments = ["highest-rate", "warm-up", "--profile", "smoke", "--subject", "native"];
    let output = runner_without_engines(results.path(), &arguments).output().unwrap();
    succeed(&output);
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), 3, "two workloads under the search, one in series");
    for observation in &observations {
        let metric = |metric| observation.metrics.get(&metric).copied();
        match (observation.trial.experiment.as_str(), &observation.outcome) {
            ("warm-up", outcome) => {
                assert_eq!(*outcome, Outcome::Ok);
                assert!(metric(Metric::LatencyP50).is_some_and(|ns| ns > 0));
            }
            ("highest-rate", Outcome::Ok) => {
                let rate = metric(Metric::HighestRate).unwrap();
                let [steps] = &observation.remarks[..] else { panic!("{:?}", observation.remarks) };
                assert!(steps.starts_with("steps: "), "{steps}");
                assert!(steps.ends_with(&format!("confirm {rate} pass")), "{steps}");
                assert_eq!(metric(Metric::RequestsFailed), Some(0));
            }
            // On a machine that is busy with something else, no rate may meet the objective.
            ("highest-rate", Outcome::Failed { stage, reason }) => {
                assert_eq!(stage, "search", "{reason}");
                assert!(reason.contains("no rate met p99 <= "), "{reason}");
            }
            (other, _) => panic!("{other} was not asked for"),
        }
    }
}

/// Both arms under a mix: every request has its own answer, and the latency of the light ones is the cell's.
pub fn a_mix_tells_the_latency_of_light_requests_beside_heavy_ones() {
    let results = tempfile::tempdir().unwrap();
    let mut arguments = vec!["latency", "--profile", "smoke", "--workload", "mixed"];
    arguments.extend(["--subject", "native,wasmtime-aot"]);
    succeed(&runner_without_engines(results.path(), &arguments).output().unwrap());
    let run = only_run(results.path(), "smoke");
    let (manifest, observations) = read(&run);
    let mix = manifest.mixes.values().next().unwrap();
    assert_eq!(mix.to_string(), "healthz beside 5 % thumbnail");
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), 2, "one rate, two subjects");
    for observation in visits {
        let cell = &observation.trial.cell;
        assert_eq!(observation.outcome, Outcome::Ok, "{cell}");
        let metric = |metric| observation.metrics.get(&metric).copied().unwrap();
        assert_eq!(metric(Metric::RequestsFailed), 0, "{cell}: {:?}", observation.remarks);
        let histogram = observation.histogram.as_ref().unwrap();
        let heavy_count = metric(Metric::RequestsCompleted) - histogram.samples_count;
        assert!(heavy_count > 0 && heavy_count * 10 < histogram.samples_count, "{cell}");
        assert!(metric(Metric::LatencyP50) < metric(Metric::HeavyLatencyP50), "{cell}");
        let log = std::fs::read_to_string(run.join(&histogram.file)).unwrap();
        assert!(log.lines().any(|line| line.starts_with("Tag=heavy,")), "{cell}: {log}");
    }
    assert_nothing_is_left();
}
