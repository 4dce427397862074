//! What a subject has made before it is measured: one file, by one command or by several, each with what the ones
//! before it left.

use crate::invalid::{Invalid, invalid};
use crate::place::Place;
use crate::template::{Piece, Word};
use serde::{Deserialize, Serialize};

/// A file that is made once, before anything is measured: a module compiled ahead of time by the program that will run
/// it, from a component that a compiler of another language made, or a manifest that such a program wants to read. It
/// has either a command or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// Its name; programs tell by the ending what it is.
    pub file: String,
    /// What is made before it, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intermediates: Vec<Intermediate>,
    /// The command that writes it to `{prepared}`; empty where it has a text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Word>,
    /// What it says, with `{artifact:NAME}` and the like filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Word>,
}

/// A file that is made on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intermediate {
    /// Its name, different from those of the others.
    pub file: String,
    /// The command that writes it to `{intermediate:FILE}`; later commands name it the same way.
    pub command: Vec<Word>,
}

/// The files that a command names by `{intermediate:FILE}`, one after the other.
fn named(command: &[Word]) -> impl Iterator<Item = &str> {
    command.iter().flat_map(Word::pieces).filter_map(|piece| match piece {
        Piece::Intermediate(file) => Some(file.as_str()),
        _ => None,
    })
}

impl Preparation {
    /// Refuses what has two ways of being made or none, an intermediate file that nothing makes, or one that is made
    /// twice.
    ///
    /// # Errors
    /// Says what is wrong, and names the file.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.command.is_empty() == self.text.is_none() {
            return Err(invalid!("`prepare` has either `command` or `text`"));
        }
        let mut made: Vec<&str> = vec![&self.file];
        for intermediate in &self.intermediates {
            if made.contains(&intermediate.file.as_str()) {
                return Err(invalid!("prepare: `{}` is made twice", intermediate.file));
            }
            made.push(&intermediate.file);
            Self::check_words(&intermediate.command, &made[1..])?;
            if !named(&intermediate.command).any(|file| file == intermediate.file) {
                return Err(invalid!(
                    "prepare: no word of the command that makes `{0}` is `{{intermediate:{0}}}`",
                    intermediate.file
                ));
            }
        }
        Self::check_words(&self.command, &made[1..])
    }

    fn check_words(command: &[Word], made: &[&str]) -> Result<(), Invalid> {
        match named(command).find(|file| !made.contains(file)) {
            Some(file) => {
                Err(invalid!("prepare: `{{intermediate:{file}}}` is not made before it is used"))
            }
            None => Ok(()),
        }
    }

    /// Every word of its commands, in their order, and its text, each with where it stands.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = (Place, &mut Word)> {
        let before = self.intermediates.iter_mut().flat_map(|one| &mut one.command);
        let before = before.map(|word| (Place::INTERMEDIATE, word));
        let command = self.command.iter_mut().map(|word| (Place::PREPARE, word));
        before.chain(command).chain(self.text.iter_mut().map(|text| (Place::TEXT, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preparation(text: &str) -> Preparation {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_chain_names_what_was_made_before() {
        let chain = preparation(
            r#"
            file = "x.cwasm"
            intermediates = [
                { file = "x.o", command = ["cc", "-o", "{intermediate:x.o}"] },
                { file = "x.wasm", command = ["ld", "{intermediate:x.o}", "-o", "{intermediate:x.wasm}"] },
            ]
            command = ["compile", "{intermediate:x.wasm}", "{prepared}"]
            "#,
        );
        assert_eq!(chain.check(), Ok(()));
    }

    #[test]
    fn an_intermediate_file_that_is_not_made_yet_or_twice_or_never_written_is_refused() {
        let error = |text: &str| preparation(text).check().unwrap_err().to_string();
        let early = error("file = 'x'\ncommand = ['a', '{intermediate:y}']");
        assert_eq!(early, "prepare: `{intermediate:y}` is not made before it is used");
        let twice =
            error("file = 'x'\nintermediates = [{ file = 'x', command = [] }]\ncommand = ['a']");
        assert_eq!(twice, "prepare: `x` is made twice");
        let unwritten =
            error("file = 'x'\nintermediates = [{ file = 'y', command = [] }]\ncommand = ['a']");
        assert_eq!(
            unwritten,
            "prepare: no word of the command that makes `y` is `{intermediate:y}`"
        );
    }
}
