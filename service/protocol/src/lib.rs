//! What HTTP/1.1 demands of a request beyond its syntax, decided once for every HTTP front of the service: the one
//! that the native service and the Wasm host share, and the one within the preview 1 module.
//!
//! Parsing is left to `httparse`, which both fronts use (one of them through hyper), and targets to
//! [`http::Uri`]. What is here they leave to their users: RFC 9112 3.2 (targets and `Host`), 6.1 (transfer
//! codings), and how long a head may be. All fronts refuse with a status alone, no body, and close.

use http::Uri;

/// The longest head of a request, its request line included, in bytes (64 KiB). RFC 9112 3 wants 8,000 for a request
/// line at least; sixteen operations need a few hundred.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// The most header lines of a request: hyper's own number, for which it has room on the stack.
pub const MAX_HEADERS: usize = 100;

/// The longest trailer of a chunked body, in bytes: as long as a head.
pub const MAX_TRAILER_BYTES: usize = MAX_HEAD_BYTES;

/// The longest chunk extensions of one body, all together, in bytes: hyper's own number.
pub const MAX_EXTENSION_BYTES: usize = 16 << 10;

/// Why a request is answered by the front, with a status alone. The connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no HTTP/1.1: 400.
    Malformed,
    /// Its request line is longer than [`MAX_HEAD_BYTES`]: 414.
    TargetTooLong,
    /// Its head is longer than [`MAX_HEAD_BYTES`], or has more than [`MAX_HEADERS`] lines: 431.
    HeadTooLong,
    /// Its body is in a coding other than `chunked`: 501.
    UnknownCoding,
    /// Its body, or the answer to it, found no room beside those of other clients: 503.
    Busy,
}

impl Refusal {
    /// The status code of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::TargetTooLong => 414,
            Self::HeadTooLong => 431,
            Self::UnknownCoding => 501,
            Self::Busy => 503,
        }
    }
}

/// Looks at the `Host` lines of a request. HTTP/1.1 has exactly one, HTTP/1.0 need not have any.
///
/// # Errors
/// It is missing, said more than once, or no host with an optional port.
pub fn check_host<'a>(
    is_http_11: bool,
    mut lines: impl Iterator<Item = &'a [u8]>,
) -> Result<(), Refusal> {
    match (lines.next(), lines.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (None, _) if !is_http_11 => Ok(()),
        _ => Err(Refusal::Malformed),
    }
}

/// Whether `value` is `uri-host [ ":" port ]` (RFC 9110 7.2). An empty host is one: it stands for a target that
/// has no authority.
fn is_host(value: &[u8]) -> bool {
    let (is_name, rest) = match value.strip_prefix(b"[") {
        Some(address) => {
            let Some(end) = address.iter().position(|&byte| byte == b']') else { return false };
            let is_address = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
            let (address, rest) = address.split_at(end);
            (!address.is_empty() && address.iter().all(is_address), &rest[1..])
        }
        None => {
            let end = value.iter().position(|&byte| byte == b':').unwrap_or(value.len());
            let (name, rest) = value.split_at(end);
            // Unreserved characters, sub-delimiters and the sign of an escape (RFC 3986 3.2.2).
            let is_of_name =
                |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte);
            (name.iter().all(is_of_name), rest)
        }
    };
    let is_port = match rest.split_first() {
        None => true,
        Some((colon, port)) => *colon == b':' && port.iter().all(u8::is_ascii_digit),
    };
    is_name && is_port
}

/// Looks at the target of a request: a path, an absolute one, `*` for OPTIONS, an authority for CONNECT.
///
/// # Errors
/// It has a form that its method does not allow (RFC 9112 3.2).
pub fn check_target(method: &str, target: &Uri) -> Result<(), Refusal> {
    let is_fitting = match target.path() {
        "*" => method == "OPTIONS",
        // Nothing but an authority.
        "" => method == "CONNECT",
        _ => method != "CONNECT",
    };
    if is_fitting { Ok(()) } else { Err(Refusal::Malformed) }
}

/// Looks at the `Transfer-Encoding` lines of an HTTP/1.1 request: whether its body is chunked.
///
/// # Errors
/// `chunked` is not the last coding, or stands there twice ([`Refusal::Malformed`]); there is another one
/// ([`Refusal::UnknownCoding`]).
pub fn is_chunked<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<bool, Refusal> {
    let mut codings =
        lines.flat_map(|line| line.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let Some(mut last) = codings.next() else { return Ok(false) };
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let (mut count, mut chunked_count) = (1, usize::from(is_chunked(last)));
    for coding in codings {
        count += 1;
        chunked_count += usize::from(is_chunked(coding));
        last = coding;
    }
    match (is_chunked(last), chunked_count, count) {
        (true, 1, 1) => Ok(true),
        (true, 1, _) => Err(Refusal::UnknownCoding),
        _ => Err(Refusal::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_host_is_asked_for() {
        let check = |is_http_11, lines: &[&str]| {
            check_host(is_http_11, lines.iter().map(|line| line.as_bytes())).is_ok()
        };
        let good = ["h", "", "a.b:80", "a:", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b~%41"];
        for host in good {
            assert!(check(true, &[host]), "{host}");
        }
        let bad = [
            "a b", "a/b", "http://a", "u@a", "a:b", "a:80:80", "[::1", "[]", "[::1]x", "[g]",
            "a\"", "\u{e9}",
        ];
        for host in bad {
            assert!(!check(true, &[host]) && !check(false, &[host]), "{host}");
        }
        assert!(!check(true, &[]) && check(false, &[]));
        assert!(!check(true, &["a", "a"]) && !check(false, &["a", "a"]));
    }

    #[test]
    fn a_target_fits_its_method() {
        for (method, target, is_good) in [
            ("GET", "/a?b", true),
            ("GET", "http://h/a", true),
            ("GET", "http://h", true),
            ("GET", "*", false),
            ("GET", "h:80", false),
            ("OPTIONS", "*", true),
            ("OPTIONS", "/a", true),
            ("CONNECT", "h:80", true),
            ("CONNECT", "/a", false),
        ] {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(check_target(method, &uri).is_ok(), is_good, "{method} {target}");
        }
    }

    #[test]
    fn chunked_alone_is_understood() {
        for (lines, expected) in [
            (&[][..], Ok(false)),
            (&["chunked"][..], Ok(true)),
            (&[" Chunked "], Ok(true)),
            (&["gzip, chunked"], Err(Refusal::UnknownCoding)),
            (&["gzip", "chunked"], Err(Refusal::UnknownCoding)),
            (&["chunked, chunked"], Err(Refusal::Malformed)),
            (&["chunked", "gzip"], Err(Refusal::Malformed)),
            (&["gzip"], Err(Refusal::Malformed)),
            (&[""], Err(Refusal::Malformed)),
        ] {
            let lines = lines.iter().map(|line| line.as_bytes());
            assert_eq!(is_chunked(lines), expected);
        }
    }
}
