//! A program of nixpkgs, at the revision that the project's own `flake.lock` pins: built or fetched into the Nix store,
//! and kept there by a link in a folder of the project.

use super::made::Made;
use crate::context::Context;
use crate::machine::Step;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_project::files::make_folder;

/// Builds `package` and links it into `root`.
///
/// # Errors
/// There is no Nix here, it cannot reach what it needs, or the package holds no such program.
pub(super) fn build(
    context: &Context<'_>,
    package: &str,
    program: &str,
    root: &Path,
) -> Result<Made> {
    let link = root.join("package");
    let step = command(context, package, &link);
    if context.machine.find("nix").is_none() {
        bail!("there is no nix here; where there is: {step}");
    }
    make_folder(root)?;
    context.machine.run(&step)?;
    let program = link.join(program);
    if !context.machine.exists(&program) {
        bail!("{package} holds no {}", program.display());
    }
    // Into the store: the program's own path must not depend on where the link lies.
    let program = std::fs::canonicalize(&program).unwrap_or(program);
    let detail = BTreeMap::from([("nixpkgs".to_owned(), package.to_owned())]);
    Ok(Made {
        command: vec![program.display().to_string()],
        program,
        libraries: Vec::new(),
        detail,
    })
}

fn command(context: &Context<'_>, package: &str, link: &Path) -> Step {
    let installable = format!("nixpkgs#{package}");
    let (repo, link) = (context.repo.display().to_string(), link.display().to_string());
    let features = ["--extra-experimental-features", "nix-command flakes"];
    let words = ["build", "--inputs-from", &repo, "--out-link", &link, &installable];
    Step::new("nix", features.into_iter().chain(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    const LINE: &str = "build --inputs-from /repo --out-link";

    #[test]
    fn without_nix_the_line_is_told_and_nothing_is_done() {
        let (machine, bench) = (FakeMachine::debian(), Bench::new("no-nix"));
        let root = bench.state.join("spin");
        let made = bench
            .call(&machine, false, |context| build(context, "fermyon-spin", "bin/spin", &root));
        let error = made.err().unwrap().to_string();
        assert!(error.starts_with("there is no nix here") && error.contains(LINE), "{error}");
        assert!(error.ends_with("nixpkgs#fermyon-spin"), "{error}");
        assert!(machine.steps.borrow().is_empty() && !root.exists());
    }

    #[test]
    fn what_nix_links_is_the_program() {
        let bench = Bench::new("nix");
        let root = bench.state.join("spin");
        let linked = root.clone();
        let machine = FakeMachine::debian().on(LINE, move |_, _| {
            std::fs::create_dir_all(linked.join("package/bin"))?;
            std::fs::write(linked.join("package/bin/spin"), "the program")?;
            Ok(String::new())
        });
        machine.add_program("nix");
        let of = |program: &str| {
            bench.call(&machine, false, |context| build(context, "fermyon-spin", program, &root))
        };
        let made = of("bin/spin").unwrap();
        assert_eq!(std::fs::read_to_string(&made.program).unwrap(), "the program");
        assert_eq!(made.command, [made.program.display().to_string()]);
        assert_eq!(made.detail["nixpkgs"], "fermyon-spin");
        let error = of("bin/spun").err().unwrap().to_string();
        assert!(error.contains("fermyon-spin holds no"), "{error}");
    }
}
