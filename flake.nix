# The machine Weighbridge asks for, written down: `nix develop -c cargo xtask all` needs nothing else
# installed. A container engine is a daemon and stays the machine's own; the shell says when none answers.
{
  description = "Weighbridge weighs a container and a WebAssembly component on the same scale";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      rust-overlay,
    }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];

      # Everything of one system, evaluated once and shared by all outputs below.
      parts = nixpkgs.lib.genAttrs systems (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system}.extend rust-overlay.overlays.default;
          toolchain = import ./nix/toolchain.nix { inherit pkgs; };
          tex = import ./nix/tex.nix { inherit pkgs; };
          tools = import ./nix/tools.nix { inherit pkgs toolchain tex; };
          all = import ./nix/all.nix { inherit pkgs toolchain tools; };
        in
        {
          packages = {
            inherit tex;
            rust-toolchain = toolchain.package;
          };
          devShells = import ./nix/shells.nix { inherit pkgs toolchain tools; };
          apps = {
            inherit all;
            default = all;
          };
          checks = import ./nix/checks.nix {
            inherit pkgs toolchain tex;
            source = self;
          };
          formatter = pkgs.nixfmt-tree;
        }
      );
      of = name: nixpkgs.lib.genAttrs systems (system: parts.${system}.${name});
    in
    {
      packages = of "packages";
      devShells = of "devShells";
      apps = of "apps";
      checks = of "checks";
      formatter = of "formatter";
    };
}
