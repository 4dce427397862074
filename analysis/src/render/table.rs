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
    /// The most blocks that stand side by side on paper, where a long and narrow table would be shrunk beyond reading
    /// otherwise. A page of the report and a terminal scroll, and have one below the other.
    pub abreast: usize,
}

/// As many rows as a page holds at about their own size; more are divided where a table may be.
const ROWS_IN_SIGHT: usize = 50;

impl Table {
    /// A table without rows yet.
    #[must_use]
    pub fn new(name: &'static str, title: &str, columns: &[(&str, Align)]) -> Self {
        let columns = columns
            .iter()
            .map(|(title, align)| Column { title: (*title).to_owned(), align: *align })
            .collect();
        let (title, rows) = (title.to_owned(), Vec::new());
        Self { name, title, columns, rows, when_empty: "not part of this run", abreast: 1 }
    }

    /// The rows of each block that stands side by side, as equal as headings allow: only above one is a table cut.
    #[must_use]
    pub fn blocks(&self) -> Vec<&[Row]> {
        let mut blocks = Vec::new();
        let mut start = 0;
        let count = self.abreast.min(self.rows.len().div_ceil(ROWS_IN_SIGHT));
        for block in 1..count {
            let ideal = self.rows.len() * block / count;
            let later = (start + 1)..self.rows.len();
            let headings = later.filter(|&place| matches!(self.rows[place], Row::Heading(_)));
            let Some(cut) = headings.min_by_key(|place| place.abs_diff(ideal)) else { break };
            blocks.push(&self.rows[start..cut]);
            start = cut;
        }
        blocks.push(&self.rows[start..]);
        blocks
    }

    /// Adds a row of cells.
    pub fn push(&mut self, cells: Vec<Content>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "table {}", self.name);
        self.rows.push(Row::Cells(cells));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(sections: &[usize], abreast: usize) -> Table {
        let mut table = Table::new("t", "t", &[("a", Align::Left)]);
        table.abreast = abreast;
        for cells in sections {
            table.rows.push(Row::Heading(format!("{cells} rows")));
            (0..*cells).for_each(|_| table.push(vec![Content::Nothing]));
        }
        table
    }

    #[test]
    fn blocks_are_cut_at_headings_and_about_equal() {
        let lengths = |table: &Table| table.blocks().iter().map(|b| b.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&table(&[19; 6], 3)), [40, 40, 40]);
        assert_eq!(lengths(&table(&[59, 12, 12, 12], 2)), [60, 39]);
        assert_eq!(lengths(&table(&[99], 3)), [100]);
        assert_eq!(lengths(&table(&[50, 50], 1)), [102]);
        assert_eq!(lengths(&table(&[20, 20], 3)), [42], "it fits");
        assert_eq!(lengths(&table(&[20, 20, 20], 3)), [21, 42], "two will do");
        assert_eq!(lengths(&table(&[], 2)), [0]);
    }

    proptest! {
        #[test]
        fn no_row_is_lost(sections in prop::collection::vec(0usize..60, 0..9), abreast in 1usize..5) {
            let table = table(&sections, abreast);
            let blocks = table.blocks();
            prop_assert!(blocks.len() <= abreast);
            prop_assert_eq!(blocks.concat(), table.rows.clone());
            let cut = blocks.iter().skip(1);
            prop_assert!(cut.clone().all(|block| matches!(block[0], Row::Heading(_))));
        }
    }
}
