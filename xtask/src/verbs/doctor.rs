//! `cargo xtask doctor`: what is there, what is missing, and the line that gets it; changes nothing.

use anyhow::Result;
use serde::Serialize;
use weighbridge_machine::advice::{self, Advice};
use weighbridge_project::exit::Exit;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_setup::standings::{self, ProgramStanding};
use weighbridge_setup::{Context, Finding, Need, probe_all};

/// What was found, as `--json` prints it.
#[derive(Serialize)]
struct Found {
    needs: Vec<Finding>,
    programs: Vec<ProgramStanding>,
    machine: Vec<Property>,
}

/// One property of the machine as a place to measure.
#[derive(Serialize)]
struct Property {
    what: &'static str,
    value: String,
    change: Option<String>,
}

impl From<Advice> for Property {
    fn from(Advice { what, value, change }: Advice) -> Self {
        Self { what, value, change }
    }
}

/// The verb.
///
/// # Errors
/// There is no Rust compiler.
pub fn run(project: &Project, is_json: bool) -> Result<Exit> {
    let reporter = |line: &str| eprintln!("{line}");
    // The targets of other architectures are got only when --arch asks for them.
    let needs = Need::with_foreign(Need::ALL, &Architecture::ALL);
    let found = Found {
        needs: probe_all(&Context::of(project, &reporter), &needs)?,
        programs: standings::standings(project)?,
        machine: advice::all().into_iter().map(Property::from).collect(),
    };
    if is_json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print!("{}", text(&found));
    }
    Ok(Exit::Done)
}

fn text(found: &Found) -> String {
    let mut lines: Vec<String> = found.needs.iter().map(ToString::to_string).collect();
    lines.push("\nprograms that subjects are run by:".to_owned());
    lines.extend(standings::lines(&found.programs));
    lines.push("\nthis machine, as a place to measure:".to_owned());
    for Property { what, value, change } in &found.machine {
        lines.push(format!("  {what:<24} {value}"));
        lines.extend(change.as_ref().map(|change| format!("  {:<24} -> {change}", "")));
    }
    lines.join("\n") + "\n"
}
