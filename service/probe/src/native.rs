//! The shell of the native server: the HTTP front of the services, so that an instance is started and ended as theirs.

use crate::isolation::{self, ENDS_AT_ONCE};
use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::StatusCode;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use weighbridge_server::{Body, Config, Handler, Stages, serve};

/// What is being tried is not waited for when the server is to end.
const STOP_LIMIT: Duration = Duration::from_millis(100);

/// Serves what tries what a process can do here, until SIGTERM or SIGINT.
#[derive(Parser)]
#[command(name = "weighbridge-probe", version)]
struct Arguments {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
}

pub(crate) fn main() -> anyhow::Result<()> {
    // One of the thousand processes that it starts.
    if std::env::args_os().nth(1).is_some_and(|word| word == ENDS_AT_ONCE) {
        return Ok(());
    }
    let stages = Stages::start();
    let Arguments { listen } = Arguments::parse();
    let mut config = Config::new(listen);
    config.stop_timeout = STOP_LIMIT;
    serve(config, stages, |_thread| Probe).with_context(|| format!("serving on {listen}"))
}

#[derive(Clone)]
struct Probe;

impl Handler for Probe {
    /// Each try has a thread of its own: one that never ends holds up no other.
    async fn answer(self, request: http::Request<Body>) -> http::Response<Bytes> {
        let target = request.uri().to_string();
        let (tell, told) = oneshot::channel();
        let tried = move || {
            // Nobody listens any more when the client has gone away.
            let _ = tell.send(isolation::answer(&target));
        };
        let (status, body) = match std::thread::Builder::new().spawn(tried) {
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("start a thread: {error}\n")),
            Ok(_) => match told.await {
                Ok(Some(answer)) => (StatusCode::OK, format!("{answer}\n")),
                Ok(None) => (StatusCode::NOT_FOUND, "no such probe\n".to_owned()),
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the try panicked\n".to_owned()),
            },
        };
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response
    }
}
