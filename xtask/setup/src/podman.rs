//! Podman: a private `podman system service`, or a socket that the user names.

use crate::chain::{Session, details};
use crate::context::Context;
use crate::daemon::{Daemon, Place};
use crate::engine_kind::{Kind, Started, program};
use crate::machine::{Machine, Step};
use crate::record::Need;
use crate::scripts;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;
use weighbridge_project::files::make_folder;
use weighbridge_schema::subject::ContainerEngine;

/// Podman. One that runs already holds the user's containers: it is used when it is named, and not else.
pub(crate) const PODMAN: Kind = Kind {
    engine: ContainerEngine::Podman,
    need: Need::Podman,
    variable: "CONTAINER_HOST",
    sockets: |_| Vec::new(),
    private: "private-podman",
    packages: &["podman", "conmon", "crun", "runc"],
    lacking,
    start,
    reach,
};

/// The script in the run folder that calls podman with folders and settings of its own.
const COMMAND: &str = "podman";
/// Where layers go on top of each other, and where they are copied: what is tried, in this order.
const STORAGE_DRIVERS: [&str; 2] = ["overlay", "vfs"];
/// How long Podman may take to try a storage driver, on a busy machine and for the first time.
const INFO_LIMIT: Duration = Duration::from_secs(60);
/// The second hierarchy of a machine that has version 1 and version 2 of control groups.
const HYBRID: &str = "/sys/fs/cgroup/unified/cgroup.procs";
/// What is loaded is what the build has made: nothing is signed, and nothing comes from elsewhere.
const POLICY: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// It is installed: an ordinary user's own service needs no root.
fn reach(context: &Context<'_>) -> String {
    let folder = context.machine.variable("XDG_RUNTIME_DIR").unwrap_or_else(|| "/tmp".to_owned());
    let socket = format!("unix://{folder}/podman.sock");
    format!("podman system service --time=0 {socket} & export CONTAINER_HOST={socket}")
}

fn lacking(context: &Context<'_>) -> Option<&'static str> {
    let machine = context.machine;
    if oci_runtime(machine).is_none() {
        return Some("crun");
    }
    ["podman", "conmon"].into_iter().find(|name| program(machine, name).is_none())
}

/// crun, which is Podman's own choice; runc where crun (1.8) gives up: "cgroups in hybrid mode not supported".
fn oci_runtime(machine: &dyn Machine) -> Option<PathBuf> {
    let mut names = ["crun", "runc"];
    if machine.exists(Path::new(HYBRID)) {
        names.reverse();
    }
    names.iter().find_map(|name| program(machine, name))
}

fn start(session: &Session<'_>) -> Result<Started> {
    let machine = session.machine();
    let podman = program(machine, "podman").context("podman is not installed")?;
    let runtime = oci_runtime(machine).context("neither crun nor runc is installed")?;
    let place = Place::make(session.context, "podman")?;
    start_at(session, &place, &podman, &runtime).inspect_err(|_| place.abandon())
}

fn start_at(
    session: &Session<'_>,
    place: &Place,
    podman: &Path,
    runtime: &Path,
) -> Result<Started> {
    place.configure("home/.config/containers/policy.json", POLICY)?;
    place.configure("containers.conf", &settings(&place.run))?;
    let driver = storage_driver(session, place, podman, runtime)?;
    let command = place.run.join(COMMAND);
    // Its containers go on when the service ends.
    place
        .at_the_end(&format!("#!/bin/sh\nexec {} rm --all --force --time 0\n", quoted(&command)))?;
    let socket = format!("unix://{}", place.socket().display());
    let words = [&command.display().to_string(), "system", "service", "--time", "0", &socket];
    Ok(Started {
        daemon: Daemon::start(session.context, place, &words.map(str::to_owned))?,
        detail: details([
            ("program", podman.display().to_string()),
            ("OCI runtime", runtime.display().to_string()),
            ("storage driver", driver.to_owned()),
        ]),
    })
}

/// Writes the script that calls podman, with the first storage driver that works, and says which that is.
fn storage_driver(
    session: &Session<'_>,
    place: &Place,
    podman: &Path,
    runtime: &Path,
) -> Result<&'static str> {
    let command = place.run.join(COMMAND);
    let mut reasons = Vec::new();
    for driver in STORAGE_DRIVERS {
        let data = place.data.join(driver);
        make_folder(&data)?;
        let runtime_data = place.run.join("storage");
        let storage = format!(
            "[storage]\ndriver = {driver:?}\nrunroot = {runtime_data:?}\ngraphroot = {data:?}\n"
        );
        place.configure("storage.conf", &storage)?;
        scripts::write(&command, &script(place, podman, runtime, driver))?;
        let probe = Step::new(command.display().to_string(), ["info"]);
        let probe = probe.answered_within(INFO_LIMIT);
        match session.machine().run(&probe) {
            Ok(_) => return Ok(driver),
            Err(error) => reasons.push(format!("{driver}: {error:#}")),
        }
    }
    bail!("podman can use no storage driver: {}", reasons.join("; "))
}

/// Calls podman with folders and settings of its own.
fn script(place: &Place, podman: &Path, runtime: &Path, driver: &str) -> String {
    let under = |part: &str| quoted(&place.run.join(part));
    let variables = [
        ("HOME", under("home")),
        ("CONTAINERS_CONF", under("containers.conf")),
        ("CONTAINERS_STORAGE_CONF", under("storage.conf")),
    ];
    let options = [
        ("--root", quoted(&place.data.join(driver))),
        ("--runroot", under("storage")),
        ("--tmpdir", under("libpod")),
        ("--storage-driver", driver.to_owned()),
        ("--runtime", quoted(runtime)),
    ];
    let variables = variables.map(|(name, value)| format!("{name}={value}")).join(" ");
    let options = options.map(|(name, value)| format!("{name} {value}")).join(" ");
    // With these it would be the client of another one.
    let others = "CONTAINER_HOST CONTAINER_CONNECTION";
    let podman = quoted(podman);
    format!("#!/bin/sh\nunset {others}\nexport {variables}\nexec {podman} {options} \"$@\"\n")
}

/// In the place of the system's file: no systemd is requested, and locks and networks are not
/// shared with a user's Podman.
fn settings(run: &Path) -> String {
    format!(
        "[containers]\nlog_driver = \"k8s-file\"\n\
         [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nlock_type = \"file\"\n\
         [network]\nnetwork_config_dir = {:?}\n",
        run.join("networks")
    )
}

fn quoted(path: &Path) -> String {
    scripts::quote(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    #[test]
    fn crun_is_taken_unless_it_would_refuse_the_control_groups() {
        let machine = FakeMachine::debian();
        let bench = Bench::new("oci-runtime");
        assert_eq!(bench.call(&machine, false, lacking), Some("crun"));
        machine.add_program("runc");
        assert_eq!(oci_runtime(&machine), Some("/usr/bin/runc".into()));
        machine.add_program("crun");
        assert_eq!(oci_runtime(&machine), Some("/usr/bin/crun".into()));
        machine.add_file(HYBRID, "");
        assert_eq!(oci_runtime(&machine), Some("/usr/bin/runc".into()));
    }
}
