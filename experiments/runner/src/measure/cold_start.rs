//! From the start call to the first correct response, with its stages.

use super::instance::{begin, request, with_instance};
use super::{Bench, Failure, Measured, Visit};
use weighbridge_schema::method::Method;
use weighbridge_schema::parameter::{PageCache, Parameter};

/// Starts, asks once, stops. Where other cells drop the page cache, a warm one is warmed before: by a start like
/// the one that is measured, so that the files of program and runtime are there again. Otherwise the drop of one
/// trial would make the next one's start a cold one.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>) -> Result<Measured, Failure> {
    let request = request(bench, visit)?;
    if visit.trial.cell.parameter == Parameter::None && drops_caches(&visit.definition.method) {
        begin(bench, visit, request, 0)?.end()?;
    }
    with_instance(bench, visit, request, |_, _, _| Ok(()))
}

fn drops_caches(method: &Method) -> bool {
    matches!(method, Method::ColdStart { page_cache } if page_cache.contains(&PageCache::Dropped))
}
