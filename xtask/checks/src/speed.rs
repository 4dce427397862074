//! `cargo xtask calibrate speed`: what no run shows is read here, and all lines of `analysis/speed.toml` are judged
//! together. And `cargo xtask calibrate load`, which reads one of them.

use anyhow::{Context, Result, ensure};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;
use wait4::Wait4;
use weighbridge_build::tools;
use weighbridge_project::exit::{Exit, InterruptedError, LackingError, ReportedError};
use weighbridge_project::failures;
use weighbridge_project::files;
use weighbridge_project::process::{command, interrupted, lines, shown};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;
use weighbridge_schema::calibration_load::{LoadCalibration, Round};
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::speed::{Found, Readings, Thresholds, read_thresholds};
use weighbridge_setup::{LocalMachine, Machine as _};

/// The names of the readings in speed.toml.
const WRK: &str = "load-generator-beside-wrk";
const OHA: &str = "load-generator-beside-oha";
const ANALYSIS_TIME: &str = "analysis-time";
const ANALYSIS_MEMORY: &str = "analysis-memory";
const NOTHING_CHANGED: &str = "nothing-changed";

/// How often a program is timed: fewer values have no interval. It runs once before, for its files to be in memory.
const TURNS: u64 = 6;
/// Rows that the analysis is timed with.
const ROWS: &str = "10000000";
const ALL_FIRST: &str = "run `cargo xtask all` first";

/// The file of all lines.
#[must_use]
pub fn file(project: &Project) -> PathBuf {
    project.path("analysis/speed.toml")
}

fn thresholds(project: &Project) -> Result<Thresholds> {
    let file = file(project);
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    Ok(read_thresholds(&project.shown(&file), &text)?)
}

/// The run that shows what the claims and bounds compare, and nothing else.
///
/// # Errors
/// The file cannot be read.
pub fn request(project: &Project, profile: Profile) -> Result<RunRequest> {
    let asked = thresholds(project)?.asked();
    let mut experiments: Vec<String> =
        asked.iter().map(|line| line.experiment.to_string()).collect();
    experiments.sort();
    experiments.dedup();
    let claim = asked.into_iter().map(|line| line.name).collect();
    Ok(RunRequest { experiments, claim, profile, ..RunRequest::default() })
}

/// What a program took.
struct Used {
    status: ExitStatus,
    wall_ns: f64,
    peak_bytes: f64,
}

/// Runs a program to its end and says what it took.
fn used_by(command: &mut Command) -> Result<Used> {
    let text = shown(command);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let child = command.spawn().with_context(|| format!("run `{text}`"))?;
    let ended = child.wait4().with_context(|| format!("wait for `{text}`"))?;
    let wall_ns = begun.elapsed().as_nanos() as f64;
    ensure!(!interrupted(), InterruptedError);
    Ok(Used { status: ended.status, wall_ns, peak_bytes: ended.rusage.maxrss as f64 })
}

/// How long `cargo xtask all` takes after cargo's own check, where it has nothing to do. Whoever holds the machine's
/// lock cannot ask for that.
///
/// # Errors
/// This program cannot be started once more.
pub fn nothing_changed(project: &Project, progress: &Progress) -> Result<Found> {
    // Without it set-up would begin.
    if !project.state.join("setup.json").is_file() {
        return Ok(Found::nothing(ALL_FIRST));
    }
    progress.begin("cargo xtask all, nothing changed", TURNS + 1);
    let found = timed_all(progress).inspect_err(|_| progress.abandon())?;
    progress.end(found.remark.as_deref().unwrap_or("done"));
    Ok(found)
}

fn timed_all(progress: &Progress) -> Result<Found> {
    let this = std::env::current_exe().context("find this program")?;
    let mut values = Vec::new();
    for turn in 0..=TURNS {
        // Not cleaned: cargo has told this process which checkout it is of, and tells a user's the same.
        let mut all = Command::new(&this);
        let used = used_by(all.args(["all", "--unchanged"]).stderr(Stdio::null()))?;
        if let Some(why) = why_not_unchanged(used.status) {
            return Ok(Found::nothing(why));
        }
        progress.step(&format!("{turn}"));
        values.extend((turn > 0).then_some(used.wall_ns));
    }
    Ok(Found { values, remark: None })
}

