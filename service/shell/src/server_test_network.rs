//! A network in memory, for the tests of the server.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use crate::{Descriptor, Interest, Sockets, Wish};

const LISTENER: Descriptor = Descriptor(3);

/// A client's connection, as the network has it.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) to_server: VecDeque<u8>,
    pub(crate) client_ended: bool,
    pub(crate) to_client: Vec<u8>,
    pub(crate) server_ended: bool,
    pub(crate) is_closed: bool,
    /// The client has gone: sending fails.
    pub(crate) is_broken: bool,
}

/// A network in memory, with a clock that moves only while the server waits in vain.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) calling: VecDeque<Descriptor>,
    pub(crate) wires: BTreeMap<Descriptor, Wire>,
    pub(crate) now: Cell<Duration>,
    /// The most bytes that one call moves; after each, the next one would block.
    pub(crate) piece_bytes: usize,
    pub(crate) is_full: bool,
    pub(crate) failing_accepts: u32,
    pub(crate) most_asked_bytes: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Rc<RefCell<Network>>);

impl Shared {
    pub(crate) fn wire<T>(&self, of: Descriptor, use_it: impl FnOnce(&mut Wire) -> T) -> T {
        use_it(self.0.borrow_mut().wires.get_mut(&of).expect("a wire of the test"))
    }
}

impl Sockets for Shared {
    fn listener(&self) -> Descriptor {
        LISTENER
    }

    fn accept(&mut self) -> io::Result<Option<Descriptor>> {
        let mut network = self.0.borrow_mut();
        if network.failing_accepts > 0 {
            network.failing_accepts -= 1;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(network.calling.pop_front())
    }

    fn receive(&mut self, from: Descriptor, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut network = self.0.borrow_mut();
        network.most_asked_bytes = network.most_asked_bytes.max(buffer.len());
        let most = network.piece_bytes.min(buffer.len());
        let wire = network.wires.get_mut(&from).ok_or(ErrorKind::NotConnected)?;
        let count = most.min(wire.to_server.len());
        if count == 0 {
            return Ok(wire.client_ended.then_some(0));
        }
        for (place, byte) in buffer.iter_mut().zip(wire.to_server.drain(..count)) {
            *place = byte;
        }
        Ok(Some(count))
    }

    fn send(&mut self, to: Descriptor, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut network = self.0.borrow_mut();
        let count = network.piece_bytes.min(bytes.len());
        let (is_full, is_stop_and_go) = (network.is_full, network.piece_bytes < usize::MAX);
        network.is_full = is_stop_and_go && !is_full;
        let wire = network.wires.get_mut(&to).ok_or(ErrorKind::NotConnected)?;
        if wire.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if is_full {
            return Ok(None);
        }
        wire.to_client.extend_from_slice(&bytes[..count]);
        Ok(Some(count))
    }

    fn finish_sending(&mut self, to: Descriptor) {
        self.wire(to, |wire| wire.server_ended = true);
    }

    fn close(&mut self, connection: Descriptor) {
        self.wire(connection, |wire| wire.is_closed = true);
    }

    fn wait(&mut self, interests: &mut [Interest], at_most: Duration) -> io::Result<()> {
        let network = self.0.borrow();
        for interest in &mut *interests {
            interest.is_ready = match (network.wires.get(&interest.descriptor), interest.wish) {
                (Some(wire), Wish::Receive) => !wire.to_server.is_empty() || wire.client_ended,
                (Some(_), Wish::Send) => true,
                (None, _) => !network.calling.is_empty(),
            };
        }
        if !interests.iter().any(|interest| interest.is_ready) {
            network.now.set(network.now.get() + at_most);
        }
        Ok(())
    }
}
