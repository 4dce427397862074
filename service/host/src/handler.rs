//! Answers requests with instances: a fresh one each, or kept ones when that was asked for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use wasmtime::{Result, Store};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use weighbridge_server::{Body, Handler};

use crate::allowance::Allowance;
use crate::epochs::Epochs;
use crate::exchange::exchange;
use crate::failure::{self, Reports};
use crate::give_back::give_back;
use crate::guest::{Guest, YIELD_AFTER_EPOCHS, instantiate};
use crate::limits::Limits;

/// How requests are answered; the same for all threads.
pub(crate) struct Policy {
    /// The linked component.
    pub(crate) component: ProxyPre<Guest>,
    /// Time for one request, waiting for an instance included.
    pub(crate) deadline: Duration,
    /// What interrupts guests that compute.
    pub(crate) epochs: Epochs,
    /// What instances may use of memory.
    pub(crate) limits: Limits,
    /// For all responses that are being made or sent.
    pub(crate) answers: Allowance,
    /// Most that an instance may have of the memory for all and still be kept for another request, in bytes.
    pub(crate) kept_bytes: usize,
    /// Requests that one instance answers.
    pub(crate) reuse: u32,
    /// Where failures are reported.
    pub(crate) reports: Reports,
}

/// One thread's handler. Threads share no instances and no locks, only the policy and the pool.
#[derive(Clone)]
pub(crate) struct GuestHandler(Arc<Lane>);

struct Lane {
    policy: Arc<Policy>,
    /// One permit per instance that this thread may have.
    instances: Semaphore,
    /// One permit: a guest has no I/O to wait for, so a second body worked on by the same thread would only take
    /// memory and the first one's time. The native service bounds its transforms alike. Requests without a
    /// body do not need it, and a busy guest yields to them.
    work: Semaphore,
    /// Instances between two requests. Never more than permits: one is only made when none is here.
    idle: Mutex<Vec<Instance>>,
    /// Where other components take instances from the same pool.
    shared: Option<SharedPool>,
}

/// The instances that all components may have on a thread, and how many of them one of this
/// component counts for.
struct SharedPool {
    instances: Arc<Semaphore>,
    weight: u32,
}

struct Instance {
    store: Store<Guest>,
    proxy: Proxy,
    answered: u32,
}

impl GuestHandler {
    /// A handler with at most `instances` instances at once; at least one.
    pub(crate) fn new(policy: Arc<Policy>, instances: usize) -> Self {
        Self(Arc::new(Lane::new(policy, instances, None)))
    }

    /// The same, with instances that other components have too, and each of which counts for
    /// `weight` of theirs. None may be kept between requests: it would stand in the others' way.
    pub(crate) fn in_pool(
        policy: Arc<Policy>,
        instances: usize,
        shared: Arc<Semaphore>,
        weight: u32,
    ) -> Self {
        let shared = SharedPool { instances: shared, weight };
        Self(Arc::new(Lane::new(policy, instances, Some(shared))))
    }

    /// Answers a request, at `until` at the latest.
    pub(crate) async fn answer_until(
        &self,
        request: Request<Body>,
        until: Instant,
    ) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let Body::Complete(body) = body else { return failure::body_too_large() };
        let request = Request::from_parts(parts, body);
        // Epochs make a busy guest yield here, and dropping its future ends it: also one that waits for memory.
        let response = match timeout_at(until, self.0.answer(request)).await {
            Ok(Ok(response)) => return response,
            Ok(Err(error)) => self.0.policy.reports.guest_failed(&error),
            Err(_) => failure::deadline_exceeded(),
        };
        // The instance is gone, and with it what the host kept for it, which may be tens of MiB.
        give_back();
        response
    }
}

impl Handler for GuestHandler {
    async fn answer(self, request: Request<Body>) -> Response<Bytes> {
        let until = Instant::now() + self.0.policy.deadline;
        self.answer_until(request, until).await
    }
}

impl Lane {
    fn new(policy: Arc<Policy>, instances: usize, shared: Option<SharedPool>) -> Self {
        let instances = Semaphore::new(instances.max(1));
        Self { policy, instances, work: Semaphore::new(1), idle: Mutex::default(), shared }
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        // The semaphores are never closed; the permits outlive the instance, which is dropped first.
        let _turn = match request.body().is_empty() {
            true => None,
            false => Some(self.work.acquire().await?),
        };
        let _permit = self.instances.acquire().await?;
        // The component's own before those of all: what waits for its like holds up no other
        // component.
        let _shared = match &self.shared {
            Some(pool) => Some(pool.instances.acquire_many(pool.weight).await?),
            None => None,
        };
        // Also the start function of a new instance may run for ever.
        let _running = self.policy.epochs.enter();
        // A lock taken in the match itself would be held over the await.
        let idle = self.idle().pop();
        let mut instance = match idle {
            Some(mut instance) => {
                // Epochs that passed between two requests are no reason to yield.
                instance.store.set_epoch_deadline(YIELD_AFTER_EPOCHS);
                instance
            }
            None => Instance::new(&self.policy).await?,
        };
        let response = instance.answer(request, &self.policy.answers).await?;
        if instance.answered < self.policy.reuse && instance.taken_bytes() <= self.policy.kept_bytes
        {
            self.idle().push(instance);
        }
        Ok(response)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        // Nothing panics while it is held; and a vector of instances has no state to be broken.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    async fn new(policy: &Policy) -> Result<Self> {
        let (store, proxy) = instantiate(&policy.component, &policy.limits).await?;
        Ok(Self { store, proxy, answered: 0 })
    }

    async fn answer(
        &mut self,
        request: Request<Bytes>,
        answers: &Allowance,
    ) -> Result<Response<Bytes>> {
        self.answered += 1;
        exchange(&mut self.store, &self.proxy, request, answers).await
    }

    fn taken_bytes(&self) -> usize {
        self.store.data().limiter.taken_bytes()
    }
}
