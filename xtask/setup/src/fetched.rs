//! What has to be fetched for a need on a machine that has nothing but the distribution's essential packages, its
//! package manager and a Rust compiler: files and bytes, as far as they can be counted.
//!
//! Packages are counted by the package manager itself, which is asked what it would fetch onto an empty machine; so the
//! count is the same whatever is installed here. What set-up downloads and unpacks is kept, and its size read. Of what
//! neither keeps, set-up has noted how much the network brought while it was fetched.

use crate::chain::Session;
use crate::context::Context;
use crate::debian;
use crate::docker::DOCKER;
use crate::machine::{Machine, Step};
use crate::record::{Need, Outcome, Setup};
use crate::tools::C_COMPILER;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use weighbridge_project::files;
use weighbridge_schema::overhead::Tool;

/// How long the package manager may take to resolve the dependencies of some packages.
const LIMIT: Duration = Duration::from_secs(60);
/// What is there before anything is fetched: `apt-get` with what it needs, and what every machine has.
const THERE: [&str; 3] = ["?essential", "apt", "ca-certificates"];
/// What the environment of zig is made by.
const PYTHON: [&str; 2] = ["python3", "python3-venv"];
/// The package of zig, as details name it.
const ZIG: &str = "ziglang";

/// Files with their bytes, as the package manager lists them.
type Packages = BTreeMap<String, u64>;

/// What these needs take, each thing once.
#[must_use]
pub fn tools(context: &Context<'_>, setup: &Setup, needs: &[Need]) -> Vec<Tool> {
    let there = packages(context.machine, &THERE);
    let asked = |wanted: &[&str]| {
        let there = there.as_ref()?;
        let mut all = packages(context.machine, &[wanted, &THERE].concat())?;
        all.retain(|file, _| !there.contains_key(file));
        Some(all)
    };
    let mut tools: Vec<Tool> = Vec::new();
    for need in needs {
        let found = setup.provisions.iter().find(|provision| provision.need == *need);
        let found = found.and_then(|provision| match &provision.outcome {
            Outcome::Provided { provider, detail } => Some((provider.as_str(), detail)),
            Outcome::Missing { .. } => None,
        });
        for tool in of_need(*need, found, &context.state, &asked) {
            if tools.iter().all(|known| known.name != tool.name) {
                tools.push(tool);
            }
        }
    }
    tools
}

/// What one need takes, by its provider and what that says of itself; `None` where nobody has looked.
fn of_need(
    need: Need,
    found: Option<(&str, &BTreeMap<String, String>)>,
    state: &Path,
    asked: &dyn Fn(&[&str]) -> Option<Packages>,
) -> Vec<Tool> {
    let of_packages = |name: &str, wanted: &[&str]| {
        let fetched = asked(wanted);
        Tool {
            name: name.to_owned(),
            provider: "packages of the distribution".to_owned(),
            files_count: fetched.as_ref().map(|files| files.len() as u64),
            fetched_bytes: fetched.map(|files| files.values().sum()),
        }
    };
    let known = match need {
        Need::CCompiler => Some(C_COMPILER.packages),
        Need::ContainerEngine => Some(DOCKER.packages),
        _ => None,
    };
    if let Some(wanted) = known {
        return vec![of_packages(&need.to_string(), wanted)];
    }
    let Some((provider, detail)) = found else { return vec![unknown(need, "nobody has looked")] };
    let mut tools = Vec::new();
    for (name, value) in detail {
        if name == ZIG {
            let release = value.split(' ').next().unwrap_or_default();
            tools.push(of_packages("Python with venv", &PYTHON));
            tools.push(Tool {
                name: format!("{ZIG} {release}"),
                provider: "Python package index".to_owned(),
                files_count: Some(1),
                fetched_bytes: noted(state, &format!("{ZIG} {release}")),
            });
        } else if let Some((version, sha256)) = value.split_once(" sha256:") {
            let file = debian::kept(state, name, sha256);
            tools.push(Tool {
                name: format!("{name} {version}"),
                provider: "package of the distribution, unpacked".to_owned(),
                files_count: Some(1),
                fetched_bytes: std::fs::metadata(file).ok().map(|file| file.len()),
            });
        }
    }
    if tools.is_empty() { vec![unknown(need, provider)] } else { tools }
}

