//! One connection: exchanges through hyper, watched for progress.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use weighbridge_protocol::{MAX_HEAD_BYTES, Refusal};

use crate::answer::Answer;
use crate::body::{self, Fault};
use crate::exchange::{Exchange, Phase};
use crate::limits::Budget;
use crate::stall::stalled;
use crate::stream::ClosingStream;
use crate::{Body, Config, Handler, refusal};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    bodies: Arc<Budget>,
    answers: Arc<Budget>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let bodies = Budget::new(config.body_budget_bytes);
        let answers = Budget::new(config.answer_budget_bytes);
        Arc::new(Self { config, bodies, answers })
    }
}

/// Answers requests on `stream` until the client closes, stalls, or `stop` changes.
pub(crate) async fn drive<H: Handler>(
    stream: TcpStream,
    exchange: Arc<Exchange>,
    handler: H,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<()>,
) {
    let service = service_fn(|request| answer(request, handler.clone(), &exchange, &shared));
    let stream = TokioIo::new(ClosingStream::new(stream, Arc::clone(&exchange)));
    // hyper's own header timeout would arm and disarm a timer for each request: `stalled` is cheaper, and covers bodies
    // and responses as well. Without half-closing, hyper would drop a request that is worked on when its client ends
    // its side; so a client that has gone is noticed when it is answered.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .half_close(true)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(stream, service);
    let mut stalled = pin!(stalled(&exchange, &shared.config));
    let mut stopping = false;
    let error = loop {
        tokio::select! {
            biased;
            ended = &mut connection => match ended {
                Ok(()) => return,
                Err(error) => break error,
            },
            () = stalled.as_mut() => return,
            _ = stop.changed(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let mut stream = connection.into_parts().io.into_inner();
    if stream.is_shut() {
        return;
    }
    let refusal = if stream.has_overlong_line() {
        Refusal::TargetTooLong
    } else if error.is_parse() || error.is_incomplete_message() {
        Refusal::Malformed
    } else {
        // The client is gone.
        return;
    };
    tokio::select! {
        _ = refusal::send(refusal, &mut stream) => {}
        () = stalled => {}
    }
}

async fn answer<H: Handler>(
    request: Request<Incoming>,
    handler: H,
    exchange: &Exchange,
    shared: &Shared,
) -> Result<Response<Answer>, Infallible> {
    let answered = exchanged(request, handler, exchange, shared).await;
    exchange.enter(Phase::Answering);
    Ok(answered.unwrap_or_else(|refusal| {
        exchange.refuse();
        refusal::answer(refusal)
    }))
}

async fn exchanged<H: Handler>(
    request: Request<Incoming>,
    handler: H,
    exchange: &Exchange,
    shared: &Shared,
) -> Result<Response<Answer>, Refusal> {
    refusal::check(&request)?;
    let (parts, incoming) = request.into_parts();
    exchange.enter(Phase::Body);
    // Held until the handler is done with the body.
    let mut held = None;
    let is_room = |bytes| held.get_or_insert_with(|| shared.bodies.nothing()).grow(bytes);
    let limit_bytes = shared.config.body_limit_bytes;
    let body =
        body::collect_within(incoming, limit_bytes, is_room).await.map_err(
            |fault| match fault {
                Fault::NoRoom => Refusal::Busy,
                // The client broke the framing, or has ended its side within the body.
                Fault::Broken(_) => Refusal::Malformed,
            },
        )?;
    let is_over_limit = body == Body::OverLimit;
    exchange.enter(Phase::Working);
    let mut response = handler.answer(Request::from_parts(parts, body)).await;
    drop(held);
    if is_over_limit {
        exchange.refuse();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let (parts, bytes) = response.into_parts();
    let body = Answer::new(bytes, &shared.answers).ok_or(Refusal::Busy)?;
    Ok(Response::from_parts(parts, body))
}
