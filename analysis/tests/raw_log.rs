//! What the analysis accepts as a raw log, and what it refuses with which words.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, interval_log, key, stop};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;
use weighbridge_analysis::load::{histograms::merge, load};
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::record::HEAVY_TAG;
use weighbridge_schema::stop::StopReason;

/// Made once for all cases of a property.
static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture::new(1));

/// Writes the fixture, changes its observations with `change`, and gives the load's result in words.
fn load_changed(fixture: &Fixture, change: impl FnOnce(String) -> String) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    std::fs::write(folder.path().join("observations.jsonl"), change(fixture.lines())).unwrap();
    let run = load(folder.path()).map_err(|error| format!("{error:#}"))?;
    let notes = run.notes.iter().filter(|note| !note.contains("without a check"));
    Ok(run.observations.len() - notes.count())
}

fn check_refused(fixture: &Fixture, change: impl FnOnce(String) -> String, expected: &[&str]) {
    let error = load_changed(fixture, change).unwrap_err();
    for part in expected {
        assert!(error.contains(part), "`{part}` is not in `{error}`");
    }
}

#[test]
fn a_torn_last_line_is_left_out_with_a_note() {
    let fixture = Fixture::new(1);
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let lines = fixture.checked_lines();
    let torn = &lines[..lines.len() - 40];
    std::fs::write(folder.path().join("observations.jsonl"), torn).unwrap();
    let run = load(folder.path()).unwrap();
    assert_eq!(run.observations.len(), fixture.observations.len() - 1);
    assert_eq!(run.notes.len(), 1);
    let line = format!("line {}", fixture.observations.len());
    assert!(run.notes[0].contains(&line), "{:?}", run.notes);
}

/// The notes on a fixture whose log is `log`, and how many observations it has.
fn notes_on(fixture: &Fixture, log: &[u8]) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    std::fs::write(folder.path().join("observations.jsonl"), log).unwrap();
    let run = load(folder.path()).unwrap();
    (run.notes, run.observations.len())
}

#[test]
fn what_a_crash_leaves_at_the_end_is_a_note_and_no_error() {
    let fixture = Fixture::new(1);
    let (count, log) = (fixture.observations.len(), fixture.checked_lines());
    let with = |tail: &[u8]| [&log[..], tail].concat();
    let whole = &log[..log.len() - 1];
    for (log, expected, left) in [
        (with(b""), vec![], count),
        (with(&[0; 4096]), vec!["4096 zero bytes"], count),
        (with(b"\n"), vec!["1 blank lines"], count),
        (with(b"\n\n"), vec!["2 blank lines"], count),
        (with(b"\n\0"), vec!["1 zero bytes", "1 blank lines"], count),
        ([whole, &[0; 3]].concat(), vec!["3 zero bytes"], count),
        ([&log[..log.len() - 90], &[0; 3]].concat(), vec!["3 zero bytes", "is torn"], count - 1),
        (b"\n".to_vec(), vec!["1 blank lines"], 0),
        (vec![0; 512], vec!["512 zero bytes"], 0),
    ] {
        let (notes, found) = notes_on(&fixture, &log);
        assert_eq!((notes.len(), found), (expected.len(), left), "{notes:?}");
        for (note, words) in notes.iter().zip(expected) {
            assert!(note.contains(words), "`{words}` is not in `{note}`");
        }
    }
    // In the middle neither is left by a crash.
    let middle = fixture.lines().replacen('\n', "\n\n", 1);
    check_refused(&fixture, |_| middle, &["observations.jsonl:2", "not an observation"]);
    let zeros = fixture.lines().replacen('\n', "\n\0\n", 1);
    check_refused(&fixture, |_| zeros, &["observations.jsonl:2", "not an observation"]);
}

#[test]
fn a_run_without_checks_is_read_with_a_note() {
    let fixture = Fixture::new(1);
    let (notes, found) = notes_on(&fixture, fixture.lines().as_bytes());
    assert_eq!((notes.len(), found), (1, fixture.observations.len()));
    assert!(notes[0].contains(&format!("{found} of {found} lines")), "{notes:?}");
}

