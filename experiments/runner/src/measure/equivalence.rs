//! Does the subject answer every request of the list with the expected status and bytes?

use super::instance::{request_named, with_instance};
use super::{Bench, Measured, Visit};
use crate::failure::{Failure, Phase};
use crate::http::exchange;
use std::time::Duration;
use weighbridge_schema::metric::Metric;

/// Longest wait for one answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends every workload of the definition to one instance; a last look at whether it still answers the
/// first one shows that no bad input ended it.
///
/// # Errors
/// The subject did not start. A wrong answer is no error here: it is counted and remarked.
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>) -> Result<Measured, Failure> {
    let workloads = &visit.definition.workloads;
    let probe =
        workloads.first().ok_or_else(|| Failure::new(Phase::Plan, "no workload to compare"))?;
    let probe = request_named(bench, probe)?;
    with_instance(bench, visit, probe, |instance, _, measured| {
        let address = instance.address();
        let (mut sent, mut equal) = (0, 0);
        for name in workloads {
            let request = request_named(bench, name)?;
            sent += 1;
            match exchange(address, request, LIMIT).and_then(|answer| Ok(answer.check(request)?)) {
                Ok(()) => equal += 1,
                Err(why) => measured.remarks.push(format!("{name}: {why}")),
            }
        }
        instance.alive().map_err(Failure::at(Phase::AfterList))?;
        let last = exchange(address, probe, LIMIT).and_then(|answer| Ok(answer.check(probe)?));
        last.map_err(Failure::at(Phase::AfterList))?;
        measured.set(Metric::CasesSent, Some(sent));
        measured.set(Metric::CasesEqual, Some(equal));
        Ok(())
    })
}
