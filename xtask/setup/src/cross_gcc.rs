//! The distribution's cross compiler, with glibc linked statically: the last resort for an architecture that
//! is not this machine's.

use crate::chain::{Provider, Readiness, Session, Supply, details};
use crate::static_target::{compiler_variable, linker_variable, toolchain};
use crate::{rust, sources, wasm};
use anyhow::{Context as _, Result};
use weighbridge_schema::architecture::Architecture;

pub(crate) struct CrossGcc {
    pub(crate) architecture: Architecture,
}

impl CrossGcc {
    fn triple(&self) -> String {
        format!("{}-unknown-linux-gnu", self.architecture)
    }

    fn program(&self, tool: &str) -> String {
        format!("{}-linux-gnu-{tool}", self.architecture)
    }

    /// Compiler and C library as Debian names them.
    fn packages(&self) -> Vec<&'static str> {
        match self.architecture {
            Architecture::X86_64 => vec!["gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"],
            Architecture::Aarch64 => vec!["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        }
    }

    /// The sysroot has the standard library, so that it need not be built along.
    fn has_std(&self, session: &Session<'_>) -> bool {
        wasm::sysroot_readiness(session, &self.triple()) == Readiness::Present
    }
}

impl Provider for CrossGcc {
    fn name(&self) -> &'static str {
        "distribution-cross-gcc"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        if !self.has_std(session)
            && let unavailable @ Readiness::Unavailable(_) = sources::readiness(session)
        {
            return unavailable;
        }
        // Never "present": a provider before it that can be had is better.
        let is_there = session.machine().find(&self.program("gcc")).is_some();
        Readiness::Obtainable { packages: if is_there { Vec::new() } else { self.packages() } }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let triple = self.triple();
        let find = |tool: &str| {
            let name = self.program(tool);
            let program = session.machine().find(&name);
            Ok::<_, anyhow::Error>(
                program.with_context(|| format!("no {name} on PATH"))?.display().to_string(),
            )
        };
        let (compiler, archiver) = (find("gcc")?, find("ar")?);
        let unpacked = if self.has_std(session) { None } else { Some(sources::unpack(session)?) };
        let folder = unpacked.as_ref().map(|sources| sources.folder.as_path());
        let mut target = toolchain(session, &triple, &[], folder)?;
        let mut detail = details([
            ("rustc", session.compiler.release.clone()),
            ("libc", "glibc".to_owned()),
            ("c-compiler", compiler.clone()),
        ]);
        if let Some(sources) = unpacked {
            target.env.extend(sources.environment());
            target.arguments = rust::build_std("panic_unwind");
            detail.extend(sources.detail);
        }
        target.env.extend([
            (compiler_variable("CC", &triple), compiler.clone()),
            (compiler_variable("AR", &triple), archiver),
            (linker_variable(&triple), compiler),
        ]);
        Ok(Supply { detail, target: Some(target) })
    }
}
