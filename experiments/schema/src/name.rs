//! Names as types: a subject can never be passed where a workload is meant.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    text: String,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a name: use lower-case letters, digits and single hyphens, as in `docker-scratch`",
            self.text
        )
    }
}

impl std::error::Error for NameError {}

/// Kebab-case: names end up in paths, in LaTeX macros and in container labels.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// The name as it is written in definitions, paths and tables.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { text: text.to_owned() })
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// One way to run the service, for example `docker-scratch`.
    SubjectName
);
name!(
    /// One program that subjects are run by and that we do not build, for example `wasmtime`.
    ProgramName
);
name!(
    /// One request shape, for example `thumbnail`.
    WorkloadName
);
name!(
    /// One question, for example `cold-start`; the stem of its file in `experiments/definitions/`.
    ExperimentName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case() {
        for good in ["native", "docker-scratch", "case-2", "a"] {
            assert!(good.parse::<SubjectName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "Native", "a_b", "a/b", "../x"] {
            assert!(bad.parse::<SubjectName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_name_in_a_file_is_refused() {
        assert!(serde_json::from_str::<WorkloadName>("\"../../etc\"").is_err());
    }
}
