# Stands in for rust-overlay: one version, its components and targets, and the real one's refusals.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs";

  outputs = _: {
    overlays.default = final: _: {
      rust-bin.fromRustupToolchainFile =
        path:
        import ./toolchain.nix final (builtins.fromTOML (builtins.readFile path)).toolchain { targets = [ ]; };
    };
  };
}
