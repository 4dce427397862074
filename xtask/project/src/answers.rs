//! The published answers that a run is held beside, as far as measuring needs to know them: which cells they compare.

use crate::project::Project;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use weighbridge_schema::request::RunRequest;

/// Where they are written down.
const FILE: &str = "analysis/answers.toml";

#[derive(Deserialize)]
struct File {
    answer: Vec<Answer>,
}

/// The analysis reads the rest.
#[derive(Deserialize)]
struct Answer {
    source: String,
    says: String,
    #[serde(default)]
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    of: String,
    versus: String,
}

/// What is to be measured for the answers whose source or words hold `text`, for all of them without one.
///
/// # Errors
/// The file is none, no answer holds the text, or nothing of those that do is measured by any definition.
pub fn request(project: &Project, text: Option<&str>) -> Result<RunRequest> {
    let path = project.path(FILE);
    let toml = std::fs::read_to_string(&path).with_context(|| format!("read {FILE}"))?;
    let file: File = toml::from_str(&toml).with_context(|| format!("parse {FILE}"))?;
    of(&file.answer, text)
}

fn of(answers: &[Answer], text: Option<&str>) -> Result<RunRequest> {
    let wanted = text.unwrap_or_default().to_lowercase();
    let is_meant = |answer: &&Answer| {
        format!("{}: {}", answer.source, answer.says).to_lowercase().contains(&wanted)
    };
    let meant: Vec<&Answer> = answers.iter().filter(is_meant).collect();
    if meant.is_empty() {
        let sources: BTreeSet<&str> = answers.iter().map(|of| of.source.as_str()).collect();
        let sources: Vec<&str> = sources.into_iter().collect();
        bail!("no published answer holds `{wanted}`; the sources are {}", sources.join("; "));
    }
    let pairs = meant.iter().flat_map(|answer| &answer.pairs);
    let keys: Vec<&str> = pairs.flat_map(|pair| [pair.of.as_str(), &pair.versus]).collect();
    if keys.is_empty() {
        bail!("nothing is measured here for these answers; {FILE} says why");
    }
    // experiment/workload/parameter/subject/quantity, with - where there is none.
    let part = |place: usize| -> Vec<String> {
        let parts = keys.iter().filter_map(|key| key.split('/').nth(place));
        let parts: BTreeSet<&str> = parts.filter(|part| *part != "-").collect();
        parts.into_iter().map(str::to_owned).collect()
    };
    let (experiments, workload, subject) = (part(0), part(1), part(3));
    Ok(RunRequest { experiments, workload, subject, ..RunRequest::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
        [[answer]]
        source = "A"
        says = "100 times"
        pairs = [{ what = "x", of = "cold-start/healthz/-/docker/t", versus = "instantiation/-/-/wasm/i" }]
        [[answer]]
        source = "B"
        says = "cheaper"
        not_here = "no"
    "#;

    fn answers() -> Vec<Answer> {
        toml::from_str::<File>(TOML).unwrap().answer
    }

    #[test]
    fn the_cells_of_the_answers_that_are_meant_are_measured() {
        let found = of(&answers(), Some("100 TIMES")).unwrap();
        assert_eq!(found.experiments, ["cold-start", "instantiation"]);
        assert_eq!(
            (found.workload, found.subject),
            (vec!["healthz".to_owned()], vec!["docker".to_owned(), "wasm".to_owned()])
        );
        assert_eq!(of(&answers(), None).unwrap().experiments.len(), 2);
    }

    #[test]
    fn what_cannot_be_measured_is_said() {
        let unknown = of(&answers(), Some("nobody")).unwrap_err().to_string();
        assert!(unknown.contains("the sources are A; B"), "{unknown}");
        let none = of(&answers(), Some("b: cheaper")).unwrap_err().to_string();
        assert!(none.contains("nothing is measured here"), "{none}");
    }

    /// A stranger's key would be measured by no definition.
    #[test]
    fn the_published_answers_name_what_exists() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = std::fs::read_to_string(root.join(FILE)).unwrap();
        let found = of(&toml::from_str::<File>(&text).unwrap().answer, None).unwrap();
        for experiment in &found.experiments {
            let file = root.join(format!("experiments/definitions/{experiment}.toml"));
            let definition = std::fs::read_to_string(&file).unwrap();
            assert!(definition.contains("subjects"), "{experiment}");
        }
        assert!(found.subject.contains(&"docker-scratch".to_owned()));
    }
}
