//! `cargo xtask doctor`: what is there, what is missing, and the line that gets it; changes nothing.

use crate::architecture::Architecture;
use crate::exit::Exit;
use crate::project::Project;
use crate::setup::{Need, probe_all};
use anyhow::Result;

/// The verb.
///
/// # Errors
/// There is no Rust compiler.
pub fn run(project: &Project) -> Result<Exit> {
    let reporter = |line: &str| eprintln!("{line}");
    // The targets of other architectures are got only when --arch asks for them.
    let needs = Need::with_foreign(Need::ALL, &Architecture::ALL);
    for finding in probe_all(&project.setup_context(&reporter), &needs)? {
        println!("{finding}");
    }
    println!("\nprograms that subjects are run by:");
    for line in super::setup_subjects::report(project)? {
        println!("{line}");
    }
    println!("\nthis machine, as a place to measure:");
    for advice in weighbridge_machine::advice::all() {
        println!("  {:<22} {}", advice.what, advice.value);
        if let Some(change) = advice.change {
            println!("  {:<22} -> {change}", "");
        }
    }
    Ok(Exit::Done)
}
