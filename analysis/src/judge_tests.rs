//! Tests of the claims: what is refused, and which interval gives which verdict.

use super::*;

const CLAIM: &str = r#"
[[claim]]
name = "starts-sooner"
sentence = "It starts sooner."
experiment = "cold-start"
metric = "time_to_first_response"
workload = "healthz"
subject = "wasmtime-aot"
versus = "docker-scratch"
relation = "less"
factor = 0.1
"#;

fn check_refused(from: &str, to: &str, expected: &str) {
    assert!(CLAIM.contains(from));
    let error = parse_claims("claims.toml", &CLAIM.replace(from, to)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn an_unknown_key_is_named() {
    check_refused("metric", "metrc", "claims.toml:6: unknown field `metrc`");
}

#[test]
fn a_typo_in_a_value_is_named() {
    check_refused("first_response", "first_respons", "did you mean `time_to_first_response`?");
    check_refused("0.1", "-0.1", "must be above 0");
    check_refused("starts-sooner", "starts sooner", "kebab-case");
    check_refused("\"less\"", "\"fewer\"", "fewer");
    let twice = format!("{CLAIM}{CLAIM}");
    assert!(parse_claims("c", &twice).unwrap_err().to_string().contains("used twice"));
}

fn check(relation: Relation, low: f64, high: f64, expected: Verdict) {
    let mut claim = parse_claims("claims.toml", CLAIM).unwrap().remove(0);
    claim.relation = relation;
    assert_eq!(verdict(&claim, Interval { low, high }), expected);
}

#[test]
fn the_whole_interval_decides() {
    check(Relation::Less, 0.02, 0.09, Verdict::Holds);
    check(Relation::Less, 0.02, 0.1, Verdict::Undecided);
    check(Relation::Less, 0.1, 0.2, Verdict::Contradicted);
    check(Relation::Greater, 0.11, 0.2, Verdict::Holds);
    check(Relation::Greater, 0.1, 0.2, Verdict::Undecided);
    check(Relation::Greater, 0.05, 0.1, Verdict::Contradicted);
}

#[test]
fn the_committed_claims_are_well_formed() {
    let claims = parse_claims("claims.toml", include_str!("../claims.toml")).unwrap();
    assert!(claims.len() >= 8);
}
