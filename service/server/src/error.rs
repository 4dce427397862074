//! Why serving could not start or had to end.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why serving could not start or had to end.
#[derive(Debug)]
pub enum ServeError {
    /// Another process listens on this address.
    AddressInUse(SocketAddr),
    /// The address cannot be listened on for another reason.
    Listen(SocketAddr, io::Error),
    /// A thread or its runtime could not be started.
    Start(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse(address) => write!(
                f,
                "listening on {address}: another process holds this address; stop it, or choose \
                 another with --listen (`ss -ltnp` names the holder)"
            ),
            Self::Listen(address, _) => {
                write!(
                    f,
                    "listening on {address}: check that --listen is an address of this machine"
                )
            }
            Self::Start(_) => {
                write!(f, "starting a server thread: check the limits on processes and open files")
            }
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AddressInUse(_) => None,
            Self::Listen(_, source) | Self::Start(source) => Some(source),
        }
    }
}
