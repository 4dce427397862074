//! `cargo xtask doctor`: what is there, what is missing, and the line that gets it; changes nothing.

use anyhow::Result;
use serde::Serialize;
use weighbridge_machine::advice::{self, Advice};
use weighbridge_project::exit::Exit;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_setup::pin_check::{self, PinFinding, PinStanding};
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

/// `--pins`: asks each source whether what is pinned is still there.
///
/// # Errors
/// A file that pins something cannot be read.
pub fn pins(project: &Project, is_json: bool) -> Result<Exit> {
    let reporter = |line: &str| eprintln!("{line} ...");
    let found = pin_check::check(project, &Context::of(project, &reporter))?;
    if is_json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        for finding in &found {
            println!("{finding}");
        }
    }
    let exit = exit_of(&found);
    if exit == Exit::DoesNotHold {
        eprintln!(
            "set-up takes what fits in the place of what is gone, and records its digest; to pin it: \
             xtask/setup/src/pins.rs, [programs] of experiments/subjects.toml"
        );
    }
    Ok(exit)
}

/// 1 when one is gone, else 4 when one is unknown.
fn exit_of(found: &[PinFinding]) -> Exit {
    let any = |is_so: fn(&PinStanding) -> bool| found.iter().any(|one| is_so(&one.standing));
    if any(|standing| matches!(standing, PinStanding::Gone { .. })) {
        Exit::DoesNotHold
    } else if any(|standing| matches!(standing, PinStanding::Unknown { .. })) {
        Exit::Undecided
    } else {
        Exit::Done
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_weighs_more_than_what_is_unknown() {
        let finding =
            |standing| PinFinding { source: "s".to_owned(), pin: "p 1".to_owned(), standing };
        let there = finding(PinStanding::There);
        let gone = finding(PinStanding::Gone { newest: None });
        let unknown = finding(PinStanding::Unknown { reason: "no answer".to_owned() });
        assert_eq!(exit_of(std::slice::from_ref(&there)), Exit::Done);
        assert_eq!(exit_of(&[there.clone(), unknown.clone()]), Exit::Undecided);
        assert_eq!(exit_of(&[unknown, there, gone]), Exit::DoesNotHold);
    }
}
