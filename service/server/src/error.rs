//! Why serving, or a call within the process, could not start or had to end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::StatusCode;

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

/// Why a call within the process failed.
#[derive(Debug)]
pub enum CallError {
    /// The file with the request's body cannot be read.
    Read(PathBuf, io::Error),
    /// The response's body cannot be written to this file.
    Write(PathBuf, io::Error),
    /// The line on the standard output cannot be written.
    Print(io::Error),
    /// The runtime could not be started.
    Start(io::Error),
    /// The same request was answered with one status, and then with another.
    Differ(StatusCode, StatusCode),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(file, _) => write!(f, "reading {}: check --body", file.display()),
            Self::Write(file, _) => write!(f, "writing {}: check --output", file.display()),
            Self::Print(_) => write!(f, "writing to the standard output"),
            Self::Start(_) => write!(f, "starting the runtime"),
            Self::Differ(before, after) => {
                write!(f, "a request was answered with {before}, and the same again with {after}")
            }
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, source)
            | Self::Write(_, source)
            | Self::Print(source)
            | Self::Start(source) => Some(source),
            Self::Differ(..) => None,
        }
    }
}
