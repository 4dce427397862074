//! A container engine, Docker or Podman, through Docker's API. Everything of ours carries a label, so that nothing of
//! ours is ever left behind and nothing of anybody else's is ever touched.

pub mod containerd;
pub mod engines;
mod host_config;
pub mod planned_images;

use crate::image::Image;
use anyhow::{Context, Result};
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, SystemVersion, SystemVersionComponents};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, ImportImageOptionsBuilder,
    InspectContainerOptions, KillContainerOptions, ListContainersOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;
use host_config::host_config;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;
use weighbridge_schema::subject::{ContainerEngine, Network};

/// The label of every container of ours; its value is the run.
pub const LABEL: &str = "org.weighbridge.run";

/// How long an engine may take to say what it is, or that it is there.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a killed container may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A connection to the engine, with the small runtime that drives it.
pub struct Engine {
    runtime: Runtime,
    docker: Docker,
    /// Which of this machine's engines it is; before that is known, what it says itself.
    pub kind: ContainerEngine,
    /// The version it says it has, with those of its parts, for example
    /// `docker 20.10.24 (containerd 1.6.20, runc 1.1.5)`.
    pub version: String,
    /// The program that it starts containers with: `runc` or `crun`; `None` when it does not say.
    pub oci_runtime: Option<String>,
    /// The socket it answers at; `None` when it is reached in another way.
    pub socket: Option<PathBuf>,
}

/// What a container is made from.
pub struct ContainerSpec<'a> {
    /// Name, unique in the engine.
    pub name: &'a str,
    /// Image reference.
    pub image: &'a str,
    /// Arguments to the entry point.
    pub arguments: Vec<String>,
    /// `NAME=VALUE`, beside the image's own.
    pub environment: Vec<String>,
    /// Host network or bridge.
    pub network: Network,
    /// Cores it may run on.
    pub cores: Option<&'a [u32]>,
    /// The run it belongs to.
    pub run: &'a str,
}

/// A running container as the engine describes it.
pub struct Running {
    /// Process id of its first process, as the host sees it.
    pub pid: u32,
    /// Its own address on the bridge; `None` on the host's network.
    pub address: Option<std::net::IpAddr>,
}

impl Engine {
    /// Connects and asks for the version.
    ///
    /// # Errors
    /// Nothing answers at `host`; the message names it.
    pub fn connect(host: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the runtime of the engine client")?;
        let ask = async {
            let docker = Docker::connect_with_host(host)
                .with_context(|| format!("container engine at {host}"))?
                .negotiate_version()
                .await
                .with_context(|| format!("container engine at {host} does not answer"))?;
            let printed = docker.version().await.context("ask the container engine its version")?;
            anyhow::Ok((docker, printed))
        };
        let limited = runtime.block_on(async { tokio::time::timeout(ANSWER_LIMIT, ask).await });
        let (docker, printed) = limited.with_context(|| {
            format!("container engine at {host} does not answer within {ANSWER_LIMIT:?}")
        })??;
        let socket = host.strip_prefix("unix://").map(PathBuf::from);
        let parts = parts(&printed);
        Ok(Self {
            runtime,
            docker,
            kind: kind(&printed),
            version: describe_version(&printed, &parts),
            oci_runtime: parts
                .iter()
                .map(|(name, _)| name)
                .find(|name| is_oci_runtime(name))
                .cloned(),
            socket,
        })
    }

    /// Why it does not answer any more; `None` while it does.
    pub fn silence(&self) -> Option<String> {
        let requested = self
            .runtime
            .block_on(async { tokio::time::timeout(ANSWER_LIMIT, self.docker.ping()).await });
        let why = match requested {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => format!("{:#}", anyhow::Error::from(error)),
            Err(_) => format!("nothing within {ANSWER_LIMIT:?}"),
        };
        let at =
            self.socket.as_deref().map_or_else(String::new, |at| format!(" at {}", at.display()));
        Some(format!("{}{at} does not answer any more: {why}", self.version))
    }

