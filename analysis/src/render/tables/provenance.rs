//! Where the numbers come from: machine, toolchain, providers, digests.

use crate::load::repeats::disturbances;
use crate::render::figures::break_even;
use crate::render::number::{show, with_unit};
use crate::render::table::{Align, Content, Row, Table};
use crate::results::Results;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::limits::{Limits, LimitsEntry};
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::metric::Unit;
use weighbridge_schema::record::Outcome;
use weighbridge_schema::subject::Start;
use weighbridge_statistics::bootstrap::RESAMPLES_COUNT;

/// Rows: what, and its value.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "provenance",
        "Provenance",
        &[("what", Align::Left), ("value", Align::Wrap(0.7))],
    );
    let manifest = &results.run.manifest;
    table.rows.push(Row::Heading("run and machine".to_owned()));
    for (key, value) in meta(results) {
        table.push(vec![Content::Text(key), Content::Text(value)]);
    }
    if manifest.revision.is_none() {
        let why = manifest.revision_unknown.as_deref().unwrap_or("nothing is recorded");
        table.push(vec![Content::text("commit"), Content::Absent(format!("unknown: {why}"))]);
    }
    table.rows.push(Row::Heading("providers".to_owned()));
    // What the artifacts were built with is often there for the run as well.
    let mut listed = Vec::new();
    for provision in manifest.artifacts.provisions.iter().chain(&manifest.provisions) {
        if !listed.contains(&provision) {
            table.push(vec![Content::text(&provision.need), provider(provision)]);
            listed.push(provision);
        }
    }
    table.rows.push(Row::Heading("artifacts (SHA-256, first 12 digits)".to_owned()));
    for (name, artifact) in &manifest.artifacts.artifacts {
        table.push(vec![Content::text(name), Content::code(Some(short(&artifact.sha256)))]);
    }
    for row in programs(manifest) {
        table.rows.push(row);
    }
    table
}

