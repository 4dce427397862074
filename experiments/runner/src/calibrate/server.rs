//! The responder as a process of its own, on the subject's cores.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use weighbridge_machine::environment;
use weighbridge_schema::manifest::Pinning;

/// When the responder sleeps, and how long.
#[derive(Debug, Clone, Copy)]
pub struct StallMs {
    /// From the first connection to the stall.
    pub after: u64,
    /// Its length.
    pub length: u64,
}

/// A running responder; it ends when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts this very program as a responder and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, or did not say where it listens.
    pub fn start(pinning: &Pinning, stall: Option<StallMs>) -> Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(program);
        environment::clean(&mut command);
        command.args(["responder", "--listen", "127.0.0.1:0"]);
        if let Some(cores) = &pinning.subject_cores {
            let cores: Vec<String> = cores.iter().map(u32::to_string).collect();
            command.arg("--cores").arg(cores.join(","));
        }
        if let Some(stall) = stall {
            command.arg("--stall-after-ms").arg(stall.after.to_string());
            command.arg("--stall-ms").arg(stall.length.to_string());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the responder")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the responder has no output")?;
        BufReader::new(output).read_line(&mut line).context("read the responder's address")?;
        let address = line.trim().parse().with_context(|| {
            format!("the responder said `{}` instead of its address", line.trim())
        });
        // From here on dropping it ends the child.
        let mut server = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        server.address = address?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The responder ends when its input is closed; should it hang, it is killed.
        drop(self.child.stdin.take());
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
