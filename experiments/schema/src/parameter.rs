//! The setting that a cell varies besides subject and workload.

use crate::attack::Attack;
use crate::capability::Capability;
use crate::invalid::{Invalid, invalid};
use crate::operation::Operation;
use crate::overhead::Service;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What the page cache holds when an instance is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageCache {
    /// What earlier starts have left there: the program's files, as a rule.
    Warm,
    /// Nothing that can be dropped: the kernel was told so (`drop_caches`) right before the start.
    Dropped,
}

impl PageCache {
    /// The parameter of a cell under this state; warm is what nothing is said about.
    #[must_use]
    pub fn parameter(self) -> Parameter {
        match self {
            PageCache::Warm => Parameter::None,
            PageCache::Dropped => Parameter::PageCacheDropped,
        }
    }
}

/// The varied setting of a cell, written `concurrency=8`, `rate=200`, `copies=4`,
/// `page-cache=dropped`, `capability=simd`, `tenants=16`, `starts=16`, `ready=16`, `operation=blur`,
/// `attack=spin`, `delay-us=1000`, `service=image`, `replay=3`, `idle`, `loaded` or `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// `-`: nothing varies.
    None,
    /// `concurrency=8`: connections of a closed loop, each with one request in flight.
    Concurrency(u32),
    /// `rate=200`: offered rate of an open loop, in requests per second.
    Rate(u32),
    /// `idle`: memory of an instance that has answered one request and waits.
    Idle,
    /// `loaded`: memory of an instance under a closed loop.
    Loaded,
    /// `copies=4`: instances side by side, each of which has answered one request and waits.
    Copies(u32),
    /// `page-cache=dropped`: the page cache was dropped right before the start.
    PageCacheDropped,
    /// `capability=simd`: the capability that is tried.
    Capability(Capability),
    /// `tenants=16`: a level of a raise of tenants. No trial has it: one trial visits all levels, and its line holds
    /// what each showed.
    Tenants(u32),
    /// `starts=16`: so many tenants are started at once.
    Starts(u32),
    /// `ready=16`: so many tenants stand ready, started and never asked, and are asked at once.
    Ready(u32),
    /// `operation=blur`: the operation that is timed by itself.
    Operation(Operation),
    /// `attack=spin`: what an aggressor does beside the tenant that is measured.
    Attack(Attack),
    /// `delay-us=1000`: how long a backend waits before each answer, in microseconds.
    Delay(u32),
    /// `service=image`: the service that is made.
    Service(Service),
    /// `replay=3`: the load of that number in its definition.
    Replay(u32),
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::None => f.pad("-"),
            Parameter::Concurrency(n) => f.pad(&format!("concurrency={n}")),
            Parameter::Rate(n) => f.pad(&format!("rate={n}")),
            Parameter::Idle => f.pad("idle"),
            Parameter::Loaded => f.pad("loaded"),
            Parameter::Copies(n) => f.pad(&format!("copies={n}")),
            Parameter::PageCacheDropped => f.pad("page-cache=dropped"),
            Parameter::Capability(what) => f.pad(&format!("capability={what}")),
            Parameter::Tenants(n) => f.pad(&format!("tenants={n}")),
            Parameter::Starts(n) => f.pad(&format!("starts={n}")),
            Parameter::Ready(n) => f.pad(&format!("ready={n}")),
            Parameter::Operation(what) => f.pad(&format!("operation={what}")),
            Parameter::Attack(what) => f.pad(&format!("attack={what}")),
            Parameter::Delay(n) => f.pad(&format!("delay-us={n}")),
            Parameter::Service(service) => f.pad(&format!("service={service}")),
            Parameter::Replay(n) => f.pad(&format!("replay={n}")),
        }
    }
}

impl FromStr for Parameter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number = |digits: &str| {
            digits.parse().map_err(|_| invalid!("`{digits}` in `{text}` is not a whole number"))
        };
        match text {
            "-" => Ok(Parameter::None),
            "idle" => Ok(Parameter::Idle),
            "loaded" => Ok(Parameter::Loaded),
            "page-cache=dropped" => Ok(Parameter::PageCacheDropped),
            _ => match text.split_once('=') {
                Some(("concurrency", digits)) => Ok(Parameter::Concurrency(number(digits)?)),
                Some(("rate", digits)) => Ok(Parameter::Rate(number(digits)?)),
                Some(("copies", digits)) => Ok(Parameter::Copies(number(digits)?)),
                Some(("tenants", digits)) => Ok(Parameter::Tenants(number(digits)?)),
                Some(("starts", digits)) => Ok(Parameter::Starts(number(digits)?)),
                Some(("ready", digits)) => Ok(Parameter::Ready(number(digits)?)),
                Some(("delay-us", digits)) => Ok(Parameter::Delay(number(digits)?)),
                Some(("capability", name)) => Ok(Parameter::Capability(name.parse()?)),
                Some(("operation", name)) => Ok(Parameter::Operation(name.parse()?)),
                Some(("attack", name)) => Ok(Parameter::Attack(name.parse()?)),
                Some(("service", name)) => Ok(Parameter::Service(name.parse()?)),
                Some(("replay", digits)) => Ok(Parameter::Replay(number(digits)?)),
                _ => Err(invalid!(
                    "`{text}` is not a parameter: expected concurrency=N, rate=N, copies=N, \
                     page-cache=dropped, capability=NAME, tenants=N, starts=N, ready=N, \
                     operation=NAME, attack=NAME, delay-us=N, service=NAME, replay=N, idle, loaded or -"
                )),
            },
        }
    }
}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn written_and_read_back(n in any::<u32>()) {
            let all = [Parameter::None, Parameter::Idle, Parameter::Loaded, Parameter::Copies(n),
                       Parameter::PageCacheDropped,
                       Parameter::Concurrency(n), Parameter::Rate(n), Parameter::Tenants(n),
                       Parameter::Starts(n), Parameter::Ready(n), Parameter::Delay(n), Parameter::Replay(n)];
            for parameter in all {
                prop_assert_eq!(parameter.to_string().parse::<Parameter>(), Ok(parameter));
            }
        }
    }

    #[test]
    fn every_capability_operation_attack_and_service_is_written_and_read_back() {
        let capabilities = Capability::ALL.iter().map(|&one| Parameter::Capability(one));
        let operations = Operation::ALL.iter().map(|&one| Parameter::Operation(one));
        let attacks = Attack::ALL.iter().map(|&one| Parameter::Attack(one));
        let services = Service::ALL.into_iter().map(Parameter::Service);
        for parameter in capabilities.chain(operations).chain(attacks).chain(services) {
            assert_eq!(parameter.to_string().parse::<Parameter>(), Ok(parameter));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let unknown = ["capability=flight", "operation=prayer", "attack=flattery", "service=tea"];
        for bad in unknown.into_iter().chain(["", "rate=", "rate=-1", "speed=3", "Idle"]) {
            assert!(bad.parse::<Parameter>().is_err(), "{bad}");
        }
    }
}
