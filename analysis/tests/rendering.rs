//! What comes out: snapshots of tables and summary, and what must hold for every file.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::Fixture;
use crate::support::rendered::{eventful, rendered};
use std::collections::BTreeMap;
use weighbridge_analysis::render::tables;
use weighbridge_schema::artifact::Artifact;
use weighbridge_schema::limits::{LIMITS, LimitsEntry};
use weighbridge_schema::manifest::{PreparedEntry, ProgramEntry};
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::workload::Mix;

#[test]
fn tables_are_as_before() {
    let files = rendered(&eventful());
    for name in [
        "claims",
        "cold-start",
        "comparisons",
        "equivalence",
        "highest-rate",
        "instantiation",
        "ladder",
        "latency",
        "memory",
        "memory-marginal",
        "not-measured",
        "warm-up",
    ] {
        insta::assert_snapshot!(name, files[&format!("paper/table-{name}.tex")]);
    }
    insta::assert_snapshot!("summary", files["paper/summary.txt"]);
    insta::assert_snapshot!("brief", files["paper/brief.txt"]);
}

/// A method is shown before anybody has laid out a table for it.
#[test]
fn a_method_without_a_table_of_its_own_is_shown_by_what_two_runs_are_told_apart_by() {
    eventful().analysed(include_str!("../claims.toml"), |results| {
        let table = tables::plain::told_apart(results, QuestionKind::Memory);
        let titles: Vec<&str> = table.columns.iter().map(|c| c.title.as_str()).collect();
        let additional = ["PSS per further instance", "USS per further instance"];
        let expected = [&["subject", "PSS", "USS"][..], &additional, &["vs native", "n"]].concat();
        assert_eq!(titles, expected);
        assert!(table.rows.len() > 1, "{table:?}");
        // Every kind has a table, and none has two.
        let all = tables::all(results);
        for kind in QuestionKind::ALL {
            assert_eq!(all.iter().filter(|t| t.name == kind.key()).count(), 1, "{kind:?}");
        }
    });
}

/// The fixture of a run with `--subject docker-scratch,wasmtime-aot`: of the definitions' subjects no others were asked
/// for.
fn narrow(experiments: &[&str]) -> Fixture {
    let mut fixture = Fixture::new(8);
    let is_asked = |subject: &str| ["docker-scratch", "wasmtime-aot"].contains(&subject);
    let is_chosen = |name: &ExperimentName| experiments.contains(&name.as_str());
    let manifest = &mut fixture.manifest;
    manifest.subjects.retain(|name, _| is_asked(name.as_str()));
    manifest.experiments.retain(|name, _| is_chosen(name));
    manifest.plan.retain(|t| is_asked(t.cell.subject.as_str()) && is_chosen(&t.experiment));
    let plan = manifest.plan.clone();
    fixture.observations.retain(|observation| plan.contains(&observation.trial));
    fixture
}

#[test]
fn a_narrow_run_is_told_of_what_it_was_asked_for() {
    let files = rendered(&narrow(&["cold-start"]));
    let summary = &files["paper/summary.txt"];
    insta::assert_snapshot!("summary-narrow", summary);
    insta::assert_snapshot!("brief-narrow", files["paper/brief.txt"]);
    for word in ["spin", "| native", "vs native", "not measured", "baseline not"] {
        assert!(!summary.contains(word), "`{word}` is in {summary}");
    }
    let tex = &files["paper/table-not-measured.tex"];
    assert_eq!(tex.matches("not asked for").count(), 1, "{tex}");
}

#[test]
fn a_question_of_somebodys_own_is_not_told_of_the_papers_claims() {
    let mut fixture = narrow(&["cold-start"]);
    let custom: ExperimentName = "shop".parse().unwrap();
    let entry = fixture.manifest.experiments.pop_first().unwrap().1;
    fixture.manifest.experiments.insert(custom.clone(), entry);
    fixture.manifest.plan.iter_mut().for_each(|trial| trial.experiment = custom.clone());
    fixture.observations.iter_mut().for_each(|o| o.trial.experiment = custom.clone());
    let files = rendered(&fixture);
    for file in ["summary.txt", "brief.txt"] {
        assert!(!files[&format!("paper/{file}")].contains("laim"), "{file}");
    }
}

#[test]
fn the_end_of_a_long_run_is_short() {
    let brief = rendered(&eventful()).remove("paper/brief.txt").unwrap();
    // Without the line that names what made it, `all` shows these and six of its own.
    assert!(brief.lines().skip(2).count() <= 18, "{brief}");
}

#[test]
fn a_smoke_run_says_that_it_has_no_intervals() {
    let files = rendered(&Fixture::new(1));
    insta::assert_snapshot!("cold-start-smoke", files["paper/table-cold-start.tex"]);
}

