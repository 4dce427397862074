//! The line that is written at the end.

/// One line of JSON. The name of an architecture needs no escaping.
pub(crate) fn line(target: &str, vcpus_count: usize, markers: &[u64], total: u64) -> String {
    let markers: Vec<String> = markers.iter().map(u64::to_string).collect();
    let markers = markers.join(",");
    format!(
        "{{\"target\":\"{target}\",\"vcpus\":{vcpus_count},\"markers\":[{markers}],\"total\":{total}}}\n"
    )
}
