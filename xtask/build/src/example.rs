//! `cargo xtask build --example NAME`: a service that is not ours, built by the toolchains that ours is built by, into
//! `examples/NAME/built/`. What any other build leaves in any other place will do as well.

use crate::cargo::Build;
use crate::made::copy;
use crate::tools;
use anyhow::{Context, Result, ensure};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use weighbridge_project::exit::Exit;
use weighbridge_project::files::make_folder;
use weighbridge_project::process::{check, command, lines, shown};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_setup::{Need, provide, toolchain};

/// What examples need.
const NEEDS: &[Need] = &[Need::CCompiler, Need::WasmComponent, Need::StaticNative];

/// Builds the package `example-NAME`: its program, its component, and the image of its program.
///
/// # Errors
/// There is no such example, a target is missing (exit code 3), or the build failed.
pub fn run(project: &Project, name: &str, progress: &Progress) -> Result<Exit> {
    let folder = project.path("examples").join(name);
    let known = names(project)?;
    ensure!(
        known.iter().any(|known| known == name),
        "no example `{name}`; there are: {}",
        known.join(", ")
    );
    let provided = provide(project, NEEDS, progress)?;
    let native = toolchain(&provided, Need::StaticNative)?;
    let component = toolchain(&provided, Need::WasmComponent)?;
    let built = folder.join("built");
    make_folder(&built)?;

    let package = format!("example-{name}");
    let (program, module) = (built.join(name), built.join(format!("{name}.wasm")));
    for (target, arguments, made, to) in [
        (native, &["--bin", name][..], name.to_owned(), &program),
        (component, &["--lib"], format!("{}.wasm", name.replace('-', "_")), &module),
    ] {
        let build = Build {
            package: &package,
            within_workspace: false,
            profile: "release",
            arguments,
            toolchain: Some(target),
            env: &[],
        };
        build.run(project, progress)?;
        copy(&project.target.join(&target.triple).join("release").join(made), to)?;
    }
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} executable", program.display()))?;
    image(project, &program, &built.join("image.tar"), progress)?;
    println!("built: {}", project.shown(&built));
    println!("next: cargo xtask run {name}");
    Ok(Exit::Done)
}

fn image(project: &Project, program: &Path, to: &Path, progress: &Progress) -> Result<()> {
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    let mut image = command(runner);
    image.arg("image").arg("--binary").arg(program).arg("--output").arg(to);
    let text = shown(&image);
    let status = lines(&mut image, |_| ())?;
    check(&text, status)
}

/// The folders below `examples/` that are packages.
fn names(project: &Project) -> Result<Vec<String>> {
    let folder = project.path("examples");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    let packages = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path: &PathBuf| path.join("Cargo.toml").is_file());
    let mut names: Vec<String> = packages
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
