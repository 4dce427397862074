//! What a definition brings along: subjects and workloads that no other file knows, made of files that we did not
//! build. So somebody asks a question of their own service without a change to our files.

use crate::name::{SubjectName, WorkloadName};
use crate::program::Programs;
use crate::subject::{Part, Subject, Subjects, settle};
use crate::workload::{Body, RawWorkload, RequestShape, Workload, Workloads, validate};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// `{file:PATH}` stands for the path of that file.
const OPENING: &str = "{file:";
/// `{reference:NAME}` stands for the image that the engine knows by that name.
const REFERENCE: &str = "{reference:";

/// What a definition brings along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Subjects that it defines itself.
    pub subjects: Subjects,
    /// Workloads that it defines itself.
    pub workloads: Workloads,
}

/// `subjects` and `workloads` of a definition: names of ours, or tables of its own, all of which it asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked<Name, Key, Value> {
    /// `subjects = ["native"]`.
    Named(Vec<Name>),
    /// `[subjects.my-service]`.
    Own(BTreeMap<Key, Value>),
}

/// The subjects of a definition.
pub(crate) type AskedSubjects = Asked<SubjectName, SubjectName, Subject>;
/// The workloads of a definition; a name of ours may be a pattern.
pub(crate) type AskedWorkloads = Asked<String, WorkloadName, RawWorkload>;

impl<'de, Name, Key, Value> Deserialize<'de> for Asked<Name, Key, Value>
where
    Name: Deserialize<'de>,
    Key: Deserialize<'de> + Ord,
    Value: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AskedVisitor(PhantomData))
    }
}

/// By hand: an untagged enum would lose the line and the name of a mistyped key.
struct AskedVisitor<Name, Key, Value>(PhantomData<(Name, Key, Value)>);

impl<'de, Name, Key, Value> Visitor<'de> for AskedVisitor<Name, Key, Value>
where
    Name: Deserialize<'de>,
    Key: Deserialize<'de> + Ord,
    Value: Deserialize<'de>,
{
    type Value = Asked<Name, Key, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or a table for each one that the definition brings along")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(names)).map(Asked::Named)
    }

    fn visit_map<A: MapAccess<'de>>(self, tables: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(tables)).map(Asked::Own)
    }
}

/// Validates the workloads that a definition brings along.
///
/// # Errors
/// As for ours; the message names the workload.
pub(crate) fn own_workloads(raw: BTreeMap<WorkloadName, RawWorkload>) -> Result<Workloads, String> {
    validate(raw).map_err(|(name, why)| format!("workloads.{name}: {why}"))
}

/// A name means one thing in a run.
///
/// # Errors
/// Names the first one that `ours` holds too.
pub(crate) fn refuse_known<'a, Name: Ord + fmt::Display + 'a, T>(
    what: &str,
    mut own: impl Iterator<Item = &'a Name>,
    ours: &BTreeMap<Name, T>,
) -> Result<(), String> {
    match own.find(|name| ours.contains_key(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "{what}s.{name}: experiments/{what}s.toml holds a {what} of that name; choose another"
        )),
    }
}

impl Own {
    /// Gives placeholders their meaning, and lets paths, which are relative to the definition's `folder` within
    /// `experiments/`, be relative to `experiments/`.
    ///
    /// # Errors
    /// Names the subject and what is wrong with it.
    pub fn settle(&mut self, folder: &str, programs: &Programs) -> Result<(), String> {
        for (name, subject) in &mut self.subjects {
            settle(name, subject, programs)
                .and_then(|()| subject.rebase(folder))
                .map_err(|why| format!("subjects.{name}: {why}"))?;
        }
        for workload in self.workloads.values_mut() {
            if let Workload::Request(RequestShape { body: Body::File { path, .. }, .. }) = workload
            {
                *path = join(folder, path);
            }
        }
        Ok(())
    }
}

impl Subject {
    /// The files of its own: where each is named, and its path.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, String)> {
        // The list of words stands once, and it lends them to be changed.
        let mut copy = self.clone();
        let mut found = Vec::new();
        for (key, word) in copy.words_mut() {
            let pieces = word.split(OPENING).skip(1);
            let paths = pieces.filter_map(|piece| Some(piece.split_once('}')?.0.to_owned()));
            found.extend(paths.map(|path| (key, path)));
        }
        for (key, parts) in
            [("size.shipped", &self.size.shipped), ("size.runtime", &self.size.runtime)]
        {
            found.extend(parts.iter().filter_map(|part| match part {
                Part::File(path) => Some((key, path.clone())),
                _ => None,
            }));
        }
        found
    }

    fn rebase(&mut self, folder: &str) -> Result<(), String> {
        for (key, word) in self.words_mut() {
            let mut pieces = word.split(OPENING);
            let mut rebased = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                let (path, after) = piece
                    .split_once('}')
                    .ok_or_else(|| format!("{key}: `{word}`: `{OPENING}` without `}}`"))?;
                let path = relative(folder, path).map_err(|why| format!("{key}: {why}"))?;
                rebased += &format!("{OPENING}{path}}}{after}");
            }
            *word = rebased;
        }
        for part in self.size.shipped.iter_mut().chain(&mut self.size.runtime) {
            if let Part::File(path) = part {
                *path = relative(folder, path).map_err(|why| format!("size: {why}"))?;
            }
        }
        Ok(())
    }
}

/// The reference within `{reference:NAME}`, where an image is named so.
#[must_use]
pub fn reference(image: &str) -> Option<&str> {
    image.strip_prefix(REFERENCE)?.strip_suffix('}')
}

fn relative(folder: &str, path: &str) -> Result<String, String> {
    if path.is_empty() || path.starts_with('/') {
        return Err(format!("`{path}` must be a path relative to the definition's file"));
    }
    Ok(join(folder, path))
}

/// `path` below `folder`, with `..` taken as far as it goes: one file has one name.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
