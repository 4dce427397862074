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
kind = "confirmatory"
since = { at = "2026-11-21T04:10:00Z" }
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
    check_refused("2026-11-21T04", "21 November", "is not a moment such as");
    check_refused("\"confirmatory\"", "\"confirmed\"", "confirmed");
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

fn judged(p: Option<f64>, verdict: Verdict, is_confirmatory: bool) -> Judged {
    Judged {
        claim: parse_claims("claims.toml", CLAIM).unwrap().remove(0),
        verdict,
        corrected: None,
        is_confirmatory,
        p,
        p_adjusted: None,
        ratio: Some(0.05),
        interval: None,
        reason: None,
    }
}

/// Three claims are corrected for three; what was found by looking has no part in it.
#[test]
fn claims_that_were_fixed_before_are_corrected_for_their_number() {
    let mut all = [
        judged(Some(0.02), Verdict::Holds, true),
        judged(Some(0.001), Verdict::Holds, true),
        judged(Some(0.9), Verdict::Undecided, true),
        judged(Some(0.001), Verdict::Holds, false),
        judged(None, Verdict::Holds, true),
    ];
    correct(&mut all);
    assert_eq!(
        all.each_ref().map(|judged| judged.corrected),
        [Some(Verdict::Holds), Some(Verdict::Holds), Some(Verdict::Undecided), None, None,]
    );
    all[0].p = Some(0.03);
    correct(&mut all);
    assert_eq!(all[0].corrected, Some(Verdict::Undecided), "twice 0.03 is above 0.05");
    assert_eq!(all[0].verdict, Verdict::Holds, "the claim's own interval stands beside it");
}

#[test]
fn a_claim_confirms_only_on_a_run_that_began_after_it() {
    let claim = parse_claims("claims.toml", CLAIM).unwrap().remove(0);
    let at: Timestamp = claim.fixed_at().parse().unwrap();
    let at_ns = u128::try_from(at.as_nanosecond()).unwrap();
    assert!(is_confirmatory(&claim, at_ns + 1));
    assert!(!is_confirmatory(&claim, at_ns));
    let exploratory = Claim { kind: ClaimKind::Exploratory, ..claim };
    assert!(!is_confirmatory(&exploratory, at_ns + 1));
}
