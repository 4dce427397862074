//! What a container may do and use: the same on every engine.

use super::ContainerSpec;
use bollard::models::{HostConfig, ResourcesUlimits};
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
    // All three are far below 2^63.
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let open_files = Some(signed(LIMITS.open_files_count));
    HostConfig {
        network_mode: Some(network_mode.to_owned()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        cpuset_cpus: cores,
        memory: Some(signed(LIMITS.memory_bytes)),
        memory_swap: Some(SWAP_UNLIMITED),
        pids_limit: Some(signed(LIMITS.tasks_count)),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: open_files,
            hard: open_files,
        }]),
        ..HostConfig::default()
    }
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
        let files = serde_json::json!([{ "Name": "nofile", "Soft": 4096, "Hard": 4096 }]);
        assert_eq!(body["Ulimits"], files);
        assert_eq!(body["CpusetCpus"], "1,3");
        assert_eq!(body["ReadonlyRootfs"], true);
    }
}
