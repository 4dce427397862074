//! A containerd shim on runwasi's library: a container of the runtime `io.containerd.weighbridge.v1` is a process in
//! namespaces of its own in which the project's Wasm host serves the compiled component that the image holds.
//!
//! The entry point of the image names the component's file within the root file system; the container's arguments are
//! those of `weighbridge-host serve`. What this subject has beside `wasmtime-aot` is therefore containerd's doing, the
//! shim's and the namespaces', and not another host.

use anyhow::{Context, Result, anyhow, ensure};
use containerd_shim_wasm::sandbox::Sandbox;
use containerd_shim_wasm::sandbox::context::{RuntimeContext, Source};
use containerd_shim_wasm::shim::{Cli, Config, Shim, Version};
use std::ffi::OsString;
use std::path::Path;

/// The host's, and the native service's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The shim, which containerd knows as `io.containerd.weighbridge.v1`.
struct WeighbridgeShim;

/// One container: the host behind the namespaces that runwasi's library has made.
#[derive(Clone, Default)]
struct HostSandbox;

impl Shim for WeighbridgeShim {
    type Sandbox = HostSandbox;

    fn name() -> &'static str {
        "weighbridge"
    }

    fn version() -> Version {
        Version { version: weighbridge_host::VERSION, revision: "" }
    }
}

impl Sandbox for HostSandbox {
    /// Serves until SIGTERM.
    async fn run_wasi(&self, context: &impl RuntimeContext) -> Result<i32> {
        let words = serve_command(context.args())?;
        // The library calls this within a runtime of its own, and the host brings one for each of its threads.
        let host = std::thread::Builder::new()
            .name("host".to_owned())
            .spawn(move || weighbridge_host::run(words))
            .context("start the host's thread")?;
        match host.join() {
            Ok(Ok(())) => Ok(0),
            // The library writes errors into a log that nobody reads; the container's own output is read.
            Ok(Err(error)) => {
                eprintln!("{error:#}");
                Ok(1)
            }
            Err(_) => Err(anyhow!("the host panicked; its output says where")),
        }
    }

    /// Any file of the image, since the host knows what it loads. The library would take WebAssembly alone, and a
    /// component compiled ahead of time is an ELF file; it must not be executable, or the library would execute it.
    async fn can_handle(&self, context: &impl RuntimeContext) -> Result<()> {
        let Source::File(path) = context.entrypoint().source else {
            return Err(anyhow!(
                "the component must be a file of the image, not a layer of its own type"
            ));
        };
        ensure!(path.is_file(), "{} is no file of the image", path.display());
        Ok(())
    }
}

/// `weighbridge-host serve FILE ...` for a container whose arguments are `FILE ...`.
fn serve_command(arguments: &[String]) -> Result<Vec<OsString>> {
    let file = arguments.first().context("the container names no component")?;
    ensure!(Path::new(file).is_absolute(), "`{file}` is no path from the root of the image");
    let words = ["weighbridge-host", "serve"].into_iter().map(OsString::from);
    Ok(words.chain(arguments.iter().map(OsString::from)).collect())
}

fn main() {
    // containerd's own flag for it, `-v`, makes the library write several lines, of which none is the host's.
    if std::env::args().nth(1).as_deref() == Some("--version") {
        let own = concat!(env!("CARGO_BIN_NAME"), " ", env!("CARGO_PKG_VERSION"));
        println!("{own}, with weighbridge-host {}", weighbridge_host::VERSION);
        return;
    }
    WeighbridgeShim::run(Config { default_log_level: "error".to_owned(), ..Config::default() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_arguments_are_those_of_serve() {
        let given = ["/component.cwasm", "--listen", "127.0.0.1:9"].map(str::to_owned);
        let words = serve_command(&given).unwrap();
        let expected = ["weighbridge-host", "serve", "/component.cwasm", "--listen", "127.0.0.1:9"];
        assert_eq!(words, expected.map(OsString::from));
    }

    #[test]
    fn a_container_without_a_component_is_refused() {
        assert!(serve_command(&[]).is_err());
        let error = serve_command(&["component.cwasm".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("is no path from the root"), "{error}");
    }
}
