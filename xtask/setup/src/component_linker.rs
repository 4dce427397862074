//! The component linker, for a compiler that comes without one: from the crate registry, which
//! keeps every version. One that was yanked all the same is replaced by the newest compatible one.

use crate::chain::{Session, details};
use crate::machine::Step;
use crate::moved::{self, Taken};
use crate::pins;
use crate::registries::newest_crate;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The linker, and what a manifest should say about it.
pub(crate) struct Linker {
    pub(crate) program: PathBuf,
    /// Empty for the compiler's own, which the compiler's version names.
    pub(crate) detail: BTreeMap<String, String>,
}

/// The compiler's own, or one that is installed under the state folder.
pub(crate) fn ensure(session: &Session<'_>) -> Result<Linker> {
    let (name, release) = pins::COMPONENT_LINKER;
    if let Some(program) = session.compiler.bundled(session.machine(), name) {
        return Ok(Linker { program, detail: BTreeMap::new() });
    }
    let state = &session.context.state;
    let pinned = format!("{name} {release}");
    let root = |version: &str| state.join("toolchains").join(format!("{name}-{version}"));
    let linker = |version: &str, digest: Option<&str>| Linker {
        program: root(version).join("bin").join(name),
        detail: details([(
            name,
            digest
                .map_or_else(|| version.to_owned(), |digest| format!("{version} sha256:{digest}")),
        )]),
    };
    if session.machine().exists(&linker(release, None).program) {
        return Ok(linker(release, None));
    }
    let earlier = moved::remembered(state, &pinned).and_then(|taken| taken.into_iter().next());
    if let Some(Taken { version, sha256, .. }) = &earlier
        && session.machine().exists(&linker(version, None).program)
    {
        return Ok(linker(version, Some(sha256)));
    }
    let Err(refused) = install(session, release, &root(release)) else {
        return Ok(linker(release, None));
    };
    if !is_gone(&refused) {
        return Err(refused);
    }
    // The same series: what a compiler hands to its linker may change with the next one.
    let series = release.rsplit_once('.').map_or(release, |(series, _)| series);
    let newest = newest_crate(session.machine(), &format!("{name}@{series}"))?
        .with_context(|| format!("{pinned} is gone from the crate registry, and so is {series}"))?;
    install(session, &newest, &root(&newest))?;
    let program = linker(&newest, None).program;
    let sha256 = session.machine().digest(&program);
    let sha256 = sha256.with_context(|| format!("can't read {}", program.display()))?;
    let taken = Taken { package: name.to_owned(), version: newest.clone(), sha256 };
    moved::report(session.context, &pinned, "the crate registry", &taken);
    moved::remember(state, &pinned, vec![taken.clone()])?;
    Ok(linker(&newest, Some(&taken.sha256)))
}

fn is_gone(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    text.contains("could not find") || text.contains("yanked")
}

fn install(session: &Session<'_>, version: &str, root: &Path) -> Result<()> {
    let (name, _) = pins::COMPONENT_LINKER;
    session.report(&format!("building {name} {version}"));
    let (root, package) = (root.display().to_string(), format!("{name}@{version}"));
    let cargo = session.compiler.cargo.to_string_lossy().into_owned();
    // Cargo checks what it downloads against the lock file inside the package.
    let arguments = ["install", "--quiet", "--locked", "--root", &root, &package];
    session.machine().run(&Step::new(cargo, arguments)).map(drop)
}
