//! What must be true of the evaluated flake on every system. Each mutation test breaks one thing and demands
//! that this audit (or the evaluation that it does) says so.

use serde_json::Value;

use crate::sandbox::Sandbox;

pub(crate) const SYSTEMS: [&str; 2] = ["x86_64-linux", "aarch64-linux"];
pub(crate) const MUSL_TARGETS: [&str; 2] =
    ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
pub(crate) const WASM_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];
pub(crate) const COMPONENTS: [&str; 2] = ["clippy", "rustfmt"];
pub(crate) const OPTIONAL_TOOLS: [&str; 18] = [
    "binaryen",
    "cargo-nextest",
    "conmon",
    "containerd",
    "crun",
    "docker",
    "fermyon-spin",
    "hyperfine",
    "podman",
    "poppler-utils",
    "qemu-user",
    "runc",
    "wasmedge",
    "wasmer",
    "wasmtime",
    "wazero",
    "wrk",
    "youki",
];

const SHELLS: [&str; 2] = ["ci", "default"];
const APPS: [&str; 2] = ["all", "default"];
const CHECKS: [&str; 4] = ["c-compilers", "format", "tex", "toolchain"];
const REQUIRED_TOOLS: [&str; 5] = ["texlive", "gcc", "cacert", "curl", "git"];

/// Evaluates every output on both systems and compares it with the constants above.
/// Returns what Nix traced; the error says what is wrong.
pub(crate) fn audit(sandbox: &Sandbox) -> Result<String, String> {
    let packages = sandbox.report("packages")?.value;
    let shells = sandbox.report("devShells")?;
    let apps = sandbox.report("apps")?.value;
    let checks = sandbox.report("checks")?.value;
    let formatter = sandbox.report("formatter")?.value;
    for system in SYSTEMS {
        let result = toolchain(&packages[system]["rust-toolchain"])
            .and_then(|()| derivation("packages.tex", &packages[system]["tex"]))
            .and_then(|()| each(&SHELLS, "devShell", &shells.value[system], shell))
            .and_then(|()| each(&APPS, "app", &apps[system], app))
            .and_then(|()| each(&CHECKS, "check", &checks[system], derivation))
            .and_then(|()| derivation("formatter", &formatter[system]));
        result.map_err(|wrong| format!("{system}: {wrong}"))?;
    }
    Ok(shells.messages)
}

/// The optional tools that `devShells.<system>.default` offers, sorted.
pub(crate) fn optional_tools(sandbox: &Sandbox, system: &str) -> Vec<String> {
    let shells = sandbox.report("devShells").unwrap().value;
    let mut names = strings(&shells[system]["default"]["toolNames"]);
    names.retain(|name| OPTIONAL_TOOLS.contains(&name.as_str()));
    names.sort();
    names
}

fn each(
    names: &[&str],
    kind: &str,
    outputs: &Value,
    check: impl Fn(&str, &Value) -> Result<(), String>,
) -> Result<(), String> {
    for name in names {
        let output = outputs.get(name).ok_or_else(|| format!("there is no {kind} {name}"))?;
        check(name, output).map_err(|wrong| format!("{kind} {name}: {wrong}"))?;
    }
    Ok(())
}

fn toolchain(package: &Value) -> Result<(), String> {
    derivation("packages.rust-toolchain", package)?;
    let targets: Vec<&str> = WASM_TARGETS.into_iter().chain(MUSL_TARGETS).collect();
    contains_all(&strings(&package["targets"]), &targets, "the toolchain's targets")?;
    contains_all(&strings(&package["components"]), &COMPONENTS, "the toolchain's components")
}

fn shell(name: &str, shell: &Value) -> Result<(), String> {
    derivation(name, shell)?;
    let tools = strings(&shell["toolNames"]);
    contains_all(&tools, &REQUIRED_TOOLS, "its tools")?;
    if !tools.iter().any(|tool| tool.starts_with("rust-minimal-")) {
        return Err("it has no Rust toolchain".to_owned());
    }
    MUSL_TARGETS.iter().try_for_each(|target| compiler_variables(target, &shell["env"]))
}

/// mimalloc's C is built by what `CC_<target>` names, and rustc links with `CARGO_TARGET_<TARGET>_LINKER`.
fn compiler_variables(target: &str, environment: &Value) -> Result<(), String> {
    let underscored = target.replace('-', "_");
    let linker = format!("CARGO_TARGET_{}_LINKER", underscored.to_uppercase());
    for (variable, program) in
        [(format!("CC_{underscored}"), "cc"), (format!("AR_{underscored}"), "ar"), (linker, "cc")]
    {
        let path = environment[&variable].as_str().unwrap_or_default();
        if !path.starts_with("/nix/store/") || !path.ends_with(&format!("/bin/{target}-{program}"))
        {
            return Err(format!("{variable} is {path:?}, not {target}'s {program}"));
        }
    }
    Ok(())
}

/// `nix run` wants this shape, and Nix 2.8's `flake check` does not look.
fn app(_: &str, app: &Value) -> Result<(), String> {
    let program = app["program"].as_str().unwrap_or_default();
    if app["type"] != "app" {
        return Err(format!("its type is {}, not \"app\"", app["type"]));
    }
    if !program.starts_with("/nix/store/") || !program.ends_with("/bin/weighbridge-all") {
        return Err(format!("its program is {program:?}, not a path in the store"));
    }
    match app["meta"]["description"].as_str() {
        Some(text) if !text.is_empty() => Ok(()),
        _ => Err("it has no description".to_owned()),
    }
}

fn derivation(name: &str, output: &Value) -> Result<(), String> {
    let path = output["drv"].as_str().unwrap_or_default();
    if path.starts_with("/nix/store/") && path.ends_with(".drv") {
        Ok(())
    } else {
        Err(format!("{name} does not evaluate to a derivation"))
    }
}

fn contains_all(found: &[String], wanted: &[&str], what: &str) -> Result<(), String> {
    match wanted.iter().find(|name| !found.iter().any(|other| other == *name)) {
        Some(name) => Err(format!("{what} lack {name}")),
        None => Ok(()),
    }
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
