//! `run`: a command component with the code, the pool and the epochs of a component that is served, so that parts of
//! the service can be timed by themselves.

use anyhow::{Context, Result, anyhow};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::arguments::{INSTANCES, MEMORY_LIMIT_MIB, RunCommand, mib};
use crate::component;
use crate::engine::{self, Allocation};
use crate::epochs::Epochs;
use crate::guest::YIELD_AFTER_EPOCHS;

/// The host's side of the one instance.
struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Runs the command to its end. It has its arguments and the three standard streams, and nothing else.
pub(crate) fn run(options: &RunCommand) -> Result<()> {
    let allocation = Allocation {
        pooled_instances: Some(INSTANCES.get()),
        memory_cow: true,
        memory_limit_bytes: mib(MEMORY_LIMIT_MIB),
    };
    let mut config = engine::code_config(allocation.memory_cow);
    config.epoch_interruption(!options.no_epochs);
    let engine = engine::engine_of(config, allocation)?;
    let component = component::get(&engine, &options.component, false)?;
    let epochs = if options.no_epochs { Epochs::none() } else { Epochs::start(&engine)? };
    let _running = epochs.enter();

    let mut linker = Linker::<Guest>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let mut store = store(&engine, options);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended: wasmtime::Result<Result<(), ()>> = runtime.block_on(async {
        let command = Command::instantiate_async(&mut store, &component, &linker).await?;
        command.wasi_cli_run().call_run(&mut store).await
    });
    let ended = ended.map_err(anyhow::Error::from).context("running the command")?;
    ended.map_err(|()| anyhow!("the command ended with a failure"))
}

fn store(engine: &Engine, options: &RunCommand) -> Store<Guest> {
    let mut wasi = WasiCtx::builder();
    // The first is the program's own name, by which a command finds the others.
    wasi.inherit_stdio().arg("command").args(&options.arguments);
    let mut store = Store::new(engine, Guest { wasi: wasi.build(), table: ResourceTable::new() });
    if !options.no_epochs {
        // As guests that are served: each epoch it yields, here to nobody.
        store.set_epoch_deadline(YIELD_AFTER_EPOCHS);
        store.epoch_deadline_callback(|_| {
            let yielded = Box::pin(tokio::task::yield_now());
            Ok(UpdateDeadline::YieldCustom(YIELD_AFTER_EPOCHS, yielded))
        });
    }
    store
}
