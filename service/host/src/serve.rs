//! `serve`: from the command line to a listening server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use wasmtime::component::Component;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use weighbridge_server::{Config, Stages};

use crate::allowance::Allowance;
use crate::arguments::{INSTANCES, Serve, mib};
use crate::engine::{self, Allocation};
use crate::epochs::Epochs;
use crate::failure::Reports;
use crate::guest::Guest;
use crate::handler::{GuestHandler, Policy};
use crate::limits::Limits;
use crate::{component, linker, tenants};

/// Allowance for responses unless --total-answers-mib says otherwise, for each thread: room for the longest one, and
/// for some that wait to be taken.
const ANSWERS_MIB_PER_THREAD: u32 = 256;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn serve(options: &Serve, stages: Stages) -> Result<()> {
    match (&options.component, &options.tenants.folder) {
        (_, Some(folder)) => tenants::serve(options, folder, stages),
        (Some(file), None) => serve_one(options, file, stages),
        (None, None) => bail!("name a component, or a folder of them with --tenants"),
    }
}

/// Serves one component.
fn serve_one(options: &Serve, file: &Path, mut stages: Stages) -> Result<()> {
    let config = front(options);
    let instances = pooled_instances(options, &config);

    let engine = engine::serving_engine(allocation(options, instances))?;
    stages.mark("engine");
    let component = component::get(&engine, file, options.compile_at_start)?;
    stages.mark("load");
    let linked = linker::pre_instantiate(&engine, &component)?;
    stages.mark("pre_instantiate");

    let epochs = Epochs::start(&engine)?;
    let policy = Arc::new(policy(options, &config, instances, linked, epochs));
    let per_thread = instances_per_thread(&component, instances, config.threads.get())?;
    weighbridge_server::serve(config, stages, |_| {
        GuestHandler::new(Arc::clone(&policy), per_thread)
    })?;
    Ok(())
}

/// How the HTTP front is to serve.
pub(crate) fn front(options: &Serve) -> Config {
    let mut config = Config::new(options.listen);
    config.threads = options.threads.unwrap_or(config.threads);
    config.stop_timeout = Duration::from_millis(options.stop_timeout_ms);
    config
}

/// What the engine sets aside for `instances` of them.
pub(crate) fn allocation(options: &Serve, instances: u32) -> Allocation {
    Allocation {
        pooled_instances: (!options.no_pooling).then_some(instances),
        memory_cow: !options.no_memory_cow,
        memory_limit_bytes: options.memory_limit_bytes(),
    }
}

/// What the responses of one component may take on so many threads, unless the command line says
/// otherwise.
pub(crate) fn answers_bytes(threads: usize) -> usize {
    mib(ANSWERS_MIB_PER_THREAD).saturating_mul(threads)
}

fn policy(
    options: &Serve,
    config: &Config,
    instances: u32,
    component: ProxyPre<Guest>,
    epochs: Epochs,
) -> Policy {
    let threads = config.threads.get();
    // A thread works on one body at a time, so bodies alone never wait for memory.
    let mut limits = Limits::for_full_instances(threads, options.memory_limit_bytes());
    if let Some(count) = options.total_memory_mib {
        limits.memory = Allowance::new(mib(count));
    }
    limits.allow_loopback = options.allow_loopback;
    let answers_bytes = options.total_answers_mib.map_or_else(|| answers_bytes(threads), mib);
    Policy {
        component,
        deadline: Duration::from_millis(options.deadline_ms),
        epochs,
        // All instances may be idle at once, and must leave each other room.
        kept_bytes: limits.memory.total_bytes() / instances.max(1) as usize,
        limits,
        answers: Allowance::new(answers_bytes),
        reuse: options.reuse.get(),
        reports: Reports::of_component(),
    }
}

/// `--instances`, but at least one for each thread.
fn pooled_instances(options: &Serve, config: &Config) -> u32 {
    let threads = u32::try_from(config.threads.get()).unwrap_or(u32::MAX);
    options.instances.unwrap_or(INSTANCES).get().max(threads)
}

/// Each thread's even share of the instances that the pool has room for.
fn instances_per_thread(component: &Component, instances: u32, threads: usize) -> Result<usize> {
    let share = engine::room_for_component(instances, component) as usize / threads;
    if share == 0 {
        bail!(
            "--instances {instances} leaves no instance for each of {threads} threads, because one \
             instance of this component has several memories or tables: raise --instances"
        );
    }
    Ok(share)
}
