//! The container engines of this machine, one of each kind at most. None is needed: the subjects of one that does not
//! answer are `not installed`.

use crate::engine::Engine;
use crate::engine::containerd;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::subject::ContainerEngine;

const KINDS: [ContainerEngine; 3] =
    [ContainerEngine::Docker, ContainerEngine::DockerCurrent, ContainerEngine::Podman];

/// How one kind is found, and spoken of where it is not.
struct Kind {
    /// The need of set-up that it is.
    need: &'static str,
    /// The variable that names its address.
    variable: &'static str,
    /// Where it is asked when the variable is not set; `None` for one that is used only if named.
    default: Option<&'static str>,
    /// What helps where set-up says nothing about it, as on a machine that only measures.
    remedy: &'static str,
}

fn describe(kind: ContainerEngine) -> Kind {
    match kind {
        ContainerEngine::Docker => Kind {
            need: "container-engine",
            variable: "DOCKER_HOST",
            default: Some("unix:///var/run/docker.sock"),
            remedy: "cargo xtask setup",
        },
        // A Docker that runs already is `docker`: of another release it is only where somebody says so.
        ContainerEngine::DockerCurrent => Kind {
            need: "docker-current",
            variable: "DOCKER_CURRENT_HOST",
            default: None,
            remedy: "cargo xtask setup --subject docker-current",
        },
        // The one that a user may have running holds the user's containers.
        ContainerEngine::Podman => Kind {
            need: "podman",
            variable: "CONTAINER_HOST",
            default: None,
            remedy: "cargo xtask setup, or name one that runs: export CONTAINER_HOST=unix:///run/podman/podman.sock",
        },
    }
}

/// An engine that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing {
    reason: String,
    remedy: String,
}

/// What answers, and why what does not answer does not.
pub struct Engines {
    found: BTreeMap<ContainerEngine, Result<Engine, Missing>>,
    /// Those that set-up can start, and that a plan does not need started.
    planned: BTreeSet<ContainerEngine>,
    /// The containerd that serves subjects without an engine; not started before one asks for it.
    pub containerd: containerd::Lazy,
}

impl Engines {
    /// Asks for an engine of each kind. One that set-up has looked for and not found is not looked for again.
    pub fn connect(provisions: &[Provision]) -> Self {
        let address = |kind: &Kind| {
            let named = std::env::var(kind.variable).ok().filter(|named| !named.is_empty());
            named.or_else(|| kind.default.map(str::to_owned))
        };
        let found = KINDS.map(|kind| {
            let found = connect(kind, address(&describe(kind)).as_deref(), provisions);
            (kind, found)
        });
        let (planned, containerd) = (BTreeSet::new(), containerd::Lazy::default());
        Self { found: found.into(), planned, containerd }
    }

    /// Asks for none: a plan takes for granted what set-up says that it can give.
    pub fn plan(provisions: &[Provision]) -> Self {
        let is_given = |kind: &ContainerEngine| {
            let of_it = provisions.iter().filter(|p| p.need == describe(*kind).need);
            of_it.into_iter().any(|provision| provision.provider.is_some())
        };
        let (planned, others): (Vec<_>, Vec<_>) = KINDS.into_iter().partition(is_given);
        // None of those can be connected to: set-up says that it is missing, or says nothing.
        let found = others.into_iter().map(|kind| (kind, connect(kind, None, provisions)));
        let containerd = containerd::Lazy::default();
        Self { found: found.collect(), planned: planned.into_iter().collect(), containerd }
    }

    /// Whether it is taken for granted, and cannot be asked.
    pub fn is_planned(&self, kind: ContainerEngine) -> bool {
        self.planned.contains(&kind)
    }

    /// The engine of that kind.
    ///
    /// # Errors
    /// None answers; the message says why.
    pub fn get(&self, kind: ContainerEngine) -> Result<&Engine> {
        match self.found.get(&kind) {
            Some(Ok(engine)) => Ok(engine),
            Some(Err(missing)) => bail!("{}", missing.reason),
            None => bail!("nobody asked for {kind}"),
        }
    }

    /// Those that answer.
    pub fn all(&self) -> impl Iterator<Item = &Engine> {
        self.found.values().flatten()
    }