fn unknown(need: Need, provider: &str) -> Tool {
    let (name, provider) = (need.to_string(), provider.to_owned());
    Tool { name, provider, files_count: None, fetched_bytes: None }
}

/// The packages that the package manager would fetch for `wanted` onto a machine that has none at all; `None` where it
/// cannot be asked.
fn packages(machine: &dyn Machine, wanted: &[&str]) -> Option<Packages> {
    let begin = ["install", "--print-uris", "--yes", "-qq", "--no-install-recommends"];
    let empty = ["-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=1"];
    let words = begin.iter().chain(&empty).chain(wanted).copied();
    let printed = machine.run(&Step::new("apt-get", words).answered_within(LIMIT)).ok()?;
    let found: Packages = printed.lines().filter_map(package).collect();
    (!found.is_empty()).then_some(found)
}

/// A line such as `'http://a/b.deb' b.deb 123 SHA256:0`.
fn package(line: &str) -> Option<(String, u64)> {
    let mut words = line.strip_prefix('\'')?.split_once("' ")?.1.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// Bytes that the machine's network cards have received, the loopback aside; `None` where the kernel does not tell.
pub(crate) fn received_bytes(machine: &dyn Machine) -> Option<u64> {
    let text = machine.read(Path::new("/proc/net/dev"))?;
    let cards = text.lines().filter_map(|line| line.split_once(':'));
    let received = cards
        .filter(|(card, _)| card.trim() != "lo")
        .map(|(_, counters)| counters.split_whitespace().next()?.parse::<u64>().ok());
    received.sum()
}

/// Notes what has been received since `before` as what `name` took, if anything has.
///
/// # Errors
/// The state folder cannot be written.
pub(crate) fn note(session: &Session<'_>, name: &str, before: Option<u64>) -> Result<()> {
    let now = received_bytes(session.machine());
    let Some(bytes) = now.zip(before).and_then(|(now, before)| now.checked_sub(before)) else {
        return Ok(());
    };
    if bytes == 0 {
        // It came from this machine itself, by way of a cache or a proxy: nobody knows how much it was.
        return Ok(());
    }
    let file = session.context.state.join(FILE);
    let mut all = read(&file);
    all.insert(name.to_owned(), bytes);
    files::write(&file, &serde_json::to_vec_pretty(&all)?)
}

/// By what was fetched, the bytes that it took.
const FILE: &str = "fetched.json";

fn read(file: &Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(file).ok();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn noted(state: &Path, name: &str) -> Option<u64> {
    read(&state.join(FILE)).get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};
    use crate::record::Provision;

    const BASE: &str = "'http://m.example/dpkg.deb' dpkg.deb 100 SHA256:0\n";
    const GCC: &str = "'http://m.example/dpkg.deb' dpkg.deb 100 SHA256:0\n\
                       'http://m.example/gcc.deb' gcc.deb 20 SHA256:1\n\
                       'http://m.example/libc.deb' libc.deb 3 SHA256:2\n";

    fn provided(need: Need, provider: &str, detail: &[(&str, &str)]) -> Provision {
        let detail = detail.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let outcome = Outcome::Provided { provider: provider.to_owned(), detail: detail.collect() };
        Provision { need, outcome, passed_over: Vec::new() }
    }

    fn setup(provisions: Vec<Provision>) -> Setup {
        Setup { schema_version: crate::SCHEMA_VERSION, provisions, targets: BTreeMap::new() }
    }

    fn of<'t>(tools: &'t [Tool], name: &str) -> &'t Tool {
        tools.iter().find(|tool| tool.name == name).unwrap_or_else(|| panic!("{tools:?}"))
    }

    #[test]
    fn packages_are_counted_without_what_every_machine_has() {
        let machine = FakeMachine::debian()
            .on(" gcc libc6-dev ", |_, _| Ok(GCC.to_owned()))
            .on("--print-uris", |_, _| Ok(BASE.to_owned()));
        let bench = Bench::new("fetched-packages");
        let tools = bench.call(&machine, false, |context| {
            tools(context, &setup(Vec::new()), &[Need::CCompiler, Need::ContainerEngine])
        });
        let compiler = of(&tools, "C compiler");
        assert_eq!((compiler.files_count, compiler.fetched_bytes), (Some(2), Some(23)));
        let engine = of(&tools, "container engine");
        assert_eq!((engine.files_count, engine.fetched_bytes), (Some(0), Some(0)));
    }

    #[test]
    fn without_the_package_manager_nothing_is_known() {
        let bench = Bench::new("fetched-nothing");
        let tools = bench.call(&FakeMachine::debian(), false, |context| {
            tools(context, &setup(Vec::new()), &[Need::CCompiler, Need::WasmComponent])
        });
        for tool in &tools {
            assert_eq!((tool.files_count, tool.fetched_bytes), (None, None), "{tool:?}");
        }
        assert_eq!(of(&tools, "wasm32-wasip2").provider, "nobody has looked");
    }

    #[test]
    fn what_is_kept_is_weighed_and_two_needs_share_it() {
        let bench = Bench::new("fetched-kept");
        let sha256 = "ab".repeat(32);
        let file = debian::kept(&bench.state, "rust-src", &sha256);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, [0; 7]).unwrap();
        let sources = ("rust-src", format!("1.0 sha256:{sha256}"));
        let sources = (sources.0, sources.1.as_str());
        let gone = format!("2 sha256:{}", "cd".repeat(32));
        let setup = setup(vec![
            provided(Need::StaticNative, "zig", &[sources, (ZIG, "0.9"), ("libc", "musl")]),
            provided(Need::WasmComponent, "sources", &[sources, ("wasi-libc", &gone)]),
            provided(Need::WasmCommand, "sysroot", &[("rustc", "1.95.0")]),
        ]);
        let needs = [Need::StaticNative, Need::WasmComponent, Need::WasmCommand];
        let tools =
            bench.call(&FakeMachine::debian(), false, |context| tools(context, &setup, &needs));
        assert_eq!(of(&tools, "rust-src 1.0").fetched_bytes, Some(7));
        assert_eq!(of(&tools, "wasi-libc 2").fetched_bytes, None, "it is not kept any more");
        assert_eq!(of(&tools, "ziglang 0.9").fetched_bytes, None, "nobody has noted it");
        assert_eq!(of(&tools, "wasm32-wasip1").provider, "sysroot");
        assert_eq!(tools.iter().filter(|tool| tool.name.starts_with("rust-src")).count(), 1);
    }

    #[test]
    fn what_the_network_brought_is_noted_and_the_loopback_is_no_network() {
        let machine = FakeMachine::debian();
        let card = |bytes: u64| {
            let text = format!("Inter-| Receive\n face |bytes\n    lo: 999 1\n  eth0: {bytes} 1\n");
            machine.add_file("/proc/net/dev", &text);
        };
        card(100);
        assert_eq!(received_bytes(&machine), Some(100));
        assert_eq!(received_bytes(&FakeMachine::debian()), None);
        let bench = Bench::new("fetched-noted");
        bench.call(&machine, false, |context| {
            let session = Session::open(context).unwrap();
            note(&session, "ziglang 0.9", Some(100)).unwrap();
            assert_eq!(noted(&context.state, "ziglang 0.9"), None, "nothing came");
            card(150);
            note(&session, "ziglang 0.9", Some(100)).unwrap();
            assert_eq!(noted(&context.state, "ziglang 0.9"), Some(50));
        });
    }
}
