//! The chains, tried on machines that exist only here.

use crate::context::Context;
use crate::fake::{Bench, FakeMachine};
use crate::machine::Step;
use crate::needs::{probe_all, provide_all};
use crate::record::{Need, Outcome, Provision, Setup, Standing};
use crate::scripts;
use anyhow::bail;
use std::path::{Path, PathBuf};
use weighbridge_schema::subject::ContainerEngine;

fn provide(bench: &Bench, machine: &FakeMachine, needs: &[Need]) -> Setup {
    bench.call(machine, false, |context| provide_all(context, needs)).unwrap()
}

fn provider(setup: &Setup, need: Need) -> Option<&str> {
    let provision = setup.provisions.iter().find(|provision| provision.need == need).unwrap();
    match &provision.outcome {
        Outcome::Provided { provider, .. } => Some(provider),
        Outcome::Missing { .. } => None,
    }
}

fn passed_over<'a>(provision: &'a Provision, provider: &str) -> &'a str {
    let found = provision.passed_over.iter().find(|one| one.provider == provider);
    &found.unwrap().reason
}

/// An archive whose packages are text files that say their own name, so that no hash is right.
fn download_anything(_machine: &FakeMachine, step: &Step) -> anyhow::Result<String> {
    let package = step.arguments.last().unwrap().split('=').next().unwrap();
    let folder = step.folder.as_ref().unwrap();
    std::fs::write(folder.join(format!("{package}_1_all.deb")), package)?;
    Ok(String::new())
}

#[test]
fn a_target_in_the_sysroot_is_taken_before_all_else() {
    let machine = FakeMachine::debian();
    machine.add_target("wasm32-wasip2");
    let bench = Bench::new("sysroot");
    let setup = provide(&bench, &machine, &[Need::WasmComponent]);
    assert_eq!(provider(&setup, Need::WasmComponent), Some("sysroot"));
    assert_eq!(machine.count("rustup") + machine.count("apt-get"), 0);
    let target = setup.target(Need::WasmComponent).unwrap();
    assert!(target.env["CARGO_ENCODED_RUSTFLAGS"].starts_with("-Ctarget-feature=+simd128"));
    let flags = &target.env["CARGO_ENCODED_RUSTFLAGS"];
    assert!(!flags.contains("/repo"), "a fresh clone would build everything again: {flags}");
}

#[test]
fn rustup_adds_a_target_that_the_sysroot_lacks() {
    let machine = FakeMachine::debian().on("rustup target add", |machine, step| {
        machine.add_target(step.arguments.last().unwrap());
        Ok(String::new())
    });
    let bench = Bench::new("rustup");
    let setup = provide(&bench, &machine, &[Need::WasmComponent]);
    assert_eq!(provider(&setup, Need::WasmComponent), Some("rustup"));
    assert_eq!(machine.count("rustup target add wasm32-wasip2"), 1);
}

#[test]
fn rustup_is_never_called_where_its_downloads_are_forbidden() {
    let machine = FakeMachine::debian().with("RUSTUP_AUTO_INSTALL", "0");
    let bench = Bench::new("forbidden");
    let setup = provide(&bench, &machine, &[Need::WasmComponent, Need::StaticNative]);
    assert_eq!(machine.count("rustup"), 0);
    let reason = passed_over(&setup.provisions[0], "rustup");
    assert!(reason.contains("RUSTUP_AUTO_INSTALL=0"), "{reason}");
}

