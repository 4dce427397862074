//! How a method has its subjects started: as they are, or with another artifact in the place of their own.

use crate::method::Method;
use crate::name::SubjectName;
use crate::start::Start;
use std::borrow::Cow;

impl Method {
    /// How `subject` is started for it: as it is, or with something else in the service's place.
    #[must_use]
    pub fn start<'a>(&self, subject: &SubjectName, own: &'a Start) -> Cow<'a, Start> {
        let (Method::Isolation { in_place_of, arguments, .. }
        | Method::Waiting { in_place_of, arguments, .. }) = self
        else {
            return Cow::Borrowed(own);
        };
        let mut start = own.with_artifacts(in_place_of).unwrap_or_else(|| own.clone());
        start.add_arguments(arguments.get(subject).map(Vec::as_slice).unwrap_or_default());
        Cow::Owned(start)
    }

    /// How an aggressor is started beside the subject; `None` of a method that has none, and of a subject whose one
    /// process holds many tenants: there it is one of them.
    #[must_use]
    pub fn aggressor(&self, own: &Start) -> Option<Start> {
        let Method::Neighbour { in_place_of, .. } = self else { return None };
        own.with_artifacts(in_place_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Started {
        start: Start,
    }

    #[test]
    fn an_aggressor_is_started_as_its_victim_is_with_another_artifact() {
        let method: Method = serde_json::from_str(
            r#"{ "neighbour": {
                "attacks": ["none"], "in_place_of": { "b": "probe" }, "rate_per_second": 1,
                "connections": 1, "warmup_ms": 1, "spins_count": 1, "held_connections_count": 1
            } }"#,
        )
        .unwrap();
        let read = |text: &str| {
            let Started { start } = toml::from_str(&format!("start.{text}")).unwrap();
            start
        };
        let victim = read("container = { image = 'b', network = 'host' }");
        let aggressor = read("container = { image = 'probe', network = 'host' }");
        assert_eq!(method.aggressor(&victim), Some(aggressor));
        let subject = "one".parse().unwrap();
        assert_eq!(&*method.start(&subject, &victim), &victim, "the victim is as it is");
        let host = read("process = { program = 'h', arguments = ['{tenants:b}'] }");
        assert_eq!((method.aggressor(&host), host.tenants()), (None, Some("b")));
        let cold_start: Method = serde_json::from_str(r#"{ "cold-start": {} }"#).unwrap();
        assert_eq!(cold_start.aggressor(&victim), None);
    }
}
