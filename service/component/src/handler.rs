//! The exported handler: request in, pure function, answer out.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use weighbridge_transform::{Request, body_too_large, handle, internal_error};

use crate::deadline::Deadline;
use crate::incoming::{self, Body};
use crate::outgoing;

struct Component;

wasip2::http::proxy::export!(Component);

impl Guest for Component {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let deadline = Deadline::from_now();
        let method = incoming::method(&request);
        let path_and_query = request.path_with_query().unwrap_or_default();
        let content_type = incoming::content_type(&request);
        let response = match incoming::read_body(&request) {
            Ok(Body::Complete(body)) => {
                let request = Request {
                    method: &method,
                    path_and_query: &path_and_query,
                    content_type: content_type.as_deref(),
                    body: &body,
                };
                handle(&request, &|| deadline.has_passed())
            }
            Ok(Body::OverLimit) => body_too_large(),
            Err(_) => internal_error(),
        };
        outgoing::send(&response, answer);
    }
}
