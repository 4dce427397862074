//! Hands the target triple, which only build scripts see, to `GET /v1/info`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=WEIGHBRIDGE_BUILD_DIGEST");
    // Cargo sets TARGET for every build script; an empty triple would be told as unknown.
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=WEIGHBRIDGE_TARGET={target}");
}
