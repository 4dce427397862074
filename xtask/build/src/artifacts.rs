//! The measured artifacts of each architecture, with their digests in `artifacts.json`.

mod guests;

use crate::cargo::Build;
use crate::forecast::{GUESTS_S, Step};
use crate::made::{copy, keep, quietly};
use crate::names::{
    AHEAD_OF_TIME, BASED_IMAGES, COMPILED_FOR_EACH, GUESTS, HOST_COMPILER, IMAGE, NATIVE, PLUGIN,
    PROBE_IMAGE, PROBE_NATIVE, PROGRAMS, WAITING_IMAGE, WAITING_NATIVE,
};
use crate::{recipes, record, tools};
use anyhow::Result;
use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weighbridge_project::build_step::{self, Parts};
use weighbridge_project::files;
use weighbridge_project::inputs::Inputs;
use weighbridge_project::process::command;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_setup::{Need, Setup, TargetToolchain, roots, toolchain};

/// What the measured programs are made of.
pub(crate) const SOURCES: [&str; 5] =
    ["service", "Cargo.lock", "Cargo.toml", "rust-toolchain.toml", ".cargo/config.toml"];

/// What writes the images, of the runner's sources.
const IMAGE_WRITER: &str = "experiments/runner/src/image";
/// What the emulators' plugin is made of.
const PLUGIN_SOURCES: &str = "experiments/instructions";
/// What the program that times operations holds besides.
const TIMED_IMAGES: &str = "experiments/corpus";

/// The needs of a build for this machine.
pub const NEEDS: &[Need] = &[
    Need::CCompiler,
    Need::WasmComponent,
    Need::WasmCommand,
    Need::StaticNative,
    Need::ImageDebian,
    Need::ImageAlpine,
];

/// Every architecture that was requested can be built for.
///
/// # Errors
/// One cannot; exit code 3.
pub fn require(setup: &Setup, architectures: &[Architecture]) -> Result<()> {
    for architecture in Architecture::foreign(architectures) {
        toolchain(setup, Need::static_foreign(architecture))?;
    }
    Ok(())
}

/// The folders of the artifacts, this machine's first.
#[must_use]
pub fn folders(local: &Path, architectures: &[Architecture]) -> Vec<PathBuf> {
    let foreign = Architecture::foreign(architectures);
    let siblings = foreign.iter().map(|architecture| local.with_file_name(architecture.name()));
    std::iter::once(local.to_owned()).chain(siblings).collect()
}

/// Builds everything unless nothing has changed, and returns this machine's folder; the other
/// architectures' lie beside it. One that cannot be built for is left out and said so: what needs its artifacts
/// is then not measured.
///
/// # Errors
/// A target is missing (exit code 3) or the build failed.
pub fn artifacts(
    project: &Project,
    setup: &Setup,
    architectures: &[Architecture],
    force: bool,
    progress: &Progress,
) -> Result<PathBuf> {
    let runner = || anyhow::Ok(tools::ensure(project, tools::RUNNER, progress)?.0);
    let local = with_runner(project, setup, architectures, &runner, force, progress)?;
    runner()?;
    recipes::write(project, setup, &local)?;
    Ok(local)
}

/// As [`artifacts`], with the runner that `runner` gives. It is asked for when cargo has built all else: until then its
/// own build may go on beside the others ([`tools::begin`]).
pub(crate) fn with_runner(
    project: &Project,
    setup: &Setup,
    architectures: &[Architecture],
    runner: &dyn Fn() -> Result<PathBuf>,
    force: bool,
    progress: &Progress,
) -> Result<PathBuf> {
    let local = project.artifacts();
    let sources = Inputs::default().paths(&project.root, &SOURCES)?.digest();
    let common =
        Common { project, setup, runner, local: &local, sources: &sources, force, progress };
    common.build(ARCH, Need::StaticNative)?;
    for architecture in Architecture::foreign(architectures) {
        let need = Need::static_foreign(architecture);
        match toolchain(setup, need) {
            Ok(_) => common.build(architecture.name(), need)?,
            Err(lacking) => {
                progress.note(&format!("nothing is built for {architecture}: {lacking}"));
            }
        }
    }
    Ok(local)
}

