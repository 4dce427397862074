# What `nix flake check` builds. Every one runs in the sandbox, without a network: the inputs are the flake's
# own source and what nixpkgs and rust-overlay fetch by hash.
{
  pkgs,
  toolchain,
  tex,
  source,
}:
let
  targets = toString toolchain.targets;
in
{
  # The toolchain is the pinned one, has its components, and links a program for every target.
  toolchain =
    pkgs.runCommand "weighbridge-toolchain"
      (
        toolchain.environment
        // {
          nativeBuildInputs = [
            toolchain.package
            pkgs.stdenv.cc
          ];
        }
      )
      ''
        rustc --version | grep --fixed-strings ' ${toolchain.channel} '
        cargo clippy --version
        cargo fmt --version
        echo 'fn main() { println!("weighed"); }' > probe.rs
        for target in ${targets}; do
          linker=CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_LINKER
          rustc --target "$target" ''${!linker:+-C linker=''${!linker}} -o "probe-$target" probe.rs
        done
        touch "$out"
      '';

  # The C compilers that mimalloc is built with produce objects for their target.
  c-compilers = pkgs.runCommand "weighbridge-c-compilers" toolchain.environment ''
    echo '#include <stdlib.h>' > probe.c
    for compiler in ''${!CC_@}; do
      archiver=AR_''${compiler#CC_}
      "''${!compiler}" -c probe.c -o probe.o
      "''${!archiver}" crs "libprobe-$compiler.a" probe.o
    done
    touch "$out"
  '';

  # cargo fmt reads the workspace's manifests, not the registry.
  format = pkgs.runCommand "weighbridge-format" { nativeBuildInputs = [ toolchain.package ]; } ''
    export CARGO_HOME=$TMPDIR/cargo CARGO_NET_OFFLINE=true
    cd ${source}
    cargo fmt --all -- --check
    touch "$out"
  '';

  # Every package of the paper is there: a page that loads them all.
  tex = pkgs.runCommand "weighbridge-tex" { nativeBuildInputs = [ tex ]; } ''
    export HOME=$TMPDIR
    latexmk -pdf -interaction=nonstopmode -halt-on-error ${./tex-probe.tex}
    touch "$out"
  '';
}
