//! A pin that has vanished from its source, for every need: what takes its place, or the way on.

use crate::fake::{Bench, FakeMachine};
use crate::machine::Step;
use crate::needs::provide_all;
use crate::pin_check::{PinFinding, PinStanding};
use crate::record::{Need, Outcome, Setup};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::inputs::sha256;
use weighbridge_schema::architecture::Architecture;

/// A package that a made-up archive has: name, version, suite, what it depends on.
type Package = (&'static str, &'static str, &'static str, &'static str);

const LIBC: Package = ("wasi-libc", "0.0~git20990101.abc-1~bpo13+1", "trixie-backports", "");
const SOURCES: Package = ("rust-src", "1.95.0+dfsg1-9~bpo13+1", "trixie-backports", "");
const LATER_SOURCES: Package = ("rust-src", "1.99.0+dfsg1-1~bpo13+1", "trixie-backports", "");

const WEB: &str = "1.97.1+dfsg1-1~deb12u1";
const SECURITY: &str = "bookworm-security";
/// The distribution's compiler after it has moved to another release and another LLVM. The library
/// of the release before lingers, as it does in real archives.
const COMPILER: [Package; 8] = [
    ("rustc-web", WEB, SECURITY, "libc6 (>= 2.34), libstd-rust-web-dev (= 1.97.1), gcc"),
    ("libstd-rust-web-1.97", WEB, SECURITY, "libc6 (>= 2.34), libllvm23, libstdc++6"),
    ("libstd-rust-web-1.96", "1.96.0+dfsg1-1~deb12u2", SECURITY, "libllvm22"),
    ("libstd-rust-web-dev", WEB, SECURITY, "libstd-rust-web-1.97 (= 1.97.1)"),
    ("libllvm23", "1:23.1.0-1~deb12u1", SECURITY, "libc6"),
    ("lld-23", "1:23.1.0-1~deb12u1", SECURITY, "libllvm23 (= 1:23.1.0-1~deb12u1)"),
    ("rust-web-src", WEB, SECURITY, ""),
    ("wasi-libc", "0.0~git20250101.def-1", "trixie", ""),
];

fn content(name: &str, version: &str) -> String {
    format!("{name} {version}")
}

/// A machine whose archive has these packages, and whose user may not use rustup.
fn archive(packages: Vec<Package>) -> FakeMachine {
    with_archive(FakeMachine::debian(), packages)
}

/// The same of a machine that knows more steps; those are looked at first.
fn with_archive(machine: FakeMachine, packages: Vec<Package>) -> FakeMachine {
    let (listed, shown, fetched) = (packages.clone(), packages.clone(), packages);
    machine
        .with("RUSTUP_AUTO_INSTALL", "0")
        .on(" update", |_, _| Ok(String::new()))
        .on(" madison ", move |_, step| {
            let name = step.arguments.last().unwrap();
            let line = |(package, version, suite, _): &Package| {
                format!(" {package} | {version} | http://m {suite}/main amd64 Packages\n")
            };
            Ok(listed.iter().filter(|package| package.0 == name).map(line).collect())
        })
        .on(" show ", move |_, step| {
            let (name, version) = requested(step);
            let found = shown.iter().find(|one| one.0 == name && one.1 == version);
            let Some((_, _, _, depends)) = found else { bail!("E: No packages found") };
            let digest = sha256(content(name, version).as_bytes());
            Ok(format!("Package: {name}\nDepends: {depends}\nSHA256: {digest}\n"))
        })
        .on(" download ", move |_, step| {
            let (name, version) = requested(step);
            if !fetched.iter().any(|one| one.0 == name && one.1 == version) {
                bail!("E: Version '{version}' for '{name}' was not found");
            }
            let file = step.folder.as_ref().unwrap().join(format!("{name}_1_all.deb"));
            std::fs::write(file, content(name, version))?;
            Ok(String::new())
        })
        .on("dpkg -x", |_, step| unpack(step))
}

fn requested(step: &Step) -> (&str, &str) {
    step.arguments.last().unwrap().split_once('=').unwrap()
}

/// Leaves what set-up looks for in a package.
fn unpack(step: &Step) -> Result<String> {
    let [_, file, root] = &step.arguments[..] else { bail!("{step}") };
    let package = Path::new(file).file_name().unwrap().to_string_lossy().into_owned();
    let make = |path: &str| std::fs::create_dir_all(Path::new(root).join(path));
    if package.starts_with("rust-src") {
        make("usr/src/rustc-1.95.0/library/std")?;
    } else if package.starts_with("rust-web-src") {
        make("usr/src/rustc-1.97.1/library/std")?;
    } else if package.starts_with("wasi-libc") {
        make("usr/lib/wasm32-wasip1/crt1-reactor.o")?;
        make("usr/lib/wasm32-wasip2/crt1-reactor.o")?;
    }
    Ok(String::new())
}

