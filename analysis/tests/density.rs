//! Tenants that were raised: what follows from their levels, and how the wall is shown.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use crate::support::rendered::rendered;
use weighbridge_analysis::answers::{self, Numbers};
use weighbridge_analysis::explain::explain;
use weighbridge_analysis::load::load;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::raise::{Level, Raise, Wall, levels};
use weighbridge_schema::record::{Observation, Outcome};

const DEFINITION: &str = r#"
question = "What of density?"
[method.density]
memory_budget_mib = 1
p99_bound_us = 1
probe_rate_per_second = 1
connections = 1
rest_ms = 1
tenants_most = {}
"#;
const MIB: u64 = 1 << 20;

/// What a subject's tenants take, MiB: once, and each; how many there are at most; and what ends them.
fn of(subject: &str, invocation: u32) -> (u64, u64, u32, Wall) {
    match subject {
        "docker-scratch" if invocation == 0 => (130, 8, 4, Wall::Start),
        "docker-scratch" => (130, 8, 8, Wall::Memory),
        "wasmtime-aot" => (4, 2, 16, Wall::NoMoreAsked),
        _ => (2, 1, 8, Wall::Latency),
    }
}

fn raise(subject: &str, invocation: u32) -> Raise {
    let (once, each, most, wall) = of(subject, invocation);
    let level = |tenants_count: u32| {
        // The blocks differ a little, and not by the same for all.
        let noise = u64::from(invocation) * 1_000 * each;
        let held = (once + each * u64::from(tenants_count)) * MIB;
        let mut metrics = std::collections::BTreeMap::from([
            (Metric::PackingPss, held + noise * u64::from(tenants_count)),
            (Metric::Available, 4_096 * MIB - held),
            (Metric::LatencyP50, 50_000),
            (Metric::LatencyP99, 100_000 + u64::from(tenants_count)),
        ]);
        if tenants_count > 1 {
            metrics.insert(Metric::TenantStart, 900_000 + 1_000 * u64::from(invocation));
        }
        Level { tenants_count, metrics }
    };
    Raise { levels: levels(most).into_iter().map(level).collect(), wall, reason: None }
}

/// The fixture with raises of three subjects beside; of one a visit failed.
fn raised() -> Fixture {
    let mut fixture = Fixture::new(8);
    let names = ["native", "docker-scratch", "wasmtime-aot"];
    let entry = ExperimentEntry {
        question: "What of density?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: names.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: vec!["healthz".parse().unwrap()],
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("density".parse().unwrap(), entry);
    let cold_start = |seen: &&Observation| {
        let trial = &seen.trial;
        trial.experiment.as_str() == "cold-start"
            && trial.cell.parameter.to_string() == "-"
            && trial.cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && names.contains(&trial.cell.subject.as_str())
    };
    let mut added: Vec<Observation> =
        fixture.observations.iter().filter(cold_start).cloned().collect();
    for seen in &mut added {
        seen.position = fixture.manifest.plan.len() as u64;
        seen.trial.experiment = "density".parse().unwrap();
        let subject = seen.trial.cell.subject.to_string();
        let (_, _, most, _) = of(&subject, seen.trial.invocation);
        seen.metrics = std::collections::BTreeMap::from([(Metric::TenantsRaised, most.into())]);
        seen.stages_ns.clear();
        seen.raise = Some(raise(&subject, seen.trial.invocation));
        if (subject.as_str(), seen.trial.invocation) == ("wasmtime-aot", 7) {
            let (stage, reason) = ("start".to_owned(), "no".to_owned());
            (seen.outcome, seen.raise) = (Outcome::Failed { stage, reason }, None);
            seen.metrics.clear();
        }
        fixture.manifest.plan.push(seen.trial.clone());
    }
    fixture.observations.extend(added);
    fixture
}

#[test]
fn tables_show_what_each_additional_tenant_takes_and_name_the_wall() {
    let files = rendered(&raised());
    let row = |text: &str, subject: &str| {
        let begin = format!("{subject} & ");
        let row = text.lines().find(|line| line.starts_with(&begin));
        row.unwrap_or_else(|| panic!("{subject} is not in {text}")).to_owned()
    };
    let table = &files["paper/table-density.tex"];
    for (subject, wall, n) in [
        ("native", "& latency of the probe &", "& 8 "),
        ("docker-scratch", "& memory budget (7 of 8), start of one more (1 of 8) &", "& 8 "),
        ("wasmtime-aot", "& none met &", "& 7 (1 failed) "),
    ] {
        let row = row(table, subject);
        assert!(row.contains(wall) && row.contains(n), "{row}");
    }
    let levels = &files["paper/table-density-levels.tex"];
    assert!(levels.contains("{healthz, 1 tenant}"), "{levels}");
    let (_, highest) = levels.split_once("{healthz, 16 tenants}").unwrap();
    assert!(!highest.contains("native") && !highest.contains("docker-scratch"), "{highest}");
    assert!(row(highest, "wasmtime-aot").contains("36"), "4 and 16 times 2 MiB: {highest}");
}

#[test]
fn a_run_without_density_says_so_in_its_tables_and_in_the_published_answers() {
    let files = rendered(&Fixture::new(6));
    for name in ["density", "density-levels"] {
        assert!(files[&format!("paper/table-{name}.tex")].contains("not part of this run"));
    }
    let answers = &files["paper/table-published-answers.tex"];
    assert_eq!(answers.matches("density is not measured").count(), 1);
    assert!(!answers.contains("tenants per GiB"));
}

#[test]
fn a_raise_is_compared_once_and_each_number_leads_to_its_line() {
    let folder = tempfile::tempdir().unwrap();
    raised().write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = support::analyse(&run, &[]);
    let compared: Vec<String> = results
        .comparisons
        .keys()
        .filter(|(key, _)| key.experiment.as_str() == "density")
        .map(|(key, quantity)| format!("{} {}", key.cell, quantity.key()))
        .collect();
    assert!(compared.iter().any(|one| one.ends_with("tenant_pss")), "{compared:?}");
    assert!(compared.iter().all(|one| !one.contains("tenants=")), "{compared:?}");

    let line = |key: &str| {
        let text = explain(&run, &results, key).unwrap();
        let at = run
            .observations
            .iter()
            .position(|seen| seen.raise.is_some() && seen.trial.cell.subject.as_str() == "native");
        (text.contains(&format!("{}", at.unwrap() + 1)), text)
    };
    for key in
        ["density/healthz/-/native/tenant_pss", "density/healthz/tenants=4/native/packing_pss"]
    {
        let (is_named, text) = line(key);
        assert!(is_named && !text.contains("derived"), "{text}");
    }

    let numbers = Numbers::of(&results);
    let answer = answers::read().unwrap().into_iter();
    let mut pairs = answer.flat_map(|answer| answer.pairs);
    let pair = pairs.find(|pair| pair.of.ends_with("wasmtime-aot/tenants_per_gib")).unwrap();
    // 8 MiB for each container, 2 for each host.
    let factor = numbers.factor(&pair).unwrap();
    assert!((factor.point - 4.0).abs() < 0.01, "{factor:?}");
}
