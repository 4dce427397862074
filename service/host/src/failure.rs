//! The answers that the host gives in the guest's place, with the service's own bodies, and reports
//! of failures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use weighbridge_server::{Failures, cut, limits::RETRY_AFTER_S};

/// Most lines about tenants: 20 about each, each time that it is loaded, could fill a disk.
const MOST_LINES: u64 = 10_000;
/// Causes of a failed load that are reported.
const MOST_CAUSES: usize = 4;

/// 413: the body was over the limit, and the guest was not asked.
pub(crate) fn body_too_large() -> Response<Bytes> {
    response(weighbridge_transform::body_too_large())
}

/// 503: the guest's time, or that of waiting for an instance, was up.
pub(crate) fn deadline_exceeded() -> Response<Bytes> {
    response(weighbridge_transform::deadline_exceeded())
}

/// 500: the guest trapped, or gave no proper response.
fn internal_error() -> Response<Bytes> {
    response(weighbridge_transform::internal_error())
}

/// 404: no tenant is named so, or none is named.
pub(crate) fn unknown_tenant() -> Response<Bytes> {
    of_host(StatusCode::NOT_FOUND, "unknown_tenant", "there is no tenant of this name")
}

/// 503: the tenant has as many requests as it may have, or no tenant can be dropped for it.
pub(crate) fn busy_tenant() -> Response<Bytes> {
    let message = "the tenant or the host is busy";
    let mut response = of_host(StatusCode::SERVICE_UNAVAILABLE, "busy_tenant", message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    response
}

/// 503: the tenant's file cannot be served. Why is the operator's matter, not a client's.
pub(crate) fn broken_tenant() -> Response<Bytes> {
    of_host(StatusCode::SERVICE_UNAVAILABLE, "broken_tenant", "the tenant could not be loaded")
}

/// Failures of one component's guests, reported on stderr: neither a client nor a guest must be
/// able to fill a disk, nor a tenant to keep another's from being reported.
#[derive(Debug)]
pub(crate) struct Reports {
    failures: Failures,
    /// `None` where there is one component only.
    tenant: Option<Box<str>>,
}

impl Reports {
    pub(crate) const fn of_component() -> Self {
        Self { failures: Failures::new("failures of guests"), tenant: None }
    }

    pub(crate) fn of_tenant(name: &str) -> Self {
        Self { failures: Failures::new("failures of its guests"), tenant: Some(name.into()) }
    }

    /// 500, and reports why.
    pub(crate) fn guest_failed(&self, error: &wasmtime::Error) -> Response<Bytes> {
        // Described and counted as the native service's are.
        if let Some(described) = self.failures.describe(&format_args!("{error:#}")) {
            match &self.tenant {
                None => eprintln!("weighbridge-host: a request failed: {described}"),
                Some(name) => write_line(name, "a request failed", &described),
            }
        }
        internal_error()
    }

    /// Reports why a tenant could not be loaded.
    pub(crate) fn not_loaded(name: &str, error: &anyhow::Error) {
        // What was done, and why it failed: each of the first causes in a line's length.
        let causes: Vec<String> =
            error.chain().take(MOST_CAUSES).map(|cause| cut(&cause)).collect();
        write_line(name, "it could not be loaded", &causes.join(": "));
    }
}

fn write_line(tenant: &str, what: &str, described: &str) {
    static LINES: AtomicU64 = AtomicU64::new(0);
    let number = LINES.fetch_add(1, Relaxed);
    if number < MOST_LINES {
        eprintln!("weighbridge-host: tenant {tenant}: {what}: {described}");
    } else if number == MOST_LINES {
        eprintln!("weighbridge-host: additional failures of tenants are not reported");
    }
}

/// An answer in the form of the service's errors. The texts need no escaping.
fn of_host(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}","parameter":null}}}}"#);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
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
        let failed = Reports::of_component().guest_failed(&wasmtime::Error::msg("for a test"));
        for (response, status) in [
            (body_too_large(), 413),
            (deadline_exceeded(), 503),
            (failed, 500),
            (unknown_tenant(), 404),
            (busy_tenant(), 503),
            (broken_tenant(), 503),
        ] {
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            assert!(response.body().starts_with(b"{\"error\":{\"code\":\""));
        }
    }
}
