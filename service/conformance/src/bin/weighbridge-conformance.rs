//! The table and the floods against a server, by hand.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use weighbridge_conformance::{failures, floods};

/// Holds an HTTP server to what HTTP/1.1 demands, and floods it.
#[derive(Parser)]
#[command(name = "weighbridge-conformance", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Tries the table on a server that runs, and prints what goes otherwise; exit code 1 if anything does
    Table {
        /// Its address and port
        address: SocketAddr,
    },
    /// Starts a server for every flood and prints a table of how it fared
    Floods {
        /// How long most floods last, in seconds
        #[arg(long, value_name = "S", default_value_t = 5)]
        seconds: u64,
        /// Only floods whose name contains this
        #[arg(long, value_name = "TEXT", default_value = "")]
        only: String,
        /// The server and its arguments, to which `--listen ADDRESS` is added
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().verb {
        Verb::Table { address } => {
            let failures = failures(address);
            for failure in &failures {
                println!("{failure}");
            }
            println!("{} rows went otherwise", failures.len());
            Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Verb::Floods { seconds, only, command } => {
            println!("{}", floods::COLUMNS);
            floods::run(&command, &only, Duration::from_secs(seconds), |report| {
                println!("{report}");
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
