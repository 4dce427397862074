//! The odd images of the corpus on Wasm: the component on the host answers what the library answers
//! natively. Wasm has 32-bit addresses and no panics that can be caught, so that what is refused
//! before it is decoded there must be refused here.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::Host;
use weighbridge_transform::{Request, Response, handle};

const TARGETS: [&str; 2] = [
    "/v1/images/transform?op=encode:png",
    "/v1/images/transform?op=blur:1&op=rotate:90&op=encode:jpeg:40",
];

fn artifact(name: &str) -> PathBuf {
    let folder = std::env::var_os("WEIGHBRIDGE_ARTIFACTS")
        .unwrap_or_else(|| panic!("WEIGHBRIDGE_ARTIFACTS is not set: run `cargo xtask test`"));
    Path::new(&folder).join(name)
}

/// Name, content type and bytes of every odd image.
fn images() -> Vec<(String, &'static str, Vec<u8>)> {
    let odd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/corpus/odd");
    let mut images = Vec::new();
    for folder in [odd.clone(), odd.join("made")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Some("jpg" | "png" | "webp" | "bin") = path.extension().and_then(|e| e.to_str())
            else {
                continue;
            };
            let body = std::fs::read(&path).unwrap();
            let content_type = match body[0] {
                0xFF => "image/jpeg",
                b'R' => "image/webp",
                _ => "image/png",
            };
            images.push((path.display().to_string(), content_type, body));
        }
    }
    assert!(images.len() > 200, "{} images", images.len());
    images
}

fn natively(target: &str, content_type: &str, body: &[u8]) -> Response {
    let content_type = Some(content_type);
    let request = Request { method: "POST", path_and_query: target, content_type, body };
    handle(&request, &|| false)
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_component_answers_odd_images_as_the_library_does() {
    let host = Host::start(&artifact("weighbridge-host"), &artifact("component.cwasm"), &[]);
    for (name, content_type, body) in images() {
        for target in TARGETS {
            let head = format!(
                "POST {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
                 Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let answer = host.send(&head, &body);
            let expected = natively(target, content_type, &body);
            assert_eq!(answer.status, expected.status, "{name} {target}: {}", answer.text());
            assert_eq!(answer.body, expected.body, "{name} {target}");
        }
    }
    assert_eq!(host.get("/healthz").body, b"ok");
    assert_eq!(host.stop("TERM"), Some(0));
}
