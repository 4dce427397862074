//! wrk as a yardstick: one thread, its CPU time read from the kernel when it ends.

use crate::kernel::affinity::pin_current_thread;
use anyhow::{Context, Result};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wait4::Wait4;
use weighbridge_machine::{ask, environment};
use weighbridge_schema::calibration_load::Turn;

/// The program and what it says of itself.
pub struct Wrk {
    path: PathBuf,
    /// First line of `wrk --version`.
    pub version: String,
}

impl Wrk {
    /// Asks the program for its version.
    ///
    /// # Errors
    /// There is no such program, or it is another one.
    pub fn find(path: &Path) -> Result<Self> {
        // It says its version and then complains that no address was given: its exit status tells nothing.
        let output = ask::output(Command::new(path).arg("--version"), ask::LIMIT)
            .with_context(|| format!("run {}: is wrk installed?", path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or_default().trim();
        anyhow::ensure!(version.starts_with("wrk "), "{} is not wrk: `{version}`", path.display());
        Ok(Self { path: path.to_owned(), version: version.to_owned() })
    }

    /// One turn on `cores`. Its start and end lie within its CPU time, some milliseconds.
    ///
    /// # Errors
    /// wrk failed, or some response was not a 200.
    pub fn turn(
        &self,
        address: SocketAddr,
        connections: u32,
        seconds: u64,
        cores: &[u32],
    ) -> Result<Turn> {
        let mut command = Command::new(&self.path);
        environment::clean(&mut command);
        command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")]);
        command.arg(format!("http://{address}/")).stdin(Stdio::null()).stdout(Stdio::piped());
        // A child inherits the core set of the thread that spawns it.
        let before = weighbridge_machine::local_cores();
        if !cores.is_empty() {
            pin_current_thread(cores);
        }
        let spawned = command.spawn();
        pin_current_thread(&before);
        let mut child = spawned.with_context(|| format!("run {}", self.path.display()))?;
        let mut text = String::new();
        if let Some(mut output) = child.stdout.take() {
            output.read_to_string(&mut text).context("read the output of wrk")?;
        }
        let ended = child.wait4().context("wait for wrk")?;
        anyhow::ensure!(ended.status.success(), "wrk ended with {}: {text}", ended.status);
        let cpu = ended.rusage.utime + ended.rusage.stime;
        Ok(Turn {
            completed_count: completed_count(&text)?,
            client_cpu_ns: u64::try_from(cpu.as_nanos()).context("the CPU time of wrk")?,
        })
    }
}

/// The number before `requests in` of wrk's report.
fn completed_count(report: &str) -> Result<u64> {
    for trouble in ["Socket errors", "Non-2xx"] {
        if let Some(line) = report.lines().find(|line| line.trim().starts_with(trouble)) {
            anyhow::bail!("wrk was not answered well: {}", line.trim());
        }
    }
    report
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.parse().ok())
        .with_context(|| format!("wrk does not say how many requests it made:\n{report}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As wrk 4.1.0 wrote it.
    const REPORT: &str = "Running 1s test @ http://127.0.0.1:8080/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   110.05us  243.22us   6.07ms   97.50%
    Req/Sec   108.62k    16.61k  121.26k    90.91%
  118763 requests in 1.10s, 7.36MB read
Requests/sec: 107977.69
Transfer/sec:      6.69MB
";

    #[test]
    fn the_count_is_read_from_the_report() {
        assert_eq!(completed_count(REPORT).unwrap(), 118_763);
        assert!(completed_count("Running 1s test\n").is_err());
    }

    #[test]
    fn a_turn_with_errors_does_not_count() {
        let errors = REPORT.replace(
            "Requests/sec",
            "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec",
        );
        assert!(completed_count(&errors).unwrap_err().to_string().contains("read 3"));
        let wrong = REPORT.replace("Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec");
        assert!(completed_count(&wrong).is_err());
    }
}
