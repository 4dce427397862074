//! `call`: requests without a socket, where instructions are counted.

use std::sync::Arc;

use anyhow::Result;
use weighbridge_server::CALL_DEADLINE;

use crate::allowance::Allowance;
use crate::arguments::{CallComponent, INSTANCES, MEMORY_LIMIT_MIB, mib};
use crate::engine::{self, Allocation};
use crate::epochs::Epochs;
use crate::failure::Reports;
use crate::handler::{GuestHandler, Policy};
use crate::limits::{ANSWER_BYTES, Limits};
use crate::{component, linker};

/// Handles the request with a fresh instance each time, as `serve` with its defaults does. The thread that makes the
/// epochs pass is left out: when a guest yields would be another thing each time, and here is nobody to yield to.
pub(crate) fn call(options: &CallComponent) -> Result<()> {
    let memory_limit_bytes = mib(MEMORY_LIMIT_MIB);
    let engine = engine::serving_engine(Allocation {
        pooled_instances: Some(INSTANCES.get()),
        memory_cow: true,
        memory_limit_bytes,
    })?;
    let component = component::get(&engine, &options.component, false)?;
    let policy = Arc::new(Policy {
        component: linker::pre_instantiate(&engine, &component)?,
        deadline: CALL_DEADLINE,
        epochs: Epochs::none(),
        // As `serve` has them with one thread.
        limits: Limits::for_full_instances(1, memory_limit_bytes),
        answers: Allowance::new(ANSWER_BYTES),
        kept_bytes: 0,
        reuse: 1,
        reports: Reports::of_component(),
    });
    // One request at a time never waits for the instance before it.
    options.call.run(&GuestHandler::new(policy, 1))?;
    Ok(())
}
