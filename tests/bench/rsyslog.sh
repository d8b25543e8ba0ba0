#!/bin/sh
# rsyslog.sh - the agent beside rsyslog's imfile: the same tree, each to a file, on one core; one line
# of JSON each.
#
#   tests/bench/rsyslog.sh [BUILD]    a build with -DSL_BENCH=ON; default build/bench
#
# rsyslog (Debian's package) writes each line as JSON with its file's name and the constant fields of a
# pod, which it does not know; it is done when its output has as many lines as the tree. MIB and CORE
# as in run.sh; 256 MiB, since rsyslog takes its time.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-build/bench}" && pwd)
core=${CORE:-1}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

"$build/tests/mix" "$scratch/logs" --mib "${MIB:-256}" >/dev/null
lines=$(cat "$scratch"/logs/*/*/*.log | wc -l)
bytes=$(cat "$scratch"/logs/*/*/*.log | wc -c)

# measure NAME COMMAND...: until $scratch/out stands still; CPU of the process, from its start
measure() {
    name=$1
    shift
    : >"$scratch/out"
    taskset -c "$core" "$@" >/dev/null 2>"$scratch/err" &
    pid=$!
    size=0
    still=0
    while [ "$still" -lt 8 ]; do
        sleep 0.25
        now=$(stat -c %s "$scratch/out")
        [ "$now" = "$size" ] && [ "$now" -gt 0 ] && still=$((still + 1)) || still=0
        size=$now
    done
    ticks=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
    rss=$(awk '/VmHWM/ { print $2 }' /proc/$pid/status)
    kill "$pid"
    wait "$pid" || true
    awk -v name="$name" -v ticks="$ticks" -v rss="$rss" -v bytes="$bytes" -v lines="$lines" \
        -v got="$(wc -l <"$scratch/out")" -v hz="$(getconf CLK_TCK)" 'BEGIN {
            cpu = ticks / hz
            printf "{\"bench\":\"to a file\",\"agent\":\"%s\",\"lines\":%d,\"records\":%d,", name, lines, got
            printf "\"cpu_s\":%.2f,\"raw_MBps_per_core\":%.1f,\"rss_kib\":%d}\n", cpu, bytes / cpu / 1e6, rss
        }'
}

cat >"$scratch/rsyslog.conf" <<CONF
global(workDirectory="$scratch")
module(load="imfile")
main_queue(queue.size="100000")
template(name="json" type="list" option.jsonf="on") {
    property(outname="message" name="msg" format="jsonf")
    property(outname="file" name="\$!metadata!filename" format="jsonf")
    constant(outname="host" value="n1" format="jsonf")
}
input(type="imfile" file="$scratch/logs/*/*/*.log" tag="t" addMetadata="on" ruleset="out")
ruleset(name="out") { action(type="omfile" file="$scratch/out" template="json" asyncWriting="off") }
CONF
cat >"$scratch/sluice.yaml" <<YAML
inputs: [{type: kubernetes, path: $scratch/logs}]
outputs: [{name: out, type: file, path: $scratch/out}]
YAML

measure sluice "$build/sluice" run -c "$scratch/sluice.yaml" --set "state_dir=$scratch/state"
measure rsyslog rsyslogd -n -f "$scratch/rsyslog.conf" -i "$scratch/pid"
