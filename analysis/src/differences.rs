//! What tells two runs apart besides their numbers: machine, versions, artifacts, pinning, profile.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::manifest::{Availability, Fingerprint, Manifest};

/// One thing in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// Its value in the first run.
    pub a: String,
    /// Its value in the second run.
    pub b: String,
}

/// What is written for what a run does not have.
pub const NONE: &str = "none";

impl Difference {
    /// Whether only one of the runs has it because the other was asked for less: a subject, a file, an image. What was
    /// built is the same set in every run: there a lack says something.
    #[must_use]
    pub fn is_of_one_run(&self) -> bool {
        let of_the_asked = ["version of ", "corpus ", "file ", "image "];
        (self.a == NONE || self.b == NONE)
            && of_the_asked.iter().any(|one| self.what.starts_with(one))
    }
}

/// Everything recorded about the machines that differs, by the fields' names.
#[must_use]
pub fn of_machines(a: &Fingerprint, b: &Fingerprint) -> Vec<Difference> {
    differences(&fields(a), &fields(b))
}

/// Everything recorded about two runs that differs and may change a number: the machine, the profile, the pinning, the
/// toolchain, the version of each subject and the digest of each artifact.
#[must_use]
pub fn of_runs(a: &Manifest, b: &Manifest) -> Vec<Difference> {
    differences(&facts(a), &facts(b))
}

fn facts(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut facts = fields(&manifest.fingerprint);
    facts.extend(fields(&manifest.pinning));
    facts.insert("profile".to_owned(), manifest.profile.clone());
    facts.insert("toolchain".to_owned(), manifest.artifacts.toolchain.clone());
    facts.insert("libc".to_owned(), manifest.artifacts.libc.clone());
    for (name, entry) in &manifest.subjects {
        let version = match &entry.availability {
            Availability::Installed { version } => version.clone(),
            Availability::NotInstalled { .. } => "not installed".to_owned(),
        };
        facts.insert(format!("version of {name}"), version);
    }
    for (name, artifact) in &manifest.artifacts.artifacts {
        let digest: String = artifact.sha256.chars().take(12).collect();
        facts.insert(format!("artifact {name}"), digest);
    }
    for (file, digest) in &manifest.corpus_sha256 {
        facts.insert(format!("corpus {file}"), digest.chars().take(12).collect());
    }
    for (file, digest) in &manifest.files_sha256 {
        facts.insert(format!("file {file}"), digest.chars().take(12).collect());
    }
    for (reference, id) in &manifest.image_ids {
        facts.insert(format!("image {reference}"), id.clone());
    }
    facts
}

/// The fields of a record in words, `unknown` for what could not be read. A field that is added to the record later is
/// compared without a change here.
fn fields(record: &impl Serialize) -> BTreeMap<String, String> {
    // A plain struct of strings, numbers and lists always serialises.
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return BTreeMap::new() };
    let words = |value: Value| match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    fields.into_iter().map(|(name, value)| (name.replace('_', " "), words(value))).collect()
}

fn differences(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let value = |facts: &BTreeMap<String, String>, name: &String| {
        facts.get(name).cloned().unwrap_or_else(|| NONE.to_owned())
    };
    names
        .into_iter()
        .map(|name| Difference { what: name.clone(), a: value(a, name), b: value(b, name) })
        .filter(|difference| difference.a != difference.b)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_wider_run_was_asked_for_is_told_from_what_was_not_built() {
        let difference = |what: &str, a: &str, b: &str| Difference {
            what: what.to_owned(),
            a: a.to_owned(),
            b: b.to_owned(),
        };
        assert!(difference("version of spin", "4.0", NONE).is_of_one_run());
        assert!(difference("corpus coffee.png", NONE, "ab").is_of_one_run());
        assert!(!difference("version of spin", "4.0", "4.1").is_of_one_run());
        assert!(!difference("artifact component.wasm", "ab", NONE).is_of_one_run());
    }

    #[test]
    fn equal_machines_do_not_differ_and_the_unknown_is_not_equal_to_the_known() {
        let a = Fingerprint {
            cpu_model: Some("One".to_owned()),
            cores_count: Some(2),
            ..Fingerprint::default()
        };
        assert!(of_machines(&a, &a).is_empty());
        let b = Fingerprint { cpu_model: Some("Two".to_owned()), cores_count: None, ..a.clone() };
        let found = of_machines(&a, &b);
        let words: Vec<(&str, &str, &str)> =
            found.iter().map(|d| (d.what.as_str(), d.a.as_str(), d.b.as_str())).collect();
        assert_eq!(words, [("cores count", "2", "unknown"), ("cpu model", "One", "Two")]);
    }
}
