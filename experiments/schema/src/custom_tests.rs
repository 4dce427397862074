//! Tests of custom subjects and workloads.

use super::*;
use crate::definition::{Definition, Profile};
use crate::subject::parse_subjects_file;
use crate::workload::parse_workloads;

const OURS: &str = r#"
[programs.engine]
version = "1.0.0"
licence = "MIT"
sources = []

[subjects.native]
title = "native"
technology = "native"
boundary = "b"
isolation = "i"
version = ["x", "--version"]
start.process = { program = "x", arguments = [] }
size = { shipped = [], runtime = [] }
"#;

const OUR_WORKLOAD: &str = r#"
[workloads.healthz]
method = "GET"
path = "/healthz"
expect = { status = 200, sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
"#;

const DEFINITION: &str = r#"
question = "How long?"
baseline = "shop-native"
architectures = ["host"]
[method.cold-start]
[profiles]
smoke = { invocations = 1 }
quick = { invocations = 2 }
paper = { invocations = 3 }

[subjects.shop-container]
title = "image"
technology = "container"
boundary = "b"
isolation = "i"
start.container = { image = "{file:built/image.tar}", arguments = ["{listen}"], network = "host" }
size = { shipped = [{ file = "built/image.tar" }], runtime = [] }

[subjects.shop-native]
title = "native"
technology = "native"
boundary = "b"
isolation = "i"
start.process = { program = "{file:built/shop}", arguments = ["--data={file:../data}", "{listen}"] }
size = { shipped = [{ file = "built/shop" }], runtime = [] }

[subjects.shop-wasm]
title = "wasm"
technology = "wasm"
boundary = "b"
isolation = "i"
version = ["{program:engine}", "--version"]
prepare = { file = "x.cwasm", command = ["{program:engine}", "{file:built/shop.wasm}", "{prepared}"] }
start.process = { program = "{program:engine}", arguments = ["{prepared}"] }
size = { shipped = ["prepared"], runtime = [{ program = "engine" }] }

[workloads.order]
method = "POST"
path = "/orders"
body = { file = "../orders/one.json" }
expect = { status = 201, sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
"#;

fn read(changes: &[(&str, &str)]) -> Result<Definition, Box<dyn std::error::Error>> {
    let text = changes.iter().fold(DEFINITION.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let ours = parse_subjects_file("s.toml", OURS).unwrap();
    let workloads = parse_workloads("w.toml", OUR_WORKLOAD).unwrap();
    let name = "shop".parse().unwrap();
    let mut read = Definition::parse("d.toml", name, &text, &ours.subjects, &workloads)?;
    read.custom.resolve("examples", &ours.programs)?;
    Ok(read)
}

#[test]
fn a_definition_asks_for_all_that_it_brings_along_and_the_baseline_is_first() {
    let definition = read(&[]).unwrap();
    let names: Vec<&str> = definition.subjects.iter().map(SubjectName::as_str).collect();
    assert_eq!(names, ["shop-native", "shop-container", "shop-wasm"]);
    assert_eq!(definition.workloads, ["order".parse().unwrap()]);
    assert_eq!(definition.trials(Profile::Quick, "x86_64", 0..1).len(), 3);
}

#[test]
fn paths_are_relative_to_the_definition() {
    let Custom { subjects, workloads } = read(&[]).unwrap().custom;
    let files = |name: &str| subjects[&name.parse::<SubjectName>().unwrap()].files();
    let found = |key, path: &str| (key, path.to_owned());
    assert_eq!(
        files("shop-native"),
        [
            found("start.program", "examples/built/shop"),
            found("start.arguments", "data"),
            found("size.shipped", "examples/built/shop"),
        ]
    );
    assert_eq!(
        files("shop-container"),
        [
            found("start.image", "examples/built/image.tar"),
            found("size.shipped", "examples/built/image.tar"),
        ]
    );
    assert_eq!(files("shop-wasm"), [found("prepare.command", "examples/built/shop.wasm")]);
    let order = &workloads[&"order".parse::<WorkloadName>().unwrap()];
    let body = &order.request().unwrap().body;
    assert_eq!(*body, Body::File { path: "orders/one.json".to_owned(), truncate_bytes: None });
    assert_eq!(join("examples", "../../shop/./built"), "../shop/built");
}

#[test]
fn names_of_ours_and_tables_of_its_own_are_told_apart_by_their_form() {
    let (before, _) = DEFINITION.split_once("[workloads.order]").unwrap();
    let named = format!("workloads = [\"healthz\"]\n{before}");
    let definition = read(&[(DEFINITION, &named)]).unwrap();
    assert_eq!(definition.workloads, ["healthz".parse().unwrap()]);
    assert!(definition.custom.workloads.is_empty() && !definition.custom.subjects.is_empty());
    let error = read(&[(DEFINITION, &format!("workloads = 3\n{before}"))]).unwrap_err().to_string();
    assert!(error.starts_with("d.toml:1: ") && error.contains("a list of names"), "{error}");
}

#[test]
fn mistakes_are_named() {
    for (change, expected) in [
        (
            ("[subjects.shop-wasm]", "[subjects.native]"),
            "subjects.native: experiments/subjects.toml holds",
        ),
        (
            ("[workloads.order]", "[workloads.healthz]"),
            "workloads.healthz: experiments/workloads.toml holds",
        ),
        (
            ("baseline = \"shop-native\"", "baseline = \"shop-nativ\""),
            "did you mean `shop-native`?",
        ),
        (("title = \"image\"", "titel = \"image\""), "did you mean `title`?"),
        (("title = \"image\"", "titel = \"image\""), "d.toml:12:"),
        (("path = \"/orders\"", "pth = \"/orders\""), "did you mean `path`?"),
        (("{program:engine}\", \"{file", "{program:engin}\", \"{file"), "did you mean `engine`?"),
        (
            ("{file:built/shop}", "{file:/built/shop}"),
            "subjects.shop-native: start.program: `/built/shop`",
        ),
        (("{file:built/shop}", "{file:built/shop"), "`{file:` without `}`"),
        (("{file:../data}", "{fil:../data}"), "did you mean `{file:PATH}`?"),
        (
            ("{file:built/image.tar}", "{file:built/image}.tar"),
            "subjects.shop-container: start.image: `{file:built/image}.tar` has no meaning there",
        ),
        (
            ("network = \"host\"", "network = \"host\", port = 80"),
            "`port` is for network = \"bridge\"",
        ),
        (
            ("{ file = \"built/shop\" }", "{ file = \"\" }"),
            "subjects.shop-native: size: `` must be",
        ),
        (("status = 201, sha256 = \"0", "status = 201, sha256 = \"x"), "workloads.order: sha256"),
    ] {
        let error = read(&[change]).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
