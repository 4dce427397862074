//! The tenants that are loaded: each is loaded once, with its first request, and dropped when it is
//! idle.
//!
//! What loading means is a [`Load`]'s matter, so that this is tested without an engine.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::{Notify, Semaphore};

/// How long a tenant that could not be loaded is not tried again, unless its file has changed: a
/// file that takes seconds to be refused must not keep a core busy.
const RETRY: Duration = Duration::from_secs(10);

/// Where tenants come from.
pub(crate) trait Load: Send + Sync + 'static {
    /// A tenant that can answer.
    type Tenant: Send + Sync;
    /// What a tenant is loaded from; equal when it would be loaded from the same again.
    type Source: PartialEq + Send + Sync + 'static;

    /// What the tenant of this name would be loaded from; `None` when there is no such tenant.
    fn find(&self, name: &str) -> Option<Self::Source>;

    /// Whether loading takes seconds, and many cores.
    fn is_slow(&self, source: &Self::Source) -> bool;

    /// Loads it; may block.
    ///
    /// # Errors
    /// Says why the tenant cannot be served.
    fn load(&self, name: &str, source: &Self::Source) -> Result<Self::Tenant>;

    /// Whether something of it is still used that no visit stands for.
    fn is_in_use(&self, tenant: &Self::Tenant) -> bool;

    /// Reports to the operator that a tenant could not be loaded.
    fn report(&self, name: &str, error: &anyhow::Error);
}

/// Why a tenant does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no tenant of this name.
    Unknown,
    /// It has as many requests as it may have, or all loaded tenants are busy.
    Busy,
    /// It could not be loaded.
    Broken,
}

/// What bounds the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How long a tenant stays without a request.
    pub(crate) idle_timeout: Duration,
    /// Requests of one tenant at once.
    pub(crate) requests: u32,
    /// Tenants that are loaded at once.
    pub(crate) loaded: usize,
    /// Tenants that are being loaded at once, by the quick way; by the slow way one.
    pub(crate) loading: usize,
}

/// How many tenants were loaded and dropped so far, and how many are loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) loaded: usize,
    pub(crate) loads: u64,
    pub(crate) failed_loads: u64,
    pub(crate) drops: u64,
    /// Of all successful loads together.
    pub(crate) load_ns: u64,
}

/// All tenants that are loaded, or being loaded, or could not be loaded a moment ago.
pub(crate) struct Tenants<L: Load> {
    pub(crate) load: L,
    bounds: Bounds,
    table: Mutex<Table<L>>,
    /// For the thread that drops tenants: something was loaded or is to be dropped.
    changed: Condvar,
    quick: Semaphore,
    slow: Semaphore,
}

struct Table<L: Load> {
    entries: HashMap<Arc<str>, Entry<L>>,
    /// Out of the table, and to be dropped by the thread that does that.
    leaving: Vec<Arc<L::Tenant>>,
    counts: Counts,
}

struct Entry<L: Load> {
    state: State<L>,
    visits: u32,
    used: Instant,
    /// Notified when loading has ended.
    ready: Arc<Notify>,
}

enum State<L: Load> {
    Loading,
    Loaded(Arc<L::Tenant>),
    Broken { source: Arc<L::Source>, until: Instant },
}

/// A request's stay at its tenant, which is not dropped meanwhile.
pub(crate) struct Visit<L: Load> {
    tenants: Arc<Tenants<L>>,
    name: Arc<str>,
    /// `None` until it is loaded.
    tenant: Option<Arc<L::Tenant>>,
    ready: Arc<Notify>,
}

impl<L: Load> Visit<L> {
    /// The tenant.
    pub(crate) fn tenant(&self) -> Option<&L::Tenant> {
        self.tenant.as_deref()
    }
}

impl<L: Load> Drop for Visit<L> {
    fn drop(&mut self) {
        // Before the count, so that the last owner is the thread that drops tenants.
        self.tenant = None;
        if let Some(entry) = self.tenants.table().entries.get_mut(&self.name) {
            entry.visits = entry.visits.saturating_sub(1);
            entry.used = Instant::now();
        }
    }
}

