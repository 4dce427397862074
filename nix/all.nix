# `nix run .#all`: `cargo xtask all` in the current checkout, with the shells' environment.
{
  pkgs,
  toolchain,
  tools,
}:
let
  program = pkgs.writeShellApplication {
    name = "weighbridge-all";
    runtimeInputs = tools.required;
    runtimeEnv = toolchain.environment;
    text = ''
      if ! [ -f xtask/Cargo.toml ] || ! [ -f experiments/subjects.toml ]; then
        echo "weighbridge: $PWD is not a Weighbridge checkout; change to its top folder and run this again" >&2
        exit 2
      fi
    ''
    + builtins.readFile ./engine.sh
    + ''
      exec cargo xtask all "$@"
    '';
  };
in
{
  type = "app";
  program = "${program}/bin/weighbridge-all";
  meta.description = "Set up, build, measure, analyse and write the paper, in the current checkout";
}
