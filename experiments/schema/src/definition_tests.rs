//! Tests of the definitions: what is refused, and which trials come out.

use super::*;
use crate::subject::parse_subjects;
use crate::workload::parse_workloads;

#[path = "definition_methods_tests.rs"]
mod methods;

const SUBJECTS: &str = r#"
[subjects.native]
title = "native"
technology = "native"
boundary = "spawn to response"
isolation = "process"
version = ["x", "--version"]
start.process = { program = "x", arguments = [] }
size = { shipped = [{ artifact = "x" }], runtime = [] }

[subjects.docker-scratch]
title = "docker"
technology = "container"
boundary = "create to response"
isolation = "container"
start.container = { image = "image.tar", arguments = [], network = "host" }
size = { shipped = [{ artifact = "image.tar" }], runtime = [{ program = "dockerd" }] }
"#;

fn workloads() -> Workloads {
    let one = |name: &str| {
        format!(
            "[workloads.{name}]\nmethod = \"GET\"\npath = \"/\"\nexpect = {{ status = 200, sha256 = \"{}\" }}\n",
            "0".repeat(64)
        )
    };
    let mix = "[workloads.mixed]\n\
               mix = { light = \"healthz\", heavy = \"bad-one\", heavy_percent = 5 }\n";
    let requests = ["healthz", "bad-one", "bad-two"].map(one).concat();
    parse_workloads("w", &(requests + mix)).unwrap()
}

fn definition(changes: &[(&str, &str)]) -> Result<Definition, ParseError> {
    let mut text = r#"
question = "How long?"
baseline = "native"
subjects = ["native", "docker-scratch"]
workloads = ["healthz"]
architectures = ["host"]
[method.throughput]
concurrency = [1, 8]
warmup_ms = 100
[profiles]
smoke = { invocations = 1, measure_ms = 100, completions_least = 5 }
quick = { invocations = 3, measure_ms = 100, completions_least = 5 }
paper = { invocations = 9, measure_ms = 100, completions_least = 5 }
"#
    .to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let subjects = parse_subjects("s", SUBJECTS).unwrap();
    Definition::parse("d.toml", "throughput".parse().unwrap(), &text, &subjects, &workloads())
}

#[test]
fn trials_are_the_product_of_all_factors() {
    let trials = definition(&[]).unwrap().trials(Profile::Quick, "x86_64", 0..3);
    assert_eq!(trials.len(), 3 * 2 * 2);
    let distinct: std::collections::BTreeSet<_> = trials.iter().collect();
    assert_eq!(distinct.len(), trials.len());
}

#[test]
fn a_pattern_stands_for_all_that_begin_so() {
    let found = definition(&[("[\"healthz\"]", "[\"bad-*\", \"healthz\", \"bad-one\"]")]).unwrap();
    let names: Vec<_> = found.workloads.iter().map(WorkloadName::as_str).collect();
    assert_eq!(names, ["bad-one", "bad-two", "healthz"]);
}

