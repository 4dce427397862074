//! Rows about the framing of bodies: RFC 9112 6 and 7, RFC 9110 10.1.1.

use crate::table::{Content, Expected, OK, Row, closed, error, health, open, refused};

/// A small picture.
pub(crate) const PNG: &[u8] = include_bytes!("../../../experiments/corpus/chelsea-small.png");
const PICTURE: Expected = Expected { status: 200, content: Content::Png };

/// The head of a transform of a PNG, with these header lines.
fn transform(lines: &str) -> Vec<u8> {
    let target = "/v1/images/transform?op=resize:8x0&op=encode:png";
    format!("POST {target} HTTP/1.1\r\nHost: t\r\nContent-Type: image/png\r\n{lines}\r\n\r\n")
        .into_bytes()
}

/// A transform of a PNG with a length.
pub(crate) fn picture() -> Vec<u8> {
    [&*transform(&format!("Content-Length: {}", PNG.len())), PNG].concat()
}

/// A POST that is not allowed, with this text as the chunked body.
pub(crate) fn chunked(body: &str) -> Vec<u8> {
    let head = "POST /healthz HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    [head, body].concat().into_bytes()
}

/// A POST that is not allowed, with these lines and the body `hello`.
fn hello(lines: &str) -> Vec<u8> {
    format!("POST /healthz HTTP/1.1\r\nHost: t\r\n{lines}\r\n\r\nhello").into_bytes()
}

pub(crate) fn rows() -> Vec<Row> {
    [lengths(), codings(), chunks(), expectations()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Row> {
    let twice = "Content-Length: 5\r\nContent-Length: 5";
    vec![
        open("a body with a length", picture(), &[PICTURE]),
        open(
            "a body of GET is read over",
            [&*health("Content-Length: 5\r\n"), b"hello"].concat(),
            &[OK],
        ),
        open("the same length twice", hello(twice), &[error(405)]),
        refused("two lengths", hello("Content-Length: 5\r\nContent-Length: 6"), 400),
        refused("two lengths in a line", hello("Content-Length: 5, 5"), 400),
        refused("a negative length", hello("Content-Length: -5"), 400),
        refused("a length with a sign", hello("Content-Length: +5"), 400),
        refused("a length in hexadecimal", hello("Content-Length: 0x5"), 400),
        refused("a length that is no number", hello("Content-Length: five"), 400),
        refused("an empty length", hello("Content-Length:"), 400),
        refused(
            "a length of more than 64 bits",
            hello("Content-Length: 18446744073709551621"),
            400,
        ),
    ]
}

fn codings() -> Vec<Row> {
    let body = "0\r\n\r\n";
    let with = |lines: &str| {
        format!("POST /healthz HTTP/1.1\r\nHost: t\r\n{lines}\r\n\r\n{body}").into_bytes()
    };
    let old = "POST /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    vec![
        open("chunked in capitals", with("Transfer-Encoding: CHUNKED"), &[error(405)]),
        closed(
            "a length and chunks: the chunks count, and the connection ends",
            with("Content-Length: 3\r\nTransfer-Encoding: chunked"),
            &[error(405)],
        ),
        closed(
            "chunks and a length: the same",
            with("Transfer-Encoding: chunked\r\nContent-Length: 3"),
            &[error(405)],
        ),
        refused("a coding that is not chunked", with("Transfer-Encoding: gzip"), 400),
        refused("chunked is not the last one", with("Transfer-Encoding: chunked, gzip"), 400),
        refused("chunked twice", with("Transfer-Encoding: chunked, chunked"), 400),
        refused("an unknown coding, chunked", with("Transfer-Encoding: gzip, chunked"), 501),
        refused(
            "an unknown coding, chunked, in two lines",
            with("Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
            501,
        ),
        refused("chunked in HTTP/1.0", old.as_bytes(), 400),
    ]
}

fn chunks() -> Vec<Row> {
    let (first, second) = PNG.split_at(1000);
    let size = |piece: &[u8]| format!("{:X}", piece.len()).into_bytes();
    let two = [
        &*transform("Transfer-Encoding: chunked"),
        &size(first),
        b";name=\"value\"; other\r\n",
        first,
        b"\r\n000",
        &size(second),
        b" \r\n",
        second,
        b"\r\n0\r\nA-Trailer: b\r\n\r\n",
    ]
    .concat();
    let good = chunked("5\r\nhello\r\n0\r\n\r\n");
    let mut rows = vec![
        open("two chunks, an extension, a trailer", two, &[PICTURE]),
        open("a request behind a chunked one", [&*good, &health("")].concat(), &[error(405), OK]),
    ];
    for (name, body) in [
        ("a size that is no number", "xyz\r\nhello\r\n0\r\n\r\n"),
        ("a negative size", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a size with a prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("no size", "\r\nhello\r\n0\r\n\r\n"),
        ("a size of more than 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("a size and then a number", "5 5\r\nhello\r\n0\r\n\r\n"),
        ("LF alone after a size", "5\nhello\r\n0\r\n\r\n"),
        ("CR alone after a size", "5\rhello\r\n0\r\n\r\n"),
        ("LF alone in an extension", "5;a\nhello\r\n0\r\n\r\n"),
        ("a chunk longer than its size", "4\r\nhello\r\n0\r\n\r\n"),
        ("a chunk shorter than its size", "6\r\nhello\r\n0\r\n\r\n"),
        ("a trailer that is no header", "5\r\nhello\r\n0\r\nno trailer\r\n\r\n"),
    ] {
        rows.push(refused(name, chunked(body), 400));
    }
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(20_000));
    rows.push(refused("extensions of 20,000 bytes", chunked(&extension), 400));
    let trailer = format!("0\r\na: {}\r\n\r\n", "b".repeat(70_000));
    rows.push(refused("a trailer of 70,000 bytes", chunked(&trailer), 400));
    rows
}

fn expectations() -> Vec<Row> {
    const CONTINUE: Expected = Expected { status: 100, content: Content::Interim };
    let head = "POST /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n";
    let waiting = |line: &str| format!("{head}{line}\r\n\r\n");
    let old = "POST /healthz HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello";
    let too_long = waiting(&format!("Content-Length: {}", (16 << 20) + 1)).into_bytes();
    vec![
        Row {
            is_ended: true,
            ..refused(
                "a client that waits for a word, and goes",
                waiting("Content-Length: 5").into_bytes(),
                400,
            )
        }
        .with_first(CONTINUE),
        closed("a client that waits with too long a body", too_long, &[error(413)]),
        closed("HTTP/1.0 does not know the word", old.as_bytes(), &[error(405)]),
        open("an unknown expectation", health("Expect: miracles\r\n"), &[OK]),
    ]
}

impl Row {
    /// The row, with a response before the others.
    fn with_first(mut self, first: Expected) -> Self {
        self.expected.insert(0, first);
        self
    }
}
