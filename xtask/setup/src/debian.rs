//! Packages of the distribution that are unpacked under the state folder, not installed.
//!
//! The index, the cache and the sources list are private, so that the machine's own apt is left as it is;
//! mirror and keyring are those of the machine's own entries.

use crate::apt_sources::{self, Entry};
use crate::chain::Session;
use crate::context::Context;
use crate::index::Index;
use crate::machine::{Machine, Step};
use crate::moved;
use crate::packages::in_nix;
use crate::pins::{Archive, Pin};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::files::{make_folder, make_whole};
use weighbridge_project::inputs::sha256;

/// The folder of fetched packages, below the state folder.
const DOWNLOADS: &str = "downloads";

/// Debian's name of an instruction set; `None` for one that nothing is pinned for.
pub(crate) fn architecture(machine: &dyn Machine) -> Option<&'static str> {
    match machine.architecture() {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

/// Why pinned packages can't be had here; `None` when they can.
pub(crate) fn unavailable(machine: &dyn Machine, pins: &[Pin]) -> Option<String> {
    if in_nix(machine) {
        return Some("nothing is downloaded in a Nix shell".to_owned());
    }
    for program in ["apt-get", "dpkg"] {
        if machine.find(program).is_none() {
            return Some(format!("no {program} here"));
        }
    }
    if architecture(machine).is_none() {
        return Some(format!("nothing is pinned for {}", machine.architecture()));
    }
    archives(machine, pins).err().map(|error| error.to_string())
}

/// A set of packages that is unpacked.
pub(crate) struct Unpacked {
    pub(crate) folder: PathBuf,
    /// What it was unpacked from: the pins, or what was taken in the place of those that were gone.
    pub(crate) pins: Vec<Pin>,
}

impl Unpacked {
    /// What a manifest should say about the set.
    pub(crate) fn detail(&self) -> BTreeMap<String, String> {
        let value = |pin: &Pin| format!("{} sha256:{}", pin.version, pin.sha256);
        self.pins.iter().map(|pin| (pin.package.to_string(), value(pin))).collect()
    }

    /// The version of one of its packages, by the beginning of its name.
    pub(crate) fn package(&self, beginning: &str) -> Result<&Pin> {
        let found = self.pins.iter().find(|pin| pin.package.starts_with(beginning));
        found.with_context(|| format!("{} has no {beginning}", self.folder.display()))
    }
}

/// The name of a set: its own and its hashes'.
fn set_name(name: &str, pins: &[Pin]) -> String {
    let all: Vec<&str> = pins.iter().map(|pin| pin.sha256.as_ref()).collect();
    let digest = sha256(all.concat().as_bytes());
    format!("{name}-{}", &digest[..12])
}

/// Where a set of packages is unpacked: a folder named after the set and its hashes.
fn folder(context: &Context<'_>, name: &str, pins: &[Pin]) -> PathBuf {
    context.state.join("toolchains").join(set_name(name, pins))
}

/// The set as it lies unpacked, of the pins or of what was taken in their places.
pub(crate) fn unpacked(session: &Session<'_>, name: &str, pins: &[Pin]) -> Option<Unpacked> {
    let context = session.context;
    let moved = || moved::apply(&context.state, &set_name(name, pins), pins);
    let there = |pins: Vec<Pin>| {
        let folder = folder(context, name, &pins);
        context.machine.exists(&folder).then_some(Unpacked { folder, pins })
    };
    there(pins.to_vec()).or_else(|| there(moved()?))
}

/// Downloads what is not there yet, checks every hash, and unpacks all into the set's folder.
/// `finish` is called on the unpacked tree before it gets its final name.
pub(crate) fn unpack(
    session: &Session<'_>,
    name: &str,
    pins: &[Pin],
    finish: impl Fn(&Path) -> Result<()>,
) -> Result<Unpacked> {
    if let Some(there) = unpacked(session, name, pins) {
        return Ok(there);
    }
    let (pins, files) = download(session, name, pins)?;
    let folder = folder(session.context, name, &pins);
    if folder.exists() {
        return Ok(Unpacked { folder, pins });
    }
    session.report(&format!("unpacking {name}"));
    make_whole(&folder, |unfinished| {
        for file in &files {
            let arguments = ["-x".into(), file.to_string_lossy(), unfinished.to_string_lossy()];
            session.machine().run(&Step::new("dpkg", arguments))?;
        }
        finish(unfinished)
    })?;
    Ok(Unpacked { folder, pins })
}

/// The file of a package. The hash is part of the name, and a file gets its name once it was
/// checked.
fn file_of(downloads: &Path, pin: &Pin) -> PathBuf {
    downloads.join(file_name(&pin.package, &pin.sha256))
}

fn file_name(package: &str, sha256: &str) -> String {
    format!("{package}-{}.deb", sha256.get(..12).unwrap_or(sha256))
}

/// Where the file of a package of that hash is kept once it was fetched.
pub(crate) fn kept(state: &Path, package: &str, sha256: &str) -> PathBuf {
    state.join(DOWNLOADS).join(file_name(package, sha256))
}

/// The files of the set, and the pins that they are of.
fn download(session: &Session<'_>, name: &str, pins: &[Pin]) -> Result<(Vec<Pin>, Vec<PathBuf>)> {
    let downloads = session.context.state.join(DOWNLOADS);
    make_folder(&downloads)?;
    let files = |pins: &[Pin]| pins.iter().map(|pin| file_of(&downloads, pin)).collect::<Vec<_>>();
    if files(pins).iter().all(|file| file.exists()) {
        return Ok((pins.to_vec(), files(pins)));
    }
    let options = private_index(session.context, name, &archives(session.machine(), pins)?)?;
    session.report(&format!("fetching the package index for {name}"));
    let index = Index::refreshed(session.machine(), &options, None)?;
    let pins = current(session.context, &index, name, pins)?;
    let incoming = downloads.join(format!("unfinished-{}", std::process::id()));
    make_folder(&incoming)?;
    let fetched = fetch(session, &index, &pins, &downloads, &incoming);
    // Whatever was not checked and renamed is of no use; a next try downloads it anew.
    let _ = std::fs::remove_dir_all(&incoming);
    fetched.map(|()| (pins.clone(), files(&pins)))
}

/// The pins, with what fits in the place of those that are gone. Where the index cannot be asked,
/// what is pinned is tried all the same.
fn current(context: &Context<'_>, index: &Index<'_>, name: &str, pins: &[Pin]) -> Result<Vec<Pin>> {
    let is_asked = pins.first().is_some_and(|pin| index.versions(&pin.package, &pin.suite).is_ok());
    let moved = if is_asked { moved::resolve(index, pins)? } else { None };
    let Some(moved) = moved else { return Ok(pins.to_vec()) };
    let taken = moved::taken(&moved);
    for ((pin, now), taken) in pins.iter().zip(&moved).zip(&taken).filter(|((a, b), _)| a != b) {
        moved::report(context, &format!("{} {}", pin.package, pin.version), &now.suite, taken);
    }
    moved::remember(&context.state, &set_name(name, pins), taken)?;
    Ok(moved)
}

fn fetch(
    session: &Session<'_>,
    index: &Index<'_>,
    pins: &[Pin],
    downloads: &Path,
    incoming: &Path,
) -> Result<()> {
    for pin in pins {
        let file = file_of(downloads, pin);
        if file.exists() {
            continue;
        }
        session.report(&format!("downloading {} {}", pin.package, pin.version));
        let requested = format!("{}={}", pin.package, pin.version);
        let step = index.step("apt-get", &["download", &requested]);
        session.machine().run(&step.within(incoming))?;
        let prefix = format!("{}_", pin.package);
        let fetched = std::fs::read_dir(incoming)
            .with_context(|| format!("can't read {}", incoming.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
            })
            .with_context(|| format!("apt-get download left no file for {}", pin.package))?;
        verify(pin, &fetched)?;
        rename(&fetched, &file)?;
    }
    Ok(())
}

/// Refuses a file whose hash is not the pinned one.
fn verify(pin: &Pin, file: &Path) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    let actual = sha256(&bytes);
    if actual != pin.sha256 {
        bail!(
            "{} {} ({}) is refused: SHA-256 is {actual}, pinned is {}",
            pin.package,
            pin.version,
            pin.architecture,
            pin.sha256
        );
    }
    Ok(())
}