    /// Loads the archive at `path` unless the engine holds the image already.
    ///
    /// # Errors
    /// The archive cannot be read or the engine refuses it.
    pub fn load(&self, path: &Path, image: &Image) -> Result<()> {
        self.runtime.block_on(async {
            if self.docker.inspect_image(&image.reference).await.is_ok() {
                return Ok(());
            }
            let archive = std::fs::read(path)
                .with_context(|| format!("read image archive {}", path.display()))?;
            let options = ImportImageOptionsBuilder::default().build();
            let body = bollard::body_full(archive.into());
            let mut answers = self.docker.import_image(options, body, None).boxed();
            while let Some(answer) = answers.next().await {
                answer.with_context(|| format!("load {} into the engine", path.display()))?;
            }
            self.docker
                .inspect_image(&image.reference)
                .await
                .with_context(|| format!("{} was loaded but is not there", image.reference))?;
            Ok(())
        })
    }

    /// What the engine calls the image of that name: `sha256:...`.
    ///
    /// # Errors
    /// It has none of that name.
    pub fn image_id(&self, reference: &str) -> Result<String> {
        let printed = self.runtime.block_on(self.docker.inspect_image(reference));
        let printed =
            printed.with_context(|| format!("the container engine has no image `{reference}`"))?;
        printed
            .id
            .with_context(|| format!("the container engine names no id of image `{reference}`"))
    }

    /// Pulls the image that `reference` names by its digest.
    ///
    /// # Errors
    /// The registry or the engine refused.
    pub fn pull(&self, reference: &str) -> Result<()> {
        let options = CreateImageOptionsBuilder::default().from_image(reference).build();
        self.runtime.block_on(async {
            let mut answers = self.docker.create_image(Some(options), None, None).boxed();
            while let Some(answer) = answers.next().await {
                answer.with_context(|| format!("pull {reference}"))?;
            }
            Ok(())
        })
    }

    /// Creates a container: read-only root, no capabilities, no new privileges, nobody's user, and
    /// the limits of every subject.
    ///
    /// # Errors
    /// The engine refused.
    pub fn create(&self, spec: ContainerSpec<'_>) -> Result<()> {
        let options = CreateContainerOptionsBuilder::default().name(spec.name).build();
        let host_config = host_config(&spec);
        let body = ContainerCreateBody {
            image: Some(spec.image.to_owned()),
            // None at all leaves the image's own.
            cmd: Some(spec.arguments).filter(|arguments| !arguments.is_empty()),
            env: Some(spec.environment),
            labels: Some(HashMap::from([(LABEL.to_owned(), spec.run.to_owned())])),
            host_config: Some(host_config),
            ..ContainerCreateBody::default()
        };
        self.runtime
            .block_on(self.docker.create_container(Some(options), body))
            .with_context(|| format!("create container {}", spec.name))?;
        Ok(())
    }

    /// Starts a created container.
    ///
    /// # Errors
    /// The engine refused.
    pub fn start(&self, name: &str) -> Result<()> {
        self.runtime
            .block_on(self.docker.start_container(name, None::<StartContainerOptions>))
            .with_context(|| format!("start container {name}"))
    }

    /// Asks for process and address of a started container.
    ///
    /// # Errors
    /// It is not running; the message holds what the program said last.
    pub fn inspect(&self, name: &str) -> Result<Running> {
        let printed = self
            .runtime
            .block_on(self.docker.inspect_container(name, None::<InspectContainerOptions>))
            .with_context(|| format!("inspect container {name}"))?;
        let pid = printed.state.and_then(|state| state.pid).and_then(|pid| u32::try_from(pid).ok());
        let Some(pid) = pid.filter(|&pid| pid > 0) else {
            let printed = self.logs(name).unwrap_or_default();
            anyhow::bail!("container {name} is not running; it said: {}", printed.trim());
        };
        let address = printed
            .network_settings
            .and_then(|settings| settings.networks)
            .and_then(|networks| networks.into_values().find_map(|network| network.ip_address))
            .and_then(|text| text.parse().ok());
        Ok(Running { pid, address })
    }

