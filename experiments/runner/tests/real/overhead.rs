//! What a service is made of, counted in the checkout by the recipes of the build; nothing is built here.

use crate::common::*;
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::overhead::Overhead;
use weighbridge_schema::record::Outcome;

pub fn every_form_is_counted_and_under_smoke_none_is_built() {
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["overhead", "--profile", "smoke"]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    let planned = planned_visits(&observations);
    assert_eq!(planned.len(), manifest.plan.len());
    let mut seen: BTreeMap<(String, String), Overhead> = BTreeMap::new();
    for observation in planned {
        let cell = &observation.trial.cell;
        assert_eq!(observation.outcome, Outcome::Ok, "{cell}");
        let overhead = observation.overhead.clone().unwrap();
        let counted = |metric: Metric| observation.metrics.get(&metric).copied();
        assert_eq!(counted(Metric::Steps), Some(overhead.steps.len() as u64), "{cell}");
        assert_eq!(counted(Metric::Tools), Some(overhead.tools.len() as u64), "{cell}");
        for metric in [Metric::Tools, Metric::Crates, Metric::SharedLines, Metric::FormLines] {
            assert!(counted(metric).is_some_and(|count| count > 0), "{cell}: {metric}");
        }
        assert_eq!(counted(Metric::CleanBuild), None, "{cell}");
        assert_eq!((&overhead.panic, &overhead.debugger), (&None, &None), "{cell}");
        seen.insert((cell.parameter.to_string(), cell.subject.to_string()), overhead);
    }
    for service in ["service=image", "service=json-api"] {
        let of = |subject: &str| &seen[&(service.to_owned(), subject.to_owned())];
        let names = |overhead: &Overhead| -> Vec<String> {
            overhead.tools.iter().map(|tool| tool.name.clone()).collect()
        };
        let (native, component) = (names(of("native")), names(of("wasmtime-aot")));
        assert!(component.iter().any(|name| name.contains("Wasm host")), "{component:?}");
        assert!(!native.iter().any(|name| name.contains("Wasm")), "{native:?}");
        if !seen.contains_key(&(service.to_owned(), "docker-scratch".to_owned())) {
            left_out("docker-scratch", "it is not installed here");
            continue;
        }
        let container = names(of("docker-scratch"));
        assert!(container.starts_with(&native) && container.len() > native.len(), "{container:?}");
    }
}
