//! What a terminal shows of two runs beside each other.

use crate::differences::{Difference, NONE};
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::parameter_words;
use crate::render::text::grid;
use crate::two_runs::{Beside, Line, SAME_PERCENT};
use std::fmt::Write;

/// The text: what was different, what came out, and how it was decided.
#[must_use]
pub fn render(name_a: &str, name_b: &str, beside: &Beside) -> String {
    let mut out = format!("A  {name_a}\nB  {name_b}\n\n");
    out.push_str(&differences(beside));
    out.push('\n');
    out.push_str(&grid(&lines(&beside.lines)));
    let count = |word: &str| beside.lines.iter().filter(|l| l.change.words() == word).count();
    let decided: Vec<String> = ["same", "faster", "slower", "smaller", "larger"]
        .into_iter()
        .map(|word| (word, count(word)))
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let open = beside.lines.iter().filter(|l| l.change.words().starts_with("undecided")).count();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "\n{}{open} undecided",
        decided.iter().fold(String::new(), |all, one| { format!("{all}{one}, ") })
    );
    let _ = writeln!(
        out,
        "same: the whole 95 % interval (BCa, both runs resampled by invocation) lies within the percentage beside it, \
         which is the\nsmallest effect that the calibration found, or {SAME_PERCENT} % where there is none; each interval stands for itself:\nof 100 \
         quantities that did not change about 5 exclude 1 by chance"
    );
    for note in &beside.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

/// A table of what differs between two runs, which the columns are named after.
#[must_use]
pub fn differences_table(differences: &[Difference], a: &str, b: &str) -> String {
    let columns = [("differs", Align::Left), (a, Align::Left), (b, Align::Left)];
    let mut table = Table::new("differences", "Differences", &columns);
    for difference in differences {
        let cells = [&difference.what, &difference.a, &difference.b];
        table.push(cells.into_iter().map(Content::text).collect());
    }
    if table.rows.is_empty() { String::new() } else { grid(&table) }
}

fn differences(beside: &Beside) -> String {
    if beside.differences.is_empty() {
        return "machine, versions, artifacts, pinning and profile are the same\n".to_owned();
    }
    let (of_one, of_both): (Vec<_>, Vec<_>) =
        beside.differences.iter().cloned().partition(Difference::is_of_one_run);
    let mut out = differences_table(&of_both, "A", "B");
    if !of_one.is_empty() {
        let of_a = of_one.iter().filter(|difference| difference.b == NONE).count();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{of_a} subjects, files and images are of A alone and {} of B alone: one was asked for less",
            of_one.len() - of_a
        );
    }
    out
}

fn lines(lines: &[Line]) -> Table {
    let mut table = Table::new(
        "beside",
        "Two runs",
        &[
            ("experiment", Align::Left),
            ("workload", Align::Left),
            ("subject", Align::Left),
            ("quantity", Align::Left),
            ("B / A [95 % interval]", Align::Right),
            ("same within", Align::Right),
            ("verdict", Align::Left),
        ],
    );
    for line in lines {
        let cell = &line.key.cell;
        let workload = cell.workload.as_ref().map_or("-", |w| w.as_str());
        let words = format!("{workload} {}", parameter_words(cell.parameter));
        let source = if line.is_calibrated { "calibration" } else { "default" };
        let percent = line.tolerance_percent;
        table.push(vec![
            Content::text(line.key.experiment.as_str()),
            Content::text(words.trim_end()),
            Content::text(cell.subject.as_str()),
            Content::Text(line.quantity.title()),
            match line.ratio {
                Some(ratio) => Content::Number(show_ratio(ratio, line.interval)),
                None => Content::Absent("undefined".to_owned()),
            },
            Content::Text(match percent > 0.0 {
                true => format!("{percent:.1} % ({source})"),
                false => "exact".to_owned(),
            }),
            Content::Text(line.change.words()),
        ]);
    }
    table
}
