//! Experiments whose cells differ in size: does the cost of a request grow faster than its work?

use crate::invalid::{Invalid, invalid};
use crate::name::WorkloadName;
use crate::parameter::Parameter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What grows from cell to cell, and how large it is in each. One experiment has one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Growth {
    /// Connections of the closed loop, which the cells' parameters say; the work of a request stays the same.
    Connections {},
    /// Bytes of the request's body.
    BodyBytes {
        /// How many, by workload.
        sizes: BTreeMap<WorkloadName, u64>,
    },
    /// Pixels of the image that is answered.
    Pixels {
        /// How many, by workload.
        sizes: BTreeMap<WorkloadName, u64>,
    },
}

impl Growth {
    /// How large it is in a cell; `None` for a cell of something else.
    #[must_use]
    pub fn size(&self, workload: Option<&WorkloadName>, parameter: Parameter) -> Option<u64> {
        match (self, parameter) {
            (Growth::Connections {}, Parameter::Concurrency(connections)) => {
                Some(connections.into())
            }
            (Growth::Connections {}, _) => None,
            (Growth::BodyBytes { sizes } | Growth::Pixels { sizes }, _) => {
                sizes.get(workload?).copied()
            }
        }
    }

    /// How the work of a request should grow with it, as an exponent: with its image and its body, but not with the
    /// connections beside it.
    #[must_use]
    pub fn exponent_of_work(&self) -> u32 {
        match self {
            Growth::Connections {} => 0,
            Growth::BodyBytes { .. } | Growth::Pixels { .. } => 1,
        }
    }

    /// What grows, in words of a table.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Growth::Connections {} => "connections",
            Growth::BodyBytes { .. } => "bytes of the body",
            Growth::Pixels { .. } => "pixels",
        }
    }

    /// Refuses what has no slope: a workload without a size, a size of no workload, one size alone, and a second thing
    /// that grows.
    pub(crate) fn validate(
        &self,
        workloads: &[WorkloadName],
        concurrency: &[u32],
    ) -> Result<(), Invalid> {
        let (sizes, varied, fixed) = match self {
            Growth::Connections {} => (None, concurrency.len(), workloads.len()),
            Growth::BodyBytes { sizes } | Growth::Pixels { sizes } => {
                (Some(sizes), workloads.len(), concurrency.len())
            }
        };
        if varied < 2 || fixed != 1 {
            return Err(invalid!(
                "growth: {} must have two sizes or more, and nothing else may vary",
                self.words()
            ));
        }
        let Some(sizes) = sizes else { return Ok(()) };
        for workload in workloads {
            match sizes.get(workload) {
                Some(0) => return Err(invalid!("growth: the size of `{workload}` is 0")),
                Some(_) => {}
                None => return Err(invalid!("growth: `{workload}` has no size")),
            }
        }
        match sizes.keys().find(|name| !workloads.contains(name)) {
            Some(other) => Err(invalid!("growth: `{other}` is none of the workloads")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<WorkloadName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn pixels(sizes: &[(&str, u64)]) -> Growth {
        let sizes = sizes.iter().map(|(name, size)| (name.parse().unwrap(), *size)).collect();
        Growth::Pixels { sizes }
    }

    #[test]
    fn a_cell_has_the_size_of_its_workload_or_of_its_parameter() {
        let (small, eight) = (&names(&["small"])[0], Parameter::Concurrency(8));
        assert_eq!(pixels(&[("small", 100)]).size(Some(small), eight), Some(100));
        assert_eq!(pixels(&[("large", 100)]).size(Some(small), eight), None);
        assert_eq!(Growth::Connections {}.size(Some(small), eight), Some(8));
        assert_eq!(Growth::Connections {}.size(Some(small), Parameter::Idle), None);
    }

    #[test]
    fn what_has_no_slope_is_refused_by_name() {
        let two = names(&["small", "large"]);
        let sizes = pixels(&[("small", 100), ("large", 900)]);
        assert_eq!(sizes.validate(&two, &[1]), Ok(()));
        assert_eq!(Growth::Connections {}.validate(&names(&["small"]), &[1, 8]), Ok(()));
        let refused = [
            (sizes.validate(&two, &[1, 8]), "nothing else may vary"),
            (sizes.validate(&two[..1], &[1]), "two sizes or more"),
            (Growth::Connections {}.validate(&two, &[1, 8]), "nothing else may vary"),
            (pixels(&[("small", 100)]).validate(&two, &[1]), "`large` has no size"),
            (pixels(&[("small", 0), ("large", 9)]).validate(&two, &[1]), "size of `small` is 0"),
            (
                pixels(&[("small", 1), ("large", 9), ("huge", 99)]).validate(&two, &[1]),
                "`huge` is none of the workloads",
            ),
        ];
        for (found, words) in refused {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
