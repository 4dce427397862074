//! What a measured program is made of is decided by the checkout, whatever the user's environment
//! and files say.

use super::*;
use weighbridge_project::inputs::sha256_file;
use weighbridge_setup::{Context, static_glibc};

/// The variable that tells the builder its folder; its own environment is the hostile one.
const FOLDER: &str = "WEIGHBRIDGE_TEST_CHECKOUT";
/// What a shell's start-up file or a CI may have set. The wrapper and the compiler would fail any
/// build.
const HOSTILE: [(&str, &str); 14] = [
    ("CFLAGS", "-O0 -DHOSTILE"),
    ("TARGET_CFLAGS", "-DHOSTILE"),
    ("CC", "false"),
    ("CPATH", "/nonexistent"),
    ("RUSTC", "false"),
    ("RUSTC_WRAPPER", "false"),
    ("RUSTFLAGS", "--cfg hostile"),
    ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}hostile"),
    ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
    ("CARGO_BUILD_RUSTFLAGS", "--cfg hostile"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "2"),
    ("CARGO_INCREMENTAL", "1"),
    ("MAKEFLAGS", "-n"),
];
/// The same in a file above the checkout, or in the user's `CARGO_HOME`.
const HOSTILE_FILE: &str = r#"
[build]
rustflags = ["--cfg", "hostile"]
rustc-wrapper = "false"
[profile.release]
opt-level = 0
debug = 2
lto = false
codegen-units = 256
overflow-checks = true
[profile.tools]
opt-level = 0
"#;
/// Which C code of the harness does get.
const HOSTILE_FLAGS: &str = "[env]\nCFLAGS = \"-DHOSTILE\"\n";
/// A C file is compiled as the `cc` crate would: with the flags of the environment.
const BUILD_SCRIPT: &str = r#"
use std::process::Command;
fn main() {
    let target = std::env::var("TARGET").unwrap().replace('-', "_");
    let out = std::env::var("OUT_DIR").unwrap();
    let mut cc = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
    for name in ["CFLAGS".to_owned(), "TARGET_CFLAGS".to_owned(), format!("CFLAGS_{target}")] {
        let flags = std::env::var(name).unwrap_or_default();
        cc.args(flags.split_whitespace().filter(|flag| !flag.contains("__")));
    }
    cc.args(["-c", "said.c", "-o"]).arg(format!("{out}/said.o"));
    assert!(cc.status().unwrap().success());
    let ar = Command::new("ar").arg("cr").arg(format!("{out}/libsaid.a")).arg(format!("{out}/said.o")).status();
    assert!(ar.unwrap().success());
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=said");
}
"#;
const MAIN: &str = r#"
#![allow(unexpected_cfgs)]
extern "C" { fn said() -> i32; }
fn main() {
    let numbers: Vec<u32> = std::env::args().map(|word| word.len() as u32).collect();
    println!("{} {} {}", numbers.iter().sum::<u32>(), unsafe { said() }, cfg!(hostile));
}
"#;

/// A checkout in small: the project's profiles, and a program that is partly C.
fn checkout(parent: &Path) -> Project {
    let root = parent.join("checkout");
    let manifest = include_str!("../../../../Cargo.toml");
    let profiles = &manifest[manifest.find("[profile.release]").unwrap()..];
    let manifest = format!(
        "[package]\nname = \"said\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n{profiles}"
    );
    let lock = "version = 4\n\n[[package]]\nname = \"said\"\nversion = \"0.1.0\"\n";
    let source = "int said(void) {\n#ifdef HOSTILE\nreturn 2;\n#else\nreturn 1;\n#endif\n}\n";
    for (file, text) in [
        ("Cargo.toml", manifest.as_str()),
        ("Cargo.lock", lock),
        ("said.c", source),
        ("build.rs", BUILD_SCRIPT),
        ("src/main.rs", MAIN),
    ] {
        files::write(&root.join(file), text.as_bytes()).unwrap();
    }
    Project {
        state: parent.join("state"),
        target: parent.join("target"),
        build: parent.join("target"),
        assume_yes: true,
        root,
    }
}

