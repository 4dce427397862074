//! What the verbs ask of set-up: all needs at once with progress, the toolchain of one target, and
//! the provisions as manifests keep them.

use crate::context::Context;
use crate::docker_current::DOCKER_CURRENT;
use crate::needs::provide_all;
use crate::programs::set_aside;
use crate::record::{Need, Outcome, Setup, TargetToolchain};
use crate::subjects;
use anyhow::{Context as _, Result};
use weighbridge_project::exit::LackingError;
use weighbridge_project::files;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::artifact::Provision;

/// Goes through the needs and writes `<state>/setup.json`.
///
/// # Errors
/// There is no Rust compiler, or the state folder cannot be written. A need that stays missing is no
/// error: whoever cannot do without it says so.
pub fn provide(project: &Project, needs: &[Need], progress: &Progress) -> Result<Setup> {
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let subjects = subjects::read(project)?;
    set_aside(&project.root, (&subjects.programs, &project.programs()), &reporter)?;
    progress.begin("setup", 0);
    let context = Context::of(project, &reporter);
    let needs = with_installed_engine(&context, needs);
    let setup = provide_all(&context, &needs).inspect_err(|_| progress.abandon())?;
    let missing = setup.missing().count();
    progress.end(&if missing == 0 {
        "everything is there".to_owned()
    } else {
        format!("{missing} of {} needs are missing", needs.len())
    });
    for (need, reason, remedy) in setup.missing() {
        progress.note(&format!("  missing: {need}: {reason}\n    to get it: {remedy}"));
    }
    let file = project.state.join("setup.json");
    files::write(&file, &serde_json::to_vec_pretty(&setup)?)?;
    Ok(setup)
}

/// With the engine that is there only where somebody has asked for its subjects: a plan then counts on it.
fn with_installed_engine(context: &Context<'_>, needs: &[Need]) -> Vec<Need> {
    let is_used = needs.contains(&Need::ContainerEngine);
    let is_there = is_used && (DOCKER_CURRENT.lacking)(context).is_none();
    needs.iter().copied().chain(is_there.then_some(Need::DockerCurrent)).collect()
}

/// The toolchain of a target that cannot be done without.
///
/// # Errors
/// It is missing; exit code 3.
pub fn toolchain(setup: &Setup, need: Need) -> Result<&TargetToolchain> {
    setup.target(need).ok_or_else(|| {
        let found = setup.missing().find(|(missing, _, _)| *missing == need);
        let (reason, remedy) =
            found.map_or(("it was not set up", "cargo xtask setup"), |m| (m.1, m.2));
        LackingError { what: format!("{need} ({reason})"), remedy: remedy.to_owned() }.into()
    })
}

/// The name of a need in the manifest.
///
/// # Errors
/// It has no serialised name, which its type excludes.
pub fn need_name(need: Need) -> Result<String> {
    let name = serde_json::to_value(need)?;
    Ok(name.as_str().context("a need's name is a string")?.to_owned())
}

/// The provisions as the manifest keeps them.
///
/// # Errors
/// As [`need_name`].
pub fn for_manifest(setup: &Setup) -> Result<Vec<Provision>> {
    setup
        .provisions
        .iter()
        .map(|provision| {
            let need = need_name(provision.need)?;
            Ok(match &provision.outcome {
                Outcome::Provided { provider, detail } => Provision {
                    need,
                    provider: Some(provider.clone()),
                    detail: detail
                        .iter()
                        .map(|(name, value)| format!("{name} {value}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                    remedy: None,
                },
                Outcome::Missing { reason, remedy } => Provision {
                    need,
                    provider: None,
                    detail: reason.clone(),
                    remedy: Some(remedy.clone()),
                },
            })
        })
        .collect()
}
