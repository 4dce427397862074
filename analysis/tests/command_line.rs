//! The program as xtask calls it: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, calibration};
use std::path::Path;
use std::process::{Command, Output};
use weighbridge_schema::metric::Metric;

fn program(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weighbridge-analysis")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Renders a fixture with the committed claims and gives exit code and messages.
fn rendered(fixture: &Fixture, calibration: Option<&str>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fixture.write(&at("run"));
    std::fs::write(at("claims.toml"), include_str!("../claims.toml")).unwrap();
    let mut arguments = vec!["render".into(), "--run".into(), at("run"), "--output".into()];
    arguments.extend([at("paper"), "--report".into(), at("report"), "--claims".into()]);
    arguments.push(at("claims.toml"));
    if let Some(text) = calibration {
        std::fs::write(at("calibration.json"), text).unwrap();
        arguments.extend(["--calibration".into(), at("calibration.json")]);
    }
    let output = program(&arguments.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    let written = at("paper").join("numbers.tex").is_file();
    assert_eq!(written, output.status.code() != Some(2));
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn the_exit_code_says_whether_the_claims_hold() {
    let mut fixture = Fixture::new(6);
    // The committed claims say that the component is smaller than the image; the fixture's is larger.
    assert_eq!(rendered(&fixture, None).0, Some(1));
    for observation in fixture.of("artifact-size", "docker-scratch") {
        observation.metrics.insert(Metric::ShippedZstd, 9_000_000);
    }
    let (code, printed) = rendered(&fixture, None);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("note: no calibration was given"), "{printed}");
}

#[test]
fn a_calibration_is_read_and_a_broken_one_refused() {
    let fixture = Fixture::new(6);
    let good = serde_json::to_string(&calibration(1.5)).unwrap();
    let (code, printed) = rendered(&fixture, Some(&good));
    assert_eq!(code, Some(1));
    assert!(!printed.contains("calibration"), "{printed}");
    let refuse = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from), "{from} is not in {good}");
        let (code, printed) = rendered(&fixture, Some(&good.replace(from, to)));
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains("calibration.json") && printed.contains(expected), "{printed}");
    };
    refuse("\"schema_version\":2", "\"schema_version\":1", "version 1");
    refuse("\"smallest_effect_percent\":1.5", "\"smallest_effect_percent\":-1.5", "-1.5");
    refuse("\"comparisons_count\"", "\"comparison_count\"", "comparison_count");
}

#[test]
fn two_runs_are_put_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut fixture = Fixture::new(6);
    fixture.write(&a);
    fixture.manifest.run = "later".to_owned();
    for observation in &mut fixture.observations {
        observation.run = "later".to_owned();
    }
    fixture.manifest.artifacts.artifacts.clear();
    fixture.write(&b);
    let output = program(&["compare".as_ref(), &a, &b]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(printed.starts_with("A  fixture\nB  later\n"), "{printed}");
    assert!(printed.contains("artifact component.wasm | abababababab | none"), "{printed}");
    assert!(printed.contains("requests per CPU-second"), "{printed}");
    let missing = program(&["compare".as_ref(), &a, &folder.path().join("c")]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("is this the folder of a run?"));
}
