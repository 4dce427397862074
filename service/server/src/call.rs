//! Requests handled within this process, without a socket: what is counted in instructions.
//!
//! Everything between the HTTP front and the answer runs as it does when serving, but on this one thread and without
//! the front: no parsing of HTTP, no sockets, no timers that fire. Between the requests stands a system call that does
//! nothing, by which an instrumented emulator tells one from the next.

use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use rustix::process::{Pid, test_kill_process};
use tokio::runtime::Builder;

use crate::{Body, CallError, Handler};

/// The process that the markers ask about: far above the largest number that Linux gives to a process (2^22), so
/// that there never is one. In ASCII, "WEIG".
pub const MARKER_PID: i32 = 0x5745_4947;

/// The time for one request, in place of the service's: an emulator is slow, and a count is no time.
pub const DEADLINE: Duration = Duration::from_secs(3600);

/// A request on the command line, the same one for both arms.
#[derive(Debug, Args)]
pub struct Call {
    /// Method of the request.
    #[arg(long, default_value = "GET")]
    method: Method,
    /// Path and query of the request.
    #[arg(long, value_name = "PATH")]
    path: Uri,
    /// Its content type [default: none].
    #[arg(long, value_name = "TYPE")]
    content_type: Option<HeaderValue>,
    /// File that holds its body [default: none].
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// How many times it is handled, one after the other.
    #[arg(long, value_name = "N", default_value = "1")]
    iterations: NonZeroU32,
    /// Where to write the body of the last response [default: nowhere].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Call {
    /// Handles the request as often as was asked for, with a marker before the first time and after each one.
    /// The last response's body goes to the file that was named, its status in a line of JSON to the standard
    /// output.
    ///
    /// # Errors
    /// When a file cannot be read or written, the runtime cannot be started, or two responses differ in
    /// their status.
    pub fn run<H: Handler>(&self, handler: &H) -> Result<(), CallError> {
        let response = self.last_response(handler)?;
        if let Some(file) = &self.output {
            fs::write(file, response.body()).map_err(|e| CallError::Write(file.clone(), e))?;
        }
        let (status, length_bytes) = (response.status().as_u16(), response.body().len());
        let line = format!("{{\"status\":{status},\"body_bytes\":{length_bytes}}}\n");
        io::stdout().write_all(line.as_bytes()).map_err(CallError::Print)
    }

    fn last_response<H: Handler>(&self, handler: &H) -> Result<Response<Bytes>, CallError> {
        // All of them before the first marker: making a request is the front's work. And one more than are handled,
        // because with the last one the allocator would have a page to put away.
        let mut requests = self.requests()?;
        let _kept = requests.pop();
        let mut last: Option<Response<Bytes>> = None;
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(CallError::Start)?;
        mark();
        for request in requests {
            let response = runtime.block_on(handler.clone().answer(request));
            // The one before it is dropped here, so that every call but the first drops one.
            let before = last.replace(response).map(|before| before.status());
            mark();
            let status = last.as_ref().map(Response::status);
            if let (Some(before), Some(status)) = (before, status)
                && before != status
            {
                return Err(CallError::Differ(before, status));
            }
        }
        // There is at least one iteration.
        Ok(last.unwrap_or_default())
    }

    /// The same request once more than it is to be handled, with the headers that a client's would have.
    fn requests(&self) -> Result<Vec<Request<Body>>, CallError> {
        let body = match &self.body {
            Some(file) => fs::read(file).map_err(|e| CallError::Read(file.clone(), e))?,
            None => Vec::new(),
        };
        let mut head = Request::new(());
        *head.method_mut() = self.method.clone();
        *head.uri_mut() = self.path.clone();
        head.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
        if let Some(content_type) = &self.content_type {
            head.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
        }
        if self.body.is_some() {
            head.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let body = Bytes::from(body);
        let request = |_| head.clone().map(|()| Body::Complete(body.clone()));
        Ok((0..=self.iterations.get()).map(request).collect())
    }
}

/// The system call between two requests. It asks whether a process exists that cannot exist, and changes nothing.
fn mark() {
    if let Some(nobody) = Pid::from_raw(MARKER_PID) {
        // It fails, as it has to.
        let _ = test_kill_process(nobody);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use http::StatusCode;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        call: Call,
    }

    /// Answers with the request's own body, and with each status in turn.
    #[derive(Clone)]
    struct Echo {
        status: Arc<AtomicU16>,
        step: u16,
    }

    impl Echo {
        fn new(step: u16) -> Self {
            Self { status: Arc::new(AtomicU16::new(200)), step }
        }
    }

    impl Handler for Echo {
        async fn answer(self, request: Request<Body>) -> Response<Bytes> {
            let length = request.headers().get(header::CONTENT_LENGTH).cloned();
            let Body::Complete(body) = request.into_body() else { panic!("it was complete") };
            assert_eq!(length, (!body.is_empty()).then(|| HeaderValue::from(body.len())));
            let mut response = Response::new(body);
            let status = self.status.fetch_add(self.step, Relaxed);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        }
    }

    fn call(arguments: &[&str]) -> Call {
        Line::try_parse_from([&["x", "--path", "/a?b"], arguments].concat()).unwrap().call
    }

    #[test]
    fn the_last_response_is_what_counts() {
        let folder = std::env::temp_dir().join(format!("weighbridge-call-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (body, output) = (folder.join("body"), folder.join("output"));
        fs::write(&body, "some bytes").unwrap();
        let (body_name, output_name) = (body.to_str().unwrap(), output.to_str().unwrap());
        let call = call(&["--body", body_name, "--output", output_name, "--iterations", "3"]);
        let echo = Echo::new(0);
        call.run(&echo).unwrap();
        assert_eq!(fs::read(&output).unwrap(), b"some bytes");
        fs::remove_dir_all(&folder).unwrap();
        let gone = call.run(&echo).unwrap_err().to_string();
        assert!(gone.contains(body_name), "{gone}");
    }

    #[test]
    fn a_request_without_a_body_announces_none() {
        let response = call(&[]).last_response(&Echo::new(0)).unwrap();
        assert_eq!((response.status(), response.body().len()), (StatusCode::OK, 0));
    }

    #[test]
    fn answers_that_differ_are_an_error() {
        let error = call(&["--iterations", "2"]).last_response(&Echo::new(1)).unwrap_err();
        assert!(
            error.to_string().contains("200 OK") && error.to_string().contains("201"),
            "{error}"
        );
    }

    #[test]
    fn no_process_can_have_the_markers_number() {
        let limit: i32 =
            fs::read_to_string("/proc/sys/kernel/pid_max").unwrap().trim().parse().unwrap();
        assert!(MARKER_PID > limit);
        assert!(test_kill_process(Pid::from_raw(MARKER_PID).unwrap()).is_err());
    }
}
