# The Rust toolchain: rust-toolchain.toml says which, this file adds the targets that are cross-built,
# and a C compiler for each target that links C code (mimalloc).
{ pkgs }:
let
  inherit (pkgs) lib;

  file = ../rust-toolchain.toml;
  wanted = (builtins.fromTOML (builtins.readFile file)).toolchain;

  wasmTargets = [
    "wasm32-wasip1"
    "wasm32-wasip2"
  ];
  muslCompilers = {
    x86_64-unknown-linux-musl = pkgs.pkgsCross.musl64.stdenv.cc;
    aarch64-unknown-linux-musl = pkgs.pkgsCross.aarch64-multiplatform-musl.stdenv.cc;
  };
  targets = wasmTargets ++ builtins.attrNames muslCompilers;

  # `cargo xtask test` runs both, so a toolchain without one is refused here rather than halfway through.
  requiredComponents = [
    "clippy"
    "rustfmt"
  ];
  missingComponents = lib.subtractLists (wanted.components or [ ]) requiredComponents;

  # The names that cargo and the cc crate read, for one target.
  compilerVariables =
    target: cc:
    let
      underscored = builtins.replaceStrings [ "-" ] [ "_" ] target;
      compiler = "${cc}/bin/${cc.targetPrefix}cc";
    in
    {
      "CC_${underscored}" = compiler;
      "AR_${underscored}" = "${cc.bintools}/bin/${cc.targetPrefix}ar";
      "CARGO_TARGET_${lib.toUpper underscored}_LINKER" = compiler;
    };
in
assert lib.assertMsg (missingComponents == [ ]) ''
  rust-toolchain.toml lacks the components: ${toString missingComponents}
  Add them to its `components` list; the checks and the tests run them.'';
{
  inherit targets;
  inherit (wanted) channel;

  package = (pkgs.rust-bin.fromRustupToolchainFile file).override { inherit targets; };

  environment = lib.concatMapAttrs compilerVariables muslCompilers;
}
