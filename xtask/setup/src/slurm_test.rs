//! A real Slurm of two nodes on this machine, to try the fleet with: `x86-0` and `arm-0`, whose cells are emulated.
//!
//! Configuration, key, sockets and state are its own, ports are taken on the loopback only, and
//! what was started is ended by its process id: a Slurm of the machine is not touched.

use crate::context::Context;
use crate::machine::{Machine, Step};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use weighbridge_project::files::{make_folder, remove};
use weighbridge_project::inputs::sha256;
use weighbridge_project::process::{command, shown};

/// The nodes, each with the feature that jobs ask for.
pub const NODES: [(&str, &str); 2] = [("x86-0", "x86_64"), ("arm-0", "aarch64")];
const CONFIGURATION: &str = include_str!("slurm.conf.in");
const FIRST_PORT: u16 = 17_000;
const START_LIMIT: Duration = Duration::from_secs(30);
const END_LIMIT: Duration = Duration::from_secs(10);

/// The folders of the cluster that belongs to one state folder, whether it runs or not.
#[derive(Debug, Clone)]
pub struct Cluster {
    run: PathBuf,
    data: PathBuf,
}

impl Cluster {
    /// The cluster of this project.
    #[must_use]
    pub fn of(context: &Context<'_>) -> Self {
        // The path of a Unix socket is limited to about a hundred bytes: the state folder can be too deep.
        let digest = sha256(context.state.as_os_str().as_encoded_bytes());
        let base = context.machine.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|_| !context.machine.is_root()).unwrap_or_else(|| "/run".into());
        let run = base.join("weighbridge").join(format!("{}-slurm", &digest[..8]));
        Self { run, data: context.state.join("slurm-test") }
    }

    /// Its configuration, for `SLURM_CONF`.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.data.join("slurm.conf")
    }

    /// A program of Slurm that speaks to this cluster.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.env("SLURM_CONF", self.configuration());
        command
    }

    /// Starts everything anew and waits until both nodes are idle.
    ///
    /// # Errors
    /// A program is missing, a daemon does not start, or the nodes do not come up.
    pub fn start(&self, context: &Context<'_>) -> Result<()> {
        self.stop()?;
        for program in ["munged", "slurmctld", "slurmd", "sbatch"] {
            ensure!(
                system_program(context.machine, program).is_some(),
                weighbridge_project::exit::LackingError {
                    what: format!("{program}, for the Slurm test"),
                    remedy: crate::packages::line(&["slurm-wlm", "munge"]),
                }
            );
        }
        self.prepare(context)?;
        let under = |part: &str| self.run.join(part);
        let mut munged = self.daemon(context, "munged");
        munged.arg("--key-file").arg(self.data.join("munge.key"));
        munged.arg("--socket").arg(under("munge.sock"));
        munged.arg("--pid-file").arg(under("munged.pid"));
        munged.arg("--seed-file").arg(self.data.join("munge.seed"));
        munged.arg("--log-file").arg(self.data.join("log/munged.log"));
        detach(&mut munged)?;
        detach(&mut self.daemon(context, "slurmctld"))?;
        for (node, _) in NODES {
            self.start_node(context, node)?;
        }
        let begun = Instant::now();
        while self.idle_count() < NODES.len() {
            ensure!(
                begun.elapsed() < START_LIMIT,
                "the nodes do not come up; see {}",
                self.data.join("log").display()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Starts the daemon of one node.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_node(&self, context: &Context<'_>, node: &str) -> Result<()> {
        let mut slurmd = self.daemon(context, "slurmd");
        // The configuration is named for whoever looks at the process.
        slurmd.args(["-N", node, "-f"]).arg(self.configuration());
        detach(&mut slurmd)
    }

    /// Ends one node as a power failure would: its daemon and all processes of its jobs at once.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_node(&self, node: &str) -> Result<()> {
        let file = self.run.join(format!("slurmd-{node}.pid"));
        let daemon = self.pid_in(&file).with_context(|| format!("{node} does not run"))?;
        signal(daemon, Signal::KILL);
        self.kill_jobs(node);
        Ok(())
    }

    /// Ends the processes of a node's jobs: they outlive its daemon.
    fn kill_jobs(&self, node: &str) {
        let ours = [
            format!("SLURM_CONF={}", self.configuration().display()),
            format!("SLURMD_NODENAME={node}"),
        ];
        let table = processes();
        let of_jobs = table.iter().filter(|process| {
            let environment = std::fs::read(format!("/proc/{}/environ", process.id));
            let environment = environment.unwrap_or_default();
            ours.iter().all(|word| environment.split(|&b| b == 0).any(|e| e == word.as_bytes()))
        });
        let mut doomed: Vec<i32> = of_jobs.map(|process| process.id).collect();
        // The step's own daemon is the parent of the script, and has the node's environment, not the job's.
        let parents: Vec<i32> =
            table.iter().filter(|p| doomed.contains(&p.id)).map(|p| p.parent).collect();
        let steps = table.iter().filter(|p| parents.contains(&p.id));
        let steps = steps.filter(|process| process.arguments.starts_with("slurmstepd"));
        doomed.extend(steps.map(|step| step.id));
        let mut index = 0;
        while let Some(&parent) = doomed.get(index) {
            let children = table.iter().filter(|process| process.parent == parent);
            let new: Vec<i32> =
                children.map(|child| child.id).filter(|id| !doomed.contains(id)).collect();
            doomed.extend(new);
            index += 1;
        }
        for id in doomed {
            signal(id, Signal::KILL);
        }
    }

    /// Ends all that runs of it.
    ///
    /// # Errors
    /// Something does not end.
    pub fn stop(&self) -> Result<()> {
        let mut names = vec!["slurmctld.pid".to_owned()];
        names.extend(NODES.map(|(node, _)| format!("slurmd-{node}.pid")));
        // Last, because the others speak through it.
        names.push("munged.pid".to_owned());
        for name in names {
            let file = self.run.join(&name);
            let Some(id) = self.pid_in(&file) else { continue };
            signal(id, Signal::TERM);
            let begun = Instant::now();
            while self.pid_in(&file) == Some(id) {
                ensure!(begun.elapsed() < END_LIMIT, "{name}: process {id} does not end");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        for (node, _) in NODES {
            self.kill_jobs(node);
        }
        for folder in [self.run.clone(), self.data.join("state"), self.data.join("spool")] {
            remove(&folder)?;
        }
        Ok(())
    }

    /// The process that this file names, if it is one of ours still: ids are given anew.
    fn pid_in(&self, file: &Path) -> Option<i32> {
        let id: i32 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
        let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
        let ours = format!("SLURM_CONF={}", self.configuration().display());
        environment.split(|&byte| byte == 0).any(|e| e == ours.as_bytes()).then_some(id)
    }

    fn prepare(&self, context: &Context<'_>) -> Result<()> {
        for folder in ["state", "spool", "log"] {
            make_folder(&self.data.join(folder))?;
        }
        make_folder(&self.run)?;
        // munge wants its socket to be reachable by all users.
        std::fs::set_permissions(&self.run, std::fs::Permissions::from_mode(0o755))?;
        let key = self.data.join("munge.key");
        if !key.exists() {
            write_key(&key).with_context(|| format!("write {}", key.display()))?;
        }
        let user = context.machine.run(&Step::new("id", ["-un"]))?;
        let [port, x86, arm] = free_ports()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let text = CONFIGURATION
            .replace("{run}", &self.run.display().to_string())
            .replace("{data}", &self.data.display().to_string())
            .replace("{user}", user.trim())
            .replace("{port}", &port.to_string())
            .replace("{x86}", &x86.to_string())
            .replace("{arm}", &arm.to_string())
            .replace("{cores}", &cores.to_string());
        std::fs::write(self.configuration(), text)
            .with_context(|| format!("write {}", self.configuration().display()))
    }

    fn daemon(&self, context: &Context<'_>, name: &str) -> Command {
        let program = system_program(context.machine, name).unwrap_or_else(|| name.into());
        self.command(&program.to_string_lossy())
    }

    fn idle_count(&self) -> usize {
        let mut sinfo = self.command("sinfo");
        sinfo.args(["--noheader", "--Node", "--format=%T"]);
        let output = sinfo.output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).lines().filter(|line| line.trim() == "idle").count()
    }
}

/// A daemon goes into the background by itself and ends with 0 when it works.
fn detach(command: &mut Command) -> Result<()> {
    let text = shown(command);
    command.stdin(std::process::Stdio::null());
    let status = command.status().with_context(|| format!("run `{text}`"))?;
    ensure!(status.success(), "`{text}` failed ({status})");
    Ok(())
}

/// System programs may not be on an ordinary user's PATH.
fn system_program(machine: &dyn Machine, name: &str) -> Option<PathBuf> {
    machine.find(name).or_else(|| {
        let path = Path::new("/usr/sbin").join(name);
        machine.exists(&path).then_some(path)
    })
}

fn write_key(path: &Path) -> std::io::Result<()> {
    let mut key = [0; 64];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut file, &key)
}

/// Three ports in a row that nobody listens on.
fn free_ports() -> Result<[u16; 3]> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    for first in (FIRST_PORT..FIRST_PORT + 300).step_by(3) {
        let ports = [first, first + 1, first + 2];
        if ports.iter().all(is_free) {
            return Ok(ports);
        }
    }
    bail!("no three free ports from {FIRST_PORT} on")
}

struct Process {
    id: i32,
    parent: i32,
    arguments: String,
}

fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let id = entry.file_name().to_string_lossy().parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The state and the parent follow the name, which is in parentheses.
            let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
            let arguments = String::from_utf8_lossy(&arguments).into_owned();
            Some(Process { id, parent, arguments })
        })
        .collect()
}

fn signal(id: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(id).filter(|_| id > 1) {
        // It may be gone by now; that is what is wanted.
        let _ = kill_process(pid, signal);
    }
}