/// Why an `all` that was to do nothing was not timed; `None` where it had nothing to do. 1 is an end, too: a claim does
/// not hold.
fn why_not_unchanged(status: ExitStatus) -> Option<String> {
    match status.code() {
        Some(0 | 1) => None,
        Some(3) => Some(ALL_FIRST.to_owned()),
        _ => Some(format!("`cargo xtask all` ended with {status}; {ALL_FIRST}")),
    }
}

/// Reads everything that no run shows, and writes it; `unchanged` is what [`nothing_changed`] gave.
///
/// # Errors
/// A program of ours cannot be built, or fails. What the machine lacks is no error: its line says so.
pub fn read(project: &Project, unchanged: Found, progress: &Progress) -> Result<PathBuf> {
    let (time, memory) = analysis(project, progress)?;
    let oha = match LocalMachine.find("oha") {
        Some(_) => "this command does not know how to run oha",
        None => "no package that set-up uses has oha",
    };
    let readings = Readings::from([
        (WRK.to_owned(), beside_wrk(project, progress)?),
        (OHA.to_owned(), Found::nothing(oha)),
        (ANALYSIS_TIME.to_owned(), time),
        (ANALYSIS_MEMORY.to_owned(), memory),
        (NOTHING_CHANGED.to_owned(), unchanged),
    ]);
    let file = project.results().join("speed-readings.json");
    files::write(&file, &serde_json::to_vec_pretty(&readings)?)?;
    Ok(file)
}

/// Time and memory of the analysis, on as many rows as the threshold names, in the shares of the published run.
fn analysis(project: &Project, progress: &Progress) -> Result<(Found, Found)> {
    let Some(published) = runs::published(project)? else {
        let nothing = Found::nothing("paper/data holds no run to make a large one of");
        return Ok((nothing.clone(), nothing));
    };
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let folder = project.state.join("speed");
    files::remove(&folder)?;
    files::make_folder(&folder)?;
    progress.begin("analysis of a large run", TURNS + 1);
    let found =
        timed_analysis(&program, &published, &folder, progress).inspect_err(|_| progress.abandon());
    files::remove(&folder)?;
    let found = found?;
    progress.end("done");
    Ok(found)
}

fn timed_analysis(
    program: &Path,
    published: &Path,
    folder: &Path,
    progress: &Progress,
) -> Result<(Found, Found)> {
    let (large, no_lines) = (folder.join("large"), folder.join("no-lines.toml"));
    files::write(&no_lines, b"")?;
    let mut multiplying = command(program);
    multiplying.arg("multiply").arg("--run").arg(published).arg("--output").arg(&large);
    let mut rows = String::new();
    let status = lines(multiplying.args(["--rows", ROWS]), |line| line.clone_into(&mut rows))?;
    ReportedError::unless(status, &[0])?;
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let mut judging = command(program);
        judging.arg("judge").arg("--run").arg(&large).arg("--claims").arg(&no_lines);
        let used = used_by(&mut judging)?;
        ReportedError::unless(used.status, &[0])?;
        progress.step(&format!("{turn}"));
        times.extend((turn > 0).then_some(used.wall_ns));
        peaks.extend((turn > 0).then_some(used.peak_bytes));
    }
    let remark = Some(rows);
    Ok((Found { values: times, remark: remark.clone() }, Found { values: peaks, remark }))
}

fn beside_wrk(project: &Project, progress: &Progress) -> Result<Found> {
    let file = match load(project, progress) {
        Ok(file) => file,
        Err(error) if error.is::<LackingError>() => return Ok(Found::nothing(error.to_string())),
        Err(error) => return Err(error),
    };
    let calibration: LoadCalibration = files::read_json(&file)?;
    let values = calibration.rounds.iter().filter_map(Round::ratio).collect();
    Ok(Found { values, remark: Some(calibration.wrk_version) })
}

