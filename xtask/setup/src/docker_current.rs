//! Docker of the distribution's testing suite, which set-up installs for its subjects (`[programs.docker-current]` in
//! `experiments/subjects.toml`): a private `dockerd` with a containerd of the same root, beside the machine's Docker.
//!
//! The two share nothing. A containerd of the system would be taken in the place of one of its own, so its own is
//! started and named. And it has a bridge of its own, with which it does nothing: `--bridge=none` removes the bridge
//! docker0 (`removeDefaultBridgeInterface` of moby 28), whoever uses it. It writes no rule of a firewall.

use crate::chain::{Session, details};
use crate::context::Context;
use crate::daemon::{Daemon, Place};
use crate::docker::words;
use crate::engine_kind::{Kind, Started, program};
use crate::machine::Machine;
use crate::programs;
use crate::record::Need;
use crate::scripts::{self, quote};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use weighbridge_schema::program::Installed;
use weighbridge_schema::subject::{ContainerEngine, parse_subjects_file};

/// Docker of the testing suite. One that runs already is used when it is named, and not else.
pub(crate) const DOCKER_CURRENT: Kind = Kind {
    engine: ContainerEngine::DockerCurrent,
    need: Need::DockerCurrent,
    variable: "DOCKER_CURRENT_HOST",
    sockets: |_| Vec::new(),
    private: "private-dockerd-current",
    // It is no package: `setup --subject` unpacks it.
    packages: &[],
    lacking,
    start,
    reach,
};

/// The program of `[programs]`, and the line that installs it.
const PROGRAM: &str = "docker-current";
const INSTALL: &str = "cargo xtask setup --subject docker-current";
/// Where subjects and versions stand, from the checkout's root.
const SUBJECTS: &str = "experiments/subjects.toml";
/// The script in the run folder that starts containerd, then dockerd in its own place.
const COMMAND: &str = "engine";
/// Addresses for measurements of networks (RFC 2544), of which no machine has one by chance.
const BRIDGE_ADDRESS: &str = "198.18.0.1/30";
/// containerd's part for Kubernetes is left out, as dockerd leaves it out of the one that it starts by itself.
const SETTINGS: &str = r#"version = 3
root = "{DATA}/containerd"
state = "{RUN}/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{RUN}/containerd.sock"
"#;

/// What set-up has installed in the pinned version; `None` where it has not, or nothing says which version that is.
fn installed(context: &Context<'_>) -> Option<Installed> {
    let text = std::fs::read_to_string(context.repo.join(SUBJECTS)).ok()?;
    let pinned = parse_subjects_file(SUBJECTS, &text).ok()?.programs;
    let (name, program) = pinned.iter().find(|(name, _)| name.as_str() == PROGRAM)?;
    programs::installed(&context.state, name, &program.version)
}

