//! What a program is not to inherit: variables that decide what compilers, git, TeX and allocators
//! do. Whatever has them set (a shell's start-up file, a CI, another checkout) would decide about
//! what is measured, and no digest of inputs and no manifest would know. One list, for every
//! program that set-up, build, runner and analysis start.

use std::process::Command;

/// Variables that are removed, by their whole names.
const NAMES: &[&str] = &[
    // Compilers and what they look up.
    "RUSTFLAGS",
    "CC",
    "CXX",
    "CPP",
    "AR",
    "AS",
    "LD",
    "NM",
    "STRIP",
    "OBJCOPY",
    "OBJDUMP",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "LIBRARY_PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "DEPENDENCIES_OUTPUT",
    "SUNPRO_DEPENDENCIES",
    "CCC_OVERRIDE_OPTIONS",
    "CRATE_CC_NO_DEFAULTS",
    "SOURCE_DATE_EPOCH",
    "FORCE_SOURCE_DATE",
    // make.
    "MAKEFLAGS",
    "MFLAGS",
    "GNUMAKEFLAGS",
    "MAKELEVEL",
    "NUM_JOBS",
    // TeX: additional folders to look in, before its own.
    "TEXFONTS",
    "TEXFORMATS",
    "TEXFONTMAPS",
    "TFMFONTS",
    "VFFONTS",
    "T1FONTS",
    "ENCFONTS",
    // The dynamic loader, the C library and interpreters.
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "MALLOC_CONF",
    "BASH_ENV",
    "ENV",
    "CDPATH",
    "POSIXLY_CORRECT",
    "GREP_OPTIONS",
    "TAR_OPTIONS",
    "PYTHONPATH",
    "PYTHONHOME",
    "NODE_OPTIONS",
    "NODE_PATH",
    // Messages, orders and hours: of no place in particular.
    "LANG",
    "LANGUAGE",
    "TZ",
    // Where Podman would find other settings than those it is given.
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
];

/// Variables that are removed, by how their names begin.
const PREFIXES: &[&str] = &[
    // Cargo's configuration can be said in variables, and an outer cargo tells of its own package
    // in others.
    "CARGO_",
    "__CARGO_",
    "RUSTC",
    "RUSTDOC",
    "RUST_",
    // What the `cc`, `cmake` and `pkg-config` crates read, for a target or for all.
    "CC_",
    "CXX_",
    "AR_",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "ASFLAGS",
    "ARFLAGS",
    "RANLIB",
    "HOST_C",
    "HOST_AR",
    "HOST_RANLIB",
    "TARGET_C",
    "TARGET_AR",
    "TARGET_RANLIB",
    "CMAKE_",
    "PKG_CONFIG",
    "ZIG_",
    // Another repository, index or work tree than that of the folder.
    "GIT_",
    "TEXINPUTS",
    "BIBINPUTS",
    "BSTINPUTS",
    "LATEXMKRC",
    "LD_",
    "MALLOC_",
    "MIMALLOC_",
    "_RJEM_MALLOC_",
    "TOKIO_",
    "RAYON_",
    "POLARS_",
    "WASMTIME_",
    "WASMER_",
    "WASMEDGE_",
    "QEMU_",
    "PERL5",
    "LC_",
];

/// What begins so and stays all the same, by whole names: where cargo's folders are, and how busy
/// it may be.
const KEPT_NAMES: &[&str] = &[
    "CARGO",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_JOBS",
    "CARGO_LOG",
];

/// What stays, by how it begins: how the network is reached, and how messages are shown.
const KEPT_PREFIXES: &[&str] = &[
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
    "CARGO_CREDENTIAL_",
    "CARGO_TERM_",
    "GIT_SSL_",
    "GIT_SSH",
    "GIT_ASKPASS",
    "GIT_PROXY",
    "GIT_TERMINAL_PROMPT",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_TEST_",
];

/// Whether a variable of this name would decide what a program makes or how it runs.
#[must_use]
pub fn decides(name: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if KEPT_NAMES.contains(&name) || begins(KEPT_PREFIXES) {
        return false;
    }
    NAMES.contains(&name) || begins(PREFIXES)
}

/// Keeps such variables of this process from the command. What is set on the command afterwards
/// holds.
pub fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if decides(&name.to_string_lossy()) {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_about_a_program_is_not_inherited_and_what_a_user_needs_is() {
        for name in [
            "CFLAGS",
            "CFLAGS_x86_64_unknown_linux_musl",
            "TARGET_CFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER",
            "CARGO_PKG_NAME",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "RUST_LOG",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "MIMALLOC_LARGE_OS_PAGES",
            "GIT_DIR",
            "GIT_WORK_TREE",
            "TEXINPUTS",
            "LC_ALL",
            "TZ",
        ] {
            assert!(decides(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_BUILD_DIR",
            "CARGO_BUILD_JOBS",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_CAINFO",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "RUSTUP_TOOLCHAIN",
            "RUSTUP_AUTO_INSTALL",
            "WEIGHBRIDGE_STATE",
            "https_proxy",
            "SSL_CERT_FILE",
            "GIT_SSL_CAINFO",
            "DOCKER_HOST",
            "DOCKER_CURRENT_HOST",
            "CONTAINER_HOST",
            "SSH_AUTH_SOCK",
            "SLURM_CONF",
            "XDG_RUNTIME_DIR",
            "TMPDIR",
            "TERM",
        ] {
            assert!(!decides(name), "{name}");
        }
    }
}
