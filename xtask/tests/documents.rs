//! Documents and comments: links that resolve, files that exist, columns that fit, and one word for one thing.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

mod sources;

use sources::{files, read, root, shown};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines of a document outside of code blocks, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((index + 1, line))
    })
}

/// The part of a link after `#` that leads to a heading, as GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn anchors(document: &Path) -> BTreeSet<String> {
    let text = read(document);
    let mut found = BTreeSet::new();
    for (_, line) in prose(&text).filter(|(_, line)| line.starts_with('#')) {
        let title = anchor(line.trim_start_matches('#').trim());
        // A second heading of the same words gets a number.
        let same = found.iter().filter(|a: &&String| **a == title).count();
        found.insert(if same == 0 { title } else { format!("{title}-{same}") });
    }
    found
}

/// The targets of `[words](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

#[test]
fn links_between_documents_resolve() {
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let mut count = 0;
    for document in files(root(), ".md") {
        let text = read(&document);
        for (number, line) in prose(&text) {
            for target in targets(line).filter(|target| !target.contains("://")) {
                let (path, heading) = target.split_once('#').unwrap_or((target, ""));
                let file = match path {
                    "" => document.clone(),
                    path => document.parent().unwrap().join(path),
                };
                let place = format!("{}:{number}: `{target}`", shown(&document));
                assert!(file.exists(), "{place} leads to no file");
                if !heading.is_empty() {
                    let headings = known.entry(file.clone()).or_insert_with(|| anchors(&file));
                    assert!(headings.contains(heading), "{place} leads to no heading");
                }
                count += 1;
            }
        }
    }
    assert!(count > 200, "the search has lost its way: {count} links");
}

/// Files that a document may name although the checkout has none: a run, a build or the reader makes them.
fn is_made(name: &str) -> bool {
    const MADE: &[&str] =
        &["results/", "generated/", "report/", "built/", "target/", "fuzz/", "numbers.tex"];
    let is_pattern = name.contains(|c: char| c.is_ascii_uppercase() || "*{<$~ ".contains(c));
    is_pattern || MADE.iter().any(|made| name.contains(made))
}

#[test]
fn documents_name_files_that_exist() {
    const ENDINGS: &[&str] = &[".rs", ".py", ".sh", ".tex", ".nix", ".svg"];
    let known: Vec<String> = ENDINGS
        .iter()
        .flat_map(|ending| files(root(), ending))
        .map(|path| format!("/{}", shown(&path)))
        .collect();
    let (mut lost, mut count) = (Vec::new(), 0);
    for document in files(root(), ".md") {
        let text = read(&document);
        for (number, line) in prose(&text) {
            let quoted = line.split('`').skip(1).step_by(2);
            let named = quoted.filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)));
            for name in named.filter(|name| !is_made(name)) {
                let ending = format!("/{}", name.trim_start_matches(".../"));
                if !known.iter().any(|path| path.ends_with(&ending)) {
                    lost.push(format!("{}:{number}: `{name}`", shown(&document)));
                }
                count += 1;
            }
        }
    }
    assert!(lost.is_empty(), "no file is named so: {lost:#?}");
    assert!(count > 150, "the search has lost its way: {count} names");
}

#[test]
fn documents_have_at_most_100_columns() {
    const WIDTH: usize = 100;
    let mut wide = Vec::new();
    for document in files(root(), ".md") {
        let text = read(&document);
        // A row of a table cannot be broken.
        let lines = prose(&text).filter(|(_, line)| !line.starts_with('|'));
        let long = lines.filter(|(_, line)| line.chars().count() > WIDTH);
        wide.extend(long.map(|(number, _)| format!("{}:{number}", shown(&document))));
    }
    assert!(wide.is_empty(), "more than {WIDTH} columns: {wide:#?}");
}

/// Whether a file is not held to the rules below, and why.
fn is_excepted(path: &str) -> bool {
    const EXCEPTED: &[&str] = &[
        // Says which word replaces which.
        "GLOSSARY.md",
        "xtask/tests/documents.rs",
        // Claims are compared with git's history: their sentences are not reworded.
        "analysis/claims.toml",
        // What a published run has written, and lists of files.
        "paper/data/",
        "paper/published/",
        "experiments/corpus/odd/",
        // Measured: a changed line changes the digests of the published run's artifacts.
        "service/",
    ];
    EXCEPTED.iter().any(|part| path.starts_with(part))
}