#[test]
fn a_download_with_another_hash_is_refused_and_the_next_provider_tried() {
    let machine = FakeMachine::debian()
        .with("RUSTUP_AUTO_INSTALL", "0")
        .on(" update", |_, _| Ok(String::new()))
        .on(" download ", download_anything);
    let bench = Bench::new("hash");
    let setup = provide(&bench, &machine, &[Need::WasmComponent]);
    assert_eq!(provider(&setup, Need::WasmComponent), None);
    let refused = passed_over(&setup.provisions[0], "distribution-sources");
    assert!(refused.contains("rust-src 1.95.0+dfsg1"), "{refused}");
    assert!(refused.contains("pinned is 7b76db5b880a"), "{refused}");
    // SHA-256 of the text `rust-src`, which is what the made-up archive gives.
    assert!(refused.contains("SHA-256 is 99d5fd97c863"), "{refused}");
    let next = passed_over(&setup.provisions[0], "distribution-compiler");
    assert!(next.contains("rustc-web 1.96.0") && next.contains("is refused"), "{next}");
    // Nothing half-done is left to be taken for whole.
    let left: Vec<_> = std::fs::read_dir(bench.state.join("downloads")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(machine.count("dpkg -x"), 0);
}

#[test]
fn the_private_index_asks_the_machines_own_mirror() {
    let machine = FakeMachine::debian().with("RUSTUP_AUTO_INSTALL", "0");
    let bench = Bench::new("mirror");
    provide(&bench, &machine, &[Need::WasmComponent]);
    let sources = bench.state.join("apt/rust-sources/sources/weighbridge.sources");
    let text = std::fs::read_to_string(sources).unwrap();
    assert!(text.contains("URIs: http://m.example/debian\nSuites: trixie-backports\n"), "{text}");
    assert!(text.contains("Signed-By: /k.gpg\n"), "{text}");
    assert!(machine.count("Dir::Etc::sourcelist=/dev/null") > 0);
}

#[test]
fn without_the_distribution_the_native_target_falls_to_static_glibc() {
    let machine = FakeMachine::debian()
        .with("RUSTUP_AUTO_INSTALL", "0")
        .on("cc -print-file-name", |_, _| Ok("/usr/lib/libc.a\n".to_owned()));
    machine.add_file("/etc/os-release", "ID=fedora\n");
    let bench = Bench::new("glibc");
    let setup = provide(&bench, &machine, &[Need::StaticNative]);
    assert_eq!(provider(&setup, Need::StaticNative), Some("static-glibc"));
    let target = setup.target(Need::StaticNative).unwrap();
    assert_eq!(target.triple, "x86_64-unknown-linux-gnu");
    assert!(target.env["CARGO_ENCODED_RUSTFLAGS"].contains("+crt-static"));
}

#[test]
fn a_sysroot_with_musl_uses_the_c_compiler_that_the_environment_names() {
    let machine = FakeMachine::debian().with("CC_x86_64_unknown_linux_musl", "/nix/musl-cc");
    machine.add_target("x86_64-unknown-linux-musl");
    let bench = Bench::new("musl");
    let setup = provide(&bench, &machine, &[Need::StaticNative]);
    assert_eq!(provider(&setup, Need::StaticNative), Some("sysroot"));
    let target = setup.target(Need::StaticNative).unwrap();
    assert_eq!(target.env["CC_x86_64_unknown_linux_musl"], "/nix/musl-cc");
    assert_eq!(target.triple, "x86_64-unknown-linux-musl");
}

/// apt-get that brings programs, and fails once before its index was refreshed.
fn apt_brings(programs: &'static [&'static str]) -> FakeMachine {
    FakeMachine::debian()
        .on("apt-get update", |machine, _| {
            machine.add_program("the index");
            Ok(String::new())
        })
        .on("apt-get -o DPkg::Lock", move |machine, _| {
            if !machine.programs.borrow().contains("the index") {
                bail!("E: Unable to locate package");
            }
            programs.iter().for_each(|program| machine.add_program(program));
            Ok(String::new())
        })
        .on("--version", |_, _| Ok("1.0\n".to_owned()))
        .on("kpsewhich", |_, step| Ok("/file\n".repeat(step.arguments.len())))
}

#[test]
fn root_installs_everything_missing_in_one_go_and_is_asked_once() {
    let machine = apt_brings(&["cc", "latexmk", "pdflatex", "kpsewhich", "nix"]);
    let bench = Bench::new("install");
    let needs = [Need::CCompiler, Need::Tex, Need::Nix];
    let setup = bench.call(&machine, true, |context| provide_all(context, &needs)).unwrap();
    for need in needs {
        assert_eq!(provider(&setup, need), Some("distribution-packages"));
    }
    assert_eq!(machine.count("apt-get update"), 1);
    // The try before the index was there, and the one after.
    assert_eq!(
        machine.count("install -y --no-install-recommends gcc latexmk libc6-dev lmodern"),
        2
    );
    assert_eq!(machine.questions.borrow().len(), 1);
    assert_eq!(bench.reported("packages to install: "), 1);
}

