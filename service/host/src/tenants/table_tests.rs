//! The table of tenants with a scripted source in place of files and an engine.

use super::*;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use anyhow::bail;
use tokio::runtime::Runtime;

/// Tenants by name, with the version of their source; what is loaded is name and version.
#[derive(Default)]
struct Script {
    sources: Mutex<BTreeMap<String, u32>>,
    loads: AtomicU32,
    is_used: AtomicBool,
}

impl Script {
    fn put(&self, name: &str, version: u32) {
        self.sources.lock().unwrap().insert(name.to_owned(), version);
    }
}

/// A version of which loading fails, and one of which it panics.
const BROKEN: u32 = 99;
const PANICS: u32 = 98;
/// How long a load takes.
const LOAD: Duration = Duration::from_millis(30);

impl Load for Script {
    type Tenant = String;
    type Source = u32;

    fn find(&self, name: &str) -> Option<u32> {
        self.sources.lock().unwrap().get(name).copied()
    }

    fn is_slow(&self, version: &u32) -> bool {
        *version == 1000
    }

    fn load(&self, name: &str, version: &u32) -> Result<String> {
        self.loads.fetch_add(1, SeqCst);
        std::thread::sleep(if *version == 1000 { 100 * LOAD } else { LOAD });
        match *version {
            BROKEN => bail!("for a test"),
            PANICS => panic!("for a test"),
            version => Ok(format!("{name} {version}")),
        }
    }

    fn is_in_use(&self, _: &String) -> bool {
        self.is_used.load(SeqCst)
    }

    fn report(&self, _: &str, _: &anyhow::Error) {}
}

const BOUNDS: Bounds =
    Bounds { idle_timeout: Duration::from_millis(200), requests: 8, loaded: 3, loading: 2 };

/// A table with its thread, and a runtime.
fn tenants(bounds: Bounds) -> (Arc<Tenants<Script>>, Runtime) {
    let tenants = Tenants::new(Script::default(), bounds);
    let idle = Arc::clone(&tenants);
    std::thread::spawn(move || idle.drop_idle(|_| {}));
    (tenants, tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap())
}

/// Goes to a tenant and away again, and gives what it was loaded as.
async fn visit(tenants: &Arc<Tenants<Script>>, name: &str) -> Result<String, Refusal> {
    tenants.enter(name).await.map(|visit| visit.tenant().unwrap().clone())
}

fn counts(tenants: &Tenants<Script>) -> Counts {
    Counts { load_ns: 0, ..tenants.table().counts() }
}

fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never comes to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn first_requests_at_once_load_once_and_what_is_new_is_found() {
    let (tenants, runtime) = tenants(BOUNDS);
    assert_eq!(runtime.block_on(visit(&tenants, "a")), Err(Refusal::Unknown));
    assert!(tenants.table().entries.is_empty(), "unknown names must not fill the table");
    tenants.load.put("a", 1);
    runtime.block_on(async {
        let visits = [(); 8].map(|()| {
            let tenants = Arc::clone(&tenants);
            tokio::spawn(async move { visit(&tenants, "a").await })
        });
        for one in visits {
            assert_eq!(one.await.unwrap(), Ok("a 1".to_owned()));
        }
    });
    assert_eq!(tenants.load.loads.load(SeqCst), 1);
    assert!(tenants.table().counts.load_ns >= LOAD.as_nanos() as u64);
}

