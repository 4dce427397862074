//! `cargo xtask clean`: remove what was made; the runs only when asked for. Says what it leaves, and how that goes.

use super::analyze;
use anyhow::Result;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use weighbridge_project::exit::Exit;
use weighbridge_project::files;
use weighbridge_project::project::Project;
use weighbridge_setup::{LocalMachine, Machine, Step, installed_packages};

/// What is smaller is not worth a line.
const TOLD_MIN_BYTES: u64 = 1_000_000;

/// The verb.
///
/// # Errors
/// Something cannot be removed; the message names it.
pub fn run(project: &Project, with_results: bool, with_state: bool) -> Result<Exit> {
    let mut paths = vec![
        project.path("paper/generated"),
        project.path("paper/weighbridge.pdf"),
        project.path("report"),
        project.target.join("weighbridge"),
        project.state.join("stamps"),
    ];
    let examples = std::fs::read_dir(project.path("examples")).into_iter().flatten().flatten();
    paths.extend(examples.map(|example| example.path().join("built")));
    let runs = [project.results(), project.path("paper/data")].map(std::fs::read_dir);
    let runs = runs.into_iter().flatten().flatten().flatten();
    paths.extend(runs.map(|run| run.path().join(analyze::REPORT)));
    if with_results {
        paths.push(project.results());
    }
    // Read before the state goes.
    let packages = installed_packages(&project.state);
    if with_state {
        paths.push(project.state.clone());
    }
    for path in paths.iter().filter(|path| path.exists()) {
        let size = size_bytes(path);
        files::remove(path)?;
        println!("removed  {}, {}", project.shown(path), human(size));
    }
    for line in left(project) {
        println!("{line}");
    }
    for line in on_the_machine(&LocalMachine, &packages) {
        println!("{line}");
    }
    Ok(Exit::Done)
}

/// The folders that stay, with their sizes and what removes each.
fn left(project: &Project) -> Vec<String> {
    let mut folders: Vec<(PathBuf, &str)> = vec![
        (project.target.clone(), "cargo clean"),
        (project.build.clone(), "cargo clean"),
        (project.state.clone(), "cargo xtask clean --state"),
        (project.results(), "cargo xtask clean --results"),
    ];
    folders.dedup_by(|a, b| a.0 == b.0);
    let sized = folders.into_iter().map(|(path, line)| (size_bytes(&path), path, line));
    let reported = sized.filter(|(size, _, _)| *size >= TOLD_MIN_BYTES);
    let line = |(size, path, line): (u64, PathBuf, &str)| {
        format!("left     {}, {}; to remove it: {line}", project.shown(&path), human(size))
    };
    reported.map(line).collect()
}

/// What set-up and the private engines have changed outside of the folders, and how each is undone.
fn on_the_machine(machine: &dyn Machine, packages: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    if !packages.is_empty() {
        found.push(format!(
            "packages that set-up installed: {}; to remove them: sudo apt-get autoremove --purge {}",
            packages.len(),
            packages.join(" ")
        ));
    }
    if machine.exists(Path::new("/sys/class/net/docker0")) {
        found.push(
            "the bridge docker0, of a Docker that ran here; to remove it: sudo ip link delete docker0"
                .to_owned(),
        );
    }
    let rules = machine.run(&Step::new("iptables", ["-S", "FORWARD"])).unwrap_or_default();
    if rules.lines().any(|rule| rule == "-P FORWARD DROP") {
        found.push(
            "the policy of forwarding is DROP, as Docker sets it: virtual machines of this host may have no network; to \
             change it: sudo iptables -P FORWARD ACCEPT"
                .to_owned(),
        );
    }
    found.into_iter().map(|what| format!("machine  {what}")).collect()
}

/// Bytes on the disk of a file, or of all that lies in a folder; what cannot be read counts nothing.
fn size_bytes(path: &Path) -> u64 {
    const BLOCK_BYTES: u64 = 512;
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    let own = metadata.blocks() * BLOCK_BYTES;
    if !metadata.is_dir() {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| size_bytes(&entry.path())).sum::<u64>()
}

fn human(bytes: u64) -> String {
    const MEGABYTE: u64 = 1_000_000;
    match bytes {
        0..MEGABYTE => format!("{} kB", bytes.div_ceil(1000)),
        MEGABYTE..1_000_000_000 => format!("{} MB", bytes / MEGABYTE),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_setup::fake::FakeMachine;

    #[test]
    fn what_stays_on_the_machine_is_told_with_the_way_to_undo_it() {
        let clean = FakeMachine::debian();
        assert_eq!(on_the_machine(&clean, &[]), [""; 0]);
        let used = FakeMachine::debian().on("iptables -S FORWARD", |_, _| {
            Ok("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n".to_owned())
        });
        used.add_file("/sys/class/net/docker0/address", "");
        let packages = ["docker.io".to_owned(), "latexmk".to_owned()];
        let reported = on_the_machine(&used, &packages).join("\n");
        for way in [
            "sudo apt-get autoremove --purge docker.io latexmk",
            "sudo ip link delete docker0",
            "sudo iptables -P FORWARD ACCEPT",
        ] {
            assert!(reported.contains(way), "`{way}` is not in {reported}");
        }
    }

    #[test]
    fn a_folder_is_weighed_with_all_that_lies_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/c"), vec![1; 3_000_000]).unwrap();
        let size = size_bytes(folder.path());
        assert!((3_000_000..4_000_000).contains(&size), "{size}");
        assert_eq!(size_bytes(&folder.path().join("none")), 0);
        for (bytes, words) in [(12, "1 kB"), (5_600_000, "5 MB"), (4_240_000_000, "4.2 GB")] {
            assert_eq!(human(bytes), words);
        }
    }
}
