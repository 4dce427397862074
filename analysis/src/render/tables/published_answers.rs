//! What others have published beside what this run shows, on one boundary after the other; headings name the source.

use crate::answers::{self, Answer, Numbers, Pair, Standing};
use crate::render::number::{show_plain, show_ratio};
use crate::render::table::{Align, Content, Row, Table};
use crate::results::Results;

/// Rows: published factor x pair of numbers of ours; the first pair's row has the words.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "published-answers",
        "Published answers beside this run",
        &[
            ("published", Align::Wrap(0.22)),
            ("boundary there", Align::Wrap(0.13)),
            ("factor", Align::Right),
            ("here", Align::Wrap(0.24)),
            ("factor here", Align::Right),
            ("says", Align::Wrap(0.11)),
        ],
    );
    // A test reads the rows: they belong to this program.
    table.when_empty = "analysis/answers.toml cannot be read";
    let rows = answers::read().unwrap_or_default();
    let numbers = Numbers::of(results);
    let mut source = String::new();
    for answer in &rows {
        let read = format!("{} ({})", answer.source, answer.read.words());
        if read != source {
            table.rows.push(Row::Heading(read.clone()));
            source = read;
        }
        let mut words = vec![
            Content::text(&answer.says),
            Content::text(&answer.boundary),
            Content::Text(published(answer)),
        ];
        let is_measured = answer.pairs.iter().any(|pair| numbers.factor(pair).is_some());
        let why = answer.not_here.as_ref().filter(|_| !is_measured);
        for pair in answer.pairs.iter().filter(|_| why.is_none()) {
            words.extend(here(answer, pair, &numbers));
            table.push(std::mem::replace(&mut words, vec![Content::text(""); 3]));
        }
        if let Some(why) = why {
            words.extend([Content::text(""), Content::text(""), Content::Absent(why.clone())]);
            table.push(words);
        }
    }
    table
}

/// `8.38×`, `1 to 200×`.
fn published(answer: &Answer) -> String {
    let [least, most] = answer.published.map(show_plain);
    if least == most { format!("{most}×") } else { format!("{least} to {most}×") }
}

fn here(answer: &Answer, pair: &Pair, numbers: &Numbers<'_>) -> [Content; 3] {
    let what = Content::text(&pair.what);
    let Some(factor) = numbers.factor(pair) else {
        return [what, Content::Nothing, Content::text("not measured in this run")];
    };
    let says = match answer.standing(factor) {
        Standing::OneSize => "of one size".to_owned(),
        Standing::OtherSign => "the other way round".to_owned(),
        Standing::OtherSize(times) if times >= 1.0 => format!("{times:.1} times that"),
        Standing::OtherSize(times) => format!("{times:.2} of that"),
    };
    [what, Content::Number(show_ratio(factor.point, factor.interval)), Content::Text(says)]
}
