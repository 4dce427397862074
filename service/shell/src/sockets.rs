//! What the server needs of a network: a handful of calls that never block, and one that waits.

use std::io;
use std::time::Duration;

/// A socket, by the number that the runtime gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Descriptor(pub u32);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Something to receive, or to accept.
    Receive,
    /// Room to send.
    Send,
}

/// One socket that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// The socket.
    pub descriptor: Descriptor,
    /// What for.
    pub wish: Wish,
    /// Whether it may be had now; set by [`Sockets::wait`]. May be said in vain.
    pub is_ready: bool,
}

/// A listening socket and its connections. Nothing here blocks but [`Sockets::wait`]; `None` means *not now*.
pub trait Sockets {
    /// The socket that listens.
    fn listener(&self) -> Descriptor;

    /// Takes the next connection.
    ///
    /// # Errors
    /// The runtime's.
    fn accept(&mut self) -> io::Result<Option<Descriptor>>;

    /// Receives into `buffer`; 0 bytes when the client has ended its side.
    ///
    /// # Errors
    /// The connection broke.
    fn receive(&mut self, from: Descriptor, buffer: &mut [u8]) -> io::Result<Option<usize>>;

    /// Sends as much of `bytes` as there is room for.
    ///
    /// # Errors
    /// The connection broke.
    fn send(&mut self, to: Descriptor, bytes: &[u8]) -> io::Result<Option<usize>>;

    /// Tells the client that nothing more is sent. It may have gone away already, which is no error.
    fn finish_sending(&mut self, to: Descriptor);

    /// Closes a connection.
    fn close(&mut self, connection: Descriptor);

    /// Waits until one of the wishes may have come true, at most for `at_most`, and marks which.
    ///
    /// # Errors
    /// The runtime cannot wait.
    fn wait(&mut self, interests: &mut [Interest], at_most: Duration) -> io::Result<()>;
}
