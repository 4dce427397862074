//! What a guest can reach: its request, its response, clocks and random numbers. Nothing else.
//!
//! A Rust guest's standard library imports most of wasi:cli, wasi:filesystem and wasi:sockets
//! whether it uses them or not. All of it is linked, and all of it is refused: no file, no
//! directory, no variable, no argument, no socket, no outgoing request; what it prints goes nowhere.
//! `serve --allow-loopback` alone lets it send requests, to this machine and nowhere else.

use std::sync::{Arc, LazyLock};

use http::HeaderName;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx,
    WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::limits::{
    CALL_BYTES, CHUNK_BYTES, FIELDS_BYTES, Limiter, Limits, RANDOM_BYTES, TABLE_ENTRIES,
};
use crate::outgoing::{self, Ending, Sending};

/// After so many epochs, and then again, a guest yields to the thread's other requests.
pub(crate) const YIELD_AFTER_EPOCHS: u64 = 1;

/// The host's side of one instance.
pub(crate) struct Guest {
    /// Made when the guest first asks for a clock, a random number or the like: two random generators are seeded for
    /// it (2,115 instructions of the 106,000 of a request that needs none of this).
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
}

impl Guest {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(TABLE_ENTRIES);
        let hooks = Hooks { allow_loopback: limits.allow_loopback };
        Self { wasi: None, http, hooks, table, limiter: Limiter::new(limits) }
    }
}

/// Refuses everything but clocks and random numbers.
fn refusing() -> WasiCtx {
    // The builder's defaults refuse everything but the creation of sockets.
    WasiCtx::builder().allow_tcp(false).allow_udp(false).max_random_size(RANDOM_BYTES).build()
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_with(refusing), table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Refuses requests that the guest wants to send, but those to loopback where they are allowed, and bounds what waits of
/// a body that it sends.
struct Hooks {
    allow_loopback: bool,
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        static FILTER: LazyLock<ForbiddenHeaderFilter> =
            LazyLock::new(|| Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name)));
        Arc::clone(&FILTER)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Ending,
    ) -> Sending {
        match self.allow_loopback && outgoing::is_to_loopback(request.uri()) {
            true => outgoing::send(request),
            false => Box::new(async { Err(Error::HttpRequestDenied) }),
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}

/// Makes an instance in a store of its own.
///
/// # Errors
/// When there is no room in the pool, or the guest's start function traps.
pub(crate) async fn instantiate(
    component: &ProxyPre<Guest>,
    limits: &Limits,
) -> wasmtime::Result<(Store<Guest>, Proxy)> {
    let mut store = Store::new(component.engine(), Guest::new(limits));
    store.limiter_async(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(CALL_BYTES);
    // tokio's own way to yield lets the thread look at its sockets and timers first; the plain way, waking the task at
    // once, would have it look every 61st time only.
    store.set_epoch_deadline(YIELD_AFTER_EPOCHS);
    store.epoch_deadline_callback(|_| {
        let yielded = Box::pin(tokio::task::yield_now());
        Ok(UpdateDeadline::YieldCustom(YIELD_AFTER_EPOCHS, yielded))
    });
    let proxy = component.instantiate_async(&mut store).await?;
    Ok((store, proxy))
}
