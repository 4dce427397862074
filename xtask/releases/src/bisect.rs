//! Which release was the first to move a number? Each step measures one release beside the oldest.

use crate::version::Version;
use anyhow::Result;

/// What the search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The newest release does not differ from the oldest beyond the floor.
    Nothing,
    /// This one does, and the one before it does not.
    First {
        /// The last that is like the oldest.
        like: Version,
        /// The first that is not.
        moved: Version,
    },
}

/// Searches `releases`, oldest first, of which there are two at least. `has_moved` measures a
/// release beside the oldest one. Where a number moves and moves back, one of the moves is found.
///
/// # Errors
/// A measurement failed.
pub fn bisect(
    releases: &[Version],
    mut has_moved: impl FnMut(&Version, &Version) -> Result<bool>,
) -> Result<Found> {
    let [oldest, .., newest] = releases else { return Ok(Found::Nothing) };
    if !has_moved(oldest, newest)? {
        return Ok(Found::Nothing);
    }
    // `like` does not differ from the oldest, `moved` does.
    let (mut like, mut moved) = (0, releases.len() - 1);
    while moved - like > 1 {
        let middle = usize::midpoint(like, moved);
        if has_moved(oldest, &releases[middle])? {
            moved = middle;
        } else {
            like = middle;
        }
    }
    Ok(Found::First { like: releases[like].clone(), moved: releases[moved].clone() })
}

/// How many runs it takes at most.
#[must_use]
pub fn steps_most(releases: usize) -> u32 {
    1 + releases.saturating_sub(1).max(1).next_power_of_two().ilog2()
}