fn build(project: &Project, toolchain: Option<&TargetToolchain>) -> Result<()> {
    let profile = if toolchain.is_some() { "release" } else { "tools" };
    let build = Build {
        package: "said",
        within_workspace: false,
        profile,
        arguments: &["--offline"],
        toolchain,
        env: &[],
    };
    build.run(project, &Progress::new())
}

/// Builds the program as a measured one and as one of the harness, in the environment that the
/// other test gives.
#[test]
#[ignore = "the builder of the other tests"]
fn builds_for_the_others() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let project = checkout(Path::new(&folder));
    let reporter = |_: &str| {};
    let toolchain = static_glibc(&Context::of(&project, &reporter)).unwrap();
    build(&project, Some(&toolchain)).unwrap();
    build(&project, None).unwrap();
}

/// The digests of what a builder makes that is started so.
fn built(folder: &Path, environment: &[(&str, &str)], file: &str) -> [String; 2] {
    let checkout = folder.join("checkouts/in/small");
    let _ = std::fs::remove_dir_all(folder.join("checkouts"));
    files::write(&folder.join("checkouts/.cargo/config.toml"), file.as_bytes()).unwrap();
    let mut builder = Command::new(std::env::current_exe().unwrap());
    builder.args(["--exact", "cargo::tests::builds_for_the_others", "--ignored", "--nocapture"]);
    builder.envs(environment.iter().copied()).env(FOLDER, &checkout);
    let output = builder.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let target = checkout.join("target");
    [target.join(triple).join("release/said"), target.join("tools/said")]
        .map(|program| sha256_file(&program).unwrap())
}

#[test]
fn neither_variables_nor_files_of_a_user_decide_about_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let expected = built(folder.path(), &[], "");
    assert_eq!(built(folder.path(), &HOSTILE, HOSTILE_FILE), expected);
    let file = HOSTILE_FILE.to_owned() + HOSTILE_FLAGS;
    assert_eq!(built(folder.path(), &HOSTILE, &file)[0], expected[0]);

    // They would decide: a cargo called by hand takes them.
    let checkout = folder.path().join("checkouts/in/small/checkout");
    let mut by_hand = command(env!("CARGO"));
    by_hand.current_dir(&checkout).args(["run", "--quiet", "--offline", "--release"]);
    by_hand.env("CARGO_TARGET_DIR", folder.path().join("by-hand"));
    by_hand.env_remove("CARGO_BUILD_BUILD_DIR");
    by_hand.env("RUSTFLAGS", "--cfg hostile").env("RUSTC_WRAPPER", "").env("CFLAGS", "-DHOSTILE");
    let output = by_hand.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.ends_with(" 2 true\n"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_package_that_a_file_singles_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let project = checkout(&folder.path().join("small"));
    let file = "[profile.release.package.said]\nopt-level = 0\n";
    files::write(&folder.path().join(".cargo/config.toml"), file.as_bytes()).unwrap();
    let reporter = |_: &str| {};
    let toolchain = static_glibc(&Context::of(&project, &reporter)).unwrap();
    let error = build(&project, Some(&toolchain)).unwrap_err().to_string();
    assert!(error.contains("has `profile.release.package.said`; take it out"), "{error}");
}

#[test]
fn a_program_that_cargo_was_told_to_put_elsewhere_is_not_mistaken_for_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let project = checkout(&folder.path().join("small"));
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let file = format!("[build]\ntarget = \"{triple}\"\n");
    files::write(&folder.path().join(".cargo/config.toml"), file.as_bytes()).unwrap();
    let error = build(&project, None).unwrap_err().to_string();
    assert!(error.contains("sets `build.target`; take it out"), "{error}");
}
