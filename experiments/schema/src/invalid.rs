//! Why a definition, or a word that somebody typed, is refused.

use std::fmt::Display;
use thiserror::Error;

/// What is wrong with it and what would be right, in words for whoever wrote it. Nothing is decided by them: they are
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    pub(crate) fn new(words: impl Display) -> Self {
        Self(words.to_string())
    }

    /// The same of the key, name or word where it stands.
    pub(crate) fn at(self, place: impl Display) -> Self {
        Self(format!("{place}: {self}"))
    }
}

macro_rules! invalid {
    ($($words:tt)*) => { $crate::invalid::Invalid::new(format_args!($($words)*)) };
}
pub(crate) use invalid;
