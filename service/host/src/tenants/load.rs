//! From a tenant's file to a tenant that answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::allowance::Allowance;
use crate::epochs::Epochs;
use crate::failure::Reports;
use crate::guest::Guest;
use crate::handler::{GuestHandler, Policy};
use crate::limits::Limits;
use crate::{component, engine, linker};

use super::table::Load;

/// Loads tenants from the files of a folder.
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Guest>,
    pub(crate) epochs: Epochs,
    /// Time for one request.
    pub(crate) deadline: Duration,
    /// For all tenants; each has a part of the memory.
    pub(crate) limits: Limits,
    pub(crate) tenant_memory_bytes: usize,
    /// For the responses of all tenants; each has a part of it.
    pub(crate) answers: Allowance,
    pub(crate) tenant_answers_bytes: usize,
    /// Instances of one tenant at once on each thread.
    pub(crate) tenant_instances: u32,
    /// For each thread, the instances that all tenants may have on it.
    pub(crate) pools: Vec<Arc<Semaphore>>,
}

/// The file that a tenant is loaded from, as it was when looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    path: PathBuf,
    is_compiled: bool,
    length_bytes: u64,
    modified: Option<SystemTime>,
}

/// A tenant that can answer: its component on each thread.
pub(crate) struct Tenant {
    pub(crate) lanes: Box<[GuestHandler]>,
    answers: Allowance,
}

impl Load for Files {
    type Tenant = Tenant;
    type Source = Source;

    fn find(&self, name: &str) -> Option<Source> {
        // Compiled code first, which is there at once.
        [("cwasm", true), ("wasm", false)].into_iter().find_map(|(extension, is_compiled)| {
            let path = self.folder.join(format!("{name}.{extension}"));
            let metadata = path.metadata().ok()?;
            // Anything else, a pipe say, might never be read to its end.
            let (length_bytes, modified) = (metadata.len(), metadata.modified().ok());
            metadata.is_file().then_some(Source { path, is_compiled, length_bytes, modified })
        })
    }

    fn is_slow(&self, source: &Source) -> bool {
        !source.is_compiled
    }

    fn load(&self, name: &str, source: &Source) -> Result<Tenant> {
        // Without a compiler an error says what to do with the component.
        let compile_now = cfg!(feature = "compiler") && !source.is_compiled;
        let component = component::get(&self.engine, &source.path, compile_now)?;
        let weight = engine::pool_share(&component);
        ensure!(
            weight <= self.tenant_instances,
            "{}: one instance has so many memories or tables that it counts for {weight}, and a \
             tenant may have {} on a thread: raise --tenant-instances and --instances",
            source.path.display(),
            self.tenant_instances
        );
        let policy = Arc::new(Policy {
            component: linker::link(&self.linker, &component)?,
            deadline: self.deadline,
            epochs: self.epochs.clone(),
            limits: Limits {
                memory: self.limits.memory.part(self.tenant_memory_bytes),
                ..self.limits
            },
            answers: self.answers.part(self.tenant_answers_bytes),
            kept_bytes: 0,
            reuse: 1,
            reports: Reports::of_tenant(name),
        });
        let lane = |pool: &Arc<Semaphore>| {
            let instances = (self.tenant_instances / weight) as usize;
            GuestHandler::in_pool(Arc::clone(&policy), instances, Arc::clone(pool), weight)
        };
        let lanes = self.pools.iter().map(lane).collect();
        Ok(Tenant { lanes, answers: policy.answers.clone() })
    }

    fn is_in_use(&self, tenant: &Tenant) -> bool {
        // Responses that are being sent: loaded anew, the tenant would have its whole part once
        // more.
        !tenant.answers.is_untouched()
    }

    fn report(&self, name: &str, error: &anyhow::Error) {
        Reports::not_loaded(name, error);
    }
}
