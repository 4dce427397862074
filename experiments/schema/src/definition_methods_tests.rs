//! Tests of definitions whose methods start something beside the service, or in its place.

use super::*;

fn neighbour(attacks: &str, changes: &[(&str, &str)]) -> Result<Definition, ParseError> {
    let method = format!(
        "[method.neighbour]\nattacks = [{attacks}]\nin_place_of = {{ \"image.tar\" = \"probe.tar\" }}\n\
         rate_per_second = 9\nconnections = 1\nwarmup_ms = 1\nspins_count = 1\nheld_connections_count = 1\n"
    );
    let throughput = "[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100\n";
    let own = [(throughput, method.as_str()), (", completions_least = 5", "")];
    definition(&[&own[..], changes].concat())
}

#[test]
fn an_attack_has_a_control_and_an_aggressor_that_is_started_as_its_victim() {
    let alone = [
        ("baseline = \"native\"", "baseline = \"docker-scratch\""),
        ("[\"native\", \"docker-scratch\"]", "[\"docker-scratch\"]"),
    ];
    let trials = neighbour("\"none\", \"spin\"", &alone).unwrap();
    let trials = trials.trials(Profile::Smoke, "x86_64", 0..1);
    let parameters: Vec<String> = trials.iter().map(|t| t.cell.parameter.to_string()).collect();
    assert_eq!(parameters, ["attack=none", "attack=spin"]);
    let refused = |attacks: &str, changes: &[(&str, &str)]| {
        neighbour(attacks, changes).unwrap_err().to_string()
    };
    let error = refused("\"spin\"", &alone);
    assert!(error.contains("attacks lacks `none`"), "{error}");
    let error = refused("\"none\"", &[]);
    assert!(error.contains("the start of `native` names none of these artifacts"), "{error}");
}

const WAITING: &str = r#"
question = "How long?"
baseline = "native"
subjects = ["native", "docker-scratch"]
workloads = []
architectures = ["host"]
[method.waiting]
in_place_of = { x = "y", "image.tar" = "y.tar" }
arguments = { native = ["--more"] }
delays_us = [0, 1000]
backend_requests = 1
connections = 4
rest_ms = 1
warmup_ms = 1
[profiles]
smoke = { invocations = 1, measure_ms = 100, completions_least = 5 }
quick = { invocations = 3, measure_ms = 100, completions_least = 5 }
paper = { invocations = 9, measure_ms = 100, completions_least = 5 }
"#;

#[test]
fn delays_are_cells_and_a_twin_has_the_arguments_of_its_original() {
    let subjects = SUBJECTS.replace("program = \"x\"", "program = \"{artifact:x}\"")
        + "[twins.native-twin]\ntwin_of = \"native\"\n";
    let subjects = parse_subjects("s", &subjects).unwrap();
    let read = |from: &str, to: &str| {
        assert!(WAITING.contains(from), "{from}");
        let (name, text) = ("waiting".parse().unwrap(), WAITING.replace(from, to));
        Definition::parse("d.toml", name, &text, &subjects, &workloads())
            .map_err(|error| error.to_string())
    };
    let found = read("rest_ms = 1", "rest_ms = 1").unwrap();
    let parameters: Vec<String> = found
        .trials(Profile::Quick, "x86_64", 0..1)
        .iter()
        .map(|trial| trial.cell.parameter.to_string())
        .collect();
    assert_eq!(parameters, ["delay-us=0", "delay-us=1000"].repeat(3));
    let original: SubjectName = "native".parse().unwrap();
    let twin: SubjectName = "native-twin".parse().unwrap();
    let own = &subjects[&original].start;
    let started = found.method.start(&original, own);
    assert_eq!(found.method.start(&twin, own), started);
    assert_ne!(*started, *own);
    for (from, to, expected) in [
        ("delays_us = [0, 1000]", "delays_us = []", "delays_us needs at least one value"),
        ("requests = 1", "requests = 0", "backend_requests needs at least one value"),
        ("connections = 4", "connections = 0", "connections needs at least one value"),
        ("workloads = []", "workloads = [\"healthz\"]", "what is asked asks the backend"),
        ("{ x = ", "{ w = ", "the start of `native` names none of these artifacts"),
        ("{ native = [", "{ nativ = [", "`nativ` is not in `subjects`"),
    ] {
        let error = read(from, to).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_replay_has_a_cell_for_each_load_and_a_profile_may_have_fewer() {
    let method = "[method.replay]\nwarmup_ms = 1\nidle_argument = \"--idle\"\n\
                  bursts = { on_ms = 5, off_ms = 5 }\n\
                  loads_most = { smoke = 1, quick = 2, paper = 2 }\nloads = [\n\
                  { workload = \"healthz\", tenants = 2, rate_per_minute = 60, arrivals = \"poisson\" },\n\
                  { workload = \"bad-one\", tenants = 3, rate_per_minute = 6, arrivals = \"bursts\", \
                  idle_timeout_ms = 4 },\n]";
    let base = [
        ("[method.throughput]\nconcurrency = [1, 8]\nwarmup_ms = 100", method),
        (", completions_least = 5", ""),
        ("[\"healthz\"]", "[\"healthz\", \"bad-one\"]"),
    ];
    let found = definition(&base).unwrap();
    let cells = |profile| {
        let trials = found.trials(profile, "x86_64", 0..1).into_iter();
        trials.map(|trial| trial.cell.to_string()).collect::<Vec<_>>()
    };
    let all = ["healthz replay=1", "bad-one replay=2"];
    assert_eq!(cells(Profile::Quick)[..2], all.map(|cell| format!("native {cell}")));
    assert_eq!(
        cells(Profile::Smoke),
        ["native healthz replay=1", "docker-scratch healthz replay=1"]
    );
    let load = |number| found.method.load(number).map(|load| load.tenants);
    assert_eq!([0, 1, 2, 3].map(load), [None, Some(2), Some(3), None]);
    for (change, expected) in [
        (("smoke = 1, ", ""), "loads_most.smoke must be at least 1"),
        (("off_ms = 5", "off_ms = 0"), "on_ms and off_ms must be at least 1"),
        (("\"--idle\"", "\"\""), "idle_argument is empty"),
        (("tenants = 3", "tenants = 0"), "loads: number 2: tenants must be at least 1"),
        (("\"poisson\"", "\"poison\""), "did you mean `poisson`?"),
    ] {
        let error = definition(&[&base[..], &[change]].concat()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
