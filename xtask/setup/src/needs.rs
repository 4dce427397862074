//! Every need with its chain: meeting all of them, or saying where each stands.

use crate::chain::{Chain, Plan, Session};
use crate::context::Context;
use crate::record::{Finding, Need, SCHEMA_VERSION, Setup};
use crate::{docker, docker_current, engine, podman, roots, static_native, tools, wasm};
use anyhow::Result;
use std::collections::BTreeMap;
use weighbridge_schema::architecture::Architecture;

/// Meets every need, or says why not: installs what is missing, all packages at once, then goes
/// through the chains. A need that stays missing is an entry of the result, not an error.
///
/// # Errors
/// When there is no Rust compiler, or when an override variable names an unknown provider.
pub fn provide_all(context: &Context<'_>, needs: &[Need]) -> Result<Setup> {
    let session = Session::open(context)?;
    let chains = chains(context, needs);
    let plans = chains.iter().map(|chain| chain.plan(&session)).collect::<Result<Vec<_>>>()?;
    install_all(&session, &plans);
    let mut setup =
        Setup { schema_version: SCHEMA_VERSION, provisions: Vec::new(), targets: BTreeMap::new() };
    for plan in plans {
        let (provision, target) = plan.run(&session);
        setup.targets.extend(target.map(|target| (provision.need, target)));
        setup.provisions.push(provision);
    }
    Ok(setup)
}

/// Says for each need where it stands and what would get it; changes nothing.
///
/// # Errors
/// As [`provide_all`].
pub fn probe_all(context: &Context<'_>, needs: &[Need]) -> Result<Vec<Finding>> {
    let session = Session::open(context)?;
    chains(context, needs).iter().map(|chain| chain.find(&session)).collect()
}

fn chains(context: &Context<'_>, needs: &[Need]) -> Vec<Chain> {
    needs.iter().map(|&need| chain_of(context, need)).collect()
}

fn chain_of(context: &Context<'_>, need: Need) -> Chain {
    match need {
        Need::WasmComponent => wasm::chain(need, "wasm32-wasip2"),
        Need::WasmCommand => wasm::chain(need, "wasm32-wasip1"),
        Need::StaticNative => static_native::chain(need, context.machine.architecture()),
        Need::StaticX86_64 => static_native::foreign_chain(need, Architecture::X86_64),
        Need::StaticAarch64 => static_native::foreign_chain(need, Architecture::Aarch64),
        Need::Emulator => tools::chain(need, &tools::EMULATOR),
        Need::ContainerEngine => engine::chain(&docker::DOCKER, context),
        Need::DockerCurrent => engine::chain(&docker_current::DOCKER_CURRENT, context),
        Need::Podman => engine::chain(&podman::PODMAN, context),
        Need::ImageDebian => roots::debian_chain(need),
        Need::ImageAlpine => roots::busybox_chain(need),
        Need::OciRuntimes => tools::chain(need, &tools::OCI_RUNTIMES),
        Need::CCompiler => tools::chain(need, &tools::C_COMPILER),
        Need::Tex => tools::chain(need, &tools::TEX),
        Need::Nix => tools::chain(need, &tools::NIX),
    }
}

/// Installs the packages of every chain's first provider in one go. When that is not allowed, the line to
/// paste is reported once, and every chain continues with what is there.
fn install_all(session: &Session<'_>, plans: &[Plan<'_>]) {
    let packages: Vec<&str> = plans.iter().flat_map(Plan::packages).copied().collect();
    if let Err(error) = session.installer.ensure(session.context, &packages) {
        session.report(&format!("packages were not installed: {error:#}"));
    }
}
