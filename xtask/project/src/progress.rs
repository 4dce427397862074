//! What the user sees while something runs: bars with an estimate on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use weighbridge_schema::progress::Event;

/// The stage that is under way.
struct Current {
    title: String,
    begun: Instant,
    bar: Option<ProgressBar>,
    steps_count: u64,
    done_count: u64,
}

/// Draws stages. On a terminal a stage is one line that becomes its bar and then its result; elsewhere
/// every step is a line of its own.
pub struct Progress {
    is_terminal: bool,
    is_coloured: bool,
    current: RefCell<Option<Current>>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// `85 s`, `12.3 s`, `4 min 05 s`.
#[must_use]
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..20 => format!("{:.1} s", duration.as_secs_f64()),
        20..120 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

impl Progress {
    /// Looks at where the output goes. `NO_COLOR` is honoured.
    #[must_use]
    pub fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_terminal, is_coloured: is_terminal && !no_color, current: RefCell::new(None) }
    }

    /// Whether bars are drawn; elsewhere there are lines only.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Begins a stage of so many steps; 0 when that is not known.
    pub fn begin(&self, title: &str, steps_count: u64) {
        let bar = self.is_terminal.then(|| self.new_bar(title, steps_count));
        if !self.is_terminal {
            eprintln!("{title} ...");
        }
        *self.current.borrow_mut() = Some(Current {
            title: title.to_owned(),
            begun: Instant::now(),
            bar,
            steps_count,
            done_count: 0,
        });
    }

    fn new_bar(&self, title: &str, steps_count: u64) -> ProgressBar {
        let (bar_colour, dim) = if self.is_coloured { (".cyan/blue", ":.dim") } else { ("", "") };
        let template = if steps_count > 0 {
            format!(
                "{{prefix}} [{{bar:24{bar_colour}}}] {{pos}}/{{len}}, {{eta}} left  {{wide_msg{dim}}}"
            )
        } else {
            format!("{{spinner}} {{prefix}} {{elapsed}}  {{wide_msg{dim}}}")
        };
        let bar = ProgressBar::with_draw_target(
            (steps_count > 0).then_some(steps_count),
            ProgressDrawTarget::stderr(),
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// The stage has so many more steps than it began with.
    pub fn expect_more(&self, count: u64) {
        if let Some(current) = self.current.borrow_mut().as_mut().filter(|c| c.steps_count > 0) {
            current.steps_count += count;
            if let Some(bar) = &current.bar {
                bar.set_length(current.steps_count);
            }
        }
    }

    /// One step of the stage is done.
    pub fn step(&self, label: &str) {
        let mut current = self.current.borrow_mut();
        let Some(current) = current.as_mut() else { return };
        current.done_count += 1;
        // A count that was remembered from another time may be short.
        if current.steps_count > 0 && current.done_count > current.steps_count {
            current.steps_count = current.done_count;
            if let Some(bar) = &current.bar {
                bar.set_length(current.steps_count);
            }
        }
        match &current.bar {
            Some(bar) => {
                bar.set_message(label.to_owned());
                bar.inc(1);
            }
            None if current.steps_count > 0 => {
                eprintln!("  [{}/{}] {label}", current.done_count, current.steps_count);
            }
            None => eprintln!("  {label}"),
        }
    }

    /// A step too small for a line of its own: moves the bar and says nothing elsewhere.
    pub fn tick(&self, label: &str) {
        if self.is_terminal {
            self.step(label);
        }
    }

    /// Says something above the bar.
    pub fn note(&self, text: &str) {
        match self.current.borrow().as_ref().and_then(|current| current.bar.as_ref()) {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    /// Ends the stage with its result.
    pub fn end(&self, result: &str) {
        let Some(current) = self.current.borrow_mut().take() else { return };
        if let Some(bar) = current.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {result} ({})", current.title, human(current.begun.elapsed()));
    }

    /// Takes a bar away without a result, because an error follows.
    pub fn abandon(&self) {
        if let Some(bar) = self.current.borrow_mut().take().and_then(|current| current.bar) {
            bar.finish_and_clear();
        }
    }

    /// Says that a stage was skipped.
    pub fn skipped(&self, title: &str, why: &str) {
        eprintln!("{title}: skipped, {why}");
    }

    /// Draws what a program of ours says. Returns the path of what it made, once it says so.
    pub fn event(&self, event: Event) -> Option<String> {
        match event {
            Event::Begin { title, steps_count, done_count, estimate_ms } => {
                self.begin(&title, steps_count);
                if let Some(ms) = estimate_ms {
                    self.note(&format!("  about {}", human(Duration::from_millis(ms))));
                }
                if let Some(current) = self.current.borrow_mut().as_mut() {
                    current.done_count = done_count;
                    if let Some(bar) = &current.bar {
                        bar.set_position(done_count);
                        bar.reset_eta();
                    }
                }
            }
            Event::More(count) => self.expect_more(count),
            Event::Step { label, failed: None } => self.step(&label),
            Event::Step { label, failed: Some(why) } => {
                self.step(&label);
                self.note(&format!("  failed: {label}: {why}"));
            }
            Event::Note(text) => self.note(&text),
            Event::Done(path) => return Some(path),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(progress: &Progress) -> (u64, u64) {
        let current = progress.current.borrow();
        current.as_ref().map_or((0, 0), |current| (current.done_count, current.steps_count))
    }

    #[test]
    fn what_is_done_never_exceeds_what_was_expected() {
        for is_terminal in [false, true] {
            let progress =
                Progress { is_terminal, is_coloured: false, current: RefCell::new(None) };
            let begin = |done_count| Event::Begin {
                title: "measuring".to_owned(),
                steps_count: 3,
                done_count,
                estimate_ms: None,
            };
            let step = || Event::Step { label: "native".to_owned(), failed: None };
            progress.event(begin(1));
            (0..2).for_each(|_| drop(progress.event(step())));
            assert_eq!(place(&progress), (3, 3));
            // Disturbed trials are visited again at the end.
            progress.event(Event::More(2));
            assert_eq!(place(&progress), (3, 5));
            (0..3).for_each(|_| drop(progress.event(step())));
            assert_eq!(place(&progress), (6, 6), "one more than was said");
            progress.abandon();
        }
    }
}
