//! The operations of the service that are timed by themselves, as `service/operations` knows them.

use crate::invalid::{Invalid, invalid};
use crate::name::SubjectName;
use crate::parse::nearest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident => $key:literal, $title:literal;)*) => {
        /// What is done within a process, many times, while its CPU time is read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Operation {
            /// Every operation, in the order of the tables.
            pub const ALL: &'static [Operation] = &[$(Operation::$variant),*];

            /// The key in definitions and raw log, and the word that the program takes.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Operation::$variant => $key),* }
            }

            /// The words a table uses.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Operation::$variant => $title),* }
            }
        }
    };
}

operations! {
    /// A photograph, colours at half the resolution.
    DecodeJpeg => "decode-jpeg", "decode JPEG";
    /// A photograph of 600x400 pixels.
    DecodePng => "decode-png", "decode PNG";
    /// Of the lossless kind.
    DecodeWebp => "decode-webp", "decode WebP";
    /// Of the lossy kind.
    DecodeWebpLossy => "decode-webp-lossy", "decode WebP, lossy";
    /// To a width of 256 pixels and back, by the Lanczos filter.
    Resize => "resize", "resize down and up";
    /// By a radius of 2.5 pixels: the service's own kernels.
    Blur => "blur", "blur";
    /// Of 3.8 megapixels.
    Grayscale => "grayscale", "grayscale";
    /// At quality 85.
    EncodeJpeg => "encode-jpeg", "encode JPEG";
    /// At the fastest level.
    EncodePng => "encode-png", "encode PNG";
    /// Of the lossless kind.
    EncodeWebp => "encode-webp", "encode WebP";
    /// The workload of that name, whole.
    Thumbnail => "thumbnail", "thumbnail, whole";
    /// The workload of that name, whole.
    Pipeline => "pipeline", "pipeline, whole";
    /// The fortieth number of Fibonacci by two calls for each number: no part of the service.
    Fib40 => "fib-40", "fib(40)";
}

/// A step on the way from the baseline to the subject whose factor is to be explained: what one subject differs by from
/// the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributionStep {
    /// The subject that the step leads to, one of the definition's subjects. One that is not measured is passed over,
    /// and its difference counts in the next step.
    pub to: SubjectName,
    /// What that subject has or lacks and the one before does not, in the words of the table.
    pub by: String,
}

impl Operation {
    /// Whether it is a whole request of the service, which the others are parts of.
    #[must_use]
    pub fn is_whole(self) -> bool {
        matches!(self, Operation::Thumbnail | Operation::Pipeline)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl FromStr for Operation {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let known = || Operation::ALL.iter().map(|operation| operation.key());
        let found = Operation::ALL.iter().copied().find(|operation| operation.key() == text);
        found.ok_or_else(|| match nearest(text, known()) {
            Some(near) => invalid!("`{text}` is not an operation; did you mean `{near}`?"),
            None => {
                let all: Vec<&str> = known().collect();
                invalid!("`{text}` is not an operation; there are: {}", all.join(", "))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back_as_written_and_another_word_gets_the_nearest() {
        for &operation in Operation::ALL {
            assert_eq!(operation.to_string().parse(), Ok(operation));
            let json = serde_json::to_string(&operation).unwrap();
            assert_eq!(json, format!("\"{operation}\""));
        }
        let error = "blurr".parse::<Operation>().unwrap_err().to_string();
        assert!(error.contains("did you mean `blur`?"), "{error}");
    }

    /// The two crates must not depend on each other: what is measured needs nothing of the harness.
    #[test]
    fn the_program_knows_each_by_its_key() {
        let program = concat!(
            include_str!("../../../service/operations/src/main.rs"),
            include_str!("../../../service/operations/src/told.rs")
        );
        for operation in Operation::ALL {
            let is_known = program.contains(&format!("called(\"{operation}\")"))
                || program.contains(&format!("FIB: &str = \"{operation}\""));
            assert!(is_known, "{operation}");
        }
        assert_eq!(program.matches("called(\"").count() + 1, Operation::ALL.len());
    }
}
