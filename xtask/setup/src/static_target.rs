//! How cargo is called for a static target, whichever C compiler it gets.

use crate::chain::Session;
#[cfg(any(test, feature = "fake"))]
use crate::context::Context;
use crate::record::TargetToolchain;
use crate::rust;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// How to build for a static target, without its compilers.
pub(crate) fn toolchain(
    session: &Session<'_>,
    triple: &str,
    more_flags: &[&str],
    sources: Option<&Path>,
) -> Result<TargetToolchain> {
    // Of glibc's targets the configuration says nothing: the harness itself is built for one.
    let mut own = rust::configured_flags(&triple.replace("-gnu", "-musl"))?;
    own.extend(more_flags.iter().map(|&flag| flag.to_owned()));
    let flags = rust::encoded_flags(session.context, own, sources);
    let env = BTreeMap::from([
        ("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags),
        ("RUSTC".to_owned(), session.compiler.rustc.display().to_string()),
        (compiler_variable("CFLAGS", triple), NO_BUILD_TIME.to_owned()),
        // The compiler's own choice, said outright: a configuration file may name another.
        (linker_variable(triple), "cc".to_owned()),
    ]);
    let cargo = session.compiler.cargo.clone();
    Ok(TargetToolchain { triple: triple.to_owned(), cargo, env, arguments: Vec::new() })
}

/// mimalloc would carry the time of its build, and no two builds would be the same.
const NO_BUILD_TIME: &str =
    "-Wno-builtin-macro-redefined -D__DATE__=\"1970-01-01\" -D__TIME__=\"00:00:00\"";

/// `CC_x86_64_unknown_linux_musl` and the like: what the `cc` crate reads.
#[must_use]
pub fn compiler_variable(tool: &str, triple: &str) -> String {
    format!("{tool}_{}", triple.replace('-', "_"))
}

/// `CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER` and the like.
pub(crate) fn linker_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", rust::variable_form(triple))
}

/// The toolchain of static programs against this machine's own C library, whose standard library
/// comes with the compiler.
#[cfg(any(test, feature = "fake"))]
pub fn static_glibc(context: &Context<'_>) -> Result<TargetToolchain> {
    let session = Session::open(context)?;
    let triple = format!("{}-unknown-linux-gnu", context.machine.architecture());
    toolchain(&session, &triple, &[], None)
}
