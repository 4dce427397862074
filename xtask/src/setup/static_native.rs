//! The target for the measured native programs: everything linked statically, against musl if it can be
//! had, else against glibc. Both arms of the comparison are built with the same one.
//!
//! Code is linked at fixed addresses (`relocation-model=static`): no relocation is left to do at start.

use super::chain::{Chain, Provider, Readiness, Session, Supply, details};
use super::record::{Need, TargetToolchain};
use super::{Machine, Step, rust, sources, wasm, zig};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// The chain for the architecture of this machine.
pub(crate) fn chain(machine: &dyn Machine) -> Chain {
    let architecture = machine.architecture().to_owned();
    let musl = format!("{architecture}-unknown-linux-musl");
    Chain {
        need: Need::StaticNative,
        providers: vec![
            Box::new(Sysroot { triple: musl.clone() }),
            Box::new(Rustup { triple: musl.clone() }),
            Box::new(DistributionSourcesZig { triple: musl.clone() }),
            Box::new(StaticGlibc { triple: format!("{architecture}-unknown-linux-gnu") }),
        ],
        remedy: format!("rustup target add {musl}"),
    }
}

/// Flags of every static program. The baseline has what run-time dispatch can't change: code outside the
/// kernels. Ours is what any server of the last decade executes.
fn program_flags(architecture: &str) -> Vec<String> {
    let mut flags =
        vec!["-Ctarget-feature=+crt-static".to_owned(), "-Crelocation-model=static".to_owned()];
    if architecture == "x86_64" {
        flags.push("-Ctarget-cpu=x86-64-v2".to_owned());
    }
    flags
}

fn toolchain(
    session: &Session<'_>,
    triple: &str,
    more_flags: &[&str],
    sources: Option<&Path>,
) -> TargetToolchain {
    let mut own = program_flags(session.machine().architecture());
    own.extend(more_flags.iter().map(|&flag| flag.to_owned()));
    let flags = rust::encoded_flags(session.context, own, sources);
    TargetToolchain {
        triple: triple.to_owned(),
        cargo: session.compiler.cargo.clone(),
        env: BTreeMap::from([("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags)]),
        arguments: Vec::new(),
    }
}

/// `CC_x86_64_unknown_linux_musl` and the like: what the `cc` crate reads.
fn compiler_variable(tool: &str, triple: &str) -> String {
    format!("{tool}_{}", triple.replace('-', "_"))
}

/// The sysroot has the target; a C compiler for musl is set, on PATH, or zig.
struct Sysroot {
    triple: String,
}

impl Sysroot {
    /// A C compiler for musl that is there already: set in the environment (the flake does), or on PATH.
    fn c_compiler(&self, machine: &dyn Machine) -> Option<String> {
        let architecture = machine.architecture();
        let set = machine.variable(&compiler_variable("CC", &self.triple));
        set.or_else(|| {
            [
                format!("{}-cc", self.triple),
                format!("{}-gcc", self.triple),
                format!("{architecture}-linux-musl-gcc"),
                "musl-gcc".to_owned(),
            ]
            .iter()
            .find_map(|name| Some(machine.find(name)?.display().to_string()))
        })
    }
}

impl Provider for Sysroot {
    fn name(&self) -> &'static str {
        "sysroot"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match wasm::sysroot_readiness(session, &self.triple) {
            Readiness::Present if self.c_compiler(session.machine()).is_some() => {
                Readiness::Present
            }
            Readiness::Present => zig::readiness(session),
            other => other,
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let mut target = toolchain(session, &self.triple, &[], None);
        let compiler = match self.c_compiler(session.machine()) {
            Some(compiler) => compiler,
            None => {
                let zig = zig::ensure(session, session.machine().architecture())?;
                let archiver = zig.archiver.display().to_string();
                target.env.insert(compiler_variable("AR", &self.triple), archiver);
                zig.compiler.display().to_string()
            }
        };
        target.env.insert(compiler_variable("CC", &self.triple), compiler.clone());
        let release = session.compiler.release.clone();
        let detail =
            details([("rustc", release), ("libc", "musl".to_owned()), ("c-compiler", compiler)]);
        Ok(Supply { detail, target: Some(target) })
    }
}

/// `rustup target add`, then as the sysroot.
struct Rustup {
    triple: String,
}

impl Provider for Rustup {
    fn name(&self) -> &'static str {
        "rustup"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        wasm::rustup_readiness(session)
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        wasm::rustup_add(session, &self.triple)?;
        Sysroot { triple: self.triple.clone() }.supply(session)
    }
}

/// The standard library built along from the distribution's sources, with zig as C compiler and linker.
struct DistributionSourcesZig {
    triple: String,
}

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
        let (sources, mut detail) = sources::unpack(session)?;
        let zig = zig::ensure(session, session.machine().architecture())?;
        let flags = ["-Clink-self-contained=no"];
        let mut target = toolchain(session, &self.triple, &flags, Some(&sources));
        target.env.extend(rust::build_std_environment(&sources));
        let linker = format!("CARGO_TARGET_{}_LINKER", rust::variable_form(&self.triple));
        for (name, program) in [
            (compiler_variable("CC", &self.triple), &zig.compiler),
            (compiler_variable("AR", &self.triple), &zig.archiver),
            (linker, &zig.compiler),
        ] {
            target.env.insert(name, program.display().to_string());
        }
        target.arguments = rust::build_std("panic_unwind");
        detail.extend(details([
            ("rustc", session.compiler.release.clone()),
            ("libc", "musl".to_owned()),
            ("ziglang", super::pins::ZIG_RELEASE.to_owned()),
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
            target: Some(toolchain(session, &self.triple, &[], None)),
        })
    }
}
