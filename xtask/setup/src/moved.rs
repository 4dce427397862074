//! What takes the place of a pin that its source no longer has.
//!
//! A suite of the distribution keeps one version of a package: on 2026-11-29 the `wasi-libc` that
//! was pinned eight days before was gone. The newest version that fits is then taken, with the hash
//! that the signed index gives. It is reported in one line, remembered in the state folder (a
//! machine builds with the same packages tomorrow), and stands with its digest in every manifest.

use crate::context::Context;
use crate::index::Index;
use crate::pins::{Fit, Pin};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::files;

/// The version that was taken, of a package that may have been renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
}

/// By what was pinned, what was taken.
type Record = BTreeMap<String, Vec<Taken>>;

fn file(state: &Path) -> PathBuf {
    state.join("moved-pins.json")
}

fn read(state: &Path) -> Record {
    let text = std::fs::read_to_string(file(state)).ok();
    // One that cannot be read costs a question to the source, which answers the same or newer.
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// What was taken in the place of what was pinned; `None` when nothing was.
pub(crate) fn remembered(state: &Path, pinned: &str) -> Option<Vec<Taken>> {
    read(state).remove(pinned)
}

/// Remembers it.
pub(crate) fn remember(state: &Path, pinned: &str, taken: Vec<Taken>) -> Result<()> {
    let mut record = read(state);
    record.insert(pinned.to_owned(), taken);
    files::write(&file(state), &serde_json::to_vec_pretty(&record)?)
}

/// Says in one line what is taken in whose place, and from where.
pub(crate) fn report(context: &Context<'_>, pinned: &str, source: &str, taken: &Taken) {
    let Taken { package, version, sha256 } = taken;
    (context.reporter)(&format!(
        "{pinned} is gone from {source}: takes the newest that fits, {package} {version} \
         (sha256 {sha256})"
    ));
}

/// These pins with what was taken in their places, as far as the state folder remembers.
pub(crate) fn apply(state: &Path, pinned: &str, pins: &[Pin]) -> Option<Vec<Pin>> {
    let taken = remembered(state, pinned)?;
    (taken.len() == pins.len()).then(|| {
        let with = |(pin, taken): (&Pin, Taken)| replace(pin, taken);
        pins.iter().zip(taken).map(with).collect()
    })
}

fn replace(pin: &Pin, taken: Taken) -> Pin {
    let Taken { package, version, sha256 } = taken;
    Pin { package: package.into(), version: version.into(), sha256: sha256.into(), ..pin.clone() }
}

/// What is taken of one set of pins.
pub(crate) fn taken(pins: &[Pin]) -> Vec<Taken> {
    let one = |pin: &Pin| Taken {
        package: pin.package.to_string(),
        version: pin.version.to_string(),
        sha256: pin.sha256.to_string(),
    };
    pins.iter().map(one).collect()
}

/// The newest of these versions, which come newest first, that may take a pin's place.
pub(crate) fn newest_fitting<'a>(pin: &Pin, versions: &'a [String]) -> Option<&'a str> {
    let fits = |version: &&String| match pin.fit {
        Fit::Newest => true,
        Fit::Release => upstream(version) == upstream(&pin.version),
    };
    versions.iter().find(fits).map(String::as_str)
}

/// The upstream release in a version of the distribution: `1.95.0` of `1.95.0+dfsg1-2~bpo13+1`.
pub(crate) fn upstream(version: &str) -> &str {
    let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
    let revision = without_epoch.rfind('-').unwrap_or(without_epoch.len());
    without_epoch[..revision].split('+').next().unwrap_or_default()
}

/// The pins of a set with the newest that fits in the place of each that is gone; `None` when all
/// are there.
///
/// # Errors
/// Nothing fits, or the index cannot be asked.
pub(crate) fn resolve(index: &Index<'_>, pins: &[Pin]) -> Result<Option<Vec<Pin>>> {
    let mut all_there = true;
    for pin in pins {
        let versions = index.versions(&pin.package, &pin.suite)?;
        all_there &= versions.iter().any(|version| *version == pin.version);
    }
    let Some(first) = pins.first().filter(|_| !all_there) else { return Ok(None) };
    let mut set = Set { index, pins, taken: vec![None; pins.len()] };
    set.follow(0, &first.package)?;
    for place in 0..pins.len() {
        if set.taken[place].is_none() {
            let name = set.renamed(place);
            set.take(place, &name)?;
        }
    }
    let taken: Vec<Pin> = set.taken.into_iter().flatten().collect();
    check_one_release(pins, &taken)?;
    Ok(Some(taken))
}

