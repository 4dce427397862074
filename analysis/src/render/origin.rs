//! Which experiments a table or a figure shows, and the lines that make and measure it again.

use crate::render::latex::code;
use crate::results::Results;
use weighbridge_schema::name::ExperimentName;

/// Tables and figures that stand beside the table of a kind of experiment, each with that table's
/// name.
const BESIDE: [(&str, &str); 14] = [
    ("ladder", "cold-start"),
    ("cold-start-stages", "cold-start"),
    ("memory-marginal", "memory"),
    ("growth-exponents", "growth"),
    ("replay-memory", "replay"),
    ("replay-choices", "replay"),
    ("replay-score", "replay"),
    ("maturity-seen", "maturity"),
    ("isolation-seen", "isolation"),
    ("overhead-times", "overhead"),
    ("overhead-tools", "overhead"),
    ("overhead-seen", "overhead"),
    ("architectures-instructions", "architectures"),
    ("break-even", "conditions"),
];

/// The table whose section a table or figure belongs to.
#[must_use]
pub fn home(name: &str) -> &str {
    BESIDE.iter().find(|(beside, _)| *beside == name).map_or(name, |(_, home)| home)
}

/// The experiments that a table or figure shows; none where it is about the whole run.
#[must_use]
pub fn experiments<'a>(results: &'a Results<'_>, name: &str) -> Vec<&'a ExperimentName> {
    let shown = results.questions.iter().filter(|question| question.kind.key() == home(name));
    shown.map(|question| &question.experiment).collect()
}

/// The command that measures again what a table or figure shows; `None` where it is about the whole
/// run.
#[must_use]
pub fn again(results: &Results<'_>, name: &str) -> Option<String> {
    let experiments = experiments(results, name);
    let names: Vec<&str> = experiments.iter().map(|name| name.as_str()).collect();
    (!names.is_empty()).then(|| format!("cargo xtask run {}", names.join(" ")))
}

/// The sentence of a caption: the run and its revision, and the lines that make and measure it
/// again.
#[must_use]
pub fn caption(results: &Results<'_>, name: &str) -> String {
    let manifest = &results.run.manifest;
    let revision = manifest.revision.as_ref().map_or_else(
        || "revision unknown".to_owned(),
        |revision| {
            let short: String = revision.commit.chars().take(12).collect();
            let changed = if revision.dirty { ", changed" } else { "" };
            format!("revision \\texttt{{{short}}}{changed}")
        },
    );
    let made = code(&format!("cargo xtask paper {}", manifest.run));
    let measured = again(results, name).map(|line| format!(", {} measures it again", code(&line)));
    format!("At {revision}; {made} makes it again{}.", measured.unwrap_or_default())
}
