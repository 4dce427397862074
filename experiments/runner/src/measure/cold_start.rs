//! From the start call to the first correct response, with its stages.

use super::instance::with_instance;
use super::{Bench, Measured, Visit};
use crate::failure::Failure;
use crate::http::PreparedRequest;

/// Starts, asks once, stops.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |_, _, _| Ok(()))
}