#[test]
fn what_was_installed_is_remembered_and_what_was_there_is_not() {
    let machine =
        apt_brings(&["gcc"]).on("${db:Status-Status} libc6-dev", |_, _| Ok("installed".to_owned()));
    let bench = Bench::new("remembered");
    provide(&bench, &machine, &[Need::CCompiler]);
    assert_eq!(crate::installed_packages(&bench.state), ["gcc"]);
}

#[test]
fn who_declines_gets_the_line_and_nothing_is_installed() {
    let machine = FakeMachine { consents: false, ..apt_brings(&["nix"]) };
    let bench = Bench::new("decline");
    let needs = [Need::Nix, Need::Tex];
    let setup = bench.call(&machine, true, |context| provide_all(context, &needs)).unwrap();
    assert_eq!(machine.count("apt-get"), 0);
    assert_eq!(machine.questions.borrow().len(), 1);
    assert_eq!(setup.missing().count(), 2);
}

#[test]
fn who_is_not_root_gets_one_line_to_paste() {
    let machine = FakeMachine { root: false, ..FakeMachine::debian() };
    let bench = Bench::new("user");
    let setup = provide(&bench, &machine, &[Need::CCompiler, Need::Nix, Need::ContainerEngine]);
    assert_eq!(machine.count("apt-get"), 0);
    let line =
        "sudo apt-get install -y --no-install-recommends docker.io gcc iptables libc6-dev nix-bin";
    assert_eq!(bench.reported(line), 1, "{:?}", bench.lines.borrow());
    assert_eq!(setup.missing().count(), 3);
    let remedies: Vec<&str> = setup.missing().map(|(_, _, remedy)| remedy).collect();
    assert!(remedies[1].ends_with("nix-bin"), "{remedies:?}");
}

#[test]
fn in_a_nix_shell_nothing_is_installed_or_downloaded() {
    let machine = FakeMachine::debian().with("IN_NIX_SHELL", "impure");
    let bench = Bench::new("nix");
    let setup = provide(&bench, &machine, Need::ALL);
    let changing = ["apt-get", "rustup", "pip", "dpkg"];
    assert_eq!(changing.iter().map(|program| machine.count(program)).sum::<usize>(), 0);
    assert_eq!(provider(&setup, Need::WasmComponent), None);
}

#[test]
fn doctor_changes_nothing_and_names_the_provider() {
    let machine = FakeMachine::debian();
    let bench = Bench::new("doctor");
    let findings = bench.call(&machine, false, |context| probe_all(context, Need::ALL)).unwrap();
    assert!(machine.steps.borrow().iter().all(|step| {
        ["-vV", "sysroot", "import ensurepip", "print-file-name"]
            .iter()
            .any(|read| step.contains(read))
    }));
    assert_eq!(std::fs::read_dir(&bench.state).unwrap().count(), 0);
    let line = findings.iter().map(ToString::to_string).find(|line| line.starts_with("Nix"));
    assert!(line.unwrap().contains("distribution-packages: cargo xtask setup (installs nix-bin)"));
    let component = findings.iter().find(|finding| finding.need == Need::WasmComponent).unwrap();
    assert!(
        matches!(&component.standing, Standing::Obtainable { provider, .. } if provider == "rustup")
    );
}

#[test]
fn an_engine_that_answers_is_used_and_a_named_one_is_the_only_one() {
    let socket = (ContainerEngine::Docker, PathBuf::from("/var/run/docker.sock"));
    let machine = FakeMachine { sockets: vec![socket], ..FakeMachine::debian() };
    let bench = Bench::new("socket");
    let setup = provide(&bench, &machine, &[Need::ContainerEngine]);
    assert_eq!(provider(&setup, Need::ContainerEngine), Some("socket"));
    let named = machine.with("DOCKER_HOST", "unix:///nowhere.sock");
    let setup = provide(&bench, &named, &[Need::ContainerEngine]);
    assert_eq!(provider(&setup, Need::ContainerEngine), None);
    let ensure = |context: &Context<'_>| crate::engine::ensure(context);
    let engines = bench.call(&named, false, ensure).unwrap();
    let reason = why_missing(&engines, Need::ContainerEngine);
    assert!(reason.contains("unix:///nowhere.sock does not answer as docker"), "{reason}");
    assert_eq!(named.count("apt-get"), 0);
}