/// What [`with_runner`] would build, with durations from nothing.
///
/// # Errors
/// The sources cannot be read.
pub(crate) fn stale(
    project: &Project,
    setup: &Setup,
    architectures: &[Architecture],
    force: bool,
) -> Result<Vec<Step>> {
    let local = project.artifacts();
    let runner = || anyhow::Ok(project.tool(tools::RUNNER));
    let sources = Inputs::default().paths(&project.root, &SOURCES)?.digest();
    let progress = Progress::new();
    let common = Common {
        project,
        setup,
        runner: &runner,
        local: &local,
        sources: &sources,
        force,
        progress: &progress,
    };
    let foreign = Architecture::foreign(architectures).into_iter();
    let foreign = foreign.map(|one| (one.name(), Need::static_foreign(one)));
    let mut steps = Vec::new();
    for (architecture, need) in std::iter::once((ARCH, Need::StaticNative)).chain(foreign) {
        // What cannot be built for is said by the build.
        let Some(native) = setup.target(need) else { continue };
        let folder = local.with_file_name(architecture);
        let inputs = common.inputs(native, need, &folder)?;
        if !common.is_fresh(architecture, &inputs) {
            for (package, arguments, _, name, otherwise_s) in PROGRAMS {
                let build = Common::of_release(package, arguments, native);
                steps.push(Step::of(project, name, &build, otherwise_s));
            }
            let duration = Duration::from_secs(GUESTS_S);
            let guests = Step { name: "guests", duration, is_of_here: false };
            steps.extend((folder == local).then_some(guests));
        }
    }
    Ok(steps)
}

/// What the builds of all architectures share.
struct Common<'a> {
    project: &'a Project,
    setup: &'a Setup,
    /// Gives the runner, which writes the images.
    runner: &'a dyn Fn() -> Result<PathBuf>,
    /// The folder of this machine's artifacts.
    local: &'a Path,
    /// Digest of the sources: what a program tells of itself in `GET /v1/info`. Nothing of the machine is in
    /// it, or no two machines would build the same.
    sources: &'a str,
    force: bool,
    progress: &'a Progress,
}

