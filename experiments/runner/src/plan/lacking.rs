//! A subject that was requested by its name and cannot be measured here: an error, before anything is measured. Of
//! subjects that nobody named, the manifest says that they are not installed.

use std::collections::BTreeMap;
use std::fmt;
use weighbridge_schema::manifest::{Availability, SubjectEntry};
use weighbridge_schema::name::SubjectName;

/// The subjects that are missing, each with why and what would get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingError(Vec<String>);

impl fmt::Display for LackingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(missing) = self;
        write!(f, "this machine cannot measure what was asked for:\n  {}", missing.join("\n  "))
    }
}

impl std::error::Error for LackingError {}

/// Looks for the subjects called `named` among those that were looked at.
///
/// # Errors
/// One of them is not installed.
pub fn check(
    named: &[String],
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
) -> Result<(), LackingError> {
    let missing = subjects.iter().filter(|(name, _)| named.iter().any(|n| n == name.as_str()));
    let missing = missing.filter_map(|(name, entry)| match &entry.availability {
        Availability::Installed { .. } => None,
        Availability::NotInstalled { reason, remedy } => {
            let remedy = remedy.as_deref().unwrap_or("cargo xtask doctor");
            Some(format!("{name}: {reason}; to measure it: {remedy}"))
        }
    });
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() { Ok(()) } else { Err(LackingError(missing)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture::Question;

    #[test]
    fn only_what_was_asked_for_by_its_name_must_be_there() {
        let mut subjects = Question::new(1, 1).manifest.subjects;
        subjects.get_mut(&"two".parse().unwrap()).unwrap().availability =
            Availability::NotInstalled {
                reason: "container engine at x: refused".to_owned(),
                remedy: Some("cargo xtask setup".to_owned()),
            };
        let check = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
            check(&named, &subjects).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["one"]), Ok(()));
        let expected = "this machine cannot measure what was asked for:\n  \
                        two: container engine at x: refused; to measure it: cargo xtask setup";
        assert_eq!(check(&["one", "two"]), Err(expected.to_owned()));
    }
}
