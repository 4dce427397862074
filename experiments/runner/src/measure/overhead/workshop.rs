//! A copy of the sources in which a form of a service is built and changed: the checkout itself stays as it is.

use crate::failure::Cause;
use crate::kernel::affinity::pin_current_thread;
use crate::kernel::clock::monotonic_ns;
use crate::measure::Bench;
use crate::measure::instantiation::finish_within;
use crate::run::leftovers::Mark;
use crate::subject::MARK;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use weighbridge_machine::environment;
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::overhead::{Change, Making};
use weighbridge_schema::recipe::{Call, Recipe, RecipeBook};

/// Longest time of a build: many times what the longest takes on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);
/// Longest time of a program that builds nothing.
pub const LIST_LIMIT: Duration = Duration::from_secs(120);
/// Lines at the end of what a program said that are kept when it fails.
const LINES_KEPT: usize = 8;
/// Folders that hold what was built, and no sources.
const BUILT: [&str; 2] = ["target", "built"];

/// A copy of the sources.
pub struct Workshop<'a> {
    bench: &'a Bench<'a>,
    recipe: &'a Recipe,
    /// The copy.
    checkout: PathBuf,
    /// Cargo's folder for it.
    target: PathBuf,
    /// The file that is changed.
    handler: PathBuf,
    /// Its text before any change.
    text: String,
}

impl<'a> Workshop<'a> {
    /// Copies what cargo reads into a folder below `scratch`.
    ///
    /// # Errors
    /// The sources cannot be copied, or have no such handler.
    pub fn open(
        bench: &'a Bench<'a>,
        (book, recipe): (&RecipeBook, &'a Recipe),
        making: &Making,
        scratch: &Path,
    ) -> Result<Self, Cause> {
        let (from, checkout) = (Path::new(&book.checkout), scratch.join("checkout"));
        for source in &book.sources {
            copy_tree(&from.join(source), &checkout.join(source))?;
        }
        let handler = checkout.join(&making.handler);
        let text = fs::read_to_string(&handler)
            .map_err(|error| Cause::io(format!("read {}", handler.display()), error))?;
        Ok(Self { bench, recipe, checkout, target: scratch.join("target"), handler, text })
    }

    /// Builds, and tells how long that took, nanoseconds. Nothing is fetched: what is not there fails the build.
    ///
    /// # Errors
    /// The build failed, or the run was interrupted.
    pub fn build(&self) -> Result<u64, Cause> {
        let target = self.target.as_os_str();
        let variables = [
            ("CARGO_TARGET_DIR", target),
            ("CARGO_BUILD_BUILD_DIR", target),
            ("CARGO_NET_OFFLINE", OsStr::new("true")),
        ];
        let begun_ns = monotonic_ns();
        run(self.bench, &self.recipe.build, &self.checkout, &variables, BUILD_LIMIT)?;
        Ok(monotonic_ns().saturating_sub(begun_ns))
    }

    /// What the build makes.
    pub fn made(&self) -> PathBuf {
        self.target.join(&self.recipe.makes)
    }

    /// Changes the handler as it was in the beginning, and tells the moment after that.
    ///
    /// # Errors
    /// The change does not fit, or the file cannot be written.
    pub fn change(&self, change: &Change) -> Result<u64, Cause> {
        let file = self.handler.display();
        let text = change.of(&self.text).map_err(|why| format!("{file}: {why}"))?;
        fs::write(&self.handler, text)
            .map_err(|error| Cause::io(format!("write {file}"), error))?;
        Ok(monotonic_ns())
    }
}

/// Runs a program to its end, on all cores of the run: who builds has no load beside it.
///
/// # Errors
/// It cannot be started, fails, or does not end in time; or the run was interrupted.
pub fn run(
    bench: &Bench<'_>,
    call: &Call,
    folder: &Path,
    variables: &[(&str, &OsStr)],
    limit: Duration,
) -> Result<Output, Cause> {
    let (program, arguments) = call.words.split_first().ok_or("an empty command")?;
    let verb = arguments.first().map(String::as_str).unwrap_or_default();
    let shown = format!("`{program} {verb} ...`");
    let mut command = Command::new(program);
    environment::clean(&mut command).args(arguments).envs(&call.environment);
    command.envs(variables.iter().copied()).env(MARK, Mark::of(bench.run).to_string());
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Its own group: what it has started must end with it.
    command.process_group(0);
    let spawned = on_all_cores(bench.pinning, || command.spawn());
    let child = spawned.map_err(|error| Cause::io(format!("spawn {shown}"), error))?;
    let group = Pid::from_child(&child);
    let ended = finish_within(child, limit);
    if ended.is_err() {
        // There may be nobody left in it.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let output = ended.map_err(|why| match why {
        Cause::Interrupted => why,
        other => other.within(shown.clone()),
    })?;
    match output.status.success() {
        true => Ok(output),
        false => Err(Cause::Ended {
            what: shown,
            status: output.status,
            printed: last_lines(&String::from_utf8_lossy(&output.stderr)),
        }),
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_KEPT)..].join(" | ")
}

/// As [`on_subject_cores`](crate::subject::on_subject_cores), with those of the client too.
fn on_all_cores<T>(pinning: &Pinning, spawn: impl FnOnce() -> T) -> T {
    let (Some(client), Some(subject)) = (&pinning.client_cores, &pinning.subject_cores) else {
        return spawn();
    };
    let before = weighbridge_machine::local_cores();
    pin_current_thread(&[client.as_slice(), subject.as_slice()].concat());
    let spawned = spawn();
    pin_current_thread(&before);
    spawned
}

/// Copies a file or a folder, links as links, without what was built in it.
fn copy_tree(from: &Path, to: &Path) -> Result<(), Cause> {
    let failed = |error| Cause::io(format!("copy {}", from.display()), error);
    let kind = fs::symlink_metadata(from).map_err(failed)?.file_type();
    let parent = if kind.is_dir() { Some(to) } else { to.parent() };
    if let Some(parent) = parent {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(failed)?;
        return symlink(target, to).map_err(failed);
    }
    if !kind.is_dir() {
        return fs::copy(from, to).map(drop).map_err(failed);
    }
    for entry in fs::read_dir(from).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !BUILT.iter().any(|built| name == *built) {
            copy_tree(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_copied_and_what_was_built_of_them_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for inner in ["a/src", "a/target/release", "a/built"] {
            fs::create_dir_all(from.join(inner)).unwrap();
            fs::write(from.join(inner).join("file"), inner).unwrap();
        }
        symlink("src/file", from.join("a/link")).unwrap();
        copy_tree(&from.join("a"), &to.join("a")).unwrap();
        copy_tree(&from.join("a/src/file"), &to.join("alone/file")).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/link")).unwrap(), "a/src");
        assert!(to.join("a/link").is_symlink() && to.join("alone/file").is_file());
        assert!(!to.join("a/target").exists() && !to.join("a/built").exists());
        let error = copy_tree(&from.join("gone"), &to.join("gone")).unwrap_err().to_string();
        assert!(error.contains("gone"), "{error}");
    }

    #[test]
    fn the_end_of_what_was_said_is_kept() {
        let text: String = (0..20).map(|n| format!("  line {n}\n\n")).collect();
        let kept = last_lines(&text);
        assert!(kept.starts_with("line 12 | line 13") && kept.ends_with("line 19"), "{kept}");
        assert_eq!(last_lines("\n"), "");
    }
}
