//! What a runtime may be able to do, and how that is tried: the probes of a definition of maturity.

use crate::invalid::{Invalid, invalid};
use crate::name::SubjectName;
use crate::place::Place;
use crate::subject::{Subject, resolve_prepared};
use crate::template::{Piece, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident => $key:literal, $title:literal;)*) => {
        /// Something that a runtime may be able to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Capability {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Capability {
            /// Every capability, in the order of the table.
            pub const ALL: &'static [Capability] = &[$(Capability::$variant),*];

            /// The key in definitions and raw log.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Capability::$variant => $key),* }
            }

            /// The words a table uses.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Capability::$variant => $title),* }
            }
        }
    };
}

capabilities! {
    /// A component that exports wasi:http is served.
    WasiHttp => "wasi-http", "wasi:http";
    /// A guest listens, connects and is connected to.
    Sockets => "sockets", "sockets";
    /// A guest starts a thread that shares its memory.
    Threads => "threads", "threads";
    /// A guest computes with 128-bit vectors.
    Simd => "simd", "SIMD";
    /// A module is compiled by one process and run by another one.
    Aot => "aot", "ahead of time";
    /// Memories come from a pool that was reserved before.
    Pooling => "pooling", "pooling";
    /// One instance answers several requests, by a setting of the host.
    Reuse => "reuse", "reuse";
    /// A guest's memory does not grow beyond a limit of the host.
    MemoryLimit => "memory-limit", "memory limit";
    /// A guest that does not end is ended by the host.
    Deadline => "deadline", "deadline";
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl FromStr for Capability {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Capability::ALL.iter().copied().find(|known| known.key() == text).ok_or_else(|| {
            let all: Vec<&str> = Capability::ALL.iter().map(|known| known.key()).collect();
            invalid!("`{text}` is not a capability; there are: {}", all.join(", "))
        })
    }
}

/// How one capability of one subject is found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Probe {
    /// The program has no option or interface for it: why that is known. Nothing is run.
    Absent(String),
    /// It may be there and nobody has tried: why not. Nothing is run.
    Untried(String),
    /// It works when every one of these steps goes as it says.
    Try(Vec<Step>),
}

/// One step of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// A program is run to its end.
    Run {
        /// The program and its arguments.
        command: Vec<Word>,
        /// Texts each of which it must write, to either of its outputs.
        #[serde(default)]
        says: Vec<String>,
        /// Whether it must end with a failure, as a guest does that was stopped. `false` when absent.
        #[serde(default)]
        fails: bool,
        /// Longest time it may take; a minute when absent.
        #[serde(default = "run_limit_ms")]
        limit_ms: u64,
    },
    /// A server is started, gets requests, and is ended.
    Serve {
        /// The program and its arguments, with `{listen}`.
        command: Vec<Word>,
        /// Requests, in this order, each over a new connection.
        requests: Vec<Exchange>,
    },
}

/// Long enough for a compiler on a busy machine.
fn run_limit_ms() -> u64 {
    60_000
}

/// A GET and what must come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Path and query.
    pub path: String,
    /// HTTP statuses, one of which the answer must have; 200 when absent.
    #[serde(default = "ok_only")]
    pub statuses: Vec<u16>,
    /// What the body must begin with; anything when absent.
    #[serde(default)]
    pub says: String,
}

fn ok_only() -> Vec<u16> {
    vec![200]
}

/// The probes of every subject of a definition.
pub type Probes = BTreeMap<SubjectName, BTreeMap<Capability, Probe>>;

/// The probe of a subject; a variant that has none of its own has those of the subject it is a variant of.
#[must_use]
pub fn probe<'a>(
    probes: &'a Probes,
    subject: &SubjectName,
    variant_of: Option<&SubjectName>,
    capability: Capability,
) -> Option<&'a Probe> {
    let own = probes.get(subject).or_else(|| probes.get(variant_of?));
    own?.get(&capability)
}

