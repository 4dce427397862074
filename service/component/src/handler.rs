//! The exported handler: request in, pure function, answer out.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, Method, ResponseOutparam};
use weighbridge_transform::{Request, Response, body_too_large, handle, internal_error};

use crate::deadline::Deadline;
use crate::incoming::{self, Body};
use crate::outgoing;

struct Component;

wasip2::http::proxy::export!(Component);

impl Guest for Component {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let method = request.method();
        let path_and_query = request.path_with_query().unwrap_or_default();
        // No answer to these depends on headers or a body. Each question costs the host about 1,200 instructions, and
        // to ask for headers and body takes nine.
        let response = if matches!(method, Method::Get | Method::Head) {
            answer_to(&method, &path_and_query, None, &[], &|| false)
        } else {
            read_and_answer(&request, &method, &path_and_query)
        };
        outgoing::send(&response, answer);
    }
}

fn read_and_answer(request: &IncomingRequest, method: &Method, path_and_query: &str) -> Response {
    let deadline = Deadline::from_now();
    let headers = request.headers();
    let content_type = incoming::text(&headers, "content-type");
    match incoming::read_body(request, &headers) {
        Ok(Body::Complete(body)) => {
            answer_to(method, path_and_query, content_type.as_deref(), &body, &|| {
                deadline.has_passed()
            })
        }
        Ok(Body::OverLimit) => body_too_large(),
        Err(_) => internal_error(),
    }
}

fn answer_to(
    method: &Method,
    path_and_query: &str,
    content_type: Option<&str>,
    body: &[u8],
    should_stop: &dyn Fn() -> bool,
) -> Response {
    let method = incoming::name(method);
    handle(&Request { method, path_and_query, content_type, body }, should_stop)
}
