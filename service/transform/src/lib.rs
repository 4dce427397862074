//! The image pipeline and request validation of the service under test: pure, no I/O.
