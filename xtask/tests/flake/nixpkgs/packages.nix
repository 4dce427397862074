# One system's packages: enough of each for our flake to evaluate, and names for the tests to read back.
{
  system,
  overlays ? [ ],
}:
let
  lib = import ./lib.nix;
  faults = import ./faults.nix;

  package =
    name: attributes:
    derivation (
      {
        inherit name system;
        builder = "/bin/sh";
      }
      // attributes
    );
  plain = name: package name { };
  compiler =
    prefix:
    package "${prefix}gcc" { }
    // {
      targetPrefix = prefix;
      bintools = package "${prefix}binutils" { };
    };
  cross = triple: { stdenv.cc = compiler "${triple}-"; };

  plainNames = [
    "binaryen"
    "cacert"
    "cargo-nextest"
    "conmon"
    "containerd"
    "crun"
    "curl"
    "docker"
    "fermyon-spin"
    "git"
    "hyperfine"
    "nixfmt-tree"
    "podman"
    "poppler-utils"
    "qemu-user"
    "runc"
    "wasmedge"
    "wasmer"
    "wasmtime"
    "wazero"
    "wrk"
    "youki"
  ];

  base = lib.genAttrs plainNames plain // {
    inherit lib;
    stdenv = {
      cc = compiler "";
      hostPlatform = {
        inherit system;
      };
    };
    pkgsCross = {
      musl64 = cross "x86_64-unknown-linux-musl";
      aarch64-multiplatform-musl = cross "aarch64-unknown-linux-musl";
    };
    texliveSmall.withPackages =
      choose:
      package "texlive" {
        chosen = choose (
          removeAttrs (lib.genAttrs (import ./tex-names.nix) (name: plain "tex-${name}")) faults.removedTex
        );
      };
    # As in nixpkgs: the arguments become environment variables; what the tests read is added beside.
    mkShell =
      {
        packages,
        env,
        shellHook,
      }:
      package "nix-shell" (env // { inherit packages shellHook; })
      // {
        toolNames = map (tool: tool.name) packages;
        inherit env;
      };
    runCommand =
      name: attributes: script:
      package name (attributes // { inherit script; });
    writeShellApplication =
      {
        name,
        runtimeInputs,
        runtimeEnv,
        text,
      }:
      package name (runtimeEnv // { inherit runtimeInputs text; });
  };

  broken = lib.genAttrs faults.broken (name: throw "${name} is marked as broken");
  faulty = removeAttrs (base // broken) faults.removed;

  # The fixed point of nixpkgs, in small: every overlay sees the finished set and the one before it.
  final = builtins.foldl' (previous: overlay: previous // overlay final previous) (
    faulty
    // {
      extend = overlay: import ./packages.nix { inherit system; overlays = overlays ++ [ overlay ]; };
    }
  ) overlays;
in
final
