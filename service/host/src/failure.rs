//! The answers that the host gives in the guest's place, with the service's own bodies.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use weighbridge_server::Failures;

/// 413: the body was over the limit, and the guest was not asked.
pub(crate) fn body_too_large() -> Response<Bytes> {
    response(weighbridge_transform::body_too_large())
}

/// 503: the guest's time, or that of waiting for an instance, was up.
pub(crate) fn deadline_exceeded() -> Response<Bytes> {
    response(weighbridge_transform::deadline_exceeded())
}

/// 500: the guest trapped, or gave no proper response.
pub(crate) fn guest_failed(error: &wasmtime::Error) -> Response<Bytes> {
    // Described and counted as the native service's are: neither a client nor a guest must be able to fill a disk.
    static FAILURES: Failures = Failures::new("failures of guests");
    if let Some(described) = FAILURES.describe(&format_args!("{error:#}")) {
        eprintln!("weighbridge-host: a request failed: {described}");
    }
    response(weighbridge_transform::internal_error())
}

fn response(answer: weighbridge_transform::Response) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_are_the_services_own() {
        let failed = guest_failed(&wasmtime::Error::msg("for a test"));
        for (response, status) in
            [(body_too_large(), 413), (deadline_exceeded(), 503), (failed, 500)]
        {
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            assert!(response.body().starts_with(b"{\"error\":{\"code\":\""));
        }
    }
}
