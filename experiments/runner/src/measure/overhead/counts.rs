//! What is counted of a form of a service: lines of its sources, and the crates that it is built of.

use crate::failure::Cause;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What an item begins with that is compiled for tests alone.
const OF_TESTS: &str = "#[cfg(test)]";

/// Lines of code in these files and folders of `checkout`.
///
/// # Errors
/// One of them cannot be read; the message names it.
pub fn lines(checkout: &Path, sources: &[String]) -> Result<u64, Cause> {
    sources.iter().map(|source| lines_below(&checkout.join(source))).sum()
}

fn lines_below(path: &Path) -> Result<u64, Cause> {
    let failed = |error| Cause::io(format!("read {}", path.display()), error);
    if !path.is_dir() {
        return Ok(lines_of(&fs::read_to_string(path).map_err(failed)?));
    }
    let mut sum = 0;
    for entry in fs::read_dir(path).map_err(failed)? {
        let inner = entry.map_err(failed)?.path();
        let name = inner.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A file of tests is an item of its parent, and compiled for tests alone.
        if inner.is_dir() || (name.ends_with(".rs") && !name.ends_with("tests.rs")) {
            sum += lines_below(&inner)?;
        }
    }
    Ok(sum)
}

/// Lines that are neither blank nor a comment, nor part of an item for tests. rustfmt has such an item begin and end at
/// the beginning of a line.
fn lines_of(text: &str) -> u64 {
    let (mut count, mut is_of_tests) = (0, false);
    for line in text.lines() {
        if line == OF_TESTS {
            is_of_tests = true;
        } else if is_of_tests {
            let is_declaration = !line.starts_with([' ', '#', '/']) && line.ends_with(';');
            is_of_tests = line != "}" && !is_declaration;
        } else {
            let code = line.trim_start();
            count += u64::from(!code.is_empty() && !code.starts_with("//"));
        }
    }
    count
}

/// The crates of registries in what `cargo tree --prefix none --format {p}` has listed, each as `name-1.2.3`: once,
/// however often it is listed. What lies in a folder has that folder behind it.
pub fn of_registries(listed: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let is_in_folder = words.any(|word| word.starts_with("(/"));
        (!is_in_folder).then(|| format!("{name}-{version}"))
    };
    listed.lines().filter_map(name).collect()
}

/// Bytes of these crates as cargo has fetched them; `None` where it keeps one of them in another way.
pub fn fetched_bytes(crates: &BTreeSet<String>, cargo_home: &Path) -> Option<u64> {
    let caches = fs::read_dir(cargo_home.join("registry/cache")).ok()?.flatten();
    let caches: Vec<PathBuf> = caches.map(|entry| entry.path()).collect();
    let bytes = |name: &String| {
        let file = format!("{name}.crate");
        let found = caches.iter().find_map(|cache| fs::metadata(cache.join(&file)).ok());
        found.map(|found| found.len())
    };
    crates.iter().map(bytes).sum()
}

/// Cargo's own folder, as cargo finds it.
pub fn cargo_home() -> Option<PathBuf> {
    let of_user = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(of_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! A module.

#[cfg(test)]
mod tests;

/// Says `a`.
pub fn a() -> u8 {
    // One.
    1 // of them
}

#[cfg(test)]
#[path = \"b_tests.rs\"]
mod b_tests;

#[cfg(test)]
mod inner {
    use super::*;

    fn never_counted() {}
}

const B: u8 = 2;
";

    #[test]
    fn comments_blank_lines_and_tests_are_no_code() {
        assert_eq!(lines_of(TEXT), 4);
        assert_eq!(lines_of(""), 0);
    }

    #[test]
    fn files_of_tests_are_left_out_and_folders_are_gone_through() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("src/inner")).unwrap();
        for file in ["src/lib.rs", "src/inner/mod.rs", "src/inner/tests.rs", "src/b_tests.rs"] {
            fs::write(root.join(file), TEXT).unwrap();
        }
        fs::write(root.join("src/notes.md"), "no code\n").unwrap();
        let count = |sources: &[&str]| {
            let sources: Vec<String> = sources.iter().map(|&one| one.to_owned()).collect();
            lines(root, &sources)
        };
        assert_eq!(count(&["src"]).unwrap(), 8);
        assert_eq!(count(&["src/lib.rs", "src/inner"]).unwrap(), 8);
        let error = count(&["src", "gone.rs"]).unwrap_err().to_string();
        assert!(error.contains("gone.rs"), "{error}");
    }

    #[test]
    fn a_crate_counts_once_and_what_lies_in_a_folder_is_not_fetched() {
        let listed = "mine v0.1.0 (/a/folder)\nserde v1.0.2\nserde_derive v1.0.2 (proc-macro)\n\
                      serde v1.0.2 (*)\nserde v0.9.0\n\n";
        let crates = of_registries(listed);
        assert_eq!(Vec::from_iter(&crates), ["serde-0.9.0", "serde-1.0.2", "serde_derive-1.0.2"]);
        let home = tempfile::tempdir().unwrap();
        assert_eq!(fetched_bytes(&crates, home.path()), None, "cargo keeps nothing there");
        let cache = home.path().join("registry/cache/index-1");
        fs::create_dir_all(&cache).unwrap();
        for name in ["serde-0.9.0", "serde-1.0.2"] {
            fs::write(cache.join(format!("{name}.crate")), [0; 10]).unwrap();
        }
        assert_eq!(fetched_bytes(&crates, home.path()), None, "one is not there");
        fs::write(cache.join("serde_derive-1.0.2.crate"), [0; 5]).unwrap();
        assert_eq!(fetched_bytes(&crates, home.path()), Some(25));
    }
}
