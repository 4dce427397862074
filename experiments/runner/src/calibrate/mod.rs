//! The load generator weighed beside wrk, and shown a server that stalls.
//!
//! A generator that needs more CPU time per request than others would be the first thing to saturate, and
//! one that overlooks a stall would report latencies that no user sees. Both are checked here against the
//! same responder (`src/responder/`), on the cores that a run would use.

pub mod responder;
mod server;
mod stall;
mod wrk;

use crate::calibrate::responder::BODY;
use crate::http::{Answer, PreparedRequest};
use crate::kernel::affinity;
use crate::kernel::clock::unix_ns;
use crate::kernel::interrupt;
use crate::load::{Closing, Target, Window, closed_loop};
use anyhow::{Context, Result};
use clap::Args;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use server::Server;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::calibration_load::{LoadCalibration, Round, Turn};
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::workload::Expect;
use weighbridge_statistics::bootstrap::Interval;
use weighbridge_statistics::order::median_interval;
use weighbridge_statistics::quantile::median;
use wrk::Wrk;

/// Connections of either generator.
const CONNECTIONS: u32 = 8;

/// How the calibration is run.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The program wrk.
    #[arg(long)]
    wrk: PathBuf,
    /// The JSON file to write.
    #[arg(long)]
    output: PathBuf,
    /// Turns of each generator.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of one turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seed of the order within the rounds.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Generator {
    Ours,
    Wrk,
}

/// What both generators ask, where, and from which core.
struct Bench {
    pinning: Pinning,
    request: PreparedRequest,
    reference: Answer,
}

/// Measures, prints what came out and writes every round.
///
/// # Errors
/// wrk cannot be run, a response was wrong, the file cannot be written, or a loop did not show (open) or did
/// show (closed) the stall.
pub fn run(arguments: &Arguments) -> Result<()> {
    interrupt::install()?;
    let bench = Bench::new();
    let wrk = Wrk::find(&arguments.wrk)?;
    let started_at_unix_ns = unix_ns();
    let rounds = bench.compare(&wrk, arguments)?;
    let stall = stall::demonstrate(&bench, arguments.seed)?;
    let calibration = LoadCalibration {
        schema_version: SCHEMA_VERSION,
        started_at_unix_ns,
        wrk_version: wrk.version,
        pinning: bench.pinning,
        connections: CONNECTIONS,
        turn_ms: arguments.seconds * 1000,
        seed: arguments.seed,
        rounds,
        stall,
    };
    let json = serde_json::to_string_pretty(&calibration).context("lay the calibration out")?;
    std::fs::write(&arguments.output, json + "\n")
        .with_context(|| format!("write {}", arguments.output.display()))?;
    print_rounds(&calibration);
    stall::print(&calibration.stall);
    stall::check(&calibration.stall)
}

impl Bench {
    fn new() -> Self {
        let request = b"GET / HTTP/1.1\r\nHost: weighbridge\r\n\r\n".to_vec();
        let sha256 = crate::inventory::digest::hex(&Sha256::digest(BODY));
        Self {
            pinning: affinity::divide(&weighbridge_machine::local_cores()),
            request: PreparedRequest {
                bytes: request,
                expect: Expect { status: 200, sha256 },
                is_head: false,
            },
            reference: Answer { status: 200, body: BODY.to_vec() },
        }
    }

    /// One core: wrk has one thread as well.
    fn client_cores(&self) -> &[u32] {
        let cores = self.pinning.client_cores.as_deref().unwrap_or_default();
        &cores[..cores.len().min(1)]
    }

    fn target(&self, server: &Server) -> Target<'_> {
        let requested = (&self.request, &self.reference);
        Target::new(server.address, requested, CONNECTIONS, self.client_cores())
    }

    /// Rounds of one turn each, in a random order: what else the machine does falls on both alike.
    fn compare(&self, wrk: &Wrk, arguments: &Arguments) -> Result<Vec<Round>> {
        let server = Server::start(&self.pinning, None)?;
        let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
        let mut rounds = Vec::new();
        for _ in 0..arguments.rounds {
            let mut order = [Generator::Ours, Generator::Wrk];
            order.shuffle(&mut random);
            let turn = |generator| match generator {
                Generator::Ours => self.turn(&server, arguments.seconds),
                Generator::Wrk => {
                    wrk.turn(server.address, CONNECTIONS, arguments.seconds, self.client_cores())
                }
            };
            let (first, second) = (turn(order[0])?, turn(order[1])?);
            let ours_first = order[0] == Generator::Ours;
            let (ours, wrk) = if ours_first { (first, second) } else { (second, first) };
            rounds.push(Round { ours_first, ours, wrk });
        }
        Ok(rounds)
    }

    fn turn(&self, server: &Server, seconds: u64) -> Result<Turn> {
        let window = Window::starting_now(0, seconds * 1000);
        let (result, ()) =
            closed_loop(&self.target(server), &window, &Closing::new(&window, 0), || ())?;
        anyhow::ensure!(
            result.failed_count == 0,
            "{} requests failed: {}",
            result.failed_count,
            result.first_failure.unwrap_or_default()
        );
        Ok(Turn { completed_count: result.completed_count, client_cpu_ns: result.client_cpu_ns })
    }
}

fn print_rounds(calibration: &LoadCalibration) {
    let rounds = &calibration.rounds;
    let rates = |turn: fn(&Round) -> Turn| {
        rounds.iter().filter_map(|r| turn(r).requests_per_cpu_second()).collect::<Vec<f64>>()
    };
    println!(
        "{} rounds of {} ms, {} connections; {}",
        rounds.len(),
        calibration.turn_ms,
        calibration.connections,
        calibration.wrk_version
    );
    let lines = [
        ("ours, requests per client CPU-second", rates(|r| r.ours), 0),
        ("wrk, requests per client CPU-second", rates(|r| r.wrk), 0),
        ("ours over wrk, round by round", rounds.iter().filter_map(Round::ratio).collect(), 3),
    ];
    for (what, values, digits) in lines {
        println!("{what:<38} {}", spread(&values, digits));
    }
}

/// `median 1.43 [1.40, 1.47] (least 1.36, most 1.72)`; the interval is that of the median, 95 %.
fn spread(values: &[f64], digits: usize) -> String {
    let Some(median) = median(values) else { return "not measured".to_owned() };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let interval = match median_interval(values) {
        Some(Interval { low, high }) => format!(" [{low:.digits$}, {high:.digits$}]"),
        None => " (too few rounds for an interval)".to_owned(),
    };
    format!("median {median:.digits$}{interval} (least {least:.digits$}, most {most:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rounds_have_no_interval() {
        assert_eq!(spread(&[], 1), "not measured");
        assert!(spread(&[4.0, 1.0], 1).starts_with("median 2.5 (too few"));
        let many: Vec<f64> = (0..10).map(f64::from).collect();
        assert!(spread(&many, 0).contains("["), "{}", spread(&many, 0));
    }
}
