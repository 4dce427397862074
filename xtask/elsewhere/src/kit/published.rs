//! The kit of a published run: what measures, and beside it the raw log, the analysis, the paper and a script that
//! needs nothing but Linux and a shell.

use super::{Contents, archive};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use weighbridge_project::files::{copy, make_folder, remove, write_program};
use weighbridge_project::process::{command, run};

/// What goes along of the checkout, from where to where.
const OF_CHECKOUT: [(&str, &str); 11] = [
    ("paper/published", "paper/published"),
    ("paper/sections", "paper/sections"),
    ("paper/main.tex", "paper/main.tex"),
    ("paper/references.bib", "paper/references.bib"),
    ("Cargo.lock", "Cargo.lock"),
    ("flake.lock", "flake.lock"),
    ("CITATION.cff", "CITATION.cff"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-DATA", "LICENSE-DATA"),
    ("FORMAT.md", "FORMAT.md"),
];

/// Where the parts lie on this machine.
#[derive(Debug, Clone)]
pub struct Published {
    /// What measures.
    pub contents: Contents,
    /// Folder of the run, named as the run is.
    pub run: PathBuf,
    /// Calibrations that were published with it.
    pub calibrations: Vec<PathBuf>,
    /// The analysis, linked statically.
    pub analysis: PathBuf,
    /// The paper.
    pub pdf: PathBuf,
    /// Its figures and tables.
    pub generated: PathBuf,
}

impl Published {
    /// The name of the folder that the archive unpacks to.
    ///
    /// # Errors
    /// The run's folder has no name.
    pub fn name(&self) -> Result<String> {
        let run = self.run.file_name().context("the folder of the run has no name")?;
        Ok(format!("weighbridge-kit-{}", run.to_string_lossy()))
    }

    /// Lays everything out in `folder`, which is emptied first; appendix, metadata and digests are the analysis's.
    ///
    /// # Errors
    /// Something that belongs into it is missing, by its path.
    pub fn fill(&self, folder: &Path) -> Result<()> {
        remove(folder)?;
        make_folder(folder)?;
        self.contents.fill(folder)?;
        // Of the far side of ssh, which a kit in hand does not have.
        remove(&folder.join("remote.sh"))?;
        let run = self.run.file_name().context("the folder of the run has no name")?;
        make_folder(&folder.join("data"))?;
        make_folder(&folder.join("paper"))?;
        copy(&self.run, &folder.join("data").join(run))?;
        // What this machine made of the run is computed again by whoever wants it.
        remove(&folder.join("data").join(run).join("report"))?;
        for calibration in &self.calibrations {
            let name = calibration.file_name().context("a calibration without a name")?;
            copy(calibration, &folder.join("data").join(name))?;
        }
        copy(&self.analysis, &folder.join("weighbridge-analysis"))?;
        copy(&self.pdf, &folder.join("paper/weighbridge.pdf"))?;
        copy(&self.generated, &folder.join("paper/generated"))?;
        for (from, to) in OF_CHECKOUT {
            copy(&self.contents.root.join(from), &folder.join(to))?;
        }
        write_program(&folder.join("weighbridge"), include_bytes!("weighbridge.sh"))
    }
}

/// Packs the folder `name` within `parent`: equal contents give equal bytes.
///
/// # Errors
/// tar or gzip fails.
pub fn pack(parent: &Path, name: &str, output: &Path) -> Result<()> {
    let tar = parent.join(format!("{name}.tar"));
    archive(parent, name, &tar)?;
    // Neither a name nor a time in its header.
    run(command("gzip").args(["--no-name", "--force"]).arg(&tar))?;
    let packed = parent.join(format!("{name}.tar.gz"));
    if let Some(folder) = output.parent() {
        make_folder(folder)?;
    }
    copy(&packed, output)?;
    remove(&packed)
}
