//! `cargo xtask verify --published`: everything that the paper shows, computed again from the published raw log and
//! compared with what the checkout says was published.
//!
//! `paper/published` holds every generated table and figure as it is, the numbers that the text quotes, and a digest
//! of each file, the large ones among them (`numbers.tex`, `summary.json`).

use super::{analyze, tools};
use crate::exit::Exit;
use crate::inputs::hex;
use crate::process::{command, with_events};
use crate::progress::Progress;
use crate::project::Project;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was published, within the checkout.
const PUBLISHED: &str = "paper/published";
/// The digests of all generated files.
const DIGESTS: &str = "digests.txt";
/// The numbers that the paper's text quotes.
const QUOTED: &str = "quoted-numbers.txt";
/// Those files are kept as a digest alone: megabytes that no reader compares by eye.
const DIGEST_ALONE: [&str; 2] = ["numbers.tex", "summary.json"];
/// So many lines that differ are shown of a file.
const SHOWN_MAX: usize = 5;

type Files = BTreeMap<String, String>;

/// The verb; `renew` takes what was computed as what is published.
///
/// # Errors
/// There is no published run, its raw log is damaged (the message names file and line), or a file cannot be read.
pub fn run(project: &Project, renew: bool, progress: &Progress) -> Result<Exit> {
    let run = tools::published(project)?.context("paper/data holds no run")?;
    let computed = compute(project, &run, progress)?;
    let folder = project.path(PUBLISHED);
    if renew {
        write(&folder, &computed)?;
        println!("{} holds what {} gives", PUBLISHED, project.shown(&run));
        return Ok(Exit::Done);
    }
    let published = read(&folder)?;
    ensure!(
        !published.is_empty(),
        "{PUBLISHED} holds nothing to compare with: cargo xtask verify --published --renew"
    );
    let found = differences(&published, &computed);
    for line in &found {
        println!("{line}");
    }
    if found.is_empty() {
        let count = computed.len();
        println!("{}: all {count} files are as published", project.shown(&run));
        return Ok(Exit::Done);
    }
    println!("the raw log of {} does not give what {PUBLISHED} says", project.shown(&run));
    Ok(Exit::DoesNotHold)
}

/// Everything that the raw log gives, as it would be published: contents by file name.
fn compute(project: &Project, run: &Path, progress: &Progress) -> Result<Files> {
    let folder = project.state.join("verify-published");
    if folder.exists() {
        // A table that is not made any more must not be compared.
        std::fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    let generated = folder.join("generated");
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(program);
    analysis.current_dir(&project.root).arg("render").arg("--run").arg(run);
    analysis.arg("--output").arg(&generated).arg("--report").arg(folder.join("report"));
    analysis.arg("--claims").arg(analyze::claims_file(project));
    // The one that was published with the run, and not this machine's.
    let calibration = project.path("paper/data/calibration.json");
    if calibration.is_file() {
        analysis.arg("--calibration").arg(calibration);
    }
    analysis.args(["--progress", "json"]);
    let (_, code) = with_events(&mut analysis, progress).inspect_err(|_| progress.abandon())?;
    progress.end("done");
    // 1: a claim is contradicted, which is a result like any other here.
    ensure!(
        matches!(code, 0 | 1),
        "the analysis ended with exit code {code}; its message stands above"
    );
    let sections = texts_of(&project.path("paper/sections"))?;
    as_published(texts_of(&generated)?, &sections)
}

fn as_published(generated: Files, sections: &Files) -> Result<Files> {
    // As sha256sum prints and checks them.
    let digest = |text: &String| hex(&Sha256::digest(text));
    let digests: Vec<String> =
        generated.iter().map(|(name, text)| format!("{}  {name}\n", digest(text))).collect();
    let numbers = generated.get("numbers.tex").context("the analysis has made no numbers.tex")?;
    let quoted = quoted(numbers, sections);
    let mut files = generated;
    files.retain(|name, _| !DIGEST_ALONE.contains(&name.as_str()));
    files.insert(DIGESTS.to_owned(), digests.concat());
    files.insert(QUOTED.to_owned(), quoted);
    Ok(files)
}

/// The lines of `numbers.tex` that the paper's sections quote by `\wbnum{KEY}`, `\wbclaim{NAME}` and their like.
fn quoted(numbers: &str, sections: &Files) -> String {
    let names: BTreeSet<&str> = sections
        .values()
        .flat_map(|text| text.split(r"\wb").skip(1).filter_map(argument))
        .collect();
    let is_quoted = |line: &&str| {
        let mut words = line.split(['{', '}', '@']);
        words.any(|word| {
            // \wbsays takes a quantity and looks at its effect.
            names.contains(word) || word.strip_suffix("/effect").is_some_and(|w| names.contains(w))
        })
    };
    numbers.lines().filter(is_quoted).map(|line| format!("{line}\n")).collect()
}

/// `KEY` of `num{KEY}...`
fn argument(after: &str) -> Option<&str> {
    let (_, rest) = after.split_once('{')?;
    Some(rest.split_once('}')?.0)
}

fn texts_of(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("list {}", folder.display()))?.path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("read {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, text);
        }
    }
    Ok(files)
}

