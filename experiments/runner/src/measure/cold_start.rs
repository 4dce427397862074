//! From the start call to the first correct response, with its stages.

use super::instance::{request, with_instance};
use super::{Bench, Measured, Visit};
use crate::failure::Failure;

/// Starts, asks once, stops.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>) -> Result<Measured, Failure> {
    let request = request(bench, visit)?;
    with_instance(bench, visit, request, |_, _, _| Ok(()))
}
