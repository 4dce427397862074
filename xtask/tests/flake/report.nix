# Functions for `nix eval --apply`, one per output: what the test compares, as plain data.
# Asking for drvPath evaluates a derivation completely.
let
  perSystem = f: builtins.mapAttrs (_: builtins.mapAttrs (_: f));
in
{
  packages = perSystem (
    package:
    {
      drv = package.drvPath;
    }
    // (if package ? targets then { inherit (package) targets components; } else { })
  );
  devShells = perSystem (shell: {
    drv = shell.drvPath;
    inherit (shell) toolNames env;
  });
  apps = perSystem (app: app);
  checks = perSystem (check: {
    drv = check.drvPath;
  });
  formatter = builtins.mapAttrs (_: formatter: { drv = formatter.drvPath; });
}
