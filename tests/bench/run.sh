#!/bin/sh
# run.sh - how fast the agent is, beside the bare work on the same tree; one line of JSON for each run.
#
#   tests/bench/run.sh [BUILD]    a build with -DSL_BENCH=ON; default build/bench
#
# MIB and CONTAINERS change the tree, CORE the core that both are pinned to, SINK_CORE that of the far end.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-build/bench}" && pwd)
scratch=$(mktemp -d)
sink=
trap 'test -z "$sink" || kill "$sink"; rm -rf "$scratch"' EXIT INT TERM

# configure TREE OUTPUT...: sluice.yaml; the node's name is as long as the one that `bare` writes
configure() {
    cat >"$scratch/sluice.yaml" <<YAML
node: ip-10-12-33-171.eu-central-1.compute.internal
log: {format: json}
inputs:
  - type: kubernetes
    path: $1
outputs:
  - {name: bench, $2}
YAML
}

# compare NAME TREE OUTPUT [WORK]: WORK of the bare program; `read` where it does not know the format
compare() {
    configure "$2" "$3"
    "$here/yardstick/ratio.py" --name "$1" --core "${CORE:-1}" --bare "$build/tests/bare" "${4:-json}" "$2" -- \
        "$build/sluice" run -c "$scratch/sluice.yaml" --set 'state_dir={tmp}/state'
}

# A build without ISA-L has zlib instead, in both.
compare_bulk() {
    work=es-zlib
    ! "$build/sluice" version | grep -q isa-l || work=es-igzip
    taskset -c "${SINK_CORE:-0}" "$build/tests/sink" "$scratch/port" &
    sink=$!
    until [ -s "$scratch/port" ]; do sleep 0.1; done
    compare "many files, elasticsearch" "$1" "type: elasticsearch, hosts: [\"http://127.0.0.1:$(cat "$scratch/port")\"]" $work
    kill "$sink"
    wait "$sink" # what it says of itself; not 0: a body was no bulk body
    sink=
}

"$build/tests/mix" "$scratch/many" --mib "${MIB:-1024}" --containers "${CONTAINERS:-100}"
"$build/tests/mix" "$scratch/one" --mib "${MIB:-1024}" --containers 1
"$build/tests/bench_codec" "$scratch"/one/*/*/*.log
compare "many files, null" "$scratch/many" 'type: "null"'
compare "many files, json" "$scratch/many" 'type: stdout, encoding: json'
compare "one file, json" "$scratch/one" 'type: stdout, encoding: json'
compare "many files, msgpack" "$scratch/many" 'type: stdout, encoding: msgpack'
compare "many files, raw" "$scratch/many" 'type: stdout, encoding: raw'
compare "many files, two lanes, null and json" "$scratch/many" 'type: "null"}
  - {name: second, type: stdout, encoding: json'
compare_bulk "$scratch/many"
rm -r "$scratch/one"
"$build/tests/mix" "$scratch/docker" --mib "${MIB:-1024}" --containers "${CONTAINERS:-100}" --runtime docker
compare "many files, Docker, json" "$scratch/docker" 'type: stdout, encoding: json' read
"$here/live.py" "$build/sluice" steady idle lanes restart latency scrapes es
