//! Trying the table on a server.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::table::{After, Content, Expected, Row, health, table};
use crate::wire::{Client, Response};

/// How long to wait between the two parts of a request, so that the server sees the first alone.
const PAUSE: Duration = Duration::from_millis(10);
/// Requests up to this length are also sent in two parts, in bytes.
const CUT_BYTES: usize = 4096;

/// Tries every row on the server at `address`, whole and in two parts, and gives what went otherwise: a line each.
#[must_use]
pub fn failures(address: SocketAddr) -> Vec<String> {
    let mut failures = Vec::new();
    for row in table() {
        let parts: &[usize] = if row.sent.len() <= CUT_BYTES { &[1, 2] } else { &[1] };
        for &parts in parts {
            if let Err(error) = try_row(address, &row, parts) {
                failures.push(format!("{} (in {parts} parts): {error:#}", row.name));
                break;
            }
        }
    }
    failures
}

fn try_row(address: SocketAddr, row: &Row, parts: usize) -> Result<()> {
    let mut client = Client::connect(address)?;
    let mut pieces = row.sent.chunks(row.sent.len().div_ceil(parts).max(1)).peekable();
    while let Some(piece) = pieces.next() {
        client.send(piece);
        if pieces.peek().is_some() {
            thread::sleep(PAUSE);
        }
    }
    if row.is_ended {
        client.end();
    }
    for (at, expected) in row.expected.iter().enumerate() {
        let is_withheld = expected.content == Content::Withheld;
        let response = client.response(is_withheld)?;
        let response = response.with_context(|| format!("closed before answer {}", at + 1))?;
        let is_last = at + 1 == row.expected.len() && row.after == After::Closed && !row.is_ended;
        check(&response, *expected, is_last).with_context(|| format!("answer {}", at + 1))?;
    }
    match row.after {
        After::Open => {
            client.send(&health(""));
            let response = client.response(false)?.context("the connection does not go on")?;
            ensure!(response.status == 200, "a further request got {}", response.status);
        }
        After::Closed => {
            let more = client.response(false)?;
            ensure!(more.is_none(), "a further answer instead of the end: {more:?}");
        }
    }
    Ok(())
}

fn check(response: &Response, expected: Expected, is_last: bool) -> Result<()> {
    let Expected { status, content } = expected;
    ensure!(response.status == status, "{} in place of {status}", response.status);
    if content == Content::Interim {
        return Ok(());
    }
    let is_date = response.header("date").is_some_and(|date| date.ends_with(" GMT"));
    ensure!(is_date, "no date");
    let allow = response.header("allow");
    ensure!(allow.is_some() == (status == 405), "`allow` is {allow:?}");
    if is_last {
        // HTTP/1.0 closes without a word; whoever understands the word is told.
        let connection = response.header("connection").unwrap_or("close");
        ensure!(connection.eq_ignore_ascii_case("close"), "`connection` is {connection}");
    }
    let length = response.header("content-length");
    let is_type = |name| response.header("content-type") == Some(name);
    let body = response.body.as_slice();
    let is_right = match content {
        Content::Interim => true,
        Content::None => length == Some("0") && body.is_empty(),
        Content::Withheld => length.is_some_and(|length| length != "0") && body.is_empty(),
        Content::Ok => body == b"ok",
        Content::Error => is_type("application/json") && body.starts_with(b"{\"error\":{\"code\":"),
        Content::Png => is_type("image/png") && body.starts_with(b"\x89PNG"),
    };
    ensure!(
        is_right,
        "{content:?} expected, got {:?} {}",
        response.headers,
        String::from_utf8_lossy(body)
    );
    Ok(())
}
