//! Which request goes where, and the answers that need no image.

use serde::Serialize;

use crate::error::{ErrorCode, ServiceError};
use crate::http::{Request, Response};
use crate::limits::MAX_BODY_BYTES;
use crate::pipeline::transform;
use crate::query::split_target;
use crate::stop::{self, Stop};

/// Answers one request.
///
/// `should_stop` is asked between operations and inside the long loops; once it says yes the answer
/// is 503. It must not go back to no within one request. Never panics on any input that is known.
///
/// The size of the body is checked before everything else, so that a front that stops reading at the
/// limit can answer with [`body_too_large`] and yet answer the same.
#[must_use]
pub fn handle(request: &Request<'_>, should_stop: &dyn Fn() -> bool) -> Response {
    if request.body.len() > MAX_BODY_BYTES {
        return body_too_large();
    }
    let stop = Stop::new(should_stop);
    route(request, &stop).unwrap_or_else(ServiceError::into_response)
}

/// The answer to a body over [`MAX_BODY_BYTES`].
#[must_use]
pub fn body_too_large() -> Response {
    let message = format!("the body is over the limit of {MAX_BODY_BYTES} bytes");
    ServiceError::new(ErrorCode::BodyTooLarge, message).with_parameter("body").into_response()
}

/// The answer to a request whose deadline has passed, for shells that notice it themselves.
#[must_use]
pub fn deadline_exceeded() -> Response {
    stop::deadline_exceeded().into_response()
}

/// The answer of a shell in which a request failed for a reason of its own (a panic, say).
#[must_use]
pub fn internal_error() -> Response {
    ServiceError::new(ErrorCode::Internal, "the request failed inside the service").into_response()
}

fn route(request: &Request<'_>, stop: &Stop<'_>) -> Result<Response, ServiceError> {
    let (path, query) = split_target(request.path_and_query);
    match (path, request.method) {
        // The front withholds the body of an answer to HEAD.
        ("/healthz", "GET" | "HEAD") => Ok(ok("text/plain; charset=utf-8", b"ok".to_vec())),
        ("/v1/info", "GET" | "HEAD") => info(),
        ("/v1/images/transform", "POST") => transform(request, query, stop),
        ("/healthz" | "/v1/info", _) => Err(ServiceError::method_not_allowed("GET, HEAD")),
        ("/v1/images/transform", _) => Err(ServiceError::method_not_allowed("POST")),
        // Not a resource but the whole server, which only OPTIONS may ask about.
        ("*", _) => Err(ServiceError::method_not_allowed("GET, HEAD, POST")),
        _ => Err(ServiceError::new(ErrorCode::UnknownPath, "there is nothing at this path")
            .with_parameter(path)),
    }
}

fn ok(content_type: &'static str, body: Vec<u8>) -> Response {
    Response { status: 200, content_type, allow: None, body }
}

/// What `GET /v1/info` tells: the one answer that may differ between targets.
#[derive(Serialize)]
struct Info {
    version: &'static str,
    /// Given at compile time; null in a build that was given none.
    build_digest: Option<&'static str>,
    /// The target triple.
    target: &'static str,
    architecture: &'static str,
}

fn info() -> Result<Response, ServiceError> {
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        build_digest: option_env!("WEIGHBRIDGE_BUILD_DIGEST"),
        target: env!("WEIGHBRIDGE_TARGET"),
        architecture: std::env::consts::ARCH,
    };
    let body = serde_json::to_vec(&info)
        .map_err(|error| ServiceError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(ok("application/json", body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &str, path_and_query: &str) -> Response {
        let request = Request { method, path_and_query, content_type: None, body: &[] };
        handle(&request, &|| false)
    }

    #[test]
    fn health_and_info_answer() {
        assert_eq!(answer("GET", "/healthz").body, b"ok");
        assert_eq!(answer("HEAD", "/healthz"), answer("GET", "/healthz"));
        let info = answer("GET", "/v1/info");
        assert_eq!(answer("HEAD", "/v1/info"), info);
        let info: serde_json::Value = serde_json::from_slice(&info.body).unwrap();
        assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
        assert!(info["target"].as_str().unwrap().contains(std::env::consts::ARCH));
    }

    #[test]
    fn unknown_paths_and_methods_are_told() {
        assert_eq!(answer("GET", "/healthz/").status, 404);
        assert_eq!(answer("GET", "").status, 404);
        let response = answer("PUT", "/v1/images/transform?op=grayscale");
        assert_eq!((response.status, response.allow), (405, Some("POST")));
        let response = answer("POST", "/healthz");
        assert_eq!((response.status, response.allow), (405, Some("GET, HEAD")));
        let response = answer("OPTIONS", "*");
        assert_eq!((response.status, response.allow), (405, Some("GET, HEAD, POST")));
    }

    #[test]
    fn a_body_over_the_limit_is_refused_on_every_path() {
        let body = vec![0; MAX_BODY_BYTES + 1];
        let request =
            Request { method: "POST", path_and_query: "/nowhere", content_type: None, body: &body };
        assert_eq!(handle(&request, &|| false), body_too_large());
    }
}