#[test]
fn an_empty_run_still_gives_every_file() {
    let full: Vec<String> = rendered(&eventful()).into_keys().collect();
    let mut empty = Fixture::new(1);
    empty.observations.clear();
    let files = rendered(&empty);
    for name in full.iter().filter(|name| !name.ends_with(".svg")) {
        assert!(files.contains_key(name), "{name}");
    }
    assert!(files["paper/figure-latency.tex"].contains("\\textit{not measured}"));
}

#[test]
fn a_program_that_nobody_asked_for_is_named_once() {
    let mut fixture = Fixture::new(1);
    let spin = fixture.manifest.subjects.get_mut(&"spin".parse().unwrap()).unwrap();
    let arguments = vec!["{program:spin}".parse().unwrap()];
    spin.definition.version = Some(arguments);
    let files = rendered(&fixture);
    assert!(
        files["paper/table-subjects.tex"].contains("spin"),
        "what it is, and why it is not there"
    );
    for name in
        ["paper/table-cold-start.tex", "paper/figure-cold-start.tex", "paper/table-memory.tex"]
    {
        assert!(!files[name].contains("spin"), "{name}");
    }
}

/// A fixture whose cold start is of guests in several languages: `native` stands for the one that our toolchain made,
/// `wasmtime-aot` for one that another compiler made, `spin` for one whose compiler is not there.
fn guests() -> Fixture {
    let mut fixture = Fixture::new(7);
    let name: ExperimentName = "cold-start".parse().unwrap();
    let entry = fixture.manifest.experiments.get_mut(&name).unwrap();
    entry.definition_toml = format!("table = \"guest-languages\"\n{}", entry.definition_toml);
    fixture.manifest.experiments.retain(|experiment, _| *experiment == name);
    fixture.manifest.plan.retain(|trial| trial.experiment == name);
    fixture.observations.retain(|observation| observation.trial.experiment == name);
    let file = |file: &str, size_bytes| Artifact {
        file: file.to_owned(),
        size_bytes,
        sha256: "cd".repeat(32),
    };
    for (subject, component_bytes, compiled_bytes) in
        [("native", 20_480, 61_440), ("wasmtime-aot", 12_800_000, 32_400_000)]
    {
        let entry = fixture.manifest.subjects.get_mut(&subject.parse().unwrap()).unwrap();
        entry.prepared = Some(PreparedEntry {
            sha256: "ab".repeat(32),
            size_bytes: compiled_bytes,
            made_in_ns: None,
            made_of: vec![file("notes.txt", 7), file("hello.wasm", component_bytes)],
        });
    }
    let other = fixture.manifest.subjects.get_mut(&"wasmtime-aot".parse().unwrap()).unwrap();
    let program = ProgramEntry {
        provider: "npm".to_owned(),
        sha256: "ef".repeat(32),
        detail: BTreeMap::from([
            ("@p/compiler".to_owned(), "1.2.3".to_owned()),
            ("parser".to_owned(), "4.0.0".to_owned()),
        ]),
    };
    other.programs.insert("compiler".parse().unwrap(), program);
    let missing = fixture.manifest.subjects.get_mut(&"spin".parse().unwrap()).unwrap();
    missing.definition.version = Some(vec!["{program:spin}".parse().unwrap()]);
    fixture
}

#[test]
fn guests_in_several_languages_have_a_table_of_their_own() {
    let files = rendered(&guests());
    let rows: Vec<&str> = files["paper/table-guest-languages.tex"].lines().collect();
    let has = |begin: &str, part: &str| {
        let found = rows.iter().any(|row| row.starts_with(begin) && row.contains(part));
        assert!(found, "no `{begin}` with `{part}` in {rows:#?}");
    };
    has("native & 20.00\\,KiB & 60.00\\,KiB & ", "rustc 1.95.0");
    has("wasmtime-aot & 12.21\\,MiB & 30.90\\,MiB & ", "compiler 1.2.3");
    has("spin & -- & -- & \\textit{not installed} & ", "cargo xtask setup");
    for name in ["table-cold-start", "figure-cold-start", "table-subjects"] {
        let file = &files[&format!("paper/{name}.tex")];
        assert!(!file.contains("wasmtime-aot"), "{name}");
    }
}

#[test]
fn every_generated_file_says_what_made_it() {
    for (name, text) in rendered(&eventful()) {
        if name.ends_with(".tex") || name.ends_with(".txt") {
            let first = text.lines().next().unwrap();
            assert_eq!(first, "% Generated by `cargo xtask analyze`; do not edit", "{name}");
        } else if !name.ends_with(".svg") {
            assert!(text.contains("cargo xtask analyze"), "{name}");
        }
    }
}

