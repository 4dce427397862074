//! Descriptions of failures on stderr, bounded: a client must not be able to fill a disk.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::panic::set_hook;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many failures of a kind are described before they are only counted.
pub const DESCRIBED_FAILURES: u64 = 20;
/// The longest description, in characters.
pub const DESCRIPTION_CHARS: usize = 200;

/// Failures of one kind: the first ones are described, in a line of bounded length each, all are counted.
#[derive(Debug)]
pub struct Failures {
    kind: &'static str,
    count: AtomicU64,
}

impl Failures {
    /// `kind` says what failed, in the plural: "panics", say.
    #[must_use]
    pub const fn new(kind: &'static str) -> Self {
        Self { kind, count: AtomicU64::new(0) }
    }

    /// Counts a failure and gives what is to be printed about it: `text` in one line of at most
    /// [`DESCRIPTION_CHARS`] characters, of which no more is made than that; after [`DESCRIBED_FAILURES`] of them
    /// nothing any more, but the number at every power of ten.
    pub fn describe(&self, text: &dyn fmt::Display) -> Option<String> {
        let number = self.count.fetch_add(1, Relaxed) + 1;
        let kind = self.kind;
        match number {
            1..DESCRIBED_FAILURES => Some(cut(text)),
            DESCRIBED_FAILURES => Some(format!("{}\n(further {kind} are counted only)", cut(text))),
            _ if is_power_of_ten(number) => Some(format!("{number} {kind} so far")),
            _ => None,
        }
    }

    /// What to say at the end: the number, when not all were described.
    pub fn summary(&self) -> Option<String> {
        let count = self.count.load(Relaxed);
        (count > DESCRIBED_FAILURES).then(|| format!("{count} {} in all", self.kind))
    }
}

/// The panics of this process, as [`bound_panics`] counts them.
pub static PANICS: Failures = Failures::new("panics");

/// Has panics described by [`PANICS`], in place of the standard library's way, which has no bound.
/// `program` begins each line.
pub fn bound_panics(program: &'static str) {
    set_hook(Box::new(move |panic| {
        if let Some(text) = PANICS.describe(panic) {
            // A closed stderr is no reason to end.
            let _ = writeln!(io::stderr(), "{program}: {text}");
        }
    }));
}

fn is_power_of_ten(number: u64) -> bool {
    10_u64.checked_pow(number.ilog10()) == Some(number)
}

/// One line of what `text` shows, of at most [`DESCRIPTION_CHARS`] characters; formatting ends where the line is full.
#[must_use]
pub fn cut(text: &dyn fmt::Display) -> String {
    let mut line = Line { text: String::new(), left_chars: DESCRIPTION_CHARS };
    if write!(line, "{text}").is_err() && line.left_chars == 0 {
        line.text.push_str("...");
    }
    line.text
}

struct Line {
    text: String,
    left_chars: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for char in piece.chars() {
            self.left_chars = self.left_chars.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(if char.is_control() { ' ' } else { char });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line_of_bounded_length() {
        assert_eq!(cut(&"a\nb\u{1b}[2J\r"), "a b [2J ");
        assert_eq!(cut(&"x".repeat(DESCRIPTION_CHARS)).len(), DESCRIPTION_CHARS);
        let long = cut(&"x".repeat(DESCRIPTION_CHARS + 1));
        assert_eq!(long, format!("{}...", "x".repeat(DESCRIPTION_CHARS)));
    }

    #[test]
    fn a_long_text_is_not_made_to_its_end() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("and so on ")?;
                }
            }
        }
        assert_eq!(cut(&Endless).len(), DESCRIPTION_CHARS + 3);
    }

    #[test]
    fn the_first_are_described_and_the_rest_is_counted() {
        let failures = Failures::new("tests");
        let printed: Vec<_> = (0..1000).filter_map(|_| failures.describe(&"why")).collect();
        let (described, counted) = printed.split_at(20);
        assert!(described[..19].iter().all(|line| line == "why"));
        assert_eq!(described[19], "why\n(further tests are counted only)");
        assert_eq!(counted, ["100 tests so far", "1000 tests so far"]);
        assert_eq!(failures.summary().unwrap(), "1000 tests in all");
        assert_eq!(Failures::new("none").summary(), None);
    }
}