/// Writes the private sources list; gives the options that make apt-get use it and nothing else.
pub(crate) fn private_index<S: AsRef<str>>(
    context: &Context<'_>,
    name: &str,
    archives: &[(Entry, Vec<S>)],
) -> Result<Vec<String>> {
    let root = context.state.join("apt").join(name);
    for part in ["lists/partial", "cache/archives/partial", "sources"] {
        make_folder(&root.join(part))?;
    }
    let stanzas: Vec<String> = archives
        .iter()
        .map(|(entry, suites)| {
            let suites: Vec<&str> = suites.iter().map(AsRef::as_ref).collect();
            apt_sources::stanza(entry, &suites)
        })
        .collect();
    let sources = root.join("sources/weighbridge.sources");
    std::fs::write(&sources, stanzas.join("\n"))
        .with_context(|| format!("can't write {}", sources.display()))?;
    let under = |part: &str| root.join(part).display().to_string();
    let settings = [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={}", under("sources")),
        format!("Dir::State::lists={}", under("lists")),
        format!("Dir::Cache={}", under("cache")),
        // A preference of the machine must not hide a version that is requested by name.
        "Dir::Etc::preferences=/dev/null".to_owned(),
        "Dir::Etc::preferencesparts=/dev/null".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        // The user `_apt` can't write into a folder of root's; signatures are checked all the same.
        "APT::Sandbox::User=root".to_owned(),
    ];
    Ok(settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect())
}

