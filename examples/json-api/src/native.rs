//! The shell: the HTTP front of Weighbridge's own services, so that what is compared is the way of running it.

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::{HeaderValue, StatusCode, header};
use json_api::{BODY_LIMIT_BYTES, Request, Response, answer};
use std::net::SocketAddr;
use weighbridge_server::{Body, Config, Handler, Stages, serve};

/// The same allocator as in Weighbridge's host: musl's own would be measured instead of the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the shop until SIGTERM or SIGINT.
#[derive(Parser)]
#[command(name = "json-api", version)]
struct Arguments {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
}

pub(crate) fn main() -> anyhow::Result<()> {
    let stages = Stages::start();
    let Arguments { listen } = Arguments::parse();
    let mut config = Config::new(listen);
    config.body_limit_bytes = BODY_LIMIT_BYTES;
    serve(config, stages, |_thread| Shop).with_context(|| format!("serving on {listen}"))
}

#[derive(Clone)]
struct Shop;

impl Handler for Shop {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Bytes> {
        let (head, body) = request.into_parts();
        let content_type = head.headers.get(header::CONTENT_TYPE);
        into_http(answer(&Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            content_type: content_type.and_then(|value| value.to_str().ok()),
            body: match &body {
                Body::Complete(bytes) => Some(bytes),
                Body::OverLimit => None,
            },
        }))
    }
}

fn into_http(response: Response) -> http::Response<Bytes> {
    let mut answer = http::Response::new(Bytes::from(response.body));
    // All statuses of the shop are valid ones.
    *answer.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(allow) = response.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    answer
}
