//! What may stand in a command in place of a path: `{artifact:NAME}`, `{program:NAME}`,
//! `{folder:NAME}`, `{prepared:SUBJECT}`, `{intermediate:FILE}`, `{file:PATH}`.

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that was built.
    Artifact,
    /// A program that was installed.
    Program,
    /// The folder that a program was installed into.
    Folder,
    /// A file that was made on the way to the one that is prepared.
    Intermediate,
    /// A file that was prepared.
    Prepared,
    /// A file that a definition brings along.
    File,
}

/// The first placeholder of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder<'a> {
    /// What stands before it.
    pub before: &'a str,
    /// What it stands for.
    pub kind: Kind,
    /// The name within it.
    pub name: &'a str,
    /// What stands after it.
    pub after: &'a str,
}

const OPENINGS: [(&str, Kind); 6] = [
    ("{artifact:", Kind::Artifact),
    ("{program:", Kind::Program),
    ("{folder:", Kind::Folder),
    ("{intermediate:", Kind::Intermediate),
    ("{prepared:", Kind::Prepared),
    ("{file:", Kind::File),
];

impl<'a> Placeholder<'a> {
    /// Finds it; other braces are left as they are.
    ///
    /// # Errors
    /// It is not closed.
    pub fn first(text: &'a str) -> Result<Option<Self>, String> {
        let openings = OPENINGS.iter().filter_map(|(opening, kind)| {
            text.find(opening).map(|position| (position, *opening, *kind))
        });
        let Some((position, opening, kind)) = openings.min_by_key(|found| found.0) else {
            return Ok(None);
        };
        let within = &text[position + opening.len()..];
        let (name, after) =
            within.split_once('}').ok_or_else(|| format!("`{text}`: `{opening}` without `}}`"))?;
        Ok(Some(Self { before: &text[..position], kind, name, after }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_whatever_its_kind_and_others_are_left() {
        let found = Placeholder::first("{x} -a{program:w}b{artifact:c}").unwrap().unwrap();
        assert_eq!((found.before, found.name, found.after), ("{x} -a", "w", "b{artifact:c}"));
        assert_eq!(found.kind, Kind::Program);
        assert_eq!(Placeholder::first("{listen} {}"), Ok(None));
        let error = Placeholder::first("a{prepared:b").unwrap_err();
        assert_eq!(error, "`a{prepared:b`: `{prepared:` without `}`");
    }
}
