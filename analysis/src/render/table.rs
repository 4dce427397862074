//! A table before it is typeset: one model, three ways out (LaTeX, HTML, terminal), so that paper, report
//! and terminal can never say different things.

use crate::render::number::Shown;

/// What stands in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text(String),
    /// A command, a version, a digest.
    Code(String),
    /// A number.
    Number(Shown),
    /// A number, and what must be known to read it.
    Qualified(Shown, String),
    /// Why there is no number, as in `not installed`.
    Absent(String),
    /// There is nothing to say: the subject has no such reading.
    Nothing,
}

impl Content {
    /// Words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text(text.into())
    }

    /// Machine text, or a dash where it is unknown.
    #[must_use]
    pub fn code(code: Option<&str>) -> Self {
        code.map_or(Content::Nothing, |code| Content::Code(code.to_owned()))
    }
}

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Align {
    /// Short words.
    Left,
    /// Numbers.
    Right,
    /// Sentences, which may break; the share of the line's width.
    Wrap(f64),
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// How it is set.
    pub align: Align,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A line over the whole width, above the rows it names.
    Heading(String),
    /// One content per column.
    Cells(Vec<Content>),
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Name of its file, after `table-`.
    pub name: &'static str,
    /// Its title in the report; the paper's caption is in the section's source.
    pub title: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Row>,
    /// What the row of an empty table says.
    pub when_empty: &'static str,
}

impl Table {
    /// A table without rows yet.
    #[must_use]
    pub fn new(name: &'static str, title: &str, columns: &[(&str, Align)]) -> Self {
        let columns = columns
            .iter()
            .map(|(title, align)| Column { title: (*title).to_owned(), align: *align })
            .collect();
        let (title, rows) = (title.to_owned(), Vec::new());
        Self { name, title, columns, rows, when_empty: "not part of this run" }
    }

    /// Adds a row of cells.
    pub fn push(&mut self, cells: Vec<Content>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "table {}", self.name);
        self.rows.push(Row::Cells(cells));
    }
}
