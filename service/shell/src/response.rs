//! Writing a response: the headers that the other shells send, in their order.

use std::time::{Duration, SystemTime};

use weighbridge_protocol::Refusal;
use weighbridge_transform::Response;

/// How long the text of a date is good.
const DATE_LASTS: Duration = Duration::from_secs(1);

/// After how many seconds a client may try again for which there was no room.
const RETRY_AFTER_S: &str = "1";

/// The word by which a client that waits is told to send its body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The `Date` header's text, formatted at most once a second.
#[derive(Debug, Default)]
pub(crate) struct Dates {
    text: String,
    made_at: Option<Duration>,
}

impl Dates {
    /// The text at `now`, a time of the server's clock.
    fn text(&mut self, now: Duration) -> &str {
        if self.made_at.is_none_or(|made_at| now.saturating_sub(made_at) >= DATE_LASTS) {
            self.text = httpdate::fmt_http_date(SystemTime::now());
            self.made_at = Some(now);
        }
        &self.text
    }
}

/// How a response is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// The request was `HEAD`: all headers, no body.
    pub(crate) is_head: bool,
    /// The connection ends with it.
    pub(crate) is_last: bool,
    /// The request was of HTTP/1.0, which has to be told when the connection goes on.
    pub(crate) is_old: bool,
    /// The time of the server's clock.
    pub(crate) now: Duration,
}

/// Appends `response` as it goes over the wire to `out`.
pub(crate) fn write(out: &mut Vec<u8>, response: &Response, manner: Manner, dates: &mut Dates) {
    let mut headers = format!("content-type: {}\r\n", response.content_type);
    if let Some(allow) = response.allow {
        headers += &format!("allow: {allow}\r\n");
    }
    let body_bytes = response.body.len();
    write_head(out, response.status, &headers, body_bytes, manner, dates);
    if !manner.is_head {
        out.extend_from_slice(&response.body);
    }
}

/// Appends a response that has a status alone, the last one of its connection.
pub(crate) fn write_refusal(out: &mut Vec<u8>, refusal: Refusal, now: Duration, dates: &mut Dates) {
    let manner = Manner { is_head: false, is_last: true, is_old: false, now };
    let again = match refusal {
        Refusal::Busy => format!("retry-after: {RETRY_AFTER_S}\r\n"),
        _ => String::new(),
    };
    write_head(out, refusal.status(), &again, 0, manner, dates);
}

fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    headers: &str,
    body_bytes: usize,
    manner: Manner,
    dates: &mut Dates,
) {
    let reason = reason(status);
    let connection = match (manner.is_last, manner.is_old) {
        (true, _) => "connection: close\r\n",
        (false, true) => "connection: keep-alive\r\n",
        (false, false) => "",
    };
    let date = dates.text(manner.now);
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\n{headers}{connection}content-length: {body_bytes}\r\n\
         date: {date}\r\n\r\n"
    );
    out.reserve_exact(head.len() + if manner.is_head { 0 } else { body_bytes });
    out.extend_from_slice(head.as_bytes());
}

/// The phrase of a status that the service or this server gives; clients do without.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response, is_head: bool, is_last: bool) -> (String, String) {
        let mut out = Vec::new();
        let manner = Manner { is_head, is_last, is_old: false, now: Duration::ZERO };
        write(&mut out, response, manner, &mut Dates::default());
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn refused() -> Response {
        Response { status: 405, content_type: "text/plain", allow: Some("GET"), body: b"no".into() }
    }

    #[test]
    fn headers_stand_in_the_order_of_the_other_shells() {
        let (head, body) = written(&refused(), false, true);
        let (head, date) = head.rsplit_once("\r\ndate: ").unwrap();
        assert_eq!(
            head,
            "HTTP/1.1 405 Method Not Allowed\r\ncontent-type: text/plain\r\nallow: GET\r\n\
             connection: close\r\ncontent-length: 2"
        );
        assert!(httpdate::parse_http_date(date).is_ok(), "{date}");
        assert_eq!(body, "no");
    }

    #[test]
    fn a_head_request_is_told_the_length_and_gets_no_body() {
        let (head, body) = written(&refused(), true, false);
        assert!(head.contains("\r\ncontent-length: 2\r\n"), "{head}");
        assert!(!head.contains("connection:"), "{head}");
        assert_eq!(body, "");
    }

    #[test]
    fn a_date_is_made_once_a_second() {
        let mut dates = Dates::default();
        dates.text(Duration::from_millis(100));
        dates.text.push('!');
        assert!(dates.text(Duration::from_millis(1099)).ends_with('!'));
        assert!(!dates.text(Duration::from_millis(1100)).ends_with('!'));
    }
}
