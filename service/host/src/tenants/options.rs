//! The part of the command line of `serve` that is about tenants.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::choice::Choice;

/// Instances of one tenant at once on each thread unless --tenant-instances says otherwise: each
/// delays another tenant's request by a slice of 5 ms when it computes.
const INSTANCES_PER_THREAD: u32 = 4;
/// Room for the longest response, and for some that wait to be taken.
pub(super) const ANSWERS_MIB: u32 = 256;

/// How tenants are served.
#[derive(Debug, Args)]
pub(crate) struct TenantOptions {
    /// Serves every component in FOLDER, in place of one FILE: NAME.cwasm there, or NAME.wasm in
    /// the build with the compiler, is the tenant NAME, of letters, digits, - and _. It is loaded
    /// with its first request. A compiled file is trusted as the host itself is; replace it whole,
    /// by renaming.
    #[arg(
        long = "tenants",
        value_name = "FOLDER",
        conflicts_with_all = ["component", "reuse", "compile_at_start"]
    )]
    pub(crate) folder: Option<PathBuf>,
    /// What names the tenant in a request.
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t = Choice::Path,
        conflicts_with = "component"
    )]
    pub(crate) tenant_by: Choice,
    /// How long a tenant stays loaded without a request, such as 500ms, 90s or 30min.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "60s",
        value_parser = time,
        conflicts_with = "component"
    )]
    pub(crate) idle_timeout: Duration,
    /// Tenants that are loaded at once; for one more the longest idle one is dropped. Each keeps
    /// its file open.
    #[arg(long, value_name = "N", default_value = "1024", conflicts_with = "component")]
    pub(crate) loaded_tenants: NonZeroU32,
    /// Linear memory of all instances of one tenant, beyond the first 4 MiB of each, in MiB
    /// [default: --memory-limit-mib, or half of --total-memory-mib].
    #[arg(
        long,
        value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with = "component"
    )]
    pub(crate) tenant_memory_mib: Option<u32>,
    /// Responses of one tenant of more than 64 KiB that are being made or sent, all together, in
    /// MiB [default: 256, or half of --total-answers-mib].
    #[arg(
        long,
        value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with = "component"
    )]
    pub(crate) tenant_answers_mib: Option<u32>,
    /// Instances of one tenant at once, shared out evenly among the threads; additional requests
    /// wait [default: 4 for each thread].
    #[arg(long, value_name = "N", conflicts_with = "component")]
    pub(crate) tenant_instances: Option<NonZeroU32>,
    /// Requests of one tenant at once, those that wait included; additional ones are answered with
    /// 503.
    #[arg(long, value_name = "N", default_value = "32", conflicts_with = "component")]
    pub(crate) tenant_requests: NonZeroU32,
}

impl TenantOptions {
    /// Instances of one tenant at once on each of `threads` threads: at least one.
    pub(crate) fn instances_per_thread(&self, threads: u32) -> u32 {
        self.tenant_instances
            .map_or(INSTANCES_PER_THREAD, |all| (all.get() / threads.max(1)).max(1))
    }
}

/// A stretch of time with its unit.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err("give a whole number and a unit, such as 500ms, 90s, 30min or 2h".into()),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms)) {
        // Longer than a year is longer than any host lives, and would overflow points in time.
        Some(ms @ 1..=31_536_000_000) => Ok(Duration::from_millis(ms)),
        _ => Err("give between 1ms and 8760h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_a_bound() {
        for (text, ms) in [("500ms", 500), ("90s", 90_000), ("2min", 120_000), ("1h", 3_600_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "60", "s", "0s", "-1s", "1.5s", "8761h", "99999999999999999999s", "1 s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
