//! The exported handler: a path becomes a try, its outcome the body.

use std::io::Write;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

use crate::{isolation, tries};

struct Probe;

wasip2::http::proxy::export!(Probe);

impl Guest for Probe {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let outcome = match path.as_str() {
            "/count" => tries::count(),
            "/spin" => tries::spin(),
            "/grow" => tries::grow(),
            "/simd" => tries::simd(),
            "/sockets" => tries::sockets(),
            target => match isolation::answer(target) {
                Some(tried) => tried.to_string(),
                None => return send(404, "no such probe\n", answer),
            },
        };
        send(200, &format!("{outcome}\n"), answer);
    }
}

/// Sends the answer. A client that goes away meanwhile ends the sending, which is nobody's error.
fn send(status: u16, text: &str, answer: ResponseOutparam) {
    let length = text.len().to_string().into_bytes();
    let fields = Fields::from_list(&[("content-length".to_owned(), length)]);
    let response = OutgoingResponse::new(fields.unwrap_or_else(|_| Fields::new()));
    // Refused only for what is no status code; these are.
    let _ = response.set_status_code(status);
    let body = response.body();
    ResponseOutparam::set(answer, Ok(response));
    // The body of a fresh response can be taken once, here.
    let Ok(body) = body else { return };
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(text.as_bytes()).and_then(|()| Write::flush(&mut stream));
    }
    let _ = OutgoingBody::finish(body, None);
}
