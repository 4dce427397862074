//! The API as a `wasi:http` component.

use crate::{BODY_LIMIT_BYTES, Request, Response, answer};
use std::io::Write;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

/// How many bytes to ask the host for at a time.
const READ_BYTES: u64 = 16 << 10;

struct Component;

wasip2::http::proxy::export!(Component);

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let method = match request.method() {
            Method::Get => "GET".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Other(name) => name,
            // None of these is allowed anywhere; which one it was, nobody asks.
            _ => "other".to_owned(),
        };
        let target = request.path_with_query().unwrap_or_default();
        let content_type = request.headers().get("content-type").into_iter().next();
        let content_type = content_type.and_then(|value| String::from_utf8(value).ok());
        let body = read_body(&request);
        let response = answer(&Request {
            method: &method,
            path: target.split('?').next().unwrap_or_default(),
            content_type: content_type.as_deref(),
            body: body.as_deref(),
        });
        send(&response, out);
    }
}

/// `None` when it is over the limit. What a client that goes away has sent is a broken body, and refused as such.
fn read_body(request: &IncomingRequest) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let Ok(incoming) = request.consume() else { return Some(body) };
    let Ok(stream) = incoming.stream() else { return Some(body) };
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return Some(body),
        }
        if body.len() > BODY_LIMIT_BYTES {
            return None;
        }
    }
}

/// A client that goes away meanwhile ends the sending, which is nobody's error.
fn send(response: &Response, out: ResponseOutparam) {
    let mut entries = vec![
        ("content-type".to_owned(), b"application/json".to_vec()),
        ("content-length".to_owned(), response.body.len().to_string().into_bytes()),
    ];
    if let Some(allow) = response.allow {
        entries.push(("allow".to_owned(), allow.as_bytes().to_vec()));
    }
    // Names and values are ours and well-formed.
    let outgoing =
        OutgoingResponse::new(Fields::from_list(&entries).unwrap_or_else(|_| Fields::new()));
    let _ = outgoing.set_status_code(response.status);
    let body = outgoing.body();
    ResponseOutparam::set(out, Ok(outgoing));
    // The body of a fresh response can be taken once, here.
    let Ok(body) = body else { return };
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(&response.body).and_then(|()| Write::flush(&mut stream));
    }
    let _ = OutgoingBody::finish(body, None);
}
