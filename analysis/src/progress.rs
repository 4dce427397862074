//! Says what is being done: as events that xtask draws, or as plain lines.

use clap::ValueEnum;
use std::io::Write;
use weighbridge_schema::progress::{Event, more_steps};

/// Form of the progress on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One JSON event per line.
    Json,
    /// Plain lines.
    Plain,
    /// Nothing.
    Silent,
}

/// Writes progress to standard output.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    form: Form,
}

impl Progress {
    /// Progress in the given form.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self { form }
    }

    /// So many steps are to do.
    pub fn begin(self, title: &str, steps_count: u64) {
        let title = title.to_owned();
        self.say(&Event::Begin { title, steps_count, done_count: 0, estimate_ms: None });
    }

    /// A step is done.
    pub fn step(self, label: &str) {
        self.say(&Event::Step { label: label.to_owned(), failed: None });
    }

    /// Something the user should know.
    pub fn note(self, text: &str) {
        self.say(&Event::Note(text.to_owned()));
    }

    /// The result.
    pub fn done(self, path: &str) {
        self.say(&Event::Done(path.to_owned()));
    }

    fn say(self, event: &Event) {
        let line = match self.form {
            // An event is a plain struct of strings and integers; it always serialises.
            Form::Json => serde_json::to_string(event).unwrap_or_default(),
            Form::Plain => match event {
                Event::Begin { title, .. } => title.clone(),
                Event::Step { label, .. } => format!("  {label}"),
                Event::More(count) => format!("  {}", more_steps(*count)),
                Event::Note(text) => format!("  note: {text}"),
                Event::Done(path) => format!("wrote {path}"),
            },
            Form::Silent => return,
        };
        // A reader that went away is no reason to stop: the files are what matters.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
