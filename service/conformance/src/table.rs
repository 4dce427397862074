//! The table: what is sent, and what has to come back. RFC 9110 and RFC 9112, and the limits of the service.

use std::borrow::Cow;

use crate::{encodings, hosts};

/// One row.
#[derive(Debug)]
pub struct Row {
    /// What it is about.
    pub name: &'static str,
    /// All that the client sends.
    pub sent: Cow<'static, [u8]>,
    /// Whether the client ends its side after that.
    pub is_ended: bool,
    /// The responses, in order.
    pub expected: Vec<Expected>,
    /// What becomes of the connection.
    pub after: After,
}

/// One response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Its status code.
    pub status: u16,
    /// What it carries.
    pub content: Content,
}

/// What a response carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// An interim response: not even headers.
    Interim,
    /// No body, and a length of 0: an answer of the server's HTTP front.
    None,
    /// No body, whatever the length says: the answer to HEAD.
    Withheld,
    /// `ok`.
    Ok,
    /// An error of the service, in JSON.
    Error,
    /// A picture.
    Png,
}

/// What becomes of the connection after the last response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It answers further requests.
    Open,
    /// The server has closed it.
    Closed,
}

pub(crate) const OK: Expected = Expected { status: 200, content: Content::Ok };

pub(crate) const fn error(status: u16) -> Expected {
    Expected { status, content: Content::Error }
}

const fn withheld(status: u16) -> Expected {
    Expected { status, content: Content::Withheld }
}

/// A row whose connection goes on.
pub(crate) fn open(
    name: &'static str,
    sent: impl Into<Cow<'static, [u8]>>,
    expected: &[Expected],
) -> Row {
    let (sent, expected) = (sent.into(), expected.to_vec());
    Row { name, sent, is_ended: false, expected, after: After::Open }
}

/// A row whose connection is closed after the responses.
pub(crate) fn closed(
    name: &'static str,
    sent: impl Into<Cow<'static, [u8]>>,
    expected: &[Expected],
) -> Row {
    Row { after: After::Closed, ..open(name, sent, expected) }
}

/// A row that the HTTP front refuses, with a status alone.
pub(crate) fn refused(name: &'static str, sent: impl Into<Cow<'static, [u8]>>, status: u16) -> Row {
    closed(name, sent, &[Expected { status, content: Content::None }])
}

/// The row, with a client that ends its side after what it sends.
fn ended(row: Row) -> Row {
    Row { is_ended: true, after: After::Closed, ..row }
}

/// A GET of the health check with these header lines.
pub(crate) fn health(lines: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\nHost: t\r\n{lines}\r\n").into_bytes()
}

/// All rows.
#[must_use]
pub fn table() -> Vec<Row> {
    [methods(), lines(), hosts::rows(), connections(), half_closes(), limits(), encodings::rows()]
        .into_iter()
        .flatten()
        .collect()
}

fn methods() -> Vec<Row> {
    let of = |method: &str, target: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes()
    };
    let transform = "/v1/images/transform?op=grayscale";
    vec![
        open("GET", of("GET", "/healthz"), &[OK]),
        open("HEAD is GET without its body", of("HEAD", "/healthz"), &[withheld(200)]),
        open("HEAD of the information", of("HEAD", "/v1/info"), &[withheld(200)]),
        open("HEAD of what is not there", of("HEAD", "/nowhere"), &[withheld(404)]),
        open("HEAD where POST belongs", of("HEAD", transform), &[withheld(405)]),
        open("GET where POST belongs", of("GET", transform), &[error(405)]),
        open("a method that nobody knows", of("BREW", "/healthz"), &[error(405)]),
        open("methods are told apart by case", of("get", "/healthz"), &[error(405)]),
        open("OPTIONS of a resource", of("OPTIONS", "/healthz"), &[error(405)]),
        open("OPTIONS of the server", of("OPTIONS", "*"), &[error(405)]),
        open("nothing there", of("GET", "/nowhere"), &[error(404)]),
        refused("* for GET", of("GET", "*"), 400),
        refused("an authority for GET", of("GET", "t:80"), 400),
        refused("a target without a slash", of("GET", "healthz"), 400),
        refused("a path for CONNECT", of("CONNECT", "/healthz"), 400),
        open("CONNECT, which is for proxies", of("CONNECT", "t:80"), &[error(404)]),
        open("an absolute target", of("GET", "http://t/healthz"), &[OK]),
        open("an absolute target of another host", of("GET", "http://other:1/healthz"), &[OK]),
    ]
}

