//! `serve`: from the command line to a listening server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use wasmtime::component::Component;
use weighbridge_server::{Config, Stages};

use crate::arguments::Serve;
use crate::engine::{self, Allocation};
use crate::handler::{GuestHandler, Policy};
use crate::{component, guest};

/// Serves until SIGTERM or SIGINT.
pub(crate) fn serve(options: &Serve, mut stages: Stages) -> Result<()> {
    let config = front(options);
    let instances = pooled_instances(options, &config);

    let engine = engine::serving_engine(Allocation {
        pooled_instances: (!options.no_pooling).then_some(instances),
        memory_cow: !options.no_memory_cow,
        memory_limit_bytes: options.memory_limit_bytes(),
    })?;
    stages.mark("engine");
    let component = component::get(&engine, &options.component, options.compile_at_start)?;
    stages.mark("load");
    let policy = Arc::new(Policy {
        component: guest::pre_instantiate(&engine, &component)?,
        deadline: Duration::from_millis(options.deadline_ms),
        memory_limit_bytes: options.memory_limit_bytes(),
        reuse: options.reuse.get(),
    });
    stages.mark("pre_instantiate");

    engine::start_epochs(&engine)?;
    let per_thread = instances_per_thread(&component, instances, config.threads.get())?;
    weighbridge_server::serve(config, stages, |_| {
        GuestHandler::new(Arc::clone(&policy), per_thread)
    })?;
    Ok(())
}

fn front(options: &Serve) -> Config {
    let mut config = Config::new(options.listen);
    config.threads = options.threads.unwrap_or(config.threads);
    config
}

/// `--instances`, but at least one for each thread.
fn pooled_instances(options: &Serve, config: &Config) -> u32 {
    let threads = u32::try_from(config.threads.get()).unwrap_or(u32::MAX);
    options.instances.get().max(threads)
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
