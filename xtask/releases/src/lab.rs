//! What the verbs need besides their questions: programs in other versions, a run, its analysis.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use weighbridge_build::tools;
use weighbridge_project::exit::ReportedError;
use weighbridge_project::machine_lock;
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::program::Installed;
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::subject::SubjectsFile;
use weighbridge_setup::subjects::install_version;

/// Measures the questions of the first folder into the second one, and returns the run's.
pub type Measure<'a> = dyn Fn(&Path, &Path, &RunRequest) -> Result<PathBuf> + 'a;

/// This machine, as the verbs use it.
pub struct Lab<'a> {
    /// The project.
    pub project: &'a Project,
    /// Takes lines of progress.
    pub progress: &'a Progress,
    /// Set-up, build and run.
    pub measure: Box<Measure<'a>>,
    /// calibration.json of this machine.
    pub calibration: Option<PathBuf>,
}

impl Lab<'_> {
    /// Apart from the other runs: `analyze` and `paper` take the newest of those.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.project.results().join("releases")
    }

    /// A run that one of these verbs made, by its folder or its name.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, named: &Path) -> Result<PathBuf> {
        let folders = [self.results().join(named), self.project.root.join(named)];
        let found = folders.into_iter().find(|folder| folder.join("manifest.json").is_file());
        found.with_context(|| {
            let results = self.project.shown(&self.results());
            format!("there is no run {}: {results} holds those of releases", named.display())
        })
    }

    /// Installs `program` in each of `versions`, beside what is there.
    ///
    /// # Errors
    /// Somebody measures, or a version cannot be had.
    pub fn install(
        &self,
        file: &SubjectsFile,
        (subject, program): (&SubjectName, &ProgramName),
        versions: &[String],
    ) -> Result<Vec<Installed>> {
        let _lock = machine_lock::to_build()?;
        let subject =
            file.subjects.get(subject).with_context(|| format!("no subject {subject}"))?;
        let entry =
            (file.programs.get(program)).with_context(|| format!("no program {program}"))?;
        let mut installed = Vec::new();
        for version in versions {
            let named = (program, entry);
            let found = install_version(self.project, named, subject, version, self.progress)?;
            self.progress.note(&format!("  {program} {version}: there ({})", found.provider));
            installed.push(found);
        }
        Ok(installed)
    }

    /// Starts the analysis with these words; its exit code, one of `good`, and what it printed.
    ///
    /// # Errors
    /// The build failed, or it ended with another code; it has said why.
    pub fn analyse(&self, words: &[OsString], good: &[i32]) -> Result<(i32, String)> {
        let (program, _) = tools::ensure(self.project, tools::ANALYSIS, self.progress)?;
        let mut analysis = command(&program);
        analysis.current_dir(&self.project.root).args(words);
        if let Some(calibration) = &self.calibration {
            analysis.arg("--calibration").arg(calibration);
        }
        let mut printed = String::new();
        let status = lines(&mut analysis, |line| {
            printed.push_str(line);
            printed.push('\n');
        })?;
        ReportedError::unless(status, good)?;
        let Some(code) = status.code() else { bail!("the analysis was killed ({status})") };
        Ok((code, printed))
    }
}
