//! One page about a program in another version: what moved, which verdicts flipped, what was not
//! compared.

use crate::render::number::{show, show_ratio};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::parameter_words;
use crate::render::text::{claim, grid};
use crate::summarise::Summary;
use crate::upgrade::{Change, Upgrade};
use std::fmt::Write;

/// The page.
#[must_use]
pub fn render(upgrade: &Upgrade<'_>) -> String {
    let manifest = &upgrade.results.run.manifest;
    let mut out = format!(
        "{} {}, beside the pinned version\nrun {}, profile {}\n",
        upgrade.program, upgrade.version, manifest.run, manifest.profile
    );
    for (variant, original) in &upgrade.pairs {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{variant} is {original} with it");
    }
    out.push_str("\nWhat moved\n");
    out.push_str(&moved(upgrade));
    out.push_str("\nVerdicts\n");
    out.push_str(&verdicts(upgrade));
    if !upgrade.missing.is_empty() {
        out.push_str("\nNot measured\n");
        for (subject, reason) in &upgrade.missing {
            let _ = writeln!(out, "  {subject}: {reason}");
        }
    }
    for note in &upgrade.results.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn moved(upgrade: &Upgrade<'_>) -> String {
    let mut table = Table::new(
        "upgrade",
        "What moved",
        &[
            ("experiment", Align::Left),
            ("workload", Align::Left),
            ("subject", Align::Left),
            ("quantity", Align::Left),
            ("pinned", Align::Right),
            ("new", Align::Right),
            ("new / pinned [95 % interval]", Align::Right),
            ("says", Align::Left),
        ],
    );
    let mut moved: Vec<&Change> = upgrade.moved().collect();
    let distance = |change: &Change| change.comparison.ratio.map_or(0.0, |ratio| ratio.ln().abs());
    moved.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    moved.iter().for_each(|change| table.push(cells(upgrade, change)));
    let mut out = if moved.is_empty() {
        "nothing: no quantity differs beyond the floor\n".to_owned()
    } else {
        grid(&table)
    };
    let equal = (upgrade.changes.iter())
        .filter(|change| change.comparison.effect == crate::compare::Effect::Equal)
        .count();
    let undecided = upgrade.changes.len() - moved.len() - equal;
    let _ = writeln!(
        out,
        "{} of {} quantities moved, {equal} are equal, {undecided} undecided: the interval \
         contains 1 or comes nearer to it than equal subjects do",
        moved.len(),
        upgrade.changes.len()
    );
    out
}

fn cells(upgrade: &Upgrade<'_>, change: &Change) -> Vec<Content> {
    let Change { old, new, comparison } = change;
    let cell = &new.key.cell;
    let workload = cell.workload.as_ref().map_or("-", |workload| workload.as_str());
    let words = format!("{workload} {}", parameter_words(cell.parameter));
    let original = upgrade.pairs.get(&cell.subject).unwrap_or(&cell.subject);
    let value = |of: &Summary| {
        let shown = show(of.point, of.interval, of.quantity.unit(), of.is_exact());
        Content::Text(shown.value_and_unit())
    };
    vec![
        Content::text(new.key.experiment.as_str()),
        Content::text(words.trim_end()),
        Content::text(original.as_str()),
        Content::Text(new.quantity.title()),
        value(old),
        value(new),
        match comparison.ratio {
            Some(ratio) => Content::Number(show_ratio(ratio, comparison.interval)),
            None => Content::Absent("undefined".to_owned()),
        },
        Content::text(comparison.effect.words()),
    ]
}

fn verdicts(upgrade: &Upgrade<'_>) -> String {
    if upgrade.verdicts.is_empty() {
        return "no claim is about a subject that it runs\n".to_owned();
    }
    let mut out = String::new();
    for both in upgrade.verdicts.iter().filter(|both| both.is_flipped()) {
        let _ = writeln!(
            out,
            "{}: {} with the pinned version, {} with the new one\n  pinned  {}\n  new     {}",
            both.old.claim.name,
            both.old.verdict.words(),
            both.new.verdict.words(),
            claim(&both.old),
            claim(&both.new)
        );
    }
    let flipped = upgrade.verdicts.iter().filter(|both| both.is_flipped()).count();
    let _ = writeln!(out, "{flipped} of {} verdicts flipped", upgrade.verdicts.len());
    out
}
