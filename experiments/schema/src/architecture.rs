//! The instruction sets that the service can be built for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An instruction set, as Rust names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Architecture {
    /// 64-bit x86.
    #[cfg_attr(feature = "clap", value(name = "x86_64"))]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[cfg_attr(feature = "clap", value(name = "aarch64"))]
    #[serde(rename = "aarch64")]
    Aarch64,
}

impl Architecture {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// Its name: `x86_64` or `aarch64`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Those asked for that are not this machine's, each once.
    #[must_use]
    pub fn foreign(requested: &[Self]) -> Vec<Self> {
        let is_foreign =
            |one: &Self| requested.contains(one) && one.name() != std::env::consts::ARCH;
        Self::ALL.into_iter().filter(is_foreign).collect()
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_files_and_of_the_command_line() {
        for architecture in Architecture::ALL {
            let json = serde_json::to_string(&architecture).unwrap();
            assert_eq!(json, format!("\"{architecture}\""));
            #[cfg(feature = "clap")]
            assert_eq!(
                <Architecture as clap::ValueEnum>::from_str(architecture.name(), false),
                Ok(architecture)
            );
        }
    }

    #[test]
    fn foreign_is_what_this_machine_is_not() {
        let twice = [Architecture::ALL, Architecture::ALL].concat();
        let foreign = Architecture::foreign(&twice);
        assert!(foreign.iter().all(|one| one.name() != std::env::consts::ARCH), "{foreign:?}");
        let local = Architecture::ALL.iter().filter(|one| one.name() == std::env::consts::ARCH);
        assert_eq!(foreign.len(), 2 - local.count());
        assert!(Architecture::foreign(&[]).is_empty());
    }
}
