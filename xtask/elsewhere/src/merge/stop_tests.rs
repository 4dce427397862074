//! What stops of several parts add up to, and which folders are not merged.

use super::*;

fn stop(subject: u32, architecture: &str, reason: StopReason, invocations_count: u32) -> Stop {
    let Trial { experiment, cell, .. } = trial(subject, architecture, 0);
    Stop {
        experiment,
        cell,
        reason,
        invocations_count,
        half_width_percent: Some(1.0),
        target_percent: Some(5.0),
    }
}

#[test]
fn stops_add_up_and_excuse_only_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = manifest("a", "x86_64", "m", planned("x86_64", 1, 0..3));
    plan.fixed = false;
    let log = [0, 1].map(|i| observation("a", i, &plan.plan[i]));
    let mut early = part(folder.path(), &plan, &log);
    early.stops = vec![stop(0, "x86_64", StopReason::Precise, 3)];
    refused(vec![early.clone()], None, &["missing in a", "invocation 2"]);
    early.stops = vec![stop(0, "x86_64", StopReason::Precise, 2)];
    let merged = merge(vec![early], "whole", folder.path(), None).unwrap();
    assert_eq!(merged.observations_count, 2);

    let mut a = simple_part(folder.path(), "b", "m", planned("x86_64", 1, 0..1));
    let mut b = simple_part(folder.path(), "c", "m", planned("x86_64", 1, 1..3));
    a.stops = vec![stop(0, "x86_64", StopReason::Fixed, 1)];
    b.stops = vec![stop(0, "x86_64", StopReason::Fixed, 2)];
    let merged = merge(vec![a, b], "sum", folder.path(), None).unwrap();
    let stops = Part::read(&merged.folder).unwrap().stops;
    assert_eq!(stops.len(), 1);
    assert_eq!((stops[0].invocations_count, stops[0].reason), (3, StopReason::Fixed));
    assert_eq!(stops[0].half_width_percent, None);
}

#[test]
fn an_unfinished_part_and_a_name_that_exists_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = folder.path().join("a.partial");
    std::fs::create_dir(&unfinished).unwrap();
    assert!(Part::read(&unfinished).unwrap_err().to_string().contains("is not complete"));
    let a = simple_part(folder.path(), "a", "m", planned("x86_64", 1, 0..1));
    let error = merge(vec![a], "a", folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
}
