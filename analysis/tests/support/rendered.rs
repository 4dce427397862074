//! A fixture with everything that can happen, analysed and rendered.

use super::{Fixture, analyse, key, stop};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_analysis::judge::parse_claims;
use weighbridge_analysis::load::load;
use weighbridge_analysis::render::{self, Destinations};
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::stop::StopReason;

/// Analyses a fixture with the committed claims and gives every written file by its name.
pub fn rendered(fixture: &Fixture) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let run_folder = folder.path().join("results").join("fixture");
    fixture.write(&run_folder);
    let run = load(&run_folder).unwrap();
    let claims = parse_claims("claims.toml", include_str!("../../claims.toml")).unwrap();
    let destinations = Destinations {
        output: folder.path().join("paper"),
        report: folder.path().join("report"),
        pdf: Some(folder.path().join("weighbridge.pdf")),
        pdf_missing: Some("latexmk is <missing>".to_owned()),
    };
    render::write(&analyse(&run, &claims), &destinations).unwrap();
    let mut files = BTreeMap::new();
    for from in ["paper", "report", "report/figures"] {
        read_folder(&folder.path().join(from), from, &mut files);
    }
    files
}

fn read_folder(folder: &Path, name: &str, files: &mut BTreeMap<String, String>) {
    // A run without numbers has no figures.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        if entry.path().is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            files.insert(format!("{name}/{}", entry.file_name().to_string_lossy()), text);
        }
    }
}

/// A run with everything that can happen: a failed trial, a failed subject, one that is not installed, disturbed
/// visits, and cells that ended early.
pub fn eventful() -> Fixture {
    let mut fixture = Fixture::new(8);
    let fail =
        || Outcome::Failed { stage: "start".to_owned(), reason: "no_such {image}".to_owned() };
    for observation in fixture.of("memory", "wasmtime-jit") {
        observation.outcome = fail();
    }
    fixture.of("cold-start", "docker-scratch")[0].outcome = fail();
    let equivalence = fixture.of("equivalence", "wasmtime-aot");
    for observation in equivalence {
        observation.metrics.insert(weighbridge_schema::metric::Metric::CasesEqual, 33);
        observation.remarks.push("bad-crop: 200 instead of 400".to_owned());
    }
    let cell = |subject| key("cold-start", subject, Some("thumbnail"), "-");
    fixture.stops = vec![
        stop(&cell("native"), StopReason::Precise, 7),
        stop(&cell("docker-scratch"), StopReason::Most, 8),
        stop(&cell("wasmtime-aot"), StopReason::Budget, 5),
        stop(&cell("wasmtime-jit"), StopReason::Fixed, 8),
    ];
    let stops = fixture.stops.clone();
    fixture.observations.retain(|o| {
        let stop = stops.iter().find(|stop| stop.cell == o.trial.cell);
        let of = stop.filter(|stop| stop.experiment == o.trial.experiment);
        of.is_none_or(|stop| o.trial.invocation < stop.invocations_count)
    });
    let disturbed = &mut fixture.of("throughput", "native")[0];
    disturbed.disturbed.push("steal 3.1 % of the time".to_owned());
    let again = Fixture::repeat(disturbed);
    fixture.observations.push(Observation { disturbed: Vec::new(), ..again });
    fixture
}
