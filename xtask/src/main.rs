//! The verbs of Weighbridge: set up, build, run, analyse, write the paper.

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use xtask::setup::{self, Context, LocalMachine, Need};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Get what this machine lacks.
    Setup {
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Say what is there, what is missing, and the line that gets it; changes nothing.
    Doctor,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let repo = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the xtask folder has no parent")?
        .to_owned();
    let state = std::env::var_os("WEIGHBRIDGE_STATE")
        .map_or_else(|| repo.join(".weighbridge"), PathBuf::from);
    let mut context = Context {
        repo,
        state,
        assume_yes: false,
        interactive: std::io::IsTerminal::is_terminal(&std::io::stdin()),
        reporter: &|line| eprintln!("{line}"),
        machine: &LocalMachine,
    };
    match arguments.verb {
        Verb::Setup { yes } => {
            context.assume_yes = yes;
            let setup = setup::provide_all(&context, Need::ALL)?;
            println!("{}", serde_json::to_string_pretty(&setup)?);
        }
        Verb::Doctor => {
            for finding in setup::probe_all(&context, Need::ALL)? {
                println!("{finding}");
            }
        }
    }
    Ok(())
}