/// Measures the load generator beside wrk and shows both a stall; gives the file that holds it.
///
/// # Errors
/// wrk is not there (exit code 3), or the runner cannot be built or fails.
pub fn load(project: &Project, progress: &Progress) -> Result<PathBuf> {
    let wrk = LocalMachine.find("wrk").ok_or_else(|| LackingError {
        what: "wrk, the load generator that ours is compared with".to_owned(),
        remedy: "apt-get install wrk".to_owned(),
    })?;
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    let output = project.results().join("calibration-load.json");
    files::make_folder(&project.results())?;
    let mut measuring = command(&runner);
    measuring.current_dir(&project.root).arg("calibrate-load");
    measuring.arg("--wrk").arg(&wrk).arg("--output").arg(&output);
    // Ctrl-C reaches it through us, once.
    measuring.process_group(0);
    let status = lines(&mut measuring, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    println!("calibration  {}", project.shown(&output));
    Ok(output)
}

/// Judges every line by the run in `folder` and by the file of `readings`, and prints one table.
///
/// # Errors
/// The analysis cannot be built, or refuses the file or the run.
pub fn judge(
    project: &Project,
    folder: &Path,
    readings: &Path,
    progress: &Progress,
) -> Result<Exit> {
    let (analysis, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut judging = command(&analysis);
    judging.current_dir(&project.root).arg("judge").arg("--run").arg(folder);
    judging.arg("--claims").arg(file(project)).arg("--readings").arg(readings);
    let status = lines(&mut judging, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0, 1, 3, 4])?;
    println!("lines        {}", project.shown(&file(project)));
    println!("readings     {}", project.shown(readings));
    println!("raw logs     {}", project.shown(folder));
    if let Some(failed) = failures::of(folder)? {
        println!("{failed}: the raw log says why");
    }
    Ok(match status.code() {
        Some(0) => Exit::Done,
        Some(3) => Exit::Lacking,
        Some(4) => Exit::Undecided,
        _ => Exit::DoesNotHold,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::process::ExitStatusExt;

    fn checkout() -> Project {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Project {
            state: root.join(".weighbridge"),
            target: root.join("target"),
            build: root.join("target"),
            assume_yes: false,
            root,
        }
    }

    #[test]
    fn every_reading_of_the_file_is_one_that_is_read_here_and_the_other_way_round() {
        let read = BTreeSet::from([WRK, OHA, ANALYSIS_TIME, ANALYSIS_MEMORY, NOTHING_CHANGED]);
        let thresholds = thresholds(&checkout()).unwrap();
        let named = thresholds.reading.iter().map(|reading| reading.name.as_str());
        assert_eq!(named.collect::<BTreeSet<_>>(), read);
    }

    #[test]
    fn the_run_is_asked_for_claims_and_bounds() {
        let request = request(&checkout(), Profile::Smoke).unwrap();
        for experiment in ["cold-start", "instantiation", "memory", "operations", "throughput"] {
            let count = request.experiments.iter().filter(|one| *one == experiment).count();
            assert_eq!(count, 1, "{experiment}: {:?}", request.experiments);
        }
        for line in ["instantiate-and-drop", "cold-start-beside-native"] {
            assert!(request.claim.iter().any(|one| one == line), "{:?}", request.claim);
        }
        assert!(!request.claim.iter().any(|one| one == WRK), "{:?}", request.claim);
    }

    #[test]
    fn an_all_that_would_do_something_is_not_timed() {
        let ended = |code: i32| why_not_unchanged(ExitStatus::from_raw(code << 8));
        assert_eq!((ended(0), ended(1)), (None, None));
        assert_eq!(ended(3).as_deref(), Some("run `cargo xtask all` first"));
        assert!(ended(2).is_some_and(|why| why.contains("exit status: 2")));
        // It must have been set up before it can be unchanged.
        let folder = tempfile::tempdir().unwrap();
        let project = Project { state: folder.path().to_owned(), ..checkout() };
        let found = nothing_changed(&project, &Progress::new()).unwrap();
        assert_eq!(found, Found::nothing(ALL_FIRST));
    }

    #[test]
    fn time_and_memory_are_those_of_the_program() {
        let used = used_by(&mut Command::new("true")).unwrap();
        assert!(used.status.success() && used.wall_ns > 0.0 && used.peak_bytes > 0.0);
        let error = used_by(&mut Command::new("no-such-program")).err().unwrap();
        assert!(format!("{error:#}").contains("run `no-such-program`"), "{error:#}");
    }
}
