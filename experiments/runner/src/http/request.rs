//! A request laid out once, ready to be written as it is.

use weighbridge_schema::workload::{Expect, Workload};

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
    /// Lays out `workload` with `body`.
    pub fn new(workload: &Workload, body: &[u8]) -> Self {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: weighbridge\r\n", workload.method, workload.path);
        if let Some(content_type) = &workload.content_type {
            head += &format!("Content-Type: {content_type}\r\n");
        }
        if !body.is_empty() || workload.method == "POST" || workload.method == "PUT" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes, expect: workload.expect.clone(), is_head: workload.method == "HEAD" }
    }
}
