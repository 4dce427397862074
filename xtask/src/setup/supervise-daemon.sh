#!/bin/sh
# Runs a private container engine until this script's standard input ends, then leaves nothing behind.
# The pipe's other end is held by xtask: it closes when xtask drops it, and also when xtask is killed. Its standard output
# is the lock of RUN_FOLDER, which is free again when nothing is left: nothing is written to it, nor handed to the engine.
#
#   supervise-daemon.sh run   RUN_FOLDER DATA_FOLDER LOG COMMAND...
#   supervise-daemon.sh clean RUN_FOLDER DATA_FOLDER
#
# RUN_FOLDER may hold: `last-words`, a script that ends what the engine leaves running when it ends; `bridge-is-ours`,
# when the machine had no bridge docker0 before; `data-was-mounted`, when DATA_FOLDER was a mount before.
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
    [ -e "$run/bridge-is-ours" ] && ip link delete docker0 2>/dev/null
    rm -rf "$run"
}

if [ "$verb" = run ]; then
    echo $$ >"$run/supervisor"
    log=$4
    shift 4
    grep -qF " $data " /proc/self/mounts && : >"$run/data-was-mounted"
    "$@" </dev/null >"$log" 2>&1 &
    daemon=$!
    echo "$daemon" >"$run/daemon"
    cat >/dev/null
    kill -TERM "$daemon" 2>/dev/null
    gone 150 "$daemon" || kill -KILL "$daemon" 2>/dev/null
fi
clean
