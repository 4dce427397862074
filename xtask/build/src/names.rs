//! The names of the artifacts, and which are built once, which for each architecture.

use weighbridge_setup::Need;

/// File names of the artifacts, which are their names in `subjects.toml` too.
pub(crate) const NATIVE: &str = "weighbridge-native";
pub(crate) const HOST: &str = "weighbridge-host";
pub(crate) const HOST_COMPILER: &str = "weighbridge-host-compiler";
pub(crate) const COMPONENT: &str = "component.wasm";
pub(crate) const COMPILED: &str = "component.cwasm";
pub(crate) const COMMAND: &str = "command.wasm";
pub(crate) const HELLO: &str = "hello.wasm";
pub(crate) const IMAGE: &str = "image.tar";
/// The program with an HTTP server of its own, for the sockets of one runtime each: file and cargo feature.
pub(crate) const SHELLS: [(&str, &str); 3] = [
    ("shell-wasix.wasm", "wasix"),
    ("shell-wasmedge.wasm", "wasmedge"),
    ("shell-preopened.wasm", "preopened"),
];
/// What tries what a runtime can do: a component, and modules that are written by hand, below the folder.
pub(crate) const PROBE: &str = "probe.wasm";
pub(crate) const PROBE_MODULES: [&str; 4] =
    ["probe-grow.wasm", "probe-simd.wasm", "probe-spin.wasm", "probe-threads.wasm"];
pub(crate) const PROBE_TEXTS: &str = "service/probe/modules";
/// What tries what nobody should be able to do, in the service's place: a server, its image, and the component compiled
/// ahead of time.
pub(crate) const PROBE_NATIVE: &str = "weighbridge-probe";
pub(crate) const PROBE_IMAGE: &str = "probe-image.tar";
pub(crate) const PROBE_COMPILED: &str = "probe.cwasm";
/// What is built once: every architecture gets the same files.
pub(crate) const GUESTS: [&str; 11] = [
    COMPONENT,
    COMMAND,
    HELLO,
    SHELLS[0].0,
    SHELLS[1].0,
    SHELLS[2].0,
    PROBE,
    PROBE_MODULES[0],
    PROBE_MODULES[1],
    PROBE_MODULES[2],
    PROBE_MODULES[3],
];
/// What is built for each architecture.
pub(crate) const COMPILED_FOR_EACH: [&str; 8] =
    [NATIVE, HOST, HOST_COMPILER, COMPILED, IMAGE, PROBE_NATIVE, PROBE_COMPILED, PROBE_IMAGE];
/// Images on a root file system, this machine's only: left out where set-up could not have the root.
pub(crate) const BASED_IMAGES: [(Need, &str); 2] =
    [(Need::ImageDebian, "image-debian.tar"), (Need::ImageAlpine, "image-alpine.tar")];
/// What emulators load to count instructions: this machine's only, whatever they emulate.
pub(crate) const PLUGIN: &str = "libweighbridge_instructions.so";

/// The native programs: package, arguments, the artifact's name, what a forecast calls it, and
/// how many seconds it took from nothing in the cold run that `forecast.rs` names.
pub(crate) const PROGRAMS: [(&str, &[&str], &str, &str, u64); 3] = [
    ("weighbridge-native", &[], NATIVE, "native service", 419),
    ("weighbridge-host", &["--no-default-features"], HOST, "host", 507),
    ("weighbridge-host", &[], HOST_COMPILER, "host with its compiler", 312),
];
