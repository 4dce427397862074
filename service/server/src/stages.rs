//! The stages of a cold start, each with its own `CLOCK_MONOTONIC` timestamp.
//!
//! The clock is absolute and shared by all processes of a machine, so the runner can put these
//! beside the instants at which it spawned the process and got the first byte.

use std::io::Write;

use rustix::time::{ClockId, clock_gettime};

/// Room for every stage there is, so that marking one never allocates.
const CAPACITY: usize = 8;

/// Timestamps of the start, in order of time.
#[derive(Debug, Clone, Copy)]
pub struct Stages {
    marks: [(&'static str, u64); CAPACITY],
    count: usize,
}

impl Stages {
    /// Starts the list with the stage `main`: call this first thing in `main`.
    pub fn start() -> Self {
        let mut stages = Self { marks: [("", 0); CAPACITY], count: 0 };
        stages.mark("main");
        stages
    }

    /// Notes that `stage` has just been completed. Marks beyond the eighth are dropped.
    pub fn mark(&mut self, stage: &'static str) {
        if let Some(slot) = self.marks.get_mut(self.count) {
            *slot = (stage, monotonic_ns());
            self.count += 1;
        }
    }

    /// The line the runner reads: `weighbridge-stages {"main":NS,...}`, with its line end.
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(256);
        line.push_str("weighbridge-stages {");
        for (index, (stage, at_ns)) in self.marks[..self.count].iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            line.push_str(&format!("{comma}\"{stage}\":{at_ns}"));
        }
        line.push_str("}\n");
        line
    }

    /// Writes the line to stderr in one write. A closed stderr is no reason not to serve.
    pub(crate) fn report(&self) {
        let _ = std::io::stderr().write_all(self.line().as_bytes());
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts near zero at boot: never negative, and 2^64 ns are 584 years.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_lists_the_marks_in_order() {
        let mut stages = Stages::start();
        stages.mark("listening");
        let line = stages.line();
        let inner = line.strip_prefix("weighbridge-stages {").unwrap().strip_suffix("}\n").unwrap();
        let (names, times): (Vec<_>, Vec<u64>) = inner
            .split(',')
            .map(|pair| pair.split_once(':').unwrap())
            .map(|(name, time)| (name, time.parse::<u64>().unwrap()))
            .unzip();
        assert_eq!(names, ["\"main\"", "\"listening\""]);
        assert!(times[0] > 0 && times[0] <= times[1], "{line}");
    }

    #[test]
    fn too_many_marks_are_dropped() {
        let mut stages = Stages::start();
        for _ in 0..20 {
            stages.mark("again");
        }
        assert_eq!(stages.line().matches("again").count(), CAPACITY - 1);
    }
}
