//! What a private Docker does to the machine's forwarding is undone when it ends: in a network of the test's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

// Past the test harness, which keeps what a passing test prints to itself.
use std::path::Path;
use std::process::Command;
use weighbridge_machine::eprintln;

/// What dockerd does for its bridge, in its own words, on a machine that forwards for somebody else.
const SCRIPT: &str = r#"
set -e
mkdir -p "$2/run" "$2/data"
: >"$2/run/bridge-is-ours"
state() { iptables -S; iptables -t nat -S; cat /proc/sys/net/ipv4/ip_forward; }
iptables -P FORWARD ACCEPT
iptables -A FORWARD -s 10.9.0.0/16 -j ACCEPT
iptables -t nat -A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE
[ "$3" = theirs ] && iptables -N DOCKER-USER
state >"$2/before"
cat >"$2/engine" <<END
#!/bin/sh
ip link add docker0 type dummy
for chain in DOCKER DOCKER-ISOLATION-STAGE-1 DOCKER-USER; do iptables -N \$chain; done
iptables -P FORWARD DROP
iptables -A FORWARD -j DOCKER-USER
iptables -A FORWARD -o docker0 -j DOCKER
iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables -A DOCKER-USER -j RETURN
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables -t nat -A DOCKER -i docker0 -j RETURN
echo 1 >/proc/sys/net/ipv4/ip_forward
iptables -S >"$2/during"
exec sleep 600
END
chmod +x "$2/engine"
{ until [ -s "$2/during" ]; do sleep 0.1; done; } |
    sh "$1" run "$2/run" "$2/data" "$2/log" "$2/engine"
state >"$2/after"
ip link show docker0 >"$2/bridge" 2>/dev/null || true
"#;

/// Runs the supervisor with such an engine; `whose` says whether somebody's chains were there before.
fn supervised(folder: &Path, whose: &str) {
    let supervisor = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/supervise-daemon.sh");
    let mut apart = Command::new("unshare");
    apart.args(["--net", "timeout", "120", "sh", "-c", SCRIPT, "sh"]);
    let status = apart.arg(&supervisor).arg(folder).arg(whose).status().unwrap();
    assert!(status.success(), "{status}");
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
#[ignore = "takes root and iptables: for cargo xtask test"]
fn the_machine_forwards_as_it_did_before() {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let is_allowed = Command::new("unshare").args(["--net", "iptables", "-S"]).output();
    if !has("iptables") || !is_allowed.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "not tested: the network of a private engine: it takes iptables, and root in a network of its own"
        );
        return;
    }
    let ours = tempfile::tempdir().unwrap();
    supervised(ours.path(), "ours");
    assert!(read(ours.path(), "during").contains("-P FORWARD DROP"), "the engine did change it");
    assert_eq!(read(ours.path(), "after"), read(ours.path(), "before"));
    assert_eq!(read(ours.path(), "bridge"), "");
    assert!(!ours.path().join("run").exists());
    // The chains of an engine that was there before stay; the policy is put back all the same.
    let theirs = tempfile::tempdir().unwrap();
    supervised(theirs.path(), "theirs");
    let after = read(theirs.path(), "after");
    assert!(after.contains("-N DOCKER-USER") && after.contains("-P FORWARD ACCEPT"), "{after}");
}
