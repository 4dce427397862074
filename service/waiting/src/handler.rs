//! The exported handler: a request becomes requests to a backend, and what they are answered
//! becomes the answer.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingRequest, IncomingResponse, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

use crate::Asked;

/// How many bytes of an answer the host is asked for at a time.
const READ_BYTES: u64 = 4096;
/// Most that `blocking-write-and-flush` takes, in bytes, as wasi:io has it.
const AT_ONCE_BYTES: usize = 4096;

struct Waiting;

wasip2::http::proxy::export!(Waiting);

impl Guest for Waiting {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match Asked::of(&target).map(|asked| ask_all(&asked)) {
            Some(Ok(body)) => send(200, &body, answer),
            Some(Err(why)) => send(502, format!("{why}\n").as_bytes(), answer),
            None => send(404, b"no such path\n", answer),
        }
    }
}

/// The bodies of all answers, in the order of the requests.
fn ask_all(asked: &Asked) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for index in 0..asked.requests_count {
        let response = ask(asked, index)?;
        if response.status() != 200 {
            return Err(format!("the backend answered {}", response.status()));
        }
        read_body(&response, &mut all)?;
    }
    Ok(all)
}

/// Asks the backend, and waits for the head of its answer.
fn ask(asked: &Asked, index: u32) -> Result<IncomingResponse, String> {
    let refused = |()| "the host refuses a part of the request".to_owned();
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
    request.set_authority(Some(&asked.authority())).map_err(refused)?;
    request.set_path_with_query(Some(&Asked::path(index))).map_err(refused)?;
    let future = outgoing_handler::handle(request, None)
        .map_err(|code| format!("the host does not send it: {code:?}"))?;
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(format!("no answer of the backend: {code:?}")),
        Some(Err(())) | None => Err("the answer was taken before".to_owned()),
    }
}

fn read_body(response: &IncomingResponse, to: &mut Vec<u8>) -> Result<(), String> {
    let taken = |()| "the answer's body was taken before".to_owned();
    let body = response.consume().map_err(taken)?;
    // Declared last and so dropped first: it is the body's child.
    let stream = body.stream().map_err(taken)?;
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => to.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(_)) => {
                return Err("the answer of the backend was cut".to_owned());
            }
        }
    }
}

/// Sends the answer. A client that goes away meanwhile ends the sending, which is nobody's error.
fn send(status: u16, text: &[u8], answer: ResponseOutparam) {
    let length = text.len().to_string().into_bytes();
    let fields = Fields::from_list(&[("content-length".to_owned(), length)]);
    let response = OutgoingResponse::new(fields.unwrap_or_else(|_| Fields::new()));
    if status != 200 {
        // Refused only for what is no status code; these are.
        let _ = response.set_status_code(status);
    }
    let body = response.body();
    ResponseOutparam::set(answer, Ok(response));
    // The body of a fresh response can be taken once, here.
    let Ok(body) = body else { return };
    if let Ok(stream) = body.write() {
        let mut pieces = text.chunks(AT_ONCE_BYTES);
        let _ = pieces.try_for_each(|piece| stream.blocking_write_and_flush(piece));
    }
    let _ = OutgoingBody::finish(body, None);
}
