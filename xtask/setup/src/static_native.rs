//! The target for the measured native programs: everything linked statically, against musl if it can be
//! had, else against glibc. Both arms of the comparison are built with the same one.
//!
//! The chain is the same for this machine's architecture and for another one, where a linker of that
//! architecture is needed too.

use crate::chain::{Chain, Provider, Readiness, Session, Supply, details};
use crate::cross_gcc::CrossGcc;
use crate::machine::{Machine, Step};
use crate::pins::ZIG_RELEASE;
use crate::record::Need;
use crate::static_target::{compiler_variable, linker_variable, toolchain};
use crate::{rust, sources, tools, wasm, zig};
use anyhow::Result;
use weighbridge_schema::architecture::Architecture;

/// The chain for the architecture of this machine.
pub(crate) fn chain(need: Need, architecture: &str) -> Chain {
    let triple = format!("{architecture}-unknown-linux-gnu");
    chain_of(need, &Target::new(architecture, false), Box::new(StaticGlibc { triple }))
}

/// The chain for an architecture that is not this machine's.
pub(crate) fn foreign_chain(need: Need, architecture: Architecture) -> Chain {
    let last = Box::new(CrossGcc { architecture });
    chain_of(need, &Target::new(architecture.name(), true), last)
}

fn chain_of(need: Need, target: &Target, last: Box<dyn Provider>) -> Chain {
    Chain {
        need,
        providers: vec![
            Box::new(Sysroot(target.clone())),
            Box::new(Rustup(target.clone())),
            Box::new(DistributionSourcesZig(target.clone())),
            last,
        ],
        remedy: format!("rustup target add {}", target.triple),
    }
}

/// A musl target.
#[derive(Clone)]
struct Target {
    architecture: String,
    triple: String,
    /// Not this machine's: the C compiler links too, because `cc` cannot.
    is_foreign: bool,
}

impl Target {
    fn new(architecture: &str, is_foreign: bool) -> Self {
        let triple = format!("{architecture}-unknown-linux-musl");
        Self { architecture: architecture.to_owned(), triple, is_foreign }
    }

    /// A C compiler for it that is there already: set in the environment (the flake does), or on PATH.
    fn c_compiler(&self, machine: &dyn Machine) -> Option<String> {
        let set = machine.variable(&compiler_variable("CC", &self.triple));
        set.or_else(|| {
            let names = [
                format!("{}-cc", self.triple),
                format!("{}-gcc", self.triple),
                format!("{}-linux-musl-gcc", self.architecture),
            ];
            // It compiles for this machine, whatever the target.
            let own = (!self.is_foreign).then(|| "musl-gcc".to_owned());
            names
                .iter()
                .chain(&own)
                .find_map(|name| Some(machine.find(name)?.display().to_string()))
        })
    }
}

/// The sysroot has the target; a C compiler for musl is set, on PATH, or zig.
struct Sysroot(Target);

impl Provider for Sysroot {
    fn name(&self) -> &'static str {
        "sysroot"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match wasm::sysroot_readiness(session, &self.0.triple) {
            Readiness::Present if self.0.c_compiler(session.machine()).is_some() => {
                Readiness::Present
            }
            Readiness::Present => zig::readiness(session),
            other => other,
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let Target { architecture, triple, is_foreign } = &self.0;
        let present = self.0.c_compiler(session.machine());
        // Zig brings start-up objects and a C library of its own for what it links.
        let zig_links = *is_foreign && present.is_none();
        let flags: &[&str] = if zig_links { &["-Clink-self-contained=no"] } else { &[] };
        let mut target = toolchain(session, triple, flags, None)?;
        let set = |variable: String| {
            let value = session.machine().variable(&variable)?;
            Some((variable, value))
        };
        let mut other_zig = None;
        let compiler = match present {
            Some(compiler) => {
                target.env.extend(set(compiler_variable("AR", triple)));
                target.env.extend(set(linker_variable(triple)));
                compiler
            }
            None => {
                let zig = zig::ensure(session, architecture)?;
                let archiver = zig.archiver.display().to_string();
                target.env.insert(compiler_variable("AR", triple), archiver);
                other_zig = Some(zig.release).filter(|release| release != ZIG_RELEASE);
                zig.compiler.display().to_string()
            }
        };
        if *is_foreign {
            let variable = linker_variable(triple);
            let linker = session.machine().variable(&variable).unwrap_or_else(|| compiler.clone());
            target.env.insert(variable, linker);
        }
        target.env.insert(compiler_variable("CC", triple), compiler.clone());
        let release = session.compiler.release.clone();
        let mut detail = details([
            ("rustc", release),
            ("libc", "musl".to_owned()),
            ("c-compiler", compiler.clone()),
        ]);
        detail.extend(other_zig.map(|release| ("ziglang".to_owned(), release)));
        // Of zig the release is pinned.
        if let Ok(version) = tools::first_line(session.machine(), &compiler) {
            detail.insert("c-compiler version".to_owned(), version);
        }
        Ok(Supply { detail, target: Some(target) })
    }
}

