//! House rules that a compiler does not check.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the checkout has nothing to say")]

mod sources;

use sources::{files, read, root, shown};

#[test]
fn source_files_are_short_and_say_what_they_are() {
    const LONGEST_LINES: usize = 400;
    let sources = files(root(), ".rs");
    assert!(sources.len() > 50, "the search has lost its way: {} files", sources.len());
    for path in sources {
        let text = read(&path);
        let lines_count = text.lines().count();
        assert!(lines_count <= LONGEST_LINES, "{}: {lines_count} lines", shown(&path));
        assert!(text.starts_with("//!"), "{}: no module header", shown(&path));
    }
}

#[test]
fn results_hold_no_literal_number() {
    let project = weighbridge_project::project::Project {
        root: root().to_owned(),
        state: root().join(".weighbridge"),
        target: root().join("target"),
        build: root().join("target"),
        assume_yes: false,
    };
    let found = weighbridge_project::typed_numbers::found(&project).unwrap();
    assert!(found.is_empty(), "a result is a macro:\n{}", found.join("\n"));
}

#[test]
fn nothing_names_a_machine_or_a_registry() {
    // Put together here, so that this file does not hold what it looks for.
    let forbidden: Vec<String> =
        [["/work/", "main"], ["/root/", "."], ["deb.deb", "ian.org"], ["cra", "tes.io/api"]]
            .iter()
            .map(|parts| parts.concat())
            .collect();
    for ending in [".rs", ".toml", ".md", ".tex", ".nix", ".sh"] {
        for path in files(root(), ending) {
            let text = read(&path);
            for word in &forbidden {
                assert!(!text.contains(word.as_str()), "{} holds `{word}`", shown(&path));
            }
        }
    }
}

#[test]
fn the_readme_names_verbs_that_exist() {
    let help = read(&root().join("xtask/src/main.rs"));
    let readme = read(&root().join("README.md"));
    let verbs: Vec<&str> = readme
        .split("cargo xtask ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next())
        .filter(|verb| !verb.is_empty())
        .collect();
    assert!(verbs.contains(&"all") && verbs.contains(&"test"), "{verbs:?}");
    for verb in verbs {
        let variant = format!("    {}{}", verb[..1].to_uppercase(), &verb[1..]);
        let declared = [" {", ",", ";"].iter().any(|end| help.contains(&format!("{variant}{end}")));
        assert!(declared, "README names `cargo xtask {verb}`, which main.rs does not declare");
    }
}

#[test]
fn the_verbs_are_thin() {
    const MOST_LINES: usize = 3_500;
    let sources = files(&root().join("xtask/src"), ".rs");
    // Behind the first test of a file there is nothing but tests.
    let product_lines = sources.iter().filter(|path| !path.ends_with("tests.rs")).map(|path| {
        let text = read(path);
        text.split("\n#[cfg(test)]").next().unwrap_or_default().lines().count()
    });
    let count: usize = product_lines.sum();
    assert!(count > 1_000, "the search has lost its way: {count} lines");
    assert!(count < MOST_LINES, "{count} lines: what a verb needs belongs into a crate beside it");
}
