//! `cargo xtask test --subjects`: programs that nothing else installs, each started, asked once and held to the list of
//! expected answers. The usual tests try one subject for each way of starting.

use super::run::{self, Mode};
use anyhow::Result;
use weighbridge_checks::whole_run;
use weighbridge_project::exit::{Exit, LackingError};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::subjects;

/// Of these, or of `all` that there are.
///
/// # Errors
/// A name is unknown, a visit failed, or an answer differs. A program that cannot be had is named at the end (exit
/// code 3), after the others were tried.
pub fn run(project: &Project, names: &[String], progress: &Progress) -> Result<Exit> {
    let lacking = match subjects::run(project, names, None, progress) {
        Err(error) => Some(error.downcast::<LackingError>()?),
        Ok(_) => None,
    };
    let is_all = names.iter().any(|name| name == "all");
    let request = RunRequest {
        experiments: vec!["equivalence".to_owned(), "cold-start".to_owned()],
        subject: if is_all { Vec::new() } else { names.to_vec() },
        profile: Profile::Smoke,
        ..RunRequest::default()
    };
    let results = project.state.join("smoke-of-subjects");
    let folder = run::whole(project, &results, &request, &Mode::default(), progress)?;
    whole_run::check(&folder)?;
    whole_run::check_answers(&folder)?;
    println!("raw logs: {}", project.shown(&folder));
    match lacking {
        Some(lacking) => Err(lacking.into()),
        None => Ok(Exit::Done),
    }
}
