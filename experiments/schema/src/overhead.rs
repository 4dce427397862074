//! What it takes to make a service and to change it, in each of its forms: what a definition says of that, and what a
//! visit of the method `overhead` puts into the raw log.

use crate::definition::Profile;
use crate::invalid::{Invalid, invalid};
use crate::name::WorkloadName;
use crate::parse::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A service that there is as a native program and as a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// The image service, which all other methods ask.
    Image,
    /// The service of `examples/json-api`.
    JsonApi,
}

impl Service {
    /// Every one, in the order of the tables.
    pub const ALL: [Service; 2] = [Service::Image, Service::JsonApi];

    /// The key in definitions and raw log.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Service::Image => "image",
            Service::JsonApi => "json-api",
        }
    }

    /// The words a table uses.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Service::Image => "image service",
            Service::JsonApi => "JSON API",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl FromStr for Service {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Service::ALL.into_iter().find(|service| service.key() == text);
        found.ok_or_else(|| match nearest(text, Service::ALL.into_iter().map(Service::key)) {
            Some(near) => invalid!("`{text}` is not a service; did you mean `{near}`?"),
            None => invalid!("`{text}` is not a service; there are: image, json-api"),
        })
    }
}

/// A change of a file: a text that stands there once, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The text.
    pub from: String,
    /// What takes its place.
    pub to: String,
}

impl Change {
    /// The text of the file after the change.
    ///
    /// # Errors
    /// What is to be changed does not stand there, or several times.
    pub fn of(&self, text: &str) -> Result<String, Invalid> {
        match text.matches(self.from.as_str()).count() {
            1 => Ok(text.replacen(&self.from, &self.to, 1)),
            count => Err(invalid!("`{}` stands there {count} times, and not once", self.from)),
        }
    }
}

/// What a service is made of, and how it is asked and changed. Paths are relative to the checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Making {
    /// Files and folders of sources that all forms are made of.
    pub shared: Vec<String>,
    /// Those that the native program alone is made of: the process, and what the container holds.
    pub native: Vec<String>,
    /// Those that the component alone is made of.
    pub component: Vec<String>,
    /// What is asked for, by GET.
    pub path: String,
    /// The body that must answer.
    pub says: String,
    /// The file of the handler, in which both changes are made.
    pub handler: String,
    /// The edit that is timed: another body answers afterwards.
    pub edit: Change,
    /// That body.
    pub says_after: String,
    /// The change after which the handler panics.
    pub panic: Change,
}

/// What a definition may not say of the services that it asks about.
pub(crate) fn validate(
    workloads: &[WorkloadName],
    builds: &BTreeMap<Profile, Vec<Service>>,
    services: &BTreeMap<Service, Making>,
) -> Result<(), Invalid> {
    if !workloads.is_empty() {
        return Err(invalid!("workloads must be empty: a service has its own request"));
    }
    if services.is_empty() {
        return Err(invalid!("services needs at least one: image, json-api"));
    }
    for (profile, built) in builds {
        if let Some(service) = built.iter().find(|service| !services.contains_key(*service)) {
            return Err(invalid!("builds.{profile}: services.{service} is needed"));
        }
    }
    for (service, making) in services {
        for (key, change) in [("edit", &making.edit), ("panic", &making.panic)] {
            if change.from.is_empty() || change.from == change.to {
                return Err(invalid!("services.{service}.{key} changes nothing"));
            }
        }
        if making.says == making.says_after {
            return Err(invalid!("services.{service}.says_after: the edit must change the answer"));
        }
    }
    Ok(())
}

/// Something that must be on the machine before a form of a service can be built or run, the Rust compiler aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What it is.
    pub name: String,
    /// How set-up has it, or would.
    pub provider: String,
    /// Packages or crates that are fetched for it; `None` where that is not known.
    pub files_count: Option<u64>,
    /// Their bytes, as they are fetched; `None` where those of one of them are not known.
    pub fetched_bytes: Option<u64>,
}

/// What a panic of the handler showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanicSeen {
    /// What the client got: a status with the first line of the body, or why there was no answer.
    pub client: String,
    /// What the service wrote to its standard error meanwhile, its first lines; empty where it wrote nothing.
    pub log: String,
    /// Whether the next request was answered.
    pub answers_after: bool,
}

