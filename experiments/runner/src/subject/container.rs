//! A subject in a container, through the engine's API: create, start, ask, remove.

use super::{Instance, StartContext, Way, fill_in, free_address};
use crate::engine::engines::Engines;
use crate::engine::{ContainerSpec, Engine};
use crate::failure::Cause;
use crate::kernel::clock::{monotonic_ns, thread_cpu_ns};
use crate::plan::missing::Missing;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use weighbridge_schema::record::Stage;
use weighbridge_schema::subject::{ContainerEngine, Network};
use weighbridge_schema::template::Word;

/// Port within a container that has a network of its own, for a program that takes the one it is told.
const BRIDGE_PORT: u16 = 8080;

/// What is created and started.
pub struct Launch<'a> {
    /// The engine that is asked.
    pub engine: ContainerEngine,
    /// What stands for the image.
    pub image: &'a Word,
    /// Arguments to its entry point.
    pub arguments: &'a [Word],
    /// How the client reaches it.
    pub network: Network,
    /// The port that it listens on in a network of its own.
    pub port: Option<u16>,
    /// Its environment, beside the image's own.
    pub environment: &'a BTreeMap<String, Word>,
}

impl Way for Launch<'_> {
    fn start<'a>(&self, context: &StartContext<'a>) -> Result<Box<dyn Instance + 'a>, Cause> {
        start(context.engines.get(self.engine)?, self, context)
    }

    fn overhead_ms(&self) -> u64 {
        500
    }

    fn silence(&self, engines: &Engines) -> Option<String> {
        engines.get(self.engine).ok()?.silence()
    }
}

struct Container<'a> {
    engine: &'a Engine,
    name: String,
    address: SocketAddr,
    start_call_ns: u64,
    created_ns: u64,
    started_ns: u64,
    calls_cpu_ns: Option<u64>,
    removed: bool,
}

/// Removes a container whose start failed half-way.
struct Unfinished<'a> {
    engine: &'a Engine,
    name: &'a str,
    armed: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.armed {
            let _ = self.engine.remove(self.name);
        }
    }
}

/// Creates and starts a container. On the bridge the client uses the container's own address: a published
/// port adds a proxy, and a connect that comes too early through it is only retried after a second.
///
/// # Errors
/// The image is not loaded, or the engine refused.
fn start<'a>(
    engine: &'a Engine,
    launch: &Launch<'_>,
    context: &StartContext<'a>,
) -> Result<Box<dyn Instance + 'a>, Cause> {
    let image = launch.image;
    let image =
        context.images.get(image).ok_or_else(|| format!("image `{image}` is not loaded"))?;
    let bridge_port = launch.port.unwrap_or(BRIDGE_PORT);
    let listen = match launch.network {
        Network::Host => free_address()?,
        Network::Bridge => SocketAddr::from((Ipv4Addr::UNSPECIFIED, bridge_port)),
    };
    let filled = |word: &Word| fill_in(word, listen, context.artifacts);
    let arguments = launch.arguments.iter().map(filled).collect::<Result<_, _>>()?;
    let variables = launch.environment.iter();
    let environment = variables
        .map(|(name, value)| Ok(format!("{name}={}", filled(value)?)))
        .collect::<Result<_, Missing>>()?;
    let name = context.name();
    let spec = ContainerSpec {
        name: &name,
        image: &image.reference,
        arguments,
        environment,
        network: launch.network,
        cores: context.pinning.subject_cores.as_deref(),
        run: context.run,
    };

    context.drop_page_cache()?;
    context.pass_gate();
    let cpu_before_ns = thread_cpu_ns();
    let start_call_ns = monotonic_ns();
    engine.create(spec)?;
    let created_ns = monotonic_ns();
    let mut unfinished = Unfinished { engine, name: &name, armed: true };
    engine.start(&name)?;
    let started_ns = monotonic_ns();
    let calls_cpu_ns = thread_cpu_ns().saturating_sub(cpu_before_ns);
    // On the host's network the address is known; asking the engine would lie in the timed path.
    let address = match launch.network {
        Network::Host => listen,
        Network::Bridge => {
            let running = engine.inspect(&name)?;
            let own: IpAddr = running
                .address
                .ok_or_else(|| format!("container {name} has no address on the bridge"))?;
            SocketAddr::from((own, bridge_port))
        }
    };
    unfinished.armed = false;
    drop(unfinished);
    Ok(Box::new(Container {
        engine,
        name,
        address,
        start_call_ns,
        created_ns,
        started_ns,
        // On the bridge one more call follows.
        calls_cpu_ns: (launch.network == Network::Host).then_some(calls_cpu_ns),
        removed: false,
    }))
}

impl Instance for Container<'_> {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn start_call_ns(&self) -> u64 {
        self.start_call_ns
    }

    fn stages_ns(&self) -> Vec<(Stage, u64)> {
        vec![(Stage::Created, self.created_ns), (Stage::Started, self.started_ns)]
    }

    fn calls_cpu_ns(&self) -> Option<u64> {
        self.calls_cpu_ns
    }

    fn pid(&self) -> Result<u32, Cause> {
        Ok(self.engine.inspect(&self.name)?.pid)
    }

    fn alive(&mut self) -> Result<(), Cause> {
        self.engine.inspect(&self.name)?;
        Ok(())
    }

    fn stop(mut self: Box<Self>) -> Result<String, Cause> {
        self.engine.kill(&self.name)?;
        let printed = self.engine.logs(&self.name)?;
        self.removed = true;
        self.engine.remove(&self.name)?;
        Ok(printed)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.engine.remove(&self.name);
        }
    }
}
