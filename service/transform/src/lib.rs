//! The image pipeline and request validation of the service under test: pure, no I/O.
//!
//! [`handle`] is the whole service: a request in, an answer out. The native server, the component
//! and the command are thin shells round it, and it answers byte for byte the same on every target
//! (only `GET /v1/info`, which names the target, may differ):
//!
//! * every kernel works on integers; the few floating-point numbers (filter weights) come from
//!   basic IEEE operations and the `libm` crate, never from the platform's mathematics library;
//! * libraries are used only where their vector code paths were found to be exact, see
//!   `tests/vector_paths.rs` and the tests of `resize.rs`.
//!
//! What the pipeline does not look at: EXIF orientation and colour profiles are ignored and dropped
//! (rotate with `op=rotate:90`), sixteen-bit images are reduced to eight bits per channel, and of an
//! animation only the first frame is read.

mod alpha;
mod blur;
mod decode;
mod encode;
mod error;
mod geometry;
mod grayscale;
mod http;
mod jpeg;
mod kernels;
mod limits;
mod operation;
mod parse;
mod pipeline;
mod pixels;
mod prefix_code;
mod query;
mod resize;
mod riff;
mod route;
mod source;
mod stop;
mod webp;

pub use http::{Request, Response};
pub use limits::{
    MAX_BODY_BYTES, MAX_OPERATIONS, MAX_PIXELS, MAX_SHARPEN_AMOUNT_MILLI, MAX_SIDE_PIXELS,
    MAX_SIGMA_MILLI,
};
pub use route::{body_too_large, deadline_exceeded, handle, internal_error};
