//! The instruction sets that the service can be built for.

use std::fmt;

/// An instruction set, as Rust names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Architecture {
    /// 64-bit x86.
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[value(name = "aarch64")]
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
    pub fn foreign(asked: &[Self]) -> Vec<Self> {
        let is_foreign = |one: &Self| asked.contains(one) && one.name() != std::env::consts::ARCH;
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
    use clap::ValueEnum as _;

    #[test]
    fn the_command_line_takes_the_names_and_foreign_is_what_this_machine_is_not() {
        for architecture in Architecture::ALL {
            assert_eq!(Architecture::from_str(architecture.name(), false), Ok(architecture));
        }
        let twice = [Architecture::ALL, Architecture::ALL].concat();
        let foreign = Architecture::foreign(&twice);
        assert!(foreign.iter().all(|one| one.name() != std::env::consts::ARCH), "{foreign:?}");
        let own = Architecture::ALL.iter().filter(|one| one.name() == std::env::consts::ARCH);
        assert_eq!(foreign.len(), 2 - own.count());
        assert!(Architecture::foreign(&[]).is_empty());
    }
}