#[test]
fn idle_tenants_leave_and_come_back_as_they_are_then() {
    let (tenants, runtime) = tenants(BOUNDS);
    tenants.load.put("a", 1);
    let staying = runtime.block_on(tenants.enter("a")).ok().unwrap();
    tenants.load.put("a", 2);
    std::thread::sleep(4 * BOUNDS.idle_timeout);
    assert_eq!(runtime.block_on(visit(&tenants, "a")).unwrap(), "a 1", "a visit is not over");
    drop(staying);
    until(|| counts(&tenants).drops == 1);
    assert_eq!(runtime.block_on(visit(&tenants, "a")).unwrap(), "a 2");
    tenants.load.is_used.store(true, SeqCst);
    std::thread::sleep(4 * BOUNDS.idle_timeout);
    assert_eq!(counts(&tenants).drops, 1, "it is used still");
    tenants.load.is_used.store(false, SeqCst);
    until(|| counts(&tenants) == Counts { loads: 2, drops: 2, ..Counts::default() });
    assert!(tenants.table().entries.is_empty() && tenants.table().leaving.is_empty());
}

#[test]
fn what_cannot_be_loaded_is_refused_at_once_until_it_is_another() {
    let (tenants, runtime) = tenants(BOUNDS);
    for (version, name) in [(BROKEN, "a"), (PANICS, "b")] {
        let before = tenants.load.loads.load(SeqCst);
        tenants.load.put(name, version);
        for _ in 0..3 {
            assert_eq!(runtime.block_on(visit(&tenants, name)), Err(Refusal::Broken));
        }
        assert_eq!(tenants.load.loads.load(SeqCst), before + 1);
        tenants.load.put(name, 1);
        assert_eq!(runtime.block_on(visit(&tenants, name)).unwrap(), format!("{name} 1"));
    }
    assert_eq!(counts(&tenants).failed_loads, 2);
}

#[test]
fn one_more_than_may_be_loaded_takes_the_place_of_the_longest_idle() {
    let (tenants, runtime) = tenants(Bounds { idle_timeout: Duration::from_secs(60), ..BOUNDS });
    for name in ["a", "b", "c", "d"] {
        tenants.load.put(name, 1);
    }
    let busy = runtime.block_on(tenants.enter("a")).ok().unwrap();
    for name in ["b", "c", "b", "d"] {
        runtime.block_on(visit(&tenants, name)).unwrap();
    }
    let mut there: Vec<String> = tenants.table().entries.keys().map(ToString::to_string).collect();
    there.sort();
    assert_eq!(there, ["a", "b", "d"]);
    until(|| tenants.table().leaving.is_empty());
    let others = ["b", "d"].map(|name| runtime.block_on(tenants.enter(name)).ok().unwrap());
    assert_eq!(runtime.block_on(visit(&tenants, "c")), Err(Refusal::Busy), "all are busy");
    drop((busy, others));
    assert_eq!(runtime.block_on(visit(&tenants, "c")).unwrap(), "c 1");
}

#[test]
fn a_tenant_has_so_many_visits_and_no_more() {
    let (tenants, runtime) = tenants(BOUNDS);
    tenants.load.put("a", 1);
    tenants.load.put("b", 1);
    let mut visits: Vec<_> =
        (0..BOUNDS.requests).map(|_| runtime.block_on(tenants.enter("a")).ok().unwrap()).collect();
    assert_eq!(runtime.block_on(visit(&tenants, "a")), Err(Refusal::Busy));
    assert!(runtime.block_on(visit(&tenants, "b")).is_ok(), "another one has its own");
    visits.pop();
    assert!(runtime.block_on(visit(&tenants, "a")).is_ok());
}

#[test]
fn a_slow_load_holds_up_no_quick_one_and_goes_on_without_its_request() {
    let (tenants, runtime) = tenants(BOUNDS);
    tenants.load.put("slow", 1000);
    tenants.load.put("quick", 1);
    runtime.block_on(async {
        let given_up = tokio::time::timeout(LOAD, tenants.enter("slow")).await;
        assert!(given_up.is_err());
        let begun = Instant::now();
        assert!(visit(&tenants, "quick").await.is_ok());
        assert!(begun.elapsed() < 50 * LOAD, "{:?}", begun.elapsed());
        assert!(visit(&tenants, "slow").await.is_ok());
    });
    assert_eq!(tenants.load.loads.load(SeqCst), 2);
}
