//! The module on the runtime that it is made for: how connections are accepted and closed is that runtime's.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts `module` on wazero, on a port that was free a moment ago, and waits until it listens.
    fn on_wazero(wazero: &Path, module: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(wazero)
            .arg("run")
            .arg(format!("-listen={address}"))
            .arg(module)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "weighbridge-shell listens\n");
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    PathBuf::from(path.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`")))
}

/// The first file of that name in a folder or its folders.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    let direct = paths.iter().find(|path| path.is_file() && path.ends_with(name)).cloned();
    direct.or_else(|| paths.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
}

/// Left out, and said so, where no wazero is installed: `cargo xtask setup --subject wazero` installs one.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn on_wazero_it_does_what_http_demands_of_every_server() {
    let module = folder("WEIGHBRIDGE_ARTIFACTS").join("shell-preopened.wasm");
    let Some(wazero) = find(&folder("WEIGHBRIDGE_PROGRAMS"), "wazero") else {
        let _ = writeln!(std::io::stderr(), "not tested: HTTP on wazero: no wazero is installed");
        return;
    };
    let server = Server::on_wazero(&wazero, &module);
    let failures = weighbridge_conformance::failures(server.address);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
