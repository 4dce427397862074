//! `instantiate`: what an instance costs within a warm process, before any request.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

use crate::arguments::{INSTANCES, Instantiate, MEMORY_LIMIT_MIB, mib};
use crate::component;
use crate::engine::{self, Allocation};
use crate::epochs::Epochs;
use crate::guest::{self, Guest};
use crate::limits::Limits;
use crate::linker;

const MEMORY_LIMIT_BYTES: usize = mib(MEMORY_LIMIT_MIB);

/// What was seen.
struct Report {
    /// Time to make and drop each instance with its store, in order.
    durations_ns: Vec<u64>,
    held_count: usize,
    /// Private pages of this process with one instance.
    uss_bytes_before: Option<u64>,
    /// The same with `held_count` further ones.
    uss_bytes_held: Option<u64>,
}

/// Makes and drops instances as `serve` makes them for a request, and prints one line of JSON.
pub(crate) fn instantiate(options: &Instantiate) -> Result<()> {
    // One is there before the others are held: what the first one brings along is not theirs.
    let needed = options.hold.saturating_add(1);
    let instances = INSTANCES.get().max(needed);
    let engine = engine::serving_engine(Allocation {
        pooled_instances: Some(instances),
        memory_cow: true,
        memory_limit_bytes: MEMORY_LIMIT_BYTES,
    })?;
    let component = component::get(&engine, &options.component, options.compile_at_start)?;
    let linked = linker::pre_instantiate(&engine, &component)?;
    let room = engine::room_for_component(instances, &component);
    if room < needed {
        bail!(
            "--hold {}: an instance of this component has several memories or tables, and the pool \
             has room for {room}: take fewer",
            options.hold
        );
    }
    // As `serve` has it while requests are there.
    let epochs = Epochs::start(&engine)?;
    let _running = epochs.enter();
    // The kind of runtime that `serve` has on each of its threads.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let report = runtime
        .block_on(observe(&linked, options.count.get(), options.hold))
        .map_err(anyhow::Error::from)
        .context("making an instance")?;
    writeln!(std::io::stdout(), "{}", report.line()).context("writing to the standard output")
}

async fn observe(component: &ProxyPre<Guest>, count: u32, hold: u32) -> wasmtime::Result<Report> {
    // One is there before the others are held.
    let limits = Limits::for_full_instances(hold as usize + 1, MEMORY_LIMIT_BYTES);
    let mut durations_ns = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let begun = Instant::now();
        drop(guest::instantiate(component, &limits).await?);
        // 2^64 ns are 584 years.
        durations_ns.push(begun.elapsed().as_nanos() as u64);
    }
    let mut held: Vec<(Store<Guest>, Proxy)> = Vec::with_capacity(hold as usize);
    let first = guest::instantiate(component, &limits).await?;
    let uss_bytes_before = own_uss_bytes();
    for _ in 0..hold {
        held.push(guest::instantiate(component, &limits).await?);
    }
    let uss_bytes_held = own_uss_bytes();
    drop(first);
    Ok(Report { durations_ns, held_count: held.len(), uss_bytes_before, uss_bytes_held })
}

impl Report {
    fn line(&self) -> String {
        let mut line = String::from("{\"durations_ns\":[");
        for (index, duration_ns) in self.durations_ns.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing into a string does not fail.
            let _ = write!(line, "{comma}{duration_ns}");
        }
        let shown = |bytes: Option<u64>| bytes.map_or("null".to_owned(), |n| n.to_string());
        let _ = write!(
            line,
            "],\"held_count\":{},\"uss_bytes_before\":{},\"uss_bytes_held\":{}}}",
            self.held_count,
            shown(self.uss_bytes_before),
            shown(self.uss_bytes_held)
        );
        line
    }
}

/// The pages that only this process maps, in bytes; `None` where the kernel does not tell.
fn own_uss_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    private_bytes(&text)
}

fn private_bytes(rollup: &str) -> Option<u64> {
    let kib = |key: &str| -> Option<u64> {
        let line = rollup.lines().find(|line| line.split(':').next() == Some(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((kib("Private_Clean")? + kib("Private_Dirty")?) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_json_and_unknown_is_null() {
        let report = Report {
            durations_ns: vec![3, 1, 2],
            held_count: 4,
            uss_bytes_before: Some(4096),
            uss_bytes_held: None,
        };
        assert_eq!(
            report.line(),
            r#"{"durations_ns":[3,1,2],"held_count":4,"uss_bytes_before":4096,"uss_bytes_held":null}"#
        );
    }

    #[test]
    fn private_pages_are_those_that_are_clean_and_those_that_are_dirty() {
        assert_eq!(private_bytes("Private_Clean: 3 kB\nPrivate_Dirty: 4 kB\n"), Some(7 * 1024));
        assert_eq!(private_bytes("Private_Clean: 3 kB\n"), None, "unknown, not 3 kB");
        assert!(own_uss_bytes().is_some_and(|bytes| bytes > 0));
    }
}
