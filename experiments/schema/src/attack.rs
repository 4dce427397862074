//! What an aggressor does beside the tenant that is measured: the attacks of the method `neighbour`.

use crate::invalid::{Invalid, invalid};
use crate::parse::nearest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! attacks {
    ($($(#[$doc:meta])* $variant:ident => $key:literal, $title:literal, $impossible:literal;)*) => {
        /// What one tenant does to the machine that it shares with another one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Attack {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Attack {
            /// Every attack, in the order of the tables.
            pub const ALL: &'static [Attack] = &[$(Attack::$variant),*];

            /// The key in definitions and raw log.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Attack::$variant => $key),* }
            }

            /// The words a table uses.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Attack::$variant => $title),* }
            }

            /// The words a table uses where the aggressor has no way to make it.
            #[must_use]
            pub fn impossible(self) -> &'static str {
                match self { $(Attack::$variant => $impossible),* }
            }
        }
    };
}

attacks! {
    /// Nothing: the aggressor stands and waits. The control.
    None => "none", "no attack", "no attack";
    /// It computes until the window closes, for as many requests at once as the definition says.
    Spin => "spin", "the neighbour spins", "it cannot spin";
    /// It takes memory up to 1 GiB, writes to all of it and gives it back, again and again.
    Allocate => "allocate", "the neighbour allocates", "no memory to take";
    /// Connections to it are opened and held, every other one with a request whose head never ends.
    Connections => "connections", "the neighbour is flooded with connections", "no connection";
    /// It writes 64 MiB to a file where it may and has them written to the disk, again and again, 512 MiB at most.
    Disk => "disk", "the neighbour fills a disk", "nothing to write to";
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl FromStr for Attack {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let known = || Attack::ALL.iter().map(|attack| attack.key());
        let found = Attack::ALL.iter().copied().find(|attack| attack.key() == text);
        found.ok_or_else(|| match nearest(text, known()) {
            Some(near) => invalid!("`{text}` is not an attack; did you mean `{near}`?"),
            None => {
                let all: Vec<&str> = known().collect();
                invalid!("`{text}` is not an attack; there are: {}", all.join(", "))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back_as_written_and_another_word_gets_the_nearest() {
        for &attack in Attack::ALL {
            assert_eq!(attack.to_string().parse(), Ok(attack));
            let json = serde_json::to_string(&attack).unwrap();
            assert_eq!(json, format!("\"{attack}\""));
        }
        let error = "spinn".parse::<Attack>().unwrap_err().to_string();
        assert!(error.contains("did you mean `spin`?"), "{error}");
        let error = "zzzzzzzz".parse::<Attack>().unwrap_err().to_string();
        assert!(error.contains("there are: none, spin, "), "{error}");
    }
}
