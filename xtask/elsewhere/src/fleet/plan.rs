//! What a fleet consists of: `fleet.json` in its folder.

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::files::read_json;
use weighbridge_project::project::Project;
use weighbridge_project::questions::Questions;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::Revision;
use weighbridge_schema::subject::parse_subjects;
use weighbridge_schema::workload::parse_workloads;

/// Elements of one architecture where nobody says how large a block of blocks is.
const ELEMENTS: u32 = 10;

/// One element of a job array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its architecture, which is also the feature that its node must have.
    pub architecture: String,
    /// Its place in the array.
    pub index: u32,
    /// Its first block.
    pub from: u32,
    /// The block after its last.
    pub to: u32,
}

impl Element {
    /// Its name, from which that of its part is made.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.architecture, self.from, self.to)
    }
}

/// A plan in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// The run's name.
    pub run: String,
    /// Architectures, each of which measures all blocks.
    pub architectures: Vec<String>,
    /// Invocations of the cell that has the most.
    pub blocks_count: u32,
    /// Blocks per element.
    pub block_size: u32,
    /// The choice of what is measured, as the runner's options.
    pub arguments: Vec<String>,
    /// State of the checkout: the nodes have none.
    pub revision: Option<Revision>,
    /// Slurm's job by architecture, once it was submitted.
    pub jobs: BTreeMap<String, String>,
}

impl Fleet {
    /// Blocks per element: what was requested, or such that there are about ten elements.
    #[must_use]
    pub fn size(requested: Option<u32>, blocks_count: u32) -> u32 {
        requested.unwrap_or_else(|| blocks_count.div_ceil(ELEMENTS)).clamp(1, blocks_count.max(1))
    }

    /// What Slurm calls the jobs of an architecture, those that were handed over again included.
    #[must_use]
    pub fn job_name(&self, architecture: &str) -> String {
        format!("weighbridge-{}-{architecture}", self.run)
    }

    /// Elements of each architecture.
    #[must_use]
    pub fn array_count(&self) -> u32 {
        self.blocks_count.div_ceil(self.block_size)
    }

    /// All elements, by architecture and block.
    #[must_use]
    pub fn elements(&self) -> Vec<Element> {
        let of = |architecture: &String| {
            let architecture = architecture.clone();
            (0..self.array_count()).map(move |index| Element {
                architecture: architecture.clone(),
                index,
                from: index * self.block_size,
                to: ((index + 1) * self.block_size).min(self.blocks_count),
            })
        };
        self.architectures.iter().flat_map(of).collect()
    }

    /// Reads the fleet in `folder`.
    ///
    /// # Errors
    /// There is none.
    pub fn read(folder: &Path) -> Result<Self> {
        read_json(&folder.join("fleet.json"))
    }

    /// Writes it into `folder`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        weighbridge_project::files::write(
            &folder.join("fleet.json"),
            &serde_json::to_vec_pretty(self)?,
        )
    }

    /// The folder of the fleet `run` in `fleets`, or of the newest one.
    ///
    /// # Errors
    /// There is none.
    pub fn find(fleets: &Path, run: Option<&str>) -> Result<PathBuf> {
        if let Some(run) = run {
            let folder = fleets.join(run);
            ensure!(
                folder.join("fleet.json").is_file(),
                "no fleet `{run}` in {}",
                fleets.display()
            );
            return Ok(folder);
        }
        let entries = std::fs::read_dir(fleets).into_iter().flatten().flatten();
        let found = entries.map(|entry| entry.path()).filter(|p| p.join("fleet.json").is_file());
        match found.max() {
            Some(folder) => Ok(folder),
            None => bail!("no fleet in {}: cargo xtask fleet submit", fleets.display()),
        }
    }
}

/// Invocations of the cell that has the most, among the experiments chosen (all when none is named).
///
/// # Errors
/// A definition cannot be read, or a name does not exist.
pub fn blocks_count(project: &Project, experiments: &[String], profile: Profile) -> Result<u32> {
    let read = |relative: &str| {
        let path = project.path(relative);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let subjects = "experiments/subjects.toml";
    let subjects = parse_subjects(subjects, &read(subjects)?)?;
    let workloads = "experiments/workloads.toml";
    let workloads = parse_workloads(workloads, &read(workloads)?)?;
    let all = Questions::read(project)?.usual();
    let chosen = if experiments.is_empty() { &all } else { experiments };
    let mut count = 0;
    for stem in chosen {
        ensure!(all.contains(stem), "no experiment `{stem}`; there are: {}", all.join(", "));
        let file = format!("experiments/definitions/{stem}.toml");
        let text = read(&file)?;
        let definition = Definition::parse(&file, stem.parse()?, &text, &subjects, &workloads)?;
        count = count.max(definition.settings(profile).invocations);
    }
    ensure!(count > 0, "nothing to measure: no experiment asks for an invocation");
    Ok(count)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A fleet that was submitted nowhere.
    pub(in super::super) fn fleet(blocks_count: u32, block_size: u32) -> Fleet {
        Fleet {
            run: "2026-01-31T12-00-00Z-quick".to_owned(),
            architectures: vec!["x86_64".to_owned(), "aarch64".to_owned()],
            blocks_count,
            block_size,
            arguments: vec!["--profile".to_owned(), "quick".to_owned()],
            revision: None,
            jobs: BTreeMap::new(),
        }
    }

    proptest! {
        #[test]
        fn every_block_is_in_one_element(
            blocks_count in 1u32..60, requested in proptest::option::of(0u32..70),
        ) {
            let size = Fleet::size(requested, blocks_count);
            let fleet = fleet(blocks_count, size);
            for architecture in &fleet.architectures {
                let of_it = fleet.elements();
                let of_it = of_it.iter().filter(|element| element.architecture == *architecture);
                let blocks: Vec<u32> = of_it.flat_map(|element| element.from..element.to).collect();
                prop_assert_eq!(blocks, (0..blocks_count).collect::<Vec<_>>());
            }
            prop_assert!(requested.is_some() || fleet.array_count() <= 10);
        }
    }

    #[test]
    fn the_newest_fleet_is_found_and_a_wrong_name_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = Fleet::find(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("cargo xtask fleet submit"), "{error}");
        for name in ["2026-01-01", "2026-02-01"] {
            fleet(2, 1).write(&folder.path().join(name)).unwrap();
        }
        let newest = Fleet::find(folder.path(), None).unwrap();
        assert!(newest.ends_with("2026-02-01"), "{}", newest.display());
        assert_eq!(Fleet::read(&newest).unwrap(), fleet(2, 1));
        assert!(Fleet::find(folder.path(), Some("nope")).is_err());
    }
}