    /// What the subjects of that kind are marked with when its engine does not answer; else its version.
    pub fn availability(&self, kind: ContainerEngine) -> Availability {
        if self.is_planned(kind) {
            return Availability::Installed { version: "not asked for a plan".to_owned() };
        }
        match self.found.get(&kind) {
            Some(Ok(engine)) => Availability::Installed { version: engine.version.clone() },
            Some(Err(Missing { reason, remedy })) => {
                Availability::NotInstalled { reason: reason.clone(), remedy: Some(remedy.clone()) }
            }
            None => Availability::NotInstalled {
                reason: format!("nobody asked for {kind}"),
                remedy: None,
            },
        }
    }
}

fn connect(
    kind: ContainerEngine,
    address: Option<&str>,
    provisions: &[Provision],
) -> Result<Engine, Missing> {
    let Kind { need, variable, remedy, .. } = describe(kind);
    let known = provisions.iter().find(|provision| provision.need == need);
    let remedy = known.and_then(|known| known.remedy.clone()).unwrap_or_else(|| remedy.to_owned());
    if let Some(known) = known.filter(|known| known.provider.is_none()) {
        return Err(Missing { reason: known.detail.clone(), remedy });
    }
    let Some(address) = address else {
        let reason = format!("no {kind} was named: {variable} is not set");
        return Err(Missing { reason, remedy });
    };
    let connected = Engine::connect(address).and_then(|engine| {
        anyhow::ensure!(
            engine.kind == kind.family(),
            "the container engine at {address} is {}, and {kind} was requested: change {variable}, or leave it out",
            engine.version
        );
        Ok(Engine { kind, ..engine })
    });
    connected.map_err(|error| {
        eprintln!("note: {error:#}");
        Missing { reason: format!("{error:#}"), remedy }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(result: Result<Engine, Missing>) -> Missing {
        result.map(|engine| engine.version).unwrap_err()
    }

    #[test]
    fn what_setup_did_not_find_is_not_looked_for_again() {
        let provision = Provision {
            need: "podman".to_owned(),
            provider: None,
            detail: "no podman on PATH".to_owned(),
            remedy: Some("apt-get install podman".to_owned()),
        };
        let missing = reason(connect(
            ContainerEngine::Podman,
            Some("unix:///nonexistent/podman.sock"),
            &[provision],
        ));
        let expected = Missing {
            reason: "no podman on PATH".to_owned(),
            remedy: "apt-get install podman".to_owned(),
        };
        assert_eq!(missing, expected);
    }

    #[test]
    fn a_plan_takes_for_granted_what_setup_can_give_and_asks_nobody() {
        let provision = |need: &str, provider: Option<&str>| Provision {
            need: need.to_owned(),
            provider: provider.map(str::to_owned),
            detail: "only root can start one".to_owned(),
            remedy: None,
        };
        let provisions =
            [provision("container-engine", Some("private-dockerd")), provision("podman", None)];
        let engines = Engines::plan(&provisions);
        let availability = |kind| engines.availability(kind);
        assert!(matches!(availability(ContainerEngine::Docker), Availability::Installed { .. }));
        assert!(engines.get(ContainerEngine::Docker).is_err(), "there is nobody to talk to");
        let missing = Availability::NotInstalled {
            reason: "only root can start one".to_owned(),
            remedy: Some(describe(ContainerEngine::Podman).remedy.to_owned()),
        };
        assert_eq!(availability(ContainerEngine::Podman), missing);
    }

    #[test]
    fn podman_is_used_only_when_it_is_named_and_one_that_does_not_answer_is_named_too() {
        let missing = reason(connect(ContainerEngine::Podman, None, &[]));
        assert_eq!(missing.reason, "no podman was named: CONTAINER_HOST is not set");
        let current = reason(connect(ContainerEngine::DockerCurrent, None, &[]));
        assert_eq!(current.reason, "no docker-current was named: DOCKER_CURRENT_HOST is not set");
        assert_eq!(current.remedy, "cargo xtask setup --subject docker-current");
        assert!(missing.remedy.contains("export CONTAINER_HOST="), "{}", missing.remedy);
        let silent = "unix:///nonexistent/podman.sock";
        let missing = reason(connect(ContainerEngine::Podman, Some(silent), &[]));
        assert!(missing.reason.contains(silent), "{}", missing.reason);
    }
}
