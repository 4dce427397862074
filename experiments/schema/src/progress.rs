//! Progress events: one JSON line each on a program's standard output, drawn by xtask as a bar or a line.

use serde::{Deserialize, Serialize};

/// Something a long-running program has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The work has begun; so many steps are to do.
    Begin {
        /// What is being done.
        title: String,
        /// Steps in all.
        steps_count: u64,
        /// Steps that an earlier, interrupted run has done already.
        done_count: u64,
        /// Estimate of the time the steps will take.
        estimate_ms: Option<u64>,
    },
    /// One step is done.
    Step {
        /// What it was.
        label: String,
        /// Why it failed; `None` when it did not.
        failed: Option<String>,
    },
    /// There are so many more steps than was said: disturbed trials are visited again.
    More(u64),
    /// Something to be said above the bar.
    Note(String),
    /// The program's result: the path of what it made.
    Done(String),
}

/// What [`Event::More`] says in words.
#[must_use]
pub fn more_steps(count: u64) -> String {
    if count == 1 { "1 more step".to_owned() } else { format!("{count} more steps") }
}

#[cfg(test)]
mod tests {
    use super::more_steps;

    #[test]
    fn one_step_is_no_steps() {
        assert_eq!([1, 2].map(more_steps), ["1 more step", "2 more steps"]);
    }
}
