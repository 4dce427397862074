//! Answering through `wasi:http`.

use std::io::Write;

use wasip2::http::types::{Fields, HeaderError, OutgoingBody, OutgoingResponse, ResponseOutparam};
use weighbridge_transform::Response;

/// Sends the answer. A client that goes away meanwhile ends the sending, which is nobody's error.
pub(crate) fn send(response: &Response, answer: ResponseOutparam) {
    // Names and values are ours and well-formed; a host that refused one all the same gets the
    // answer without headers rather than none.
    let fields = headers(response).unwrap_or_else(|_| Fields::new());
    let outgoing = OutgoingResponse::new(fields);
    // Refused only for what is no status code; the answers have none such.
    let _ = outgoing.set_status_code(response.status);
    let body = outgoing.body();
    ResponseOutparam::set(answer, Ok(outgoing));
    // The body of a fresh response can be taken once, here.
    let Ok(body) = body else { return };
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(&response.body).and_then(|()| Write::flush(&mut stream));
    }
    let _ = OutgoingBody::finish(body, None);
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
