//! Which core does what: the load generator and the subject must not share one.

use rustix::thread::{CpuSet, sched_setaffinity};
use weighbridge_schema::manifest::Pinning;

/// Gives the first half of the cores to the client, at most four, and the rest to the subject; nothing is
/// pinned on a single core.
pub fn divide(cores: &[u32]) -> Pinning {
    if cores.len() < 2 {
        return Pinning::default();
    }
    let (client, subject) = cores.split_at((cores.len() / 2).min(4));
    Pinning { client_cores: Some(client.to_vec()), subject_cores: Some(subject.to_vec()) }
}

/// Moves the calling thread onto `cores`; a child it spawns inherits them. A refusal is ignored: the
/// manifest records what was requested, and an unpinned run is noisier, not wrong.
pub fn pin_current_thread(cores: &[u32]) {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core as usize);
    }
    let _ = sched_setaffinity(None, &set);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_and_subject_share_no_core() {
        for count in 2..20u32 {
            let cores: Vec<u32> = (0..count).collect();
            let pinning = divide(&cores);
            let (client, subject) = (pinning.client_cores.unwrap(), pinning.subject_cores.unwrap());
            assert!(!client.is_empty() && !subject.is_empty());
            assert_eq!([client, subject].concat(), cores);
        }
        assert_eq!(divide(&[0]), Pinning::default());
    }
}
