//! Tests of the rules by which an error tells what denied an attempt.

use super::*;
use std::collections::BTreeSet;

fn isolation(error: &str, elsewhere: Option<&str>, seccomp_mode: Option<u32>) -> Isolation {
    let tried = Tried {
        attempt: Attempt::Mount,
        went: Some(Went::Refused),
        error: Some(error.to_owned()),
        error_elsewhere: elsewhere.map(str::to_owned),
        seen: format!("mount: {error}"),
        answers_after: true,
    };
    let confinement = Some(Confinement { seccomp_mode, ..Confinement::default() });
    Isolation { confinement, tried: vec![tried], ..Isolation::default() }
}

#[track_caller]
fn check(error: &str, elsewhere: Option<&str>, seccomp_mode: Option<u32>, expected: Verdict) {
    let seen = isolation(error, elsewhere, seccomp_mode);
    assert_eq!(seen.verdict(Attempt::Mount), Some(expected));
}

#[test]
fn a_filter_and_a_capability_are_told_apart_where_that_can_be_seen_and_nowhere_else() {
    use Denial::{Capability, CapabilityOrFilter, Filter};
    // The kernel came to look for the place.
    check("EPERM", Some("ENOENT"), Some(2), Verdict::Denied(Capability));
    // It did not.
    check("EPERM", Some("EPERM"), Some(2), Verdict::Denied(Filter));
    // There is no filter that could have stopped it.
    check("EPERM", Some("EPERM"), Some(0), Verdict::Denied(Capability));
    check("EPERM", None, Some(0), Verdict::Denied(Capability));
    check("EPERM", None, Some(2), Verdict::Denied(CapabilityOrFilter));
    check("EPERM", None, None, Verdict::Denied(CapabilityOrFilter));
}

#[test]
fn an_error_without_a_rule_is_shown_as_it_is() {
    check("EIO", None, Some(2), Verdict::Unexplained("EIO".to_owned()));
    check("ENOSYS", None, Some(2), Verdict::Unexplained("ENOSYS".to_owned()));
    check("ENOSYS", None, Some(0), Verdict::Denied(Denial::Interface));
}

#[test]
fn what_is_unknown_is_neither_possible_nor_denied() {
    let mut seen = isolation("EPERM", None, Some(0));
    seen.tried[0].went = None;
    assert_eq!(seen.verdict(Attempt::Mount), None);
    assert_eq!(seen.verdict(Attempt::Fork), None, "it was not tried");
    assert_eq!((seen.possible_count(), seen.answered_count()), (0, 0));
    seen.tried[0].went = Some(Went::Absent);
    assert_eq!(seen.verdict(Attempt::Mount), Some(Verdict::Denied(Denial::Interface)));
    seen.tried[0].went = Some(Went::Possible);
    assert_eq!(seen.verdict(Attempt::Mount), Some(Verdict::Possible));
    assert_eq!((seen.possible_count(), seen.answered_count()), (1, 1));
}

#[test]
fn a_visit_is_read_back_as_written() {
    let seen = isolation("EPERM", Some("ENOENT"), None);
    let line = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<Isolation>(&line).unwrap(), seen);
    assert!(line.contains(r#""seccomp_mode":null"#), "unknown is not 0: {line}");
    assert!(line.contains(r#""attempt":"mount","went":"refused","error":"EPERM""#), "{line}");
}

#[test]
fn there_are_twenty_and_each_has_a_key_and_a_title_of_its_own() {
    let keys: BTreeSet<&str> = Attempt::ALL.iter().map(|one| one.key()).collect();
    let titles: BTreeSet<&str> = Attempt::ALL.iter().map(|one| one.title()).collect();
    assert_eq!((keys.len(), titles.len(), Attempt::ALL.len()), (20, 20, 20));
}

/// The reasons stand there, and only there: a rule without one would be a guess.
#[test]
fn the_methodology_gives_the_reason_of_every_rule_in_the_same_order() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../METHODOLOGY.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("\n### Isolation\n").nth(1).unwrap();
    let table = section.split("| error | ").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), RULES.len(), "{rows:#?}");
    for (row, rule) in rows.iter().zip(RULES) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [errors, when, denial, reason] = cells[..] else { panic!("{row}") };
        let quoted: Vec<&str> = errors.split('`').skip(1).step_by(2).collect();
        assert_eq!(quoted, rule.errors, "{row}");
        let expected = match rule.when {
            When::Always => "",
            When::NoFilter => "no filter",
            When::SameElsewhere => "the same elsewhere",
            When::OtherElsewhere => "another elsewhere",
        };
        assert_eq!((when, denial), (expected, rule.denial.words()), "{row}");
        assert!(reason.len() > 10, "{row}");
    }
}
