//! The built artifacts together: the service's own component, compiled by the binary with the
//! compiler and served by the one without.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;
use std::process::Command;

use common::{Folder, Host};

fn artifact(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run this test with `cargo xtask test`"));
    PathBuf::from(path)
}

fn compiled(folder: &Folder, options: &[&str]) -> PathBuf {
    let path = folder.file(&format!("component{}.cwasm", options.concat()));
    let status = Command::new(artifact("WEIGHBRIDGE_HOST_COMPILER"))
        .arg("compile")
        .arg(artifact("WEIGHBRIDGE_COMPONENT"))
        .arg("--output")
        .arg(&path)
        .args(options)
        .status()
        .unwrap();
    assert!(status.success());
    path
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_serving_binary_loads_what_the_other_compiled_and_answers_the_same() {
    let folder = Folder::new("artifacts");
    let copied = compiled(&folder, &["--no-memory-cow"]);
    let compiled = compiled(&folder, &[]);
    let (host, compiler) = (artifact("WEIGHBRIDGE_HOST"), artifact("WEIGHBRIDGE_HOST_COMPILER"));
    let component = artifact("WEIGHBRIDGE_COMPONENT");
    let servers = [
        Host::start(&host, &compiled, &[]),
        Host::start(&host, &compiled, &["--no-pooling"]),
        Host::start(&host, &copied, &["--no-memory-cow"]),
        Host::start(&host, &copied, &["--no-pooling", "--no-memory-cow", "--reuse", "5"]),
        Host::start(&host, &compiled, &["--reuse", "5", "--threads", "1"]),
        Host::start(&compiler, &component, &["--compile-at-start"]),
    ];
    for server in &servers {
        for _ in 0..7 {
            let health = server.get("/healthz");
            assert_eq!((health.status, health.body.as_slice()), (200, b"ok".as_slice()));
        }
        server.get("/nowhere").assert_error(404, "unknown_path");
        server.post("/nowhere", &vec![0; (16 << 20) + 1]).assert_error(413, "body_too_large");
        let transform = "/v1/images/transform?op=grayscale";
        assert_eq!(server.get(transform).status, 405);
        let garbage = server.post(transform, b"no image");
        assert_eq!(garbage, servers[0].post(transform, b"no image"));
        assert!((400..500).contains(&garbage.status), "{}", garbage.text());
        assert_eq!(server.get("/healthz").status, 200);
    }
    for server in servers {
        assert_eq!(server.stop("TERM"), Some(0));
    }
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_serving_binary_has_no_compiler() {
    let output =
        Command::new(artifact("WEIGHBRIDGE_HOST")).args(["compile", "x.wasm"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "`compile` must be no command of it");

    let folder = Folder::new("compilerless");
    let serve = ["--listen", "127.0.0.1:0", "--compile-at-start"];
    let output = Command::new(artifact("WEIGHBRIDGE_HOST"))
        .arg("serve")
        .arg(compiled(&folder, &[]))
        .args(serve)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no compiler"), "{told}");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn code_for_another_architecture_or_level_is_compiled_here() {
    let folder = Folder::new("levels");
    let (aarch64, x86_64) = ("aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl");
    let all = [
        compiled(&folder, &["--target", aarch64]),
        compiled(&folder, &["--target", x86_64]),
        compiled(&folder, &["--target", x86_64, "--cpu", "x86-64-v2"]),
        compiled(&folder, &["--target", x86_64, "--cpu", "x86-64-v3"]),
    ];
    let codes: std::collections::BTreeSet<_> =
        all.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(codes.len(), all.len(), "a level or an architecture makes no difference");
    let again = Folder::new("levels-again");
    let same = compiled(&again, &["--target", x86_64, "--cpu", "x86-64-v3"]);
    assert_eq!(std::fs::read(same).unwrap(), std::fs::read(&all[3]).unwrap());

    let output = Command::new(artifact("WEIGHBRIDGE_HOST_COMPILER"))
        .arg("compile")
        .arg(artifact("WEIGHBRIDGE_COMPONENT"))
        .args(["--target", aarch64, "--cpu", "x86-64-v3", "--output"])
        .arg(folder.file("none.cwasm"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("leave --cpu out"), "{told}");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn it_does_what_http_demands_of_every_server() {
    let folder = Folder::new("demands");
    let host = Host::start(&artifact("WEIGHBRIDGE_HOST"), &compiled(&folder, &[]), &[]);
    let failures = weighbridge_conformance::failures(host.address);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
