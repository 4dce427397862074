//! What a command names and this machine has not.

use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::template::Piece;

/// Something that a command needs and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// An artifact of that name; `near` is the name that may have been meant.
    #[error("no artifact `{name}`; did you mean `{near}`?")]
    Misspelt {
        /// As it was requested.
        name: String,
        /// As it may have been meant.
        near: String,
    },
    /// An artifact of that name, and no name is near it.
    #[error("no artifact `{name}`; there are: {}", .known.join(", "))]
    Artifact {
        /// As it was requested.
        name: String,
        /// All that there are.
        known: Vec<String>,
    },
    /// The artifacts of an architecture.
    #[error("nothing was built for {0}: cargo xtask build --arch {0}")]
    Architecture(String),
    /// A program is not installed, or a file could not be prepared: why.
    #[error("{0}")]
    Failed(String),
    /// No subject that was requested is run by the program.
    #[error("program `{0}` was not looked up")]
    Program(String),
    /// The folder of a program that is on PATH.
    #[error("{0} is on PATH, and the files that belong to it do not lie beside it")]
    Folder(ProgramName),
    /// No subject that was requested names the file.
    #[error("file `{0}` was not looked up")]
    File(String),
    /// The subject has no file that is prepared.
    #[error("nothing was prepared for `{0}`")]
    Prepared(SubjectName),
    /// A placeholder that another part of this program resolves.
    #[error("`{0}` stands for no file here")]
    Meaning(Piece),
}

impl Missing {
    /// The artifact `name`, where `known` are there.
    pub fn artifact<'a>(name: &str, known: impl Iterator<Item = &'a String> + Clone) -> Self {
        let name = name.to_owned();
        match nearest(&name, known.clone().map(String::as_str)) {
            Some(near) => Self::Misspelt { near: near.to_owned(), name },
            None => Self::Artifact { name, known: known.cloned().collect() },
        }
    }
}
