//! What is tried.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Pages of 64 KiB up to which [`grow`] grows: 128 MiB.
const PAGES: usize = 2048;
/// Pages that it asks for at a time.
const PAGES_AT_ONCE: usize = 16;

/// Requests that this instance has answered, this one among them: a fresh instance says 1.
pub(crate) fn count() -> String {
    static ANSWERED: AtomicU32 = AtomicU32::new(0);
    (ANSWERED.fetch_add(1, Relaxed) + 1).to_string()
}

/// Never ends by itself.
pub(crate) fn spin() -> String {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Lets the memory grow until it is refused, or 128 MiB are reached.
pub(crate) fn grow() -> String {
    use core::arch::wasm32::{memory_grow, memory_size};
    while memory_size::<0>() < PAGES {
        if memory_grow::<0>(PAGES_AT_ONCE) == usize::MAX {
            return format!("refused at {} pages", memory_size::<0>());
        }
    }
    format!("grown to {} pages", memory_size::<0>())
}

/// Adds two vectors and the sum's lanes: 110.
#[cfg(target_feature = "simd128")]
pub(crate) fn simd() -> String {
    use core::arch::wasm32::{i32x4, i32x4_add, i32x4_extract_lane};
    let sum = i32x4_add(black_box(i32x4(1, 2, 3, 4)), black_box(i32x4(10, 20, 30, 40)));
    let lanes = i32x4_extract_lane::<0>(sum)
        + i32x4_extract_lane::<1>(sum)
        + i32x4_extract_lane::<2>(sum)
        + i32x4_extract_lane::<3>(sum);
    format!("simd {lanes}")
}

/// This build has none.
#[cfg(not(target_feature = "simd128"))]
pub(crate) fn simd() -> String {
    "built without simd128".to_owned()
}

/// Sends four bytes to itself, over a listener and a connection of its own.
pub(crate) fn sockets() -> String {
    match loopback() {
        Ok(()) => "received what was sent".to_owned(),
        Err((what, error)) => format!("{what}: {error}"),
    }
}

fn loopback() -> Result<(), (&'static str, std::io::Error)> {
    let at = |what| move |error| (what, error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("listen"))?;
    let address = listener.local_addr().map_err(at("address"))?;
    let mut sender = TcpStream::connect(address).map_err(at("connect"))?;
    let (mut receiver, _) = listener.accept().map_err(at("accept"))?;
    sender.write_all(b"ping").map_err(at("send"))?;
    let mut received = [0; 4];
    receiver.read_exact(&mut received).map_err(at("receive"))?;
    match &received {
        b"ping" => Ok(()),
        _ => Err(("receive", std::io::Error::other("other bytes than were sent"))),
    }
}
