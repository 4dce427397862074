//! The artifact appendix: what the kit needs, how long it takes, and what to expect of each claim.

use super::visits;
use crate::judge::Judged;
use crate::render::number::{show_plain, show_ratio};
use crate::results::Results;
use std::collections::BTreeSet;
use std::fmt::Write;
use weighbridge_schema::claim::Relation;
use weighbridge_schema::manifest::Fingerprint;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::start::Start;

const GIB: f64 = 1_073_741_824.0;
const HOW: &str = "\
## How to check it

Unpack the archive and enter its folder. Nothing is built, and nothing is installed.

* `./weighbridge verify --published` compares every file with its digest, every program with the one
  that was measured, and every table, figure, number and verdict of the paper with what the raw log
  gives.
* `./weighbridge verify` measures what the claims compare, on this machine, and prints each verdict
  beside the published one. `./weighbridge verify CLAIM` does one claim.
* `./weighbridge explain KEY` names the lines of the raw log that a number comes from.

It exits with 0 when all hold, 1 when one is contradicted or something is not as published, 2 when
the command line or a file is at fault, 3 when the machine lacks something (the rest is done), 4
when a claim stays undecided.

";

/// The text; `size_bytes` is that of the kit, this file and the digests left out.
pub fn render(results: &Results<'_>, size_bytes: u64) -> String {
    let manifest = &results.run.manifest;
    let mut out = format!("# Artifact appendix of {}\n\n", manifest.run);
    let commit = manifest.revision.as_ref().map_or("unknown", |revision| &revision.commit);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "Measured on {}, by commit {commit}.\n", machine(&manifest.fingerprint));
    let architecture = &manifest.fingerprint.architecture;
    let _ = writeln!(
        out,
        "## What it needs\n\n\
         * Linux on {architecture}, a shell, coreutils; two cores, one for the load and one for the subject.\n\
         * {:.0} MB of disk, and as much again while claims are verified.\n\
         * A container engine (Docker or Podman) for claims about its containers; an OCI runtime \
         such as crun, and root, for claims about bundles. What a claim needs and the machine lacks \
         is named, and the other claims are done.\n\
         * Root, for starts with dropped page caches: the kernel drops them for nobody else.\n",
        size_bytes as f64 / 1e6,
    );
    out.push_str(HOW);
    claims(results, &mut out);
    experiments(results, &mut out);
    out
}

/// The machine in words; what is not known of it is said to be so.
fn machine(machine: &Fingerprint) -> String {
    let known =
        |value: Option<String>, what: &str| value.unwrap_or_else(|| format!("{what} unknown"));
    [
        known(machine.cpu_model.clone(), "processor"),
        known(machine.cores_count.map(|count| format!("{count} cores")), "cores"),
        known(machine.memory_bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / GIB)), "memory"),
        known(machine.distribution.clone(), "distribution"),
        known(machine.kernel.as_ref().map(|kernel| format!("Linux {kernel}")), "kernel"),
    ]
    .join(", ")
}

fn claims(results: &Results<'_>, out: &mut String) {
    out.push_str(
        "## What to expect of each claim\n\n\
         The time is that of the published run's visits to what the claim rests on, twins and repeated\n\
         visits among them.\n\n\
         | claim | ratio | wanted | verdict | needs | time |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for judged in &results.judged {
        let claim = &judged.claim;
        let sign = match claim.relation {
            Relation::Less => '<',
            Relation::Greater => '>',
        };
        let ratio = judged.ratio.map(|ratio| show_ratio(ratio, judged.interval).text());
        let _ = writeln!(
            out,
            "| `{}` | {} | {sign} {} | {} | {} | {} |",
            claim.name,
            ratio.as_deref().unwrap_or("not measured"),
            show_plain(claim.factor),
            judged.verdict.words(),
            needs(results, judged),
            time(results, judged),
        );
    }
    out.push('\n');
}

/// What the two sides of a claim need beyond the kit itself.
fn needs(results: &Results<'_>, judged: &Judged) -> String {
    let claim = &judged.claim;
    let mut needs = BTreeSet::new();
    for subject in [&claim.subject, &claim.versus] {
        needs.extend(need_of(results, subject));
    }
    if claim.parameter == Some(Parameter::PageCacheDropped) {
        needs.insert("root".to_owned());
    }
    if needs.is_empty() { "nothing".to_owned() } else { Vec::from_iter(needs).join(", ") }
}

fn need_of(results: &Results<'_>, subject: &SubjectName) -> Vec<String> {
    let Some(entry) = results.run.manifest.subjects.get(subject) else { return Vec::new() };
    match &entry.definition.start {
        Start::Process { .. } => entry.programs.keys().map(ToString::to_string).collect(),
        Start::Container { .. } => vec!["a container engine".to_owned()],
        _ => vec!["root".to_owned(), format!("what `{subject}` is run by")],
    }
}

/// How long the published run measured what the claim rests on.
fn time(results: &Results<'_>, judged: &Judged) -> String {
    let subjects = &results.run.manifest.subjects;
    let compared = results.run.observations.iter().filter(|observation| {
        let trial = &observation.trial;
        let entry = subjects.get(&trial.cell.subject);
        judged.claim.rests_on(trial, entry.and_then(|entry| entry.definition.twin_of.as_ref()))
    });
    let (count, ns) = compared.fold((0, 0_u64), |(count, ns), observation| {
        (count + 1, ns.saturating_add(observation.duration_ns))
    });
    if count == 0 {
        "not measured".to_owned()
    } else {
        format!("{} s, {count} visits", seconds(ns))
    }
}

fn seconds(ns: u64) -> u64 {
    ns.div_ceil(1_000_000_000)
}

fn experiments(results: &Results<'_>, out: &mut String) {
    out.push_str(
        "## How long the whole run took\n\n\
         | experiment | visits | failed | time of the visits |\n| --- | --- | --- | --- |\n",
    );
    for (name, visits) in visits(results) {
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {:.1} min |",
            visits.count,
            visits.failed_count,
            visits.duration_ns as f64 / 6e10
        );
    }
}
