//! One connection: exchanges through hyper, watched for progress.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::stream::ClosingStream;
use crate::{Body, Config, Handler, body};

/// How far a connection has come. Only its own task touches it; the atomics make it `Sync`, which
/// the spawned task needs, and cost nothing when relaxed.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Counts requests given to the handler and answers taken from it: odd while it works.
    steps: AtomicU32,
    refused: AtomicBool,
}

impl Exchange {
    fn step(&self) {
        self.steps.fetch_add(1, Relaxed);
    }

    /// Whether a body was refused, so that the client may still be sending it.
    pub(crate) fn refused(&self) -> bool {
        self.refused.load(Relaxed)
    }
}

/// Answers requests on `stream` until the client closes, stalls, or `stop` changes.
pub(crate) async fn drive<H: Handler>(
    stream: TcpStream,
    handler: H,
    config: Arc<Config>,
    mut stop: watch::Receiver<()>,
) {
    let exchange = Arc::new(Exchange::default());
    let service = service_fn(|request| {
        answer(request, handler.clone(), Arc::clone(&exchange), config.body_limit_bytes)
    });
    let stream = ClosingStream::new(stream, Arc::clone(&exchange));
    // hyper's own header timeout would arm and disarm a timer for each request: `stalled` is cheaper,
    // and covers bodies and responses as well.
    let mut connection =
        pin!(http1::Builder::new().header_read_timeout(None).serve_connection(stream, service));
    let mut stalled = pin!(stalled(&exchange, &config));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // An error here is the client's doing (it went away, or did not speak HTTP): nothing to do.
            _ = connection.as_mut() => return,
            () = stalled.as_mut() => return,
            _ = stop.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Ready when a whole `idle_timeout` has passed without a step, while the handler was not at work.
async fn stalled(exchange: &Exchange, config: &Config) {
    let mut ticks = interval(config.idle_timeout);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = exchange.steps.load(Relaxed);
    loop {
        ticks.tick().await;
        let now = exchange.steps.load(Relaxed);
        if now == before && now.is_multiple_of(2) {
            return;
        }
        before = now;
    }
}

async fn answer<H: Handler>(
    request: Request<Incoming>,
    handler: H,
    exchange: Arc<Exchange>,
    body_limit_bytes: usize,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, incoming) = request.into_parts();
    let body = body::collect(incoming, body_limit_bytes).await?;
    let refused = body == Body::OverLimit;
    exchange.step();
    let mut response = handler.answer(Request::from_parts(parts, body)).await;
    exchange.step();
    if refused {
        exchange.refused.store(true, Relaxed);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(Full::new))
}