#[test]
fn numbers_are_looked_up_and_the_unknown_is_not_measured() {
    let numbers = &rendered(&eventful())["paper/numbers.tex"];
    for key in [
        "{num}{cold-start/healthz/-/wasmtime-aot/time_to_first_response/text}",
        "{num}{cold-start/healthz/-/wasmtime-aot/time_to_first_response/ratiotext}",
        "{num}{throughput/thumbnail/concurrency=8/native/requests_per_second/median}",
        "{num}{latency/healthz/rate=200/docker-scratch/latency_p50/ratiohigh}",
        "{num}{memory/healthz/idle/native/pss/low}",
        "{num}{artifact-size/-/-/docker-scratch/shipped_zstd_bytes/ratiotext}",
        "{num}{equivalence/-/-/native/cases_equal/median}{34}",
        "{num}{cold-start/healthz/-/native/time_to_first_response/n}{8}",
        "{num}{cold-start/healthz/-/native/stage_connected/median}",
        "{num}{cold-start/healthz/page-cache=dropped/native/time_to_first_response/text}",
        "{num}{cold-start/healthz/-/wasmtime-aot/time_to_first_response/effect}{slower}",
        "{num}{cold-start/healthz/-/wasmtime-aot/time_to_first_response/a12}{1.00}",
        "{num}{cold-start/healthz/-/wasmtime-aot/time_to_first_response/p}",
        "{num}{memory/healthz/-/wasmtime-aot/marginal_pss/ratiotext}",
        "{num}{memory/healthz/copies=4/native/pss/median}",
        "{num}{instantiation/-/-/wasmtime-aot/instance_uss/text}",
        "{num}{highest-rate/healthz/-/native/highest_rate_per_second/text}",
        "{num}{warm-up/healthz/-/wasmtime-aot/steady_latency/text}",
        "{num}{warm-up/healthz/-/wasmtime-aot/pace}{warm-up 8}",
        "{meta}{disturbed}{1}",
        "{meta}{repeated}{1}",
        "{meta}{cpu}{Processor\\_9 @ 3 GHz}",
        "{meta}{date}{2026-11-21}",
        "{verdict}{jit-starts-later-than-aot}{holds}",
        "{claim}{jit-starts-later-than-aot}{39.0",
    ] {
        assert!(numbers.contains(key), "{key} is not in numbers.tex");
    }
    assert!(!numbers.contains("spin"), "a subject without numbers has none");
    assert!(!numbers.contains("NaN") && !numbers.contains("inf}"));
}

#[test]
fn the_machine_readable_summary_is_complete() {
    let files = rendered(&eventful());
    let document: serde_json::Value = serde_json::from_str(&files["paper/summary.json"]).unwrap();
    let find = |list: &str, subject: &str| {
        let all = document[list].as_array().unwrap();
        let mut of = all.iter().filter(|line| {
            line["subject"] == subject
                && line["experiment"] == "cold-start"
                && line["workload"] == "healthz"
        });
        of.next().cloned().unwrap()
    };
    let summary = find("summaries", "docker-scratch");
    assert_eq!(summary["metric"], "time_to_first_response");
    assert_eq!((&summary["n"], &summary["n_failed"]), (&7.into(), &1.into()));
    assert!(summary["interval"]["low"].as_f64() <= summary["point"].as_f64());
    assert_eq!(find("comparisons", "docker-scratch")["effect"], "slower");
    assert_eq!(find("missing", "spin")["cause"], "not_installed");
    let claims_count = include_str!("../claims.toml").matches("[[claim]]").count();
    assert_eq!(document["verdicts"].as_array().unwrap().len(), claims_count);
}

#[test]
fn a_mix_and_the_limits_are_told_and_older_runs_have_neither() {
    let mut fixture = Fixture::new(8);
    let before = rendered(&fixture);
    let (latency, provenance) = ("paper/table-latency.tex", "paper/table-provenance.tex");
    assert!(before[latency].contains("healthz, 200 requests/s offered"));
    assert!(!before[provenance].contains("processes and threads"));
    let mix = Mix {
        light: "ping".parse().unwrap(),
        heavy: "thumbnail".parse().unwrap(),
        heavy_percent: 5,
    };
    fixture.manifest.mixes.insert("healthz".parse().unwrap(), mix);
    fixture.manifest.limits = Some(LimitsEntry {
        of_every_subject: LIMITS,
        not_applied: vec!["memory of plain processes: no group".to_owned()],
    });
    let after = rendered(&fixture);
    let words = "healthz, 200 requests/s offered (of ping beside 5 \\% thumbnail)";
    assert!(after[latency].contains(words), "{}", after[latency]);
    let provenance = &after[provenance];
    assert!(provenance.contains("1024 processes and threads, 4096 descriptors"), "{provenance}");
    assert!(provenance.contains("not applied: memory of plain processes: no group"));
}
