//! What a run is asked for: the options that `cargo xtask run`, `all` and `fleet submit` take, that the runner takes
//! from them, and that the manifest keeps. An option is one field here, and what it changes.

use crate::architecture::Architecture;
use crate::definition::{Definition, Profile};
#[cfg(feature = "clap")]
use crate::duration::parse_milliseconds;
#[cfg(feature = "clap")]
use crate::invalid::{Invalid, invalid};
use crate::name::SubjectName;
use serde::{Deserialize, Serialize};

/// What a run is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct RunRequest {
    /// Experiments by name, separated by spaces or commas; all when none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(value_delimiter = ',', value_name = "EXPERIMENT"))]
    pub experiments: Vec<String>,
    /// Only these subjects, separated by commas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(long, value_delimiter = ',', value_name = "SUBJECT"))]
    pub subject: Vec<String>,
    /// Only these workloads, separated by commas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(long, value_delimiter = ',', value_name = "WORKLOAD"))]
    pub workload: Vec<String>,
    /// Only what these claims compare, separated by commas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(long, value_delimiter = ',', value_name = "CLAIM"))]
    pub claim: Vec<String>,
    /// How much is measured.
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t))]
    pub profile: Profile,
    /// Seed of the plan's shuffle: the same seed gives the same order.
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            default_value_t = 1,
            value_name = "NUMBER",
            allow_hyphen_values = true,
            value_parser = seed
        )
    )]
    pub seed: u64,
    /// Architectures, separated by commas; what is not this machine's is emulated, and gives equivalence, sizes
    /// and instruction counts only. The local one when none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(long, value_delimiter = ',', value_name = "ARCH"))]
    pub arch: Vec<Architecture>,
    /// Time to measure for, with its unit, such as 90s, 30min or 2h: the cells whose intervals are widest against
    /// their claims come first. With --claim, what these claims compare is measured until they are decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long = "budget", value_name = "TIME", value_parser = parse_milliseconds)
    )]
    pub budget_ms: Option<u64>,
}

/// As where no option is given.
impl Default for RunRequest {
    fn default() -> Self {
        Self {
            experiments: Vec::new(),
            subject: Vec::new(),
            workload: Vec::new(),
            claim: Vec::new(),
            profile: Profile::default(),
            seed: 1,
            arch: Vec::new(),
            budget_ms: None,
        }
    }
}

#[cfg(feature = "clap")]
fn seed(text: &str) -> Result<u64, Invalid> {
    text.parse().map_err(|_| invalid!("a seed is a whole number from 0 to {}", u64::MAX))
}

impl RunRequest {
    /// Whether only a part is asked for: such a run makes no paper unless that is said.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        [&self.experiments, &self.subject, &self.workload, &self.claim]
            .iter()
            .any(|names| !names.is_empty())
    }

    /// Whether a subject was requested; all are where none is named.
    #[must_use]
    pub fn asks_for(&self, subject: &SubjectName) -> bool {
        self.subject.is_empty() || self.subject.iter().any(|one| one == subject.as_str())
    }

    /// Whether the verdicts of claims are sought: what those compare is measured until they are decided, or the budget
    /// is spent.
    #[must_use]
    pub fn seeks_verdicts(&self) -> bool {
        !self.claim.is_empty() && self.budget_ms.is_some()
    }

    /// The invocations that are planned of each cell of `definition`: those that it may use at most. Where verdicts are
    /// sought, the profile says what each invocation is, and the largest profile how many there may be.
    #[must_use]
    pub fn planned_invocations(&self, definition: &Definition) -> u32 {
        let of = |profile| definition.settings(profile).planned_invocations();
        match self.seeks_verdicts() {
            true => of(Profile::Smoke).max(of(Profile::Quick)).max(of(Profile::Paper)),
            false => of(self.profile),
        }
    }

    /// The instruction sets by name.
    #[must_use]
    pub fn architectures(&self) -> Vec<String> {
        self.arch.iter().map(|one| one.name().to_owned()).collect()
    }

    /// The words of a command line that ask for the same.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let Self { experiments, subject, workload, claim, profile, seed, arch: _, budget_ms } =
            self;
        let mut arguments = experiments.clone();
        let mut say = |option: &str, value: String| {
            if !value.is_empty() {
                arguments.extend([option.to_owned(), value]);
            }
        };
        say("--profile", profile.to_string());
        say("--seed", seed.to_string());
        say("--subject", subject.join(","));
        say("--workload", workload.join(","));
        say("--claim", claim.join(","));
        say("--arch", self.architectures().join(","));
        let seconds = budget_ms.map(|ms| format!("{}s", ms.div_ceil(1000)));
        say("--budget", seconds.unwrap_or_default());
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> RunRequest {
        RunRequest {
            experiments: vec!["cold-start".to_owned(), "latency".to_owned()],
            subject: vec!["native".to_owned(), "runc".to_owned()],
            workload: vec!["healthz".to_owned()],
            claim: vec!["one".to_owned(), "another".to_owned()],
            profile: Profile::Paper,
            seed: 7,
            arch: Architecture::ALL.to_vec(),
            budget_ms: Some(1_800_000),
        }
    }

    #[cfg(feature = "clap")]
    #[test]
    fn the_runner_reads_from_its_command_line_what_was_asked_for() {
        use clap::Parser;

        #[derive(Debug, Parser)]
        struct Options {
            #[command(flatten)]
            request: RunRequest,
        }

        for request in [RunRequest::default(), all()] {
            let words = request.arguments();
            let read = Options::try_parse_from([vec!["runner".to_owned()], words].concat());
            assert_eq!(read.unwrap().request, request);
        }
        let nothing = Options::try_parse_from(["runner"]).unwrap().request;
        assert_eq!(nothing, RunRequest::default());
        let error = |words: [&str; 2]| {
            let read = Options::try_parse_from(["runner"].into_iter().chain(words));
            read.unwrap_err().to_string()
        };
        assert!(error(["--seed", "-1"]).contains("a whole number from 0"));
        assert!(error(["--budget", "30"]).contains("30s, 30min or 30h?"));
        assert!(error(["--profile", "fast"]).contains("smoke, quick, paper"));
        assert!(error(["--arch", "arm"]).contains("x86_64, aarch64"));
    }

    #[test]
    fn a_file_holds_what_was_asked_for_and_nothing_that_was_not() {
        let json = |request: &RunRequest| serde_json::to_value(request).unwrap();
        assert_eq!(
            json(&RunRequest::default()),
            serde_json::json!({"profile": "quick", "seed": 1})
        );
        assert_eq!(json(&all())["budget_ms"], 1_800_000);
        assert_eq!(json(&all())["arch"], serde_json::json!(["x86_64", "aarch64"]));
        for request in [RunRequest::default(), all()] {
            assert_eq!(serde_json::from_value::<RunRequest>(json(&request)).unwrap(), request);
        }
    }

    #[test]
    fn a_part_is_narrow_and_a_profile_is_not() {
        let name = || vec!["one".to_owned()];
        let of = |change: fn(&mut RunRequest, Vec<String>)| {
            let mut request = RunRequest::default();
            change(&mut request, name());
            request.is_narrow()
        };
        assert!(of(|request, name| request.experiments = name));
        assert!(of(|request, name| request.subject = name));
        assert!(of(|request, name| request.workload = name));
        assert!(of(|request, name| request.claim = name));
        assert!(!of(|request, _| request.profile = Profile::Paper));
    }
}
