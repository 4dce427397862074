//! One exchange with one instance: the request in, the whole response out.
//!
//! A response that came in one piece is handed on as it is. Of a longer one every byte is counted, from the moment that
//! room for it is made to the moment that the front has sent it or its client is gone.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use wasmtime::{Result, Store, bail, format_err};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use weighbridge_server::cut;

use crate::allowance::{Allowance, Share};
use crate::give_back::{LARGE_BYTES, give_back};
use crate::guest::Guest;
use crate::limits::ANSWER_BYTES;

/// What the guest passes to `response-outparam.set`.
type Outcome = std::result::Result<Response<HyperOutgoingBody>, ErrorCode>;

/// Gives `request` to the guest, and takes its response. One that is longer than a chunk takes its room from
/// `answers`, and waits until it is there.
///
/// # Errors
/// When the guest traps, answers with an error, or returns without a complete response. The store
/// must then not be used again.
pub(crate) async fn exchange(
    store: &mut Store<Guest>,
    proxy: &Proxy,
    request: Request<Bytes>,
    answers: &Allowance,
) -> Result<Response<Bytes>> {
    let head_only = request.method() == Method::HEAD;
    let (sender, receiver) = oneshot::channel();
    let mut view = store.data_mut().http();
    let request =
        view.new_incoming_request(Scheme::Http, with_authority(request).map(Full::new))?;
    let outparam = view.new_response_outparam(sender)?;
    let call = proxy.wasi_http_incoming_handler().call_handle(store, request, outparam);
    let mut response = run_both(call, take_response(receiver, answers)).await?;
    check_length(&mut response, head_only)?;
    Ok(response)
}

/// HTTP/1.0 requests need no Host header, but wasi:http wants an authority.
fn with_authority(mut request: Request<Bytes>) -> Request<Bytes> {
    if request.uri().authority().is_none() {
        let name = HeaderValue::from_static("localhost");
        request.headers_mut().entry(header::HOST).or_insert(name);
    }
    request
}

/// Runs the guest and, beside it, takes what it sends: the guest waits when nobody does.
async fn run_both<T>(
    call: impl Future<Output = Result<()>>,
    taking: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut call = pin!(call);
    // Within tokio's allowance a channel may claim to be empty when it is not.
    let mut taking = pin!(unconstrained(taking));
    let (mut returned, mut taken) = (false, None);
    poll_fn(move |context| {
        if !returned {
            match call.as_mut().poll(context) {
                Poll::Ready(Ok(())) => returned = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        if taken.is_none()
            && let Poll::Ready(response) = taking.as_mut().poll(context)
        {
            taken = Some(response);
        }
        match (returned, taken.take()) {
            (true, Some(response)) => Poll::Ready(response),
            // Nothing can come any more: no code of this instance runs.
            (true, None) => {
                Poll::Ready(Err(format_err!("the guest returned without finishing its response")))
            }
            (false, kept) => {
                taken = kept;
                Poll::Pending
            }
        }
    })
    .await
}

async fn take_response(
    receiver: oneshot::Receiver<Outcome>,
    answers: &Allowance,
) -> Result<Response<Bytes>> {
    let Ok(outcome) = receiver.await else { bail!("the guest gave no response") };
    let (parts, body) = outcome
        .map_err(|code| {
            let code = cut(&format_args!("{code:?}"));
            format_err!("the guest answered with the error {code}")
        })?
        .into_parts();
    let announced_bytes = announced_bytes(&parts.headers).unwrap_or(0);
    let body = take_body(body, announced_bytes, answers).await?;
    Ok(Response::from_parts(parts, body))
}

fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An answer's bytes, and its share of the allowance for as long as they are there.
struct Counted {
    bytes: Vec<u8>,
    share: Share,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let large = self.bytes.capacity() >= LARGE_BYTES;
        // Before its share is given back, which is dropped after this.
        drop(std::mem::take(&mut self.bytes));
        if large {
            give_back();
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body to its end. What is announced decides only how much room is made at first.
async fn take_body(
    mut body: HyperOutgoingBody,
    announced_bytes: usize,
    answers: &Allowance,
) -> Result<Bytes> {
    let mut first = Bytes::new();
    let mut whole: Option<Counted> = None;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| format_err!("the guest aborted its response: {error}"))?;
        // Trailers carry nothing that a client of the service reads.
        let Ok(data) = frame.into_data() else { continue };
        match &mut whole {
            // Small bodies come in one piece and are handed on without a copy.
            None if first.is_empty() => first = data,
            None => {
                let mut counted = Counted { bytes: Vec::new(), share: Share::new(answers, 0) };
                counted.append(&first, announced_bytes).await?;
                counted.append(&data, 0).await?;
                whole = Some(counted);
            }
            Some(counted) => counted.append(&data, 0).await?,
        }
    }
    Ok(whole.map_or(first, Bytes::from_owner))
}

impl Counted {
    /// Appends `data`, in a buffer that has room for `at_least_bytes` in all.
    async fn append(&mut self, data: &[u8], at_least_bytes: usize) -> Result<()> {
        let needed_bytes = self.bytes.len() + data.len();
        if needed_bytes.max(at_least_bytes) > ANSWER_BYTES {
            bail!("the guest's response is longer than {ANSWER_BYTES} bytes");
        }
        let has_bytes = self.bytes.capacity();
        if needed_bytes.max(at_least_bytes) > has_bytes {
            let room_bytes = needed_bytes.max(at_least_bytes).max(2 * has_bytes).min(ANSWER_BYTES);
            if !self.share.grow(room_bytes - has_bytes).await? {
                bail!("the guest's response is longer than all responses together may be");
            }
            self.bytes.reserve_exact(room_bytes - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

/// Leaves the framing to the HTTP front, which knows the length; a guest that announced another
/// length has been cut short.
fn check_length(response: &mut Response<Bytes>, head_only: bool) -> Result<()> {
    if head_only || response.status() == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let length_bytes = response.body().len();
    let Some(announced) = response.headers_mut().remove(header::CONTENT_LENGTH) else {
        return Ok(());
    };
    if announced.to_str().ok().and_then(|text| text.parse().ok()) != Some(length_bytes) {
        let announced = cut(&format_args!("{announced:?}"));
        bail!("the guest announced {announced} bytes and sent {length_bytes}");
    }
    Ok(())
}
