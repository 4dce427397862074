//! What the paper shows, computed again from the published raw log and compared with what was
//! published.
//!
//! A published folder holds every generated table and figure as it is, the numbers that the text
//! quotes, and a digest of each file, the large ones among them (`numbers.tex`, `summary.json`).

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use weighbridge_schema::manifest::Manifest;

/// The digests of all generated files.
const DIGESTS: &str = "digests.txt";
/// The numbers that the paper's text quotes.
const QUOTED: &str = "quoted-numbers.txt";
/// Those files are kept as a digest alone: megabytes that no reader compares by eye.
const DIGEST_ALONE: [&str; 2] = ["numbers.tex", "summary.json"];
/// So many lines that differ are shown of a file.
const SHOWN_MAX: usize = 5;

/// Contents by file name.
pub type Files = BTreeMap<String, String>;

/// What the files of the folder `generated` publish, the paper's text being in `sections`.
///
/// # Errors
/// A folder or file that cannot be read, by its path; there is no `numbers.tex`.
pub fn as_published(generated: &Path, sections: &Path) -> Result<Files> {
    published_of(texts_of(generated)?, &texts_of(sections)?)
}

/// The contents of a published folder; none where it does not exist.
///
/// # Errors
/// A file that cannot be read, by its path.
pub fn read(folder: &Path) -> Result<Files> {
    if folder.is_dir() { texts_of(folder) } else { Ok(Files::new()) }
}

/// Puts the files in the place of what the folder holds.
///
/// # Errors
/// A file that cannot be removed or written, by its path.
pub fn write(folder: &Path, files: &Files) -> Result<()> {
    if folder.is_dir() {
        std::fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// One line for each file that differs and some for the lines within; none when all are alike.
#[must_use]
pub fn differences(published: &Files, computed: &Files) -> Vec<String> {
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

/// One line for each artifact in `folder` that is not the one which the run measured; `folder`
/// holds those of one instruction set, whose name it has.
///
/// # Errors
/// A file that is there and cannot be read, by its path.
pub fn other_artifacts(manifest: &Manifest, folder: &Path) -> Result<Vec<String>> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let measured = match manifest.artifacts.architecture == *name {
        true => Some(&manifest.artifacts),
        false => manifest.foreign_artifacts.get(&*name),
    };
    let measured = measured.with_context(|| {
        format!("{}: the run measured no artifacts of `{name}`", folder.display())
    })?;
    let mut found = Vec::new();
    for (name, artifact) in &measured.artifacts {
        let file = folder.join(&artifact.file);
        if !file.is_file() {
            found.push(format!("artifact {name}: measured, and {} is missing", file.display()));
            continue;
        }
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let here = sha256(&bytes);
        if here != artifact.sha256 {
            let measured = &artifact.sha256;
            found.push(format!(
                "artifact {name}: {} is not what was measured: SHA-256 {here}, measured {measured}",
                file.display()
            ));
        }
    }
    Ok(found)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn published_of(generated: Files, sections: &Files) -> Result<Files> {
    // As sha256sum prints and checks them.
    let digest = |text: &String| sha256(text.as_bytes());
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
        let made = published_of(generated, &sections).unwrap();
        assert_eq!(made[QUOTED], "\\wbdefnum{a/b/c/text}{1.5 ms}\n");
        assert!(!made.contains_key("numbers.tex") && made.contains_key("table-x.tex"));
        assert!(made[DIGESTS].contains("  numbers.tex\n"), "{}", made[DIGESTS]);
    }

    #[test]
    fn a_changed_number_table_or_file_is_named() {
        let sections = files(&[("results.tex", "\\wbnum{a/b/c/text}")]);
        let made = |numbers: &str, table: &str| {
            let generated = files(&[("numbers.tex", numbers), ("table-x.tex", table)]);
            published_of(generated, &sections).unwrap()
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
