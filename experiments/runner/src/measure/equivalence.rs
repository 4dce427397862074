//! Does the subject answer every request of the list with the expected status and bytes?

use super::instance::with_instance;
use super::{Bench, Measured, Visit};
use crate::failure::{Failure, Phase};
use crate::http::{PreparedRequest, exchange};
use std::rc::Rc;
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::WorkloadName;

/// Longest wait for one answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends every workload of the definition to one instance; a last look at whether it still answers the
/// first one shows that no bad input ended it.
///
/// # Errors
/// The subject did not start. A wrong answer is no error here: it is counted and remarked.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    first: &PreparedRequest,
    all: &[(&WorkloadName, Rc<PreparedRequest>)],
) -> Result<Measured, Failure> {
    with_instance(bench, visit, first, |instance, _, measured| {
        let address = instance.address();
        let (mut sent, mut equal) = (0, 0);
        for (name, request) in all {
            sent += 1;
            match exchange(address, request, LIMIT).and_then(|answer| Ok(answer.check(request)?)) {
                Ok(()) => equal += 1,
                Err(why) => measured.remarks.push(format!("{name}: {why}")),
            }
        }
        instance.alive().map_err(Failure::at(Phase::AfterList))?;
        let last = exchange(address, first, LIMIT).and_then(|answer| Ok(answer.check(first)?));
        last.map_err(Failure::at(Phase::AfterList))?;
        measured.set(Metric::CasesSent, Some(sent));
        measured.set(Metric::CasesEqual, Some(equal));
        Ok(())
    })
}
