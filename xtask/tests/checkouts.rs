//! Two checkouts whose user has one target folder for everything (`CARGO_TARGET_DIR`): what is
//! measured in a checkout must have been built from it.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A checkout in small: the project's configuration of cargo, and a program that says `word`.
fn checkout(parent: &Path, word: &str) -> PathBuf {
    let folder = parent.join(word);
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::create_dir(folder.join(".cargo")).unwrap();
    let manifest =
        "[package]\nname = \"said\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/main.rs"), format!("fn main() {{ println!(\"{word}\") }}"))
        .unwrap();
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cargo/config.toml");
    std::fs::copy(configuration, folder.join(".cargo/config.toml")).unwrap();
    folder
}

/// What the program says that cargo builds in `checkout`.
fn built(checkout: &Path, target: &Path) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(checkout)
        .args(["build", "--offline", "--quiet"])
        .env("CARGO_TARGET_DIR", target)
        .env_remove("CARGO_BUILD_BUILD_DIR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = Command::new(target.join("debug/said")).output().unwrap();
    String::from_utf8(printed.stdout).unwrap()
}

#[test]
fn a_checkout_runs_its_own_programs_from_a_shared_target_folder() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    let [first, second] = ["first", "second"].map(|word| checkout(folder.path(), word));
    for _ in 0..2 {
        assert_eq!(built(&first, &target), "first\n");
        assert_eq!(built(&second, &target), "second\n");
    }
}
