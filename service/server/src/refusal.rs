//! Answers of the front itself: a status alone, after which the connection ends.

use std::io;
use std::time::SystemTime;

use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use tokio::io::AsyncWriteExt;
use weighbridge_protocol::{Refusal, check_host, check_target, is_chunked};

use crate::answer::Answer;
use crate::limits::RETRY_AFTER_S;

/// Looks at what the parser does not look at.
///
/// # Errors
/// What is wrong with the request.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let headers = request.headers();
    let lines = |name| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    check_host(request.version() == Version::HTTP_11, lines(header::HOST))?;
    check_target(request.method().as_str(), request.uri())?;
    is_chunked(lines(header::TRANSFER_ENCODING)).map(drop)
}

/// The answer to a request that is refused.
pub(crate) fn answer(refusal: Refusal) -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = status(refusal);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if refusal == Refusal::Busy {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    response
}

/// Sends the same by hand, where the parser gave up without a word.
///
/// # Errors
/// The client is gone.
pub(crate) async fn send(
    refusal: Refusal,
    stream: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> io::Result<()> {
    let status = status(refusal);
    let reason = status.canonical_reason().unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    let head = format!(
        "HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n",
        status.as_u16()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}

fn status(refusal: Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_closes_and_only_a_busy_server_asks_to_come_again() {
        for (refusal, code) in [
            (Refusal::Malformed, 400),
            (Refusal::TargetTooLong, 414),
            (Refusal::HeadTooLong, 431),
            (Refusal::UnknownCoding, 501),
            (Refusal::Busy, 503),
        ] {
            let response = answer(refusal);
            assert_eq!(response.status(), code);
            assert_eq!(response.headers()[header::CONNECTION], "close");
            let is_busy = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(is_busy, code == 503);
        }
    }
}
