//! The head of a request: parsed by `httparse`, judged here.

use crate::MAX_HEAD_BYTES;

/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// What the server needs to know of a request before its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path and query as they were sent, without an authority before and a fragment behind.
    pub(crate) path_and_query: String,
    /// The first `Content-Type` header, where it is text.
    pub(crate) content_type: Option<String>,
    /// Length of the body, in bytes.
    pub(crate) body_bytes: u64,
    /// Length of the head itself, in bytes.
    pub(crate) head_bytes: usize,
    /// Whether the client wants to send another request on this connection.
    pub(crate) is_kept_alive: bool,
    /// Whether the client waits for a word before it sends the body.
    pub(crate) expects_continue: bool,
}

/// Why a head gets no answer of the service. The connection ends after that: where the next request begins is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not HTTP/1.
    Malformed,
    /// Longer than [`MAX_HEAD_BYTES`], or more headers than 64.
    TooLong,
    /// A body without `Content-Length`.
    LengthRequired,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Refusal::Malformed => 400,
            Refusal::TooLong => 431,
            Refusal::LengthRequired => 411,
        }
    }
}

impl Head {
    /// Parses the head at the beginning of `bytes`; `None` when more bytes are needed.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD_BYTES => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLong),
            Err(_) => return Err(Refusal::Malformed),
        };
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refusal::Malformed);
        };
        let mut head = Self {
            method: method.to_owned(),
            path_and_query: path_and_query(target).to_owned(),
            content_type: None,
            body_bytes: 0,
            head_bytes,
            // Version 1.0 may ask for it too, in a way of its own; nobody that is served here does.
            is_kept_alive: version == 1,
            expects_continue: false,
        };
        head.read_headers(request.headers)?;
        Ok(Some(head))
    }

    fn read_headers(&mut self, headers: &[httparse::Header<'_>]) -> Result<(), Refusal> {
        let mut length = None;
        let mut has_content_type = false;
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                let value = content_length(header.value).ok_or(Refusal::Malformed)?;
                // Said twice it must be said the same: else two readers see two requests.
                if length.replace(value).is_some_and(|before| before != value) {
                    return Err(Refusal::Malformed);
                }
            } else if is("transfer-encoding") {
                return Err(Refusal::LengthRequired);
            } else if is("content-type") && !has_content_type {
                has_content_type = true;
                self.content_type = text(header.value);
            } else if is("connection") {
                self.is_kept_alive &= !lists(header.value, "close");
            } else if is("expect") {
                self.expects_continue = lists(header.value, "100-continue");
            }
        }
        self.body_bytes = length.unwrap_or(0);
        Ok(())
    }
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

/// Of a request target what the service looks at: a proxy's form names the authority too.
fn path_and_query(target: &str) -> &str {
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    if target.starts_with('/') {
        return target;
    }
    match target.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        None => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap()
    }

    fn refusal(text: &str) -> Refusal {
        Head::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_the_service_needs_is_read() {
        let text = "POST /v1?op=a HTTP/1.1\r\nHost: h\r\ncontent-TYPE: image/png\r\n\
                    Content-Length: 12\r\nExpect: 100-Continue\r\n\r\nbody";
        let expected = Head {
            method: "POST".to_owned(),
            path_and_query: "/v1?op=a".to_owned(),
            content_type: Some("image/png".to_owned()),
            body_bytes: 12,
            head_bytes: text.len() - 4,
            is_kept_alive: true,
            expects_continue: true,
        };
        assert_eq!(head(text), expected);
    }

    #[test]
    fn only_the_clients_word_or_an_old_version_ends_the_connection() {
        assert!(head("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n").is_kept_alive);
        assert!(!head("GET / HTTP/1.1\r\nConnection: x, CLOSE\r\n\r\n").is_kept_alive);
        assert!(!head("GET / HTTP/1.0\r\n\r\n").is_kept_alive);
    }

    #[test]
    fn every_form_of_target_has_its_path() {
        for (target, expected) in [
            ("/a?b#c", "/a?b"),
            ("http://host:1/a?b", "/a?b"),
            ("http://host", "/"),
            ("http://host?q", "?q"),
            ("*", "*"),
        ] {
            let text = format!("GET {target} HTTP/1.1\r\n\r\n");
            assert_eq!(head(&text).path_and_query, expected, "{target}");
        }
    }

    #[test]
    fn what_cannot_be_framed_is_refused() {
        for length in ["-1", "+1", "1x", "", "1, 2", "18446744073709551616"] {
            let text = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(refusal(&text), Refusal::Malformed, "{length}");
        }
        let twice = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(refusal(twice), Refusal::Malformed);
        assert_eq!(head(&twice.replace('2', "1")).body_bytes, 1);
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refusal(chunked), Refusal::LengthRequired);
    }

    #[test]
    fn a_head_has_a_longest_length() {
        let endless = format!("GET /{}", "a".repeat(MAX_HEAD_BYTES));
        assert_eq!(refusal(&endless), Refusal::TooLong);
        assert_eq!(Head::parse(&endless.as_bytes()[..MAX_HEAD_BYTES - 1]), Ok(None));
        assert_eq!(refusal(&format!("{endless} HTTP/1.1\r\n\r\n")), Refusal::TooLong);
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        assert_eq!(refusal(&format!("GET / HTTP/1.1\r\n{many}\r\n")), Refusal::TooLong);
    }

    #[test]
    fn what_is_no_text_is_no_content_type() {
        let bytes = b"GET / HTTP/1.1\r\nContent-Type: \xc3\xa9\r\nContent-Type: image/png\r\n\r\n";
        assert_eq!(Head::parse(bytes).unwrap().unwrap().content_type, None);
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
