//! A TCP stream that closes so that a client which is still sending gets its answer.
//!
//! Closing a socket with unread input makes the kernel send RST, and RST throws away what the client
//! has not read yet: the refusal of a body that is too long would be lost. So after a refusal the
//! sending side is closed first, and input is thrown away for a bounded time and amount.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::connection::Exchange;

/// How long a refused client is listened to.
const LINGER: Duration = Duration::from_secs(5);
/// How much a refused client may still send, in bytes: four times the service's longest body.
const LINGER_LIMIT_BYTES: usize = 64 << 20;
/// Size of the buffer that swallows it, in bytes.
const SINK_BYTES: usize = 64 << 10;

/// A connection's stream, as hyper drives it.
pub(crate) struct ClosingStream {
    stream: TokioIo<TcpStream>,
    exchange: Arc<Exchange>,
    lingering: Option<Lingering>,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    left_bytes: usize,
    sink: Box<[u8]>,
}

impl ClosingStream {
    pub(crate) fn new(stream: TcpStream, exchange: Arc<Exchange>) -> Self {
        Self { stream: TokioIo::new(stream), exchange, lingering: None }
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

impl Read for ClosingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for ClosingStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(&self.stream)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let stream = this.stream.inner_mut();
        let lingering = match &mut this.lingering {
            Some(lingering) => lingering,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
                if !this.exchange.refused() {
                    return Poll::Ready(Ok(()));
                }
                this.lingering.insert(Lingering::start())
            }
        };
        lingering.poll_swallow(stream, cx).map(Ok)
    }
}
