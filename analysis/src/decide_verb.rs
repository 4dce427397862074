//! The verb `decide`.

use super::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use weighbridge_analysis::decide::measured::{Measured, measured};
use weighbridge_analysis::decide::model::Load;
use weighbridge_analysis::decide::prices::PriceList;
use weighbridge_analysis::decide::words::{parse_rate, parse_tenants, parse_time, parse_timeout};
use weighbridge_analysis::decide::{Answer, Asked, decide, flip, score};
use weighbridge_analysis::render::decision::{self, Shown};
use weighbridge_analysis::{analyse, load};
use weighbridge_schema::parse::nearest;

#[derive(Debug, Args)]
pub struct Decide {
    /// Folder of the run whose measurements are taken.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Requests to each tenant, such as 3/min, 20/s or 0.5/h.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    rate: f64,
    /// CPU time of a request to the native service, such as 12ms.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    cpu_per_request: f64,
    /// Tenants, all asked alike.
    #[arg(long, value_name = "NUMBER", value_parser = parse_tenants)]
    tenants: u32,
    /// Bound on the 99th percentile of latency, such as 250ms; none unless given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    bound: Option<f64>,
    /// After so long without a request a tenant is ended, where it is ended at all.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_timeout)]
    tau: f64,
    /// Prices, as analysis/prices.toml lays them out; weights by the measuring machine unless given.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// The workload whose CPU time the packings are compared by; the one nearest to --cpu-per-request unless given.
    #[arg(long, value_name = "WORKLOAD")]
    workload: Option<String>,
}

/// The exit code: 0 where there is something to take, 4 where it is open, 1 where nothing keeps to the bound, 3 where
/// nothing was measured.
pub fn decide_packing(options: &Decide) -> Result<u8> {
    let list = match &options.prices {
        Some(path) => {
            let file = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {file}"))?;
            PriceList::read(&file, &text)?
        }
        None => PriceList::weights()?,
    };
    let run = load::load(&options.run)?;
    let results = analyse(&run, &[], None, run.manifest.seed, |_| ())?;
    let prices = list.prices(&run.manifest.fingerprint).context(
        "the run does not say how many cores and how much memory its machine has, which weigh a vCPU-hour: \
         give prices, --prices FILE (analysis/prices.toml shows the form)",
    )?;
    let measured = measured(&results);
    let load = Load {
        rate_per_s: options.rate,
        cpu_per_request_s: options.cpu_per_request,
        tenants_count: f64::from(options.tenants),
        bound_s: options.bound,
        idle_timeout_s: options.tau,
    };
    let workload = workload(&measured, options)?;
    let asked = Asked { load, prices, workload: &workload };
    let decision = decide(&measured, &asked);
    let flips = match &decision.answer {
        Answer::NotMeasured => Vec::new(),
        _ => flip::flips(&measured, &asked),
    };
    let (run, tested) = (&run.manifest.run, score::says(&results));
    let shown =
        Shown { run, measured: &measured, asked, list: &list, flips: &flips, tested: &tested };
    let code = match &decision.answer {
        Answer::Take(_) => 0,
        Answer::AllAbove => 1,
        Answer::NotMeasured => 3,
        Answer::Open(_) => 4,
    };
    say(&decision::render(&decision, &shown), code)
}

/// A name that no packing knows a CPU time of is kept where the run has none at all: every row then says what lacks.
fn workload(measured: &Measured, options: &Decide) -> Result<String> {
    let names = || measured.workloads.iter().map(|workload| workload.name.as_str());
    let Some(wanted) = &options.workload else {
        let nearest = measured.nearest_workload(options.cpu_per_request);
        return Ok(nearest.map_or_else(|| "thumbnail".to_owned(), |found| found.name.clone()));
    };
    if names().any(|name| name == wanted) || names().next().is_none() {
        return Ok(wanted.clone());
    }
    match nearest(wanted, names()) {
        Some(near) => {
            bail!("the run has no CPU time of workload `{wanted}`; did you mean `{near}`?")
        }
        None => bail!(
            "the run has no CPU time of workload `{wanted}`; it has those of {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    }
}
