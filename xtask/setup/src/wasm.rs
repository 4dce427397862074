//! The WebAssembly targets: the sysroot's, rustup's, or built along with the guest from the
//! distribution's sources.

use crate::chain::{Chain, Provider, Readiness, Session, Supply, details};
use crate::component_linker;
use crate::debian::{self, Unpacked};
use crate::machine::Step;
use crate::moved;
use crate::packages::in_nix;
use crate::pins::{self, Pin};
use crate::record::{Need, TargetToolchain};
use crate::rust::{self, Compiler};
use crate::{scripts, sources};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_machine::ask;

/// The chain for one of the two targets.
pub(crate) fn chain(need: Need, triple: &'static str) -> Chain {
    Chain {
        need,
        providers: vec![
            Box::new(Sysroot(triple)),
            Box::new(Rustup(triple)),
            Box::new(DistributionSources(triple)),
            Box::new(DistributionCompiler(triple)),
        ],
        remedy: format!("rustup target add {triple}"),
    }
}

/// The standard library is in the compiler's sysroot: Nix's, rustup's or the distribution's.
struct Sysroot(&'static str);

impl Provider for Sysroot {
    fn name(&self) -> &'static str {
        "sysroot"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        sysroot_readiness(session, self.0)
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let compiler = &session.compiler;
        let flags = rust::encoded_flags(session.context, rust::configured_flags(self.0)?, None);
        Ok(Supply {
            detail: details([("rustc", compiler.release.clone())]),
            target: Some(TargetToolchain {
                triple: self.0.to_owned(),
                cargo: compiler.cargo.clone(),
                env: BTreeMap::from([
                    ("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags),
                    ("RUSTC".to_owned(), compiler.rustc.display().to_string()),
                ]),
                arguments: Vec::new(),
            }),
        })
    }
}

/// Whether the sysroot has the target.
pub(crate) fn sysroot_readiness(session: &Session<'_>, triple: &str) -> Readiness {
    let Compiler { sysroot, .. } = &session.compiler;
    if session.compiler.has_target(session.machine(), triple) {
        Readiness::Present
    } else {
        Readiness::Unavailable(format!("{} has no {triple}", sysroot.display()))
    }
}

/// `rustup target add`.
struct Rustup(&'static str);

impl Provider for Rustup {
    fn name(&self) -> &'static str {
        "rustup"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        rustup_readiness(session)
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        rustup_add(session, self.0)?;
        Sysroot(self.0).supply(session)
    }
}

/// Whether rustup may be asked.
pub(crate) fn rustup_readiness(session: &Session<'_>) -> Readiness {
    let machine = session.machine();
    let reason = if in_nix(machine) {
        "nothing is downloaded in a Nix shell"
    } else if machine.variable("RUSTUP_AUTO_INSTALL").as_deref() == Some("0") {
        "RUSTUP_AUTO_INSTALL=0 forbids rustup to download"
    } else if machine.find("rustup").is_none() {
        "no rustup here"
    } else {
        return Readiness::Obtainable { packages: Vec::new() };
    };
    Readiness::Unavailable(reason.to_owned())
}

/// Adds a target to the toolchain that the project's folder selects.
pub(crate) fn rustup_add(session: &Session<'_>, triple: &str) -> Result<()> {
    session.report(&format!("rustup target add {triple}"));
    let machine = session.machine();
    machine.run(&Step::new("rustup", ["target", "add", triple]).within(&session.context.repo))?;
    if !session.compiler.has_target(machine, triple) {
        bail!(
            "rustup added {triple} to another toolchain than {}",
            session.compiler.sysroot.display()
        );
    }
    Ok(())
}

/// The distribution's sources of exactly this compiler, with a recent C library.
struct DistributionSources(&'static str);

const LIBC_SET: &str = "wasi-libc";
const LIBC_PINS: &[Pin] = &[pins::WASI_LIBC_RECENT];

impl Provider for DistributionSources {
    fn name(&self) -> &'static str {
        "distribution-sources"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let compiler = &session.compiler;
        let linkers: &[&str] = match self.0 {
            "wasm32-wasip2" => &["rust-lld", "wasm-component-ld"],
            _ => &["rust-lld"],
        };
        for linker in linkers {
            if compiler.bundled(session.machine(), linker).is_none() {
                return Readiness::Unavailable(format!("the compiler comes without {linker}"));
            }
        }
        match sources::readiness(session) {
            Readiness::Present => sources::set_readiness(session, LIBC_SET, LIBC_PINS),
            other => other,
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let compiler = &session.compiler;
        let sources = sources::unpack(session)?;
        let libc = debian::unpack(session, LIBC_SET, LIBC_PINS, |_| Ok(()))?;
        let mut env = guest_environment(session, self.0, &sources.folder, &libc.folder)?;
        env.extend(sources.environment());
        let mut detail = sources.detail;
        detail.extend(libc.detail());
        detail.insert("rustc".to_owned(), compiler.release.clone());
        Ok(supply_built(self.0, compiler.cargo.clone(), env, detail))
    }
}

/// The environment for a guest whose standard library is built along. With self-contained linking rustc looks
/// for the start-up object of the crate's kind (command or reactor) on the library path too.
fn guest_environment(
    session: &Session<'_>,
    triple: &str,
    sources: &Path,
    libc_root: &Path,
) -> Result<BTreeMap<String, String>> {
    let libc = libc_root.join("usr/lib").join(triple);
    if !libc.join("crt1-reactor.o").exists() {
        bail!("wasi-libc has no start-up objects at {}", libc.display());
    }
    let link = [format!("-Lnative={}", libc.display()), "-Clink-self-contained=yes".to_owned()];
    let own = rust::configured_flags(triple)?.into_iter().chain(link);
    let flags = rust::encoded_flags(session.context, own, Some(sources));
    let mut env = BTreeMap::from(rust::build_std_environment(sources));
    env.insert("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags);
    Ok(env)
}

fn supply_built(
    triple: &str,
    cargo: PathBuf,
    env: BTreeMap<String, String>,
    detail: BTreeMap<String, String>,
) -> Supply {
    let arguments = rust::build_std("panic_abort");
    let target = TargetToolchain { triple: triple.to_owned(), cargo, env, arguments };
    Supply { detail, target: Some(target) }
}

/// The distribution's own compiler and its sources, unpacked and not installed; the machine's cargo drives it.
struct DistributionCompiler(&'static str);

const COMPILER_SET: &str = "wasm-compiler";

impl DistributionCompiler {
    fn pins(session: &Session<'_>) -> Vec<Pin> {
        let architecture = debian::architecture(session.machine());
        let ours = |pin: &&Pin| pin.architecture == "all" || Some(pin.architecture) == architecture;
        pins::DISTRIBUTION_COMPILER.iter().filter(ours).cloned().collect()
    }

    /// The libraries that its LLVM wants from the system, as packages.
    fn system_libraries(session: &Session<'_>) -> Vec<&'static str> {
        let folder = format!("/usr/lib/{}-linux-gnu", session.machine().architecture());
        [("libz3.so.4", "libz3-4"), ("libedit.so.2", "libedit2"), ("libxml2.so.2", "libxml2")]
            .into_iter()
            .filter(|(file, _)| !session.machine().exists(&Path::new(&folder).join(file)))
            .map(|(_, package)| package)
            .collect()
    }

    /// Scripts that run the unpacked programs with their own libraries; gives rustc and the target's linker.
    fn write_scripts(
        &self,
        session: &Session<'_>,
        unpacked: &Unpacked,
        linker: Option<&Path>,
    ) -> Result<(PathBuf, PathBuf)> {
        let (machine, root) = (session.machine(), &unpacked.folder);
        let folder = session.context.state.join("bin");
        let libraries = root.join(format!("usr/lib/{}-linux-gnu", machine.architecture()));
        let rustc = folder.join("distribution-rustc");
        let program = root.join("usr/bin/rustc");
        scripts::write(&rustc, &scripts::with_libraries(&program, &libraries, ""))?;
        let wasm_linker = folder.join("distribution-wasm-ld");
        // `lld-22` lies in `llvm-22`.
        let llvm = unpacked.package("lld-")?.package.replacen("lld", "llvm", 1);
        let program = root.join("usr/lib").join(llvm).join("bin/wasm-ld");
        scripts::write(&wasm_linker, &scripts::with_libraries(&program, &libraries, ""))?;
        let Some(linker) = linker else { return Ok((rustc, wasm_linker)) };
        let component_linker = folder.join("distribution/wasm-component-ld");
        scripts::write(&component_linker, &scripts::component_linker(linker, &wasm_linker))?;
        Ok((rustc, component_linker))
    }
}

impl Provider for DistributionCompiler {
    fn name(&self) -> &'static str {
        "distribution-compiler"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let ready = sources::set_readiness(session, COMPILER_SET, &Self::pins(session));
        match (ready, Self::system_libraries(session)) {
            (Readiness::Unavailable(reason), _) => Readiness::Unavailable(reason),
            (ready, packages) if packages.is_empty() => ready,
            (_, packages) => Readiness::Obtainable { packages },
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let pins = Self::pins(session);
        let unpacked = debian::unpack(session, COMPILER_SET, &pins, sources::keep_library_only)?;
        let root = &unpacked.folder;
        let mut detail = unpacked.detail();
        let mut component_linker = None;
        if self.0 == "wasm32-wasip2" {
            let linker = component_linker::ensure(session)?;
            detail.extend(linker.detail);
            component_linker = Some(linker.program);
        }
        let (rustc, linker) =
            self.write_scripts(session, &unpacked, component_linker.as_deref())?;
        // A library that is missing shows here, where the next step can still be named.
        session
            .machine()
            .run(&Step::new(rustc.to_string_lossy(), ["-vV"]).answered_within(ask::LIMIT))?;
        let release = moved::upstream(&unpacked.package("rustc-")?.version);
        let sources = sources::folder_of(root, release)?;
        let mut env = guest_environment(session, self.0, &sources, root)?;
        env.insert("RUSTC".to_owned(), rustc.display().to_string());
        let variable = format!("CARGO_TARGET_{}_LINKER", rust::variable_form(self.0));
        env.insert(variable, linker.display().to_string());
        detail.insert("rustc".to_owned(), release.to_owned());
        Ok(supply_built(self.0, session.compiler.cargo.clone(), env, detail))
    }
}