/// With an index of Python packages from which the pinned zig has vanished.
fn with_wheels(machine: FakeMachine, state: &Path) -> FakeMachine {
    let environment = state.join("toolchains/zig-in-place-of-0.17.0");
    let machine = machine
        .on("ensurepip", |_, _| Ok(String::new()))
        .on("-m venv", |_, _| Ok(String::new()))
        .on("versions ziglang", |_, _| Ok("Available versions: 0.18.0, 0.17.1, 0.9.1\n".to_owned()))
        .on("pip download", |machine, step| {
            let words = &step.arguments;
            let to = &words[words.iter().position(|word| word == "--dest").unwrap() + 1];
            machine.add_file(&format!("{to}/ziglang-0.17.1.whl"), "digest-of-the-wheel");
            Ok(String::new())
        })
        .on("--no-index", move |machine, _| {
            let file = |path: &str| machine.add_file(environment.join(path).to_str().unwrap(), "");
            file("lib/python3");
            file("lib/python3/site-packages/ziglang/zig");
            Ok(String::new())
        })
        .on("pip install", |_, _| bail!("No matching distribution found for ziglang==0.17.0"));
    machine.add_program("python3");
    machine
}

fn provide(bench: &Bench, machine: &FakeMachine, needs: &[Need]) -> Setup {
    bench.call(machine, false, |context| provide_all(context, needs)).unwrap()
}

/// Provider and detail of what was provided.
fn provided(setup: &Setup) -> (&str, &BTreeMap<String, String>) {
    match &setup.provisions[0].outcome {
        Outcome::Provided { provider, detail } => (provider, detail),
        Outcome::Missing { reason, .. } => panic!("missing: {reason}"),
    }
}

fn with_digest(package: &Package) -> String {
    format!("{} sha256:{}", package.1, sha256(content(package.0, package.1).as_bytes()))
}

/// The package that vanishes of a need which the distribution's packages meet; `None` of one whose
/// pins are versions.
fn package_of(need: Need) -> Option<&'static str> {
    match need {
        Need::WasmComponent
        | Need::WasmCommand
        | Need::StaticNative
        | Need::StaticX86_64
        | Need::StaticAarch64
        | Need::DockerCurrent => None,
        Need::CCompiler => Some("gcc"),
        Need::Emulator => Some("qemu-user"),
        Need::ContainerEngine => Some("docker.io"),
        Need::Podman => Some("podman"),
        Need::OciRuntimes => Some("crun"),
        Need::ImageDebian => Some("mmdebstrap"),
        Need::ImageAlpine => Some("busybox-static"),
        Need::Tex => Some("latexmk"),
        Need::Nix => Some("nix-bin"),
    }
}

/// A machine whose distribution has this package no more; the others bring nothing either.
fn without_package(package: &'static str) -> FakeMachine {
    FakeMachine::debian().on("apt-get update", |_, _| Ok(String::new())).on(
        " install -y",
        move |_, step| {
            if step.arguments.iter().any(|word| word == package) {
                bail!("E: Unable to locate package {package}");
            }
            Ok(String::new())
        },
    )
}

#[test]
fn every_need_survives_a_vanished_pin_or_names_the_way_on() {
    for need in
        Need::with_foreign(Need::ALL, &Architecture::ALL).into_iter().chain([Need::StaticX86_64])
    {
        let bench = Bench::new(&format!("vanished-{need}").replace(' ', "-"));
        let Some(package) = package_of(need) else {
            let machine =
                with_archive(with_wheels(FakeMachine::debian(), &bench.state), vec![SOURCES, LIBC]);
            let setup = provide(&bench, &machine, &[need]);
            let (_, detail) = provided(&setup);
            assert_eq!(detail["rust-src"], with_digest(&SOURCES), "{need}");
            assert!(bench.reported(" is gone from ") >= 2, "{need}: {:?}", bench.lines);
            continue;
        };
        let machine = without_package(package);
        let setup = provide(&bench, &machine, &[need]);
        let (_, reason, remedy) =
            setup.missing().next().unwrap_or_else(|| panic!("{need}: {setup:?}"));
        let named =
            format!("this distribution has no package {package}; what it brings serves from PATH");
        assert!(reason.contains(&named), "{need}: {reason}");
        assert!(!remedy.is_empty());
    }
}

