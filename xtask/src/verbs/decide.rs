//! `cargo xtask decide`: what a load costs in every packing, by what a run has measured.

use super::analyze;
use anyhow::{Context, Result};
use std::path::PathBuf;
use weighbridge_build::tools;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;

/// What stands below the help.
pub const EXAMPLES: &str = "Examples:
  cargo xtask decide --rate 3/min --cpu-per-request 12ms --tenants 200 --bound 250ms
  cargo xtask decide 2026-01-31T12-00-00Z-quick --rate 20/s --cpu-per-request 80us --tenants 5 --prices mine.toml

Exit codes: 0 one packing is to be taken; 1 every one is above the bound; 2 usage or failure;
3 the run has measured none as far as the model needs it; 4 the intervals leave it open.";

/// What is asked. The program that computes knows what the words mean.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// The run: its folder, or its name in `results/` or `paper/data/`; the published one when none is given.
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// Requests to each tenant, such as 3/min, 20/s or 0.5/h.
    #[arg(long, value_name = "RATE")]
    rate: String,
    /// CPU time of a request to the native service, such as 12ms.
    #[arg(long, value_name = "TIME")]
    cpu_per_request: String,
    /// Tenants, all asked alike.
    #[arg(long, value_name = "NUMBER")]
    tenants: String,
    /// Bound on the 99th percentile of latency, such as 250ms; none unless given.
    #[arg(long, value_name = "TIME")]
    bound: Option<String>,
    /// After so long without a request a tenant is ended, where it is ended at all [default: 60s].
    #[arg(long, value_name = "TIME")]
    tau: Option<String>,
    /// Prices, as analysis/prices.toml lays them out; weights by the measuring machine unless given.
    #[arg(long, value_name = "FILE")]
    prices: Option<String>,
    /// The workload whose CPU time the packings are compared by; the one nearest to --cpu-per-request unless given.
    #[arg(long, value_name = "WORKLOAD")]
    workload: Option<String>,
}

/// The verb: by the published run unless another is named.
///
/// # Errors
/// There is no such run, its raw log is damaged, or a word means nothing; the message names it.
pub fn run(project: &Project, requested: &Requested, progress: &Progress) -> Result<Exit> {
    let folder: PathBuf = match &requested.run {
        Some(named) => analyze::choose(project, Some(named))?,
        None => {
            runs::published(project)?.context("paper/data holds no run: name one, decide RUN")?
        }
    };
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(&program);
    analysis.arg("decide").arg("--run").arg(folder);
    let given = [
        ("--rate", Some(&requested.rate)),
        ("--cpu-per-request", Some(&requested.cpu_per_request)),
        ("--tenants", Some(&requested.tenants)),
        ("--bound", requested.bound.as_ref()),
        ("--tau", requested.tau.as_ref()),
        ("--prices", requested.prices.as_ref()),
        ("--workload", requested.workload.as_ref()),
    ];
    for (option, word) in given {
        if let Some(word) = word {
            // One word: a value that begins with a hyphen is a value.
            analysis.arg(format!("{option}={word}"));
        }
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    Ok(Exit::Done)
}
