//! The plan of a run: every trial, in the order in which it will be visited.

use crate::name::{ExperimentName, SubjectName, WorkloadName};
use crate::parameter::Parameter;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is compared: subject x workload x architecture, under one parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The system that runs the service.
    pub subject: SubjectName,
    /// The request shape; `None` where no single request is sent (sizes, equivalence).
    pub workload: Option<WorkloadName>,
    /// Instruction set, `x86_64` or `aarch64`.
    pub architecture: String,
    /// The varied setting.
    pub parameter: Parameter,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject)?;
        if let Some(workload) = &self.workload {
            write!(f, " {workload}")?;
        }
        if self.parameter != Parameter::None {
            write!(f, " {}", self.parameter)?;
        }
        Ok(())
    }
}

/// One planned visit to a cell; identified by experiment, cell and invocation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The experiment that asks for it.
    pub experiment: ExperimentName,
    /// The cell it visits.
    pub cell: Cell,
    /// Number of the visit to this cell, from 0; each starts a fresh process or container.
    pub invocation: u32,
}
