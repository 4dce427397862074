//! When the tenants of a replay are asked: a process for each of them, all drawn from one seed.

use super::Window;
use super::schedule::exponential;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weighbridge_schema::replay::{Arrivals, Bursts, ReplayLoad};

const MS_NS: f64 = 1e6;
const MINUTE_NS: f64 = 60e9;

/// The moments at which the requests of each tenant are due, ascending, from the load's begin to the window's end. The
/// same seed gives the same moments, whatever the tenants are.
///
/// Bursts are an interrupted Poisson process (A. Kuczura, "The interrupted Poisson process as an overflow process",
/// Bell System Technical Journal 52, 1973): on and off for exponential times, and so much denser while it is on that
/// the rate is the load's. It begins on in the share of cases in which it is on.
pub fn to_tenants(window: &Window, load: &ReplayLoad, bursts: Bursts, seed: u64) -> Vec<Vec<u64>> {
    let length_ns = (window.to_ns - window.load_from_ns) as f64;
    let mean_gap_ns = MINUTE_NS / f64::from(load.rate_per_minute);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut of_tenant = || match load.arrivals {
        Arrivals::Poisson => poisson((0.0, length_ns), mean_gap_ns, &mut random),
        Arrivals::Bursts => in_bursts(length_ns, mean_gap_ns, bursts, &mut random),
    };
    let due_ns = |offsets_ns: Vec<f64>| -> Vec<u64> {
        // Each is below the length, which came from a u64.
        offsets_ns.into_iter().map(|offset_ns| window.load_from_ns + offset_ns as u64).collect()
    };
    (0..load.tenants).map(|_| due_ns(of_tenant())).collect()
}

/// Arrivals within a stretch of time: exponential gaps, which have no memory of what was before.
fn poisson((from_ns, to_ns): (f64, f64), mean_gap_ns: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut offsets_ns = Vec::new();
    let mut offset_ns = from_ns + exponential(mean_gap_ns, random);
    while offset_ns < to_ns {
        offsets_ns.push(offset_ns);
        offset_ns += exponential(mean_gap_ns, random);
    }
    offsets_ns
}

fn in_bursts(
    length_ns: f64,
    mean_gap_ns: f64,
    bursts: Bursts,
    random: &mut ChaCha8Rng,
) -> Vec<f64> {
    let (on_ns, off_ns) = (bursts.on_ms as f64 * MS_NS, bursts.off_ms as f64 * MS_NS);
    let share_on = on_ns / (on_ns + off_ns);
    let uniform: f64 = random.random();
    let (mut is_on, mut from_ns) = (uniform < share_on, 0.0);
    let mut offsets_ns = Vec::new();
    while from_ns < length_ns {
        let stretch_ns = exponential(if is_on { on_ns } else { off_ns }, random);
        let to_ns = (from_ns + stretch_ns).min(length_ns);
        if is_on {
            offsets_ns.extend(poisson((from_ns, to_ns), mean_gap_ns * share_on, random));
        }
        (is_on, from_ns) = (!is_on, to_ns);
    }
    offsets_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;
    const BURSTS: Bursts = Bursts { on_ms: 500, off_ms: 1500 };

    fn load(arrivals: Arrivals) -> ReplayLoad {
        ReplayLoad {
            workload: "healthz".parse().unwrap(),
            tenants: 8,
            rate_per_minute: 600,
            arrivals,
            idle_timeout_ms: None,
        }
    }

    /// A thousand seconds, of which the first ten are warm-up.
    fn due_ns(arrivals: Arrivals, seed: u64) -> Vec<Vec<u64>> {
        let to_ns = 1_000 * SECOND_NS + 7;
        let window = Window { load_from_ns: 7, from_ns: 10 * SECOND_NS + 7, to_ns };
        to_tenants(&window, &load(arrivals), BURSTS, seed)
    }

    /// Variance of the requests in each second, over their mean: 1 of a Poisson process.
    fn dispersion(due_ns: &[u64]) -> f64 {
        let mut counts = vec![0.0; 1_000];
        due_ns.iter().for_each(|ns| counts[((ns - 7) / SECOND_NS) as usize] += 1.0);
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let squares = counts.iter().map(|count: &f64| (count - mean).powi(2));
        squares.sum::<f64>() / counts.len() as f64 / mean
    }

    #[test]
    fn every_tenant_has_arrivals_of_its_own_at_the_rate_that_is_asked_for() {
        for arrivals in [Arrivals::Poisson, Arrivals::Bursts] {
            let of_tenants = due_ns(arrivals, 42);
            assert_eq!(of_tenants, due_ns(arrivals, 42), "seeded");
            assert_ne!(of_tenants, due_ns(arrivals, 43));
            assert_eq!(of_tenants.len(), 8);
            assert_ne!(of_tenants[0], of_tenants[1]);
            assert!(of_tenants.iter().all(|due_ns| due_ns.is_sorted()));
            let all: usize = of_tenants.iter().map(Vec::len).sum();
            // Ten a second to each of eight: bursts come by chance too, and vary by 3 %.
            let expected = 8.0 * 10.0 * 1_000.0;
            assert!((all as f64 / expected - 1.0).abs() < 0.15, "{arrivals:?}: {all}");
        }
    }

    #[test]
    fn bursts_are_denser_than_chance_and_poisson_is_not() {
        for (arrivals, least, most) in
            [(Arrivals::Poisson, 0.7, 1.3), (Arrivals::Bursts, 5.0, 40.0)]
        {
            for due_ns in due_ns(arrivals, 7) {
                let found = dispersion(&due_ns);
                assert!(least < found && found < most, "{arrivals:?}: {found}");
            }
        }
    }
}
