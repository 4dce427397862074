//! Reading a request through `wasi:http`.

use wasip2::http::types::{ErrorCode, IncomingRequest, Method};
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

/// The method, as a client writes it.
pub(crate) fn method(request: &IncomingRequest) -> String {
    let name = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    name.to_owned()
}

/// The content type, where there is one that is text.
pub(crate) fn content_type(request: &IncomingRequest) -> Option<String> {
    header(request, "content-type")
}

/// Reads the body up to the limit.
///
/// # Errors
///
/// The host's, when the client went away or sent something that is no HTTP.
pub(crate) fn read_body(request: &IncomingRequest) -> Result<Body, Option<ErrorCode>> {
    let announced = header(request, "content-length").and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return Ok(Body::OverLimit);
    }
    // One allocation where the client announced the size, which is within the limit.
    let mut body = Vec::with_capacity(announced.unwrap_or(0) as usize);
    let incoming = request.consume().map_err(|()| None)?;
    let stream = incoming.stream().map_err(|()| None)?;
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(Body::Complete(body)),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(wasip2::http::types::http_error_code(&error));
            }
        }
        if body.len() > MAX_BODY_BYTES {
            return Ok(Body::OverLimit);
        }
    }
}

fn header(request: &IncomingRequest, name: &str) -> Option<String> {
    let value = request.headers().get(name).into_iter().next()?;
    String::from_utf8(value).ok()
}
