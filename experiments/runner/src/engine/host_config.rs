//! What a container may do and use: the same on every engine.

use super::ContainerSpec;
use bollard::models::{HostConfig, ResourcesUlimits};
use rustix::process::{Resource, Rlimit, getrlimit};
use weighbridge_schema::limits::LIMITS;
use weighbridge_schema::subject::Network;

/// Swap is left to the machine, as it is for every other subject: the limit is of memory alone.
const SWAP_UNLIMITED: i64 = -1;

/// Read-only root, no capabilities, no new privileges, and the limits of every subject.
pub fn host_config(spec: &ContainerSpec<'_>) -> HostConfig {
    let network_mode = match spec.network {
        Network::Host => "host",
        Network::Bridge => "bridge",
    };
    let cores =
        spec.cores.map(|cores| cores.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    HostConfig {
        network_mode: Some(network_mode.to_owned()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        cpuset_cpus: cores,
        memory: Some(signed(LIMITS.memory_bytes)),
        memory_swap: Some(SWAP_UNLIMITED),
        pids_limit: Some(signed(LIMITS.tasks_count)),
        ulimits: Some(process_limits(&getrlimit(Resource::Nproc), processes_most())),
        ..HostConfig::default()
    }
}

/// Below 2^63: Linux has no more memory, tasks and descriptors than that.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How many processes this kernel has numbers for.
fn processes_most() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap_or_default();
    text.trim().parse().unwrap_or(u64::MAX)
}

/// The descriptors of every subject, and as many processes as `own`, this process's limit, which a plain process and an
/// OCI runtime's container inherit, but no more than there are numbers for. Without a number of processes Podman asks
/// for 1,048,576 of them, and it does not look into its settings once one limit is given. It lowers its own limit to
/// `pid_max` when it starts, and not every root may raise that again (`CAP_SYS_RESOURCE`). Where there is no limit,
/// none is above it.
fn process_limits(own: &Rlimit, processes_most: u64) -> Vec<ResourcesUlimits> {
    let limit = |name: &str, soft: u64, hard: u64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(signed(soft)),
        hard: Some(signed(hard)),
    };
    let files = limit("nofile", LIMITS.open_files_count, LIMITS.open_files_count);
    let processes = own
        .current
        .zip(own.maximum)
        .map(|(soft, hard)| limit("nproc", soft.min(processes_most), hard.min(processes_most)));
    [files].into_iter().chain(processes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_the_limits_of_every_subject() {
        let config = host_config(&ContainerSpec {
            name: "c",
            image: "i",
            arguments: Vec::new(),
            environment: Vec::new(),
            network: Network::Host,
            cores: Some(&[1, 3]),
            run: "r",
        });
        // As it goes over the wire.
        let body = serde_json::to_value(&config).unwrap();
        assert_eq!(body["Memory"], 4_294_967_296_u64);
        assert_eq!(body["MemorySwap"], -1);
        assert_eq!(body["PidsLimit"], 1024);
        assert_eq!(body["CpusetCpus"], "1,3");
        assert_eq!(body["ReadonlyRootfs"], true);
    }
    #[test]
    fn a_container_is_asked_for_no_more_processes_than_this_one_may_have() {
        let requested = |soft, hard| {
            let own = Rlimit { current: soft, maximum: hard };
            serde_json::to_value(process_limits(&own, 32_768)).unwrap()
        };
        let files = serde_json::json!({ "Name": "nofile", "Soft": 4096, "Hard": 4096 });
        let processes = serde_json::json!({ "Name": "nproc", "Soft": 1000, "Hard": 2000 });
        assert_eq!(requested(Some(1000), Some(2000)), serde_json::json!([files, processes]));
        let processes = serde_json::json!({ "Name": "nproc", "Soft": 32768, "Hard": 32768 });
        assert_eq!(requested(Some(96_365), Some(96_365)), serde_json::json!([files, processes]));
        assert_eq!(requested(None, None), serde_json::json!([files]), "unlimited");
    }
}