/// The machine's entries that serve these pins, each with the suites to ask it for.
fn archives<'a>(machine: &dyn Machine, pins: &'a [Pin]) -> Result<Vec<(Entry, Vec<&'a str>)>> {
    let mut suites: BTreeMap<Archive, Vec<&'a str>> = BTreeMap::new();
    for pin in pins {
        let wanted = suites.entry(pin.archive).or_default();
        if !wanted.contains(&pin.suite.as_ref()) {
            wanted.push(&pin.suite);
        }
    }
    suites.into_iter().map(|(archive, suites)| Ok((entry(machine, archive)?, suites))).collect()
}

/// The machine's own entry of one of Debian's archives.
///
/// # Errors
/// This is not Debian, or its sources name no such archive.
pub(crate) fn entry(machine: &dyn Machine, archive: Archive) -> Result<Entry> {
    let codename = codename(machine)?;
    let entries = apt_sources::of_machine(machine);
    apt_sources::entry_of(&entries, archive, &codename)
        .cloned()
        .with_context(|| format!("the machine's apt sources name no {archive:?} archive of Debian"))
}

/// The machine's release of Debian, such as `bookworm`.
///
/// # Errors
/// This is not Debian.
pub(crate) fn codename(machine: &dyn Machine) -> Result<String> {
    let release = machine.read(Path::new("/etc/os-release")).unwrap_or_default();
    let field = |name: &str| {
        let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| value.trim_matches('"').to_owned())
    };
    if field("ID").as_deref() != Some("debian") {
        bail!("the packages are Debian's, and this is not Debian");
    }
    Ok(field("VERSION_CODENAME").unwrap_or_default())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .with_context(|| format!("can't rename {} to {}", from.display(), to.display()))
}