    /// Kills a container and waits for its end. Only then the engine has all that the program wrote: while it runs, the
    /// last lines may still be on their way from the program through the container's helper process.
    ///
    /// # Errors
    /// It does not end.
    pub fn kill(&self, name: &str) -> Result<()> {
        self.runtime.block_on(async {
            // One that has ended cannot be killed, and engines say so in several ways: what counts is that it has
            // ended.
            let killed = self.docker.kill_container(name, None::<KillContainerOptions>).await;
            let mut end = self.docker.wait_container(name, None::<WaitContainerOptions>).boxed();
            let ended = tokio::time::timeout(END_LIMIT, end.next()).await;
            match (ended, killed) {
                (Ok(Some(Ok(_) | Err(Error::DockerContainerWaitError { .. }))), _) => Ok(()),
                (_, Err(error)) | (Ok(Some(Err(error))), _) => Err(error.into()),
                (Ok(None), _) => Err(anyhow::anyhow!("the engine does not say that it has ended")),
                (Err(_), _) => Err(anyhow::anyhow!("it has not ended within {END_LIMIT:?}")),
            }
            .with_context(|| format!("kill container {name}"))
        })
    }

    /// What the container's program wrote, as far as the engine has it: see [`Self::kill`].
    ///
    /// # Errors
    /// The engine refused.
    pub fn logs(&self, name: &str) -> Result<String> {
        self.runtime.block_on(async {
            let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
            let mut pieces = self.docker.logs(name, Some(options)).boxed();
            let mut text = String::new();
            while let Some(piece) = pieces.next().await {
                let piece =
                    piece.with_context(|| format!("read the output of container {name}"))?;
                text += &String::from_utf8_lossy(&piece.into_bytes());
            }
            Ok(text)
        })
    }

    /// Ends a container and removes it with all it wrote.
    ///
    /// # Errors
    /// The engine refused; a container that is not there is no error.
    pub fn remove(&self, name: &str) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.runtime.block_on(self.docker.remove_container(name, Some(options))) {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("remove container {name}")),
        }
    }

    /// Removes every container that carries our label, whichever run it belongs to: only one run
    /// measures at a time, so what is found is left over. Says how many there were.
    ///
    /// # Errors
    /// The engine refused.
    pub fn remove_leftovers(&self) -> Result<usize> {
        let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self
            .runtime
            .block_on(self.docker.list_containers(Some(options)))
            .with_context(|| format!("list the containers left over in {}", self.version))?;
        for container in &found {
            if let Some(id) = &container.id {
                self.remove(id)?;
            }
        }
        Ok(found.len())
    }

    /// Removes an image; one that is not there is no error.
    ///
    /// # Errors
    /// The engine refused.
    pub fn remove_image(&self, reference: &str) -> Result<()> {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        match self.runtime.block_on(self.docker.remove_image(reference, Some(options), None)) {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("remove image {reference}")),
        }
    }
}

/// Podman calls one of its components so; Docker has none of that name.
fn kind(printed: &SystemVersion) -> ContainerEngine {
    let is_podman =
        |component: &SystemVersionComponents| component.name.to_lowercase().contains("podman");
    if printed.components.iter().flatten().any(is_podman) {
        ContainerEngine::Podman
    } else {
        ContainerEngine::Docker
    }
}

/// Name and version of what the engine starts and holds containers with. Podman writes `OCI Runtime (/usr/bin/crun)`
/// and `crun version 1.8.1` where Docker writes `runc` and `1.1.5`.
fn parts(printed: &SystemVersion) -> Vec<(String, String)> {
    let named = |component: &SystemVersionComponents| {
        let name = component.name.to_lowercase();
        let runtime = name.strip_prefix("oci runtime (").map(|rest| rest.trim_end_matches(')'));
        let path = runtime.unwrap_or(&name);
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_part = matches!(name, "containerd" | "conmon") || is_oci_runtime(name);
        // Distributions append their own revision after a tilde.
        let mut words = component.version.split([' ', ',', '~', '\n']);
        let version = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        is_part.then(|| (name.to_owned(), version.unwrap_or_default().to_owned()))
    };
    printed.components.iter().flatten().filter_map(named).collect()
}

fn is_oci_runtime(name: &str) -> bool {
    matches!(name, "runc" | "crun")
}

/// `docker 20.10.24 (containerd 1.6.20, runc 1.1.5)`.
fn describe_version(printed: &SystemVersion, parts: &[(String, String)]) -> String {
    let version = printed.version.as_deref().unwrap_or("unknown version");
    let engine = format!("{} {version}", kind(printed));
    if parts.is_empty() {
        return engine;
    }
    let parts: Vec<String> =
        parts.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!("{engine} ({})", parts.join(", "))
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
