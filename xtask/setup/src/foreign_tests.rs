//! The chains of what only another architecture needs.

use crate::fake::{Bench, FakeMachine};
use crate::needs::provide_all;
use crate::record::{Need, Outcome, Setup};

const FOREIGN: &str = "aarch64-unknown-linux-musl";

fn provide(bench: &Bench, machine: &FakeMachine, needs: &[Need]) -> Setup {
    bench.call(machine, false, |context| provide_all(context, needs)).unwrap()
}

fn provider(setup: &Setup) -> Option<&str> {
    match &setup.provisions[0].outcome {
        Outcome::Provided { provider, .. } => Some(provider),
        Outcome::Missing { .. } => None,
    }
}

#[test]
fn a_foreign_target_links_with_the_compiler_of_its_architecture() {
    let machine = FakeMachine::debian();
    machine.add_target(FOREIGN);
    machine.add_target("x86_64-unknown-linux-musl");
    machine.add_program("aarch64-linux-musl-gcc");
    // musl-gcc compiles for this machine: it must not serve the other architecture.
    machine.add_program("musl-gcc");
    let bench = Bench::new("foreign");
    let setup = provide(&bench, &machine, &[Need::StaticAarch64, Need::StaticNative]);
    assert_eq!(provider(&setup), Some("sysroot"));
    let foreign = setup.target(Need::StaticAarch64).unwrap();
    assert_eq!(foreign.triple, FOREIGN);
    let compiler = "/usr/bin/aarch64-linux-musl-gcc";
    assert_eq!(foreign.env["CC_aarch64_unknown_linux_musl"], compiler);
    assert_eq!(foreign.env["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"], compiler);
    let flags = &foreign.env["CARGO_ENCODED_RUSTFLAGS"];
    assert!(flags.contains("+crt-static") && !flags.contains("x86-64"), "{flags}");
    assert!(flags.contains("--remap-path-prefix=/build-folder=/target"), "{flags}");

    let c_flags = &foreign.env["CFLAGS_aarch64_unknown_linux_musl"];
    assert!(c_flags.contains("-D__TIME__="), "the time of the build is in it: {c_flags}");

    let own = setup.target(Need::StaticNative).unwrap();
    assert_eq!(own.triple, "x86_64-unknown-linux-musl");
    assert_eq!(own.env["CC_x86_64_unknown_linux_musl"], "/usr/bin/musl-gcc");
    assert!(own.env["CARGO_ENCODED_RUSTFLAGS"].contains("-Ctarget-cpu=x86-64-v2"));
}

#[test]
fn the_flakes_compiler_and_linker_are_taken_as_they_are() {
    let machine = FakeMachine::debian()
        .with("IN_NIX_SHELL", "impure")
        .with("CC_aarch64_unknown_linux_musl", "/nix/cc")
        .with("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "/nix/linker");
    machine.add_target(FOREIGN);
    let bench = Bench::new("foreign-nix");
    let setup = provide(&bench, &machine, &[Need::StaticAarch64]);
    let target = setup.target(Need::StaticAarch64).unwrap();
    assert_eq!(target.env["CC_aarch64_unknown_linux_musl"], "/nix/cc");
    assert_eq!(target.env["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"], "/nix/linker");
}

#[test]
fn rustup_is_not_asked_for_a_foreign_target_where_it_may_not_download() {
    let machine = FakeMachine::debian().with("RUSTUP_AUTO_INSTALL", "0");
    let bench = Bench::new("foreign-forbidden");
    let setup = provide(&bench, &machine, &[Need::StaticAarch64]);
    assert_eq!(provider(&setup), None);
    assert_eq!(machine.count("rustup"), 0);
    let (_, _, remedy) = setup.missing().next().unwrap();
    assert_eq!(remedy, "rustup target add aarch64-unknown-linux-musl");
}

#[test]
fn the_cross_compiler_is_the_last_resort_and_links_glibc() {
    let machine = FakeMachine::debian().with("RUSTUP_AUTO_INSTALL", "0");
    machine.add_file("/etc/os-release", "ID=fedora\n");
    machine.add_target("aarch64-unknown-linux-gnu");
    for tool in ["gcc", "ar"] {
        machine.add_program(&format!("aarch64-linux-gnu-{tool}"));
    }
    let bench = Bench::new("foreign-glibc");
    let setup = provide(&bench, &machine, &[Need::StaticAarch64]);
    assert_eq!(provider(&setup), Some("distribution-cross-gcc"));
    let target = setup.target(Need::StaticAarch64).unwrap();
    assert_eq!(target.triple, "aarch64-unknown-linux-gnu");
    let linker = &target.env["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"];
    assert_eq!(linker, "/usr/bin/aarch64-linux-gnu-gcc");
    assert!(target.env["CARGO_ENCODED_RUSTFLAGS"].contains("+crt-static"));
    // The standard library of the sysroot is used: nothing has to be built along.
    assert!(target.arguments.is_empty());
}

#[test]
fn the_emulators_are_a_package_or_a_line_to_paste() {
    let machine = FakeMachine::debian()
        .on("install -y", |machine, _| {
            ["qemu-aarch64", "qemu-x86_64"].iter().for_each(|name| machine.add_program(name));
            Ok(String::new())
        })
        .on("qemu-aarch64 --version", |_, _| Ok("qemu-aarch64 version 7.2\n".to_owned()));
    let bench = Bench::new("emulator");
    let setup = provide(&bench, &machine, &[Need::Emulator]);
    assert_eq!(provider(&setup), Some("distribution-packages"));
    assert_eq!(machine.count("no-install-recommends qemu-user"), 1);

    let user = FakeMachine { root: false, ..FakeMachine::debian() };
    let setup = provide(&bench, &user, &[Need::Emulator]);
    let (_, _, remedy) = setup.missing().next().unwrap();
    assert!(remedy.ends_with(" qemu-user"), "{remedy}");
}
