//! Programs of a separate root that start themselves again, as an OCI runtime does through `/proc/self/exe`, or one
//! another by name, as `dockerd` does: with the root's loader before them they would start the loader again, or find
//! nothing. What is started are copies, into which loader and library path of their root are written.

use super::cargo_install::provide;
use super::made::Made;
use super::separate_root::{Root, Wanted};
use crate::context::Context;
use crate::machine::Step;
use crate::packages;
use anyhow::{Context as _, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use weighbridge_project::files::make_folder;

/// The folder of the copies within the root. Not `bin`, which a package may make a link to where the originals lie.
const FOLDER: &str = "relinked";

/// Copies the programs that are to be relinked into one folder, beside each other. The command is the copy of the
/// program that is wanted; the libraries are those of all.
///
/// # Errors
/// The packages lack one of the programs, the wanted one is not among them, or `patchelf` cannot be had or refuses one.
pub(super) fn copies(
    context: &Context<'_>,
    wanted: &Wanted<'_>,
    root: &Root<'_>,
    detail: BTreeMap<String, String>,
) -> Result<Made> {
    ensure!(
        wanted.relinked.iter().any(|path| path == wanted.program),
        "{} is not in `relinked`, which names every program that is started",
        wanted.program
    );
    provide(context, &["patchelf".to_owned()]);
    let folder = root.folder.join(FOLDER);
    make_folder(&folder)?;
    let mut libraries = BTreeSet::new();
    for path in wanted.relinked {
        let original = root.folder.join(path);
        libraries.extend(copy(context, root, &original, &copy_of(&folder, &original))?);
    }
    let program = copy_of(&folder, Path::new(wanted.program));
    let command = vec![program.display().to_string()];
    Ok(Made { command, program, libraries: libraries.into_iter().collect(), detail })
}

fn copy_of(folder: &Path, original: &Path) -> PathBuf {
    folder.join(original.file_name().unwrap_or_default())
}

/// Gives the libraries of the program; a static one has none, and needs no loader to be written in.
fn copy(
    context: &Context<'_>,
    root: &Root<'_>,
    original: &Path,
    copy: &Path,
) -> Result<Vec<PathBuf>> {
    std::fs::copy(original, copy)
        .with_context(|| format!("can't copy {} to {}", original.display(), copy.display()))?;
    // The loader ends with 0 for what it would load, 1 for a static program, 2 for what names no loader (rtld.c of
    // glibc). `--list` would do for neither: at the sight of a static program it crashed (2.43).
    if context.machine.run(&root.ask_loader("--verify", original)).is_err() {
        return Ok(Vec::new());
    }
    let libraries = root.libraries_of(context, original)?;
    let (loader, file) = (root.loader.display().to_string(), copy.display().to_string());
    // RPATH and not RUNPATH: it holds for the libraries of libraries too (ld.so(8)).
    let words = ["--set-interpreter", &loader, "--force-rpath", "--set-rpath", &root.library_path];
    let words = words.into_iter().chain([file.as_str()]);
    let written = context.machine.run(&Step::new("patchelf", words));
    written.with_context(|| {
        format!("can't write the loader into {file}; {}", packages::line(&["patchelf"]))
    })?;
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};
    use anyhow::bail;

    const PROGRAMS: [&str; 3] = ["usr/sbin/daemon", "usr/bin/runtime", "usr/bin/init"];

    /// A machine whose root holds a daemon, a runtime and a static program.
    fn machine() -> FakeMachine {
        FakeMachine::debian()
            .on("${db:Status-Status} patchelf", |_, _| bail!("no packages found"))
            .on("apt-get", |_, _| Ok(String::new()))
            .on("--verify", |_, step| match step.to_string().ends_with("usr/bin/init") {
                true => bail!("exit status: 1"),
                false => Ok(String::new()),
            })
            .on("--list", |_, step| {
                let path = &step.arguments[1];
                let folder = path.split(':').next().unwrap();
                Ok(format!(
                    "\tlibc.so.6 => {folder}/libc.so.6 (0x7f01)\n\tlibz.so => /lib/libz.so (0x7f)\n"
                ))
            })
            .on("patchelf", |_, _| Ok(String::new()))
    }

    fn made(bench: &Bench, machine: &FakeMachine, program: &str) -> Result<Made> {
        let folder = bench.state.join("root");
        for path in PROGRAMS {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, path).unwrap();
        }
        let relinked = PROGRAMS.map(str::to_owned);
        let wanted = Wanted {
            suite: "forky",
            package: "daemon",
            packages: vec!["daemon=1".to_owned()],
            program,
            relinked: &relinked,
        };
        let root = Root {
            folder: &folder,
            loader: folder.join("usr/lib64/ld.so"),
            library_path: format!("{0}/usr/lib:{0}/lib", folder.display()),
        };
        bench.call(machine, false, |context| copies(context, &wanted, &root, BTreeMap::new()))
    }

    #[test]
    fn copies_lie_beside_each_other_with_the_loader_written_in_and_a_static_program_stays_as_it_is()
    {
        let (bench, machine) = (Bench::new("relinked"), machine());
        let made = made(&bench, &machine, "usr/sbin/daemon").unwrap();
        let root = bench.state.join("root");
        let at = |path: &str| root.join(path);
        assert_eq!(made.command, [at("relinked/daemon").display().to_string()]);
        assert_eq!(made.program, at("relinked/daemon"));
        assert_eq!(made.libraries, [at("usr/lib/libc.so.6"), at("usr/lib64/ld.so")]);
        for (path, name) in PROGRAMS.iter().zip(["daemon", "runtime", "init"]) {
            assert_eq!(std::fs::read_to_string(at("relinked").join(name)).unwrap(), *path);
        }
        let shown = root.display();
        for name in ["daemon", "runtime"] {
            let step = format!(
                "patchelf --set-interpreter {shown}/usr/lib64/ld.so --force-rpath --set-rpath \
                 {shown}/usr/lib:{shown}/lib {shown}/relinked/{name}"
            );
            assert_eq!(machine.count(&step), 1, "{:?}", machine.steps);
        }
        assert_eq!(machine.count("patchelf --set-interpreter"), 2, "{:?}", machine.steps);
        assert_eq!(machine.count("--no-install-recommends patchelf"), 1, "{:?}", machine.steps);
        assert_eq!(std::fs::read_to_string(at("usr/sbin/daemon")).unwrap(), "usr/sbin/daemon");
    }

    #[test]
    fn a_program_whose_libraries_are_missing_is_not_taken_for_a_static_one() {
        let bench = Bench::new("relinked-missing");
        let machine = FakeMachine::debian()
            .on("--verify", |_, _| Ok(String::new()))
            .on("--list", |_, _| bail!("libblake3.so.0: cannot open shared object file"));
        let error = made(&bench, &machine, "usr/sbin/daemon").err().unwrap().to_string();
        assert!(error.contains("libblake3.so.0"), "{error}");
    }

    #[test]
    fn the_program_that_is_started_must_be_one_of_the_copies() {
        let bench = Bench::new("relinked-without");
        let error = made(&bench, &machine(), "usr/bin/other").err().unwrap().to_string();
        assert!(error.starts_with("usr/bin/other is not in `relinked`"), "{error}");
    }
}
