# `default` is for people: everything, optional tools included. `ci` holds only what building, testing,
# measuring and typesetting need, so that it evaluates and downloads quickly.
{
  pkgs,
  toolchain,
  tools,
}:
let
  shell =
    packages:
    pkgs.mkShell {
      inherit packages;
      env = toolchain.environment;
      shellHook = builtins.readFile ./engine.sh;
    };
in
{
  default = shell (tools.required ++ tools.optional);
  ci = shell tools.required;
}
