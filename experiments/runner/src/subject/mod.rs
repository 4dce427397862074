//! Ways of starting a subject. Each is one file here; an entry in `experiments/subjects.toml` names one.

mod container;
mod process;

pub use process::MARK;

use crate::catalog::Artifacts;
use crate::engine::Engine;
use crate::image::Image;
use std::net::SocketAddr;
use std::path::PathBuf;
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::subject::{Start, Subject};

/// A started subject. Dropping it ends it, whatever happened in between.
pub trait Instance {
    /// Where it listens, or will.
    fn address(&self) -> SocketAddr;
    /// The start call, `CLOCK_MONOTONIC` nanoseconds.
    fn start_call_ns(&self) -> u64;
    /// Moments that the way of starting itself can tell, `CLOCK_MONOTONIC` nanoseconds.
    fn stages_ns(&self) -> Vec<(weighbridge_schema::record::Stage, u64)>;
    /// First process of the subject, as the host sees it.
    ///
    /// # Errors
    /// It is not running any more.
    fn pid(&self) -> Result<u32, String>;
    /// Why it will not answer any more; `Ok` while it runs.
    ///
    /// # Errors
    /// It has ended; the message says how.
    fn alive(&mut self) -> Result<(), String>;
    /// Ends it and returns what it wrote to its standard error.
    ///
    /// # Errors
    /// It could not be ended or its output could not be read.
    fn stop(self: Box<Self>) -> Result<String, String>;
}

/// What starting needs to know.
pub struct StartContext<'a> {
    /// What was built.
    pub artifacts: &'a Artifacts,
    /// The engine, where there is one.
    pub engine: Option<&'a Engine>,
    /// Images by artifact name, loaded into the engine.
    pub images: &'a std::collections::BTreeMap<String, Image>,
    /// Which core does what.
    pub pinning: &'a Pinning,
    /// The run, for labels and names.
    pub run: &'a str,
    /// Place in the plan, for names.
    pub position: u64,
    /// File that takes the standard error of a process.
    pub stderr_file: PathBuf,
}

/// Starts `subject`.
///
/// # Errors
/// It could not be started; the message names the program or the container.
pub fn start<'a>(
    subject: &Subject,
    context: &StartContext<'a>,
) -> Result<Box<dyn Instance + 'a>, String> {
    match &subject.start {
        Start::Process { program, arguments } => process::start(program, arguments, context),
        Start::Container { image, arguments, network } => {
            container::start(image, arguments, *network, context)
        }
        Start::Bundle { .. } => Err("bundles cannot be started yet".to_owned()),
    }
}

/// Puts the address and the artifacts' paths into an argument.
///
/// # Errors
/// An artifact is named that was not built.
pub fn fill_in(
    template: &str,
    listen: SocketAddr,
    artifacts: &Artifacts,
) -> Result<String, String> {
    artifacts.fill_in(&template.replace("{listen}", &listen.to_string()))
}
