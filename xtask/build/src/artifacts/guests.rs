//! The guests: Wasm components and modules, the same files for every architecture.

use super::{Common, quietly};
use crate::names::{
    COMMAND, COMPONENT, GUESTS, HELLO, OPERATIONS_COMPONENT, OPERATIONS_MODULE, OPERATIONS_SCALAR,
    PROBE, PROBE_MODULES, PROBE_TEXTS, SHELLS, WAITING,
};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use weighbridge_project::files;
use weighbridge_project::process::command;
use weighbridge_project::settings::FLAGS;
use weighbridge_setup::TargetToolchain;

/// What `.cargo/config.toml` says of the targets of guests.
const SIMD: &str = "-Ctarget-feature=+simd128";

impl Common<'_> {
    /// The guests, which are built once: every architecture gets the same files. Of this machine's
    /// the probe's [`modules`](Self::modules) are left.
    pub(super) fn guests(&self, folder: &Path) -> Result<()> {
        if folder != self.local {
            for name in GUESTS {
                let from = self.local.join(name);
                let bytes =
                    std::fs::read(&from).with_context(|| format!("read {}", from.display()))?;
                files::write(&folder.join(name), &bytes)?;
            }
            return Ok(());
        }
        for (package, made, name) in [
            ("weighbridge-component", "weighbridge_component.wasm", COMPONENT),
            ("weighbridge-hello", "weighbridge_hello.wasm", HELLO),
            ("weighbridge-probe", "weighbridge_probe.wasm", PROBE),
            ("weighbridge-waiting", "weighbridge_waiting.wasm", WAITING),
        ] {
            self.release(package, &["--lib"], self.component()?, made, &folder.join(name))?;
        }
        let (package, made) = ("weighbridge-command", "weighbridge-command.wasm");
        self.release(package, &[], self.wasm_command()?, made, &folder.join(COMMAND))?;
        for (name, feature) in SHELLS {
            let (package, made) = ("weighbridge-shell", "weighbridge-shell.wasm");
            let arguments = ["--features", feature];
            self.release(package, &arguments, self.wasm_command()?, made, &folder.join(name))?;
        }
        for (toolchain, name) in [
            (self.component()?, OPERATIONS_COMPONENT),
            (self.wasm_command()?, OPERATIONS_MODULE),
            (&without_simd(self.component()?)?, OPERATIONS_SCALAR),
        ] {
            let (package, made) = ("weighbridge-operations", "weighbridge-operations.wasm");
            self.release(package, &[], toolchain, made, &folder.join(name))?;
        }
        Ok(())
    }

    /// The probe's modules from their texts: `probe-simd.wasm` from `simd.wat`.
    pub(super) fn modules(&self, runner: &Path, folder: &Path) -> Result<()> {
        for name in PROBE_MODULES {
            let stem = name.trim_start_matches("probe-").trim_end_matches(".wasm");
            let text = self.project.root.join(PROBE_TEXTS).join(format!("{stem}.wat"));
            let mut assemble = command(runner);
            assemble.arg("assemble").arg("--text").arg(text);
            assemble.arg("--output").arg(folder.join(name));
            quietly(assemble)?;
        }
        Ok(())
    }
}

/// The same toolchain without 128-bit vectors. The standard library is built along, where it is.
fn without_simd(toolchain: &TargetToolchain) -> Result<TargetToolchain> {
    let flags = toolchain.env.get(FLAGS).map(String::as_str).unwrap_or_default();
    let rest: Vec<&str> = flags.split('\x1f').filter(|flag| *flag != SIMD).collect();
    ensure!(rest.join("\x1f") != flags, "{FLAGS} of {} has no {SIMD}", toolchain.triple);
    let mut scalar = toolchain.clone();
    scalar.env.insert(FLAGS.to_owned(), rest.join("\x1f"));
    Ok(scalar)
}
