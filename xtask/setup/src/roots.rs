//! Root file systems that images are built on, made of the distribution's packages: no registry is asked, and neither
//! is an official image.

use crate::apt_sources::{self, Entry};
use crate::chain::{Chain, Provider, Readiness, Session, Supply, details};
use crate::debian::{self, architecture};
use crate::machine::{Machine, Step};
use crate::packages;
use crate::packages::in_nix;
use crate::pins::Archive;
use crate::record::{Need, Outcome, Setup};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use weighbridge_project::files::{make_folder, make_whole};

/// What the provision's detail calls the folder within [`folder`].
const ROOT: &str = "root";
/// Left out of Debian's root, as its own slim image does.
const LEFT_OUT: [&str; 5] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
];
/// A moment for everything that notes one, the same on every machine: 1970-01-02.
const MOMENT: &str = "86400";
const BUSYBOX: &str = "/bin/busybox";

/// The root file system that a need was met by; `None` when it was not.
#[must_use]
pub fn of(setup: &Setup, need: Need, state: &Path) -> Option<PathBuf> {
    let provision = setup.provisions.iter().find(|provision| provision.need == need)?;
    match &provision.outcome {
        Outcome::Provided { detail, .. } => Some(folder(state).join(detail.get(ROOT)?)),
        Outcome::Missing { .. } => None,
    }
}

fn folder(state: &Path) -> PathBuf {
    state.join("roots")
}

/// Debian's essential packages.
pub(crate) fn debian_chain(need: Need) -> Chain {
    let remedy = packages::line(Mmdebstrap::PACKAGES);
    Chain { need, providers: vec![Box::new(Mmdebstrap)], remedy }
}

/// `BusyBox`, as Alpine has it.
pub(crate) fn busybox_chain(need: Need) -> Chain {
    let remedy = packages::line(StaticBusybox::PACKAGES);
    Chain { need, providers: vec![Box::new(StaticBusybox)], remedy }
}

struct Mmdebstrap;

impl Mmdebstrap {
    const PACKAGES: &[&str] = &["mmdebstrap"];
}

/// The machine's own release, and the entry of its sources that serves it.
fn local_release(machine: &dyn Machine) -> Result<(String, Entry)> {
    Ok((debian::codename(machine)?, debian::entry(machine, Archive::Main)?))
}

impl Provider for Mmdebstrap {
    fn name(&self) -> &'static str {
        "mmdebstrap"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let machine = session.machine();
        if in_nix(machine) {
            return Readiness::Unavailable("nothing is downloaded in a Nix shell".to_owned());
        }
        let codename = match local_release(machine) {
            Ok((codename, _)) => codename,
            Err(error) => return Readiness::Unavailable(error.to_string()),
        };
        if folder(&session.context.state).join(debian_name(&codename)).exists() {
            return Readiness::Present;
        }
        if !machine.is_root() {
            return Readiness::Unavailable("only root can make a root file system".to_owned());
        }
        let has_program = machine.find("mmdebstrap").is_some();
        let packages = if has_program { Vec::new() } else { Self::PACKAGES.to_vec() };
        Readiness::Obtainable { packages }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let (codename, entry) = local_release(session.machine())?;
        let name = debian_name(&codename);
        let root = folder(&session.context.state).join(&name);
        if !root.exists() {
            make_whole(&root, |unfinished| debootstrap(session, &codename, &entry, unfinished))?;
        }
        let status = root.join("var/lib/dpkg/status");
        let status = std::fs::read_to_string(&status)
            .with_context(|| format!("can't read {}", status.display()))?;
        let mut detail = package_versions(&status);
        detail.insert(ROOT.to_owned(), name);
        Ok(Supply { detail, target: None })
    }
}

fn debian_name(codename: &str) -> String {
    format!("debian-{codename}")
}

