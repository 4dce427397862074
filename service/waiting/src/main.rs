//! The native server that asks a backend and waits, which goes into a container as the service does.

#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(not(target_family = "wasm"))]
fn main() -> anyhow::Result<()> {
    native::main()
}

/// On WebAssembly the library is the service: a component has no main.
#[cfg(target_family = "wasm")]
fn main() {}
