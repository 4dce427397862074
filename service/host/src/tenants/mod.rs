//! Many components in one process: each is a tenant, with limits of its own.
//!
//! Tenants share the engine, the threads and the pool. What one of them does wrong, or too much of,
//! meets the limits of that tenant before it meets those of the process, so that there is always
//! something left for the others.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use weighbridge_server::{Body, Handler, Stages};

use crate::allowance::Allowance;
use crate::arguments::{INSTANCES, Serve, mib};
use crate::engine;
use crate::epochs::Epochs;
use crate::limits::Limits;
use crate::{failure, linker, serve};

mod choice;
mod load;
mod options;
mod table;

use choice::Choice;
use load::Files;
pub(crate) use options::TenantOptions;
use table::{Bounds, Counts, Refusal, Tenants};

/// Instances that a thread has room for with the default of --instances: those of two tenants at
/// their limit.
const INSTANCES_PER_THREAD: u32 = 8;

/// Serves the tenants in `folder` until SIGTERM or SIGINT.
pub(crate) fn serve(options: &Serve, folder: &Path, mut stages: Stages) -> Result<()> {
    ensure!(folder.is_dir(), "--tenants {}: there is no such folder", folder.display());
    let config = serve::front(options);
    let threads = u32::try_from(config.threads.get()).unwrap_or(u32::MAX);
    let default = INSTANCES.get().max(threads.saturating_mul(INSTANCES_PER_THREAD));
    let instances = options.instances.map_or(default, |count| count.get().max(threads));

    let engine = engine::serving_engine(serve::allocation(options, instances))?;
    stages.mark("engine");
    let files = files(options, folder, &engine, instances, threads)?;
    stages.mark("link");
    let bounds = Bounds {
        idle_timeout: options.tenants.idle_timeout,
        requests: options.tenants.tenant_requests.get(),
        loaded: options.tenants.loaded_tenants.get() as usize,
        loading: config.threads.get(),
    };
    let (deadline, choice) = (files.deadline, options.tenants.tenant_by);
    let tenants = Tenants::new(files, bounds);
    let idle = Arc::clone(&tenants);
    thread::Builder::new()
        .name("tenants".into())
        .spawn(move || idle.drop_idle(report))
        .context("starting the thread that drops idle tenants")?;
    weighbridge_server::serve(config, stages, |thread| TenantHandler {
        tenants: Arc::clone(&tenants),
        thread,
        choice,
        deadline,
    })?;
    Ok(())
}

/// What tenants are loaded from and with.
fn files(
    options: &Serve,
    folder: &Path,
    engine: &wasmtime::Engine,
    instances: u32,
    threads: u32,
) -> Result<Files> {
    let tenant_instances = options.tenants.instances_per_thread(threads);
    let pool_instances = instances / threads;
    ensure!(
        tenant_instances.saturating_mul(2) <= pool_instances,
        "one tenant could have {tenant_instances} of the {pool_instances} instances of a thread, \
         which is more than half: raise --instances, or lower --tenant-instances",
    );
    let memory_limit_bytes = options.memory_limit_bytes();
    let (memory, tenant_memory_bytes) = total_and_part(
        "memory",
        Shared {
            total: options.total_memory_mib.map(mib),
            usual_total: memory_limit_bytes.saturating_mul(threads as usize),
            part: options.tenants.tenant_memory_mib.map(mib),
            usual_part: memory_limit_bytes,
        },
    )?;
    let (answers, tenant_answers_bytes) = total_and_part(
        "answers",
        Shared {
            total: options.total_answers_mib.map(mib),
            usual_total: serve::answers_bytes(threads as usize),
            part: options.tenants.tenant_answers_mib.map(mib),
            usual_part: mib(options::ANSWERS_MIB),
        },
    )?;
    let pool = || Arc::new(Semaphore::new(pool_instances as usize));
    Ok(Files {
        folder: folder.to_owned(),
        engine: engine.clone(),
        linker: linker::linker(engine)?,
        epochs: Epochs::start(engine)?,
        deadline: Duration::from_millis(options.deadline_ms),
        limits: Limits { memory_limit_bytes, memory, allow_loopback: false },
        tenant_memory_bytes,
        answers,
        tenant_answers_bytes,
        tenant_instances,
        pools: (0..threads).map(|_| pool()).collect(),
    })
}

/// Memory that all tenants share, in bytes: what the command line says, and what is usual.
#[derive(Clone, Copy)]
struct Shared {
    total: Option<usize>,
    /// What a host with one component has.
    usual_total: usize,
    part: Option<usize>,
    usual_part: usize,
}

/// What all tenants have together, and what each may have of it, in bytes: half at most, so that
/// one tenant alone never makes another wait.
fn total_and_part(name: &str, shared: Shared) -> Result<(Allowance, usize)> {
    let Shared { total, usual_total, part, usual_part } = shared;
    let part = part.unwrap_or_else(|| total.map_or(usual_part, |all| usual_part.min(all / 2)));
    let twice = part.saturating_mul(2);
    let total = total.unwrap_or_else(|| usual_total.saturating_add(part).max(twice));
    ensure!(
        twice <= total,
        "--tenant-{name}-mib: one tenant could have more than half of what all have: lower it to \
         at most {} MiB, or raise --total-{name}-mib",
        total / 2 / mib(1)
    );
    Ok((Allowance::new(total), part))
}

/// One thread's handler.
#[derive(Clone)]
struct TenantHandler {
    tenants: Arc<Tenants<Files>>,
    /// The thread's number from 0.
    thread: usize,
    choice: Choice,
    deadline: Duration,
}

impl Handler for TenantHandler {
    async fn answer(self, request: Request<Body>) -> Response<Bytes> {
        let until = Instant::now() + self.deadline;
        let Some((name, request)) = self.choice.split(request) else {
            return failure::unknown_tenant();
        };
        let visit = match timeout_at(until, self.tenants.enter(&name)).await {
            Ok(Ok(visit)) => visit,
            Ok(Err(Refusal::Unknown)) => return failure::unknown_tenant(),
            Ok(Err(Refusal::Busy)) => return failure::busy_tenant(),
            Ok(Err(Refusal::Broken)) => return failure::broken_tenant(),
            Err(_) => return failure::deadline_exceeded(),
        };
        // Loaded it is, and there is a lane for each thread.
        let Some(lane) = visit.tenant().and_then(|tenant| tenant.lanes.get(self.thread)) else {
            return failure::broken_tenant();
        };
        lane.answer_until(request, until).await
    }
}

/// Writes how many tenants are loaded, and have been loaded and dropped so far, to stderr.
fn report(counts: Counts) {
    let Counts { loaded, loads, failed_loads, drops, load_ns } = counts;
    let line = format!(
        "weighbridge-tenants {{\"loaded\":{loaded},\"loads\":{loads},\
         \"failed_loads\":{failed_loads},\"drops\":{drops},\"load_ns\":{load_ns}}}\n"
    );
    // In one write; a closed stderr is no reason not to serve.
    let _ = io::stderr().write_all(line.as_bytes());
}