#[test]
fn comments_have_at_most_120_columns() {
    const WIDTH: usize = 120;
    let mut wide = Vec::new();
    for path in files(root(), ".rs").iter().filter(|path| !is_excepted(&shown(path))) {
        for (index, line) in read(path).lines().enumerate() {
            if line.trim_start().starts_with("//") && line.chars().count() > WIDTH {
                wide.push(format!("{}:{}", shown(path), index + 1));
            }
        }
    }
    assert!(wide.is_empty(), "more than {WIDTH} columns: {wide:#?}");
}

/// What is not to be written, and the word of GLOSSARY.md in its place. Words of identifiers count: `settle_all`.
const REPLACED: &[(&str, &str)] = &[
    ("own layer", "service layer"),
    ("own architecture", "local architecture"),
    ("own artifacts", "local artifacts"),
    ("settle", "resolve, drop the page cache, rest or drain"),
    ("settles", "resolves, drops the page cache, rests or drains"),
    ("settled", "resolved, dropped, rested or drained"),
    ("settling", "resolving, dropping the page cache, rest or draining"),
    ("gone on with", "resumed"),
    ("goes on with", "resumes"),
    ("going on with", "resuming"),
    ("go on with", "resume"),
    ("further", "additional or next"),
    ("furnish", "the verb of what it does"),
    ("furnished", "the verb of what it does"),
    ("insist", "retry"),
    ("mend", "repair"),
    ("mended", "repaired"),
    ("dodge", "the verb of what it does"),
    ("brings it along", "defines it"),
];

/// Keys of files, which keep their names until the schema's version changes; and headings of the published tables,
/// which change with the next published run.
const KEPT: &[&str] = &[
    "own_layer",
    "settle_ms",
    "\"own layer\"",
    "\"each further call\"",
    "\"per further instance\"",
    "\"pss per further instance\"",
    "\"uss per further instance\"",
    "\"memory per further instance\"",
];

/// The words of a text, in small letters; what is between them is lost.
fn words(text: &str) -> String {
    let mut text = text.to_lowercase();
    for key in KEPT {
        text = text.replace(key, " ");
    }
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// The first word of the text that is replaced, with the one to use.
fn replaced(text: &str) -> Option<(&'static str, &'static str)> {
    if ["fn one(", "fn bring("].iter().any(|vague| text.contains(vague)) {
        return Some(("a verb that says nothing", "what it does, such as compare_cell"));
    }
    let words = words(text);
    REPLACED.iter().copied().find(|(old, _)| words.contains(&format!(" {old} ")))
}

#[test]
fn one_thing_has_one_word() {
    assert!(replaced("    fn settle_placeholders() {").is_some());
    assert!(replaced("fn one(samples: &Samples)").is_some() && replaced("fn one_arm()").is_none());
    assert!(replaced("how far a settlement is; settle_ms = 3").is_none());
    let mut old_words = Vec::new();
    for ending in [".rs", ".md", ".toml", ".tex"] {
        let found = files(root(), ending);
        assert!(found.len() > 5, "the search has lost its way: {} {ending}", found.len());
        for path in found.iter().filter(|path| !is_excepted(&shown(path))) {
            let text = read(path);
            // Most files hold none: looking at each line takes ten times as long.
            let lines = if replaced(&text).is_some() { text.lines() } else { "".lines() };
            for (index, line) in lines.enumerate() {
                let old = replaced(line).map(|(old, new)| {
                    format!("{}:{}: `{old}`; write {new}", shown(path), index + 1)
                });
                old_words.extend(old);
            }
        }
    }
    assert!(old_words.is_empty(), "{old_words:#?}");
}

#[test]
fn every_word_of_the_glossary_is_explained_once() {
    let glossary = read(&root().join("GLOSSARY.md"));
    let bullets = glossary.lines().filter_map(|line| line.strip_prefix("* **"));
    let words: Vec<&str> = bullets.filter_map(|rest| rest.split("**:").next()).collect();
    assert!(words.len() > 80, "the search has lost its way: {} words", words.len());
    let mut known = BTreeSet::new();
    let twice: Vec<_> = words.iter().filter(|word| !known.insert(**word)).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
