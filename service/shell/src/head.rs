//! The head of a request: parsed by `httparse`, judged here.

use http::Uri;
use weighbridge_protocol::{
    MAX_HEAD_BYTES, MAX_HEADERS, Refusal, check_host, check_target, is_chunked,
};

/// How a body's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By its length, in bytes; 0 without a body.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// What the server needs to know of a request before its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path and query as they were sent, without an authority before and a fragment behind.
    pub(crate) path_and_query: String,
    /// The first `Content-Type` header, where it is text.
    pub(crate) content_type: Option<String>,
    pub(crate) framing: Framing,
    /// Length of the head itself, in bytes.
    pub(crate) head_bytes: usize,
    /// Whether it is HTTP/1.0, which closes unless asked not to.
    pub(crate) is_old: bool,
    /// Whether the client wants to send another request on this connection.
    pub(crate) is_kept_alive: bool,
    /// Whether the client waits for a word before it sends the body.
    pub(crate) expects_continue: bool,
}

impl Head {
    /// Parses the head at the beginning of `bytes`; `None` when more bytes are needed.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD_BYTES => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
            Ok(_) => return Err(too_long(bytes)),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLong),
            Err(_) => return Err(Refusal::Malformed),
        };
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refusal::Malformed);
        };
        let target = Uri::try_from(target).map_err(|_| Refusal::Malformed)?;
        let mut head = Self {
            method: method.to_owned(),
            path_and_query: target.path_and_query().map_or("", |path| path.as_str()).to_owned(),
            content_type: None,
            framing: Framing::Length(0),
            head_bytes,
            is_old: version == 0,
            is_kept_alive: version == 1,
            expects_continue: false,
        };
        head.read_headers(request.headers)?;
        check_target(method, &target)?;
        Ok(Some(head))
    }

    fn read_headers(&mut self, headers: &[httparse::Header<'_>]) -> Result<(), Refusal> {
        let lines = |name: &'static str| {
            let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| header.value)
        };
        check_host(!self.is_old, lines("host"))?;
        let has_coding = lines("transfer-encoding").next().is_some();
        if has_coding && self.is_old {
            return Err(Refusal::Malformed);
        }
        self.framing = if is_chunked(lines("transfer-encoding"))? {
            Framing::Chunked
        } else {
            Framing::Length(length(lines("content-length"))?)
        };
        self.content_type = lines("content-type").next().and_then(text);
        self.expects_continue =
            !self.is_old && lines("expect").any(|line| lists(line, "100-continue"));
        let says = |word| lines("connection").any(|line| lists(line, word));
        self.is_kept_alive |= says("keep-alive");
        // With a length beside it, another reader may see another request behind these chunks.
        let is_ambiguous = has_coding && lines("content-length").next().is_some();
        self.is_kept_alive &= !says("close") && !is_ambiguous;
        Ok(())
    }
}

/// Which of its parts makes a head too long.
fn too_long(bytes: &[u8]) -> Refusal {
    let beginning = &bytes[..bytes.len().min(MAX_HEAD_BYTES)];
    if beginning.contains(&b'\n') { Refusal::HeadTooLong } else { Refusal::TargetTooLong }
}

/// The length that all lines say; 0 without any.
fn length<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<u64, Refusal> {
    let mut length = None;
    for line in lines {
        let value = content_length(line).ok_or(Refusal::Malformed)?;
        // Said twice it must be said the same: else two readers see two requests.
        if length.replace(value).is_some_and(|before| before != value) {
            return Err(Refusal::Malformed);
        }
    }
    Ok(length.unwrap_or(0))
}

