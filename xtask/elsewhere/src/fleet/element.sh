#!/bin/sh
# One element of a fleet's job array: some blocks of one architecture, on whatever node Slurm gives.
#
#   element.sh FLEET ARCHITECTURE FROM TO RUNNER-OPTIONS...
#
# It may be ended and started again at any time, here or on another node: what is complete is kept, what is begun on this
# node is gone on with. On another node it begins anew, because a block must not be measured by two machines.
set -u
fleet=$1 architecture=$2 from=$3 to=$4
shift 4
node=${SLURMD_NODENAME:-$(hostname)}
element=$architecture-$from-$to
part=$element-$node
if [ -f "$fleet/done/$element" ]; then
    echo "$element is complete"
    exit 0
fi

# The bundle is unpacked once per node, whoever comes first.
own=$(uname -m)
digest=$(cat "$fleet/bundles/$own.digest" 2>/dev/null) || {
    echo "error: $node is of $own, and the fleet has no bundle for it" >&2
    exit 3
}
local=${WEIGHBRIDGE_NODE_FOLDER:-${TMPDIR:-/tmp}/weighbridge-$(id -u)}
mkdir -p -m 700 "$local"
if [ ! -O "$local" ]; then
    echo "error: $local on $node belongs to somebody else" >&2
    exit 3
fi
(
    flock 9
    if [ ! -f "$local/$digest/.complete" ]; then
        rm -rf "$local/$digest"
        mkdir "$local/$digest" &&
            tar -xf "$fleet/bundles/$own.tar" -C "$local/$digest" &&
            : >"$local/$digest/.complete" &&
            echo "staged $digest on $node"
    fi
    [ -f "$local/$digest/.complete" ]
) 9>"$local/$digest.lock" || exit 3
bundle=$local/$digest

if [ ! -d "$fleet/parts/$part" ]; then
    if [ -f "$fleet/parts/$part.partial/manifest.json" ]; then
        echo "$part goes on after $(wc -l <"$fleet/parts/$part.partial/observations.jsonl") trials"
        set -- "$@" --resume "$part"
    else
        # It was ended before it had a plan.
        rm -rf "$fleet/parts/$part.partial"
        set -- "$@" --name "$part" --blocks "$from..$to" --fixed --arch "$architecture"
    fi
    "$bundle/weighbridge-runner" run --folder "$bundle/experiments" --artifacts "$bundle/artifacts/$own" \
        --results "$fleet/parts" --machine "$node" --wait-for-lock "$@"
    # 1: complete, but trials failed; the log says which.
    code=$?
    [ "$code" -le 1 ] || exit "$code"
fi

# Linked, so that of two nodes that both believed to have the element the first one counts.
echo "$part" >"$fleet/done/.$part"
ln "$fleet/done/.$part" "$fleet/done/$element" 2>/dev/null || echo "another node was first"
rm -f "$fleet/done/.$part"
