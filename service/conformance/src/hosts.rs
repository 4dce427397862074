//! Rows about `Host`: RFC 9112 3.2, RFC 9110 7.2.

use crate::table::{OK, Row, closed, open, refused};

fn with(lines: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

pub(crate) fn rows() -> Vec<Row> {
    let absolute = b"GET http://t/healthz HTTP/1.1\r\n\r\n";
    vec![
        refused("no host", with(""), 400),
        refused("no host, but an absolute target", &absolute[..], 400),
        refused("two hosts", with("Host: a\r\nHost: b\r\n"), 400),
        refused("the same host twice", with("Host: a\r\nHost: a\r\n"), 400),
        refused("a space in the host", with("Host: a b\r\n"), 400),
        refused("a path in the host", with("Host: a/b\r\n"), 400),
        refused("a user in the host", with("Host: u@a\r\n"), 400),
        refused("a scheme in the host", with("Host: http://a\r\n"), 400),
        refused("a port that is no number", with("Host: a:b\r\n"), 400),
        refused("an address without its end", with("Host: [::1\r\n"), 400),
        open("an empty host", with("Host:\r\n"), &[OK]),
        open("a host and a port", with("Host: a.example:8080\r\n"), &[OK]),
        open("an address and a port", with("Host: [::1]:80\r\n"), &[OK]),
        closed("HTTP/1.0 without a host", &b"GET /healthz HTTP/1.0\r\n\r\n"[..], &[OK]),
        refused(
            "two hosts in HTTP/1.0",
            &b"GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"[..],
            400,
        ),
    ]
}