#[test]
fn a_package_that_has_vanished_does_not_keep_the_others_away() {
    let machine = FakeMachine::debian()
        .on("apt-get update", |_, _| Ok(String::new()))
        .on(" install -y", |machine, step| {
            if step.arguments.iter().any(|word| word == "nix-bin") {
                bail!("E: Package 'nix-bin' has no installation candidate");
            }
            machine.add_program("cc");
            Ok(String::new())
        })
        .on("cc --version", |_, _| Ok("cc 12\n".to_owned()));
    let bench = Bench::new("vanished-one");
    let setup = provide(&bench, &machine, &[Need::CCompiler, Need::Nix]);
    assert_eq!(provided(&setup).0, "distribution-packages");
    let (need, reason, _) = setup.missing().next().unwrap();
    assert_eq!(need, Need::Nix);
    assert!(reason.contains("has no package nix-bin;"), "{reason}");
}

#[test]
fn the_c_library_that_is_gone_is_replaced_by_the_newest_and_stays_the_same_tomorrow() {
    let bench = Bench::new("vanished-libc");
    // The pinned sources are there, and were downloaded before.
    let pinned = ("rust-src", "1.95.0+dfsg1-2~bpo13+1", "trixie-backports", "");
    std::fs::create_dir_all(bench.state.join("downloads")).unwrap();
    std::fs::write(bench.state.join("downloads/rust-src-7b76db5b880a.deb"), "").unwrap();
    let machine = archive(vec![LATER_SOURCES, pinned, LIBC]);
    let setup = provide(&bench, &machine, &[Need::WasmComponent]);
    let (provider, detail) = provided(&setup);
    assert_eq!(provider, "distribution-sources");
    assert_eq!(detail["wasi-libc"], with_digest(&LIBC));
    assert!(detail["rust-src"].starts_with("1.95.0+dfsg1-2~bpo13+1 sha256:7b76db5b"));
    let line = format!(
        "wasi-libc 0.0~git20260129.ec0effd-3~bpo13+1 is gone from trixie-backports: takes the \
         newest that fits, wasi-libc {} (sha256 ",
        LIBC.1
    );
    assert_eq!(bench.reported(&line), 1, "{:?}", bench.lines);
    assert_eq!(bench.reported(" is gone "), 1);

    // Neither a network nor the archive is asked again, and the manifest says the same.
    let offline = FakeMachine::debian().with("RUSTUP_AUTO_INSTALL", "0");
    let again = provide(&bench, &offline, &[Need::WasmComponent, Need::WasmCommand]);
    assert_eq!(provided(&again), provided(&setup));
    assert_eq!(offline.count("apt-get"), 0);
    assert_eq!(again.target(Need::WasmComponent), setup.target(Need::WasmComponent));
}

#[test]
fn sources_of_another_release_are_not_taken_and_the_distributions_compiler_moves_as_a_whole() {
    let bench = Bench::new("vanished-compiler");
    let mut packages = COMPILER.to_vec();
    packages.push(LATER_SOURCES);
    let machine = archive(packages);
    let setup = provide(&bench, &machine, &[Need::WasmComponent]);
    let reason = setup.provisions[0].passed_over.iter().find(|one| one.reason.contains("1.99.0"));
    assert!(reason.unwrap().reason.contains("is of another release"), "{reason:?}");
    let (provider, detail) = provided(&setup);
    assert_eq!(provider, "distribution-compiler");
    for package in COMPILER.iter().filter(|package| package.0 != "libstd-rust-web-1.96") {
        assert_eq!(detail[package.0], with_digest(package));
    }
    assert_eq!(detail.len(), COMPILER.len(), "and rustc's own: {detail:?}");
    assert_eq!(detail["rustc"], "1.97.1");
    let linker = std::fs::read_to_string(bench.state.join("bin/distribution-wasm-ld")).unwrap();
    assert!(linker.contains("usr/lib/llvm-23/bin/wasm-ld"), "{linker}");
}

#[test]
fn a_compiler_that_is_half_moved_is_refused() {
    let bench = Bench::new("vanished-half");
    let old = ("rust-web-src", "1.96.0+dfsg1-1~deb12u2", SECURITY, "");
    let others = COMPILER.iter().filter(|package| package.0 != "rust-web-src").copied();
    let machine = archive(others.chain([old]).collect());
    let setup = provide(&bench, &machine, &[Need::WasmCommand]);
    let (_, reason, remedy) = setup.missing().next().unwrap();
    assert!(reason.contains("which is not of rustc-web 1.97.1"), "{reason}");
    assert!(
        reason.contains("rust-src 1.95.0+dfsg1-2~bpo13+1 is gone from trixie-backports"),
        "{reason}"
    );
    assert_eq!(remedy, "rustup target add wasm32-wasip1");
}

