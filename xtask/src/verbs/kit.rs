//! `cargo xtask kit`: one archive of a published run that stands on its own, for a reader who builds nothing.

use super::analyze::Output;
use super::run::NEEDS;
use super::{analyze, paper};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use weighbridge_build::{artifacts, tools};
use weighbridge_elsewhere::kit::Contents;
use weighbridge_elsewhere::kit::published::{Published, pack};
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::files;
use weighbridge_project::process::{command, lines, run as call};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;
use weighbridge_setup::{Need, Setup, provide, toolchain};

/// Of which run, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// The run: its folder, or its name in `results/` or `paper/data/`; the published one when none is given.
    run: Option<PathBuf>,
    /// The archive; results/weighbridge-kit-RUN.tar.gz when none is given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder of the artifacts that were measured, named as their instruction set; those of the last build when none
    /// is given.
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,
}

/// Lays the kit out, has the analysis check it as its readers will, and packs it.
///
/// # Errors
/// There is no such run, something cannot be built, or the kit does not pass its own check: then nothing is packed.
pub fn run(project: &Project, requested: &Requested, progress: &Progress) -> Result<Exit> {
    let name = requested.run.as_deref();
    let output = requested.output.as_deref();
    let (output, folder) = make(project, name, requested.artifacts.as_deref(), output, progress)?;
    println!("{}", project.shown(&output));
    println!("to check it anywhere: tar -xf it, cd {folder}, ./weighbridge verify --published");
    Ok(Exit::Done)
}

/// Makes the archive of a run, and tells where it is and which folder it unpacks to.
///
/// # Errors
/// As [`run`].
pub fn make(
    project: &Project,
    named: Option<&Path>,
    artifacts: Option<&Path>,
    output: Option<&Path>,
    progress: &Progress,
) -> Result<(PathBuf, String)> {
    let run = match named {
        Some(named) => analyze::choose(project, Some(named))?,
        None => runs::published(project)?.context("paper/data holds no run to make a kit of")?,
    };
    let run = run.canonicalize().with_context(|| format!("look up {}", run.display()))?;
    let setup = provide(project, &[NEEDS, &[Need::Tex]].concat(), progress)?;
    let published = parts(project, artifacts, &run, &setup, progress)?;
    let (analysis, _) = tools::ensure(project, tools::ANALYSIS, progress)?;

    let parent = project.state.join("kit");
    let name = published.name()?;
    let folder = parent.join(&name);
    progress.begin("lay the kit out", 0);
    published.fill(&folder).inspect_err(|_| progress.abandon())?;
    progress.end("done");
    if !is_as_published(&analysis, &folder, &published)? {
        bail!(
            "no kit was made: what differs stands above. A kit holds what was measured: check out the commit that \
             {} names and build there, or name its artifacts by --artifacts",
            project.shown(&run.join("manifest.json"))
        );
    }
    let mut describe = of_kit(&analysis, "describe", &folder, &published)?;
    call(describe.arg("--kit").arg(&folder))?;
    let default = || project.results().join(format!("{name}.tar.gz"));
    let output = output.map_or_else(default, Path::to_owned);
    progress.begin("pack it", 0);
    pack(&parent, &name, &output).inspect_err(|_| progress.abandon())?;
    progress.end("done");
    files::remove(&folder)?;
    Ok((output, name))
}

fn parts(
    project: &Project,
    artifacts: Option<&Path>,
    run: &Path,
    setup: &Setup,
    progress: &Progress,
) -> Result<Published> {
    let artifacts = match artifacts {
        Some(folder) => {
            folder.canonicalize().with_context(|| format!("look up {}", folder.display()))?
        }
        None => artifacts::artifacts(project, setup, &[], false, progress)?,
    };
    let toolchain = toolchain(setup, Need::StaticNative)
        .map_err(|lacking| anyhow::anyhow!("a kit needs static programs: {lacking}"))?;
    let runner = tools::static_program(project, tools::RUNNER, toolchain, progress)?;
    let analysis = tools::static_program(project, tools::ANALYSIS, toolchain, progress)?;
    let output = Output::of_run(run);
    let _ = analyze::build_step(project, run, &output, paper::missing(setup), false, progress)?;
    if let Some(reason) = paper::missing(setup) {
        bail!("a kit holds the paper, which TeX makes: {reason}");
    }
    paper::build_step(project, &output, false, progress)?;
    let data = project.path("paper/data");
    let calibrations = ["calibration.json", "calibration-load.json"].map(|name| data.join(name));
    Ok(Published {
        contents: Contents { root: project.root.clone(), runner, artifacts: vec![artifacts] },
        run: run.to_owned(),
        calibrations: calibrations.into_iter().filter(|path| path.is_file()).collect(),
        analysis,
        pdf: output.pdf,
        generated: output.generated,
    })
}

/// What the kit's own `./weighbridge verify --published` does, but for the digests, which are not there yet.
fn is_as_published(analysis: &Path, folder: &Path, published: &Published) -> Result<bool> {
    let mut check = of_kit(analysis, "published", folder, published)?;
    check.arg("--published").arg(folder.join("paper/published"));
    check.arg("--sections").arg(folder.join("paper/sections"));
    for one in &published.contents.artifacts {
        let name = one.file_name().context("an artifact folder without a name")?;
        check.arg("--artifacts").arg(folder.join("artifacts").join(name));
    }
    let work = folder.with_extension("work");
    check.arg("--work").arg(&work);
    let status = lines(&mut check, |line| println!("{line}"))?;
    files::remove(&work)?;
    ReportedError::unless(status, &[0, 1])?;
    Ok(status.success())
}

fn of_kit(analysis: &Path, verb: &str, folder: &Path, published: &Published) -> Result<Command> {
    let run = published.run.file_name().context("the folder of the run has no name")?;
    let claims = folder.join("claims.toml");
    ensure!(claims.is_file(), "{} is missing", claims.display());
    let mut program = command(analysis);
    program.arg(verb).arg("--run").arg(folder.join("data").join(run)).arg("--claims").arg(claims);
    let calibration = folder.join("data/calibration.json");
    if calibration.is_file() {
        program.arg("--calibration").arg(calibration);
    }
    Ok(program)
}
