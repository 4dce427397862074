//! What all that holds the tenants of a replay uses: who is up, and the CPU time and memory of these from the opening
//! of the window on. Those who start and end tenants write into it, each on a thread of its own.

use crate::engine::Engine;
use crate::failure::Cause;
use crate::kernel::daemons::shim;
use crate::kernel::procfs;
use crate::measure::memory::{daemons_behind, trees};
use crate::measure::start_cpu::{self, Used};
use crate::subject::Instance;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The books of one replay.
pub struct Books<'a> {
    /// The engine that starts the instances.
    engine: Option<&'a Engine>,
    state: Mutex<State>,
}

/// An instance that is up.
#[derive(Debug, Clone, Copy)]
struct Up {
    /// Its first process.
    pid: u32,
    /// What the programs have used that started it; `None` where one of them still ran.
    starters_ns: Option<u64>,
}

#[derive(Default)]
struct State {
    /// By the number of the tenant.
    up: BTreeMap<u32, Up>,
    /// Whether an instance ever had a shim.
    has_shims: bool,
    /// The daemons behind the instances, once one of these was there to ask.
    daemons: Option<Vec<u32>>,
    /// What those had used that were up when the window opened; `None` before.
    at_open: Option<Used>,
    /// What those have used since then that have ended.
    ended_ns: u64,
    /// What could not be read.
    unknown: Option<Cause>,
}

impl Up {
    fn used(self) -> Result<Used, Cause> {
        let starters_ns = self.starters_ns.ok_or("a program that starts it still runs")?;
        start_cpu::of_process(self.pid, starters_ns)
    }
}

/// What was used since the window opened, of what `used` says.
fn since_open_ns(at_open: &Used, used: &Used) -> u64 {
    let before = |pid: &u32| at_open.get(pid).copied().unwrap_or(0);
    used.iter().map(|(pid, &ns)| ns.saturating_sub(before(pid))).sum()
}

impl<'a> Books<'a> {
    /// Nobody is up yet, and the window is not open.
    pub fn new(engine: Option<&'a Engine>) -> Self {
        Self { engine, state: Mutex::default() }
    }

    /// Tenant `number` is up: it has answered.
    ///
    /// # Errors
    /// It is not any more.
    pub fn enter(&self, number: u32, instance: &dyn Instance) -> Result<(), Cause> {
        let pid = instance.pid()?;
        let up = Up { pid, starters_ns: instance.starters_cpu_ns() };
        let shim = shim(pid);
        let mut state = self.state();
        state.up.insert(number, up);
        state.has_shims |= shim.is_some();
        if state.daemons.is_none() {
            state.daemons = daemons_behind(self.engine, shim);
        }
        Ok(())
    }

    /// Tenant `number` is about to be ended.
    pub fn leave(&self, number: u32) {
        let state = &mut *self.state();
        let (Some(up), Some(at_open)) = (state.up.remove(&number), &state.at_open) else { return };
        match up.used() {
            Ok(used) => state.ended_ns += since_open_ns(at_open, &used),
            Err(why) => {
                state.unknown.get_or_insert(why);
            }
        }
    }

    /// What a tenant used cannot be told any more, for this reason: it failed to start.
    pub fn lose(&self, why: &Cause) {
        let mut state = self.state();
        if state.at_open.is_some() {
            let why = why.clone().within("what a tenant used that did not start is gone with it");
            state.unknown.get_or_insert(why);
        }
    }

    /// The window opens. Nobody comes or goes meanwhile.
    pub fn open(&self) {
        let state = &mut *self.state();
        let (at_open, unknown) = state.of_all();
        state.at_open = Some(at_open);
        state.unknown = state.unknown.take().or(unknown);
    }

    /// CPU time since the window opened, with that of the daemons, which `before` and `after` tell.
    ///
    /// # Errors
    /// A part of it is unknown.
    pub fn used_ns(&self, before: &Used, after: &Used) -> Result<u64, Cause> {
        let state = self.state();
        if let Some(why) = &state.unknown {
            return Err(why.clone());
        }
        let at_open = state.at_open.as_ref().ok_or("the window was never opened")?;
        let (of_all, unknown) = state.of_all();
        if let Some(why) = unknown {
            return Err(why);
        }
        let of_instances_ns = state.ended_ns + since_open_ns(at_open, &of_all);
        if self.engine.is_none() && !state.has_shims {
            return Ok(of_instances_ns);
        }
        let daemons = state.daemons.as_ref();
        let daemons = daemons.ok_or("the daemons behind the containers are not found")?;
        let each = daemons.iter().map(|pid| {
            let (from_ns, to_ns) = before.get(pid).zip(after.get(pid))?;
            Some(to_ns.saturating_sub(*from_ns))
        });
        let of_daemons_ns: Option<u64> = each.sum();
        let of_daemons_ns = of_daemons_ns.ok_or("the CPU time of a daemon cannot be read")?;
        Ok(of_instances_ns + of_daemons_ns)
    }

    /// PSS of all that is up, with shims and daemons. `None` where one of these cannot be read: it may just have ended.
    pub fn held_bytes(&self) -> Option<u64> {
        let state = self.state();
        let pids: Vec<u32> = state.up.values().map(|up| up.pid).collect();
        let (has_daemons, daemons) =
            (self.engine.is_some() || state.has_shims, state.daemons.clone());
        drop(state);
        let shims = pids.iter().copied().filter_map(shim);
        let mut all: Vec<u32> = shims.collect();
        // The shims of several containers may be one process.
        all.sort_unstable();
        all.dedup();
        all.extend(trees(&pids));
        if has_daemons {
            all.extend(daemons?);
        }
        procfs::memory(&all).map(|memory| memory.pss_bytes)
    }

    /// A thread that panicked has left numbers, which are whole at any time.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What all have used that are up, and what of it could not be read.
    fn of_all(&self) -> (Used, Option<Cause>) {
        let (mut all, mut unknown) = (Used::new(), None);
        for up in self.up.values() {
            match up.used() {
                Ok(used) => all.extend(used),
                Err(why) => {
                    unknown.get_or_insert(why);
                }
            }
        }
        (all, unknown)
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
