//! Everything that set-up downloads by itself, pinned by SHA-256, in one table.
//!
//! A download whose hash differs is refused, and the next provider of the chain is tried. The
//! versions of a distribution come and go: `moved.rs` takes what fits in the place of one that is
//! gone, and `cargo xtask doctor --pins` says which those are. To renew a row, take version and
//! `SHA256` from `apt-cache show`.

use std::borrow::Cow;

/// Which of the machine's two Debian archives a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Archive {
    /// The archive of releases, stable updates and backports.
    Main,
    /// The archive of security updates.
    Security,
}

/// What may take the place of a version that its suite no longer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The newest packaging of the same upstream release: another release is of another compiler.
    Release,
    /// The newest version, whichever it is.
    Newest,
}

/// One package of the distribution, pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The binary package.
    pub(crate) package: Cow<'static, str>,
    /// Its version, epoch included.
    pub(crate) version: Cow<'static, str>,
    /// Debian's name of the architecture, or `all`.
    pub(crate) architecture: &'static str,
    /// The archive it comes from.
    pub(crate) archive: Archive,
    /// The suite within the archive.
    pub(crate) suite: Cow<'static, str>,
    /// SHA-256 of the `.deb` file, in hexadecimal.
    pub(crate) sha256: Cow<'static, str>,
    /// What may take its place.
    pub(crate) fit: Fit,
}

/// The sources of one Rust release, as the distribution carries them.
#[derive(Clone, Debug)]
pub(crate) struct RustSources {
    /// The release that they belong to, and no other.
    pub(crate) release: &'static str,
    /// The package.
    pub(crate) package: Pin,
}

const fn row(
    package: &'static str,
    version: &'static str,
    architecture: &'static str,
    from: (Archive, &'static str),
    sha256: &'static str,
) -> Pin {
    row_with(package, version, architecture, from, sha256, Fit::Newest)
}

const fn row_with(
    package: &'static str,
    version: &'static str,
    architecture: &'static str,
    (archive, suite): (Archive, &'static str),
    sha256: &'static str,
    fit: Fit,
) -> Pin {
    Pin {
        package: Cow::Borrowed(package),
        version: Cow::Borrowed(version),
        architecture,
        archive,
        suite: Cow::Borrowed(suite),
        sha256: Cow::Borrowed(sha256),
        fit,
    }
}

const BACKPORTS: (Archive, &str) = (Archive::Main, "trixie-backports");
const STABLE: (Archive, &str) = (Archive::Main, "trixie");
const SECURITY: (Archive, &str) = (Archive::Security, "bookworm-security");

/// The sources of the standard library for the compilers that this project is built with.
pub(crate) const RUST_SOURCES: &[RustSources] = &[RustSources {
    release: "1.95.0",
    package: row_with(
        "rust-src",
        "1.95.0+dfsg1-2~bpo13+1",
        "all",
        BACKPORTS,
        "7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b",
        Fit::Release,
    ),
}];

/// A C library for WebAssembly as recent as those compilers.
pub(crate) const WASI_LIBC_RECENT: Pin = row(
    "wasi-libc",
    "0.0~git20260129.ec0effd-3~bpo13+1",
    "all",
    BACKPORTS,
    "45eb80a2d4dcf7fe54c8e5c5d6a3cd165a3682fccc124c46f7abc6255c9b1bce",
);

const WEB: &str = "1.96.0+dfsg1-1~deb12u2";
const LLVM: &str = "1:22.1.8-1~deb12u1";

/// The distribution's own compiler with its sources, its linker, and a stable release's C library.
/// The packages of the first one's suite move with it: they are one compiler.
pub(crate) const DISTRIBUTION_COMPILER: &[Pin] = &[
    row(
        "rustc-web",
        WEB,
        "amd64",
        SECURITY,
        "8fefe1d6377fe4082f5a9d2a47e095e2d20319eaab9754bd2f0275155c9adf90",
    ),
    row(
        "libstd-rust-web-1.96",
        WEB,
        "amd64",
        SECURITY,
        "3755f30434ae29574c91b0beb86632bee401607b0ac35c3e52810f9a53fae0d1",
    ),
    row(
        "libstd-rust-web-dev",
        WEB,
        "amd64",
        SECURITY,
        "e38dbeaaad673fc63fb47c5140cf34da271ac71c3ecafc828b762c2fb01fe77a",
    ),
    row(
        "libllvm22",
        LLVM,
        "amd64",
        SECURITY,
        "729ec3e943d320515c2bbdc96acfffd7ce34861e62bd5c42726bf586d644dfe2",
    ),
    row(
        "lld-22",
        LLVM,
        "amd64",
        SECURITY,
        "13103b3fb3195bfeade9835d3906a4cc91002010f9013d98aa1fc55b841d07b4",
    ),
    row(
        "rustc-web",
        WEB,
        "arm64",
        SECURITY,
        "0080dabbddce9c093e8d5cf65a1b0c71529ed322f1fea86d74f1e676554bfd83",
    ),
    row(
        "libstd-rust-web-1.96",
        WEB,
        "arm64",
        SECURITY,
        "b4dc1a7ec2dba5fc6a71c3632e66b030dc6c609286e533505aaf89f53e8c6146",
    ),
    row(
        "libstd-rust-web-dev",
        WEB,
        "arm64",
        SECURITY,
        "02419380801b9f61391294823659b17b90f7a863ca3bbccb9140d2f0f8a2c910",
    ),
    row(
        "libllvm22",
        LLVM,
        "arm64",
        SECURITY,
        "92440a30c46942145d738998ca57149fa0cc6809af90aa1c99d0a79c9a9c85d1",
    ),
    row(
        "lld-22",
        LLVM,
        "arm64",
        SECURITY,
        "94b697a673497a78de3de32eba0a16ce1545893b87cc5257edebc485cd0c33f9",
    ),
    row(
        "rust-web-src",
        WEB,
        "all",
        SECURITY,
        "9de8597c464d0a9283672973ed7e50092b49a92b95861429043fe8b57468a208",
    ),
    row(
        "wasi-libc",
        "0.0~git20241209.574b88d-2",
        "all",
        STABLE,
        "b7716260051d289248b7667f81fa2792c125d888ff51da3fa09c6272cc0bd11d",
    ),
];

/// The component linker, for a compiler that comes without one; cargo checks what it downloads
/// against the lock file inside the package.
pub(crate) const COMPONENT_LINKER: (&str, &str) = ("wasm-component-ld", "0.5.21");

/// The release of the Python package `ziglang`.
pub(crate) const ZIG_RELEASE: &str = "0.17.0";

/// SHA-256 of its wheels for x86_64 and aarch64.
pub(crate) const ZIG_WHEELS: &[&str] = &[
    "97079827064a7492cce5541ceb438ae8003ce1e54e399676da2d62fb7a5dc08b",
    "d2804f94f54f7fcf8169f4b212a619ad688a4e2e6592e976f0cf2e58e2cd8af3",
];
