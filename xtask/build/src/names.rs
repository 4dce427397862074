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
/// What times the operations of the service, natively: as the service is built, and without vectors of 256 bits; and
/// the same program as a Wasm component and as a module of preview 1.
pub(crate) const OPERATIONS: &str = "weighbridge-operations";
pub(crate) const OPERATIONS_NARROW: &str = "weighbridge-operations-128";
pub(crate) const OPERATIONS_COMPONENT: &str = "operations-component.wasm";
pub(crate) const OPERATIONS_MODULE: &str = "operations.wasm";
/// The component without SIMD.
pub(crate) const OPERATIONS_SCALAR: &str = "operations-scalar.wasm";
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
/// What asks a backend and waits, in the service's place: a server, its image, the component, and the same compiled
/// ahead of time.
pub(crate) const WAITING_NATIVE: &str = "weighbridge-waiting";
pub(crate) const WAITING_IMAGE: &str = "waiting-image.tar";
pub(crate) const WAITING: &str = "waiting.wasm";
/// What is built once: every architecture gets the same files.
pub(crate) const GUESTS: [&str; 15] = [
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
    OPERATIONS_COMPONENT,
    OPERATIONS_MODULE,
    OPERATIONS_SCALAR,
    WAITING,
];
/// What is compiled ahead of time for each architecture: the component, the compiler's options, and what it makes.
pub(crate) const AHEAD_OF_TIME: [(&str, &[&str], &str); 6] = [
    (COMPONENT, &[], COMPILED),
    (PROBE, &[], PROBE_COMPILED),
    (OPERATIONS_COMPONENT, &[], "operations.cwasm"),
    (OPERATIONS_COMPONENT, &["--no-epochs"], "operations-unchecked.cwasm"),
    (OPERATIONS_SCALAR, &[], "operations-scalar.cwasm"),
    (WAITING, &[], "waiting.cwasm"),
];
/// What is built for each architecture.
pub(crate) const COMPILED_FOR_EACH: [&str; 16] = [
    NATIVE,
    HOST,
    HOST_COMPILER,
    IMAGE,
    OPERATIONS,
    OPERATIONS_NARROW,
    AHEAD_OF_TIME[0].2,
    AHEAD_OF_TIME[1].2,
    AHEAD_OF_TIME[2].2,
    AHEAD_OF_TIME[3].2,
    AHEAD_OF_TIME[4].2,
    AHEAD_OF_TIME[5].2,
    PROBE_NATIVE,
    PROBE_IMAGE,
    WAITING_NATIVE,
    WAITING_IMAGE,
];
/// Images on a root file system, this machine's only: left out where set-up could not have the root.
pub(crate) const BASED_IMAGES: [(Need, &str); 2] =
    [(Need::ImageDebian, "image-debian.tar"), (Need::ImageAlpine, "image-alpine.tar")];
/// What emulators load to count instructions: this machine's only, whatever they emulate.
pub(crate) const PLUGIN: &str = "libweighbridge_instructions.so";

/// Makes cargo select the service's server beside a program. What both need then has the features that it has in the
/// service, and cargo takes the crates that it has compiled for the service.
const AS_THE_SERVICE: &str = "--package=weighbridge-server";

/// The native programs: package, arguments, the artifact's name, what a forecast calls it, and
/// how many seconds it took from nothing in the cold run that `forecast.rs` names.
pub(crate) const PROGRAMS: [(&str, &[&str], &str, &str, u64); 5] = [
    ("weighbridge-native", &[], NATIVE, "native service", 419),
    ("weighbridge-host", &["--no-default-features"], HOST, "host", 507),
    ("weighbridge-host", &[], HOST_COMPILER, "host with its compiler", 312),
    ("weighbridge-operations", &[AS_THE_SERVICE], OPERATIONS, "operations", 115),
    (
        "weighbridge-operations",
        &["--no-default-features", AS_THE_SERVICE],
        OPERATIONS_NARROW,
        "operations-128",
        104,
    ),
];