/// What a debugger saw that was attached to the running service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// The debugger's program.
    pub program: String,
    /// Frames of all threads.
    pub frames_count: u64,
    /// Those of them for which it knew a function's name.
    pub named_frames_count: u64,
}

/// What one visit showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overhead {
    /// What must be on the machine before.
    pub tools: Vec<Tool>,
    /// What is done after that until the service answers, in its order.
    pub steps: Vec<String>,
    /// What a panic showed; `None` where the service was not built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic: Option<PanicSeen>,
    /// What a debugger saw; `None` where the service was not built, or there is no debugger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debugger: Option<Attached>,
}

impl Overhead {
    /// Bytes that are fetched for all tools; `None` where those of one are not known.
    #[must_use]
    pub fn fetched_bytes(&self) -> Option<u64> {
        self.tools.iter().map(|tool| tool.fetched_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn making() -> Making {
        let change = |from: &str, to: &str| Change { from: from.to_owned(), to: to.to_owned() };
        Making {
            shared: vec!["a".to_owned()],
            native: vec!["b".to_owned()],
            component: vec!["c".to_owned()],
            path: "/".to_owned(),
            says: "old".to_owned(),
            handler: "a/lib.rs".to_owned(),
            edit: change("old", "new"),
            says_after: "new".to_owned(),
            panic: change("old", "panic"),
        }
    }

    #[test]
    fn each_service_is_read_back_as_written() {
        for service in Service::ALL {
            assert_eq!(service.to_string().parse(), Ok(service));
            assert_eq!(serde_json::to_string(&service).unwrap(), format!("\"{service}\""));
        }
        let error = "json-apu".parse::<Service>().unwrap_err().to_string();
        assert!(error.contains("did you mean `json-api`?"), "{error}");
    }

    #[test]
    fn a_change_fits_one_place_and_no_other_number_of_them() {
        let edit = making().edit;
        assert_eq!(edit.of("the old text").unwrap(), "the new text");
        for (text, count) in [("a text", "0 times"), ("old, old", "2 times")] {
            let error = edit.of(text).unwrap_err().to_string();
            assert!(error.contains(count), "{error}");
        }
    }

    #[test]
    fn an_edit_that_shows_nothing_is_refused() {
        let builds = BTreeMap::from([(Profile::Quick, vec![Service::JsonApi])]);
        let services = BTreeMap::from([(Service::Image, making())]);
        let found = validate(&[], &builds, &services).unwrap_err().to_string();
        assert!(found.contains("builds.quick: services.json-api is needed"), "{found}");
        let alone = |change: fn(&mut Making)| {
            let mut changed = making();
            change(&mut changed);
            validate(&[], &BTreeMap::new(), &BTreeMap::from([(Service::Image, changed)]))
        };
        assert_eq!(alone(|_| ()), Ok(()));
        type Change = fn(&mut Making);
        let wrong: [(Change, &str); 3] = [
            (|m| m.edit.from.clear(), "services.image.edit changes nothing"),
            (|m| m.panic.to = m.panic.from.clone(), "services.image.panic changes nothing"),
            (|m| m.says_after = m.says.clone(), "the edit must change the answer"),
        ];
        for (change, expected) in wrong {
            let found = alone(change).unwrap_err().to_string();
            assert!(found.contains(expected), "{found}");
        }
        let none = validate(&[], &BTreeMap::new(), &BTreeMap::new()).unwrap_err().to_string();
        assert!(none.contains("services needs at least one"), "{none}");
        let asked = validate(&["healthz".parse().unwrap()], &BTreeMap::new(), &services);
        assert!(asked.unwrap_err().to_string().contains("workloads must be empty"));
    }

    #[test]
    fn a_sum_with_an_unknown_part_is_unknown() {
        let tool = |fetched_bytes| Tool {
            name: "t".to_owned(),
            provider: "p".to_owned(),
            files_count: Some(1),
            fetched_bytes,
        };
        let of = |tools| Overhead { tools, ..Overhead::default() }.fetched_bytes();
        assert_eq!(of(vec![tool(Some(3)), tool(Some(4))]), Some(7));
        assert_eq!(of(vec![tool(Some(3)), tool(None)]), None);
    }
}
