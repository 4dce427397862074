# A toolchain as rust-overlay makes it: unknown versions, components and targets are refused by name.
pkgs: wanted:
let
  manifest = import ./manifest.nix;
  components = wanted.components or [ ];

  refuse =
    kind: known: names:
    map (name: if builtins.elem name known then name else throw "Unknown ${kind} `${name}`") names;

  make =
    { targets }:
    if wanted.channel != manifest.version then
      throw "Stable ${wanted.channel} is not available"
    else
      derivation {
        name = "rust-${wanted.profile}-${manifest.version}";
        inherit (pkgs.stdenv.hostPlatform) system;
        builder = "/bin/sh";
        targets = refuse "target" manifest.targets targets;
        components = refuse "component" manifest.components components;
      }
      // {
        override = make;
      };
in
make
