//! The files of the checkout, for tests of what no compiler checks.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot read the checkout has nothing to say")]

use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Files below `folder` whose name ends so; generated and hidden folders are left out.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || ["target", "results", "generated", "report"].contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The path below the root.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Whether a source file holds tests alone.
fn is_test(path: &Path) -> bool {
    let path = shown(path);
    path.contains("/tests/") || path.ends_with("tests.rs") || path.ends_with("_test.rs")
}

/// The lines of product code below `folder`, each with its file and number: no comments, and nothing behind
/// `#[cfg(test)]`, which is the end of our files.
pub fn code(folder: &str) -> Vec<(String, String)> {
    let sources = files(&root().join(folder), ".rs").into_iter().filter(|path| !is_test(path));
    let mut lines = Vec::new();
    for path in sources {
        let text = read(&path);
        let product = text.split("\n#[cfg(test)]").next().unwrap_or_default();
        for (index, line) in product.lines().enumerate() {
            if !line.trim_start().starts_with("//") {
                lines.push((format!("{}:{}", shown(&path), index + 1), line.to_owned()));
            }
        }
    }
    assert!(lines.len() > 100, "{folder}: the search has lost its way, {} lines", lines.len());
    lines
}
