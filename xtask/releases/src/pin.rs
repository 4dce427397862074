//! The pin of a program in `experiments/subjects.toml`, and what an upgrade changes there.

use anyhow::{Context, Result, anyhow};
use similar::TextDiff;
use toml_edit::{Array, DocumentMut, Item, value};
use weighbridge_schema::name::ProgramName;

/// The file that holds all pins, from the root of the checkout.
pub const FILE: &str = "experiments/subjects.toml";

/// The text of that file with `program` pinned to `version`; of a wheel, whose digest is known,
/// with that too. Everything else stays as it stands there, comments included.
///
/// # Errors
/// There is no such program, or the file cannot be read.
pub fn pinned(
    text: &str,
    program: &ProgramName,
    version: &str,
    wheel_sha256: Option<&str>,
) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|why| anyhow!("{FILE}: {why}"))?;
    let entry = (document.get_mut("programs"))
        .and_then(|programs| child(programs, program.as_str()))
        .with_context(|| format!("{FILE} has no [programs.{program}]"))?;
    let old = child(entry, "version").and_then(Item::as_value_mut);
    let old = old.with_context(|| format!("{FILE}: [programs.{program}] has no version"))?;
    // A comment behind the value stays there.
    let decor = old.decor().clone();
    *old = version.into();
    *old.decor_mut() = decor;
    let sources = child(entry, "sources").and_then(Item::as_array_of_tables_mut);
    for source in sources.into_iter().flat_map(|sources| sources.iter_mut()) {
        let wheel = source.get_mut("pypi").and_then(Item::as_table_like_mut);
        if let (Some(wheel), Some(sha256)) = (wheel, wheel_sha256) {
            let digests = wheel.entry("sha256").or_insert(toml_edit::table());
            let digests = digests.as_table_like_mut();
            let digests = digests.with_context(|| format!("{FILE}: sha256 of {program}"))?;
            if !digests.contains_key(version) {
                digests.insert(version, value(Array::from_iter([sha256])));
            }
        }
    }
    Ok(document.to_string())
}

/// `Item::get_mut` would make an absent key.
fn child<'a>(item: &'a mut Item, key: &str) -> Option<&'a mut Item> {
    item.as_table_like_mut()?.get_mut(key)
}

/// What changes, as `git apply` takes it; empty where nothing does.
#[must_use]
pub fn diff(old: &str, new: &str) -> String {
    let of = TextDiff::from_lines(old, new);
    let (from, to) = (format!("a/{FILE}"), format!("b/{FILE}"));
    of.unified_diff().context_radius(3).header(&from, &to).to_string()
}
