//! The kit of a published run: what measures, and beside it the raw log, the analysis, the paper and a script that
//! needs nothing but Linux and a shell.

use super::{Contents, archive};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use weighbridge_project::files::{copy, make_folder, remove, write_program};
use weighbridge_project::process::{command, run};

/// What goes along of the checkout, from where to where.
const OF_CHECKOUT: [(&str, &str); 12] = [
    ("paper/published", "paper/published"),
    ("paper/sections", "paper/sections"),
    ("paper/main.tex", "paper/main.tex"),
    ("paper/references.bib", "paper/references.bib"),
    ("paper/history", "paper/history"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Output;

    /// Says what it was called with, and ends with the code in the file `code` beside it, 0 without one.
    const FAKE: &str =
        "#!/bin/sh\necho \"${0##*/} $*\"\nexit \"$(cat \"${0%/*}/code\" 2>/dev/null || echo 0)\"\n";

    /// An unpacked kit whose programs are fakes, with artifacts for `machine`.
    fn kit(folder: &Path, machine: &str) {
        make_folder(&folder.join("data/r")).unwrap();
        make_folder(&folder.join("artifacts").join(machine)).unwrap();
        for (name, text) in [
            ("weighbridge", include_str!("weighbridge.sh")),
            ("weighbridge-runner", FAKE),
            ("weighbridge-analysis", FAKE),
            ("claims.toml", "[[claim]]\nname = \"one\"\n[[claim]]\nname = \"two\"\n"),
            ("data/r/manifest.json", "{}"),
        ] {
            write_program(&folder.join(name), text.as_bytes()).unwrap();
        }
        let mut sums = command("sh");
        sums.current_dir(folder).args(["-c", "sha256sum claims.toml data/r/* >SHA256SUMS"]);
        run(&mut sums).unwrap();
    }

    fn called(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } =
            command(folder.join("weighbridge")).args(arguments).output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    #[test]
    fn a_claim_is_measured_by_the_kits_runner_and_judged_beside_the_published_run() {
        let folder = tempfile::tempdir().unwrap();
        kit(folder.path(), std::env::consts::ARCH);
        let (code, text) = called(folder.path(), &["verify", "two"]);
        assert_eq!(code, Some(0), "{text}");
        let runner = text.lines().find(|line| line.starts_with("weighbridge-runner run")).unwrap();
        assert!(runner.contains("--claim two --profile quick"), "{runner}");
        let judged = text.lines().find(|line| line.starts_with("weighbridge-analysis verify"));
        assert!(judged.is_some_and(|line| line.contains("/data/r --here ")), "{text}");
        let (_, all) = called(folder.path(), &["verify", "--budget", "1min"]);
        assert!(all.contains("--claim one,two --profile quick"), "{all}");
        assert!(all.contains("--budget 1min"), "{all}");
    }

    #[test]
    fn what_the_runner_ended_with_is_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        kit(folder.path(), std::env::consts::ARCH);
        std::fs::write(folder.path().join("code"), "3").unwrap();
        assert_eq!(called(folder.path(), &["verify", "one"]).0, Some(3));
    }

    #[test]
    fn what_the_kit_does_not_have_is_named() {
        let folder = tempfile::tempdir().unwrap();
        kit(folder.path(), "vax");
        for (arguments, expected, words) in [
            (&["verify", "three"][..], 2, "no claim three; ./weighbridge claims shows all"),
            (&["verify", "one"], 3, "the kit holds programs for vax"),
            (&["verify", "--bugdet", "1min"], 2, "no option --bugdet"),
            (&["weigh"], 2, "no verb weigh"),
            (&["explain"], 2, "explain takes one number"),
        ] {
            let (code, text) = called(folder.path(), arguments);
            assert_eq!(code, Some(expected), "{arguments:?}: {text}");
            assert!(text.contains(words), "{arguments:?}: {text}");
        }
        let (code, text) = called(folder.path(), &["help"]);
        assert!(code == Some(0) && text.contains("verify --published"), "{text}");
    }

    #[test]
    fn a_changed_and_a_missing_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        kit(folder.path(), std::env::consts::ARCH);
        let whole = called(folder.path(), &["verify", "--published"]);
        assert_eq!(whole.0, Some(0), "{}", whole.1);
        std::fs::write(folder.path().join("data/r/manifest.json"), "[]").unwrap();
        std::fs::remove_file(folder.path().join("claims.toml")).unwrap();
        let (code, text) = called(folder.path(), &["verify", "--published"]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("data/r/manifest.json: not the file of this kit"), "{text}");
        assert!(text.contains("claims.toml: missing"), "{text}");
    }

    #[test]
    fn equal_kits_are_packed_into_equal_bytes() {
        let parent = tempfile::tempdir().unwrap();
        let packed = ["a.tar.gz", "b.tar.gz"].map(|file| {
            let folder = parent.path().join("kit");
            remove(&folder).unwrap();
            kit(&folder, "x86_64");
            pack(parent.path(), "kit", &parent.path().join(file)).unwrap();
            std::fs::read(parent.path().join(file)).unwrap()
        });
        assert_eq!(packed[0], packed[1]);
    }
}
