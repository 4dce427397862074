//! The cell whose history is asked for: `cold-start/healthz`.

use anyhow::{Result, bail, ensure};
use std::str::FromStr;
use weighbridge_project::questions::{Experiment, Kind, Questions};
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::parse::nearest;
use weighbridge_schema::quantity::Quantity;

/// `EXPERIMENT/WORKLOAD[/PARAMETER[/QUANTITY]]`, the names in the order of a key in numbers.tex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// The experiment.
    pub experiment: String,
    /// The workload; `None` for `-`, where an experiment has none.
    pub workload: Option<String>,
    /// The parameter; `None`: every one that the definition has.
    pub parameter: Option<Parameter>,
    /// The quantity; `None`: the one that answers the experiment's question.
    pub quantity: Option<Quantity>,
}

impl FromStr for Metric {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        ensure!(
            (2..=4).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty()),
            "`{text}`: expected EXPERIMENT/WORKLOAD, as in cold-start/healthz; a parameter and a \
             quantity may follow, as in cold-start/healthz/-/time_to_first_response"
        );
        Ok(Self {
            experiment: parts[0].to_owned(),
            workload: Some(parts[1].to_owned()).filter(|workload| workload != "-"),
            parameter: parts.get(2).map(|text| text.parse()).transpose()?,
            quantity: parts.get(3).map(|text| Quantity::named(text)).transpose()?,
        })
    }
}

impl Metric {
    /// Its experiment.
    ///
    /// # Errors
    /// There is none of that name, or it has no such workload; the message names the nearest.
    pub fn experiment<'a>(&self, questions: &'a Questions) -> Result<&'a Experiment> {
        // A custom service has no releases that a registry knows.
        let usual = || questions.experiments.iter().filter(|one| one.kind == Kind::Usual);
        let name = |one: &'a Experiment| one.definition.experiment.as_str();
        let is_meant = |one: &&Experiment| one.definition.experiment.as_str() == self.experiment;
        let Some(found) = usual().find(is_meant) else {
            return Err(unknown("experiment", &self.experiment, usual().map(name)));
        };
        let workloads = || found.definition.workloads.iter().map(WorkloadName::as_str);
        match &self.workload {
            Some(workload) if !workloads().any(|known| known == workload) => {
                Err(unknown("workload", workload, workloads()))
            }
            None if workloads().next().is_some() => {
                bail!("{} has the workloads {}", self.experiment, listed(workloads()))
            }
            _ => Ok(found),
        }
    }
}

/// An error that names the nearest of what there is.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> anyhow::Error {
    let known: Vec<&str> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => anyhow::anyhow!("no {what} `{name}`; did you mean `{near}`?"),
        None => anyhow::anyhow!("no {what} `{name}`; there are: {}", listed(known.into_iter())),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
