//! Where things lie: the checkout, the state folder, cargo's target folder, the artifacts.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// The folder of the programs that set-up installs for subjects, below the state folder.
pub const PROGRAMS: &str = "programs";

/// The project on this machine.
#[derive(Debug, Clone)]
pub struct Project {
    /// The checkout.
    pub root: PathBuf,
    /// Downloads, unpacked sources, stamps of the stages: `WEIGHBRIDGE_STATE`, or `.weighbridge`.
    pub state: PathBuf,
    /// Cargo's target folder, for what is built: `CARGO_TARGET_DIR`, or `target`.
    pub target: PathBuf,
    /// Cargo's build folder, for what lies between: `CARGO_BUILD_BUILD_DIR`, or `target` as in `.cargo/config.toml`.
    pub build: PathBuf,
    /// Install without asking.
    pub assume_yes: bool,
}

impl Project {
    /// Finds the checkout that `cargo xtask` was typed in.
    ///
    /// # Errors
    /// The checkout has been moved since.
    pub fn locate(assume_yes: bool) -> Result<Self> {
        // What `cargo run` says now comes first: with one target folder for several checkouts, this program may
        // have been built from another one.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = Path::new(&manifest);
        let is_checkout = |folder: &&Path| folder.join("xtask/Cargo.toml").is_file();
        let root = manifest.ancestors().find(is_checkout).with_context(|| {
            format!(
                "{} is in no checkout any more: run `cargo xtask` from within one",
                manifest.display()
            )
        })?;
        let folder = |variable: &str, default: &str| {
            std::env::var_os(variable).map_or_else(|| root.join(default), |path| root.join(path))
        };
        Ok(Self {
            root: root.to_owned(),
            state: folder("WEIGHBRIDGE_STATE", ".weighbridge"),
            target: folder("CARGO_TARGET_DIR", "target"),
            build: folder("CARGO_BUILD_BUILD_DIR", "target"),
            assume_yes,
        })
    }

    /// The variables that tell cargo its folders.
    #[must_use]
    pub fn cargo_folders(&self) -> [(&'static str, &Path); 2] {
        [("CARGO_TARGET_DIR", &self.target), ("CARGO_BUILD_BUILD_DIR", &self.build)]
    }

    /// A path within the checkout.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Folder of the built artifacts of this machine's architecture.
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.target.join("weighbridge").join(std::env::consts::ARCH)
    }

    /// A program of ours that cargo has built with the `tools` profile.
    #[must_use]
    pub fn tool(&self, name: &str) -> PathBuf {
        self.target.join("tools").join(name)
    }

    /// The programs that set-up has installed for subjects, one by one: below the state folder,
    /// unless `WEIGHBRIDGE_PROGRAMS` names another folder to look in. CI names an empty one:
    /// nothing may need what nobody requested.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        let named = std::env::var_os("WEIGHBRIDGE_PROGRAMS");
        named.map_or_else(|| self.state.join(PROGRAMS), |path| self.root.join(path))
    }

    /// Where the runs go.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.path("results")
    }

    /// A path as the user would type it: relative to the checkout where it lies within.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
