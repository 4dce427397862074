//! The Rust compiler at hand: which it is, what its sysroot holds, and the flags that every target shares.

use crate::context::Context;
use crate::machine::{Machine, Step};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a compiler may take to say what it is: rustup may have to fetch the toolchain first.
const RUSTC_LIMIT: Duration = Duration::from_secs(900);

/// The compiler that builds the harness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    /// Such as `1.95.0`.
    pub(crate) release: String,
    /// The target it runs on, such as `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
    pub(crate) sysroot: PathBuf,
}

impl Compiler {
    /// Asks the compiler that cargo uses here.
    pub(crate) fn detect(context: &Context<'_>) -> Result<Self> {
        let machine = context.machine;
        // Under cargo, `CARGO` is the toolchain's own, past rustup's proxy, which costs time at each call.
        let cargo = machine
            .variable("CARGO")
            .map(PathBuf::from)
            .or_else(|| machine.find("cargo"))
            .context("no cargo on PATH: install Rust 1.95 with rustup, or enter `nix develop`")?;
        let beside = cargo.with_file_name("rustc");
        // Not what `RUSTC` names: cargo itself is started without that variable.
        let rustc = if machine.exists(&beside) {
            beside
        } else {
            machine.find("rustc").context("cargo is there, but no rustc on PATH")?
        };
        let ask = |arguments: &[&str]| {
            let program = rustc.to_string_lossy();
            let question = Step::new(program, arguments.iter().copied()).within(&context.repo);
            machine.run(&question.answered_within(RUSTC_LIMIT))
        };
        let version = ask(&["-vV"])?;
        let field = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            let value = line.map(|value| value.trim().to_owned());
            value.with_context(|| format!("`{} -vV` gives no `{name}`", rustc.display()))
        };
        let (release, host) = (field("release:")?, field("host:")?);
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.trim());
        Ok(Self { cargo, rustc, release, host, sysroot })
    }

    /// Whether the sysroot holds the standard library of a target.
    pub(crate) fn has_target(&self, machine: &dyn Machine, triple: &str) -> bool {
        let libraries = self.sysroot.join("lib/rustlib").join(triple).join("lib");
        machine.list(&libraries).iter().any(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    }

    /// A program that comes with the compiler (`rust-lld`, `wasm-component-ld`), or lies on PATH.
    pub(crate) fn bundled(&self, machine: &dyn Machine, program: &str) -> Option<PathBuf> {
        let bundled = self.sysroot.join("lib/rustlib").join(&self.host).join("bin").join(program);
        if machine.exists(&bundled) { Some(bundled) } else { machine.find(program) }
    }
}

/// The project's own cargo configuration.
const CONFIGURATION: &str = include_str!("../../../.cargo/config.toml");

/// The flags that the project's cargo configuration has for a target, which is the one place that they stand in.
pub(crate) fn configured_flags(triple: &str) -> Result<Vec<String>> {
    let configuration: toml::Table =
        CONFIGURATION.parse().context("can't read .cargo/config.toml")?;
    let flags = configuration
        .get("target")
        .and_then(|targets| targets.get(triple)?.get("rustflags")?.as_array())
        .with_context(|| format!(".cargo/config.toml has no rustflags for {triple}"))?;
    Ok(flags.iter().filter_map(|flag| flag.as_str().map(str::to_owned)).collect())
}

/// `CARGO_ENCODED_RUSTFLAGS`: the target's own flags, and the prefixes that would tell one machine's
/// folders from another's. That variable wins over every configuration file, so that nothing outside
/// decides about the measured programs.
pub(crate) fn encoded_flags(
    context: &Context<'_>,
    own: impl IntoIterator<Item = String>,
    sources: Option<&Path>,
) -> String {
    let mut flags: Vec<String> = own.into_iter().collect();
    let home = context.machine.variable("HOME").map(|home| Path::new(&home).join(".cargo"));
    let cargo_home = context.machine.variable("CARGO_HOME").map(PathBuf::from).or(home);
    // The checkout is not among them: cargo hands rustc its own crates by relative paths, and a flag that names
    // the checkout would make every dependency of a fresh clone be built again.
    let build = Some(context.build.as_path());
    let named = [(cargo_home.as_deref(), "/cargo"), (build, "/target"), (sources, "/rust")];
    let mut prefixes: Vec<_> =
        named.into_iter().filter_map(|(folder, name)| Some((folder?, name))).collect();
    // rustc takes the last prefix that matches: the folder inside another comes later.
    prefixes.sort_by_key(|(folder, _)| folder.components().count());
    for (folder, name) in prefixes {
        flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
        // Cargo names what lies within the checkout by relative paths.
        if let Ok(relative) = folder.strip_prefix(&context.repo) {
            flags.push(format!("--remap-path-prefix={}={name}", relative.display()));
        }
    }
    flags.join("\x1f")
}

/// Arguments that make cargo build the standard library along with the crate.
#[must_use]
pub fn build_std(panic_runtime: &str) -> Vec<String> {
    vec![format!("-Zbuild-std=std,{panic_runtime}")]
}

/// The environment that lets a stable cargo do so, from unpacked sources.
pub(crate) fn build_std_environment(sources: &Path) -> [(String, String); 2] {
    let library = sources.join("library").display().to_string();
    [
        ("RUSTC_BOOTSTRAP".to_owned(), "1".to_owned()),
        ("__CARGO_TESTS_ONLY_SRC_ROOT".to_owned(), library),
    ]
}

/// A triple as environment variables spell it: `WASM32_WASIP2`.
#[must_use]
pub fn variable_form(triple: &str) -> String {
    triple.to_ascii_uppercase().replace(['-', '.'], "_")
}
