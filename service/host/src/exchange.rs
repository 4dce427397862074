//! One exchange with one instance: the request in, the whole response out.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use wasmtime::{Result, Store, bail, format_err};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use weighbridge_server::{Body, collect};

use crate::guest::Guest;

/// What the guest passes to `response-outparam.set`.
type Outcome = std::result::Result<Response<HyperOutgoingBody>, ErrorCode>;

/// Gives `request` to the guest, and takes its response of at most `limit_bytes`.
///
/// # Errors
/// When the guest traps, answers with an error, or returns without a complete response. The store
/// must then not be used again.
pub(crate) async fn exchange(
    store: &mut Store<Guest>,
    proxy: &Proxy,
    request: Request<Bytes>,
    limit_bytes: usize,
) -> Result<Response<Bytes>> {
    let head_only = request.method() == Method::HEAD;
    let (sender, receiver) = oneshot::channel();
    let mut view = store.data_mut().http();
    let request =
        view.new_incoming_request(Scheme::Http, with_authority(request).map(Full::new))?;
    let outparam = view.new_response_outparam(sender)?;
    let call = proxy.wasi_http_incoming_handler().call_handle(store, request, outparam);
    let mut response = run_both(call, take_response(receiver, limit_bytes)).await?;
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
    // Within tokio's budget a channel may claim to be empty when it is not.
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
    limit_bytes: usize,
) -> Result<Response<Bytes>> {
    let Ok(outcome) = receiver.await else { bail!("the guest gave no response") };
    let (parts, body) = outcome
        .map_err(|code| format_err!("the guest answered with the error {code:?}"))?
        .into_parts();
    match collect(body, limit_bytes).await {
        Ok(Body::Complete(body)) => Ok(Response::from_parts(parts, body)),
        Ok(Body::OverLimit) => bail!("the guest's response is longer than its memory may be"),
        Err(error) => bail!("the guest aborted its response: {error}"),
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
        bail!("the guest announced {announced:?} bytes and sent {length_bytes}");
    }
    Ok(())
}