fn check_refused(change: (&str, &str), expected: &str) {
    let error = definition(&[change]).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn bad_input_gets_a_clear_error() {
    check_refused(("\"docker-scratch\"]", "\"docker-scrach\"]"), "did you mean `docker-scratch`?");
    check_refused(("[\"healthz\"]", "[\"healtz\"]"), "did you mean `healthz`?");
    check_refused(("[\"healthz\"]", "[\"worse-*\"]"), "unknown workload `worse-*`");
    check_refused(("concurrency", "concurency"), "did you mean `concurrency`?");
    check_refused(("concurrency", "concurency"), "d.toml:8");
    check_refused(("[1, 8]", "[]"), "concurrency needs at least one value");
    check_refused(
        ("invocations = 3, measure_ms = 100", "invocations = 3"),
        "profiles.quick.measure_ms",
    );
    check_refused(("invocations = 1", "invocations = 0"), "profiles.smoke.invocations");
}

/// With 8 answers in a window one more or less is an eighth of the rate.
#[test]
fn a_closed_loop_says_how_many_answers_a_window_holds() {
    let least = ", completions_least = 5";
    check_refused((least, ""), "profiles.smoke.completions_least is needed");
    check_refused((least, ", completions_least = 1"), "must be at least 2");
    let latency = "[method.latency]\nconnections = 4\nwarmup_ms = 100\n\
                   rates_per_second = { healthz = [40] }";
    check_refused(
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", latency),
        "profiles.smoke.completions_least is of the methods `throughput` and `waiting`",
    );
}

/// Given that a cell stopped after six to eight invocations, its interval covered 69 to 78 %.
#[test]
fn no_cell_may_end_before_ten_invocations() {
    let precise = ("architectures", "precision_percent = 5\narchitectures");
    let with = |invocations: &str| {
        definition(&[precise, ("invocations = 3,", invocations)]).map(|found| found.experiment)
    };
    let error = with("invocations = 9, invocations_max = 20,").unwrap_err().to_string();
    assert!(error.contains("profiles.quick.invocations must be at least 10"), "{error}");
    assert!(with("invocations = 10, invocations_max = 20,").is_ok());
}

/// Trials of one invocation, by subject.
fn count(definition: &Definition, subject: &str) -> usize {
    let trials = definition.trials(Profile::Quick, "x86_64", 0..1);
    trials.iter().filter(|trial| trial.cell.subject.as_str() == subject).count()
}

#[test]
fn few_subjects_may_be_asked_for_a_parameter_and_for_a_workload() {
    let asked = |keys: &str| {
        let keys = format!("[asked_of]\n{keys}\n[method.throughput]");
        definition(&[
            ("[method.throughput]", &keys),
            ("[\"healthz\"]", "[\"healthz\", \"bad-one\"]"),
        ])
    };
    for (keys, native, docker) in [
        ("", 4, 4),
        ("\"concurrency=1\" = [\"native\"]", 4, 2),
        ("concurrency = [\"native\"]", 4, 0),
        ("bad-one = [\"native\"]", 4, 2),
        ("bad-one = [\"native\"]\n\"concurrency=1\" = [\"native\"]", 4, 1),
        ("bad-one = [\"native\", \"docker-scratch\"]", 4, 4),
    ] {
        let found = asked(keys).unwrap();
        assert_eq!(
            (count(&found, "native"), count(&found, "docker-scratch")),
            (native, docker),
            "{keys}"
        );
    }
    for (keys, says) in [
        ("\"concurrency=2\" = [\"native\"]", "did you mean `concurrency=8`"),
        ("pipeline = [\"native\"]", "`pipeline` is not among what the definition asks"),
        ("bad-one = [\"native\", \"docker-scrtch\"]", "did you mean `docker-scratch`"),
        ("bad-one = [\"docker-scratch\"]", "lacks the baseline `native`"),
    ] {
        let error = asked(keys).unwrap_err().to_string();
        assert!(error.contains(says), "{keys}: {error}");
    }
}

#[test]
fn several_instances_may_be_asked_of_few_subjects() {
    let memory = "[asked_of]\ncopies = [\"native\"]\n[method.memory]\nconcurrency = 8\nsettle_ms = 1\ncopies = [1, 4]";
    let found = definition(&[
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", memory),
        (", completions_least = 5", ""),
    ])
    .unwrap();
    // Idle and loaded, and both numbers of instances.
    assert_eq!((count(&found, "native"), count(&found, "docker-scratch")), (4, 2));
}

/// A twin shows within the run itself how far apart equal things seem to be; what is read needs none.
#[test]
fn the_twins_of_named_subjects_are_asked_too_where_something_is_sampled() {
    let text = format!("{SUBJECTS}\n[twins.native-twin]\ntwin_of = \"native\"\n");
    let subjects = parse_subjects("s", &text).unwrap();
    let parsed = |definition: &Definition| {
        let name = definition.experiment.clone();
        Definition::parse("d.toml", name, &definition.text, &subjects, &workloads()).unwrap()
    };
    let sampled = parsed(&definition(&[]).unwrap());
    assert_eq!(
        sampled.added_twins.iter().map(SubjectName::as_str).collect::<Vec<_>>(),
        ["native-twin"]
    );
    assert_eq!(sampled.subjects.len(), 3);
    let sizes = definition(&[
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", "[method.artifact-size]"),
        (", measure_ms = 100, completions_least = 5", ""),
    ]);
    assert!(parsed(&sizes.unwrap()).added_twins.is_empty());
}

#[test]
fn times_are_asked_of_the_machine_that_measures_alone() {
    check_refused(
        ("[\"host\"]", "[\"x86_64\"]"),
        "an emulator's times and memory are never reported",
    );
    check_refused(("[\"host\"]", "[\"arm\"]"), "unknown `arm`");
    let own = definition(&[]).unwrap().architectures;
    assert_eq!(own.visited("aarch64", &[]), ["aarch64"]);
    assert_eq!(own.visited("aarch64", &["x86_64", "aarch64"].map(str::to_owned)), ["aarch64"]);
    assert!(own.visited("aarch64", &["x86_64".to_owned()]).is_empty(), "never under emulation");

    let sizes = definition(&[
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", "[method.artifact-size]"),
        (", measure_ms = 100, completions_least = 5", ""),
        ("[\"host\"]", "[\"x86_64\", \"aarch64\"]"),
    ]);
    let named = sizes.unwrap().architectures;
    let requested = ["x86_64", "aarch64"].map(str::to_owned);
    assert_eq!(named.visited("x86_64", &requested), requested);
    assert_eq!(named.visited("x86_64", &[]), ["x86_64"], "what nobody asked for is not emulated");
    assert_eq!(named.visited("x86_64", &requested[1..]), ["aarch64"]);
}

#[test]
fn a_mix_is_asked_for_by_an_open_loop_only() {
    let error = definition(&[("[\"healthz\"]", "[\"mixed\"]")]).unwrap_err().to_string();
    assert!(
        error.contains("workload `mixed` is a mix: only [method.latency] takes one"),
        "{error}"
    );
    let latency = "[method.latency]\nconnections = 4\nwarmup_ms = 100\n\
                   rates_per_second = { mixed = [40] }";
    let open = definition(&[
        ("[\"healthz\"]", "[\"mixed\"]"),
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", latency),
        (", completions_least = 5", ""),
    ]);
    assert_eq!(open.unwrap().trials(Profile::Quick, "x86_64", 0..1).len(), 2);
}

#[test]
fn the_baseline_is_one_of_the_subjects() {
    let error = definition(&[("[\"native\", ", "[")]).unwrap_err().to_string();
    assert!(error.contains("baseline `native` is not among"), "{error}");
}

#[test]
fn a_process_without_a_version_is_refused() {
    let text = SUBJECTS.replace("version = [\"x\", \"--version\"]\n", "");
    let error = parse_subjects("s.toml", &text).unwrap_err().to_string();
    assert!(error.contains("subject `native`"), "{error}");
}

#[test]
fn a_table_of_its_own_is_of_one_method() {
    let own = ("[method.throughput]", "table = \"guest-languages\"\n[method.throughput]");
    check_refused(own, "table = \"guest-languages\" is of [method.cold-start]");
    let cold = [
        own,
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", "[method.cold-start]"),
        (", measure_ms = 100, completions_least = 5", ""),
    ];
    definition(&cold).unwrap();
    check_refused(
        ("[method.throughput]", "table = \"guests\"\n[method.throughput]"),
        "guest-languages",
    );
}

#[test]
fn operations_are_cells_and_steps_lead_from_arm_to_arm() {
    let method = "[method.operations]\noperations = [\"blur\", \"thumbnail\"]\niterations = 3\n\
                  steps = [{ to = \"docker-scratch\", by = \"a wall\" }]\n\
                  served = [{ to = \"native\", by = \"a socket\" }]";
    let windowless = [
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", method),
        (", measure_ms = 100, completions_least = 5", ""),
        ("[\"healthz\"]", "[]"),
    ];
    let with = |change: (&str, &str)| {
        definition(&[&windowless[..], &[change]].concat()).map_err(|error| error.to_string())
    };
    let found = with(("3\n", "3\n")).unwrap();
    let parameters: Vec<String> = found
        .trials(Profile::Quick, "x86_64", 0..1)
        .iter()
        .map(|trial| trial.cell.parameter.to_string())
        .collect();
    assert_eq!(parameters, ["operation=blur", "operation=thumbnail"].repeat(2));
    for (change, expected) in [
        (("[]", "[\"healthz\"]"), "an operation has its own request"),
        (("[\"blur\", \"thumbnail\"]", "[]"), "operations needs at least one"),
        (("iterations = 3", "iterations = 0"), "iterations needs at least one value"),
        (("\"blur\"", "\"blurr\""), "blurr"),
        (("to = \"docker-scratch\"", "to = \"docker-scrath\""), "did you mean `docker-scratch`?"),
        (("to = \"docker-scratch\"", "to = \"native\""), "`native` is passed twice"),
        (("served = [{ to = \"native\"", "served = [{ to = \"nativ\""), "did you mean `native`?"),
    ] {
        let error = with(change).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
