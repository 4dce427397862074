//! `cargo xtask test --fleet`: a fleet on a real Slurm of two nodes on this machine, one of which is killed on the way.

use super::fleet::{Submit, Which, collect, submit};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weighbridge_elsewhere::fleet::{self, Fleet};
use weighbridge_elsewhere::merge::Part;
use weighbridge_project::files;
use weighbridge_project::process::interrupted;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::Context as SetupContext;
use weighbridge_setup::slurm_test::{Cluster, NODES};

/// The node that is killed, and so many of its trials are there by then.
const KILLED: &str = NODES[0].0;
const TRIALS_BEFORE: u64 = 3;
const LIMIT: Duration = Duration::from_secs(900);

/// Submits, kills a node, starts it again, and looks at what was collected.
///
/// # Errors
/// Slurm is not installed, or something did not come out as it must.
pub fn run(project: &Project, progress: &Progress) -> Result<()> {
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let context = SetupContext::of(project, &reporter);
    let cluster = Cluster::of(&context);
    cluster.start(&context)?;
    let checked = check(project, &context, &cluster, progress);
    let stopped = cluster.stop();
    checked.and(stopped)
}

fn check(
    project: &Project,
    context: &SetupContext<'_>,
    cluster: &Cluster,
    progress: &Progress,
) -> Result<()> {
    let shared = project.state.join("fleet-test");
    files::remove(&shared)?;
    let what = Submit {
        choice: RunRequest {
            experiments: ["throughput", "artifact-size", "equivalence"].map(str::to_owned).into(),
            subject: ["native", "wasmtime-aot"].map(str::to_owned).into(),
            workload: vec!["healthz".to_owned()],
            profile: Profile::Quick,
            arch: Architecture::ALL.to_vec(),
            ..RunRequest::default()
        },
        block_size: Some(4),
        dir: Some(shared.clone()),
        // Both nodes are this machine.
        nodes: Architecture::from_str(std::env::consts::ARCH, false).into_iter().collect(),
        ..Submit::default()
    };
    let slurm = |program: &str| {
        let mut command = cluster.command(program);
        // Jobs inherit it: what the nodes unpack goes with the rest.
        command.env("WEIGHBRIDGE_NODE_FOLDER", shared.join("node"));
        command
    };
    let folder = submit(project, &what, progress, slurm)?;
    let fleet = Fleet::read(&folder)?;
    let begun = Instant::now();

    let before = wait(&folder, &fleet, cluster, begun, |one| {
        one.done.is_none()
            && one.node.as_deref() == Some(KILLED)
            && one.trials_done >= TRIALS_BEFORE
    })?;
    cluster.kill_node(KILLED)?;
    progress.note(&format!("  {KILLED} killed in the middle of {before}"));
    wait(&folder, &fleet, cluster, begun, |one| {
        one.element.name() == before
            && one.done.is_none()
            && one.state.as_deref().is_some_and(|state| state.starts_with("pending"))
    })
    .context("Slurm did not put the element back into the queue")?;
    let kept = log_of(&folder, &before)?;
    progress.note(&format!("  {before} was put back into the queue; starting {KILLED} again"));
    cluster.start_node(context, KILLED)?;
    loop {
        let found = fleet::progress(&folder, &fleet, slurm)?;
        if found.iter().all(|one| one.done.is_some()) {
            break;
        }
        rest(&folder, begun)?;
    }

    let which = Which { run: None, dir: Some(shared.clone()) };
    let run = collect(project, &which, &shared.join("results"), slurm)?;
    look_at(&run, &kept)?;
    files::remove(&shared)
}

/// Waits for an element of which `is_so`; gives its name.
fn wait(
    folder: &Path,
    fleet: &Fleet,
    cluster: &Cluster,
    begun: Instant,
    is_so: impl Fn(&fleet::Progress) -> bool,
) -> Result<String> {
    loop {
        let found = fleet::progress(folder, fleet, |program| cluster.command(program))?;
        if let Some(one) = found.iter().find(|one| is_so(one)) {
            return Ok(one.element.name());
        }
        ensure!(found.iter().any(|one| one.done.is_none()), "the fleet has ended before that");
        rest(folder, begun)?;
    }
}

fn rest(folder: &Path, begun: Instant) -> Result<()> {
    ensure!(!interrupted(), weighbridge_project::exit::InterruptedError);
    if begun.elapsed() > LIMIT {
        bail!("the fleet does not end; see {}", folder.join("log").display());
    }
    std::thread::sleep(Duration::from_millis(100));
    Ok(())
}

/// The whole lines that the killed element had written.
fn log_of(folder: &Path, element: &str) -> Result<Vec<String>> {
    let part: PathBuf = folder.join("parts").join(format!("{element}-{KILLED}.partial"));
    let text = std::fs::read_to_string(part.join("observations.jsonl"))
        .with_context(|| format!("read the log in {}", part.display()))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    Ok(whole.lines().map(str::to_owned).collect())
}

/// Both architectures are there, each trial once, and what the killed node had measured was not measured again.
fn look_at(run: &Path, kept: &[String]) -> Result<()> {
    let part = Part::read(run)?;
    let planned: BTreeSet<_> = part.manifest.plan.iter().collect();
    let visits: Vec<_> = part.observations.iter().filter(|o| o.repeat == 0).collect();
    let visited: BTreeSet<_> = visits.iter().map(|o| &o.trial).collect();
    ensure!(
        planned == visited && visits.len() == planned.len(),
        "{} trials were planned, {} visits to {} of them are there",
        planned.len(),
        visits.len(),
        visited.len()
    );
    for (node, architecture) in NODES {
        let of_it = visits.iter().filter(|o| o.trial.cell.architecture == architecture);
        let is_right = of_it.clone().all(|o| o.machine.as_deref() == Some(node));
        ensure!(of_it.clone().count() > 0 && is_right, "{architecture} was not measured on {node}");
        let emulated = architecture != std::env::consts::ARCH;
        let shown: BTreeSet<bool> = of_it.map(|o| o.emulated).collect();
        ensure!(
            emulated || shown == BTreeSet::from([false]),
            "{architecture} was emulated on {node}"
        );
    }
    for line in kept {
        let line: weighbridge_schema::record::Observation = serde_json::from_str(line)?;
        let is_there = part.observations.iter().any(|o| {
            o.trial == line.trial
                && o.repeat == line.repeat
                && o.started_at_unix_ns == line.started_at_unix_ns
        });
        ensure!(is_there, "a trial that the killed node had measured was measured again");
    }
    println!(
        "{} trials, each once; {} of them measured before the node was killed",
        planned.len(),
        kept.len()
    );
    Ok(())
}
