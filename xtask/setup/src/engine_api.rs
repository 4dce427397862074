//! The few questions that set-up asks a container engine over its socket.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use weighbridge_schema::subject::ContainerEngine;

/// Whether an engine of this kind answers at this Unix socket within a second. Podman serves Docker's API too, and
/// may do so at Docker's own socket.
pub(crate) fn answers(kind: ContainerEngine, socket: &Path) -> bool {
    let is_podman = |answer: String| answer.contains("Podman Engine");
    ping(socket)
        && get(socket, "/version")
            .is_ok_and(|answer| is_podman(answer) == (kind == ContainerEngine::Podman))
}

/// Whether a container engine answers `GET /_ping` at this Unix socket within a second.
pub(crate) fn ping(socket: &Path) -> bool {
    get(socket, "/_ping").is_ok_and(|answer| answer.starts_with("200"))
}

/// Version facts of the engine, as far as it gives them.
pub(crate) fn version(socket: &Path) -> BTreeMap<String, String> {
    let fields = || -> Option<serde_json::Map<String, serde_json::Value>> {
        let answer = get(socket, "/version").ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    };
    let fields = fields().unwrap_or_default();
    ["Version", "ApiVersion", "KernelVersion"]
        .iter()
        .filter_map(|&name| {
            let value = fields.get(name)?.as_str()?;
            Some((format!("engine {name}"), value.to_owned()))
        })
        .collect()
}

/// One request of HTTP/1.0, so that the answer comes whole and unchunked; gives the answer from its status on.
fn get(socket: &Path, path: &str) -> std::io::Result<String> {
    let limit = Some(Duration::from_secs(1));
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split_once(' ').map(|(_, rest)| rest.to_owned());
    status.ok_or_else(|| std::io::Error::other("no status line"))
}