fn read(folder: &Path) -> Result<Files> {
    if folder.is_dir() { texts_of(folder) } else { Ok(Files::new()) }
}

fn write(folder: &Path, files: &Files) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// One line for each file that differs and some for the lines within; none when all are alike.
fn differences(published: &Files, computed: &Files) -> Vec<String> {
    let names: BTreeSet<&String> = published.keys().chain(computed.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        match (published.get(name), computed.get(name)) {
            (Some(_), None) => found.push(format!("{name}: published, but the raw log gives none")),
            (None, Some(_)) => found.push(format!("{name}: the raw log gives it, not published")),
            (Some(a), Some(b)) if a != b => found.extend(lines_that_differ(name, a, b)),
            _ => {}
        }
    }
    found
}

fn lines_that_differ(name: &str, published: &str, computed: &str) -> Vec<String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (published.lines().collect(), computed.lines().collect());
    let of =
        |lines: &[&str], index: usize| lines.get(index).map_or("(no such line)", |l| *l).to_owned();
    let count = a.len().max(b.len());
    let differing: Vec<usize> = (0..count).filter(|&index| a.get(index) != b.get(index)).collect();
    let mut found = vec![format!("{name}: {} of {count} lines differ", differing.len())];
    for &index in differing.iter().take(SHOWN_MAX) {
        found.push(format!("  {}: published  {}", index + 1, of(&a, index)));
        found.push(format!("  {}: computed   {}", index + 1, of(&b, index)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    const NUMBERS: &str = "\\wbdefnum{a/b/c/text}{1.5 ms}\n\\wbdefnum{a/b/c/ratio}{2}\n";

    #[test]
    fn the_quoted_numbers_stand_by_themselves_and_all_others_have_a_digest() {
        let sections = files(&[("results.tex", "It takes \\wbnum{a/b/c/text} here.")]);
        let generated = files(&[("numbers.tex", NUMBERS), ("table-x.tex", "row\n")]);
        let made = as_published(generated, &sections).unwrap();
        assert_eq!(made[QUOTED], "\\wbdefnum{a/b/c/text}{1.5 ms}\n");
        assert!(!made.contains_key("numbers.tex") && made.contains_key("table-x.tex"));
        assert!(made[DIGESTS].contains("  numbers.tex\n"), "{}", made[DIGESTS]);
    }

    #[test]
    fn a_changed_number_table_or_file_is_named() {
        let sections = files(&[("results.tex", "\\wbnum{a/b/c/text}")]);
        let made = |numbers: &str, table: &str| {
            let generated = files(&[("numbers.tex", numbers), ("table-x.tex", table)]);
            as_published(generated, &sections).unwrap()
        };
        let published = made(NUMBERS, "one\ntwo\n");
        assert_eq!(differences(&published, &published), Vec::<String>::new());
        let of = |computed: &Files| differences(&published, computed).join("\n");
        let number = of(&made(&NUMBERS.replace("1.5", "1.6"), "one\ntwo\n"));
        assert!(number.contains("quoted-numbers.txt") && number.contains("1.6 ms"), "{number}");
        let unquoted = of(&made(&NUMBERS.replace("{2}", "{3}"), "one\ntwo\n"));
        assert!(unquoted.contains("numbers.tex") && unquoted.contains(DIGESTS), "{unquoted}");
        let table = of(&made(NUMBERS, "one\n2\n"));
        assert!(table.contains("table-x.tex: 1 of 2 lines differ"), "{table}");
        let mut fewer = published.clone();
        fewer.remove("table-x.tex");
        assert!(of(&fewer).contains("table-x.tex: published, but"), "{}", of(&fewer));
    }
}
