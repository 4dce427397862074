//! Where a number comes from, as a reader asks for it.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, analyse};
use weighbridge_analysis::explain::explain;
use weighbridge_analysis::load::load;

const KEY: &str = "cold-start/healthz/-/docker-scratch/time_to_first_response";

fn explained(fixture: &Fixture, key: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    explain(&run, &results, key).map_err(|error| format!("{error:#}"))
}

/// The lines of the raw log that the text names, with their blocks.
fn named_lines(text: &str) -> Vec<(usize, u32)> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = text.lines().map(cells).filter(|cells| cells.len() > 5);
    rows.filter_map(|cells| Some((cells[0].parse().ok()?, cells[1].parse().ok()?))).collect()
}

#[test]
fn every_line_that_is_named_is_of_that_cell_and_block() {
    let fixture = Fixture::new(8);
    let text = explained(&fixture, KEY).unwrap();
    let lines = named_lines(&text);
    assert_eq!(lines.len(), 8, "{text}");
    for (line, block) in lines {
        let trial = &fixture.observations[line - 1].trial;
        assert_eq!((trial.cell.subject.as_str(), trial.invocation), ("docker-scratch", block));
        assert_eq!(trial.experiment.as_str(), "cold-start");
    }
    assert!(text.contains("the ratio is the median of the ratios to native"), "{text}");
    assert!(text.contains("again     cargo xtask run cold-start --subject docker-scratch,native"));
}

#[test]
fn a_repeated_visit_says_which_of_the_two_counts() {
    let mut fixture = Fixture::new(8);
    let first = fixture.of("cold-start", "docker-scratch").into_iter().find(|observation| {
        let cell = &observation.trial.cell;
        cell.workload.as_ref().is_some_and(|w| w.as_str() == "healthz")
            && cell.parameter.to_string() == "-"
    });
    let first = first.unwrap();
    first.disturbed = vec!["steal 4 %".to_owned()];
    let mut second = Fixture::repeat(first);
    second.disturbed.clear();
    fixture.observations.push(second);
    let text = explained(&fixture, KEY).unwrap();
    assert_eq!(named_lines(&text).len(), 9, "{text}");
    assert_eq!(text.matches("does not count").count(), 1, "{text}");
}

#[test]
fn the_last_part_of_a_key_may_stand_and_a_wrong_key_is_told_the_nearest() {
    let fixture = Fixture::new(6);
    let whole = explained(&fixture, KEY).unwrap();
    assert_eq!(
        explained(&fixture, &format!("{KEY}/ratiotext")).unwrap().lines().next(),
        whole.lines().next()
    );
    let error = explained(&fixture, &KEY.replace("docker-scratch", "docker-scrach")).unwrap_err();
    assert!(error.contains(&format!("did you mean `{KEY}`?")), "{error}");
}
