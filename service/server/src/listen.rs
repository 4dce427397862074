//! One listening socket per thread, all on the same address.

use std::net::{SocketAddr, TcpListener};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};

use crate::ServeError;

/// Connections that wait to be accepted, per thread.
const BACKLOG: i32 = 1024;

/// Opens `count` sockets that listen on `address` together: the kernel spreads connections over them.
pub(crate) fn listeners(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, ServeError> {
    let explain = |errno: Errno| match errno {
        Errno::ADDRINUSE => ServeError::AddressInUse(address),
        other => ServeError::Listen(address, other.into()),
    };
    if address.port() != 0 && count > 1 {
        // SO_REUSEPORT would share the port with another server of the same user without a word:
        // a socket without it finds out that somebody is there.
        bound_socket(address, false).map_err(explain)?;
    }
    let first = listener(address, count > 1).map_err(explain)?;
    // With port 0 the kernel chose one: the others take the same.
    let actual = getsockname(&first).and_then(SocketAddr::try_from).map_err(explain)?;
    let mut all = vec![first];
    for _ in 1..count {
        all.push(listener(actual, true).map_err(explain)?);
    }
    Ok(all)
}

fn listener(address: SocketAddr, shared: bool) -> Result<TcpListener, Errno> {
    let socket = bound_socket(address, shared)?;
    // Accepted connections inherit it: one system call per thread in place of one per connection.
    sockopt::set_tcp_nodelay(&socket, true)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

fn bound_socket(address: SocketAddr, shared: bool) -> Result<rustix::fd::OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // Otherwise a restart fails while connections of the last run are in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if shared {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn all_listeners_share_one_port() {
        let all = listeners(any_port(), 3).unwrap();
        let address = all[0].local_addr().unwrap();
        assert_ne!(address.port(), 0);
        assert!(all.iter().all(|listener| listener.local_addr().unwrap() == address));
    }

    #[test]
    fn an_address_in_use_is_named_whatever_the_number_of_threads() {
        let held = listeners(any_port(), 2).unwrap();
        let address = held[0].local_addr().unwrap();
        for count in [1, 2] {
            let error = listeners(address, count).unwrap_err();
            assert!(matches!(error, ServeError::AddressInUse(at) if at == address), "{error}");
        }
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        let error = listeners(SocketAddr::from(([192, 0, 2, 1], 0)), 1).unwrap_err();
        assert!(matches!(error, ServeError::Listen(..)), "{error}");
    }

    #[test]
    fn accepted_connections_inherit_nodelay() {
        let all = listeners(any_port(), 1).unwrap();
        all[0].set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(all[0].local_addr().unwrap()).unwrap();
        let (accepted, _) = all[0].accept().unwrap();
        assert!(accepted.nodelay().unwrap());
    }
}
