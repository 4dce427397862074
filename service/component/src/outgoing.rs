//! Answering through `wasi:http`.

use wasip2::http::types::{
    ErrorCode, Fields, HeaderError, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};
use weighbridge_transform::Response;

/// Most that `blocking-write-and-flush` takes, in bytes, as wasi:io has it.
const AT_ONCE_BYTES: usize = 4096;
/// The status that a fresh response has.
const OK: u16 = 200;

/// Sends the answer. A client that goes away meanwhile ends the sending, which is nobody's error.
pub(crate) fn send(response: &Response, answer: ResponseOutparam) {
    let Ok(headers) = headers(response) else {
        // Names and values are ours and well-formed: no host has refused one.
        return ResponseOutparam::set(answer, Err(ErrorCode::InternalError(None)));
    };
    let outgoing = OutgoingResponse::new(headers);
    if response.status != OK {
        // Refused only for what is no status code; the answers have none such.
        let _ = outgoing.set_status_code(response.status);
    }
    let body = outgoing.body();
    ResponseOutparam::set(answer, Ok(outgoing));
    // The body of a fresh response can be taken once, here.
    let Ok(body) = body else { return };
    if let Ok(stream) = body.write() {
        let _ = write(&stream, &response.body);
    }
    let _ = OutgoingBody::finish(body, None);
}

/// Writes all of it: a short body in one call to the host in place of three, a longer one in as long pieces as the
/// host takes.
fn write(stream: &OutputStream, mut body: &[u8]) -> Result<(), StreamError> {
    if body.len() <= AT_ONCE_BYTES {
        return stream.blocking_write_and_flush(body);
    }
    while !body.is_empty() {
        let free_bytes = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if free_bytes == 0 {
            // It returns when the stream takes more. A pollable would do too, for three more imports.
            stream.blocking_flush()?;
            continue;
        }
        let (piece, rest) = body.split_at(free_bytes.min(body.len()));
        stream.write(piece)?;
        body = rest;
    }
    stream.blocking_flush()
}

fn headers(response: &Response) -> Result<Fields, HeaderError> {
    let mut entries = vec![
        ("content-type".to_owned(), response.content_type.as_bytes().to_vec()),
        ("content-length".to_owned(), response.body.len().to_string().into_bytes()),
    ];
    if let Some(allow) = response.allow {
        entries.push(("allow".to_owned(), allow.as_bytes().to_vec()));
    }
    Fields::from_list(&entries)
}
