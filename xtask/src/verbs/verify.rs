//! `cargo xtask verify`: the paper's claims, measured again on this machine, with a verdict beside the published one.

use super::{analyze, calibrate, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use weighbridge_build::tools;
use weighbridge_project::claims;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::failures;
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::duration::parse_milliseconds;
use weighbridge_schema::parse::nearest;
use weighbridge_schema::request::RunRequest;

/// What is to be verified.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// Claims by name, separated by spaces or commas; all when none is given.
    #[arg(value_delimiter = ',', value_name = "CLAIM")]
    claims: Vec<String>,
    /// How much is measured for each.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Go on until the claims are decided, and no longer than this, such as 10min; the profile's least number of
    /// invocations is measured in any case.
    #[arg(long, value_name = "TIME", value_parser = parse_milliseconds)]
    budget: Option<u64>,
    /// Seed of the order of the visits.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Measure nothing: judge by this run, which is in results/verify/ or elsewhere.
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Measure nothing: compute the paper's tables, figures, numbers and verdicts again from the published raw log, and
    /// compare them with those of the checkout.
    #[arg(long, conflicts_with_all = ["claims", "profile", "budget", "seed", "run"])]
    pub published: bool,
    /// With --published: take what was computed as what is published, after a new run was put into paper/data.
    #[arg(long, requires = "published")]
    pub renew: bool,
}

/// Measures the cells that the claims compare, and judges by them.
///
/// # Errors
/// A name does not exist, there is no published run, or the build or the run failed.
pub fn run(project: &Project, requested: &Requested, progress: &Progress) -> Result<Exit> {
    let claims = chosen(&claims::read(project)?, &requested.claims)?;
    let published = runs::published(project)?
        .context("paper/data holds no run that claims could be verified against")?;
    let folder = match &requested.run {
        Some(run) => find(project, run)?,
        None => measure(project, requested, &claims, progress)?,
    };
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(&program);
    analysis.current_dir(&project.root).arg("verify").arg("--published").arg(&published);
    analysis.arg("--here").arg(&folder).arg("--claims").arg(claims::file(project));
    let names: Vec<&str> = claims.iter().map(|claim| claim.name.as_str()).collect();
    analysis.args(["--claim", &names.join(",")]);
    if let Some(calibration) = calibrate::newest(project) {
        analysis.arg("--calibration").arg(calibration);
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0, 1, 3, 4])?;
    println!("raw logs: {}", project.shown(&folder));
    if let Some(failed) = failures::of(&folder)? {
        println!("{failed}: the raw log says why");
    }
    Ok(match status.code() {
        Some(1) => Exit::DoesNotHold,
        Some(3) => Exit::Lacking,
        Some(4) => {
            if requested.budget.is_none() {
                println!("to measure longer: {}", longer(&names, requested.claims.is_empty()));
            }
            Exit::Undecided
        }
        _ => Exit::Done,
    })
}

fn longer(names: &[&str], is_all: bool) -> String {
    let names = if is_all { String::new() } else { format!(" {}", names.join(" ")) };
    format!("cargo xtask verify{names} --budget 10min")
}

/// The claims of these names, all when none is given.
fn chosen(claims: &[Claim], names: &[String]) -> Result<Vec<Claim>> {
    if let Some(name) = names.iter().find(|name| !claims.iter().any(|c| c.name == **name)) {
        match nearest(name, claims.iter().map(|claim| claim.name.as_str())) {
            Some(near) => bail!("no claim `{name}`; did you mean `{near}`?"),
            None => bail!("no claim `{name}`; `cargo xtask list claims` shows all"),
        }
    }
    let is_chosen = |claim: &&Claim| names.is_empty() || names.contains(&claim.name);
    Ok(claims.iter().filter(is_chosen).cloned().collect())
}

/// Apart from the other runs: `analyze` and `paper` take the newest of those.
fn results(project: &Project) -> PathBuf {
    project.results().join("verify")
}

/// A run that was made to verify, or any other.
fn find(project: &Project, named: &Path) -> Result<PathBuf> {
    let own = results(project).join(named);
    if own.join("manifest.json").is_file() {
        return Ok(own);
    }
    analyze::choose(project, Some(named))
}

fn measure(
    project: &Project,
    requested: &Requested,
    claims: &[Claim],
    progress: &Progress,
) -> Result<PathBuf> {
    let mut experiments: Vec<String> = claims.iter().map(|c| c.experiment.to_string()).collect();
    experiments.sort();
    experiments.dedup();
    let request = RunRequest {
        experiments,
        claim: claims.iter().map(|claim| claim.name.clone()).collect(),
        profile: requested.profile,
        seed: requested.seed,
        budget_ms: requested.budget,
        ..RunRequest::default()
    };
    run::whole(project, &results(project), &request, &run::Mode::default(), progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::claim::read_claims;

    fn claims() -> Vec<Claim> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../analysis/claims.toml");
        read_claims(file, &std::fs::read_to_string(file).unwrap()).unwrap()
    }

    #[test]
    fn a_claim_that_does_not_exist_is_named_with_the_nearest_one() {
        let claims = claims();
        let first = claims[0].name.clone();
        assert_eq!(chosen(&claims, &[]).unwrap().len(), claims.len());
        assert_eq!(chosen(&claims, std::slice::from_ref(&first)).unwrap()[0].name, first);
        let error = chosen(&claims, &[format!("{first}s")]).unwrap_err().to_string();
        assert!(error.contains(&format!("did you mean `{first}`?")), "{error}");
    }

    #[test]
    fn the_line_that_measures_longer_names_what_was_named() {
        assert_eq!(longer(&["a", "b"], true), "cargo xtask verify --budget 10min");
        let named = longer(&["a"], false);
        assert_eq!(named, "cargo xtask verify a --budget 10min");
    }
}
