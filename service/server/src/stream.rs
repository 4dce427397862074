//! A connection's stream: tells the watch what moves, ends request lines without an end, and closes so that a client
//! which is still sending gets its answer.
//!
//! Closing a socket with unread input makes the kernel send RST, and RST throws away what the client has not read yet:
//! the refusal of a body that is too long would be lost. So after a refusal the sending side is closed first, and
//! input is thrown away for a bounded time and amount.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use weighbridge_protocol::MAX_HEAD_BYTES;

use crate::exchange::{Exchange, Phase};

/// How long a refused client is listened to.
const LINGER: Duration = Duration::from_secs(5);
/// How much a refused client may still send, in bytes: four times the service's longest body.
const LINGER_LIMIT_BYTES: usize = 64 << 20;
/// Size of the buffer that swallows it, in bytes.
const SINK_BYTES: usize = 64 << 10;

/// A connection's stream.
pub(crate) struct ClosingStream {
    stream: TcpStream,
    exchange: Arc<Exchange>,
    line: RequestLine,
    lingering: Option<Lingering>,
    is_shut: bool,
}

/// How much of a request line has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestLine {
    /// None, or all of it.
    Complete,
    /// So many bytes, and its end is not among them.
    Open(usize),
    /// More than a head may have.
    TooLong,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    left_bytes: usize,
    sink: Box<[u8]>,
}

impl ClosingStream {
    pub(crate) fn new(stream: TcpStream, exchange: Arc<Exchange>) -> Self {
        let line = RequestLine::Complete;
        Self { stream, exchange, line, lingering: None, is_shut: false }
    }

    /// Whether the last answer is out, so that no other can follow.
    pub(crate) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Whether reading failed because a request line has no end.
    pub(crate) fn has_overlong_line(&self) -> bool {
        self.line == RequestLine::TooLong
    }

    /// Notes input. hyper alone would answer a target of any length with 431, because it looks at heads as a whole.
    fn take_in(&mut self, input: &[u8]) -> io::Result<()> {
        if self.exchange.received(input.len()) {
            self.line = RequestLine::Open(0);
        }
        let RequestLine::Open(before) = self.line else { return Ok(()) };
        let end = input.iter().position(|&byte| byte == b'\n');
        let length = before + end.unwrap_or(input.len());
        self.line = match end {
            _ if length >= MAX_HEAD_BYTES => RequestLine::TooLong,
            Some(_) => RequestLine::Complete,
            None => RequestLine::Open(length),
        };
        let is_too_long = self.line == RequestLine::TooLong;
        if is_too_long { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    }

    /// Notes what came of sending.
    fn give_out(&self, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &sent {
            Poll::Ready(Ok(bytes)) => self.exchange.sent(*bytes),
            Poll::Pending => self.exchange.block_write(),
            Poll::Ready(Err(_)) => {}
        }
        sent
    }
}

impl Lingering {
    fn start() -> Self {
        Self {
            until: Box::pin(tokio::time::sleep(LINGER)),
            left_bytes: LINGER_LIMIT_BYTES,
            sink: vec![0; SINK_BYTES].into_boxed_slice(),
        }
    }

    /// Ready when the client has closed its side too, or has had its time or amount.
    fn poll_swallow(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut self.sink);
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer));
            let got_bytes = buffer.filled().len();
            if read.is_err() || got_bytes == 0 || got_bytes >= self.left_bytes {
                return Poll::Ready(());
            }
            self.left_bytes -= got_bytes;
        }
    }
}

impl AsyncRead for ClosingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.exchange.reads();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.take_in(&buffer.filled()[before..]))
    }
}

impl AsyncWrite for ClosingStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.give_out(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.give_out(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_shut = true;
        let lingering = match &mut this.lingering {
            Some(lingering) => lingering,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                if !this.exchange.may_be_sending() {
                    return Poll::Ready(Ok(()));
                }
                this.exchange.enter(Phase::Lingering);
                this.lingering.insert(Lingering::start())
            }
        };
        lingering.poll_swallow(&mut this.stream, cx).map(Ok)
    }
}