impl Common<'_> {
    fn build(&self, architecture: &str, need: Need) -> Result<()> {
        let native = toolchain(self.setup, need)?;
        let folder = self.local.with_file_name(architecture);
        let inputs = self.inputs(native, need, &folder)?;
        let build_step = step_name(architecture);
        if self.is_fresh(architecture, &inputs) {
            let title = format!("build for {architecture}");
            self.progress.skipped(&title, "sources and toolchains are unchanged");
            return Ok(());
        }
        if let Some(why) = build_step::why_again(self.project, &build_step, &inputs) {
            self.progress.note(&format!("  built again for {architecture}: {why}"));
        }
        files::make_folder(&folder)?;
        self.programs(native, &folder)?;
        self.guests(&folder)?;
        let mut files = [&COMPILED_FOR_EACH[..], &GUESTS].concat();
        if folder == self.local {
            self.plugin(&folder)?;
            files.push(PLUGIN);
        }
        let runner = (self.runner)()?;
        let title = format!("compile the component for {architecture}, write the image");
        self.progress.begin(&title, 0);
        self.finish(architecture, native, &runner, &folder)
            .inspect_err(|_| self.progress.abandon())?;
        self.progress.end("done");
        if folder == self.local {
            self.modules(&runner, &folder)?;
            for (file, root) in self.roots() {
                self.image(architecture, &runner, Some(&root), &folder, (NATIVE, file))?;
                files.push(file);
            }
        }
        let guests = [self.component()?, self.wasm_command()?];
        let built = record::Built { architecture, native, need, guests };
        let outputs = record::write(self.project, &folder, &files, &built, self.setup)?;
        build_step::done_with(self.project, &build_step, &inputs, &outputs, "built")
    }

    fn is_fresh(&self, architecture: &str, inputs: &Parts) -> bool {
        let stamp = || build_step::fresh(self.project, &step_name(architecture), &inputs.digest());
        !self.force && stamp().is_some()
    }

    fn inputs(&self, native: &TargetToolchain, need: Need, folder: &Path) -> Result<Parts> {
        let root = &self.project.root;
        let of = |path| anyhow::Ok(Inputs::default().path(root, path)?.digest());
        let mut parts = Parts::default()
            .with("sources", self.sources)
            .with("image writer", of(IMAGE_WRITER)?)
            .with("plugin", of(PLUGIN_SOURCES)?)
            .with("timed images", of(TIMED_IMAGES)?)
            .with("versions found", record::found(self.setup, need))
            .with("folder", folder.to_string_lossy());
        let local = toolchain(self.setup, Need::StaticNative)?;
        for toolchain in [native, local, self.component()?, self.wasm_command()?] {
            let name = format!("toolchain {}", toolchain.triple);
            parts = parts.with(&name, serde_json::to_string(toolchain)?);
        }
        if folder == self.local {
            for (file, root) in self.roots() {
                parts = parts.with(file, root.to_string_lossy());
            }
        }
        Ok(parts)
    }

    /// The images that can be built on a root file system, and those.
    fn roots(&self) -> Vec<(&'static str, PathBuf)> {
        let root = |need| roots::of(self.setup, need, &self.project.state);
        BASED_IMAGES.iter().filter_map(|&(need, file)| Some((file, root(need)?))).collect()
    }

    fn component(&self) -> Result<&TargetToolchain> {
        toolchain(self.setup, Need::WasmComponent)
    }

    fn wasm_command(&self) -> Result<&TargetToolchain> {
        toolchain(self.setup, Need::WasmCommand)
    }

    /// The build of a measured program.
    fn of_release<'a>(
        package: &'a str,
        arguments: &'a [&'a str],
        toolchain: &'a TargetToolchain,
    ) -> Build<'a> {
        Build {
            package,
            within_workspace: false,
            profile: "release",
            arguments,
            toolchain: Some(toolchain),
            env: &[],
        }
    }

    fn release(
        &self,
        package: &str,
        arguments: &[&str],
        toolchain: &TargetToolchain,
        made: &str,
        to: &Path,
    ) -> Result<()> {
        let digest = [("WEIGHBRIDGE_BUILD_DIGEST", &self.sources[..16])];
        let build = Build { env: &digest, ..Self::of_release(package, arguments, toolchain) };
        build.run(self.project, self.progress)?;
        keep(self.project, toolchain, made, to)
    }

    /// The native programs.
    fn programs(&self, native: &TargetToolchain, folder: &Path) -> Result<()> {
        for (package, arguments, name, ..) in PROGRAMS {
            self.release(package, arguments, native, package, &folder.join(name))?;
        }
        // Of what the service's own build has compiled already, and little besides: no forecast counts them.
        for name in [PROBE_NATIVE, WAITING_NATIVE] {
            self.release(name, &["--bin", name], native, name, &folder.join(name))?;
        }
        Ok(())
    }

    /// The emulator's plugin: a shared library for the emulator's own C library, and so of the machine's own target.
    fn plugin(&self, folder: &Path) -> Result<()> {
        let build = Build {
            package: "weighbridge-instructions",
            within_workspace: false,
            profile: "release",
            arguments: &[],
            toolchain: None,
            env: &[],
        };
        build.run(self.project, self.progress)?;
        copy(&self.project.target.join("release").join(PLUGIN), &folder.join(PLUGIN))
    }

    /// What cargo does not make: components compiled ahead of time, by this machine's compiler for the
    /// architecture, and the images of the binaries.
    fn finish(
        &self,
        architecture: &str,
        native: &TargetToolchain,
        runner: &Path,
        folder: &Path,
    ) -> Result<()> {
        for (component, options, compiled) in AHEAD_OF_TIME {
            let mut compile = command(self.local.join(HOST_COMPILER));
            compile.arg("compile").arg(folder.join(component)).args(options);
            compile.args(["--target", &native.triple]);
            if let Some(level) = record::level(architecture) {
                compile.args(["--cpu", level]);
            }
            compile.arg("--output").arg(folder.join(compiled));
            quietly(compile)?;
        }
        self.image(architecture, runner, None, folder, (PROBE_NATIVE, PROBE_IMAGE))?;
        self.image(architecture, runner, None, folder, (WAITING_NATIVE, WAITING_IMAGE))?;
        self.image(architecture, runner, None, folder, (NATIVE, IMAGE))
    }

    /// The image `file` of a binary, FROM scratch or on a root file system.
    fn image(
        &self,
        architecture: &str,
        runner: &Path,
        base: Option<&Path>,
        folder: &Path,
        (binary, file): (&str, &str),
    ) -> Result<()> {
        let mut image = command(runner);
        image.args(["image", "--architecture", architecture]);
        if let Some(base) = base {
            image.arg("--base").arg(base);
        }
        image.arg("--binary").arg(folder.join(binary));
        image.arg("--output").arg(folder.join(file));
        quietly(image)
    }
}

fn step_name(architecture: &str) -> String {
    format!("build-{architecture}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_where_it_is_digested() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        for source in SOURCES.iter().chain(&[IMAGE_WRITER, PLUGIN_SOURCES, TIMED_IMAGES]) {
            // What is not there would count as absent, and a change in it as none.
            assert!(root.join(source).exists(), "{source}");
        }
    }
}
