//! A stall of the whole server, as the open loop and the closed loop see it.

use super::Bench;
use super::server::{Server, StallMs};
use crate::load::{
    Arrival, Closing, LoadResult, Window, closed_loop, constant_schedule, open_loop,
    poisson_schedule,
};
use anyhow::{Context, Result};
use weighbridge_schema::calibration_load::{LatencyReading, StallDemonstration};

const STALL: StallMs = StallMs { after: 500, length: 100 };
const WINDOW_MS: u64 = 1000;
const RATE_PER_SECOND: u32 = 1000;

/// One second of each loop on a responder that sleeps for a tenth of it.
///
/// # Errors
/// The responder or the generator failed.
pub fn demonstrate(bench: &Bench, seed: u64) -> Result<StallDemonstration> {
    let open = |schedule: &dyn Fn(&Window) -> Vec<Arrival>| {
        let server = Server::start(&bench.pinning, Some(STALL))?;
        let window = Window::starting_now(0, WINDOW_MS);
        let (result, ()) =
            open_loop(&bench.target(&server), &window, &schedule(&window), None, || ())?;
        reading(&result)
    };
    let closed = || {
        let server = Server::start(&bench.pinning, Some(STALL))?;
        let window = Window::starting_now(0, WINDOW_MS);
        let (result, ()) =
            closed_loop(&bench.target(&server), &window, &Closing::new(&window, 0), || ())?;
        reading(&result)
    };
    Ok(StallDemonstration {
        stall_ms: STALL.length,
        stall_after_ms: STALL.after,
        window_ms: WINDOW_MS,
        rate_per_second: RATE_PER_SECOND,
        open: open(&|window| constant_schedule(window, RATE_PER_SECOND))?,
        open_poisson: open(&|window| poisson_schedule(window, RATE_PER_SECOND, seed))?,
        closed: closed()?,
    })
}

fn reading(result: &LoadResult) -> Result<LatencyReading> {
    let quantile = |q| {
        let why = || result.first_failure.clone().unwrap_or_default();
        result.latencies.quantile_ns(q).with_context(|| format!("no response at all: {}", why()))
    };
    Ok(LatencyReading {
        completed_count: result.completed_count,
        failed_count: result.failed_count,
        waited_count: result.latencies.count_above(LatencyReading::WAITED_NS),
        p50_ns: quantile(0.5)?,
        p99_ns: quantile(0.99)?,
        p999_ns: quantile(0.999)?,
        max_ns: quantile(1.0)?,
    })
}

/// One line per loop.
pub fn print(stall: &StallDemonstration) {
    println!(
        "a stall of {} ms in {} ms; latency in ms: p50, p99, p99.9, maximum",
        stall.stall_ms, stall.window_ms
    );
    let rate = stall.rate_per_second;
    let lines = [
        (format!("open loop, constant {rate}/s"), &stall.open),
        (format!("open loop, Poisson {rate}/s"), &stall.open_poisson),
        ("closed loop".to_owned(), &stall.closed),
    ];
    for (what, reading) in lines {
        let ms = |ns: u64| ns as f64 / 1e6;
        println!(
            "{what:<38} {:.3} {:.3} {:.3} {:.3}; {} of {} requests waited over {} ms",
            ms(reading.p50_ns),
            ms(reading.p99_ns),
            ms(reading.p999_ns),
            ms(reading.max_ns),
            reading.waited_count,
            reading.completed_count,
            LatencyReading::WAITED_NS / 1_000_000,
        );
    }
}

/// A tenth of the arrivals meet the stall, so half of it lies far below the open loop's p99; the closed loop
/// has its few connections in flight then, and asks nothing else.
///
/// # Errors
/// One of the loops did not show what it must.
pub fn check(stall: &StallDemonstration) -> Result<()> {
    let half_ns = stall.stall_ms * 1_000_000 / 2;
    for open in [&stall.open, &stall.open_poisson] {
        anyhow::ensure!(
            open.p99_ns >= half_ns,
            "an open loop overlooked the stall of {} ms: its p99 is {} ns",
            stall.stall_ms,
            open.p99_ns
        );
    }
    anyhow::ensure!(
        stall.closed.p99_ns < half_ns,
        "the closed loop's p99 is {} ns: was the machine busy with something else?",
        stall.closed.p99_ns
    );
    Ok(())
}
