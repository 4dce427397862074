//! `cargo xtask test --kit`: a kit, unpacked in a folder of its own and checked as its readers would:
//! by the published validators of its metadata, by its own script, and with a byte changed here and there.

use crate::python::{self, Packages};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use weighbridge_project::exit::Exit;
use weighbridge_project::files;
use weighbridge_project::process::{command, run as call};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;

const PACKAGES: Packages = Packages {
    requirements: "analysis/check/kit-requirements.txt",
    what: "roc-validator and cffconvert (about 15 MB)",
};

/// What is changed in an unpacked kit, and what the kit's own check must name then. The first text of the file is
/// replaced by the second one.
struct Damage {
    what: &'static str,
    file: fn(&Path) -> Result<PathBuf>,
    from: &'static str,
    to: &'static str,
    named: &'static str,
}

const DAMAGES: [Damage; 4] = [
    Damage {
        what: "a raw row",
        file: |kit| Ok(only_folder(&kit.join("data"))?.join("observations.jsonl")),
        from: "\"repeat\":0",
        to: "\"repeat\":7",
        named: "observations.jsonl",
    },
    Damage {
        what: "a number of the paper",
        file: |kit| Ok(kit.join("paper/published/quoted-numbers.txt")),
        from: "1",
        to: "2",
        named: "quoted-numbers.txt",
    },
    Damage {
        what: "a claim's direction",
        file: |kit| Ok(kit.join("claims.toml")),
        from: "relation = \"less\"",
        to: "relation = \"greater\"",
        named: "claims.toml",
    },
    Damage {
        what: "a byte of an artifact",
        file: |kit| Ok(only_folder(&kit.join("artifacts"))?.join("component.wasm")),
        from: "wasi:http",
        to: "wasi:htt_",
        named: "artifact component.wasm",
    },
];

/// Checks a kit that stands already, or one that `make` puts where it is told to.
///
/// # Errors
/// The kit cannot be made or unpacked, a validator complains, or the kit's own check is wrong about one of them.
pub fn run(
    project: &Project,
    kit: Option<PathBuf>,
    make: impl Fn(&Path) -> Result<()>,
    progress: &Progress,
) -> Result<Exit> {
    let python = python::environment(project, &PACKAGES, progress)?;
    let folder = project.state.join("kit-test");
    files::remove(&folder)?;
    files::make_folder(&folder)?;
    let made = folder.join("kit.tar.gz");
    if kit.is_none() {
        make(&made)?;
    }
    let archive = kit.unwrap_or(made);
    let unpacked = unpack(&archive, &folder.join("whole"))?;
    progress.note("  the metadata, by the published validators");
    let mut validate = python::command_of(&python);
    call(validate.arg(project.path("analysis/check/kit_metadata.py")).arg(&unpacked))?;
    progress.note("  the kit's own check of what was published");
    let (code, text) = check(&unpacked)?;
    ensure!(code == Some(0), "`./weighbridge verify --published` ended with {code:?}: {text}");
    for damage in &DAMAGES {
        progress.note(&format!("  {} is changed: it must be named", damage.what));
        let kit = unpack(&archive, &folder.join("damaged"))?;
        let file = (damage.file)(&kit)?;
        change(&file, damage.from, damage.to)?;
        let (code, text) = check(&kit)?;
        ensure!(
            matches!(code, Some(1 | 2)) && text.contains(damage.named),
            "{} was changed, and the kit's check ended with {code:?}: {text}",
            damage.what
        );
    }
    files::remove(&folder)?;
    println!("the kit is whole, valid, and finds {} kinds of damage", DAMAGES.len());
    Ok(Exit::Done)
}

fn unpack(archive: &Path, into: &Path) -> Result<PathBuf> {
    files::remove(into)?;
    files::make_folder(into)?;
    call(command("tar").arg("-xf").arg(archive).arg("-C").arg(into))?;
    only_folder(into)
}

fn only_folder(folder: &Path) -> Result<PathBuf> {
    let listed = || format!("list {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(listed)?;
    let mut found: Vec<PathBuf> =
        entries.map(|entry| Ok(entry.with_context(listed)?.path())).collect::<Result<Vec<_>>>()?;
    found.retain(|path| path.is_dir());
    ensure!(found.len() == 1, "{} holds {} folders, not one", folder.display(), found.len());
    found.pop().with_context(listed)
}

fn check(kit: &Path) -> Result<(Option<i32>, String)> {
    let script = kit.join("weighbridge");
    let output = command(&script)
        .args(["verify", "--published"])
        .output()
        .with_context(|| format!("run {}", script.display()))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

/// Replaces the first `from` of a file, which may hold anything.
fn change(file: &Path, from: &str, to: &str) -> Result<()> {
    let mut bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes());
    let at = at.with_context(|| format!("{} does not hold `{from}`", file.display()))?;
    bytes.splice(at..at + from.len(), to.bytes());
    files::write(file, &bytes)
}
