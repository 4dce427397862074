//! The HTTP front that the native service and the Wasm host share.