/// Docker as a package leaves it, for a user who is not root.
fn with_docker() -> FakeMachine {
    let machine = FakeMachine { root: false, ..FakeMachine::debian() };
    for program in ["dockerd", "containerd", "runc", "iptables"] {
        machine.add_program(program);
    }
    machine
}

#[test]
fn an_engine_that_is_installed_is_not_answered_with_its_package() {
    let remedy = |machine: &FakeMachine| {
        let bench = Bench::new("reach");
        let setup = provide(&bench, machine, &[Need::ContainerEngine]);
        let engines = bench.call(machine, false, crate::engine::ensure).unwrap();
        let of_setup = setup.missing().next().unwrap().2.to_owned();
        let mut found = engines.iter().filter(|engine| engine.need == Need::ContainerEngine);
        let of_run = found.next().unwrap().missing.as_ref().unwrap().1.clone();
        assert_eq!(of_setup, of_run);
        of_run
    };
    let join = "sudo usermod -aG docker $USER, and log in again";
    let stopped = with_docker();
    assert_eq!(remedy(&stopped), format!("sudo service docker start; {join}"));
    stopped.add_program("systemctl");
    assert_eq!(remedy(&stopped), format!("sudo systemctl start docker; {join}"));
    let closed = with_docker();
    closed.add_file("/var/run/docker.sock", "");
    assert!(remedy(&closed).starts_with(join), "{}", remedy(&closed));
    let dead = FakeMachine::debian().with("DOCKER_HOST", "unix:///nowhere.sock");
    assert_eq!(
        remedy(&dead),
        "start the engine that DOCKER_HOST=unix:///nowhere.sock names, or: unset DOCKER_HOST"
    );
    let remote = FakeMachine::debian().with("DOCKER_HOST", "tcp://other:2375");
    assert!(remedy(&remote).starts_with("unset DOCKER_HOST, or let it name a local socket"));
}

fn why_missing(engines: &crate::engine::Engines, need: Need) -> &str {
    let engine = engines.iter().find(|engine| engine.need == need).unwrap();
    assert_eq!((&engine.host, &engine.provider), (&None, &None));
    &engine.missing.as_ref().unwrap().0
}

#[test]
fn a_podman_that_runs_is_the_users_and_used_only_when_it_is_named() {
    let socket = Path::new("/run/podman/podman.sock");
    let at = |path: &Path| (ContainerEngine::Podman, path.to_owned());
    // One of them poses as Docker.
    let sockets = vec![at(socket), at(Path::new("/var/run/docker.sock"))];
    let machine = FakeMachine { sockets, ..FakeMachine::debian() };
    let bench = Bench::new("podman");
    let needs = [Need::ContainerEngine, Need::Podman];
    let setup = provide(&bench, &machine, &needs);
    assert_eq!(needs.map(|need| provider(&setup, need)), [None, None]);
    let passed_over = passed_over(&setup.provisions[1], "socket");
    assert!(passed_over.contains("only if CONTAINER_HOST names it"), "{passed_over}");
    let engines = bench.call(&machine, false, crate::engine::ensure).unwrap();
    let reason = why_missing(&engines, Need::Podman);
    assert!(reason.contains("private-podman: crun is not installed"), "{reason}");
    let named = machine.with("CONTAINER_HOST", "unix:///run/podman/podman.sock");
    assert_eq!(provider(&provide(&bench, &named, &needs), Need::Podman), Some("socket"));
    let wrong = named.with("DOCKER_HOST", "unix:///run/podman/podman.sock");
    assert_eq!(provider(&provide(&bench, &wrong, &needs), Need::ContainerEngine), None);
}

