//! The shell of the native server: the HTTP front of the services, and a handler that waits without a thread.

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use clap::Parser;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use weighbridge_server::{Body, Config, Handler, Stages, serve};
use weighbridge_waiting::Asked;

/// The service's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Asks a backend on loopback for each request and answers what it answered, until SIGTERM or SIGINT.
#[derive(Parser)]
#[command(name = "weighbridge-waiting", version)]
struct Arguments {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
}

pub(crate) fn main() -> anyhow::Result<()> {
    let stages = Stages::start();
    let Arguments { listen } = Arguments::parse();
    serve(Config::new(listen), stages, |_thread| Waiting::new())
        .with_context(|| format!("serving on {listen}"))
}

/// One thread's handler, with connections of its own to the backend: they are kept and used again.
#[derive(Clone)]
struct Waiting(Client<HttpConnector, Empty<Bytes>>);

impl Waiting {
    fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// The bodies of all answers, in the order of the requests.
    async fn ask_all(&self, asked: Asked) -> Result<Bytes, String> {
        let mut all = BytesMut::new();
        for index in 0..asked.requests_count {
            all.extend_from_slice(&self.ask(asked, index).await?);
        }
        Ok(all.freeze())
    }

    async fn ask(&self, asked: Asked, index: u32) -> Result<Bytes, String> {
        let url = format!("http://{}{}", asked.authority(), Asked::path(index));
        let url = url.parse::<Uri>().map_err(|error| format!("{url}: {error}"))?;
        let response = self.0.get(url).await;
        let response = response.map_err(|error| format!("no answer of the backend: {error}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("the backend answered {}", response.status()));
        }
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| format!("the answer of the backend was cut: {error}"))?;
        Ok(body.to_bytes())
    }
}

impl Handler for Waiting {
    async fn answer(self, request: Request<Body>) -> Response<Bytes> {
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let (status, body) = match Asked::of(target) {
            None => (StatusCode::NOT_FOUND, Bytes::from_static(b"no such path\n")),
            Some(asked) => match self.ask_all(asked).await {
                Ok(body) => (StatusCode::OK, body),
                Err(why) => (StatusCode::BAD_GATEWAY, Bytes::from(format!("{why}\n"))),
            },
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
    }
}
