//! The engine's configuration: one for compiling and serving.
//!
//! A compiled component loads only into an engine whose code generation is configured the same, so
//! everything that shapes code is in [`code_config`], and nothing else may be.

use anyhow::{Context, Result};
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Reserved address space of a linear memory, in bytes: all that 32 bits can address, so that with
/// the guard pages behind it no access needs a bounds check.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
/// Guard pages behind a linear memory, in bytes: covers the constant offsets in loads and stores.
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Tables in the pool for each instance: a component made by `wasm-component-ld` has two.
const TABLES_PER_INSTANCE: u32 = 4;
/// Core instances for each instance (the guest's module and its adapters). Only counted.
const CORE_INSTANCES_PER_INSTANCE: u32 = 32;
/// What stays resident of a free slot's memory, in bytes, where the kernel can tell which pages were
/// touched: clearing those by hand is faster than giving them back and faulting them in again (by
/// 3.8 for a guest that touches 8 MiB). It bounds what an idle slot holds.
const MEMORY_KEEP_RESIDENT_BYTES: usize = 16 << 20;
/// The same for tables, in bytes; worth it with and without the kernel's help.
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;
/// What serving needs beside the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocation {
    /// Take memories, tables and stacks from a pool with room for this many instances.
    pub(crate) pooled_instances: Option<u32>,
    /// Map the initial memory copy-on-write.
    pub(crate) memory_cow: bool,
    /// Longest linear memory, in bytes.
    pub(crate) memory_limit_bytes: usize,
}

/// What shapes the compiled code, and so must be the same in both binaries.
///
/// `memory_cow`: the initial memory is laid out to be mapped copy-on-write, not to be copied.
pub(crate) fn code_config(memory_cow: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_simd(true)
        .epoch_interruption(true)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .memory_init_cow(memory_cow)
        .signals_based_traps(true)
        // Neither debugger nor profiler reads them: less to load, nothing to register at start.
        .native_unwind_info(false)
        .generate_address_map(false)
        // Only components of wasi:http 0.3 would need it, and each store would pay for it.
        .concurrency_support(false);
    config
}

/// An engine that serves.
pub(crate) fn serving_engine(allocation: Allocation) -> Result<Engine> {
    engine_of(code_config(allocation.memory_cow), allocation)
}

/// An engine for code of `config`, with all else that serving needs.
pub(crate) fn engine_of(mut config: Config, allocation: Allocation) -> Result<Engine> {
    // A stripped guest has no names to show, and a trap is dearer by the walk.
    config.wasm_backtrace_max_frames(None);
    if let Some(instances) = allocation.pooled_instances {
        let pool = pool(instances, allocation.memory_limit_bytes);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    Engine::new(&config).map_err(anyhow::Error::from).context(
        "creating the Wasm engine: each instance reserves 4 GiB of address space, so check \
         `ulimit -v`, or take fewer with --instances",
    )
}

fn pool(instances: u32, memory_limit_bytes: usize) -> PoolingAllocationConfig {
    // Without the kernel's list of touched pages (PAGEMAP_SCAN, Linux 6.7) all that is kept would
    // have to be cleared, touched or not: then giving pages back is the faster way.
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let memory_keep_bytes = if scan { MEMORY_KEEP_RESIDENT_BYTES } else { 0 };
    let mut pool = PoolingAllocationConfig::new();
    // Decommits are not batched: with so little left to give back it made no difference (1.04 times
    // as fast unbatched, interval 0.97 to 1.19), and an unbatched slot is free at once.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_INSTANCE))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_PER_INSTANCE))
        .total_stacks(instances)
        .max_memory_size(memory_limit_bytes)
        .max_unused_warm_slots(0)
        .linear_memory_keep_resident(memory_keep_bytes)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// How many instances of `component` a pool for `pooled_instances` has room for.
pub(crate) fn room_for_component(pooled_instances: u32, component: &Component) -> u32 {
    // A component that takes modules as imports has no figure; linking refuses it.
    component.resources_required().map_or(pooled_instances, |needs| {
        room_for(pooled_instances, needs.num_memories, needs.num_tables)
    })
}

/// For how many instances of a component with one memory one of `component` counts in the pool.
pub(crate) fn pool_share(component: &Component) -> u32 {
    component.resources_required().map_or(1, |needs| share_of(needs.num_memories, needs.num_tables))
}

/// For how many instances one with this many memories and tables counts.
fn share_of(memories: u32, tables: u32) -> u32 {
    memories.max(tables.div_ceil(TABLES_PER_INSTANCE)).max(1)
}

/// How many instances of a component with this many memories and tables the pool has room for.
fn room_for(pooled_instances: u32, memories: u32, tables: u32) -> u32 {
    let by_memories = pooled_instances / memories.max(1);
    let by_tables = pooled_instances.saturating_mul(TABLES_PER_INSTANCE) / tables.max(1);
    by_memories.min(by_tables).min(pooled_instances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_has_room_for_components_with_more_memories_and_tables_too() {
        assert_eq!(room_for(32, 1, 2), 32);
        assert_eq!(room_for(32, 0, 0), 32);
        assert_eq!(room_for(32, 3, 2), 10);
        assert_eq!(room_for(32, 1, 8), 16);
        assert_eq!(room_for(2, 3, 1), 0);
    }

    #[test]
    fn what_an_instance_counts_for_fits_into_the_pool() {
        for (memories, tables) in [(0, 0), (1, 2), (1, 4), (1, 5), (3, 2), (7, 100)] {
            let share = share_of(memories, tables);
            assert!(share >= 1 && room_for(share, memories, tables) >= 1, "{memories} {tables}");
            assert!(share == 1 || room_for(share - 1, memories, tables) == 0, "not more than that");
        }
    }
}
