# What this stand-in carries of the real overlay's 1.95.0.
{
  version = "1.95.0";
  components = [
    "clippy"
    "rustfmt"
  ];
  targets = [
    "aarch64-unknown-linux-musl"
    "wasm32-wasip1"
    "wasm32-wasip2"
    "x86_64-unknown-linux-musl"
  ];
}
