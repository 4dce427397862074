//! Requests that a guest sends where `--allow-loopback` lets it. Nothing of this exists in a host without that option.
//!
//! How long one may take is bounded by the deadline of the request that the guest is answering, and how many there are
//! by the handles of its instance: a guest that ends takes its requests along.

use std::io;
use std::net::IpAddr;

use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use wasmtime_wasi_http::{Error, WasiBody};

/// What goes on behind a response; nothing does here, since connections have tasks of their own.
pub(crate) type Ending = Box<dyn Future<Output = Result<(), Error>> + Send>;
/// A request that is being sent, until the head of its response is there.
pub(crate) type Sending =
    Box<dyn Future<Output = Result<(Response<WasiBody>, Ending), Error>> + Send>;

thread_local! {
    /// Each of the front's threads has its own runtime, and so its own connections; they are kept and used again.
    static CLIENT: Client<HttpConnector, WasiBody> = client();
}

fn client() -> Client<HttpConnector, WasiBody> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Whether a request goes to this machine's loopback interface, by plain HTTP and by an address in digits: a name may
/// be anybody's.
pub(crate) fn is_to_loopback(uri: &Uri) -> bool {
    let host = uri.host().and_then(|host| host.parse::<IpAddr>().ok());
    uri.scheme() == Some(&Scheme::HTTP) && host.is_some_and(|address| address.is_loopback())
}

/// Sends a request.
pub(crate) fn send(request: Request<WasiBody>) -> Sending {
    let response = CLIENT.with(|client| client.request(request));
    Box::new(async move {
        let response = response.await.map_err(failed)?;
        let ending: Ending = Box::new(async { Ok(()) });
        Ok((response.map(|body| body.map_err(Error::from).boxed_unsync()), ending))
    })
}

fn failed(error: legacy::Error) -> Error {
    match error.is_connect() {
        true => Error::Connect(io::Error::other(error)),
        false => Error::InternalError(Some(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_to_an_address_of_loopback_goes_out() {
        let to = |text: &'static str| is_to_loopback(&Uri::from_static(text));
        assert!(to("http://127.0.0.1:8080/0") && to("http://127.0.0.1/"));
        for other in [
            "https://127.0.0.1:8080/",
            "http://localhost:8080/",
            "http://127.0.0.1.example:80/",
            "http://169.254.169.254/",
            "http://0.0.0.0:80/",
            "http://192.168.0.1/",
            "/path",
        ] {
            assert!(!to(other), "{other}");
        }
    }
}
