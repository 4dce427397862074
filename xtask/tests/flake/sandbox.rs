//! A copy of the flake beside stand-in inputs, in a folder of its own with its own Nix store: evaluating it
//! touches neither the network nor anything else on the machine.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// What the flake reads of the checkout.
const FLAKE_FILES: [&str; 3] = ["flake.nix", "flake.lock", "rust-toolchain.toml"];

/// One copy that a test may break; removed when dropped.
pub(crate) struct Sandbox {
    root: PathBuf,
}

/// The value that Nix printed, and what it said on stderr (traces).
pub(crate) struct Evaluated {
    pub(crate) value: Value,
    pub(crate) messages: String,
}

/// The checkout's top folder.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Sandbox {
    /// A fresh copy, or `None` (said on stderr) when there is no `nix` and none is demanded.
    pub(crate) fn new() -> Option<Self> {
        if !nix_is_there() {
            return None;
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("flake-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let sandbox = Self { root };
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flake");
        fs::create_dir_all(sandbox.path("home")).unwrap();
        fs::create_dir_all(sandbox.path("flake")).unwrap();
        for file in FLAKE_FILES {
            fs::copy(checkout().join(file), sandbox.path("flake").join(file)).unwrap();
        }
        copy_folder(&checkout().join("nix"), &sandbox.path("flake/nix"));
        copy_folder(&fixtures.join("nixpkgs"), &sandbox.path("nixpkgs"));
        copy_folder(&fixtures.join("rust-overlay"), &sandbox.path("rust-overlay"));
        fs::copy(fixtures.join("report.nix"), sandbox.path("report.nix")).unwrap();
        Some(sandbox)
    }

    /// Replaces text in one copied file. The text must be there: a mutation that changes nothing proves nothing.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let before = fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{file} no longer contains {from:?}; adapt this test");
        fs::write(path, before.replacen(from, to, 1)).unwrap();
    }

    /// Evaluates one output of the flake with the function of the same name in report.nix.
    pub(crate) fn report(&self, output: &str) -> Result<Evaluated, String> {
        let installable = format!("{}#{output}", self.flake());
        let report = self.path("report.nix");
        let apply = format!("(import {}).{output}", report.display());
        let mut command =
            self.nix(&["eval", "--json", "--impure", &installable, "--apply", &apply]);
        self.with_stand_ins(&mut command);
        evaluated(command)
    }

    /// `nix flake check --no-build` with the stand-ins; what it said when it refused.
    pub(crate) fn flake_check(&self) -> Result<(), String> {
        let mut command = self.nix(&["flake", "check", "--no-build", &self.flake()]);
        self.with_stand_ins(&mut command);
        run(command).map(drop)
    }

    /// The lock as Nix understands it, without the stand-ins; an error when it would have to be changed.
    pub(crate) fn accepted_lock(&self) -> Result<Value, String> {
        let flake = self.flake();
        let metadata =
            ["flake", "metadata", "--json", "--offline", "--no-update-lock-file", &flake];
        evaluated(self.nix(&metadata)).map(|evaluated| evaluated.value["locks"].clone())
    }

    /// The `inputs` of flake.nix as plain data.
    pub(crate) fn declared_inputs(&self) -> Value {
        let file = self.path("flake/flake.nix").display().to_string();
        evaluated(self.nix(&["eval", "--json", "--file", &file, "inputs"])).unwrap().value
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn flake(&self) -> String {
        format!("path:{}", self.path("flake").display())
    }

    fn with_stand_ins(&self, command: &mut Command) {
        command.args(["--offline", "--no-write-lock-file"]);
        for input in ["nixpkgs", "rust-overlay"] {
            let folder = format!("path:{}", self.path(input).display());
            command.args(["--override-input", input, &folder]);
        }
    }

    fn nix(&self, arguments: &[&str]) -> Command {
        let config = format!(
            "experimental-features = nix-command flakes\nbuild-users-group =\nsubstituters =\n\
             flake-registry =\nstore = {}",
            self.path("store").display()
        );
        let mut command = Command::new("nix");
        command.args(arguments).env("HOME", self.path("home")).env("NIX_CONFIG", config);
        for (variable, folder) in [
            ("NIX_CONF_DIR", "home/conf"),
            ("NIX_STATE_DIR", "home/state"),
            ("NIX_LOG_DIR", "home/log"),
            ("XDG_CACHE_HOME", "home/cache"),
            ("XDG_CONFIG_HOME", "home/config"),
            ("XDG_DATA_HOME", "home/data"),
            ("XDG_STATE_HOME", "home/state"),
        ] {
            command.env(variable, self.path(folder));
        }
        for variable in ["NIX_REMOTE", "NIX_PATH", "NIX_USER_CONF_FILES", "NIX_STORE_DIR"] {
            command.env_remove(variable);
        }
        command
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A Nix store is read-only, which stops anyone but root from removing it.
        make_writable(&self.root);
        if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("cannot remove {}: {error}", self.root.display());
        }
    }
}

fn nix_is_there() -> bool {
    if Command::new("nix").arg("--version").output().is_ok() {
        return true;
    }
    let message = "the flake is NOT tested: there is no `nix` on PATH (apt-get install nix-bin)";
    let required = std::env::var_os("WEIGHBRIDGE_REQUIRE_NIX").is_some_and(|value| value == "1");
    assert!(!required, "{message}, and WEIGHBRIDGE_REQUIRE_NIX=1 demands it");
    // Past libtest's capture, which would swallow the message of a test that passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {message}");
    false
}

fn evaluated(command: Command) -> Result<Evaluated, String> {
    let output = run(command)?;
    let value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok(Evaluated { value, messages: String::from_utf8_lossy(&output.stderr).into_owned() })
}

fn run(mut command: Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        assert!(entry.file_type().unwrap().is_file(), "{} is not a file", entry.path().display());
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn make_writable(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}
