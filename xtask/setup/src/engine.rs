//! Container engines: of each kind a socket that answers, or a private one for the length of a run.

use crate::chain::{Chain, Plan, Provider, Readiness, Session, Supply};
use crate::context::Context;
use crate::daemon::Daemon;
use crate::docker::DOCKER;
use crate::docker_current::DOCKER_CURRENT;
use crate::engine_api::version;
use crate::engine_kind::{Kind, socket};
use crate::packages;
use crate::podman::PODMAN;
use crate::record::{Need, Outcome};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::process::Command;
use weighbridge_project::exit::InterruptedError;

/// Every kind of engine, in the order in which private ones are started.
pub(crate) const KINDS: [&Kind; 3] = [&DOCKER, &DOCKER_CURRENT, &PODMAN];

/// An engine of one kind to talk to, or the reason why there is none.
#[derive(Debug)]
pub struct Engine {
    /// What it meets.
    pub need: Need,
    /// `unix:///path/to.sock`; `None` when there is none.
    pub host: Option<String>,
    /// The provider's name; `None` when there is none.
    pub provider: Option<String>,
    /// Versions and folders.
    pub detail: BTreeMap<String, String>,
    /// Why there is none, and the line that would help.
    pub missing: Option<(String, String)>,
    variable: &'static str,
    /// Stops a daemon that we started.
    daemon: Option<Daemon>,
}

/// One engine of each kind.
#[derive(Debug)]
pub struct Engines(Vec<Engine>);

impl Drop for Engines {
    fn drop(&mut self) {
        self.0
            .iter_mut()
            .filter_map(|engine| engine.daemon.as_mut())
            .for_each(Daemon::begin_to_end);
    }
}

impl Engines {
    /// All of them, and those that are missing.
    pub fn iter(&self) -> impl Iterator<Item = &Engine> {
        self.0.iter()
    }

    /// Tells a program where they answer: `DOCKER_HOST`, `DOCKER_CURRENT_HOST` and `CONTAINER_HOST`.
    pub fn tell(&self, program: &mut Command) {
        for engine in &self.0 {
            match &engine.host {
                Some(host) => program.env(engine.variable, host),
                None => program.env_remove(engine.variable),
            };
        }
    }
}

/// Finds engines that answer, or starts private ones, which are stopped when the result is dropped.
/// Installs nothing: that is for [`provide_all`](crate::provide_all).
///
/// # Errors
/// As [`provide_all`](crate::provide_all); a missing engine is no error.
pub fn ensure(context: &Context<'_>) -> Result<Engines> {
    let session = Session::open(context)?;
    let engines = KINDS.iter().map(|kind| {
        let chain = chain(kind, context);
        let plan = chain.plan(&session)?;
        if plan.packages().is_empty() {
            return engine_of(kind, &session, plan);
        }
        let lacking = (kind.lacking)(context).unwrap_or("a program of it");
        let reason = format!("{}: {lacking} is not installed", kind.private);
        Ok(missing(kind, reason, packages::line(kind.packages)))
    });
    engines.collect::<Result<_>>().map(Engines)
}

/// One that cannot be started is missing; only an interruption is an error.
fn engine_of(kind: &Kind, session: &Session<'_>, plan: Plan<'_>) -> Result<Engine> {
    let (provision, _) = plan.run(session);
    let (provider, mut detail) = match provision.outcome {
        Outcome::Provided { provider, detail } => (provider, detail),
        Outcome::Missing { reason, remedy } => return Ok(missing(kind, reason, remedy)),
    };
    let started = if provider == kind.private {
        (kind.start)(session).map(|started| {
            detail.extend(started.detail);
            (started.daemon.socket().to_owned(), Some(started.daemon))
        })
    } else {
        socket(kind, session.machine()).map(|socket| (socket, None)).map_err(anyhow::Error::msg)
    };
    Ok(match started {
        Ok((socket, daemon)) => {
            detail.extend(version(&socket));
            Engine {
                need: kind.need,
                host: Some(format!("unix://{}", socket.display())),
                provider: Some(provider),
                detail,
                missing: None,
                variable: kind.variable,
                daemon,
            }
        }
        Err(error) if error.is::<InterruptedError>() => return Err(error),
        Err(error) => {
            missing(kind, format!("{provider}: {error:#}"), (kind.reach)(session.context))
        }
    })
}

fn missing(kind: &Kind, reason: String, remedy: String) -> Engine {
    Engine {
        need: kind.need,
        host: None,
        provider: None,
        detail: BTreeMap::new(),
        missing: Some((reason, remedy)),
        variable: kind.variable,
        daemon: None,
    }
}

/// The chain of set-up: it installs the engine, but starts none.
pub(crate) fn chain(kind: &'static Kind, context: &Context<'_>) -> Chain {
    Chain {
        need: kind.need,
        providers: vec![Box::new(Socket(kind)), Box::new(Private(kind))],
        remedy: remedy(kind, context),
    }
}

/// What would help: packages only where a program is missing.
fn remedy(kind: &Kind, context: &Context<'_>) -> String {
    let variable = kind.variable;
    let lacks = || (kind.lacking)(context).is_some() && !kind.packages.is_empty();
    match context.machine.variable(variable) {
        Some(host) if host.starts_with("unix://") => {
            format!("start the engine that {variable}={host} names, or: unset {variable}")
        }
        Some(_) => format!("unset {variable}, or let it name a local socket (unix://...)"),
        None if lacks() => packages::line(kind.packages),
        None => (kind.reach)(context),
    }
}

/// An engine that runs already.
struct Socket(&'static Kind);

impl Provider for Socket {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match socket(self.0, session.machine()) {
            Ok(_) => Readiness::Present,
            Err(reason) => Readiness::Unavailable(reason),
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let socket = socket(self.0, session.machine()).map_err(anyhow::Error::msg)?;
        let detail = BTreeMap::from([("socket".to_owned(), socket.display().to_string())]);
        Ok(Supply { detail, target: None })
    }
}

/// An engine that is started by us for the length of a run.
struct Private(&'static Kind);

impl Provider for Private {
    fn name(&self) -> &'static str {
        self.0.private
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let (machine, variable) = (session.machine(), self.0.variable);
        if let Some(host) = machine.variable(variable) {
            return Readiness::Unavailable(format!("{variable}={host} asks for another engine"));
        }
        match (self.0.lacking)(session.context) {
            Some(program) if self.0.packages.is_empty() => {
                return Readiness::Unavailable(format!("{program} is not installed"));
            }
            Some(_) => return Readiness::Obtainable { packages: self.0.packages.to_vec() },
            None => {}
        }
        if machine.is_root() {
            Readiness::Present
        } else {
            Readiness::Unavailable(format!("only root can start a private {}", self.0.engine))
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        if let Some(program) = (self.0.lacking)(session.context) {
            bail!("{program} is not there after installing {}", self.0.packages.join(" "));
        }
        Ok(Supply::default())
    }
}
