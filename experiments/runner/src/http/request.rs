//! A request laid out once, ready to be written as it is.

use weighbridge_schema::workload::{Expect, RequestShape};

/// A request's bytes and the answer it must get.
#[derive(Debug, Clone)]
pub struct PreparedRequest {
    /// Head and body, as they go over the wire.
    pub bytes: Vec<u8>,
    /// The answer it must get.
    pub expect: Expect,
    /// `HEAD` responses carry no body, whatever their headers say.
    pub is_head: bool,
}

impl PreparedRequest {
    /// Lays out `shape` with `body`.
    pub fn new(shape: &RequestShape, body: &[u8]) -> Self {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: weighbridge\r\n", shape.method, shape.path);
        if let Some(content_type) = &shape.content_type {
            head += &format!("Content-Type: {content_type}\r\n");
        }
        if !body.is_empty() || shape.method == "POST" || shape.method == "PUT" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes, expect: shape.expect.clone(), is_head: shape.method == "HEAD" }
    }
}
