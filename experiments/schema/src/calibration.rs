//! `calibration.json`: what this machine and method report when there is nothing to report. Pairs of one subject under
//! two names are compared like any others; every difference that is found between them is a false one.

use crate::manifest::Fingerprint;
use crate::name::{ExperimentName, WorkloadName};
use crate::parameter::Parameter;
use serde::{Deserialize, Serialize};

/// The comparisons of equal subjects under one setting of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibratedEffect {
    /// The experiment.
    pub experiment: ExperimentName,
    /// Key of the compared quantity, as in numbers.tex.
    pub quantity: String,
    /// The workload; `None` where the experiment has none.
    pub workload: Option<WorkloadName>,
    /// The varied setting.
    pub parameter: Parameter,
    /// Invocations of each arm of a comparison.
    pub invocations_per_arm_count: u32,
    /// Comparisons made.
    pub comparisons_count: u64,
    /// Those whose 95 % interval excludes 1.
    pub false_positives_count: u64,
    /// The 2.5th percentile of the false positives that intervals of 95 % give by chance.
    pub expected_low_count: u64,
    /// The 97.5th percentile of them.
    pub expected_high_count: u64,
    /// The smallest effect that can be told from none: the 97.5th percentile of |ratio - 1| over the comparisons,
    /// percent.
    pub smallest_effect_percent: f64,
}

impl CalibratedEffect {
    /// Whether the intervals are wrong about as often as they say.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        (self.expected_low_count..=self.expected_high_count).contains(&self.false_positives_count)
    }
}

/// `calibration.json`: what comparisons of equal subjects find.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Format version, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Name of the run that it was computed from.
    pub run: String,
    /// The machine of that run.
    pub fingerprint: Fingerprint,
    /// What was found, by experiment and setting.
    pub effects: Vec<CalibratedEffect>,
}

impl Calibration {
    /// The smallest effect of an experiment's quantity that can be told from none, percent: the largest over its
    /// settings. `None` where it was not calibrated.
    #[must_use]
    pub fn smallest_effect_percent(
        &self,
        experiment: &ExperimentName,
        quantity: &str,
    ) -> Option<f64> {
        let of = self
            .effects
            .iter()
            .filter(|effect| effect.experiment == *experiment && effect.quantity == quantity);
        of.map(|effect| effect.smallest_effect_percent).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(workload: &str, percent: f64) -> CalibratedEffect {
        CalibratedEffect {
            experiment: "cold-start".parse().unwrap(),
            quantity: "time_to_first_response".to_owned(),
            workload: Some(workload.parse().unwrap()),
            parameter: Parameter::None,
            invocations_per_arm_count: 20,
            comparisons_count: 400,
            false_positives_count: 21,
            expected_low_count: 12,
            expected_high_count: 29,
            smallest_effect_percent: percent,
        }
    }

    #[test]
    fn the_largest_of_an_experiment_counts() {
        let calibration = Calibration {
            schema_version: crate::SCHEMA_VERSION,
            run: "r".to_owned(),
            fingerprint: Fingerprint::default(),
            effects: vec![effect("healthz", 1.8), effect("thumbnail", 2.4)],
        };
        let smallest = |experiment: &str, quantity: &str| {
            calibration.smallest_effect_percent(&experiment.parse().unwrap(), quantity)
        };
        assert_eq!(smallest("cold-start", "time_to_first_response"), Some(2.4));
        assert_eq!(smallest("cold-start", "pss"), None);
        assert_eq!(smallest("memory", "time_to_first_response"), None);
        let text = serde_json::to_string(&calibration).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
    }

    #[test]
    fn too_few_and_too_many_false_positives_are_not_as_expected() {
        let with =
            |count| CalibratedEffect { false_positives_count: count, ..effect("healthz", 1.0) };
        assert!(with(12).is_as_expected() && with(29).is_as_expected());
        assert!(!with(11).is_as_expected() && !with(30).is_as_expected());
    }
}
