//! The least of an HTTP client: bytes out, responses in.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// How long a server may be silent. Far more than it needs on a busy machine; a server that never answers fails by it.
const PATIENCE: Duration = Duration::from_secs(20);
const MAX_HEADERS: usize = 32;

/// A response, as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, with their values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A connection, with what was received beyond the responses taken so far.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, inbox: Vec::new() })
    }

    /// Sends; that the server has heard enough and closes is no error here, its answer will tell.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends; false when the server has heard enough.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Whether nothing has come, and the server has not closed.
    pub(crate) fn is_waiting(&mut self) -> bool {
        let is_set = self.stream.set_nonblocking(true).is_ok();
        let peeked = self.stream.peek(&mut [0]);
        is_set && matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Ends this side.
    pub(crate) fn end(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Takes the next response; `None` when the server has closed. A body is there unless `is_withheld` or the
    /// response is an interim one.
    pub(crate) fn response(&mut self, is_withheld: bool) -> Result<Option<Response>> {
        let (mut response, head_bytes) = loop {
            if let Some(parsed) = parse(&self.inbox)? {
                break parsed;
            }
            if !self.receive()? {
                if self.inbox.is_empty() {
                    return Ok(None);
                }
                bail!("closed within a head: {}", String::from_utf8_lossy(&self.inbox));
            }
        };
        self.inbox.drain(..head_bytes);
        if response.status < 200 || is_withheld {
            return Ok(Some(response));
        }
        let length = response.header("content-length").context("no content-length")?;
        let length: usize = length.parse().context("content-length is no number")?;
        while self.inbox.len() < length {
            if !self.receive()? {
                bail!("closed within a body of {length} bytes, after {}", self.inbox.len());
            }
        }
        response.body = self.inbox.drain(..length).collect();
        Ok(Some(response))
    }

    /// Receives more; false when the server has closed.
    fn receive(&mut self) -> Result<bool> {
        let mut piece = vec![0; 64 << 10];
        match self.stream.read(&mut piece) {
            Ok(count) => {
                self.inbox.extend_from_slice(&piece[..count]);
                Ok(count > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                bail!("no answer within {} s", PATIENCE.as_secs())
            }
            Err(error) => Err(error).context("the answer was lost"),
        }
    }
}

/// The head at the beginning of `bytes` and its length; `None` when more are needed.
fn parse(bytes: &[u8]) -> Result<Option<(Response, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).context("no HTTP response")?
    else {
        return Ok(None);
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = parsed.headers.iter();
    let headers = headers.map(|header| (header.name.to_ascii_lowercase(), text(header.value)));
    let status = parsed.code.context("no status")?;
    Ok(Some((Response { status, headers: headers.collect(), body: Vec::new() }, length)))
}