impl<L: Load> Tenants<L> {
    pub(crate) fn new(load: L, bounds: Bounds) -> Arc<Self> {
        let table =
            Table { entries: HashMap::new(), leaving: Vec::new(), counts: Counts::default() };
        Arc::new(Self {
            load,
            bounds,
            table: Mutex::new(table),
            changed: Condvar::new(),
            quick: Semaphore::new(bounds.loading.max(1)),
            slow: Semaphore::new(1),
        })
    }

    /// Comes to the tenant of this name, and waits until it is loaded.
    ///
    /// # Errors
    /// Says why it does not answer.
    pub(crate) async fn enter(self: &Arc<Self>, name: &str) -> Result<Visit<L>, Refusal> {
        let mut visit = match self.admit(name, None)? {
            Some(visit) => visit,
            // Outside of the lock, because a file system may be slow.
            None => {
                let source = self.load.find(name).ok_or(Refusal::Unknown)?;
                self.admit(name, Some(source))?.ok_or(Refusal::Busy)?
            }
        };
        let ready = Arc::clone(&visit.ready);
        loop {
            // Before the look: a notification in between is not missed.
            let notified = ready.notified();
            if let Some(tenant) = self.look(name)? {
                visit.tenant = Some(tenant);
                return Ok(visit);
            }
            notified.await;
        }
    }

    /// A visited tenant; `None` while it is being loaded.
    fn look(&self, name: &str) -> Result<Option<Arc<L::Tenant>>, Refusal> {
        match self.table().entries.get(name).map(|entry| &entry.state) {
            Some(State::Loaded(tenant)) => Ok(Some(Arc::clone(tenant))),
            Some(State::Loading) => Ok(None),
            // An entry with a visit is never taken out of the table.
            Some(State::Broken { .. }) | None => Err(Refusal::Broken),
        }
    }

