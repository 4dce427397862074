//! What a terminal shows of claims that were checked on a machine of somebody's own.

use crate::judge::{Judged, Relation, Verdict};
use crate::render::beside;
use crate::render::number::{show_plain, show_ratio};
use crate::verify::{Agreement, Sizes, Verification, Verified};
use std::fmt::Write;

/// The text: each claim in both runs, what differs between the machines, and the verdict in the last line.
#[must_use]
pub fn render(published: &str, here: &str, found: &Verification) -> String {
    let mut out = format!("published  {published}\nhere       {here}\n");
    for claim in &found.claims {
        out.push('\n');
        out.push_str(&claim_lines(claim));
    }
    out.push('\n');
    if found.differences.is_empty() {
        out.push_str("the machines are the same by everything that was recorded of them\n");
    } else {
        out.push_str(&beside::differences_table(&found.differences, "published", "here"));
    }
    for note in &found.notes {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "note: {note}");
    }
    let _ = writeln!(out, "\n{}", last_line(found));
    out
}

/// `3 claims: 2 hold, 1 undecided here; the sizes of 2 agree, of 1 differ`
fn last_line(found: &Verification) -> String {
    let verdicts = [
        (Verdict::Holds, "hold"),
        (Verdict::Contradicted, "contradicted"),
        (Verdict::Undecided, "undecided"),
        (Verdict::NotMeasured, "not measured"),
    ];
    let verdicts = verdicts.map(|(verdict, words)| (found.count(verdict), words));
    let agreements = [
        (Agreement::Same, "as published"),
        (Agreement::Different, "of another size"),
        (Agreement::Open, "of a size that these runs cannot tell apart or make equal"),
    ];
    let agreements = agreements.map(|(wanted, words)| {
        let sizes = found.claims.iter().filter_map(|claim| claim.sizes);
        (sizes.filter(|sizes| sizes.agreement == wanted).count(), words)
    });
    let listed = |counts: &[(usize, &str)]| {
        let some = counts.iter().filter(|(count, _)| *count > 0);
        some.map(|(count, words)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
    };
    let count = found.claims.len();
    let noun = if count == 1 { "claim" } else { "claims" };
    let mut line = format!("{count} {noun} here: {}", listed(&verdicts));
    if agreements.iter().any(|(count, _)| *count > 0) {
        let _ = write!(line, "; ratios: {}", listed(&agreements));
    }
    line
}

/// One claim: what it says, the published ratio, the local one, and whether they agree.
fn claim_lines(Verified { published, here, sizes }: &Verified) -> String {
    let claim = &here.claim;
    let sign = match claim.relation {
        Relation::Less => '<',
        Relation::Greater => '>',
    };
    let mut out = format!(
        "{}: {}\n  {} ({} / {}, wanted {sign} {}×)\n",
        claim.name,
        here.verdict.words(),
        claim.sentence,
        claim.subject,
        claim.versus,
        show_plain(claim.factor),
    );
    for (name, judged) in [("published", published), ("here", here)] {
        let _ = writeln!(out, "  {name:<9}  {}", judged_text(judged));
    }
    if let Some(sizes) = sizes {
        let _ = writeln!(out, "  here / published  {}", sizes_text(sizes));
    }
    out
}

fn judged_text(judged: &Judged) -> String {
    let ratio = judged.ratio.map(|ratio| show_ratio(ratio, judged.interval).text());
    let reason = judged.reason.as_ref().map(|reason| format!(": {reason}"));
    let (ratio, reason) = (ratio.unwrap_or_default(), reason.unwrap_or_default());
    format!("{ratio} {}{reason}", judged.verdict.words()).trim().to_owned()
}

fn sizes_text(sizes: &Sizes) -> String {
    let shown = show_ratio(sizes.ratio, sizes.interval).text();
    let words = match (sizes.agreement, sizes.interval) {
        (_, None) => "too few blocks to compare the sizes".to_owned(),
        (Agreement::Same, _) if sizes.tolerance_percent == 0.0 => "equal".to_owned(),
        (Agreement::Different, _) if sizes.tolerance_percent == 0.0 => "not equal".to_owned(),
        (agreement, _) => {
            let percent = sizes.tolerance_percent;
            let words = match agreement {
                Agreement::Same => "the same size",
                Agreement::Different => "another size",
                Agreement::Open => "neither the same nor another size for certain",
            };
            format!("{words} (equal subjects seem to differ by up to {percent:.1} %)")
        }
    };
    format!("{shown}: {words}")
}
