//! Telling how far the work is: one JSON line per event for xtask, or one plain line for a person.

use std::io::Write;
use weighbridge_machine::output;
use weighbridge_schema::progress::{Event, more_steps};

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// One JSON line per event, for a program.
    Json,
    /// One plain line per event, for a person or a log.
    Plain,
}

/// Writes events.
pub struct Announcer {
    style: Style,
    to: Box<dyn Write>,
    steps_count: u64,
    done_count: u64,
}

impl Announcer {
    /// One that writes to standard output.
    pub fn new(style: Style) -> Self {
        Self::to(style, Box::new(std::io::stdout()))
    }

    /// One that writes elsewhere.
    pub fn to(style: Style, to: Box<dyn Write>) -> Self {
        Self { style, to, steps_count: 0, done_count: 0 }
    }

    /// Whether a person reads it, and no program that draws it.
    pub fn is_plain(&self) -> bool {
        self.style == Style::Plain
    }

    /// Says `event`. When nobody reads it any more, the run comes to its end as after Ctrl-C: whoever started it is
    /// gone.
    pub fn say(&mut self, event: &Event) {
        let line = match self.style {
            Style::Json => serde_json::to_string(event).unwrap_or_default(),
            Style::Plain => self.plain(event),
        };
        output::note(writeln!(self.to, "{line}").and_then(|()| self.to.flush()));
    }

    fn plain(&mut self, event: &Event) -> String {
        match event {
            Event::Begin { title, steps_count, done_count, estimate_ms } => {
                self.steps_count = *steps_count;
                self.done_count = *done_count;
                let estimate = estimate_ms
                    .map(|ms| format!(", about {}", human_duration(ms)))
                    .unwrap_or_default();
                format!("{title}: {steps_count} steps, {done_count} of them done{estimate}")
            }
            Event::More(count) => {
                self.steps_count += count;
                more_steps(*count)
            }
            Event::Step { label, failed } => {
                self.done_count += 1;
                let place = format!("[{}/{}]", self.done_count, self.steps_count);
                match failed {
                    None => format!("{place} {label}"),
                    Some(why) => format!("{place} {label}: FAILED: {why}"),
                }
            }
            Event::Note(text) | Event::Done(text) => text.clone(),
        }
    }
}

/// `95 s` or `7 min`: an estimate needs no more.
pub fn human_duration(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}
