//! Which machine measures what.

use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::ops::Range;

/// What one machine is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Instruction sets whose cells it visits.
    pub architectures: Vec<String>,
    /// Its blocks; `None` when it has no partner and measures them all.
    pub blocks: Option<Range<u32>>,
}

/// Divides the blocks among the machines of one instruction set, in the machines' order. A block is never divided: the
/// cells that are compared with each other stay on one machine. A single machine takes what was requested, also what it
/// has to emulate; of several, each takes its own instruction set.
///
/// # Errors
/// An instruction set was requested that no machine has, or there are more machines than blocks.
pub fn divide(machines: &[String], requested: &[String], blocks_count: u32) -> Result<Vec<Share>> {
    if let [architecture] = machines {
        let architectures =
            if requested.is_empty() { vec![architecture.clone()] } else { requested.to_vec() };
        return Ok(vec![Share { architectures, blocks: None }]);
    }
    for name in requested {
        ensure!(machines.contains(name), "none of the machines named by --on is of {name}");
    }
    let mut of_it: BTreeMap<&String, u32> = BTreeMap::new();
    for architecture in machines {
        ensure!(
            requested.is_empty() || requested.contains(architecture),
            "a machine of {architecture} is among those of --on, and --arch does not name it"
        );
        *of_it.entry(architecture).or_default() += 1;
    }
    let mut taken: BTreeMap<&String, u32> = BTreeMap::new();
    machines
        .iter()
        .map(|architecture| {
            let count = of_it[architecture];
            ensure!(
                count == 1 || count <= blocks_count,
                "{blocks_count} blocks cannot be divided among {count} machines of {architecture}: \
                 name fewer, or choose a profile with more invocations"
            );
            let index = taken.entry(architecture).or_default();
            let cut = |number: u32| {
                u32::try_from(u64::from(blocks_count) * u64::from(number) / u64::from(count))
                    .unwrap_or(blocks_count)
            };
            let blocks = (count > 1).then(|| cut(*index)..cut(*index + 1));
            *index += 1;
            Ok(Share { architectures: vec![architecture.clone()], blocks })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    proptest! {
        #[test]
        fn every_block_is_measured_once_on_each_architecture(
            x86 in 0usize..4, arm in 0usize..4, blocks_count in 4u32..40,
        ) {
            prop_assume!(x86 + arm > 1);
            let machines: Vec<String> =
                [vec!["x86_64".to_owned(); x86], vec!["aarch64".to_owned(); arm]].concat();
            let shares = divide(&machines, &[], blocks_count).unwrap();
            for (name, count) in [("x86_64", x86), ("aarch64", arm)] {
                let of_it = shares.iter().filter(|share| share.architectures == [name]);
                let blocks: Vec<u32> = of_it
                    .flat_map(|share| share.blocks.clone().unwrap_or(0..blocks_count))
                    .collect();
                let expected: Vec<u32> = if count > 0 { (0..blocks_count).collect() } else { Vec::new() };
                prop_assert_eq!(blocks, expected);
            }
        }
    }

    #[test]
    fn one_machine_takes_all_that_was_asked_for() {
        let requested = names(&["x86_64", "aarch64"]);
        let shares = divide(&names(&["x86_64"]), &requested, 1).unwrap();
        assert_eq!(shares, [Share { architectures: requested, blocks: None }]);
        let shares = divide(&names(&["aarch64"]), &[], 1).unwrap();
        assert_eq!(shares[0].architectures, ["aarch64"]);
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let two = names(&["x86_64", "x86_64"]);
        let error = divide(&two, &[], 1).unwrap_err().to_string();
        assert!(error.contains("1 blocks cannot be divided among 2"), "{error}");
        let error = divide(&two, &names(&["aarch64"]), 4).unwrap_err().to_string();
        assert!(error.contains("is of aarch64"), "{error}");
        let mixed = names(&["x86_64", "aarch64"]);
        let error = divide(&mixed, &names(&["aarch64"]), 4).unwrap_err().to_string();
        assert!(error.contains("--arch does not name it"), "{error}");
    }
}