fn debootstrap(session: &Session<'_>, codename: &str, entry: &Entry, into: &Path) -> Result<()> {
    let machine = session.machine();
    let architecture = architecture(machine).context("Debian has no name for this architecture")?;
    session.report(&format!("making a root file system of Debian {codename}'s essential packages"));
    let sources = into.with_extension("sources");
    std::fs::write(&sources, apt_sources::stanza(entry, &[codename]))
        .with_context(|| format!("can't write {}", sources.display()))?;
    let mut arguments = vec!["--quiet".to_owned(), "--variant=essential".to_owned()];
    arguments.push(format!("--architectures={architecture}"));
    arguments.extend(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    arguments.extend([
        "--dpkgopt=path-include=/usr/share/doc/*/copyright".to_owned(),
        codename.to_owned(),
    ]);
    arguments.extend([into, &sources].map(|path| path.display().to_string()));
    let made = machine.run(&Step::new("mmdebstrap", arguments).with("SOURCE_DATE_EPOCH", MOMENT));
    // The root is whole or not there; its sources are written anew next time.
    let _ = std::fs::remove_file(&sources);
    made.map(drop)
}

/// Package and version, from dpkg's own list.
fn package_versions(status: &str) -> BTreeMap<String, String> {
    let field = |stanza: &str, name: &str| {
        stanza.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let stanzas = status.split("\n\n");
    stanzas.filter_map(|one| Some((field(one, "Package:")?, field(one, "Version:")?))).collect()
}

struct StaticBusybox;

impl StaticBusybox {
    const PACKAGES: &[&str] = &["busybox-static"];
}

/// What dpkg keeps of the package once it is installed.
const BUSYBOX_RECORD: &str = "/var/lib/dpkg/info/busybox-static.list";

fn busybox_version(machine: &dyn Machine) -> Result<String> {
    let requested = ["--show", "--showformat=${Version}", "busybox-static"];
    Ok(machine.run(&Step::new("dpkg-query", requested))?.trim().to_owned())
}

impl Provider for StaticBusybox {
    fn name(&self) -> &'static str {
        "busybox-static"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let machine = session.machine();
        if [BUSYBOX, BUSYBOX_RECORD].iter().all(|path| machine.exists(Path::new(path))) {
            Readiness::Present
        } else {
            Readiness::Obtainable { packages: Self::PACKAGES.to_vec() }
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let machine = session.machine();
        let version = busybox_version(machine)?;
        let digits = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name = format!("busybox-{}", version.chars().map(digits).collect::<String>());
        let root = folder(&session.context.state).join(&name);
        if !root.exists() {
            let applets = machine.run(&Step::new(BUSYBOX, ["--list-full"]))?;
            make_whole(&root, |unfinished| busybox_root(&applets, unfinished))?;
        }
        Ok(Supply { detail: details([("busybox-static", version), (ROOT, name)]), target: None })
    }
}

/// The program, a link to it for each of its applets, and the users that programs look up.
fn busybox_root(applets: &str, root: &Path) -> Result<()> {
    let program = std::fs::read(BUSYBOX).with_context(|| format!("can't read {BUSYBOX}"))?;
    let users = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
    write(root, "bin/busybox", &program, 0o755)?;
    write(root, "etc/passwd", users, 0o644)?;
    write(root, "etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)?;
    for applet in applets.lines().filter(|line| !line.is_empty() && *line != "bin/busybox") {
        let link = root.join(applet);
        make_folders(root, applet)?;
        symlink(BUSYBOX, &link).with_context(|| format!("can't make {}", link.display()))?;
    }
    Ok(())
}

fn write(root: &Path, name: &str, content: &[u8], mode: u32) -> Result<()> {
    make_folders(root, name)?;
    let file = root.join(name);
    std::fs::write(&file, content).with_context(|| format!("can't write {}", file.display()))?;
    set_mode(&file, mode)
}

/// The folders above a file, with a mode that does not hang on the user's mask: it is in the image.
fn make_folders(root: &Path, name: &str) -> Result<()> {
    let mut folder = root.to_owned();
    for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        make_folder(&folder)?;
        set_mode(&folder, 0o755)?;
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode))
        .with_context(|| format!("can't set the mode of {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_dpkgs_list() {
        let status = "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nDescription: a\n shell\n\n\
                      Package: tar\nVersion: 1.34\n";
        let expected = details([("bash", "5.2.15-2".to_owned()), ("tar", "1.34".to_owned())]);
        assert_eq!(package_versions(status), expected);
    }

    #[test]
    fn a_busybox_root_has_a_link_for_each_applet_and_modes_that_no_mask_changes() {
        if !Path::new(BUSYBOX).exists() {
            eprintln!("note: there is no {BUSYBOX}");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        busybox_root("bin/ash\nbin/busybox\nusr/bin/env\n", root.path()).unwrap();
        let link = |name: &str| std::fs::read_link(root.path().join(name)).unwrap();
        assert_eq!(
            [link("bin/ash"), link("usr/bin/env")],
            [PathBuf::from(BUSYBOX), BUSYBOX.into()]
        );
        let mode = |name: &str| {
            let metadata = std::fs::metadata(root.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        assert_eq!(
            ["usr", "usr/bin", "bin/busybox", "etc/passwd"].map(mode),
            [0o755, 0o755, 0o755, 0o644]
        );
    }
}
