//! Texts that a guest may have written, cut for a log.

use std::fmt::{self, Write};

/// How much of a text goes into a log, in characters.
const EXCERPT_CHARS: usize = 200;

/// The beginning of a text, on one line. What is longer is not even formatted.
pub(crate) fn excerpt(text: fmt::Arguments<'_>) -> String {
    let mut excerpt = Excerpt { text: String::new(), left_chars: EXCERPT_CHARS };
    if excerpt.write_fmt(text).is_err() {
        excerpt.text.push_str(" ...");
    }
    excerpt.text
}

struct Excerpt {
    text: String,
    left_chars: usize,
}

impl Write for Excerpt {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            self.left_chars = self.left_chars.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(if character.is_control() { ' ' } else { character });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_whole_and_long_ones_are_cut() {
        assert_eq!(excerpt(format_args!("a\nb {}", 'é')), "a b é");
        let whole = "x".repeat(EXCERPT_CHARS);
        assert_eq!(excerpt(format_args!("{whole}")), whole);
        assert_eq!(excerpt(format_args!("{whole}{}", 'y')), whole.clone() + " ...");
    }

    #[test]
    fn what_is_cut_off_is_not_formatted() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    formatter.write_str("again ")?;
                }
            }
        }
        assert!(excerpt(format_args!("{Endless}")).starts_with("again again"));
    }
}
