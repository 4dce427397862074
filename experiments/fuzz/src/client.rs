//! A keep-alive HTTP client of a few lines.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::input::Input;

/// Longer than a server's deadline, with a machine that is busy with other work.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `None` where there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
}

/// One connection to a server, made anew when it was closed.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// The server's answer. A kept connection may have been closed meanwhile: then once more.
    pub(crate) fn send(&mut self, input: &Input) -> Answer {
        let is_kept = self.stream.is_some();
        let answer = self.try_send(input);
        if answer.is_none() && is_kept {
            return self.send(input);
        }
        answer.unwrap_or(Answer { status: None, body: Vec::new() })
    }

    fn try_send(&mut self, input: &Input) -> Option<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).ok()?;
                stream.set_nodelay(true).ok()?;
                stream.set_read_timeout(Some(TIMEOUT)).ok()?;
                stream
            }
        };
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: fuzz\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            input.target,
            input.content_type,
            input.body.len()
        )
        .into_bytes();
        request.extend_from_slice(&input.body);
        stream.write_all(&request).ok()?;
        let (answer, is_kept) = read_answer(&mut stream)?;
        self.stream = is_kept.then_some(stream);
        Some(answer)
    }
}

/// The answer, and whether the connection stays open.
fn read_answer(stream: &mut TcpStream) -> Option<(Answer, bool)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 64 * 1024];
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(piece.get(..count)?);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(&bytes).ok()? else { continue };
        let header = |name: &str| {
            let found = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok()
        };
        let length: usize = header("content-length")?.parse().ok()?;
        let is_kept = header("connection") != Some("close");
        let status = response.code?;
        let mut body = bytes.split_off(head);
        let had = body.len();
        body.resize(length.max(had), 0);
        stream.read_exact(body.get_mut(had..)?).ok()?;
        return Some((Answer { status: Some(status), body }, is_kept));
    }
}
