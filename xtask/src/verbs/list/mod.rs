//! `cargo xtask list`: what can be asked, what can be measured here, and what was measured.

mod sections;

use anyhow::Result;
use sections::Listing;
use weighbridge_project::claims;
use weighbridge_project::exit::Exit;
use weighbridge_project::project::Project;
use weighbridge_project::questions::Questions;
use weighbridge_project::runs;

/// What is listed; everything when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Section {
    /// Experiments, with their trials by profile.
    Experiments,
    /// Definitions that are measured when they are named, with the custom entries of each.
    Examples,
    /// Subjects, and whether they can be measured here.
    Subjects,
    /// Requests.
    Workloads,
    /// The paper's claims.
    Claims,
    /// What was built.
    Artifacts,
    /// What was measured: complete runs, unfinished ones, and the published one.
    Runs,
}

/// The verb.
///
/// # Errors
/// A definition cannot be read or is wrong; the message names file and line.
pub fn run(project: &Project, requested: &[Section], is_json: bool) -> Result<Exit> {
    let listing = listing(project, requested)?;
    if is_json {
        println!("{}", serde_json::to_string_pretty(&listing)?);
    } else {
        print!("{}", listing.text());
    }
    Ok(Exit::Done)
}

fn listing(project: &Project, requested: &[Section]) -> Result<Listing> {
    let is_asked = |section: Section| requested.is_empty() || requested.contains(&section);
    let questions = Questions::read(project)?;
    let claims = claims::read(project)?;
    Ok(Listing {
        experiments: is_asked(Section::Experiments).then(|| sections::experiments(&questions)),
        examples: is_asked(Section::Examples).then(|| sections::examples(&questions)),
        subjects: if is_asked(Section::Subjects) {
            Some(sections::subjects(project, &questions)?)
        } else {
            None
        },
        workloads: is_asked(Section::Workloads).then(|| sections::workloads(&questions)),
        claims: is_asked(Section::Claims).then(|| sections::claims(&claims)),
        artifacts: if is_asked(Section::Artifacts) {
            Some(sections::artifacts(project)?)
        } else {
            None
        },
        runs: if is_asked(Section::Runs) { Some(runs::all(project)?) } else { None },
    })
}
