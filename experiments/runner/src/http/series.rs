//! One request after the other over one connection, each with its duration.

use super::{Answer, PreparedRequest, Progress, ResponseChecker};
use crate::failure::Cause;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::interrupt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for one answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Durations in the order of the requests.
#[derive(Debug)]
pub struct Series {
    /// From just before the request was written to the last byte of its correct response, nanoseconds.
    pub durations_ns: Vec<u64>,
    /// Connections that had to be opened anew because the server had closed them; no duration holds that.
    pub reconnects_count: u64,
}

/// Sends `request` `count` times, each as soon as the answer before it is complete. The client blocks while
/// it waits: a spinning one would take the subject's core on a machine that has only one.
///
/// # Errors
/// An answer differs from `reference` or does not come, or the run was interrupted.
pub fn series(
    address: SocketAddr,
    request: &PreparedRequest,
    reference: &Answer,
    count: u32,
) -> Result<Series, Cause> {
    let mut durations_ns = Vec::with_capacity(count as usize);
    let mut reconnects_count = 0;
    let mut stream = connect(address)?;
    let mut checker = ResponseChecker::new(request.is_head);
    let mut scratch = vec![0; 64 * 1024];
    for iteration in 0..count {
        if interrupt::requested() {
            return Err(Cause::Interrupted);
        }
        let fail = |why: Cause| why.within(format!("request {iteration} of the series"));
        if !checker.keep_alive() {
            stream = connect(address).map_err(fail)?;
            reconnects_count += 1;
        }
        checker.clear();
        let from_ns = monotonic_ns();
        stream.write_all(&request.bytes).map_err(|e| fail(Cause::io("send it", e)))?;
        read(&mut stream, &mut checker, reference, &mut scratch).map_err(fail)?;
        durations_ns.push(monotonic_ns() - from_ns);
    }
    Ok(Series { durations_ns, reconnects_count })
}

fn connect(address: SocketAddr) -> Result<TcpStream, Cause> {
    let fail = |error| Cause::io(format!("connect to {address}"), error);
    let stream = TcpStream::connect_timeout(&address, LIMIT).map_err(fail)?;
    stream.set_nodelay(true).map_err(fail)?;
    stream.set_read_timeout(Some(LIMIT)).map_err(fail)?;
    stream.set_write_timeout(Some(LIMIT)).map_err(fail)?;
    Ok(stream)
}

fn read(
    stream: &mut TcpStream,
    checker: &mut ResponseChecker,
    reference: &Answer,
    scratch: &mut [u8],
) -> Result<(), Cause> {
    loop {
        let progress = match stream.read(scratch) {
            Ok(0) => checker.close(reference)?,
            Ok(count) => checker.push(&scratch[..count], reference)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Cause::io("read its response", error)),
        };
        if progress == Progress::Complete {
            return Ok(());
        }
    }
}