#[test]
fn the_zig_that_is_gone_is_replaced_by_the_newest_of_its_series() {
    let bench = Bench::new("vanished-zig");
    let machine = with_archive(with_wheels(FakeMachine::debian(), &bench.state), vec![SOURCES]);
    let setup = provide(&bench, &machine, &[Need::StaticNative]);
    let (provider, detail) = provided(&setup);
    assert_eq!(provider, "distribution-sources-zig");
    assert_eq!(detail["ziglang"], "0.17.1 sha256:digest-of-the-wheel");
    let line = "ziglang 0.17.0 is gone from the Python package index: takes the newest that fits, \
                ziglang 0.17.1 (sha256 digest-of-the-wheel)";
    assert_eq!(bench.reported(line), 1, "{:?}", bench.lines);
    let again = provide(&bench, &machine, &[Need::StaticNative]);
    assert_eq!(provided(&again), provided(&setup));
    assert_eq!(machine.count("pip install"), 2);
}

#[test]
fn the_component_linker_that_was_yanked_is_replaced_by_a_compatible_one() {
    let bench = Bench::new("vanished-linker");
    let root = bench.state.join("toolchains/wasm-component-ld-0.5.31");
    let program: PathBuf = root.join("bin/wasm-component-ld");
    let made = program.clone();
    let machine = archive(COMPILER.to_vec())
        .with("WEIGHBRIDGE_PROVIDER_WASM", "distribution-compiler")
        .on("wasm-component-ld@0.5.21", |_, _| bail!("error: cannot install, it has been yanked"))
        .on("wasm-component-ld@0.5.31", move |machine, _| {
            machine.add_file(made.to_str().unwrap(), "digest-of-the-linker");
            Ok(String::new())
        })
        .on("info --quiet wasm-component-ld@0.5", |_, _| Ok("version: 0.5.31\n".to_owned()));
    let bundled = "/rust/lib/rustlib/x86_64-unknown-linux-gnu/bin/wasm-component-ld";
    machine.files.borrow_mut().remove(Path::new(bundled));
    for _ in 0..2 {
        let setup = provide(&bench, &machine, &[Need::WasmComponent]);
        let (_, detail) = provided(&setup);
        assert_eq!(detail["wasm-component-ld"], "0.5.31 sha256:digest-of-the-linker");
    }
    assert_eq!(machine.count("cargo install"), 2, "the pinned one and its successor, once each");
    assert_eq!(bench.reported("wasm-component-ld 0.5.21 is gone from the crate registry"), 1);
}

fn checked(bench: &Bench, machine: &FakeMachine) -> Vec<PinFinding> {
    bench.call(machine, false, crate::pin_check::check_setup).unwrap()
}

#[test]
fn doctor_tells_what_is_there_what_is_gone_and_what_could_not_be_asked() {
    let bench = Bench::new("pins");
    let pinned = ("rust-src", "1.95.0+dfsg1-2~bpo13+1", "trixie-backports", "");
    let machine = with_archive(
        with_wheels(FakeMachine::debian(), &bench.state),
        vec![LATER_SOURCES, pinned, LIBC],
    )
    .on("pip --version", |_, _| Ok("pip 23".to_owned()))
    .on("cargo info", |_, _| bail!("can't run `cargo info`: it did not end within 60 s"));
    let found = checked(&bench, &machine);
    let line = |part: &str| {
        let finding = found.iter().find(|one| one.pin.starts_with(part));
        finding.unwrap_or_else(|| panic!("{part}: {found:?}")).to_string()
    };
    assert!(line("rust-src 1.95.0").ends_with(" there"), "{}", line("rust-src"));
    assert!(
        line("wasi-libc 0.0~git2026").ends_with(&format!("gone, newest that fits is {}", LIBC.1))
    );
    assert!(line("rustc-web").ends_with("gone, nothing there fits"));
    assert!(line("ziglang 0.17.0").ends_with("gone, newest that fits is 0.17.1"));
    assert!(line("wasm-component-ld").ends_with("could not be asked: it did not end within 60 s"));
    // Two suites, and a third for two architectures; each once, and each within a limit.
    assert_eq!(machine.count(" update"), 4);
    assert_eq!(machine.count("APT::Architecture=arm64"), machine.count("arm64"));
    assert_eq!(std::fs::read_dir(&bench.state).unwrap().count(), 0, "doctor changes nothing");
    assert_eq!(machine.count("install"), 0);
}

#[test]
fn a_mirror_that_does_not_answer_is_asked_once_for_each_index() {
    let bench = Bench::new("pins-silent");
    let machine = FakeMachine::debian().on(" update", |_, step| {
        assert!(step.limit.is_some(), "{step}");
        bail!("can't run `{step}`: it did not end within 300 s and was killed")
    });
    let found = checked(&bench, &machine);
    let unknown = |one: &&PinFinding| matches!(one.standing, PinStanding::Unknown { .. });
    assert_eq!(found.iter().filter(unknown).count(), found.len(), "{found:?}");
    assert_eq!(machine.count("apt-get"), 4);
    assert!(found[0].to_string().ends_with("it did not end within 300 s and was killed"));
}
