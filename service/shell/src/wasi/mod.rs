//! The sockets of the Wasm runtime. Receiving, sending and closing are WASI preview 1's everywhere; how one comes to a
//! listener and to its connections differs, and stands in a file for each runtime.

#[cfg(feature = "preopened")]
use crate::pauses::Pauses;
use crate::{Descriptor, Interest, Sockets};
use std::io;
use std::time::Duration;

mod preview1;

#[cfg(not(feature = "preopened"))]
use preview1::Waiter;

#[cfg(feature = "preopened")]
mod preopened;
#[cfg(feature = "preopened")]
use preopened as runtime;

#[cfg(all(feature = "wasix", not(feature = "preopened")))]
mod wasix;
#[cfg(all(feature = "wasix", not(feature = "preopened")))]
use wasix as runtime;

#[cfg(all(feature = "wasmedge", not(any(feature = "wasix", feature = "preopened"))))]
mod wasmedge;
#[cfg(all(feature = "wasmedge", not(any(feature = "wasix", feature = "preopened"))))]
use wasmedge as runtime;

#[cfg(any(
    not(any(feature = "wasix", feature = "wasmedge", feature = "preopened")),
    all(feature = "wasix", feature = "wasmedge"),
    all(feature = "wasix", feature = "preopened"),
    all(feature = "wasmedge", feature = "preopened"),
))]
compile_error!("a Wasm build takes exactly one of the features wasix, wasmedge and preopened");

pub use runtime::listen;

/// A listener of the runtime and its connections.
#[derive(Debug)]
pub struct WasiSockets {
    listener: Descriptor,
    #[cfg(feature = "preopened")]
    pauses: Pauses,
    #[cfg(not(feature = "preopened"))]
    waiter: Waiter,
}

impl WasiSockets {
    /// Serves on a socket that listens and does not block.
    fn on(listener: Descriptor) -> Self {
        Self {
            listener,
            #[cfg(feature = "preopened")]
            pauses: Pauses::new(),
            #[cfg(not(feature = "preopened"))]
            waiter: Waiter::default(),
        }
    }

    /// Notes whether something happened: only who waits by looking needs to know.
    fn noted<T>(&mut self, result: Option<T>) -> Option<T> {
        #[cfg(feature = "preopened")]
        if result.is_some() {
            self.pauses.end_silence();
        }
        result
    }
}

impl Sockets for WasiSockets {
    fn listener(&self) -> Descriptor {
        self.listener
    }

    fn accept(&mut self) -> io::Result<Option<Descriptor>> {
        let accepted = runtime::accept(self.listener)?;
        Ok(self.noted(accepted))
    }

    fn receive(&mut self, from: Descriptor, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let received = preview1::receive(from, buffer)?;
        Ok(self.noted(received))
    }

    fn send(&mut self, to: Descriptor, bytes: &[u8]) -> io::Result<Option<usize>> {
        let sent = preview1::send(to, bytes)?;
        Ok(self.noted(sent))
    }

    fn finish_sending(&mut self, to: Descriptor) {
        preview1::finish_sending(to);
    }

    fn close(&mut self, connection: Descriptor) {
        preview1::close(connection);
    }

    #[cfg(feature = "preopened")]
    fn wait(&mut self, interests: &mut [Interest], at_most: Duration) -> io::Result<()> {
        self.pauses.pause(at_most);
        for interest in interests {
            interest.is_ready = true;
        }
        Ok(())
    }

    #[cfg(not(feature = "preopened"))]
    fn wait(&mut self, interests: &mut [Interest], at_most: Duration) -> io::Result<()> {
        self.waiter.wait(interests, at_most)
    }
}
