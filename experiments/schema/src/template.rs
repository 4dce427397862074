//! Words of commands: text, and placeholders such as `{listen}` for what only the machine that measures knows. They are
//! read here and nowhere else, and written back as they stood: manifests and digests hold them.

use crate::name::{NameError, ProgramName, SubjectName};
use crate::parse::nearest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A word of a command, a value of its environment, or the text of a file that is prepared.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(Vec<Piece>);

/// A piece of a word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// Itself; braces that are no placeholder are text.
    Text(String),
    /// Address and port that the instance is to listen on, `127.0.0.1:8080`.
    Listen,
    /// The port alone.
    Port,
    /// How many instances the command is to make.
    Iterations,
    /// An empty folder, which is removed after the trial.
    Scratch,
    /// The path of an artifact that `cargo xtask build` made.
    Artifact(String),
    /// The path of a program of `[programs]`. `{program:NAME/OTHER}` is the program `OTHER` that was installed beside
    /// it; `{program:NAME@VERSION}`, in manifests, one of another version than the pinned one.
    Program {
        /// Its name.
        name: ProgramName,
        /// `None`: the pinned one.
        version: Option<String>,
        /// The program that lies beside it and that is meant.
        beside: Option<String>,
    },
    /// The folder that set-up installed a program into.
    Folder {
        /// The program.
        name: ProgramName,
        /// `None`: the pinned one.
        version: Option<String>,
    },
    /// The path of the file that the subject's `prepare` made; in manifests `{prepared:SUBJECT}`.
    Prepared(Option<SubjectName>),
    /// The folder of the tenants that density, storm and replay make of an artifact: copies of it, no two of which are
    /// alike.
    Tenants(String),
    /// The path of an intermediate file of `prepare`.
    Intermediate(String),
    /// A file that somebody else built, relative to the TOML file that names it; in manifests relative to
    /// `experiments/`.
    File(String),
    /// An image that the engine knows by that name.
    Reference(String),
}

macro_rules! kinds {
    ($($kind:ident => $form:literal;)*) => {
        /// What a placeholder stands for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = concat!("`", $form, "`")] $kind,)*
        }

        impl Kind {
            const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            /// How it is written.
            fn form(self) -> &'static str {
                match self { $(Kind::$kind => $form),* }
            }
        }
    };
}

kinds! {
    Listen => "{listen}";
    Port => "{port}";
    Iterations => "{iterations}";
    Scratch => "{scratch}";
    Artifact => "{artifact:NAME}";
    Program => "{program:NAME}";
    Folder => "{folder:NAME}";
    Prepared => "{prepared}";
    Tenants => "{tenants:NAME}";
    Intermediate => "{intermediate:FILE}";
    File => "{file:PATH}";
    Reference => "{reference:NAME}";
}

impl Kind {
    fn keyword(self) -> &'static str {
        self.form().trim_matches(['{', '}']).split(':').next().unwrap_or_default()
    }

    fn of(keyword: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.keyword() == keyword)
    }

    /// The placeholder of this kind with that name in it; `None` where it is written otherwise.
    fn piece(self, name: Option<&str>) -> Result<Option<Piece>, NameError> {
        let owned = || name.filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(match (self, name) {
            (Kind::Listen, None) => Some(Piece::Listen),
            (Kind::Port, None) => Some(Piece::Port),
            (Kind::Iterations, None) => Some(Piece::Iterations),
            (Kind::Scratch, None) => Some(Piece::Scratch),
            (Kind::Prepared, None) => Some(Piece::Prepared(None)),
            (Kind::Prepared, Some(name)) => Some(Piece::Prepared(Some(name.parse()?))),
            (Kind::Artifact, _) => owned().map(Piece::Artifact),
            (Kind::Tenants, _) => owned().map(Piece::Tenants),
            (Kind::Intermediate, _) => owned().map(Piece::Intermediate),
            (Kind::File, _) => owned().map(Piece::File),
            (Kind::Reference, _) => owned().map(Piece::Reference),
            (Kind::Program, Some(name)) => {
                let (name, beside) = split(name, '/');
                let (name, version) = split(name, '@');
                Some(Piece::Program { name: name.parse()?, version, beside })
            }
            (Kind::Folder, Some(name)) => {
                let (name, version) = split(name, '@');
                Some(Piece::Folder { name: name.parse()?, version })
            }
            _ => None,
        })
    }
}

fn split(text: &str, at: char) -> (&str, Option<String>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after.to_owned())))
}

impl Piece {
    pub(crate) fn kind(&self) -> Option<Kind> {
        Some(match self {
            Piece::Text(_) => return None,
            Piece::Listen => Kind::Listen,
            Piece::Port => Kind::Port,
            Piece::Iterations => Kind::Iterations,
            Piece::Scratch => Kind::Scratch,
            Piece::Artifact(_) => Kind::Artifact,
            Piece::Program { .. } => Kind::Program,
            Piece::Folder { .. } => Kind::Folder,
            Piece::Prepared(_) => Kind::Prepared,
            Piece::Tenants(_) => Kind::Tenants,
            Piece::Intermediate(_) => Kind::Intermediate,
            Piece::File(_) => Kind::File,
            Piece::Reference(_) => Kind::Reference,
        })
    }

