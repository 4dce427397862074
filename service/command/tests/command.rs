//! The command as its users meet it: arguments and pipes.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], body: &[u8]) -> Output {
    feed(Command::new(env!("CARGO_BIN_EXE_weighbridge-command")).args(arguments), body)
}

fn feed(command: &mut Command, body: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that answers without reading the body closes the pipe: not an error here.
    let _ = child.stdin.take().unwrap().write_all(body);
    child.wait_with_output().unwrap()
}

#[test]
fn the_answer_is_a_status_line_and_the_body() {
    let output = run(&["GET", "/healthz", "-"], b"");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"200 text/plain; charset=utf-8\nok");
}

#[test]
fn a_refused_request_is_an_answer_and_no_failure() {
    let output = run(&["POST", "/v1/images/transform?op=sepia", "image/png"], b"x");
    assert!(output.status.success());
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.starts_with("415 application/json\n{\"error\":"), "{answer}");
}

/// The same program on WASI preview 1, where a panic of a decoder ends it: no odd image of the corpus
/// does, and each is answered as natively. Left out, and said so, where no `wasmtime` is installed:
/// `cargo xtask setup --subject wasmtime-serve` installs one.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn odd_images_are_answered_on_wasi_as_natively() {
    let set = |name: &str| {
        let value = std::env::var_os(name);
        PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")))
    };
    let module = set("WEIGHBRIDGE_ARTIFACTS").join("command.wasm");
    let Some(wasmtime) = find_wasmtime(&set("WEIGHBRIDGE_PROGRAMS")) else {
        let _ = writeln!(
            std::io::stderr(),
            "not tested: odd images on WASI preview 1: no wasmtime is installed"
        );
        return;
    };
    let compiled = std::env::temp_dir().join(format!("odd-{}.cwasm", std::process::id()));
    let status = Command::new(&wasmtime)
        .arg("compile")
        .arg(&module)
        .arg("-o")
        .arg(&compiled)
        .status()
        .unwrap();
    assert!(status.success());
    let target = "/v1/images/transform?op=encode:png";
    for (name, content_type, body) in odd_images() {
        let arguments = ["POST", target, content_type];
        let mut on_wasi = Command::new(&wasmtime);
        on_wasi.args(["run", "--allow-precompiled"]).arg(&compiled).args(arguments);
        let (answer, expected) = (feed(&mut on_wasi, &body), run(&arguments, &body));
        assert!(answer.status.success(), "{name}: {answer:?}");
        assert!(answer.stdout == expected.stdout, "{name}");
    }
    std::fs::remove_file(compiled).unwrap();
}

/// The first file named `wasmtime` in a folder or its folders.
fn find_wasmtime(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    let is_it = |path: &&PathBuf| path.is_file() && path.ends_with("wasmtime");
    let direct = paths.iter().find(is_it).cloned();
    direct
        .or_else(|| paths.iter().filter(|path| path.is_dir()).find_map(|path| find_wasmtime(path)))
}

/// Name, content type and bytes of every odd image of the corpus.
fn odd_images() -> Vec<(String, &'static str, Vec<u8>)> {
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

#[test]
fn missing_arguments_are_told() {
    let output = run(&["GET"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("usage:"));
}