#[test]
fn a_changed_digit_is_found_and_its_line_named() {
    let fixture = Fixture::new(1);
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let log = String::from_utf8(fixture.checked_lines()).unwrap();
    let changed = log.replacen("\"position\":7,", "\"position\":8,", 1);
    std::fs::write(folder.path().join("observations.jsonl"), changed).unwrap();
    let error = format!("{:#}", load(folder.path()).unwrap_err());
    assert!(error.contains("observations.jsonl:8: changed since it was written"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn no_byte_of_the_log_can_change_unseen(index: prop::sample::Index, byte: u8) {
        let fixture = &*FIXTURE;
        let mut log = fixture.checked_lines();
        let index = index.index(log.len());
        prop_assume!(log[index] != byte);
        log[index] = byte;
        let folder = tempfile::tempdir().unwrap();
        fixture.write(folder.path());
        std::fs::write(folder.path().join("observations.jsonl"), &log).unwrap();
        // Where it is read all the same, its content is as it was.
        if let Ok(run) = load(folder.path()) {
            let is_noted = !run.notes.is_empty();
            prop_assert!(is_noted || run.observations == fixture.observations);
            let read = run.observations.iter().zip(&fixture.observations);
            prop_assert!(read.clone().all(|(read, written)| read == written));
        }
    }
}

#[test]
fn a_last_line_without_its_newline_counts() {
    let fixture = Fixture::new(1);
    let found = load_changed(&fixture, |lines| lines.trim_end().to_owned());
    assert_eq!(found, Ok(fixture.observations.len()));
}

#[test]
fn any_other_bad_line_is_named() {
    let fixture = Fixture::new(1);
    let torn_inside = |lines: String| {
        let (first, rest) = lines.split_once('\n').unwrap();
        format!("{}\n{rest}", &first[..50])
    };
    check_refused(&fixture, torn_inside, &["observations.jsonl:1", "not an observation"]);
    let unknown = |lines: String| lines.replacen("\"position\":1,", "\"position\":1,\"x\":2,", 1);
    check_refused(&fixture, unknown, &["observations.jsonl:2", "unknown field `x`"]);
    // At the end, but not torn: complete JSON that is something else.
    let count = fixture.observations.len() + 1;
    let line = format!("observations.jsonl:{count}");
    check_refused(&fixture, |lines| lines + "{\"no\": 1}", &[&line]);
}

#[test]
fn another_version_is_refused() {
    let fixture = Fixture::new(1);
    let newer = |lines: String| {
        let (first, rest) = lines.split_once('\n').unwrap();
        format!("{first}\n{}", rest.replacen("\"schema_version\":2", "\"schema_version\":3", 1))
    };
    check_refused(&fixture, newer, &["observations.jsonl:2", "version 3", "version 2 only"]);
    let strange = |lines: String| format!("{lines}{{\"schema_version\":7,\"new\":true}}\n");
    check_refused(&fixture, strange, &["version 7"]);

    let mut other = Fixture::new(1);
    other.manifest.schema_version = 3;
    check_refused(&other, |lines| lines, &["manifest.json", "version 3"]);
}

#[test]
fn lines_of_another_run_are_refused() {
    let other = |lines: String| lines.replacen("\"run\":\"fixture\"", "\"run\":\"other\"", 1);
    check_refused(&Fixture::new(1), other, &["observations.jsonl:1", "`other`", "`fixture`"]);
}

#[test]
fn a_visit_that_was_made_again_is_another_visit() {
    let again = |lines: String| {
        let first = lines.lines().next().unwrap();
        let repeated = first.replacen("\"repeat\":0", "\"repeat\":1", 1);
        assert_ne!(first, repeated);
        format!("{lines}{repeated}\n")
    };
    let fixture = Fixture::new(1);
    let found = load_changed(&fixture, again);
    // The note on the repeats is subtracted.
    assert_eq!(found, Ok(fixture.observations.len()));
    let twice = |lines: String| {
        let lines = again(lines);
        format!("{lines}{}\n", lines.lines().last().unwrap())
    };
    check_refused(&fixture, twice, &["repeat 1", "measured twice"]);
}

#[test]
fn a_series_that_disagrees_with_its_line_is_refused() {
    let mut fixture = Fixture::new(1);
    let file = fixture.observations.iter_mut().find_map(|o| o.series.as_mut()).unwrap();
    file.iterations_count += 1;
    check_refused(&fixture, |lines| lines, &["series", "200 iterations", "says 201"]);
    let file = fixture.observations.iter_mut().find_map(|o| o.series.as_mut()).unwrap();
    file.file = "/etc/passwd".to_owned();
    check_refused(&fixture, |lines| lines, &["outside of the run's folder"]);
}

#[test]
fn a_cell_cannot_stop_twice() {
    let mut fixture = Fixture::new(1);
    let cell = key("cold-start", "native", Some("healthz"), "-");
    fixture.stops = vec![stop(&cell, StopReason::Precise, 1); 2];
    check_refused(&fixture, |lines| lines, &["stops.json", "cold-start native healthz", "twice"]);
}

#[test]
fn a_trial_cannot_count_twice() {
    let twice = |lines: String| format!("{lines}{}\n", lines.lines().next().unwrap());
    check_refused(&Fixture::new(1), twice, &["measured twice"]);
}

#[test]
fn a_histogram_that_disagrees_with_its_line_is_refused() {
    let mut fixture = Fixture::new(1);
    let file = fixture.observations.iter_mut().find_map(|o| o.histogram.as_mut()).unwrap();
    file.samples_count += 1;
    check_refused(&fixture, |lines| lines, &[".hlog", "200 samples", "says 201"]);
    let file = fixture.observations.iter_mut().find_map(|o| o.histogram.as_mut()).unwrap();
    file.file = "../outside.hlog".to_owned();
    check_refused(&fixture, |lines| lines, &["outside of the run's folder"]);
}

#[test]
fn a_cut_histogram_is_named_with_its_trial() {
    let fixture = Fixture::new(1);
    let owner = fixture.observations.iter().find(|o| o.histogram.is_some()).unwrap();
    let name = &owner.histogram.as_ref().unwrap().file;
    let whole = interval_log(&[&fixture.histograms[name]], None);
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let file = folder.path().join(name);
    for length in (0..whole.len() - 1).step_by(7) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = format!("{:#}", load(folder.path()).unwrap_err());
        for words in [name.as_str(), &owner.trial.cell.to_string(), "invocation 0"] {
            assert!(error.contains(words), "`{words}` is not in `{error}`");
        }
        assert!(!error.contains("offset") && !error.contains("ParseError"), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
    let error = format!("{:#}", load(folder.path()).unwrap_err());
    assert!(error.contains("histogram of ") && error.contains(name), "{error}");
}

#[test]
fn all_intervals_of_a_log_are_merged() {
    let fixture = Fixture::new(1);
    let all: Vec<_> = fixture.histograms.values().take(3).collect();
    for tag in [None, Some("latency")] {
        let merged = merge(&interval_log(&all, tag)).unwrap();
        assert_eq!(merged.len(), 600);
        let mut expected = all[0].clone();
        expected.add(all[1]).unwrap();
        expected.add(all[2]).unwrap();
        assert_eq!(merged.value_at_quantile(0.9), expected.value_at_quantile(0.9));
    }
    assert!(merge(b"#[Histogram log format version 1.3]\n").is_err());
}

#[test]
fn the_heavy_requests_of_a_mix_are_not_the_cells() {
    let fixture = Fixture::new(1);
    let all: Vec<_> = fixture.histograms.values().take(3).collect();
    let light = interval_log(&all[..2], None);
    // One file of the runner's holds both: the lines of the light requests, then those with the tag.
    let both = [light.clone(), interval_log(&all[2..], Some(HEAVY_TAG))].concat();
    let merged = merge(&both).unwrap();
    assert_eq!(merged.len(), 400);
    assert_eq!(merged, merge(&light).unwrap());
}

/// Digests are of its bytes, and its words are read and written back by the types of today.
#[test]
fn the_subjects_of_the_published_run_are_written_as_they_were_read() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../paper/data");
    let folders = std::fs::read_dir(data).unwrap();
    let manifests = folders.map(|entry| entry.unwrap().path().join("manifest.json"));
    for file in manifests.filter(|file| file.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let manifest: Manifest = serde_json::from_str(&text).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(manifest.subjects.len() > 10, "{}", file.display());
        for (name, entry) in &manifest.subjects {
            let written = serde_json::to_value(&entry.definition).unwrap();
            assert_eq!(written, value["subjects"][name.as_str()]["definition"], "{name}");
        }
    }
}