    /// The program of `[programs]` that it needs, and in which version.
    pub(crate) fn program_mut(&mut self) -> Option<(&ProgramName, &mut Option<String>)> {
        match self {
            Piece::Program { name, version, .. } | Piece::Folder { name, version } => {
                Some((name, version))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyword = self.kind().map_or("", Kind::keyword);
        let after = |mark: char, text: &Option<String>| match text {
            Some(text) => format!("{mark}{text}"),
            None => String::new(),
        };
        match self {
            Piece::Text(text) => f.write_str(text),
            Piece::Artifact(name)
            | Piece::Tenants(name)
            | Piece::Intermediate(name)
            | Piece::File(name)
            | Piece::Reference(name) => write!(f, "{{{keyword}:{name}}}"),
            Piece::Prepared(Some(name)) => write!(f, "{{{keyword}:{name}}}"),
            Piece::Program { name, version, beside } => {
                write!(f, "{{{keyword}:{name}{}{}}}", after('@', version), after('/', beside))
            }
            Piece::Folder { name, version } => {
                write!(f, "{{{keyword}:{name}{}}}", after('@', version))
            }
            _ => write!(f, "{{{keyword}}}"),
        }
    }
}

/// Why a word cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// There is no such placeholder.
    Unknown {
        /// As it stands there.
        shown: String,
        /// The one that was probably meant.
        near: Option<Kind>,
    },
    /// It has a beginning and no end.
    Unclosed {
        /// Its beginning.
        opening: String,
        /// The word.
        word: String,
    },
    /// It has a name and takes none, or the other way round.
    Form {
        /// As it stands there.
        shown: String,
        /// As it is written.
        kind: Kind,
    },
    /// What stands in it is no name.
    Name {
        /// As it stands there.
        shown: String,
        /// Why not.
        why: NameError,
    },
}

/// Placeholders as they are written, one after the other.
pub(crate) fn forms(kinds: &[Kind]) -> String {
    let forms: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.form())).collect();
    forms.join(", ")
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { shown, near: Some(near) } => {
                write!(f, "`{shown}` is no placeholder; did you mean `{}`?", near.form())
            }
            Self::Unknown { shown, near: None } => write!(
                f,
                "`{shown}` is no placeholder; there are: {}; a brace that is text has a space after it",
                forms(Kind::ALL)
            ),
            Self::Unclosed { opening, word } => write!(f, "`{word}`: `{opening}` without `}}`"),
            Self::Form { shown, kind } => write!(f, "`{shown}` is written `{}`", kind.form()),
            Self::Name { shown, why } => write!(f, "`{shown}`: {why}"),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The placeholder that `text` begins with, and what comes after it; `None` where its brace is text.
fn placeholder(text: &str) -> Result<Option<(Piece, &str)>, TemplateError> {
    let Some(within) = text.strip_prefix('{') else { return Ok(None) };
    let end = within.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(within.len());
    let (keyword, rest) = within.split_at(end);
    let kind = Kind::of(keyword);
    let is_placeholder = match rest.chars().next() {
        Some(mark) => !keyword.is_empty() && matches!(mark, '}' | ':'),
        None => kind.is_some(),
    };
    if !is_placeholder {
        return Ok(None);
    }
    let closed = rest.split_once('}').filter(|(name, _)| !name.contains('{'));
    let Some(kind) = kind else {
        let shown = &text[..text.len() - closed.map_or(rest, |(_, after)| after).len()];
        let near = nearest(keyword, Kind::ALL.iter().map(|kind| kind.keyword()));
        return Err(TemplateError::Unknown {
            shown: shown.to_owned(),
            near: near.and_then(Kind::of),
        });
    };
    let Some((name, after)) = closed else {
        let opening = text[..=end].to_owned() + if rest.is_empty() { "" } else { ":" };
        return Err(TemplateError::Unclosed { opening, word: text.to_owned() });
    };
    let shown = || text[..text.len() - after.len()].to_owned();
    match kind.piece(name.strip_prefix(':')) {
        Ok(Some(piece)) => Ok(Some((piece, after))),
        Ok(None) => Err(TemplateError::Form { shown: shown(), kind }),
        Err(why) => Err(TemplateError::Name { shown: shown(), why }),
    }
}

impl FromStr for Word {
    type Err = TemplateError;

    fn from_str(word: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        // Text that is no piece yet, then what has not been looked at.
        let (mut begin, mut at) = (0, 0);
        while let Some(brace) = word[at..].find('{').map(|found| at + found) {
            at = brace + 1;
            if let Some((piece, after)) = placeholder(&word[brace..])? {
                if begin < brace {
                    pieces.push(Piece::Text(word[begin..brace].to_owned()));
                }
                pieces.push(piece);
                at = word.len() - after.len();
                begin = at;
            }
        }
        if begin < word.len() {
            pieces.push(Piece::Text(word[begin..].to_owned()));
        }
        Ok(Self(pieces))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| piece.fmt(f))
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Word {
    /// What it is made of, in this order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    pub(crate) fn pieces_mut(&mut self) -> &mut [Piece] {
        &mut self.0
    }

    /// Its piece, where it has one only.
    #[must_use]
    pub fn only(&self) -> Option<&Piece> {
        match self.0.as_slice() {
            [piece] => Some(piece),
            _ => None,
        }
    }

    /// The artifact that it names, by its bare name or by `{artifact:NAME}`.
    #[must_use]
    pub fn artifact(&self) -> Option<&str> {
        match self.only()? {
            Piece::Text(name) | Piece::Artifact(name) => Some(name),
            _ => None,
        }
    }

    /// The image that it names by what the engine calls it.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self.only()? {
            Piece::Reference(name) => Some(name),
            _ => None,
        }
    }

    /// The word with `text` in the place of the pieces for which there is one.
    #[must_use]
    pub fn with(&self, text: impl Fn(&Piece) -> Option<String>) -> Self {
        let known = |piece: &Piece| text(piece).map_or_else(|| piece.clone(), Piece::Text);
        Self(self.0.iter().map(known).collect())
    }
}

/// Tests compare words with what stands in a file.
#[cfg(test)]
impl PartialEq<&str> for Word {
    fn eq(&self, text: &&str) -> bool {
        text.parse::<Word>().as_ref() == Ok(self)
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
