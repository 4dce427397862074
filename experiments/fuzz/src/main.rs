//! Fuzzes the service: the same mutated image and query to the library in process, to the native
//! server and to the host with the component. They must give the same status and the same body, and
//! no decoder may panic. Each execution is made from the seed and its number alone.

mod client;
mod input;
mod report;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use weighbridge_transform::{Request, handle};

use client::{Answer, Client};
use input::{Input, Seeds};
use report::{Report, Tally};
use server::Server;

/// How long one transform may take: what the servers allow by default.
const DEADLINE: Duration = Duration::from_secs(10);

/// Sends the same mutated images to the service in process, native and on the host.
#[derive(Debug, Parser)]
#[command(name = "weighbridge-fuzz")]
struct Arguments {
    /// The native server; without it the others alone are compared.
    #[arg(long, value_name = "PROGRAM")]
    native: Option<PathBuf>,
    /// The host; without it the others alone are compared.
    #[arg(long, value_name = "PROGRAM", requires = "component")]
    host: Option<PathBuf>,
    /// The compiled component for the host.
    #[arg(long, value_name = "FILE", requires = "host")]
    component: Option<PathBuf>,
    /// Folders of images to begin with; folders within are not visited.
    #[arg(long, value_name = "FOLDER", num_args = 1.., required = true)]
    seeds: Vec<PathBuf>,
    /// End after so many seconds.
    #[arg(long, value_name = "S", default_value = "600")]
    seconds: u64,
    /// End after so many executions, if that is earlier.
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    executions: u64,
    /// What all choices are derived from.
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Only this execution: it is made again from the seed and its number.
    #[arg(long, value_name = "N")]
    only: Option<u64>,
    /// Where inputs that are answered differently are written to.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("weighbridge-fuzz: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether there was nothing to report.
fn run(arguments: &Arguments) -> Result<bool> {
    let seeds = Seeds::read(&arguments.seeds)?;
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("create {}", arguments.out.display()))?;
    let servers = servers(arguments)?;
    let report = Report::new(arguments.out.clone(), arguments.seed);
    report::count_panics();
    let (first, end) = match arguments.only {
        Some(number) => (number, number + 1),
        None => (0, arguments.executions),
    };
    let next = AtomicU64::new(first);
    let begun = Instant::now();
    let until = begun + Duration::from_secs(arguments.seconds);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "fuzz: seed {}, {} images to begin with, {threads} threads",
        arguments.seed,
        seeds.count()
    );
    // A signal ends the run as its time does: the servers must not stay behind.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("take a signal over")?;
    }
    let work = || -> Result<()> {
        let mut clients: Vec<(&str, Client)> =
            servers.iter().map(|(name, server)| (*name, Client::new(server.address))).collect();
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                break;
            }
            let input = seeds.input(arguments.seed, number);
            let mut answers = vec![("in process", in_process(&input))];
            answers.extend(clients.iter_mut().map(|(name, client)| (*name, client.send(&input))));
            report.add(number, &input, &answers)?;
            if number % 50_000 == 49_999 {
                println!("{}", report.tally().line(begun.elapsed()));
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| anyhow::bail!("a thread of the fuzzer panicked"))
        })
    })?;
    let tally: Tally = report.tally();
    println!("{}", tally.line(begun.elapsed()));
    if let Some(path) = &tally.first {
        println!("fuzz: answers differ or a decoder panicked: see {}", path.display());
    }
    Ok(tally.first.is_none())
}

/// The servers that were named.
fn servers(arguments: &Arguments) -> Result<Vec<(&'static str, Server)>> {
    let mut servers = Vec::new();
    if let Some(native) = &arguments.native {
        servers.push(("native", Server::start(native, &[])?));
    }
    if let (Some(host), Some(component)) = (&arguments.host, &arguments.component) {
        servers.push(("host", Server::start(host, &["serve".as_ref(), component.as_os_str()])?));
    }
    Ok(servers)
}

fn in_process(input: &Input) -> Answer {
    let begun = Instant::now();
    let request = Request {
        method: "POST",
        path_and_query: &input.target,
        content_type: Some(input.content_type),
        body: &input.body,
    };
    let response = handle(&request, &|| begun.elapsed() >= DEADLINE);
    Answer { status: Some(response.status), body: response.body }
}