/// Digits only: `+5`, which `parse` would take, is no length.
fn content_length(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A header's value where it is text as all servers understand it: ASCII without control characters.
fn text(value: &[u8]) -> Option<String> {
    let is_text = value.iter().all(|&byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    if is_text { String::from_utf8(value.to_vec()).ok() } else { None }
}

/// Whether a comma-separated list holds `word`.
fn lists(value: &[u8], word: &str) -> bool {
    let mut words = value.split(|&byte| byte == b',');
    words.any(|other| other.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Option<Head>, Refusal> {
        Head::parse(text.as_bytes())
    }

    /// The head of a request with these lines and a host.
    fn with(line: &str, lines: &str) -> Result<Head, Refusal> {
        parse(&format!("{line}\r\nHost: h\r\n{lines}\r\n")).map(Option::unwrap)
    }

    #[test]
    fn what_the_service_needs_is_read() {
        let text = "POST /v1?op=a HTTP/1.1\r\nHost: h\r\ncontent-TYPE: image/png\r\n\
                    Content-Length: 12\r\nExpect: 100-Continue\r\n\r\nbody";
        let expected = Head {
            method: "POST".to_owned(),
            path_and_query: "/v1?op=a".to_owned(),
            content_type: Some("image/png".to_owned()),
            framing: Framing::Length(12),
            head_bytes: text.len() - 4,
            is_old: false,
            is_kept_alive: true,
            expects_continue: true,
        };
        assert_eq!(parse(text), Ok(Some(expected)));
    }

    #[test]
    fn the_client_says_whether_the_connection_goes_on() {
        for (version, lines, is_kept_alive) in [
            (1, "", true),
            (1, "Connection: keep-alive\r\n", true),
            (1, "Connection: x, CLOSE\r\n", false),
            (1, "Connection: close\r\nConnection: keep-alive\r\n", false),
            (0, "", false),
            (0, "Connection: Keep-Alive\r\n", true),
            (1, "Transfer-Encoding: chunked\r\n", true),
            (1, "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", false),
        ] {
            let head = with(&format!("GET / HTTP/1.{version}"), lines).unwrap();
            assert_eq!(head.is_kept_alive, is_kept_alive, "1.{version} {lines}");
        }
    }

    #[test]
    fn every_form_of_target_has_its_path() {
        for (target, expected) in
            [("/a?b#c", "/a?b"), ("http://host:1/a?b", "/a?b"), ("http://host", "/")]
        {
            let head = with(&format!("GET {target} HTTP/1.1"), "").unwrap();
            assert_eq!(head.path_and_query, expected, "{target}");
        }
        assert_eq!(with("OPTIONS * HTTP/1.1", "").unwrap().path_and_query, "*");
        assert_eq!(with("GET * HTTP/1.1", ""), Err(Refusal::Malformed));
    }

    #[test]
    fn what_cannot_be_framed_is_refused() {
        let post = |lines: &str| with("POST / HTTP/1.1", lines).map(|head| head.framing);
        for length in ["-1", "+1", "1x", "", "1, 2", "18446744073709551616"] {
            let line = format!("Content-Length: {length}\r\n");
            assert_eq!(post(&line), Err(Refusal::Malformed), "{length}");
        }
        let twice = "Content-Length: 1\r\nContent-Length: 2\r\n";
        assert_eq!(post(twice), Err(Refusal::Malformed));
        assert_eq!(post(&twice.replace('2', "1")), Ok(Framing::Length(1)));
        assert_eq!(post("Transfer-Encoding: chunked\r\n"), Ok(Framing::Chunked));
        let gzip = "Transfer-Encoding: gzip, chunked\r\n";
        assert_eq!(post(gzip), Err(Refusal::UnknownCoding));
        let old = with("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n");
        assert_eq!(old, Err(Refusal::Malformed));
    }

    #[test]
    fn a_head_has_a_longest_length() {
        let endless = format!("GET /{}", "a".repeat(MAX_HEAD_BYTES));
        assert_eq!(parse(&endless), Err(Refusal::TargetTooLong));
        assert_eq!(parse(&endless[..MAX_HEAD_BYTES - 1]), Ok(None));
        assert_eq!(with(&format!("{endless} HTTP/1.1"), ""), Err(Refusal::TargetTooLong));
        let long = format!("a: {}\r\n", "b".repeat(MAX_HEAD_BYTES));
        assert_eq!(with("GET / HTTP/1.1", &long), Err(Refusal::HeadTooLong));
        let many = "a: b\r\n".repeat(MAX_HEADERS);
        assert_eq!(with("GET / HTTP/1.1", &many), Err(Refusal::HeadTooLong));
    }

    #[test]
    fn what_is_no_text_is_no_content_type() {
        let lines = "Content-Type: \u{e9}\r\nContent-Type: image/png\r\n";
        assert_eq!(with("GET / HTTP/1.1", lines).unwrap().content_type, None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Head::parse(&bytes);
        }

        #[test]
        fn a_prefix_is_never_taken_for_the_whole(cut in 0usize..60) {
            let whole = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
            let part = &whole[..cut.min(whole.len() - 1)];
            prop_assert_eq!(Head::parse(part), Ok(None));
        }
    }
}
