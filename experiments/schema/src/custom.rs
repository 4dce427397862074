//! What is custom in a definition: subjects and workloads that no other file knows, made of files that we did not
//! build. So somebody asks a question of their own service without a change to our files.

use crate::invalid::{Invalid, invalid};
use crate::name::{SubjectName, WorkloadName};
use crate::program::Programs;
use crate::subject::{Part, Subject, Subjects, resolve};
use crate::template::Piece;
use crate::workload::{Body, RawWorkload, RequestShape, Workload, Workloads, validate};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// What is custom in a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Custom {
    /// Subjects that it defines itself.
    pub subjects: Subjects,
    /// Workloads that it defines itself.
    pub workloads: Workloads,
}

/// `subjects` and `workloads` of a definition: names of ours, or tables of its own, all of which it asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Requested<Name, Key, Value> {
    /// `subjects = ["native"]`.
    Named(Vec<Name>),
    /// `[subjects.my-service]`.
    Custom(BTreeMap<Key, Value>),
}

/// The subjects of a definition.
pub(crate) type RequestedSubjects = Requested<SubjectName, SubjectName, Subject>;
/// The workloads of a definition; a name of ours may be a pattern.
pub(crate) type RequestedWorkloads = Requested<String, WorkloadName, RawWorkload>;

impl<'de, Name, Key, Value> Deserialize<'de> for Requested<Name, Key, Value>
where
    Name: Deserialize<'de>,
    Key: Deserialize<'de> + Ord,
    Value: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RequestedVisitor(PhantomData))
    }
}

/// By hand: an untagged enum would lose the line and the name of a mistyped key.
struct RequestedVisitor<Name, Key, Value>(PhantomData<(Name, Key, Value)>);

impl<'de, Name, Key, Value> Visitor<'de> for RequestedVisitor<Name, Key, Value>
where
    Name: Deserialize<'de>,
    Key: Deserialize<'de> + Ord,
    Value: Deserialize<'de>,
{
    type Value = Requested<Name, Key, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or a table for each custom one")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(names)).map(Requested::Named)
    }

    fn visit_map<A: MapAccess<'de>>(self, tables: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(tables)).map(Requested::Custom)
    }
}

/// Validates custom workloads.
///
/// # Errors
/// As for ours; the message names the workload.
pub(crate) fn custom_workloads(
    raw: BTreeMap<WorkloadName, RawWorkload>,
) -> Result<Workloads, Invalid> {
    validate(raw).map_err(|(name, why)| why.at(format_args!("workloads.{name}")))
}

/// A name means one thing in a run.
///
/// # Errors
/// Names the first one that `ours` holds too.
pub(crate) fn refuse_known<'a, Name: Ord + fmt::Display + 'a, T>(
    what: &str,
    mut custom: impl Iterator<Item = &'a Name>,
    ours: &BTreeMap<Name, T>,
) -> Result<(), Invalid> {
    match custom.find(|name| ours.contains_key(name)) {
        None => Ok(()),
        Some(name) => Err(invalid!(
            "{what}s.{name}: experiments/{what}s.toml holds a {what} of that name; choose another"
        )),
    }
}

impl Custom {
    /// Gives placeholders their meaning, and lets paths, which are relative to the definition's `folder` within
    /// `experiments/`, be relative to `experiments/`.
    ///
    /// # Errors
    /// Names the subject and what is wrong with it.
    pub fn resolve(&mut self, folder: &str, programs: &Programs) -> Result<(), Invalid> {
        for (name, subject) in &mut self.subjects {
            resolve(name, subject, programs)
                .and_then(|()| subject.rebase(folder))
                .map_err(|why| why.at(format_args!("subjects.{name}")))?;
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
        for (place, word) in copy.words_mut() {
            found.extend(word.pieces().iter().filter_map(|piece| match piece {
                Piece::File(path) => Some((place.key, path.clone())),
                _ => None,
            }));
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

    fn rebase(&mut self, folder: &str) -> Result<(), Invalid> {
        for (place, word) in self.words_mut() {
            for piece in word.pieces_mut() {
                if let Piece::File(path) = piece {
                    *path = relative(folder, path).map_err(|why| why.at(place.key))?;
                }
            }
        }
        for part in self.size.shipped.iter_mut().chain(&mut self.size.runtime) {
            if let Part::File(path) = part {
                *path = relative(folder, path).map_err(|why| why.at("size"))?;
            }
        }
        Ok(())
    }
}

fn relative(folder: &str, path: &str) -> Result<String, Invalid> {
    if path.is_empty() || path.starts_with('/') {
        return Err(invalid!("`{path}` must be a path relative to the definition's file"));
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
#[path = "custom_tests.rs"]
mod tests;
