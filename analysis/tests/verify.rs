//! The paper's claims on a run of somebody's own, beside the published one.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::Fixture;
use weighbridge_analysis::judge::{Claim, Verdict, parse_claims};
use weighbridge_analysis::load::load;
use weighbridge_analysis::render::verification;
use weighbridge_analysis::verify::{Agreement, Verification, verify};
use weighbridge_schema::metric::Metric;

const CLAIM: &str = "container-starts-later-than-component";

fn claims(names: &[&str]) -> Vec<Claim> {
    let mut claims = parse_claims("claims.toml", include_str!("../claims.toml")).unwrap();
    claims.retain(|claim| names.contains(&claim.name.as_str()));
    claims
}

/// The claims by a run that is the published one but for a change.
fn verified(names: &[&str], change: impl FnOnce(&mut Fixture)) -> (Verification, String) {
    let folder = tempfile::tempdir().unwrap();
    let (published, here) = (folder.path().join("published"), folder.path().join("here"));
    let mut fixture = Fixture::new(10);
    fixture.write(&published);
    change(&mut fixture);
    fixture.write(&here);
    let (published, here) = (load(&published).unwrap(), load(&here).unwrap());
    let found = verify(&published, &here, &claims(names), None).unwrap();
    let text = verification::render("published", "here", &found);
    (found, text)
}

/// Multiplies the start times of a subject.
fn slow_down(fixture: &mut Fixture, subject: &str, factor: f64) {
    for observation in fixture.of("cold-start", subject) {
        if let Some(value) = observation.metrics.get_mut(&Metric::TimeToFirstResponse) {
            *value = (*value as f64 * factor) as u64;
        }
    }
}

#[test]
fn a_run_like_the_published_one_holds_with_the_same_size() {
    let (found, text) = verified(&[CLAIM], |_| ());
    assert_eq!((found.claims.len(), found.exit_code()), (1, 0), "{text}");
    let sizes = found.claims[0].sizes.unwrap();
    assert_eq!(sizes.ratio, 1.0);
    assert_ne!(sizes.agreement, Agreement::Different, "{text}");
    assert!(text.contains("the machines are the same"), "{text}");
    assert!(text.contains("\n1 claim here: 1 hold; "), "{text}");
}

#[test]
fn a_claim_may_hold_with_another_size_and_the_machine_is_told() {
    let (found, text) = verified(&[CLAIM], |fixture| {
        fixture.manifest.fingerprint.cpu_model = Some("Another".to_owned());
        slow_down(fixture, "docker-scratch", 3.0);
    });
    assert_eq!(found.exit_code(), 0, "{text}");
    let sizes = found.claims[0].sizes.unwrap();
    assert!((sizes.ratio - 3.0).abs() < 0.1, "{sizes:?}");
    assert_eq!(sizes.agreement, Agreement::Different, "{text}");
    assert!(text.contains("cpu model") && text.contains("Another"), "{text}");
    assert!(text.contains("ratios: 1 of another size"), "{text}");
}

#[test]
fn a_contradicted_claim_ends_with_1_whatever_the_others_do() {
    let names = [CLAIM, "component-smaller-than-image"];
    let (found, text) = verified(&names, |fixture| slow_down(fixture, "docker-scratch", 0.001));
    assert_eq!((found.claims.len(), found.exit_code()), (2, 1), "{text}");
    let of_start = found.claims.iter().find(|claim| claim.here.claim.name == CLAIM).unwrap();
    assert_eq!(of_start.here.verdict, Verdict::Contradicted);
    assert!(text.contains(&format!("{CLAIM}: contradicted")), "{text}");
}

#[test]
fn what_was_not_measured_and_what_is_undecided_have_codes_of_their_own() {
    let (found, text) = verified(&[CLAIM], |fixture| {
        fixture.observations.retain(|o| o.trial.cell.subject.as_str() != "docker-scratch");
    });
    assert_eq!(found.exit_code(), 3, "{text}");
    assert_eq!(found.claims[0].sizes, None);
    let (found, text) = verified(&[CLAIM], |fixture| {
        fixture.observations.retain(|o| o.trial.invocation < 5);
    });
    assert_eq!(found.exit_code(), 4, "{text}");
    assert!(text.contains("too few blocks to compare the sizes"), "{text}");
}
