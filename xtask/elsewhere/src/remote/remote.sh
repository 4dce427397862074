#!/bin/sh
# The far side of `cargo xtask run --on ssh://...`. It lies in the unpacked bundle and is called over ssh.
#
#   remote.sh start HOME RUN ARGUMENTS...   start the runner by itself, or let it go on; nothing if it is running
#   remote.sh manifest HOME RUN             wait for the run's manifest and print it
#   remote.sh follow HOME RUN OFFSET        print observations.jsonl from OFFSET on until the runner ends
#   remote.sh result HOME RUN               how the runner ended: `ended CODE`, and the end of its messages
#   remote.sh fetch HOME RUN                the complete run as an archive
#   remote.sh stop HOME RUN                 end the runner; the run can be gone on with
#
# HOME is a folder of this run alone: pid, code (once it has ended), messages.log, results/RUN.
set -u
here=$(cd "$(dirname "$0")" && pwd)

# Whether the runner works: its pid may be another program's by now, so the command line is asked as well.
alive() {
    [ ! -f "$1/code" ] && [ -f "$1/pid" ] || return 1
    tr '\0' '\n' <"/proc/$(cat "$1/pid")/cmdline" 2>/dev/null | grep -qxF -- "$1/results"
}

log_of() {
    if [ -d "$1/results/$2" ]; then
        echo "$1/results/$2/observations.jsonl"
    else
        echo "$1/results/$2.partial/observations.jsonl"
    fi
}

start() {
    home=$1 run=$2
    shift 2
    alive "$home" && return 0
    mkdir -p "$home/results" || exit 1
    rm -f "$home/pid" "$home/code"
    if [ -d "$home/results/$run" ]; then
        echo 0 >"$home/code"
        return 0
    fi
    if [ -f "$home/results/$run.partial/manifest.json" ]; then
        set -- --resume "$run" "$@"
    else
        # It was ended before it had a plan.
        rm -rf "$home/results/$run.partial"
        set -- --name "$run" "$@"
    fi
    own=$(uname -m)
    set -- "$here/weighbridge-runner" run --folder "$here/experiments" --artifacts "$here/artifacts/$own" \
        --claims "$here/claims.toml" --results "$home/results" "$@"
    # A session of its own: the end of the connection does not reach it.
    if command -v setsid >/dev/null 2>&1; then
        setsid sh "$here/remote.sh" supervise "$home" "$@" >/dev/null 2>&1 </dev/null &
    else
        nohup sh "$here/remote.sh" supervise "$home" "$@" >/dev/null 2>&1 </dev/null &
    fi
    while [ ! -f "$home/pid" ] && [ ! -f "$home/code" ]; do sleep 1; done
}

supervise() {
    home=$1
    shift
    "$@" >>"$home/messages.log" 2>&1 </dev/null &
    pid=$!
    # Whoever sees the file sees all of it.
    echo "$pid" >"$home/pid.new" && mv "$home/pid.new" "$home/pid"
    wait "$pid"
    echo $? >"$home/code.new" && mv "$home/code.new" "$home/code"
}

manifest() {
    while :; do
        # Asked before looking: what it wrote last is then seen.
        if alive "$1"; then working=yes; else working=no; fi
        for folder in "$1/results/$2" "$1/results/$2.partial"; do
            [ -f "$folder/manifest.json" ] && exec cat "$folder/manifest.json"
        done
        [ "$working" = yes ] || exit 4
        sleep 1
    done
}

follow() {
    offset=$3
    while :; do
        if alive "$1"; then working=yes; else working=no; fi
        log=$(log_of "$1" "$2")
        size=$(wc -c 2>/dev/null <"$log") || size=0
        # The torn last line of a killed runner is cut off when it goes on.
        [ "$size" -gt 0 ] && [ "$size" -lt "$offset" ] && exit 9
        if [ "$size" -gt "$offset" ]; then
            tail -c "+$((offset + 1))" "$log" | head -c "$((size - offset))" || exit 1
            offset=$((size + 0))
        fi
        [ "$working" = yes ] || exit 0
        sleep 1
    done
}

result() {
    # Named, because a login script may print something before it.
    if [ -f "$1/code" ]; then echo "ended $(cat "$1/code")"; else echo "ended gone"; fi
    tail -n 5 "$1/messages.log" 2>/dev/null
    exit 0
}

verb=$1
shift
case $verb in
start | supervise | manifest | follow | result) "$verb" "$@" ;;
fetch) exec tar -cf - -C "$1/results" "$2" ;;
stop) if alive "$1"; then kill -TERM "$(cat "$1/pid")"; fi ;;
*) echo "remote.sh: no verb $verb" >&2 && exit 2 ;;
esac
