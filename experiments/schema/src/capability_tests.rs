//! Tests of the probes: what a definition of maturity may say, and which trials come of it.

use super::*;
use crate::definition::{Definition, Profile};
use crate::parameter::Parameter;
use crate::parse::ParseError;
use crate::subject::parse_subjects;
use crate::workload::Workloads;

const SUBJECTS: &str = r#"
[subjects.one]
title = "a runtime"
technology = "wasm"
boundary = "spawn to response"
isolation = "sandbox"
version = ["{program:engine}", "--version"]
prepare = { file = "m.so", command = ["{program:engine}", "compile", "{prepared}"] }
start.process = { program = "{program:engine}", arguments = ["{prepared}"] }
size = { shipped = ["prepared"], runtime = [{ program = "engine" }] }

[variants.one-newer]
variant_of = "one"
programs = { engine = "2.0.0" }

[programs.engine]
version = "1.0.0"
licence = "MIT"
[[programs.engine.sources]]
cargo = { package = "engine", program = "engine", features = [], minutes = [1, 2] }
[programs.other]
version = "1.0.0"
licence = "MIT"
[[programs.other.sources]]
cargo = { package = "other", program = "other", features = [], minutes = [1, 2] }
"#;

/// A definition that says of every capability but two that it is absent.
fn text() -> String {
    let mut text = r#"
question = "What can it do?"
baseline = "one"
subjects = ["one"]
workloads = []
architectures = ["host"]
[profiles]
smoke = { invocations = 1 }
quick = { invocations = 1 }
paper = { invocations = 1 }
[method.maturity.probes.one]
simd.try = [{ run = { command = ["{program:engine}", "{artifact:simd.wasm}"], says = ["44"] } }]
sockets.try = [{ serve = { command = ["{program:engine}", "{prepared}", "{listen}"], requests = [{ path = "/" }] } }]
threads.untried = "nobody has"
"#
    .to_owned();
    for capability in Capability::ALL {
        if !text.contains(&format!("\n{capability}.")) {
            text += &format!("{capability}.absent = \"no option\"\n");
        }
    }
    text
}

fn parse(text: &str) -> Result<Definition, ParseError> {
    let subjects = parse_subjects("s.toml", SUBJECTS)?;
    let name = "maturity".parse().unwrap();
    Definition::parse("m.toml", name, text, &subjects, &Workloads::new())
}

#[test]
fn only_what_is_tried_is_visited() {
    let trials = parse(&text()).unwrap().trials(Profile::Quick, "x86_64", 0..1);
    let cells: Vec<String> = trials.iter().map(|trial| trial.cell.to_string()).collect();
    assert_eq!(cells.len(), 4, "two capabilities of a subject and of its variant: {cells:?}");
    for capability in [Capability::Simd, Capability::Sockets] {
        let parameter = Parameter::Capability(capability);
        let visited: Vec<&str> = trials
            .iter()
            .filter(|trial| trial.cell.parameter == parameter)
            .map(|trial| trial.cell.subject.as_str())
            .collect();
        assert_eq!(visited, ["one", "one-newer"]);
    }
}

fn command(definition: &Definition, subject: &str, capability: Capability) -> Vec<Word> {
    let crate::method::Method::Maturity { probes } = &definition.method else { panic!() };
    match probe(probes, &subject.parse().unwrap(), None, capability) {
        Some(Probe::Try(steps)) => match &steps[0] {
            Step::Run { command, .. } | Step::Serve { command, .. } => command.clone(),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_probe_runs_the_program_of_its_subject() {
    let definition = parse(&text()).unwrap();
    let command = |subject: &str, capability| command(&definition, subject, capability);
    assert_eq!(command("one", Capability::Simd)[0], "{program:engine}");
    assert_eq!(command("one-newer", Capability::Simd)[0], "{program:engine@2.0.0}");
    assert_eq!(command("one-newer", Capability::Sockets)[1], "{prepared:one-newer}");
}

#[test]
fn a_probe_may_run_what_lies_beside_the_program_of_its_subject() {
    let both = "command = [\"{program:engine/ld}\", \"--by={program:engine}:{folder:engine}/lib\"";
    let text = text().replacen("command = [\"{program:engine}\"", both, 1);
    let definition = parse(&text).unwrap();
    assert_eq!(command(&definition, "one", Capability::Simd)[0], "{program:engine/ld}");
    assert_eq!(
        command(&definition, "one-newer", Capability::Simd)[..2],
        ["{program:engine@2.0.0/ld}", "--by={program:engine@2.0.0}:{folder:engine@2.0.0}/lib"]
    );
}

#[test]
fn a_variant_has_the_probes_of_its_subject_in_the_text_too() {
    let probes = Probes::from([(
        "one".parse().unwrap(),
        BTreeMap::from([(Capability::Aot, Probe::Absent("no option".to_owned()))]),
    )]);
    let (one, newer) = ("one".parse().unwrap(), "one-newer".parse().unwrap());
    assert!(probe(&probes, &newer, Some(&one), Capability::Aot).is_some());
    assert!(probe(&probes, &newer, None, Capability::Aot).is_none());
    assert!(probe(&probes, &one, None, Capability::Simd).is_none());
}

#[test]
fn holes_and_nonsense_are_refused() {
    for (from, to, expected) in [
        ("aot.absent = \"no option\"", "", "probes.one.aot is missing"),
        ("aot.absent = \"no option\"", "aot.absent = \" \"", "probes.one.aot: say why"),
        ("aot.absent", "aott.absent", "m.toml"),
        ("requests = [{ path = \"/\" }]", "requests = []", "needs at least one request"),
        ("path = \"/\"", "path = \"count\"", "must begin with /"),
        ("path = \"/\"", "path = \"/\", statuses = []", "`statuses` needs at least one"),
        ("says = [\"44\"]", "fails = true", "`fails` needs `says`"),
        ("says = [\"44\"]", "say = [\"44\"]", "did you mean `says`?"),
        (
            "command = [\"{program:engine}\", \"{artifact:simd.wasm}\"]",
            "command = []",
            "an empty command",
        ),
        (
            "{program:engine}\", \"{artifact",
            "{program:other}\", \"{artifact",
            "is not run by program `other`",
        ),
        ("{program:engine}\", \"{artifact", "{program:engine\", \"{artifact", "without `}`"),
        (
            "{program:engine}\", \"{artifact",
            "{program:engine}{program:other}\", \"{artifact",
            "is not run by program `other`",
        ),
        ("{artifact:simd.wasm}", "{artefact:simd.wasm}", "did you mean `{artifact:NAME}`?"),
        (
            "{artifact:simd.wasm}",
            "{listen}",
            "probes.one.simd: run.command: `{listen}` has no meaning there; it takes text and `{scratch}`, ",
        ),
        ("{artifact:simd.wasm}", "{file:a}", "run.command: `{file:a}` has no meaning there"),
        ("probes.one]", "probes.two]", "`two` is not among `subjects`"),
        ("architectures = [\"host\"]", "architectures = [\"x86_64\"]", "an emulator's times"),
    ] {
        let good = text();
        assert!(good.contains(from), "{from}");
        let error = parse(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn every_key_is_read_back() {
    for &capability in Capability::ALL {
        assert_eq!(capability.key().parse(), Ok(capability));
        let written = serde_json::to_string(&capability).unwrap();
        assert_eq!(written, format!("\"{capability}\""));
    }
    assert!(
        "flight".parse::<Capability>().unwrap_err().to_string().contains("there are: wasi-http, ")
    );
}
