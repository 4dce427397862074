//! The request and the answer, as plain as the pipeline needs them: no HTTP library in sight.

/// One request, its body already read (at most [`crate::MAX_BODY_BYTES`] plus one byte of it).
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, as sent: `GET`, `POST`, ...
    pub method: &'a str,
    /// The path with its query, as sent and still percent-encoded.
    pub path_and_query: &'a str,
    /// The `Content-Type` header, where there is one.
    pub content_type: Option<&'a str>,
    /// The body. One that is longer than the limit may be cut anywhere behind the limit.
    pub body: &'a [u8],
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: &'static str,
    /// The `Allow` header: present on every 405 and nowhere else.
    pub allow: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}
