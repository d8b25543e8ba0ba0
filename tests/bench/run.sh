#!/bin/sh
# run.sh - how fast the agent is, beside the bare work on the same tree; one line of JSON for each run.
#
#   tests/bench/run.sh [BUILD]    a build with -DSL_BENCH=ON; default build/bench
#
# MIB and CONTAINERS change the tree, CORE the core that both are pinned to, SINK_CORE that of the far end. The real Kafka
# is that of tests/servers.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-build/bench}" && pwd)
scratch=$(mktemp -d)
sink=
fields=
labels='kubernetes.labels.name: cart, kubernetes.labels.instance: cart-eu, kubernetes.labels.version: "2026.11.1",
  kubernetes.labels.component: backend, kubernetes.labels.part-of: shop, kubernetes.labels.managed-by: argocd,
  kubernetes.labels.team: storefront, kubernetes.labels.tier: critical'
trap 'test -z "$sink" || kill "$sink"; test ! -d "$scratch/kafka" || "$here/../servers/kafka.sh" kill "$scratch/kafka"
      rm -rf "$scratch"' EXIT INT TERM

# configure TREE OUTPUT...: sluice.yaml; the node's name is as long as the one that `bare` writes, and so are
# the labels, which are constant fields until the cluster is asked for them
configure() {
    cat >"$scratch/sluice.yaml" <<YAML
node: ip-10-12-33-171.eu-central-1.compute.internal
log: {format: json}
fields: {$fields}
inputs:
  - type: kubernetes
    path: $1
outputs:
  - {name: bench, $2}
YAML
}

# compare NAME TREE OUTPUT [WORK [OPTION...]]: WORK of the bare program, `read` where it does not know the format;
# options of ratio.py
compare() {
    configure "$2" "$3"
    name=$1 tree=$2 work=${4:-json}
    shift 3
    test $# -eq 0 || shift
    "$here/yardstick/ratio.py" --name "$name" --core "${CORE:-1}" --bare "$build/tests/bare" "$@" "$work" "$tree" -- \
        "$build/sluice" run -c "$scratch/sluice.yaml" --set 'state_dir={tmp}/state'
}

# A build without ISA-L has zlib instead, in both.
compare_bulk() {
    work=es-zlib
    ! "$build/sluice" version | grep -q isa-l || work=es-igzip
    taskset -c "${SINK_CORE:-0}" "$build/tests/sink" "$scratch/port" &
    sink=$!
    until [ -s "$scratch/port" ]; do sleep 0.1; done
    output="type: elasticsearch, hosts: [\"http://127.0.0.1:$(cat "$scratch/port")\"]"
    compare "many files, elasticsearch" "$1" "$output" $work
    fields=$labels
    compare "many files, elasticsearch, 8 labels" "$1" "$output" $work --meta labels
    fields=
    kill "$sink"
    wait "$sink" # what it says of itself; not 0: a body was no bulk body
    sink=
}

# compare_kafka NAME TREE CODEC HOST:PORT PAIRS
compare_kafka() {
    compare "many files, $1, $3" "$2" "type: kafka, brokers: [\"$4\"], compression: $3" "kafka-$3" --brokers "$4" --pairs "$5"
}

compare_mock_kafka() {
    taskset -c "${SINK_CORE:-0}" "$build/tests/bare" broker 4 >"$scratch/brokers" &
    sink=$!
    until [ -s "$scratch/brokers" ]; do sleep 0.1; done
    compare_kafka "kafka" "$1" lz4 "$(cat "$scratch/brokers")" 5
    for codec in none zstd gzip; do
        compare_kafka "kafka" "$1" $codec "$(cat "$scratch/brokers")" 3
    done
    kill "$sink"
    sink=
}

# What it stores goes after some seconds: it is many times the disk that a machine has to spare.
compare_real_kafka() {
    brokers=$(taskset -c "${SINK_CORE:-0}" "$here/../servers/kafka.sh" start "$scratch/kafka" --property log.retention.check.interval.ms=2000)
    "$here/../servers/kafka.sh" topic "$scratch/kafka" logs partitions=4 retention.bytes=100000000 segment.bytes=50000000 file.delete.delay.ms=1000
    compare_kafka "real kafka" "$1" lz4 "$brokers" 3
    "$here/../servers/kafka.sh" kill "$scratch/kafka"
    rm -r "$scratch/kafka"
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
compare_mock_kafka "$scratch/many"
compare_real_kafka "$scratch/many"
rm -r "$scratch/one"
"$build/tests/mix" "$scratch/docker" --mib "${MIB:-1024}" --containers "${CONTAINERS:-100}" --runtime docker
compare "many files, Docker, json" "$scratch/docker" 'type: stdout, encoding: json' read
"$here/live.py" "$build/sluice" steady idle lanes restart latency scrapes es
"$here/live_kafka.py" "$build/sluice" steady requests delay memory lanes