/// `rustup target add`, then as the sysroot.
struct Rustup(Target);

impl Provider for Rustup {
    fn name(&self) -> &'static str {
        "rustup"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        wasm::rustup_readiness(session)
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        wasm::rustup_add(session, &self.0.triple)?;
        Sysroot(self.0.clone()).supply(session)
    }
}

/// The standard library built along from the distribution's sources, with zig as C compiler and linker.
struct DistributionSourcesZig(Target);

impl Provider for DistributionSourcesZig {
    fn name(&self) -> &'static str {
        "distribution-sources-zig"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match sources::readiness(session) {
            Readiness::Unavailable(reason) => Readiness::Unavailable(reason),
            Readiness::Present => zig::readiness(session),
            Readiness::Obtainable { .. } => match zig::readiness(session) {
                Readiness::Present => Readiness::Obtainable { packages: Vec::new() },
                other => other,
            },
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let sources = sources::unpack(session)?;
        let Target { architecture, triple, .. } = &self.0;
        let zig = zig::ensure(session, architecture)?;
        let flags = ["-Clink-self-contained=no"];
        let mut target = toolchain(session, triple, &flags, Some(&sources.folder))?;
        target.env.extend(sources.environment());
        for (name, program) in [
            (compiler_variable("CC", triple), &zig.compiler),
            (compiler_variable("AR", triple), &zig.archiver),
            (linker_variable(triple), &zig.compiler),
        ] {
            target.env.insert(name, program.display().to_string());
        }
        target.arguments = rust::build_std("panic_unwind");
        let mut detail = sources.detail;
        detail.extend(details([
            ("rustc", session.compiler.release.clone()),
            ("libc", "musl".to_owned()),
            ("ziglang", zig.release),
        ]));
        Ok(Supply { detail, target: Some(target) })
    }
}

/// glibc linked statically; a fifth of a millisecond and more slower to start, hence the last resort.
struct StaticGlibc {
    triple: String,
}

impl Provider for StaticGlibc {
    fn name(&self) -> &'static str {
        "static-glibc"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        if let other @ Readiness::Unavailable(_) = wasm::sysroot_readiness(session, &self.triple) {
            return other;
        }
        let machine = session.machine();
        // cc prints the bare name back when it has no such file.
        let found = machine.run(&Step::new("cc", ["-print-file-name=libc.a"]));
        match found {
            Ok(path) if path.trim().starts_with('/') => {
                // Never "present": a provider before it that can be had is better.
                Readiness::Obtainable { packages: Vec::new() }
            }
            Ok(_) => Readiness::Obtainable { packages: vec!["libc6-dev"] },
            Err(_) => Readiness::Obtainable { packages: vec!["gcc", "libc6-dev"] },
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let release = session.compiler.release.clone();
        Ok(Supply {
            detail: details([("rustc", release), ("libc", "glibc".to_owned())]),
            target: Some(toolchain(session, &self.triple, &[], None)?),
        })
    }
}
