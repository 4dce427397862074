//! The host's own sockets, so that the same program runs without a Wasm runtime: for tests.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

use crate::pauses::Pauses;
use crate::{Descriptor, Interest, Sockets, arguments};

/// The number that stands for the listener.
const LISTENER: Descriptor = Descriptor(0);

/// A listener of the host and its connections.
#[derive(Debug)]
pub struct PlainSockets {
    listener: TcpListener,
    streams: BTreeMap<Descriptor, TcpStream>,
    last: u32,
    pauses: Pauses,
}

/// Listens where `--listen` says.
///
/// # Errors
/// The arguments are others, or the host's.
pub fn listen(arguments: &[String]) -> anyhow::Result<PlainSockets> {
    let address = arguments::listen(arguments)?;
    PlainSockets::on(address)
        .with_context(|| format!("listen on {address}: another process may hold it"))
}

impl PlainSockets {
    fn on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, streams: BTreeMap::new(), last: 0, pauses: Pauses::new() })
    }

    fn stream(&self, of: Descriptor) -> io::Result<&TcpStream> {
        self.streams.get(&of).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<Option<T>> {
        match result {
            Ok(value) => {
                self.pauses.end_silence();
                Ok(Some(value))
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Sockets for PlainSockets {
    fn listener(&self) -> Descriptor {
        LISTENER
    }

    fn accept(&mut self) -> io::Result<Option<Descriptor>> {
        let accepted = self.listener.accept();
        let Some((stream, _)) = self.noted(accepted)? else { return Ok(None) };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        self.last += 1;
        self.streams.insert(Descriptor(self.last), stream);
        Ok(Some(Descriptor(self.last)))
    }

    fn receive(&mut self, from: Descriptor, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut stream = self.stream(from)?;
        let received = stream.read(buffer);
        self.noted(received)
    }

    fn send(&mut self, to: Descriptor, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut stream = self.stream(to)?;
        let sent = stream.write(bytes);
        self.noted(sent)
    }

    fn finish_sending(&mut self, to: Descriptor) {
        if let Some(stream) = self.streams.get(&to) {
            // The client may have gone away already.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    fn close(&mut self, connection: Descriptor) {
        self.streams.remove(&connection);
    }

    fn wait(&mut self, interests: &mut [Interest], at_most: Duration) -> io::Result<()> {
        self.pauses.pause(at_most);
        for interest in interests {
            interest.is_ready = true;
        }
        Ok(())
    }
}
