//! WASI preview 1, as far as connections need it.
//!
//! Declared here and not taken from the crate `wasip1`: wazero wrote eight bytes where the specification has a result
//! of four, which is harmless only where there is room for eight. All results are of eight bytes here, zero before.

use std::io;

use crate::Descriptor;
#[cfg(not(feature = "preopened"))]
use crate::Interest;
#[cfg(not(feature = "preopened"))]
use crate::poll::{Event, Subscription, mark, subscribe};
#[cfg(not(feature = "preopened"))]
use std::time::Duration;

const SUCCESS: i32 = 0;
const AGAIN: i32 = 6;
const INTERRUPTED: i32 = 27;

/// `fdflags`: calls return at once.
pub(super) const NONBLOCK: u32 = 1 << 2;
/// `sdflags`: the receiving side.
#[cfg(feature = "preopened")]
const RECEIVING: u32 = 1 << 0;
/// `sdflags`: the sending side.
const SENDING: u32 = 1 << 1;

/// `iovec`: where to receive to.
#[repr(C)]
struct Room {
    from: *mut u8,
    bytes: usize,
}

/// `ciovec`: what to send.
#[repr(C)]
struct Data {
    from: *const u8,
    bytes: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn fd_close(descriptor: u32) -> i32;
    fn fd_fdstat_set_flags(descriptor: u32, flags: u32) -> i32;
    fn sock_recv(
        descriptor: u32,
        room: *const Room,
        rooms: usize,
        flags: u32,
        received: *mut u64,
        out_flags: *mut u64,
    ) -> i32;
    fn sock_send(
        descriptor: u32,
        data: *const Data,
        pieces: usize,
        flags: u32,
        sent: *mut u64,
    ) -> i32;
    fn sock_shutdown(descriptor: u32, how: u32) -> i32;
    #[cfg(not(feature = "preopened"))]
    fn poll_oneoff(
        subscriptions: *const Subscription,
        events: *mut Event,
        count: usize,
        happened: *mut u64,
    ) -> i32;
}

/// The result of a call that gave `errno`; `None` when it would have blocked.
pub(super) fn result<T>(errno: i32, value: T) -> io::Result<Option<T>> {
    match errno {
        SUCCESS => Ok(Some(value)),
        AGAIN | INTERRUPTED => Ok(None),
        other => Err(io::Error::from_raw_os_error(other)),
    }
}

pub(super) fn receive(from: Descriptor, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let room = Room { from: buffer.as_mut_ptr(), bytes: buffer.len() };
    let (mut received, mut out_flags) = (0u64, 0u64);
    // SAFETY: `room` describes `buffer`, which nobody else uses during the call; both results are places of ours.
    let errno = unsafe { sock_recv(from.0, &room, 1, 0, &mut received, &mut out_flags) };
    // A runtime that claims more than there was room for must not make us read behind it.
    result(errno, (received as usize).min(buffer.len()))
}

pub(super) fn send(to: Descriptor, bytes: &[u8]) -> io::Result<Option<usize>> {
    let data = Data { from: bytes.as_ptr(), bytes: bytes.len() };
    let mut sent = 0u64;
    // SAFETY: `data` describes `bytes`, which is only read; the result is a place of ours.
    let errno = unsafe { sock_send(to.0, &data, 1, 0, &mut sent) };
    result(errno, (sent as usize).min(bytes.len()))
}

pub(super) fn finish_sending(to: Descriptor) {
    shut_down(to, SENDING);
}

fn shut_down(connection: Descriptor, side: u32) {
    // SAFETY: takes two numbers and touches no memory.
    let _errno = unsafe { sock_shutdown(connection.0, side) };
}

pub(super) fn close(connection: Descriptor) {
    // wazero's `fd_close` forgets a connection and does not close it: the client sees no end until Go's collector comes
    // by, after minutes perhaps. It does shut down either side, but only one in a call: asked for both, it does nothing.
    #[cfg(feature = "preopened")]
    for side in [SENDING, RECEIVING] {
        shut_down(connection, side);
    }
    // SAFETY: takes a number and touches no memory; the standard library has none of these descriptors.
    let _errno = unsafe { fd_close(connection.0) };
}

/// Makes calls on a socket return at once.
pub(super) fn set_nonblocking(socket: Descriptor) -> io::Result<()> {
    // SAFETY: takes two numbers and touches no memory.
    let errno = unsafe { fd_fdstat_set_flags(socket.0, NONBLOCK) };
    result(errno, ()).map(|_| ())
}

/// Waits by `poll_oneoff`, in memory that is used again.
#[cfg(not(feature = "preopened"))]
#[derive(Debug, Default)]
pub(super) struct Waiter {
    subscriptions: Vec<Subscription>,
    events: Vec<Event>,
}

#[cfg(not(feature = "preopened"))]
impl Waiter {
    pub(super) fn wait(&mut self, interests: &mut [Interest], at_most: Duration) -> io::Result<()> {
        subscribe(interests, at_most, &mut self.subscriptions);
        let count = self.subscriptions.len();
        self.events.clear();
        self.events.resize(count, Event::default());
        let mut happened = 0u64;
        // SAFETY: there are `count` subscriptions to read and as many events to write, all of the specified layout
        // and alignment; the result is a place of ours.
        let errno = unsafe {
            poll_oneoff(self.subscriptions.as_ptr(), self.events.as_mut_ptr(), count, &mut happened)
        };
        if result(errno, ())?.is_some() {
            mark(&self.events[..count.min(happened as usize)], interests);
        }
        Ok(())
    }
}
