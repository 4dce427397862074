#!/bin/sh
# Runs a private container engine until this script's standard input ends, then leaves nothing behind.
# The pipe's other end is held by xtask: it closes when xtask drops it, and also when xtask is killed. Its standard output
# is the lock of RUN_FOLDER, which is free again when nothing is left: nothing is written to it, nor handed to the engine.
#
#   supervise-daemon.sh run   RUN_FOLDER DATA_FOLDER LOG COMMAND...
#   supervise-daemon.sh clean RUN_FOLDER DATA_FOLDER
#
# RUN_FOLDER may hold: `last-words`, a script that ends what the engine leaves running when it ends; `bridge-is-ours`,
# when the machine had no bridge docker0 before; `data-was-mounted`, when DATA_FOLDER was a mount before; `network`, how
# the machine forwarded before, where the bridge is ours.
verb=$1 run=$2 data=$3

# The engine, its containerd, its shims and proxies: they name the run folder in their arguments. A client of
# the engine may do so too, hence the look at the program's name.
ours() {
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        case "$(cat "$folder/comm" 2>/dev/null)" in
        dockerd | docker-init | docker-proxy | containerd* | runc* | podman | conmon | crun*) ;;
        *) continue ;;
        esac
        tr '\0' ' ' 2>/dev/null <"$folder/cmdline" | grep -qF "$run/" && echo "$pid"
    done
}

# What the processes $@ have started: the first process of a container is its shim's, and outlives it.
children() {
    for status in /proc/[0-9]*/status; do
        parent=
        while read -r key value; do
            [ "$key" = PPid: ] && parent=$value && break
        done 2>/dev/null <"$status"
        pid=${status#/proc/}
        for one in "$@"; do
            [ "$parent" = "$one" ] && echo "${pid%/status}"
        done
    done
}

# Waits up to $1 tenths of a second for the processes $2... to end.
gone() {
    tenths=$1
    shift
    while [ "$tenths" -gt 0 ]; do
        left=
        for pid in "$@"; do
            kill -0 "$pid" 2>/dev/null && left=1
        done
        [ -z "$left" ] && return 0
        sleep 0.1
        tenths=$((tenths - 1))
    done
    return 1
}

# The tables of IPv4 and IPv6, in those that dockerd writes to.
firewalls() {
    for program in iptables ip6tables; do
        command -v "$program" >/dev/null 2>&1 || continue
        for table in filter nat; do
            echo "$program -w 5 -t $table"
        done
    done
}

# Whether the machine forwards, and what becomes of what no rule is about: dockerd changes both, for good, and a virtual
# machine of this host loses its network by it.
note_network() {
    for file in ipv4/ip_forward ipv6/conf/all/forwarding; do
        [ -r "/proc/sys/net/$file" ] && echo "forwards $file $(cat "/proc/sys/net/$file")"
    done
    firewalls | while read -r firewall; do
        $firewall -S 2>/dev/null </dev/null | sed -n "s/^-P FORWARD /policy $firewall -P FORWARD /p"
    done
}

# Takes away what dockerd made for its bridge, as far as nothing of it was there before, and restores what was noted.
restore_network() {
    grep -q '^had-chains' "$run/network" || firewalls | while read -r firewall; do
        $firewall -S 2>/dev/null </dev/null | grep -E -- '^-A .*(docker0|-j DOCKER)' | sed 's/^-A/-D/' |
            while read -r rule; do
                # Words of a rule; those of dockerd hold no blanks.
                # shellcheck disable=SC2086
                $firewall $rule </dev/null 2>/dev/null
            done
        chains=$($firewall -S 2>/dev/null </dev/null | sed -n 's/^-N \(DOCKER[^ ]*\).*/\1/p')
        for chain in $chains; do $firewall -F "$chain" 2>/dev/null; done
        for chain in $chains; do $firewall -X "$chain" 2>/dev/null; done
    done
    while read -r what rest; do
        case "$what" in
        policy) $rest 2>/dev/null </dev/null ;;
        forwards) echo "${rest#* }" >"/proc/sys/net/${rest% *}" ;;
        esac
    done <"$run/network"
}

clean() {
    [ -x "$run/last-words" ] && timeout 60 "$run/last-words" </dev/null >/dev/null 2>&1
    # shellcheck disable=SC2046
    started=$(children $(ours))
    for signal in TERM KILL; do
        left=$(ours)
        # Split on purpose: one word for each process.
        # shellcheck disable=SC2086
        [ -n "$left" ] && kill -$signal $left 2>/dev/null && gone 50 $left
    done
    # shellcheck disable=SC2086
    [ -n "$started" ] && kill -KILL $started 2>/dev/null
    # Deepest first; a mount that is busy is detached.
    while read -r _ mount _; do
        case "$mount" in
        "$run"/* | "$data"/*) echo "$mount" ;;
        # dockerd mounts this folder on itself; a volume that the user put there stays.
        "$data") [ -e "$run/data-was-mounted" ] || echo "$mount" ;;
        esac
    done </proc/self/mounts | sort -r | while read -r mount; do
        umount "$mount" 2>/dev/null || umount -l "$mount"
    done
    # A bridge that was there before is not ours to take away.
    if [ -e "$run/bridge-is-ours" ]; then
        ip link delete docker0 2>/dev/null
        [ -e "$run/network" ] && restore_network
    fi
    rm -rf "$run"
}

if [ "$verb" = run ]; then
    echo $$ >"$run/supervisor"
    log=$4
    shift 4
    grep -qF " $data " /proc/self/mounts && : >"$run/data-was-mounted"
    if [ -e "$run/bridge-is-ours" ]; then
        note_network >"$run/network"
        # Chains of an engine that left them: they are not ours to take away.
        firewalls | while read -r firewall; do
            $firewall -S 2>/dev/null </dev/null | grep -q '^-N DOCKER' && echo had-chains
        done >>"$run/network"
    fi
    "$@" </dev/null >"$log" 2>&1 &
    daemon=$!
    echo "$daemon" >"$run/daemon"
    cat >/dev/null
    kill -TERM "$daemon" 2>/dev/null
    gone 150 "$daemon" || kill -KILL "$daemon" 2>/dev/null
fi
clean
