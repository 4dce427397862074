//! A program in another version than the pinned one: what moved, and which verdicts would be
//! others?
//!
//! Every subject that the program runs stood in the run twice, in the same blocks: with the pinned
//! version, and as a variant with the other one.

use crate::analyse;
use crate::compare::{self, Comparison};
use crate::history::has_moved;
use crate::judge::{Claim, Judged, Verdict};
use crate::load::Run;
use crate::results::Results;
use crate::summarise::Summary;
use crate::two_runs::samples_of;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::metric::Direction;
use weighbridge_schema::name::SubjectName;

/// One quantity of one cell in both versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// With the pinned version.
    pub old: Summary,
    /// With the other one.
    pub new: Summary,
    /// The other one divided by the pinned one.
    pub comparison: Comparison,
}

/// A claim about a subject that the program runs, with each version.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// With the pinned version.
    pub old: Judged,
    /// With the other one.
    pub new: Judged,
}

impl Verdicts {
    /// Whether the other version changes the verdict.
    #[must_use]
    pub fn is_flipped(&self) -> bool {
        self.old.verdict != self.new.verdict
    }
}

/// A program in two versions.
#[derive(Debug)]
pub struct Upgrade<'a> {
    /// What the run says otherwise.
    pub results: Results<'a>,
    /// `wasmtime`.
    pub program: String,
    /// The other version.
    pub version: String,
    /// Each variant with the subject that it is another version of.
    pub pairs: BTreeMap<SubjectName, SubjectName>,
    /// Every quantity that was compared, those that moved and those that did not.
    pub changes: Vec<Change>,
    /// The claims about these subjects.
    pub verdicts: Vec<Verdicts>,
    /// The subjects that one of the versions could not run, and why.
    pub missing: Vec<(SubjectName, String)>,
}

impl Upgrade<'_> {
    /// The changes beyond every doubt.
    pub fn moved(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| has_moved(&change.comparison))
    }

    /// Whether a claim that is not contradicted with the pinned version is with the other one.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        let is = |judged: &Judged| judged.verdict == Verdict::Contradicted;
        self.verdicts.iter().any(|both| is(&both.new) && !is(&both.old))
    }
}

/// Compares the subjects that `program` runs with those that it runs in `version`.
///
/// # Errors
/// The run has no such subjects, or the raw log contradicts itself.
pub fn upgrade<'a>(
    run: &'a Run,
    (program, version): (&str, &str),
    claims: &[Claim],
    calibration: Option<Calibration>,
) -> Result<Upgrade<'a>> {
    let pairs = pairs(&run.manifest, program, version);
    ensure!(
        !pairs.is_empty(),
        "run {} has no subject that {program} {version} runs beside the pinned version: \
         `cargo xtask upgrade` makes one",
        run.manifest.run
    );
    let seed = run.manifest.seed;
    let old_claims: Vec<Claim> =
        claims.iter().filter(|claim| with_variants(claim, &pairs) != **claim).cloned().collect();
    let new_claims: Vec<Claim> =
        old_claims.iter().map(|claim| with_variants(claim, &pairs)).collect();
    let judged = analyse(run, &new_claims, calibration.clone(), seed, |_| ())?.judged;
    let results = analyse(run, &old_claims, calibration, seed, |_| ())?;
    let verdicts = results.judged.iter().cloned().zip(judged);
    Ok(Upgrade {
        changes: changes(run, &results, &pairs)?,
        verdicts: verdicts.map(|(old, new)| Verdicts { old, new }).collect(),
        missing: missing(&run.manifest, &pairs),
        program: program.to_owned(),
        version: version.to_owned(),
        pairs,
        results,
    })
}

/// Each variant that the program runs in that version, with its original.
fn pairs(manifest: &Manifest, program: &str, version: &str) -> BTreeMap<SubjectName, SubjectName> {
    let original = |name: &SubjectName| {
        let subject = &manifest.subjects.get(name)?.definition;
        let is_run_by_it = (subject.programs().iter())
            .any(|(name, of)| name.as_str() == program && of.as_deref() == Some(version));
        let original = subject.variant_of.clone().filter(|_| subject.twin_of.is_none())?;
        (is_run_by_it && manifest.subjects.contains_key(&original))
            .then(|| (name.clone(), original))
    };
    manifest.subjects.keys().filter_map(original).collect()
}

/// The claim about the variants in the place of their originals.
fn with_variants(claim: &Claim, pairs: &BTreeMap<SubjectName, SubjectName>) -> Claim {
    let variant = |name: &SubjectName| {
        let found = pairs.iter().find(|(_, original)| *original == name);
        found.map_or_else(|| name.clone(), |(variant, _)| variant.clone())
    };
    Claim { subject: variant(&claim.subject), versus: variant(&claim.versus), ..claim.clone() }
}

fn changes(
    run: &Run,
    results: &Results<'_>,
    pairs: &BTreeMap<SubjectName, SubjectName>,
) -> Result<Vec<Change>> {
    let samples = samples_of(run)?;
    let compared = results.summaries.values().filter_map(|new| {
        let original = pairs.get(&new.key.cell.subject)?;
        let question = results.questions.iter().find(|q| q.experiment == new.key.experiment)?;
        let is_compared = compare::is_compared(question.kind, new.quantity)
            && new.quantity.direction() != Direction::Neutral;
        let old = results.summary(&new.key.with_subject(original), new.quantity)?;
        let comparison =
            compare::compare_cell(&samples, &new.key, new.quantity, original, results.seed)?;
        is_compared.then(|| (old.clone(), new.clone(), comparison))
    });
    let (both, comparisons): (Vec<_>, Vec<_>) =
        compared.map(|(old, new, comparison)| ((old, new), comparison)).unzip();
    let decided = compare::decided(comparisons, &results.floors);
    let pairs = both.into_iter().zip(decided);
    Ok(pairs.map(|((old, new), comparison)| Change { old, new, comparison }).collect())
}

fn missing(
    manifest: &Manifest,
    pairs: &BTreeMap<SubjectName, SubjectName>,
) -> Vec<(SubjectName, String)> {
    let lacking = pairs.iter().flat_map(|(variant, original)| [variant, original]);
    let reason = |name: &SubjectName| match &manifest.subjects.get(name)?.availability {
        Availability::NotInstalled { reason, .. } => Some((name.clone(), reason.clone())),
        Availability::Installed { .. } => None,
    };
    lacking.filter_map(reason).collect()
}
