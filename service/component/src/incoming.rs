//! Reading a request through `wasi:http`.

use wasip2::http::types::{Fields, IncomingRequest, Method};
use wasip2::io::streams::StreamError;
use weighbridge_transform::MAX_BODY_BYTES;

/// How many bytes to ask the host for at a time.
const READ_BYTES: u64 = 64 * 1024;

/// A body, as far as it is worth reading.
pub(crate) enum Body {
    Complete(Vec<u8>),
    /// The client announced or sent more than the limit.
    OverLimit,
}

/// The body could not be read to its end: the client went away or sent something that is no HTTP.
pub(crate) struct Unreadable;

/// The method, as a client writes it.
pub(crate) fn name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}

/// Reads the body up to the limit.
///
/// # Errors
///
/// The host could not read it.
pub(crate) fn read_body(request: &IncomingRequest, headers: &Fields) -> Result<Body, Unreadable> {
    let announced = text(headers, "content-length").and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return Ok(Body::OverLimit);
    }
    // One allocation where the client announced the size, which is within the limit.
    let mut body = Vec::with_capacity(announced.unwrap_or(0) as usize);
    let incoming = request.consume().map_err(|()| Unreadable)?;
    let stream = incoming.stream().map_err(|()| Unreadable)?;
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(Body::Complete(body)),
            Err(StreamError::LastOperationFailed(_)) => return Err(Unreadable),
        }
        if body.len() > MAX_BODY_BYTES {
            return Ok(Body::OverLimit);
        }
    }
}

/// The first line of a header, where there is one that is text.
pub(crate) fn text(headers: &Fields, name: &str) -> Option<String> {
    let value = headers.get(name).into_iter().next()?;
    String::from_utf8(value).ok()
}
