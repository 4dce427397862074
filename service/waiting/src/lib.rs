//! A service that computes nothing and waits: each request asks a backend on loopback, and its answer is what the
//! backend answered. The experiment `waiting` measures it (`experiments/definitions/waiting.toml`).
//!
//! As a native server (`main.rs`) it waits without a thread for each request; as a `wasi:http` component it asks its
//! host through `wasi:http/outgoing-handler`. Only `wasm32-wasip2` has the interfaces that the component is made of.
//! For any other target the library holds what the native server shares with it.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler;
// As in the service's own component, so that an instance links no more than it needs.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
#[path = "../../component/src/preview1.rs"]
mod preview1;

/// Most requests that one request may make.
pub const REQUESTS_MOST: u32 = 100;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The backend's port on 127.0.0.1.
    pub backend_port: u16,
    /// Requests to it, one after the other.
    pub requests_count: u32,
}

impl Asked {
    /// What `/wait?backend=PORT&requests=N` asks for; `None` of any other target, and of no request or more than
    /// [`REQUESTS_MOST`].
    #[must_use]
    pub fn of(target: &str) -> Option<Self> {
        let query = target.strip_prefix("/wait?")?;
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let backend_port = value("backend")?.parse().ok().filter(|port| *port != 0)?;
        let requests_count = value("requests")?.parse().ok()?;
        (1..=REQUESTS_MOST)
            .contains(&requests_count)
            .then_some(Self { backend_port, requests_count })
    }

    /// Where the backend listens.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.backend_port)
    }

    /// The path of a request to it, from 0: each has another one, so that its answer can be told from the others'.
    #[must_use]
    pub fn path(index: u32) -> String {
        format!("/{index}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_a_backend_and_so_many_requests() {
        let asked = Asked { backend_port: 8080, requests_count: 3 };
        assert_eq!(Asked::of("/wait?backend=8080&requests=3"), Some(asked));
        assert_eq!(Asked::of("/wait?requests=3&backend=8080"), Some(asked));
        assert_eq!((asked.authority(), Asked::path(2)), ("127.0.0.1:8080".into(), "/2".into()));
    }

    #[test]
    fn everything_else_is_no_request_of_this_service() {
        for target in [
            "/",
            "/wait",
            "/wait?backend=8080",
            "/wait?requests=3",
            "/wait?backend=0&requests=3",
            "/wait?backend=65536&requests=3",
            "/wait?backend=8080&requests=0",
            "/wait?backend=8080&requests=101",
            "/wait?backend=host:80&requests=1",
            "/waits?backend=8080&requests=1",
        ] {
            assert_eq!(Asked::of(target), None, "{target}");
        }
    }
}
