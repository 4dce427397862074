//! The life of one tenant under a policy: it is asked when its requests are due, is started by a request where it is
//! not up, and is ended when it was idle for long enough.

use crate::failure::Failure;

/// A tenant, and the time: on this machine, or in a script of tests.
pub trait Tenant {
    /// The time now, `CLOCK_MONOTONIC` nanoseconds.
    fn now_ns(&self) -> u64;
    /// Rests until a moment; not at all where it has passed.
    ///
    /// # Errors
    /// The run shall end.
    fn rest_until(&mut self, ns: u64) -> Result<(), Failure>;
    /// Whether an instance of its own is up, which can be ended.
    fn is_up(&self) -> bool;
    /// Has one request answered correctly, by an instance that is started for it where one is needed.
    ///
    /// # Errors
    /// It was not started, or gave no correct answer.
    fn ask(&mut self) -> Result<Answered, Failure>;
    /// Ends its instance.
    ///
    /// # Errors
    /// It could not be ended.
    fn end(&mut self) -> Result<(), Failure>;
}

/// A correct answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// When it was complete, `CLOCK_MONOTONIC` nanoseconds.
    pub at_ns: u64,
    /// Whether the request waited for a start.
    pub met_start: bool,
}

/// A request, and what came of it.
#[derive(Debug)]
pub struct Asked {
    /// When it was due.
    pub due_ns: u64,
    /// Its answer, or why there is none.
    pub answer: Result<Answered, Failure>,
}

/// Lives through the requests, one after the other, until `until_ns`. A request that comes while another one is
/// answered, or while the instance is ended, waits for that: its latency counts from when it was due all the same.
///
/// # Errors
/// The run shall end, or an instance could not be ended.
pub fn live(
    tenant: &mut impl Tenant,
    due_ns: &[u64],
    idle_timeout_ns: Option<u64>,
    until_ns: u64,
) -> Result<Vec<Asked>, Failure> {
    let mut asked = Vec::with_capacity(due_ns.len());
    let mut idle_since_ns = tenant.now_ns();
    for &due_ns in due_ns {
        idle(tenant, idle_since_ns, idle_timeout_ns, due_ns)?;
        let answer = tenant.ask();
        idle_since_ns = tenant.now_ns();
        asked.push(Asked { due_ns, answer });
    }
    idle(tenant, idle_since_ns, idle_timeout_ns, until_ns)?;
    Ok(asked)
}

/// Rests until `until_ns`, and ends what is up when its time is over before.
fn idle(
    tenant: &mut impl Tenant,
    since_ns: u64,
    timeout_ns: Option<u64>,
    until_ns: u64,
) -> Result<(), Failure> {
    let over_ns = timeout_ns.map(|timeout_ns| since_ns.saturating_add(timeout_ns));
    if let Some(over_ns) = over_ns.filter(|&over_ns| over_ns < until_ns)
        && tenant.is_up()
    {
        tenant.rest_until(over_ns)?;
        tenant.end()?;
    }
    tenant.rest_until(until_ns)
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
