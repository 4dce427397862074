//! One request: which thread does the work, until when, and what happens if it fails.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use weighbridge_server::{Body, Handler};
use weighbridge_transform::{
    Request, Response, body_too_large, deadline_exceeded, handle, internal_error,
};

/// For work that nobody gives up.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Answers requests with the pipeline. A clone shares the bound on transforms.
#[derive(Clone)]
pub(crate) struct Service {
    /// One permit per transform that may run at a time, over all threads: more would only take
    /// memory and each other's time.
    permits: Arc<Semaphore>,
    deadline: Duration,
    /// The time to stop is over: whatever is computed ends as if its deadline had passed.
    gave_up: Arc<AtomicBool>,
}

impl Service {
    /// A service that runs at most `transforms` at a time, each for at most `deadline` from the
    /// arrival of its request.
    pub(crate) fn new(transforms: NonZeroUsize, deadline: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(transforms.get()));
        Self { permits, deadline, gave_up: Arc::default() }
    }

    async fn respond(self, request: http::Request<Body>) -> Response {
        let Some(exchange) = Exchange::new(request, self.deadline) else { return body_too_large() };
        let deadline = exchange.deadline;
        if exchange.body.is_empty() {
            // No image, so no work: a health check never waits behind transforms.
            return guarded(|| exchange.answer(&NEVER));
        }
        let permit = self.permits.acquire_owned();
        let permit = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, permit).await,
            None => Ok(permit.await),
        };
        // The semaphore is never closed, so that only the deadline is left as a reason.
        let Ok(Ok(permit)) = permit else { return deadline_exceeded() };
        let gave_up = self.gave_up;
        let work = move || {
            let response = guarded(|| exchange.answer(&gave_up));
            drop(permit);
            response
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| internal_error())
    }
}

impl Handler for Service {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Bytes> {
        into_http(self.respond(request).await)
    }

    /// A transform runs on a thread of its own, which nothing ends from outside.
    fn give_up(&self) -> bool {
        self.gave_up.store(true, Relaxed);
        true
    }
}

/// The same answers on the thread that asks for them: no permit, and no other thread, whose waking would take another
/// number of instructions each time.
#[derive(Clone)]
pub(crate) struct InPlace {
    deadline: Duration,
}

impl InPlace {
    /// Answers within `deadline`.
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline }
    }
}

impl Handler for InPlace {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Bytes> {
        let exchange = Exchange::new(request, self.deadline);
        into_http(match exchange {
            Some(exchange) => guarded(|| exchange.answer(&NEVER)),
            None => body_too_large(),
        })
    }
}

/// A request with all that its answer depends on, free to move to another thread.
struct Exchange {
    head: http::request::Parts,
    body: Bytes,
    deadline: Option<Instant>,
}

impl Exchange {
    /// `None` when the body was over the limit.
    fn new(request: http::Request<Body>, within: Duration) -> Option<Self> {
        // A deadline too far away to be expressed never passes.
        let deadline = Instant::now().checked_add(within);
        let (head, body) = request.into_parts();
        let Body::Complete(body) = body else { return None };
        Some(Self { head, body, deadline })
    }

    fn answer(&self, gave_up: &AtomicBool) -> Response {
        let content_type = self.head.headers.get(header::CONTENT_TYPE);
        let request = Request {
            method: self.head.method.as_str(),
            path_and_query: self.head.uri.path_and_query().map_or("", |target| target.as_str()),
            content_type: content_type.and_then(|value| value.to_str().ok()),
            body: &self.body,
        };
        handle(&request, &|| {
            gave_up.load(Relaxed)
                || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
        })
    }
}

/// Turns a panic into an answer: one broken image must not end everyone's service. The panic itself
/// is on stderr already, written by the panic hook.
fn guarded(answer: impl FnOnce() -> Response) -> Response {
    // Nothing outlives the closure but the answer, so nothing half-changed can be seen later.
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| internal_error())
}

fn into_http(response: Response) -> http::Response<Bytes> {
    let mut answer = http::Response::new(Bytes::from(response.body));
    // All statuses of the pipeline are valid ones.
    *answer.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(response.content_type));
    if let Some(allow) = response.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(transforms: usize, deadline: Duration) -> Service {
        Service::new(NonZeroUsize::new(transforms).unwrap(), deadline)
    }

    fn post(body: Body) -> http::Request<Body> {
        http::Request::builder()
            .method("POST")
            .uri("/v1/images/transform?op=grayscale")
            .header("content-type", "image/png")
            .body(body)
            .unwrap()
    }

    #[test]
    fn a_panic_becomes_an_answer() {
        let response = guarded(|| panic!("a decoder's bug, made up for this test"));
        assert_eq!(response, internal_error());
        assert_eq!(response.status, 500);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let service = service(1, Duration::from_secs(10));
        assert_eq!(service.respond(post(Body::OverLimit)).await, body_too_large());
    }

    #[tokio::test]
    async fn waiting_for_a_turn_counts_against_the_deadline() {
        let service = service(1, Duration::from_millis(20));
        let _taken = Arc::clone(&service.permits).acquire_owned().await.unwrap();
        let body = Body::Complete(Bytes::from_static(b"x"));
        assert_eq!(service.clone().respond(post(body)).await, deadline_exceeded());
        let health =
            http::Request::builder().uri("/healthz").body(Body::Complete(Bytes::new())).unwrap();
        assert_eq!(service.respond(health).await.body, b"ok");
    }

    #[tokio::test]
    async fn the_answer_in_place_is_the_same() {
        let limit = Duration::from_secs(10);
        for body in [Body::OverLimit, Body::Complete(Bytes::from_static(b"x"))] {
            let served = service(1, limit).answer(post(body.clone())).await;
            let called = InPlace::new(limit).answer(post(body)).await;
            assert_eq!((served.status(), served.headers()), (called.status(), called.headers()));
            assert_eq!(served.body(), called.body());
        }
    }

    #[tokio::test]
    async fn headers_follow_the_answer() {
        let service = service(1, Duration::from_secs(10));
        let request = http::Request::builder()
            .method("DELETE")
            .uri("/healthz")
            .body(Body::Complete(Bytes::new()))
            .unwrap();
        let answer = service.answer(request).await;
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()[header::ALLOW], "GET, HEAD");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    }
}