fn lines() -> Vec<Row> {
    vec![
        refused("HTTP/1.2", &b"GET /healthz HTTP/1.2\r\nHost: t\r\n\r\n"[..], 400),
        refused("HTTP/2.0", &b"GET /healthz HTTP/2.0\r\nHost: t\r\n\r\n"[..], 400),
        refused("HTTP/0.9", &b"GET /healthz\r\n\r\n"[..], 400),
        refused("HTTP/2 with prior knowledge", &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], 400),
        refused("TLS", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], 400),
        refused("no method", &b" /healthz HTTP/1.1\r\nHost: t\r\n\r\n"[..], 400),
        refused("no target", &b"GET  HTTP/1.1\r\nHost: t\r\n\r\n"[..], 400),
        refused("two spaces", &b"GET  /healthz HTTP/1.1\r\nHost: t\r\n\r\n"[..], 400),
        refused("a space in the target", &b"GET /a b HTTP/1.1\r\nHost: t\r\n\r\n"[..], 400),
        refused("a folded line", health("A: b\r\n c\r\n"), 400),
        refused("a space before the colon", health("A : b\r\n"), 400),
        refused(
            "a space before the first name",
            &b"GET /healthz HTTP/1.1\r\n Host: t\r\n\r\n"[..],
            400,
        ),
        refused("a line without a colon", health("abc\r\n"), 400),
        refused("an empty name", health(": b\r\n"), 400),
        refused("a separator in a name", health("a(b): c\r\n"), 400),
        refused("NUL in a value", health("A: b\0c\r\n"), 400),
        refused("CR alone in a value", health("A: b\rc\r\n"), 400),
        refused("CR alone as a line end", &b"GET /healthz HTTP/1.1\rHost: t\r\n\r\n"[..], 400),
        open("values beyond ASCII", health("A: \u{e9}\r\n"), &[OK]),
        open("an empty value", health("A:\r\nB: \t \r\n"), &[OK]),
        open("LF alone as a line end", &b"GET /healthz HTTP/1.1\nHost: t\n\n"[..], &[OK]),
        open("empty lines before", [b"\r\n\r\n", &*health("")].concat(), &[OK]),
    ]
}

fn connections() -> Vec<Row> {
    let post = "POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    let old = |lines: &str| format!("GET /healthz HTTP/1.0\r\n{lines}\r\n").into_bytes();
    vec![
        closed("the client's last request", health("Connection: close\r\n"), &[OK]),
        closed("close among others", health("Connection: x, CLOSE\r\n"), &[OK]),
        closed(
            "close in one of two lines",
            health("Connection: a\r\nConnection: close\r\n"),
            &[OK],
        ),
        open("keep-alive", health("Connection: keep-alive\r\n"), &[OK]),
        closed("HTTP/1.0", old(""), &[OK]),
        open("HTTP/1.0 that wants to go on", old("Connection: keep-alive\r\n"), &[OK]),
        open("requests sent ahead", health("").repeat(20), &[OK; 20]),
        open(
            "requests sent ahead, one with a body",
            [&*health(""), post.as_bytes(), &health("")].concat(),
            &[OK, error(405), OK],
        ),
        closed(
            "nothing is answered after the last request",
            [health("Connection: close\r\n"), health("")].concat(),
            &[OK],
        ),
        closed(
            "a request, and then none",
            [&*health(""), b"\x16\x03\x01\r\n\r\n"].concat(),
            &[OK, Expected { status: 400, content: Content::None }],
        ),
        open(
            "another protocol is offered",
            health("Connection: upgrade\r\nUpgrade: websocket\r\n"),
            &[OK],
        ),
    ]
}

fn half_closes() -> Vec<Row> {
    let cut = b"POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhal";
    vec![
        ended(open("ended after a request", health(""), &[OK])),
        ended(open("ended after several", health("").repeat(3), &[OK; 3])),
        ended(open(
            "ended after a picture",
            encodings::picture(),
            &[Expected { status: 200, content: Content::Png }],
        )),
        ended(refused("ended within a head", &b"GET /healthz HTTP/1.1\r\nHo"[..], 400)),
        ended(refused("ended within a body", &cut[..], 400)),
        ended(refused("ended within a chunk", encodings::chunked("5\r\nhel"), 400)),
        ended(open("ended at once", &b""[..], &[])),
    ]
}

fn limits() -> Vec<Row> {
    let target =
        |length| format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "a".repeat(length)).into_bytes();
    let large = |line: String| format!("POST /nowhere HTTP/1.1\r\nHost: t\r\n{line}\r\n\r\n");
    vec![
        open("a target of 8,000 bytes", target(8_000), &[error(404)]),
        open("a target of 60,000 bytes", target(60_000), &[error(404)]),
        refused("a target of 70,000 bytes", target(70_000), 414),
        refused("a target of a million bytes", target(1_000_000), 414),
        // The line with the host is one of them.
        open("100 header lines", health(&"a: b\r\n".repeat(99)), &[OK]),
        refused("101 header lines", health(&"a: b\r\n".repeat(100)), 431),
        refused("10,000 header lines", health(&"a: b\r\n".repeat(10_000)), 431),
        open("a header of 60,000 bytes", health(&format!("a: {}\r\n", "b".repeat(60_000))), &[OK]),
        refused("a header of 70,000 bytes", health(&format!("a: {}\r\n", "b".repeat(70_000))), 431),
        closed(
            "a body that is announced as too long",
            large(format!("Content-Length: {}", (16 << 20) + 1)).into_bytes(),
            &[error(413)],
        ),
        closed(
            "a body that proves too long",
            encodings::chunked(&format!("{:x}\r\n{}", 17 << 20, "a".repeat(17 << 20))),
            &[error(413)],
        ),
    ]
}
