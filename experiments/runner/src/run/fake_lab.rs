//! A lab for tests: a script says what each visit shows, how long it takes, and what happens meanwhile.

use crate::failure::{Failure, Phase};
use crate::kernel::noise::Reading;
use crate::measure::{Measured, Visit};
use crate::run::lab::{Lab, Moment};
use anyhow::{Result, bail};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::raise::Raise;
use weighbridge_schema::storm::Storm;

/// Wall clock when a lab is opened.
pub const OPENED_AT_UNIX_NS: u64 = 1_700_000_000_000_000_000;
const MS: u64 = 1_000_000;

/// A visit that the session asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Number of the visit in this lab, from 0.
    pub number: usize,
    /// Index in the plan.
    pub position: u64,
    /// Number of the repetition.
    pub repeat: u32,
    /// The trial.
    pub trial: Trial,
}

impl Requested {
    /// Whether it is a visit to that subject.
    pub fn is_of(&self, subject: &str) -> bool {
        self.trial.cell.subject.as_str() == subject
    }

    /// The workload's name.
    pub fn workload(&self) -> &str {
        self.trial.cell.workload.as_ref().map_or("", |name| name.as_str())
    }
}

/// What happens while a visit is under way, and stays so.
enum Happening {
    Interrupt,
    Replace(&'static str),
    Silence(&'static str),
    FillDisk,
}

/// What a visit shows. It lasts a second, and nothing happens meanwhile.
pub struct Shown {
    outcome: Result<Measured, Failure>,
    lasts_ms: u64,
    pressure_percent: u64,
    happening: Option<Happening>,
}

/// A time to the first response of so many nanoseconds.
pub fn shows(ns: u64) -> Shown {
    let metrics = BTreeMap::from([(Metric::TimeToFirstResponse, ns)]);
    let outcome = Ok(Measured { metrics, ..Measured::default() });
    Shown { outcome, lasts_ms: 1_000, pressure_percent: 0, happening: None }
}

/// Single iterations.
pub fn shows_series(series_ns: &[u64]) -> Shown {
    let series_ns = Some(series_ns.to_vec());
    Shown { outcome: Ok(Measured { series_ns, ..Measured::default() }), ..shows(0) }
}

/// Tenants that were raised.
pub fn shows_raise(raise: Raise) -> Shown {
    Shown { outcome: Ok(Measured { raise: Some(raise), ..Measured::default() }), ..shows(0) }
}

/// Tenants that were started at once.
pub fn shows_storm(storm: Storm) -> Shown {
    Shown { outcome: Ok(Measured { storm: Some(storm), ..Measured::default() }), ..shows(0) }
}

fn fails(reason: &str) -> Shown {
    let failure = Failure::new(Phase::Start, reason.to_owned());
    Shown { outcome: Err(failure), ..shows(0) }
}

/// The subject answers, and wrongly.
pub fn answers_wrongly() -> Shown {
    fails("answered 404 with 0 bytes")
}

/// The engine is not reached.
pub fn finds_no_engine() -> Shown {
    fails("create container x: Error in the hyper legacy client: client error (Connect)")
}

/// Something could not be written.
pub fn finds_no_space() -> Shown {
    fails("write layer: no space left on device")
}

impl Shown {
    /// Lasts so long.
    pub fn lasting_ms(self, lasts_ms: u64) -> Self {
        Self { lasts_ms, ..self }
    }

    /// Some task of the machine waits for a CPU for such a share of the time.
    pub fn under_pressure(self, pressure_percent: u64) -> Self {
        Self { pressure_percent, ..self }
    }

    /// Somebody wants the run to end.
    pub fn interrupted(self) -> Self {
        Self { happening: Some(Happening::Interrupt), ..self }
    }

    /// A program is replaced.
    pub fn replacing(self, program: &'static str) -> Self {
        Self { happening: Some(Happening::Replace(program)), ..self }
    }

    /// The engine dies, and this is said of it.
    pub fn silencing(self, why: &'static str) -> Self {
        Self { happening: Some(Happening::Silence(why)), ..self }
    }

    /// The disk is full.
    pub fn filling_the_disk(self) -> Self {
        Self { happening: Some(Happening::FillDisk), ..self }
    }
}

/// The lab.
pub struct FakeLab {
    script: Box<dyn Fn(&Requested) -> Shown>,
    requested: RefCell<Vec<Requested>>,
    elapsed_ns: Cell<u64>,
    pressure_us: Cell<u64>,
    is_interrupted: Cell<bool>,
    replaced: Cell<Option<&'static str>>,
    silent: Cell<Option<&'static str>>,
    is_full: Cell<bool>,
}

impl FakeLab {
    /// One whose visits show what `script` says.
    pub fn new(script: impl Fn(&Requested) -> Shown + 'static) -> Self {
        Self {
            script: Box::new(script),
            requested: RefCell::default(),
            elapsed_ns: Cell::new(0),
            pressure_us: Cell::new(0),
            is_interrupted: Cell::new(false),
            replaced: Cell::new(None),
            silent: Cell::new(None),
            is_full: Cell::new(false),
        }
    }

    /// The visits so far, in their order.
    pub fn requested(&self) -> Vec<Requested> {
        self.requested.borrow().clone()
    }

    /// Positions and numbers of repetition of the visits so far, in their order.
    pub fn visits(&self) -> Vec<(u64, u32)> {
        self.requested
            .borrow()
            .iter()
            .map(|requested| (requested.position, requested.repeat))
            .collect()
    }
}

impl Lab for FakeLab {
    fn moment(&self) -> Moment {
        let elapsed_ns = self.elapsed_ns.get();
        Moment {
            unix_ns: OPENED_AT_UNIX_NS + elapsed_ns,
            monotonic_ns: elapsed_ns,
            counters: Reading {
                steal_ticks: Some(0),
                pressure_us: Some(self.pressure_us.get()),
                involuntary_switches: Some(0),
                page_cache_bytes: Some(0),
            },
        }
    }

    fn visit(&self, visit: &Visit<'_>) -> Result<Measured, Failure> {
        let number = self.requested.borrow().len();
        let Visit { trial, position, repeat, .. } = *visit;
        let requested = Requested { number, position, repeat, trial: trial.clone() };
        let shown = (self.script)(&requested);
        self.requested.borrow_mut().push(requested);
        self.elapsed_ns.set(self.elapsed_ns.get() + shown.lasts_ms * MS);
        let pressure_us = shown.lasts_ms * 1_000 * shown.pressure_percent / 100;
        self.pressure_us.set(self.pressure_us.get() + pressure_us);
        match shown.happening {
            None => {}
            Some(Happening::Interrupt) => self.is_interrupted.set(true),
            Some(Happening::Replace(program)) => self.replaced.set(Some(program)),
            Some(Happening::Silence(why)) => self.silent.set(Some(why)),
            Some(Happening::FillDisk) => self.is_full.set(true),
        }
        shown.outcome
    }

    fn is_interrupted(&self) -> bool {
        self.is_interrupted.get()
    }

    fn check_programs(&self) -> Result<()> {
        match self.replaced.get() {
            Some(program) => bail!("{program} was replaced while it was measured"),
            None => Ok(()),
        }
    }

    fn silence(&self, _: &SubjectName) -> Option<String> {
        self.silent.get().map(str::to_owned)
    }

    fn is_full(&self, _: &Path) -> bool {
        self.is_full.get()
    }
}
