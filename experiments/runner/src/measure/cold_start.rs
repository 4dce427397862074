//! From the start call to the first correct response, with its stages.

use super::instance::{request, with_instance};
use super::{Bench, Failure, Measured, Visit};

/// Starts, asks once, stops; with the page cache dropped before, where the cell says so.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>) -> Result<Measured, Failure> {
    with_instance(bench, visit, request(bench, visit)?, |_, _, _| Ok(()))
}
