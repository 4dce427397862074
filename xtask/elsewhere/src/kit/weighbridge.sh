#!/bin/sh
# Weighbridge from a kit: a published run, checked without building or installing anything.
#
#   ./weighbridge verify --published     is everything that the paper shows what the raw log gives?
#   ./weighbridge verify [CLAIM..]       measure on this machine what the claims compare
#           --budget 10min               go on until the claims are decided, at most so long
#           --results DIR                the folder that takes the raw logs; ./results when not given
#   ./weighbridge claims                 the claims by name
#   ./weighbridge explain KEY            the lines of the raw log that a number comes from
#
# Exit codes: 0 all hold; 1 one is contradicted, or something is not as published; 2 usage, or a
# file is at fault; 3 this machine lacks something (named; the rest is done); 4 one is undecided.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 2
claims=$here/claims.toml
calibration=$here/data/calibration.json
machine=$(uname -m)

fail() {
    code=$1
    shift
    echo "weighbridge: $*" >&2
    exit "$code"
}

published_run() {
    for folder in "$here"/data/*/; do
        if [ -f "${folder}manifest.json" ]; then
            echo "${folder%/}"
            return
        fi
    done
    fail 2 "$here/data holds no run"
}

needs_this_machine() {
    [ "$(uname -s)" = Linux ] || fail 3 "the programs of this kit need Linux; this is $(uname -s)"
    [ -d "$here/artifacts/$machine" ] ||
        fail 3 "the kit holds programs for $(ls "$here/artifacts" | tr '\n' ' '); this machine is $machine"
}

names() {
    sed -n 's/^name = "\(.*\)"$/\1/p' "$claims"
}

# A folder for what is computed: beside the kit's own files, or where temporary files go.
work_folder() {
    if [ -w "$here" ]; then echo "$here/work"; else mktemp -d; fi
}

published() {
    run=$(published_run) || exit 2
    code=0
    damaged=$(cd "$here" && sha256sum --check --quiet SHA256SUMS 2>/dev/null)
    if [ -n "$damaged" ]; then
        code=1
        echo "$damaged" | sed 's/: FAILED open or read$/: missing/; s/: FAILED$/: not the file of this kit/'
    fi
    set --
    for folder in "$here"/artifacts/*/; do
        set -- "$@" --artifacts "${folder%/}"
    done
    work=$(work_folder) || exit 2
    "$here/weighbridge-analysis" published --run "$run" --claims "$claims" \
        --calibration "$calibration" --published "$here/paper/published" \
        --sections "$here/paper/sections" --work "$work/published" "$@"
    computed=$?
    rm -rf "$work/published"
    # What the analysis says is more than that a digest differs.
    [ "$computed" -eq 0 ] || code=$computed
    exit "$code"
}

measure_and_verify() {
    budget='' results=$here/results wanted=''
    while [ $# -gt 0 ]; do
        case $1 in
        --budget)
            [ $# -ge 2 ] || fail 2 "--budget needs a time, such as 10min"
            budget=$2
            shift
            ;;
        --results)
            [ $# -ge 2 ] || fail 2 "--results needs a folder"
            results=$2
            shift
            ;;
        -*) fail 2 "no option $1; ./weighbridge help shows all" ;;
        *)
            names | grep -qxF -- "$1" || fail 2 "no claim $1; ./weighbridge claims shows all"
            wanted=${wanted:+$wanted,}$1
            ;;
        esac
        shift
    done
    needs_this_machine
    run=$(published_run) || exit 2
    [ -n "$wanted" ] || wanted=$(names | paste -sd, -)
    name=verify-$(date -u +%Y-%m-%dT%H-%M-%SZ)
    mkdir -p "$results" 2>/dev/null && [ -w "$results" ] ||
        fail 2 "$results cannot be written: name another folder by --results"
    set -- --folder "$here/experiments" --artifacts "$here/artifacts/$machine" --claims "$claims" \
        --claim "$wanted" --profile quick --results "$results" --name "$name"
    [ -z "$budget" ] || set -- "$@" --budget "$budget"
    "$here/weighbridge-runner" run "$@" >&2
    code=$?
    case $code in
    0 | 1) ;;
    *) exit "$code" ;;
    esac
    "$here/weighbridge-analysis" verify --published "$run" --here "$results/$name" \
        --claims "$claims" --claim "$wanted" --calibration "$calibration"
    code=$?
    echo "raw log: $results/$name"
    if [ "$code" -eq 4 ] && [ -z "$budget" ]; then
        echo "to measure longer: ./weighbridge verify $(echo "$wanted" | tr , ' ') --budget 10min"
    fi
    exit "$code"
}

verb=${1:-help}
[ $# -eq 0 ] || shift
case $verb in
verify)
    if [ "${1:-}" = --published ]; then
        [ $# -eq 1 ] || fail 2 "verify --published takes nothing else"
        published
    fi
    measure_and_verify "$@"
    ;;
claims) names ;;
explain)
    [ $# -eq 1 ] || fail 2 "explain takes one number, such as cold-start/healthz/-/native/time_to_first_response"
    run=$(published_run) || exit 2
    exec "$here/weighbridge-analysis" explain --run "$run" --calibration "$calibration" "$1"
    ;;
help | --help | -h) sed -n '2,/^set -u$/s/^# \{0,1\}//p' "$0" ;;
*) fail 2 "no verb $verb; ./weighbridge help shows all" ;;
esac