fn lacking(context: &Context<'_>) -> Option<&'static str> {
    installed(context).is_none().then_some(PROGRAM)
}

/// It is installed: only root can start it.
fn reach(context: &Context<'_>) -> String {
    match lacking(context) {
        Some(_) => INSTALL.to_owned(),
        None if program(context.machine, "ip").is_none() => "apt-get install iproute2".to_owned(),
        None => "sudo --preserve-env=PATH cargo xtask run".to_owned(),
    }
}

fn start(session: &Session<'_>) -> Result<Started> {
    let context = session.context;
    let installed = installed(context).with_context(|| format!("{PROGRAM} is not installed"))?;
    let place = Place::make(context, "docker-current")?;
    let dockerd = Path::new(&installed.program);
    start_at(context, &place, dockerd).inspect_err(|_| place.abandon())
}

fn start_at(context: &Context<'_>, place: &Place, dockerd: &Path) -> Result<Started> {
    let command = prepare(context.machine, place, dockerd)?;
    Ok(Started {
        daemon: Daemon::start(context, place, &[command])?,
        detail: details([("program", context.told(dockerd))]),
    })
}

/// Writes what the engine is configured by and the scripts that begin and end it. Gives the first script.
fn prepare(machine: &dyn Machine, place: &Place, dockerd: &Path) -> Result<String> {
    let Some(ip) = program(machine, "ip") else {
        bail!("ip, which makes a bridge of its own, is not installed");
    };
    let (run, data) = (place.run.display().to_string(), place.data.display().to_string());
    let settings = SETTINGS.replace("{RUN}", &run).replace("{DATA}", &data);
    let settings = place.configure("containerd.toml", &settings)?;
    let socket = place.run.join("containerd.sock");
    let bridge = bridge_name(&place.run);
    let mut words = words(dockerd, place)?;
    words.extend([
        format!("--containerd={}", socket.display()),
        format!("--bridge={bridge}"),
        "--iptables=false".to_owned(),
        "--ip6tables=false".to_owned(),
        "--ip-forward=false".to_owned(),
    ]);
    let dockerd_words = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    let folder = quote(&dockerd.parent().unwrap_or(dockerd).display().to_string());
    let (ip, settings) = (quote(&ip.display().to_string()), quote(&settings.display().to_string()));
    let script = format!(
        "#!/bin/sh\n\
         # They find each other by name: dockerd containerd's shim, the shim runc.\n\
         PATH={folder}:$PATH\nexport PATH\n\
         {ip} link delete {bridge} 2>/dev/null\n\
         {ip} link add {bridge} type bridge && {ip} address add {BRIDGE_ADDRESS} dev {bridge} || exit 1\n\
         containerd --config {settings} --log-level warn &\n\
         exec {dockerd_words}\n"
    );
    let command = place.run.join(COMMAND);
    scripts::write(&command, &script)?;
    place.at_the_end(&format!("#!/bin/sh\nexec {ip} link delete {bridge}\n"))?;
    Ok(command.display().to_string())
}

/// A name of at most 15 letters, another for each state folder: the run folder's begins with the folder's digest.
fn bridge_name(run: &Path) -> String {
    let name = run.file_name().unwrap_or_default().to_string_lossy();
    format!("weigh-{}", name.chars().take(8).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{chain, ensure};
    use crate::fake::FakeMachine;
    use crate::record::Standing;
    use std::path::PathBuf;
    use weighbridge_schema::program::RECORD;

    /// A checkout that pins the program, and a state folder in which it is installed or not.
    fn with_context<T>(
        machine: &FakeMachine,
        is_installed: bool,
        work: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let folder = tempfile::tempdir().unwrap();
        let pinned = "[programs.docker-current]\nversion = \"28.5.2\"\nlicence = \"Apache-2.0\"\n\
                      sources = []\n[subjects]\n";
        std::fs::create_dir(folder.path().join("experiments")).unwrap();
        std::fs::write(folder.path().join(SUBJECTS), pinned).unwrap();
        if is_installed {
            let root = folder.path().join("programs/docker-current-28.5.2");
            std::fs::create_dir_all(&root).unwrap();
            let program = root.join("dockerd").display().to_string();
            std::fs::write(&program, "").unwrap();
            let record = serde_json::json!({
                "command": [program], "program": program, "libraries": [], "provider": "debian",
                "detail": {},
            });
            std::fs::write(root.join(RECORD), record.to_string()).unwrap();
        }
        let reporter = |_: &str| {};
        work(&Context {
            repo: folder.path().to_owned(),
            state: folder.path().to_owned(),
            build: folder.path().to_owned(),
            assume_yes: false,
            interactive: false,
            reporter: &reporter,
            machine,
        })
    }

    fn standing(machine: &FakeMachine, is_installed: bool) -> Standing {
        with_context(machine, is_installed, |context| {
            let session = Session::open(context).unwrap();
            chain(&DOCKER_CURRENT, context).find(&session).unwrap().standing
        })
    }

    #[test]
    fn it_can_be_started_by_root_once_set_up_has_installed_it_and_no_package_brings_it() {
        let missing = |machine: &FakeMachine, is_installed| match standing(machine, is_installed) {
            Standing::Missing { reason, line } => (reason, line),
            other => panic!("{other:?}"),
        };
        let machine = FakeMachine::debian();
        machine.add_program("ip");
        let (reason, line) = missing(&machine, false);
        assert!(reason.contains("docker-current is not installed"), "{reason}");
        assert_eq!(line, INSTALL);
        let provider = "private-dockerd-current".to_owned();
        assert_eq!(standing(&machine, true), Standing::Present { provider });
        let user = FakeMachine { root: false, ..machine };
        let (reason, line) = missing(&user, true);
        assert!(reason.contains("only root can start a private docker-current"), "{reason}");
        assert!(line.starts_with("sudo "), "{line}");
        with_context(&user, false, |context| {
            let engines = ensure(context).unwrap();
            let found = engines.iter().find(|engine| engine.need == Need::DockerCurrent).unwrap();
            assert_eq!(found.missing.as_ref().unwrap().1, INSTALL);
            assert_eq!(user.count("apt-get"), 0);
        });
    }

    #[test]
    fn it_is_started_with_its_own_containerd_and_bridge_and_without_a_firewall() {
        let folder = tempfile::tempdir().unwrap();
        let machine = FakeMachine { root: false, ..FakeMachine::debian() }
            .with("XDG_RUNTIME_DIR", &folder.path().display().to_string());
        machine.add_program("ip");
        with_context(&machine, true, |context| {
            let place = Place::make(context, "docker-current").unwrap();
            let dockerd = PathBuf::from("/r/relinked/dockerd");
            let command = prepare(&machine, &place, &dockerd).unwrap();
            let script = std::fs::read_to_string(command).unwrap();
            let run = place.run.display().to_string();
            let bridge = bridge_name(&place.run);
            assert!(bridge.len() <= 15 && bridge != "docker0", "{bridge}");
            for part in [
                "PATH='/r/relinked':$PATH".to_owned(),
                format!("'/usr/bin/ip' link add {bridge} type bridge"),
                format!("exec '/r/relinked/dockerd' '--host' 'unix://{run}/docker-current.sock'"),
                format!("'--containerd={run}/containerd.sock' '--bridge={bridge}'"),
                "'--iptables=false' '--ip6tables=false' '--ip-forward=false'".to_owned(),
            ] {
                assert!(script.contains(&part), "{part}: {script}");
            }
            let ending = std::fs::read_to_string(place.run.join("last-words")).unwrap();
            assert!(ending.contains(&format!("link delete {bridge}")), "{ending}");
            let settings = std::fs::read_to_string(place.run.join("containerd.toml")).unwrap();
            assert!(
                settings.contains(&format!("address = \"{run}/containerd.sock\"")),
                "{settings}"
            );
        });
        let bare = FakeMachine { root: false, ..FakeMachine::debian() }
            .with("XDG_RUNTIME_DIR", &folder.path().display().to_string());
        with_context(&bare, true, |context| {
            let place = Place::make(context, "docker-current").unwrap();
            let error = prepare(&bare, &place, Path::new("/r/dockerd")).unwrap_err();
            assert!(error.to_string().starts_with("ip, which makes a bridge"), "{error}");
            assert_eq!(reach(context), "apt-get install iproute2");
        });
    }
}
