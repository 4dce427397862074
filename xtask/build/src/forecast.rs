//! What is to be built before the first trial, and how long that takes at most, in one line.
//!
//! The longest build of each program on this machine is remembered. Where none is, the durations of
//! one cold `cargo xtask all` stand in (two cores, other work beside it, 2026-11-29, n = 1;
//! those of `operations` are of the day after).

use crate::artifacts;
use crate::cargo::Build;
use crate::tools;
use anyhow::Result;
use std::time::Duration;
use weighbridge_project::progress::human;
use weighbridge_project::project::Project;
use weighbridge_project::sources;
use weighbridge_schema::architecture::Architecture;
use weighbridge_setup::Setup;

/// What all guests together took then.
pub(crate) const GUESTS_S: u64 = 340;
/// What the runner took.
const RUNNER_S: u64 = 319;

/// One build, with its duration from nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) duration: Duration,
    /// Taken on this machine, and not the one that stands in.
    pub(crate) is_of_here: bool,
}

impl Step {
    /// The build's own duration here, else the one that stands in.
    pub(crate) fn of(
        project: &Project,
        name: &'static str,
        build: &Build<'_>,
        otherwise_s: u64,
    ) -> Self {
        let here = build.remembered_duration(project);
        let duration = here.unwrap_or(Duration::from_secs(otherwise_s));
        Self { name, duration, is_of_here: here.is_some() }
    }
}

/// The line; `None` when nothing is to be built.
///
/// # Errors
/// The sources cannot be read.
pub fn line(
    project: &Project,
    setup: &Setup,
    architectures: &[Architecture],
    force: bool,
) -> Result<Option<String>> {
    let mut steps = Vec::new();
    let digest = sources::digest(&project.root, tools::RUNNER)?;
    if !tools::is_fresh(project, tools::RUNNER, &digest) {
        steps.push(Step::of(project, "runner", &tools::build(tools::RUNNER), RUNNER_S));
    }
    steps.extend(artifacts::stale(project, setup, architectures, force)?);
    Ok(shown(&steps))
}

fn shown(steps: &[Step]) -> Option<String> {
    let total: Duration = steps.iter().map(|step| step.duration).sum();
    let each = |step: &Step| format!("{} {}", step.name, human(step.duration));
    let list = steps.iter().map(each).collect::<Vec<_>>().join(", ");
    let whose = match steps.iter().filter(|step| step.is_of_here).count() {
        0 => "as they took on a machine of two cores",
        here if here == steps.len() => "as they took here",
        _ => "as they took here, or on a machine of two cores",
    };
    (!steps.is_empty()).then(|| {
        format!(
            "before the first trial: up to about {} of building ({list}; {whose}); how long \
             measuring takes is said once the plan is drawn",
            human(total)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_adds_up_and_says_whose_durations_they_are() {
        let step = |name, seconds, is_of_here| Step {
            name,
            duration: Duration::from_secs(seconds),
            is_of_here,
        };
        assert_eq!(shown(&[]), None);
        let line = shown(&[step("runner", 319, false), step("host", 507, true)]).unwrap();
        assert!(line.contains("up to about 13 min 46 s of building (runner 5 min 19 s, host "));
        assert!(line.contains("; as they took here, or on a machine of two cores)"), "{line}");
        let line = shown(&[step("runner", 90, true)]).unwrap();
        assert!(line.contains("about 90 s of building") && line.contains("; as they took here)"));
        let line = shown(&[step("runner", 90, false)]).unwrap();
        assert!(line.contains("; as they took on a machine of two cores)"), "{line}");
    }
}
