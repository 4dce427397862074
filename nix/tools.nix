# The programs beside the compiler. Required ones fail the evaluation by name; optional ones (container and
# Wasm runtimes, load generators) are left out with a trace, so that one renamed package costs one row of a
# table and not the shell.
{
  pkgs,
  toolchain,
  tex,
}:
let
  inherit (pkgs) lib;

  optionalNames = [
    # container engines and runtimes
    "docker"
    "podman"
    "conmon"
    "containerd"
    "runc"
    "crun"
    "youki"
    # Wasm runtimes and platforms
    "wasmtime"
    "wasmer"
    "wasmedge"
    "wazero"
    "fermyon-spin"
    "binaryen"
    # the other instruction set
    "qemu-user"
    # cross-checks and conveniences
    "wrk"
    "hyperfine"
    "cargo-nextest"
    "poppler-utils"
  ];

  # tryEval catches what nixpkgs throws (broken, insecure, unfree, wrong system), not a type error inside a package.
  attempt =
    name:
    if !(pkgs ? ${name}) then
      leaveOut name "nixpkgs has no such attribute"
    else if !(builtins.tryEval pkgs.${name}.drvPath).success then
      leaveOut name "it does not evaluate on ${pkgs.stdenv.hostPlatform.system}"
    else
      [ pkgs.${name} ];
  leaveOut = name: why: builtins.trace "weighbridge: leaving out the optional tool ${name}: ${why}" [ ];
in
{
  required = [
    toolchain.package
    tex
    pkgs.stdenv.cc
    pkgs.cacert
    pkgs.curl
    pkgs.git
  ];

  optional = lib.concatMap attempt optionalNames;
}