#[test]
fn runc_alone_is_half_of_the_oci_runtimes() {
    let machine = apt_brings(&["runc", "crun"]);
    machine.add_program("runc");
    let bench = Bench::new("runtimes");
    let setup = provide(&bench, &machine, &[Need::OciRuntimes]);
    assert_eq!(provider(&setup, Need::OciRuntimes), Some("distribution-packages"));
    assert_eq!(passed_over(&setup.provisions[0], "path"), "no crun");
    assert_eq!(machine.count("install -y --no-install-recommends crun runc"), 2);
}

#[test]
fn a_root_for_an_image_is_made_by_mmdebstrap_and_only_once() {
    let machine = FakeMachine::debian().on("mmdebstrap --quiet", |_, step| {
        assert!(step.environment.contains_key("SOURCE_DATE_EPOCH"));
        let into = Path::new(&step.arguments[step.arguments.len() - 2]);
        let sources = std::fs::read_to_string(step.arguments.last().unwrap()).unwrap();
        assert!(sources.contains("URIs: http://m.example/debian\nSuites: bookworm\n"), "{sources}");
        std::fs::create_dir_all(into.join("var/lib/dpkg")).unwrap();
        std::fs::write(into.join("var/lib/dpkg/status"), "Package: bash\nVersion: 5.2\n").unwrap();
        Ok(String::new())
    });
    machine.add_program("mmdebstrap");
    let bench = Bench::new("root");
    for _ in 0..2 {
        let setup = provide(&bench, &machine, &[Need::ImageDebian]);
        assert_eq!(provider(&setup, Need::ImageDebian), Some("mmdebstrap"));
        let Outcome::Provided { detail, .. } = &setup.provisions[0].outcome else { panic!() };
        assert_eq!(detail["bash"], "5.2");
        let root = crate::roots::of(&setup, Need::ImageDebian, &bench.state).unwrap();
        assert_eq!(root, bench.state.join("roots/debian-bookworm"));
    }
    assert_eq!(machine.count("mmdebstrap"), 1);
    machine.add_file("/etc/os-release", "ID=fedora\n");
    let setup = provide(&bench, &machine, &[Need::ImageDebian]);
    assert_eq!(crate::roots::of(&setup, Need::ImageDebian, &bench.state), None);
    assert!(passed_over(&setup.provisions[0], "mmdebstrap").ends_with("this is not Debian"));
}

#[test]
fn a_forced_provider_is_the_only_one_and_an_unknown_one_is_an_error() {
    let machine = FakeMachine::debian().with("WEIGHBRIDGE_PROVIDER_WASM", "rustup");
    machine.add_target("wasm32-wasip2");
    let bench = Bench::new("forced");
    // rustup can't be run on this machine: the sysroot's target is passed over all the same.
    let setup = provide(&bench, &machine, &[Need::WasmComponent]);
    assert_eq!(provider(&setup, Need::WasmComponent), None);
    let none = FakeMachine::debian().with("WEIGHBRIDGE_PROVIDER_ENGINE", "none");
    let setup = provide(&bench, &none, &[Need::ContainerEngine]);
    assert_eq!(provider(&setup, Need::ContainerEngine), None);
    let typo = FakeMachine::debian().with("WEIGHBRIDGE_PROVIDER_TEX", "pat");
    let error = bench.call(&typo, false, |context| provide_all(context, &[Need::Tex])).unwrap_err();
    assert!(error.to_string().contains("there are path, distribution-packages, none"), "{error}");
}

#[test]
fn what_is_recorded_is_read_back() {
    let machine = FakeMachine::debian();
    machine.add_target("wasm32-wasip1");
    let bench = Bench::new("record");
    let setup = provide(&bench, &machine, &[Need::WasmCommand, Need::Nix]);
    let text = serde_json::to_string(&setup).unwrap();
    assert_eq!(serde_json::from_str::<Setup>(&text).unwrap(), setup);
    assert!(text.contains(r#""need":"wasm32-wasip1","outcome":"provided","provider":"sysroot""#));
}

#[test]
fn a_word_of_the_shell_keeps_its_quotes() {
    assert_eq!(scripts::quote("it's"), r"'it'\''s'");
}