/// Packages that were built together are of one version, or they do not work together.
fn check_one_release(pins: &[Pin], taken: &[Pin]) -> Result<()> {
    let Some((pinned, first)) = pins.first().zip(taken.first()) else { return Ok(()) };
    let together = pins.iter().zip(taken).filter(|(pin, _)| pin.version == pinned.version);
    for (_, other) in together {
        if source_version(&other.version) != source_version(&first.version) {
            bail!(
                "{} has {} {}, which is not of {} {}",
                first.suite,
                other.package,
                other.version,
                first.package,
                first.version
            );
        }
    }
    Ok(())
}

/// Without the mark of a binary that was built again: `+b1`.
fn source_version(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((source, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => source,
        _ => version,
    }
}

/// A set whose pins are being replaced.
struct Set<'a> {
    index: &'a Index<'a>,
    pins: &'a [Pin],
    taken: Vec<Option<Pin>>,
}

impl Set<'_> {
    /// Takes a package, then those that it depends on and that are of the set, under whatever name
    /// the dependency gives: `libllvm22` may have become `libllvm23`.
    fn follow(&mut self, place: usize, name: &str) -> Result<()> {
        let depends = self.take(place, name)?;
        for dependency in depends {
            let is_meant = |pin: &Pin| {
                pin.suite == self.pins[0].suite && stem(&pin.package) == stem(&dependency)
            };
            let found = self.pins.iter().position(is_meant);
            if let Some(next) = found.filter(|&next| self.taken[next].is_none()) {
                self.follow(next, &dependency)?;
            }
        }
        Ok(())
    }

    /// The pinned version when it is there, else the newest that fits. Gives what it depends on.
    fn take(&mut self, place: usize, name: &str) -> Result<Vec<String>> {
        let pin = &self.pins[place];
        let versions = self.index.versions(name, &pin.suite)?;
        if name == pin.package && versions.iter().any(|version| *version == pin.version) {
            self.taken[place] = Some(pin.clone());
            return Ok(self.index.listed(name, &pin.version)?.depends);
        }
        let version =
            newest_fitting(pin, &versions).with_context(|| nothing_fits(pin, &versions))?;
        let listed = self.index.listed(name, version)?;
        let taken =
            Taken { package: name.to_owned(), version: version.to_owned(), sha256: listed.sha256 };
        self.taken[place] = Some(replace(pin, taken));
        Ok(listed.depends)
    }

    /// The name of a package that nothing depends on: with the number that another package, which
    /// had the same one, has now (`lld-22` is `lld-23` once `libllvm22` is `libllvm23`).
    fn renamed(&self, place: usize) -> String {
        let name = &self.pins[place].package;
        let number = &name[stem(name).len()..];
        let others = self.pins.iter().zip(&self.taken);
        let mut now = others.filter_map(|(pin, taken)| {
            let old = &pin.package[stem(&pin.package).len()..];
            let taken = &taken.as_ref()?.package;
            (!number.is_empty() && old == number).then(|| &taken[stem(taken).len()..])
        });
        let now = now.next_back().unwrap_or(number);
        format!("{}{now}", stem(name))
    }
}

/// A package's name without the number that it ends in.
fn stem(package: &str) -> &str {
    package.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
}

fn nothing_fits(pin: &Pin, versions: &[String]) -> String {
    let Pin { package, version, suite, .. } = pin;
    match versions.first() {
        None => format!("{package} {version} is gone from {suite}, which has no other version"),
        Some(newest) => format!(
            "{package} {version} is gone from {suite}, and {newest}, the newest there, is of \
             another release"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_told_from_its_packaging() {
        for (version, release) in [
            ("1.95.0+dfsg1-2~bpo13+1", "1.95.0"),
            ("1:22.1.8-1~deb12u1", "22.1.8"),
            ("1:19.1.7-3+b1", "19.1.7"),
            ("0.0~git20260129.ec0effd-3~bpo13+1", "0.0~git20260129.ec0effd"),
            ("2.0", "2.0"),
        ] {
            assert_eq!(upstream(version), release, "{version}");
        }
        assert_eq!(source_version("1.96.0-1+b12"), "1.96.0-1");
        assert_eq!(source_version("1.96.0-1~bpo13+1"), "1.96.0-1~bpo13+1");
        assert_eq!(
            (stem("libstd-rust-web-1.96"), stem("wasi-libc")),
            ("libstd-rust-web-", "wasi-libc")
        );
    }

    #[test]
    fn what_was_taken_is_remembered_for_those_pins_alone() {
        let folder = tempfile::tempdir().unwrap();
        let taken =
            Taken { package: "p".to_owned(), version: "2".to_owned(), sha256: "ab".to_owned() };
        remember(folder.path(), "p 1", vec![taken.clone()]).unwrap();
        remember(folder.path(), "q 1", Vec::new()).unwrap();
        assert_eq!(remembered(folder.path(), "p 1"), Some(vec![taken]));
        assert_eq!(remembered(folder.path(), "p 0"), None);
    }
}