/// What subjects are run by and was not built here, and what such programs have made; no rows where there is nothing.
fn programs(manifest: &Manifest) -> Vec<Row> {
    let mut lines = BTreeSet::new();
    for (path, sha256) in &manifest.files_sha256 {
        lines.insert((format!("file {path}"), short(sha256).to_owned()));
    }
    for (reference, id) in &manifest.image_ids {
        lines.insert((format!("image {reference}"), id.clone()));
    }
    for (subject, entry) in &manifest.subjects {
        for (name, program) in &entry.programs {
            let versions: Vec<String> =
                program.detail.iter().map(|(name, version)| format!("{name} {version}")).collect();
            let text = format!(
                "{}: {}{}{}",
                program.provider,
                short(&program.sha256),
                if versions.is_empty() { "" } else { "; " },
                shortened(&versions.join(", "))
            );
            // A program in two versions is two lines.
            lines.insert((name.to_string(), text));
        }
        if let Some(prepared) = &entry.prepared {
            let made = prepared.made_in_ns.map_or_else(
                || "made for an earlier run".to_owned(),
                |ns| {
                    format!(
                        "made in {}",
                        show(ns as f64, None, Unit::Nanoseconds, false).value_and_unit()
                    )
                },
            );
            let text = format!("{}: {made}", short(&prepared.sha256));
            lines.insert((format!("prepared for {subject}"), text));
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let heading = Row::Heading("programs and files (SHA-256, first 12 digits)".to_owned());
    let cells = |(what, value): (String, String)| vec![Content::Text(what), Content::Text(value)];
    std::iter::once(heading).chain(lines.into_iter().map(|line| Row::Cells(cells(line)))).collect()
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn provider(provision: &Provision) -> Content {
    let detail = shortened(&provision.detail);
    match &provision.provider {
        Some(provider) => Content::Text(format!("{provider}: {detail}")),
        None => Content::Absent(format!("none: {detail}")),
    }
}

/// A root file system has some eighty packages, which would fill a page: the first ones stand for them, and all are in
/// the manifest.
fn shortened(detail: &str) -> String {
    const MOST_CHARS: usize = 320;
    if detail.chars().count() <= MOST_CHARS {
        return detail.to_owned();
    }
    let begin: String = detail.chars().take(MOST_CHARS).collect();
    let whole = begin.rsplit_once(", ").map_or(begin.as_str(), |(whole, _)| whole);
    let left_out_count = detail[whole.len()..].split(", ").count() - 1;
    format!("{whole}, and {left_out_count} more in manifest.json")
}

/// Keys and values for \wbmeta, and for the provenance table. What is unknown is left out.
#[must_use]
pub fn meta(results: &Results<'_>) -> Vec<(String, String)> {
    let manifest = &results.run.manifest;
    let machine = &manifest.fingerprint;
    let failed = results.run.observations.iter().filter(|o| o.outcome != Outcome::Ok).count();
    let memory = |bytes: u64| show(bytes as f64, None, Unit::Bytes, false).value_and_unit();
    let revision = manifest.revision.as_ref();
    let visits = disturbances(&results.run.observations, &results.run.counted);
    let calibration = results.calibration.as_ref();
    let entries = [
        ("run", Some(manifest.run.clone())),
        ("profile", Some(manifest.profile.clone())),
        ("seed", Some(manifest.seed.to_string())),
        ("date", Some(date(manifest.started_at_unix_ns))),
        ("commit", revision.map(|r| r.commit.chars().take(12).collect())),
        ("checkout", revision.map(|r| if r.dirty { "changed" } else { "clean" }.to_owned())),
        ("trials", Some(results.run.wanted_count().to_string())),
        ("observations", Some(results.run.observations.len().to_string())),
        ("failed", Some(failed.to_string())),
        ("disturbed", Some(visits.disturbed_count.to_string())),
        ("repeated", Some(visits.repeated_count.to_string())),
        ("resamples", Some(RESAMPLES_COUNT.to_string())),
        ("analysis-seed", Some(results.seed.to_string())),
        ("calibration", calibration.map(|calibration| calibration.run.clone())),
        ("architecture", Some(machine.architecture.clone())),
        ("cpu", machine.cpu_model.clone()),
        ("cores", machine.cores_count.map(|count| count.to_string())),
        ("memory", machine.memory_bytes.map(memory)),
        ("kernel", machine.kernel.clone()),
        ("distribution", machine.distribution.clone()),
        ("virtualised", machine.virtualised.map(yes_or_no)),
        ("governor", machine.governor.clone()),
        ("clock-source", machine.clock_source.clone()),
        ("cgroup", machine.cgroup.clone()),
        ("transparent-huge-pages", machine.transparent_huge_pages.clone()),
        ("address-randomisation", machine.address_randomisation.clone()),
        ("client-cores", cores(manifest.pinning.client_cores.as_deref())),
        ("subject-cores", cores(manifest.pinning.subject_cores.as_deref())),
        ("limits", manifest.limits.as_ref().map(limits)),
        ("toolchain", Some(manifest.artifacts.toolchain.clone())),
        ("libc", Some(manifest.artifacts.libc.clone())),
        ("engine-version", engine_version(results)),
        ("break-even", Some(break_even::says(results))),
    ];
    let known = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    known.chain(smallest_effects(calibration)).collect()
}

/// `smallest-effect/cold-start/time_to_first_response` and the like: what the machine cannot tell from nothing.
fn smallest_effects(calibration: Option<&Calibration>) -> Vec<(String, String)> {
    let Some(calibration) = calibration else { return Vec::new() };
    let mut all = BTreeMap::new();
    for effect in &calibration.effects {
        let (experiment, quantity) = (&effect.experiment, &effect.quantity);
        let percent = calibration.smallest_effect_percent(experiment, quantity);
        if let Some(percent) = percent {
            let key = format!("smallest-effect/{experiment}/{quantity}");
            all.insert(key, with_unit(&format!("{percent:.1}"), "%"));
        }
    }
    all.into_iter().collect()
}

/// What every subject may use at most, and what of that does not hold.
fn limits(entry: &LimitsEntry) -> String {
    let Limits { memory_bytes, tasks_count, open_files_count } = entry.of_every_subject;
    let memory = show(memory_bytes as f64, None, Unit::Bytes, false).value_and_unit();
    let all = format!(
        "{memory}, {tasks_count} processes and threads, {open_files_count} descriptors in a process"
    );
    match entry.not_applied.as_slice() {
        [] => all,
        not => format!("{all}; not applied: {}", not.join("; ")),
    }
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn cores(cores: Option<&[u32]>) -> Option<String> {
    let cores: Vec<String> = cores?.iter().map(u32::to_string).collect();
    Some(cores.join(", "))
}

/// The versions that the container engines reported, from the container subjects that were there.
fn engine_version(results: &Results<'_>) -> Option<String> {
    let subjects = results.run.manifest.subjects.values();
    let containers = subjects.filter(|s| matches!(s.definition.start, Start::Container { .. }));
    let reported: BTreeSet<&str> = containers
        .filter_map(|entry| match &entry.availability {
            Availability::Installed { version } => Some(version.as_str()),
            Availability::NotInstalled { .. } => None,
        })
        .collect();
    (!reported.is_empty()).then(|| reported.into_iter().collect::<Vec<_>>().join("; "))
}

/// Nanoseconds since 1970 as the UTC date, with the calendar arithmetic of Howard Hinnant's
/// `civil_from_days`.
fn date(unix_ns: u64) -> String {
    let days = (unix_ns / 86_400_000_000_000) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::{date, shortened};

    #[test]
    fn a_long_detail_is_cut_between_two_entries_and_says_how_many_are_left_out() {
        assert_eq!(shortened("a 1, b 2"), "a 1, b 2");
        let entries: Vec<String> = (0..100).map(|i| format!("package {i}")).collect();
        let text = shortened(&entries.join(", "));
        let (kept, rest) = text.rsplit_once(", and ").unwrap();
        let kept_count = kept.split(", ").count();
        assert_eq!(kept, entries[..kept_count].join(", "));
        assert_eq!(rest, format!("{} more in manifest.json", 100 - kept_count));
    }

    #[test]
    fn dates_are_gregorian() {
        // From `date -u -d @N +%F`.
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_251_199, "2024-02-29"),
            (1_795_228_864, "2026-11-21"),
        ] {
            assert_eq!(date(seconds * 1_000_000_000), expected);
        }
    }
}
