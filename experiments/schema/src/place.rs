//! Which placeholders have a meaning under which key. The keys of `start` stand in `start.rs`.

use crate::template::{Kind, Piece, Word, forms};
use Kind::{
    Artifact, File, Folder, Intermediate, Iterations, Listen, Port, Prepared, Program, Scratch,
    Tenants,
};
use std::fmt;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The key, below that of its subject.
    pub key: &'static str,
    /// What may stand there besides text.
    takes: &'static [Kind],
    /// Whether the word is one name or one placeholder, with nothing before or after it.
    is_name: bool,
}

/// A word that may not stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    shown: String,
    place: Place,
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { key, takes, is_name } = self.place;
        let besides = if is_name { "one name, or one of" } else { "text and" };
        write!(
            f,
            "{key}: `{}` has no meaning there; it takes {besides} {}",
            self.shown,
            forms(takes)
        )
    }
}

impl std::error::Error for Misplaced {}

pub(crate) const fn word(key: &'static str, takes: &'static [Kind]) -> Place {
    Place { key, takes, is_name: false }
}

pub(crate) const fn name(key: &'static str, takes: &'static [Kind]) -> Place {
    Place { key, takes, is_name: true }
}

/// What is there before anything is started.
pub(crate) const FILES: &[Kind] = &[Artifact, Program, Folder, Prepared, File];
/// The address is known when an instance is started.
pub(crate) const STARTED: &[Kind] =
    &[Listen, Port, Artifact, Tenants, Program, Folder, Prepared, File];

impl Place {
    pub(crate) const VERSION: Self = word("version", FILES);
    pub(crate) const INSTANTIATE: Self =
        word("instantiate", &[Iterations, Artifact, Program, Folder, Prepared, File]);
    /// It is run in a folder that holds artifacts and nothing else.
    pub(crate) const CALL: Self = word("call", &[Artifact]);
    pub(crate) const INTERMEDIATE: Self =
        word("prepare.intermediates.command", &[Intermediate, Artifact, Program, Folder, File]);
    pub(crate) const PREPARE: Self =
        word("prepare.command", &[Intermediate, Prepared, Artifact, Program, Folder, File]);
    pub(crate) const TEXT: Self = word("prepare.text", &[Artifact, Program, Folder, File]);
    pub(crate) const RUN: Self =
        word("run.command", &[Scratch, Artifact, Program, Folder, Prepared]);
    pub(crate) const SERVE: Self =
        word("serve.command", &[Listen, Port, Scratch, Artifact, Program, Folder, Prepared]);

    /// Looks whether the word may stand here.
    ///
    /// # Errors
    /// It may not: the message says what may.
    pub(crate) fn check(self, word: &Word) -> Result<(), Misplaced> {
        let is_taken = |piece: &&Piece| piece.kind().is_none_or(|kind| self.takes.contains(&kind));
        let other = word.pieces().iter().find(|piece| !is_taken(piece)).map(Piece::to_string);
        let several = || (self.is_name && word.only().is_none()).then(|| word.to_string());
        match other.or_else(several) {
            Some(shown) => Err(Misplaced { shown, place: self }),
            None => Ok(()),
        }
    }
}