/// Gives variants their probes and placeholders their meaning, and refuses a table with holes: each capability of each
/// of `requested` is tried, or the definition says why not.
///
/// # Errors
/// Names the key and what is wrong with it.
pub(crate) fn resolve_probes<'a>(
    probes: &mut Probes,
    requested: &[SubjectName],
    subject: impl Fn(&SubjectName) -> Option<&'a Subject>,
) -> Result<(), Invalid> {
    if let Some(other) = probes.keys().find(|name| !requested.contains(name)) {
        return Err(invalid!("probes.{other}: `{other}` is not among `subjects`"));
    }
    // Before any placeholder has got its meaning, which is another one in a variant.
    for name in requested {
        if probes.contains_key(name) {
            continue;
        }
        let of = subject(name).and_then(|subject| subject.variant_of.as_ref());
        if let Some(copy) = of.and_then(|of| probes.get(of)).cloned() {
            probes.insert(name.clone(), copy);
        }
    }
    for name in requested {
        let Some(subject) = subject(name) else { continue };
        let own = probes.get_mut(name).ok_or_else(|| invalid!("probes.{name} is missing"))?;
        for &capability in Capability::ALL {
            let key = format!("probes.{name}.{capability}");
            let probe = own.get_mut(&capability).ok_or_else(|| {
                invalid!(
                    "{key} is missing: try it, or say why not (`absent`: there is no option or interface for it; \
                     `untried`)"
                )
            })?;
            check(probe).map_err(|why| why.at(&key))?;
            for (place, word) in words_mut(probe) {
                place.check(word).map_err(|misplaced| Invalid::new(misplaced).at(&key))?;
                resolve(word, name, subject).map_err(|why| why.at(&key))?;
            }
        }
    }
    Ok(())
}

fn check(probe: &Probe) -> Result<(), Invalid> {
    match probe {
        Probe::Absent(why) | Probe::Untried(why) if why.trim().is_empty() => {
            Err(invalid!("say why"))
        }
        Probe::Absent(_) | Probe::Untried(_) => Ok(()),
        Probe::Try(steps) if steps.is_empty() => Err(invalid!("`try` needs at least one step")),
        Probe::Try(steps) => steps.iter().try_for_each(|step| match step {
            Step::Run { command, .. } | Step::Serve { command, .. } if command.is_empty() => {
                Err(invalid!("an empty command"))
            }
            // A guest that fails for any reason would count as one that was stopped.
            Step::Run { fails: true, says, .. } if says.is_empty() => {
                Err(invalid!("`fails` needs `says`: by what is it known that it failed for this?"))
            }
            Step::Run { .. } => Ok(()),
            Step::Serve { requests, .. } if requests.is_empty() => {
                Err(invalid!("`serve` needs at least one request"))
            }
            Step::Serve { requests, .. } => requests.iter().try_for_each(|request| {
                let path = &request.path;
                match (path.starts_with('/'), request.statuses.is_empty()) {
                    (false, _) => Err(invalid!("path `{path}` must begin with /")),
                    (true, true) => Err(invalid!("{path}: `statuses` needs at least one")),
                    (true, false) => Ok(()),
                }
            }),
        }),
    }
}

fn words_mut(probe: &mut Probe) -> impl Iterator<Item = (Place, &mut Word)> {
    let steps = match probe {
        Probe::Try(steps) => steps.as_mut_slice(),
        Probe::Absent(_) | Probe::Untried(_) => &mut [],
    };
    steps.iter_mut().flat_map(|step| {
        let (place, command) = match step {
            Step::Run { command, .. } => (Place::RUN, command),
            Step::Serve { command, .. } => (Place::SERVE, command),
        };
        command.iter_mut().map(move |word| (place, word))
    })
}

/// A probe is of the subject's own programs, in the version that the subject is run by.
fn resolve(word: &mut Word, name: &SubjectName, subject: &Subject) -> Result<(), Invalid> {
    resolve_prepared(word, name, subject.prepare.is_some())?;
    let shown = word.to_string();
    let programs = subject.programs();
    for (requested, version) in word.pieces_mut().iter_mut().filter_map(Piece::program_mut) {
        let Some((_, own)) = programs.iter().find(|(program, _)| program == requested) else {
            return Err(invalid!("`{shown}`: the subject is not run by program `{requested}`"));
        };
        version.clone_from(own);
    }
    Ok(())
}

#[cfg(test)]
#[path = "capability_tests.rs"]
mod tests;
