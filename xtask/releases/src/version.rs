//! Which releases are meant: `42..49`, `47,48.0.2`.

use anyhow::{Result, bail, ensure};
use std::fmt;
use std::str::FromStr;
use weighbridge_schema::parse::nearest;

/// A release by its numbers, or the beginning of some: `48` is every `48.x.y`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u64>);

impl Version {
    /// Whether it is one of the releases that `beginning` stands for.
    fn begins_with(&self, beginning: &Version) -> bool {
        self.0.starts_with(&beginning.0)
    }

    /// Its first `count` numbers.
    fn first(&self, count: usize) -> &[u64] {
        &self.0[..count.min(self.0.len())]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    /// Numbers and dots only: what comes before a release, or is packed anew after it
    /// (`49.0.3.post1`), is none.
    fn from_str(text: &str) -> Result<Self> {
        let numbers: Result<Vec<u64>, _> = text.split('.').map(str::parse).collect();
        let is_written_so = |version: &Version| version.to_string() == text;
        match numbers.map(Version) {
            Ok(version) if is_written_so(&version) => Ok(version),
            _ => bail!("`{text}` is no version: expected numbers and dots, as in 48.0.2 or 48"),
        }
    }
}

/// The releases among what a registry lists, oldest first; others are left out.
#[must_use]
pub fn releases(listed: &[String]) -> Vec<Version> {
    let mut found: Vec<Version> = listed.iter().filter_map(|text| text.parse().ok()).collect();
    found.sort();
    found.dedup();
    found
}

/// From one release to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    from: Version,
    to: Version,
}

impl FromStr for Span {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((from, to)) = text.split_once("..") else {
            bail!("`{text}`: expected two versions, as in 42..49");
        };
        let (from, to): (Version, Version) = (from.parse()?, to.parse()?);
        ensure!(
            from.0.len() == to.0.len(),
            "`{text}`: both ends have the same number of parts, as in 42..49 or 48.0.0..49.0.4"
        );
        ensure!(from < to, "`{text}`: the older version comes first");
        Ok(Self { from, to })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl Span {
    /// Every release between the ends, both of them included.
    ///
    /// # Errors
    /// The registry does not have one of the ends; the message names the nearest.
    pub fn every(&self, releases: &[Version]) -> Result<Vec<Version>> {
        for end in [&self.from, &self.to] {
            newest(end, releases)?;
        }
        let count = self.from.0.len();
        let is_within = |version: &&Version| {
            let first = version.first(count);
            self.from.0.as_slice() <= first && first <= self.to.0.as_slice()
        };
        Ok(releases.iter().filter(is_within).cloned().collect())
    }

    /// The newest patch of each: of `42..49` the newest release of every major version.
    ///
    /// # Errors
    /// As [`Span::every`].
    pub fn newest_of_each(&self, releases: &[Version]) -> Result<Vec<Version>> {
        let count = self.from.0.len();
        let every = self.every(releases)?;
        let is_newest = |(index, version): &(usize, &Version)| {
            every.get(index + 1).is_none_or(|next| next.first(count) != version.first(count))
        };
        Ok(every.iter().enumerate().filter(is_newest).map(|(_, version)| version.clone()).collect())
    }
}

/// One item of `--versions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `42..49`: the newest patch of each.
    Span(Span),
    /// `48`: its newest patch. `48.0.2`: that one.
    One(Version),
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.contains("..") { text.parse().map(Self::Span) } else { text.parse().map(Self::One) }
    }
}

/// Whether a registry must be asked which releases there are.
#[must_use]
pub fn needs_index(choices: &[Choice]) -> bool {
    // A version of three numbers is a release itself: set-up finds out whether it is there.
    !choices.iter().all(|choice| matches!(choice, Choice::One(version) if version.0.len() > 2))
}

/// The releases that `choices` mean, oldest first.
///
/// # Errors
/// The registry does not have one, or fewer than two are left to be compared.
pub fn choose(choices: &[Choice], releases: &[Version]) -> Result<Vec<Version>> {
    let mut chosen = Vec::new();
    for choice in choices {
        match choice {
            Choice::Span(span) => chosen.extend(span.newest_of_each(releases)?),
            Choice::One(version) if releases.is_empty() => chosen.push(version.clone()),
            Choice::One(version) => chosen.push(newest(version, releases)?),
        }
    }
    chosen.sort();
    chosen.dedup();
    let Some(only) = chosen.first() else { bail!("no versions were named") };
    ensure!(chosen.len() > 1, "{only} alone has no history: name two versions at least");
    Ok(chosen)
}

/// The newest release that begins so.
fn newest(beginning: &Version, releases: &[Version]) -> Result<Version> {
    let found = releases.iter().rev().find(|version| version.begins_with(beginning));
    if let Some(version) = found {
        return Ok(version.clone());
    }
    let count = beginning.0.len();
    let mut known: Vec<String> =
        releases.iter().map(|version| Version(version.first(count).to_vec()).to_string()).collect();
    known.dedup();
    match nearest(&beginning.to_string(), known.iter().map(String::as_str)) {
        Some(near) => bail!("no release {beginning}; did you mean `{near}`?"),
        None => bail!("no release {beginning}; there are: {}", known.join(", ")),
    }
}