    /// Counts a visit; `None` when a look at the tenant's source is needed first. With that look,
    /// begins to load what is not loaded.
    fn admit(
        self: &Arc<Self>,
        name: &str,
        found: Option<L::Source>,
    ) -> Result<Option<Visit<L>>, Refusal> {
        let mut table = self.table();
        let is_fresh = match (table.entries.get(name).map(|entry| &entry.state), &found) {
            (None | Some(State::Broken { .. }), None) => return Ok(None),
            (None, Some(_)) => true,
            (Some(State::Broken { source, until }), Some(found)) => {
                **source != *found || *until <= Instant::now()
            }
            (Some(State::Loading | State::Loaded(_)), _) => false,
        };
        if is_fresh {
            self.make_room(&mut table)?;
        }
        let name: Arc<str> = match table.entries.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        };
        let entry = table.entries.entry(Arc::clone(&name)).or_insert_with(Entry::new);
        if entry.visits >= self.bounds.requests {
            return Err(Refusal::Busy);
        }
        entry.visits += 1;
        let ready = Arc::clone(&entry.ready);
        if is_fresh && let Some(source) = found {
            entry.state = State::Loading;
            // A task of its own, which goes on when the request that began it has had its time.
            tokio::spawn(Arc::clone(self).load_in_turn(Arc::clone(&name), Arc::new(source)));
        }
        drop(table);
        Ok(Some(Visit { tenants: Arc::clone(self), name, tenant: None, ready }))
    }

    /// Lets the longest idle tenant go when there are as many as there may be.
    fn make_room(&self, table: &mut Table<L>) -> Result<(), Refusal> {
        let holds = |entry: &&Entry<L>| !matches!(entry.state, State::Broken { .. });
        if table.entries.values().filter(holds).count() < self.bounds.loaded {
            return Ok(());
        }
        let is_idle =
            |entry: &Entry<L>| matches!(entry.state, State::Loaded(_)) && self.may_leave(entry);
        let idle = table.entries.iter().filter(|(_, entry)| is_idle(entry));
        let longest = idle.min_by_key(|(_, entry)| entry.used).map(|(name, _)| Arc::clone(name));
        table.take(&longest.ok_or(Refusal::Busy)?);
        self.changed.notify_one();
        Ok(())
    }

    async fn load_in_turn(self: Arc<Self>, name: Arc<str>, source: Arc<L::Source>) {
        // One that compiles for long holds up no other that only maps a file. They are never
        // closed.
        let turns = if self.load.is_slow(&source) { &self.slow } else { &self.quick };
        let _turn = turns.acquire().await;
        let (this, of, from) = (Arc::clone(&self), Arc::clone(&name), Arc::clone(&source));
        // On a thread of its own: it must not hold up the requests of this one.
        let work = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            this.load.load(&of, &from).map(|tenant| (tenant, begun.elapsed()))
        });
        let outcome = work.await.unwrap_or_else(|panicked| Err(panicked.into()));
        if let Err(error) = &outcome {
            self.load.report(&name, error);
        }
        let mut table = self.table();
        let state = match outcome {
            Ok((tenant, took)) => {
                table.counts.loads += 1;
                // 2^64 ns are 584 years.
                table.counts.load_ns += took.as_nanos() as u64;
                State::Loaded(Arc::new(tenant))
            }
            Err(_) => {
                table.counts.failed_loads += 1;
                State::Broken { source, until: Instant::now() + RETRY }
            }
        };
        if let Some(entry) = table.entries.get_mut(&name) {
            entry.state = state;
            entry.used = Instant::now();
            entry.ready.notify_waiters();
        }
        drop(table);
        self.changed.notify_one();
    }

    fn may_leave(&self, entry: &Entry<L>) -> bool {
        match &entry.state {
            State::Loading => false,
            State::Broken { until, .. } => entry.visits == 0 && *until <= Instant::now(),
            State::Loaded(tenant) => entry.visits == 0 && !self.load.is_in_use(tenant),
        }
    }

    /// Drops idle tenants, for ever: the work of a thread of its own. It sleeps until the first of
    /// them is due; where nothing is loaded, until something is. `report` hears of every change, at
    /// most once a second.
    pub(crate) fn drop_idle(&self, report: impl Fn(Counts)) {
        const PAUSE: Duration = Duration::from_secs(1);
        let (mut reported, mut next_report) = (Counts::default(), Instant::now());
        let mut table = self.table();
        loop {
            let now = Instant::now();
            let due = self.take_idle(&mut table, now);
            let leaving = std::mem::take(&mut table.leaving);
            let counts = table.counts();
            let is_news = counts != reported;
            if !leaving.is_empty() || (is_news && next_report <= now) {
                drop(table);
                drop(leaving);
                if is_news && next_report <= now {
                    report(counts);
                    (reported, next_report) = (counts, Instant::now() + PAUSE);
                }
                table = self.table();
                continue;
            }
            let wake = [due, is_news.then_some(next_report)].into_iter().flatten().min();
            table = match wake {
                None => self.changed.wait(table).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let wait = at.saturating_duration_since(now).max(Duration::from_millis(1));
                    let waited = self.changed.wait_timeout(table, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes those out of the table that are due, and says when to look again.
    fn take_idle(&self, table: &mut Table<L>, now: Instant) -> Option<Instant> {
        let idle_timeout = self.bounds.idle_timeout;
        let mut first: Option<Instant> = None;
        let mut due = Vec::new();
        for (name, entry) in &table.entries {
            let at = match &entry.state {
                State::Loading => continue,
                State::Broken { until, .. } => *until,
                State::Loaded(_) => entry.used + idle_timeout,
            };
            if at <= now && self.may_leave(entry) {
                due.push(Arc::clone(name));
            } else {
                // One that is due and at work is looked at again when it could be due the next
                // time.
                let next = if at <= now { now + idle_timeout } else { at };
                first = Some(first.map_or(next, |first| first.min(next)));
            }
        }
        for name in due {
            table.take(&name);
        }
        // Of many that are due one after the other, several at a time: each look is at all of them.
        first.map(|first| first.max(now + idle_timeout / 8))
    }

    fn table(&self) -> MutexGuard<'_, Table<L>> {
        // Nothing within can panic half-way through a change.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Load> Entry<L> {
    fn new() -> Self {
        let ready = Arc::new(Notify::new());
        Self { state: State::Loading, visits: 0, used: Instant::now(), ready }
    }
}

impl<L: Load> Table<L> {
    /// Takes a tenant out, to be dropped by the thread that does that.
    fn take(&mut self, name: &str) {
        if let Some(Entry { state: State::Loaded(tenant), .. }) = self.entries.remove(name) {
            self.counts.drops += 1;
            self.leaving.push(tenant);
        }
    }

    fn counts(&self) -> Counts {
        let is_loaded = |entry: &&Entry<L>| matches!(entry.state, State::Loaded(_));
        Counts { loaded: self.entries.values().filter(is_loaded).count(), ..self.counts }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
