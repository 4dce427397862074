//! Wasmer: listening and accepting are of `wasix_32v1`, the rest is preview 1.

use std::io;
use std::net::SocketAddr;

use anyhow::Context as _;

use super::WasiSockets;
use super::preview1::{NONBLOCK, close, result, set_nonblocking};
use crate::{Descriptor, arguments};

const INET4: u8 = 1;
const INET6: u8 = 2;
const STREAM: u32 = 1;
const TCP: u32 = 6;
const BACKLOG: usize = 1024;

/// An address with its port: the family, a byte of padding, the port, then the address itself. Twenty bytes for what
/// is used here; there is room for the longest kind, a Unix socket's path, because the runtime writes some too.
#[repr(C, align(2))]
struct AddressPort([u8; 128]);

#[link(wasm_import_module = "wasix_32v1")]
unsafe extern "C" {
    fn sock_open(family: u32, kind: u32, protocol: u32, opened: *mut u64) -> i32;
    fn sock_bind(socket: u32, address: *const AddressPort) -> i32;
    fn sock_listen(socket: u32, backlog: usize) -> i32;
    fn sock_accept_v2(
        listener: u32,
        flags: u32,
        accepted: *mut u64,
        client: *mut AddressPort,
    ) -> i32;
}

/// Listens where `--listen` says.
///
/// # Errors
/// The arguments are others, or the runtime's.
pub fn listen(arguments: &[String]) -> anyhow::Result<WasiSockets> {
    let address = arguments::listen(arguments)?;
    let listener = open(address.is_ipv4()).context("open a socket; was `--net` given?")?;
    bind(listener, address)
        .with_context(|| format!("listen on {address}: another process may hold it"))?;
    Ok(WasiSockets::on(listener))
}

fn open(is_ipv4: bool) -> io::Result<Descriptor> {
    let family = if is_ipv4 { INET4 } else { INET6 };
    let mut opened = 0u64;
    // SAFETY: takes three numbers, and a place of ours for the result.
    let errno = unsafe { sock_open(family.into(), STREAM, TCP, &mut opened) };
    result(errno, Descriptor(opened as u32))?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
}

fn bind(socket: Descriptor, address: SocketAddr) -> io::Result<()> {
    let address = laid_out(address);
    // SAFETY: reads the first bytes of `address`, which have the layout of the interface.
    result(unsafe { sock_bind(socket.0, &address) }, ())?;
    // SAFETY: takes two numbers and touches no memory.
    result(unsafe { sock_listen(socket.0, BACKLOG) }, ())?;
    set_nonblocking(socket)
}

fn laid_out(address: SocketAddr) -> AddressPort {
    let mut bytes = [0; 128];
    bytes[2..4].copy_from_slice(&address.port().to_le_bytes());
    match address {
        SocketAddr::V4(address) => {
            bytes[0] = INET4;
            bytes[4..8].copy_from_slice(&address.ip().octets());
        }
        SocketAddr::V6(address) => {
            bytes[0] = INET6;
            bytes[4..20].copy_from_slice(&address.ip().octets());
        }
    }
    AddressPort(bytes)
}

pub(super) fn accept(listener: Descriptor) -> io::Result<Option<Descriptor>> {
    let mut accepted = 0u64;
    let mut client = AddressPort([0; 128]);
    // SAFETY: takes two numbers, and places of ours for both results.
    let errno = unsafe { sock_accept_v2(listener.0, NONBLOCK, &mut accepted, &mut client) };
    let Some(number) = result(errno, accepted as u32)? else { return Ok(None) };
    let connection = Descriptor(number);
    if let Err(error) = set_nonblocking(connection) {
        close(connection);
        return Err(error);
    }
    Ok(Some(connection))
}
