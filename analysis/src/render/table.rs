//! A table before it is typeset: one model, three ways out (LaTeX, HTML, terminal), so that paper, report
//! and terminal can never say different things.

use crate::render::number::Shown;

/// What a word is coloured by. It never tells more than the word does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing denies it.
    Possible,
    /// There is nothing to ask, or it ends with its instance.
    Interface,
    /// A capability is not held.
    Capability,
    /// A filter of system calls.
    Filter,
    /// What is seen of files and processes, and may be done with them.
    View,
    /// A limit.
    Limit,
}

impl Tone {
    /// Its name, of a class in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tone::Possible => "possible",
            Tone::Interface => "interface",
            Tone::Capability => "capability",
            Tone::Filter => "filter",
            Tone::View => "view",
            Tone::Limit => "limit",
        }
    }

    /// Red, green and blue on paper; the report has its own, for light and dark. Each has a contrast of 5 and more to
    /// white.
    #[must_use]
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Tone::Possible => [163, 42, 0],
            Tone::Interface => [28, 107, 44],
            Tone::Capability => [0, 89, 168],
            Tone::Filter => [106, 61, 154],
            Tone::View => [122, 75, 0],
            Tone::Limit => [0, 102, 104],
        }
    }
}

/// What stands in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text(String),
    /// Words in a colour.
    Toned(Tone, String),
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

    /// How long words and machine text are; zero for what never takes a second line.
    fn letters_count(&self) -> usize {
        match self {
            Content::Text(text)
            | Content::Toned(_, text)
            | Content::Code(text)
            | Content::Absent(text) => text.chars().count(),
            Content::Number(_) | Content::Qualified(..) | Content::Nothing => 0,
        }
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
    /// The most blocks of a long and narrow table that stand side by side on paper. A page of the report and a terminal
    /// scroll, and have one below the other.
    pub abreast: usize,
}

/// As many lines as a page of the paper holds at about their own size; more are divided where a table may be.
const LINES_ON_PAGE: usize = 64;

/// What blocks side by side are worth it for.
const LINES_IN_BLOCK: usize = 50;

/// As many letters of machine text as a line of the paper holds at a table's size.
const LETTERS_IN_LINE: f64 = 130.0;

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

    /// The rows of each part that has a page of the paper to itself, and in it of each block that stands side by side,
    /// as equal as headings allow: only above one is a table cut.
    #[must_use]
    pub fn parts(&self) -> Vec<Vec<&[Row]>> {
        let pages_count = self.lines_count(&self.rows).div_ceil(self.abreast * LINES_ON_PAGE);
        let block = |part| {
            self.cut(part, self.abreast.min(self.lines_count(part).div_ceil(LINES_IN_BLOCK)))
        };
        self.cut(&self.rows, pages_count).into_iter().map(block).collect()
    }

    /// Cuts `rows` above headings into `count` pieces of about the same number of lines, or fewer.
    fn cut<'a>(&self, rows: &'a [Row], count: usize) -> Vec<&'a [Row]> {
        let lines_count = self.lines_count(rows);
        let mut pieces = Vec::new();
        let mut start = 0;
        for piece in 1..count {
            let ideal = lines_count * piece / count;
            let later = (start + 1)..rows.len();
            let headings = later.filter(|&index| matches!(rows[index], Row::Heading(_)));
            let above = |index: &usize| self.lines_count(&rows[..*index]).abs_diff(ideal);
            let Some(cut) = headings.min_by_key(above) else { break };
            pieces.push(&rows[start..cut]);
            start = cut;
        }
        pieces.push(&rows[start..]);
        pieces
    }

    /// About how many lines `rows` take on paper.
    fn lines_count(&self, rows: &[Row]) -> usize {
        rows.iter().map(|row| self.lines_of(row)).sum()
    }

    fn lines_of(&self, row: &Row) -> usize {
        let Row::Cells(cells) = row else { return 1 };
        let lines = cells.iter().zip(&self.columns).map(|(cell, column)| match column.align {
            Align::Wrap(share) => {
                (cell.letters_count() as f64 / (share * LETTERS_IN_LINE)).ceil() as usize
            }
            Align::Left | Align::Right => 1,
        });
        lines.max().unwrap_or(1).max(1)
    }

    /// Takes a column away.
    pub fn remove_column(&mut self, index: usize) {
        self.columns.remove(index);
        for row in &mut self.rows {
            if let Row::Cells(cells) = row {
                cells.remove(index);
            }
        }
    }

    /// Moves a column to the front.
    pub fn lead_with(&mut self, index: usize) {
        self.columns[..=index].rotate_right(1);
        for row in &mut self.rows {
            if let Row::Cells(cells) = row {
                cells[..=index].rotate_right(1);
            }
        }
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

    fn lengths(table: &Table) -> Vec<Vec<usize>> {
        let parts = table.parts();
        parts.iter().map(|blocks| blocks.iter().map(|rows| rows.len()).collect()).collect()
    }

    #[test]
    fn blocks_are_cut_at_headings_and_about_equal() {
        assert_eq!(lengths(&table(&[19; 6], 3)), [[40, 40, 40]]);
        assert_eq!(lengths(&table(&[59, 12, 12, 12], 2)), [[60, 39]]);
        assert_eq!(lengths(&table(&[99], 3)), [[100]]);
        assert_eq!(lengths(&table(&[20, 20], 3)), [[42]], "it fits");
        assert_eq!(lengths(&table(&[20, 20, 20], 3)), [[21, 42]], "two will do");
        assert_eq!(lengths(&table(&[], 2)), [[0]]);
    }

    #[test]
    fn what_is_longer_than_a_page_has_several_parts() {
        assert_eq!(lengths(&table(&[20, 20, 20], 1)), [[63]], "one page");
        assert_eq!(lengths(&table(&[20; 4], 1)), [[42], [42]]);
        assert_eq!(
            lengths(&table(&[99], 1)),
            [[100]],
            "without a heading there is no place to cut"
        );
        assert_eq!(lengths(&table(&[49; 4], 2)), [[50, 50], [50, 50]]);
    }

    #[test]
    fn a_sentence_that_wraps_takes_several_lines() {
        let mut table = Table::new("t", "t", &[("a", Align::Wrap(0.5)), ("b", Align::Left)]);
        for _ in 0..2 {
            table.rows.push(Row::Heading("ten rows of four lines and a bit".to_owned()));
            let long = "x".repeat((4.1 * 0.5 * LETTERS_IN_LINE) as usize);
            (0..10).for_each(|_| table.push(vec![Content::text(&*long), Content::text(&*long)]));
        }
        assert_eq!(lengths(&table), [[11], [11]]);
    }

    proptest! {
        #[test]
        fn no_row_is_lost(sections in prop::collection::vec(0usize..60, 0..15), abreast in 1usize..5) {
            let table = table(&sections, abreast);
            let parts = table.parts();
            prop_assert!(parts.iter().all(|blocks| blocks.len() <= abreast));
            let blocks = parts.concat();
            prop_assert_eq!(blocks.concat(), table.rows.clone());
            let cut = blocks.iter().skip(1);
            prop_assert!(cut.clone().all(|block| matches!(block[0], Row::Heading(_))));
        }
    }
}
