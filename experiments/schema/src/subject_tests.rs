//! Tests of subjects.toml: what its entries become, and what is refused.

use super::*;
use crate::program::Source;

const FILE: &str = r#"
[programs.engine]
version = "2.0.1"
licence = "MIT"
sources = [
    { cargo = { package = "engine-cli", program = "engine", minutes = [1, 2] } },
    { debian = { suite = "trixie", package = "engine", package_version = "2.0-1", program = "usr/bin/engine" } },
]

[subjects.compiled]
title = "compiled"
technology = "wasm"
boundary = "b"
isolation = "i"
version = ["{program:engine}", "--version"]
prepare = { file = "x.cwasm", command = ["{program:engine}", "compile", "{artifact:x.wasm}", "{prepared}"] }
start.process = { program = "{program:engine}", arguments = ["run", "{prepared}", "{listen}"] }
size = { shipped = ["prepared"], runtime = [{ program = "engine" }] }

[variants.compiled-1]
variant_of = "compiled"
programs = { engine = "1.9.0" }

[twins.compiled-twin]
twin_of = "compiled"
"#;

fn read(changes: &[(&str, &str)]) -> Result<SubjectsFile, ParseError> {
    let text = changes.iter().fold(FILE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    parse_subjects_file("s.toml", &text)
}

fn subject(file: &SubjectsFile, name: &str) -> Subject {
    file.subjects[&name.parse::<SubjectName>().unwrap()].clone()
}

fn process(subject: &Subject) -> (&Word, &[Word]) {
    match &subject.start {
        Start::Process { program, arguments, .. } => (program, arguments),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_subject_names_its_programs_and_its_own_file() {
    let file = read(&[]).unwrap();
    let compiled = subject(&file, "compiled");
    let (program, arguments) = process(&compiled);
    assert_eq!(*program, "{program:engine}");
    assert_eq!(arguments, ["run", "{prepared:compiled}", "{listen}"]);
    assert_eq!(compiled.programs(), [("engine".parse().unwrap(), None)]);
    assert_eq!(compiled.size.shipped, [Part::Prepared]);
}

#[test]
fn a_variant_runs_another_version_and_makes_a_file_of_its_own() {
    let variant = subject(&read(&[]).unwrap(), "compiled-1");
    assert_eq!(variant.programs(), [("engine".parse().unwrap(), Some("1.9.0".to_owned()))]);
    assert_eq!(process(&variant).1[1], "{prepared:compiled-1}");
    assert_eq!(variant.size.runtime, [Part::Program("engine@1.9.0".to_owned())]);
    assert_eq!(variant.title, "compiled: engine 1.9.0");
    assert_eq!(variant.variant_of, Some("compiled".parse().unwrap()));
}

#[test]
fn a_twin_differs_in_its_name_alone() {
    let file = read(&[]).unwrap();
    let twin = subject(&file, "compiled-twin");
    assert_eq!(twin.programs(), subject(&file, "compiled").programs());
    assert_eq!(process(&twin).1[1], "{prepared:compiled-twin}");
}

#[test]
fn what_is_not_there_is_named() {
    for (change, expected) in [
        (
            ("\"{program:engine}\", \"--version\"", "\"{program:engin}\", \"--version\""),
            "did you mean `engine`?",
        ),
        (
            ("\"{program:engine}\", \"--version\"", "\"{program:zzz}\", \"--version\""),
            "no program `zzz` in [programs]",
        ),
        (
            ("\"{program:engine}\", \"--version\"", "\"{program:engine\", \"--version\""),
            "`{program:` without `}`",
        ),
        (
            ("variant_of = \"compiled\"", "variant_of = \"other\""),
            "variants.compiled-1: there is no subject `other`",
        ),
        (
            ("programs = { engine =", "programs = { other ="),
            "`compiled` uses none of these programs",
        ),
        (
            ("[variants.compiled-1]", "[variants.compiled]"),
            "`compiled` is both a subject and a variant",
        ),
        (("prepare = {", "#"), "stands there without `prepare`"),
        (("licence =", "license ="), "did you mean `licence`?"),
    ] {
        let error = read(&[change]).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

const BUNDLE: &str = r#"
[programs.box]
version = "0.7.0"
licence = "Apache-2.0"
sources = [
    { nix = { package = "box", program = "bin/box" } },
    { repository = { folder = "experiments/box", program = "box", needs = ["libbox-dev"], minutes = [1, 2] } },
    { unavailable = { reason = "no registry has it" } },
]

[subjects.boxed]
title = "boxed"
technology = "container"
boundary = "b"
isolation = "i"
version = ["{program:box}", "--version"]
prepare = { file = "box.toml", text = """
source = "{artifact:component.wasm}"
""" }
start.bundle = { runtime = "{program:box}", binary = "native", arguments = ["{prepared}", "{listen}"] }
size = { shipped = ["prepared"], runtime = [{ program = "box" }] }

[variants.boxed-old]
variant_of = "boxed"
programs = { box = "0.6.0" }
"#;

#[test]
fn a_bundle_may_be_run_by_a_program_that_we_install_and_a_prepared_file_may_be_a_text() {
    let file = parse_subjects_file("s.toml", BUNDLE).unwrap();
    let boxed = subject(&file, "boxed");
    assert_eq!(boxed.programs(), [("box".parse().unwrap(), None)]);
    let text = boxed.prepare.unwrap().text.unwrap();
    assert_eq!(text, "source = \"{artifact:component.wasm}\"\n");
    match subject(&file, "boxed-old").start {
        Start::Bundle { runtime, arguments, .. } => {
            assert_eq!(runtime, "{program:box@0.6.0}");
            assert_eq!(arguments[0], "{prepared:boxed-old}");
        }
        other => panic!("{other:?}"),
    }
    let program = &file.programs[&"box".parse().unwrap()];
    assert_eq!(program.unavailable(), Some("no registry has it"));
}

#[test]
fn what_is_prepared_has_one_way_of_being_made() {
    let text = "text = \"\"\"\nsource = \"{artifact:component.wasm}\"\n\"\"\"";
    for (replacement, expected) in [
        ("command = []", "`prepare` has either `command` or `text`"),
        ("command = [\"{program:box}\"], text = \"\"", "`prepare` has either `command` or `text`"),
        ("text = \"at {listen}\"", "prepare.text: `{listen}` has no meaning there"),
        ("text = \"{program:bo}\"", "did you mean `box`?"),
    ] {
        assert!(BUNDLE.contains(text));
        let changed = BUNDLE.replace(text, replacement);
        let error = parse_subjects_file("s.toml", &changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_program_beside_another_and_its_folder_are_of_the_same_program_in_a_variant_too() {
    let chain = (
        r#"command = ["{program:engine}", "compile", "{artifact:x.wasm}", "{prepared}"] }"#,
        r#"command = ["{program:engine/ld}", "-L{folder:engine}/lib", "{prepared}"] }"#,
    );
    let file = read(&[chain]).unwrap();
    let words = |name: &str| subject(&file, name).prepare.unwrap().command;
    assert_eq!(words("compiled")[..2], ["{program:engine/ld}", "-L{folder:engine}/lib"]);
    assert_eq!(
        words("compiled-1")[..2],
        ["{program:engine@1.9.0/ld}", "-L{folder:engine@1.9.0}/lib"]
    );
    let engine: ProgramName = "engine".parse().unwrap();
    assert_eq!(subject(&file, "compiled").programs(), [(engine.clone(), None)]);
    assert_eq!(subject(&file, "compiled-1").programs(), [(engine, Some("1.9.0".to_owned()))]);
    let typo = read(&[("{program:engine}\", \"compile", "{program:engin/ld}\", \"compile")])
        .unwrap_err()
        .to_string();
    assert!(typo.contains("no program `engin`; did you mean `engine`?"), "{typo}");
}

#[test]
fn the_intermediates_of_a_preparation_are_resolved_like_its_command() {
    let both = r#"file = "x.cwasm", intermediates = [{ file = "x.wasm", command = ["{program:engine}", "{intermediate:x.wasm}"] }]"#;
    let chain = ("file = \"x.cwasm\"", both);
    let of_both =
        ("\"{artifact:x.wasm}\", \"{prepared}\"", "\"{intermediate:x.wasm}\", \"{prepared}\"");
    let file = read(&[chain, of_both]).unwrap();
    let prepare = subject(&file, "compiled-1").prepare.unwrap();
    assert_eq!(
        prepare.intermediates[0].command,
        ["{program:engine@1.9.0}", "{intermediate:x.wasm}"]
    );
    assert_eq!(prepare.command[2..], ["{intermediate:x.wasm}", "{prepared:compiled-1}"]);
    let early = read(&[of_both]).unwrap_err().to_string();
    assert!(
        early.contains("subject `compiled`: prepare: `{intermediate:x.wasm}` is not made"),
        "{early}"
    );
}

#[test]
fn a_placeholder_is_known_has_a_meaning_where_it_stands_and_names_what_is_there() {
    let version = "\"{program:engine}\", \"--version\"";
    for (change, expected) in [
        // They reached the program as text.
        (
            ("{listen}\"] }", "{listn}\"] }"),
            "s.toml:17: `{listn}` is no placeholder; did you mean `{listen}`?",
        ),
        (("{artifact:x.wasm}", "-x{artefact:x.wasm}y"), "did you mean `{artifact:NAME}`?"),
        (("{listen}\"] }", "{listen\"] }"), "`{listen` without `}`"),
        (
            (version, "\"a\", \"{listen}\""),
            "version: `{listen}` has no meaning there; it takes text and `{artifact:NAME}`, ",
        ),
        (("\"{listen}\"", "\"{scratch}/x\""), "start.arguments: `{scratch}` has no meaning there"),
        (("\"{listen}\"", "\"{iterations}\""), "start.arguments: `{iterations}` has"),
        (("\"{listen}\"", "\"{intermediate:a}\""), "start.arguments: `{intermediate:a}` has"),
        (("\"{listen}\"", "\"{reference:a}\""), "start.arguments: `{reference:a}` has"),
        (
            ("prepare = {", "call = [\"{program:engine}\"]\nprepare = {"),
            "call: `{program:engine}` has no meaning there; it takes text and `{artifact:NAME}`",
        ),
        // Only the first of a word was looked at, and a folder never.
        (
            (version, "\"{program:engine}:{program:engin}\""),
            "no program `engin`; did you mean `engine`?",
        ),
        ((version, "\"-L{folder:engin}\""), "no program `engin`; did you mean `engine`?"),
        (
            (version, "\"x\", \"{prepared:other}\""),
            "is the file of another subject; write `{prepared}`",
        ),
    ] {
        let error = read(&[change]).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_program_may_come_from_npm_or_with_additional_packages() {
    let npm = r#"{ npm = { package = "@p/engine", program = "engine" } }, { debian = "#;
    let with =
        r#"program = "usr/bin/engine", with = ["lib=1:2-3"], relinked = ["usr/bin/engine"] }"#;
    let file = read(&[("{ debian = ", npm), (r#"program = "usr/bin/engine" }"#, with)]).unwrap();
    let sources = file.programs.into_values().next().unwrap().sources;
    let package = "@p/engine".to_owned();
    assert_eq!(sources[1], Source::Npm { package, program: "engine".to_owned(), native: false });
    let Source::Debian { with, relinked, .. } = &sources[2] else { panic!("{sources:?}") };
    assert_eq!(
        (&with[..], &relinked[..]),
        (&["lib=1:2-3".to_owned()][..], &["usr/bin/engine".to_owned()][..])
    );
}

#[test]
fn a_boundary_is_that_of_the_way_of_starting_unless_the_definition_says_another() {
    let boundary = |text: &str| {
        let file = read(&[("boundary = \"b\"\n", text)]).unwrap();
        let names = ["compiled", "compiled-1", "compiled-twin"];
        let all = names.map(|name| serde_json::to_value(subject(&file, name)).unwrap());
        // What a manifest holds is read again by programs that may say it otherwise: it is the words.
        assert!(all.iter().all(|one| one.get("boundary_includes").is_none()), "{all:?}");
        assert!(all.iter().all(|one| one["boundary"] == all[0]["boundary"]), "{all:?}");
        all[0]["boundary"].as_str().unwrap().to_owned()
    };
    assert_eq!(boundary("boundary = \"from here to there\"\n"), "from here to there");
    let derived = "posix_spawn of the program to the last byte of the first correct response";
    assert_eq!(boundary(""), derived);
    let included = derived.replace("program", "program, compilation included,");
    assert_eq!(boundary("boundary_includes = \"compilation\"\n"), included);
    let both = "boundary = \"b\"\nboundary_includes = \"compilation\"\n";
    let error = read(&[("boundary = \"b\"\n", both)]).unwrap_err().to_string();
    assert!(error.contains("either `boundary` or `boundary_includes`"), "{error}");
}
