//! The pipeline as a WASI command: request in, answer out.
//!
//! For runtimes without HTTP. Method, target and content type are arguments, the body comes on
//! standard input; standard output gets one line `STATUS CONTENT_TYPE` and then the body as it is.
//! It is plain Rust: built for the host it is the same program, which the equivalence tests use.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use weighbridge_transform::{MAX_BODY_BYTES, Request, Response, handle};

/// How long one request may take, as in the other shells by default.
const DEADLINE: Duration = Duration::from_secs(10);

const USAGE: &str = "usage: weighbridge-command METHOD PATH_AND_QUERY CONTENT_TYPE|- <BODY >ANSWER";

fn main() -> ExitCode {
    let started = Instant::now();
    let Some([method, path_and_query, content_type]) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let answered = read_body().and_then(|body| {
        let request = Request {
            method: &method,
            path_and_query: &path_and_query,
            content_type: (content_type != "-").then_some(content_type.as_str()),
            body: &body,
        };
        write_answer(&handle(&request, &|| started.elapsed() >= DEADLINE))
    });
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weighbridge-command: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<[String; 3]> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.try_into().ok()
}

/// Reads the body, and of one that is over the limit just so much that it is seen to be.
fn read_body() -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let limit = MAX_BODY_BYTES as u64 + 1;
    io::stdin().lock().take(limit).read_to_end(&mut body).context("reading the body from stdin")?;
    Ok(body)
}

fn write_answer(response: &Response) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{} {}", response.status, response.content_type)
        .and_then(|()| stdout.write_all(&response.body))
        .and_then(|()| stdout.flush())
        .context("writing the answer to stdout")
}
