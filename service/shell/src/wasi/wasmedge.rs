//! WasmEdge: what it adds to `wasi_snapshot_preview1`, in the first of its versions, which every release has.

use std::io;
use std::net::IpAddr;

use anyhow::Context as _;

use super::WasiSockets;
use super::preview1::{close, result, set_nonblocking};
use crate::{Descriptor, arguments};

const INET4: u32 = 1;
const INET6: u32 = 2;
const STREAM: u32 = 2;
const BACKLOG: u32 = 1024;
const SOCKET_LEVEL: u32 = 0;
const REUSE_ADDRESS: u32 = 0;

/// Where an address lies, and how long it is: 4 or 16 bytes.
#[repr(C)]
struct Address {
    from: *const u8,
    bytes: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn sock_open(family: u32, kind: u32, opened: *mut u64) -> i32;
    fn sock_setsockopt(socket: u32, level: u32, name: u32, value: *const u32, bytes: usize) -> i32;
    fn sock_bind(socket: u32, address: *const Address, port: u32) -> i32;
    fn sock_listen(socket: u32, backlog: u32) -> i32;
    fn sock_accept(listener: u32, accepted: *mut u64) -> i32;
}

/// Listens where `--listen` says.
///
/// # Errors
/// The arguments are others, or the runtime's.
pub fn listen(arguments: &[String]) -> anyhow::Result<WasiSockets> {
    let address = arguments::listen(arguments)?;
    let listener = open(address.is_ipv4()).context("open a socket")?;
    bind(listener, address.ip(), address.port())
        .with_context(|| format!("listen on {address}: another process may hold it"))?;
    Ok(WasiSockets::on(listener))
}

fn open(is_ipv4: bool) -> io::Result<Descriptor> {
    let mut opened = 0u64;
    // SAFETY: takes two numbers, and a place of ours for the result.
    let errno = unsafe { sock_open(if is_ipv4 { INET4 } else { INET6 }, STREAM, &mut opened) };
    result(errno, Descriptor(opened as u32))?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
}

fn bind(socket: Descriptor, ip: IpAddr, port: u16) -> io::Result<()> {
    let yes = 1u32;
    // Otherwise a restart fails while connections of the last run are in TIME_WAIT; where it is refused, it may.
    // SAFETY: reads the four bytes of `yes`.
    let _errno =
        unsafe { sock_setsockopt(socket.0, SOCKET_LEVEL, REUSE_ADDRESS, &yes, size_of::<u32>()) };
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let address = Address { from: octets.as_ptr(), bytes: octets.len() };
    // SAFETY: `address` describes `octets`, which is only read.
    result(unsafe { sock_bind(socket.0, &address, port.into()) }, ())?;
    // SAFETY: takes two numbers and touches no memory.
    result(unsafe { sock_listen(socket.0, BACKLOG) }, ())?;
    set_nonblocking(socket)
}

pub(super) fn accept(listener: Descriptor) -> io::Result<Option<Descriptor>> {
    let mut accepted = 0u64;
    // SAFETY: takes a number, and a place of ours for the result.
    let errno = unsafe { sock_accept(listener.0, &mut accepted) };
    let Some(number) = result(errno, accepted as u32)? else { return Ok(None) };
    let connection = Descriptor(number);
    if let Err(error) = set_nonblocking(connection) {
        close(connection);
        return Err(error);
    }
    Ok(Some(connection))
}
