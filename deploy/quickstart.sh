#!/bin/sh
# quickstart.sh - from a fresh Debian 12 machine to log lines on your screen, in minutes.
#
# Installs what the build needs, builds, and follows a small tree of pods: files that containerd,
# CRI-O's conmon and a kubelet wrote, kept in tests/data/cri-samples. No cluster, no broker, no root
# (but for the packages, if some are missing). Everything it makes is in build/quickstart and in one
# scratch folder that it removes.
set -eu
cd "$(dirname "$0")/.."

samples=tests/data/cri-samples
sluice=build/quickstart/sluice
agent=

say() {
    printf '\n--- %s\n' "$*"
}

# --- build ---

say "installing what the build needs"
deploy/packages.sh build
say "building $sluice"
mkdir -p build
if ! { cmake -S . -B build/quickstart -G Ninja -DCMAKE_BUILD_TYPE=Release -DSL_TESTS=OFF &&
    cmake --build build/quickstart; } >build/quickstart.log 2>&1; then
    tail -n 30 build/quickstart.log
    exit 1
fi

# --- a node's /var/log/pods, in small ---

scratch=$(mktemp -d)
pods=$scratch/pods

stop_agent() { # SIGTERM: it finishes what it has read, saves its positions and exits
    [ -z "$agent" ] || kill -TERM "$agent" 2>/dev/null || true
    [ -z "$agent" ] || wait "$agent" || true
    agent=
}
trap 'stop_agent; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

start_agent() { # MORE-ARGUMENT...; follows the pods and keeps its positions in the scratch folder
    "$sluice" run --set "inputs.0.path=$pods" --set "state_dir=$scratch/state" \
        --set log.level=warn "$@" &
    agent=$!
}

add() { # POD/CONTAINER SAMPLE
    mkdir -p "$pods/$1"
    cp "$samples/$2" "$pods/$1/0.log"
}

cart=shop_cart-7d9f8b6c5-x2x9k_0b7a5f0e-64b1-4a0c-9d3e-5a1f0c2b7e11
add $cart/app containerd-1.6.20/basic.log
add $cart/proxy containerd-1.6.20/looklike.log
add billing_invoice-0_9c4e2d71-5f7b-4f0e-8c11-3d5b7a9e2f42/app conmon-2.1.6/tz-Asia-Tokyo.log
add billing_worker-5b6c7d8f9-q8zt4_4f1d6a3b-2e8c-4b7a-a9d0-6c3e1b5f7a83/app \
    conmon-2.1.6/slowpieces.log
add kube-system_dns-6d4b75cb6d-h7xkv_7e2a9b4c-8d1f-4c6e-b3a5-1f9d7c5e3b24/dns \
    containerd-1.6.20/badutf8.log
cp -r $samples/kubelet-1.20.2-rotated/shop_ticker-node1_* "$pods/"
rm -r "$pods"/shop_ticker-node1_*/app # 250 lines of x
log=$pods/$cart/app/0.log

write_line() { # STREAM MESSAGE, as containerd does
    printf '%s %s F %s\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)" "$1" "$2" >>"$log"
}

# --- look at it ---

say "6 containers in 3 namespaces: what is in their files, then what is written while we look
    (shop/ticker-node1: lines that a rotation cut in two are whole again, also across a .gz)"
echo
start_agent
sleep 2
for i in 1 2 3 4 5; do
    write_line stdout "order $i placed"
    sleep 0.3
done
write_line stderr "payment service is slow"
sleep 1
stop_agent

say "the agent was stopped; a line is written while it is away; it starts again, with JSON:
    that line alone arrives, because every position was kept"
echo
write_line stdout "written while the agent was away"
start_agent --set outputs.0.encoding=json >"$scratch/json"
for _ in $(seq 100); do
    [ -s "$scratch/json" ] && break
    sleep 0.1
done
sleep 1
stop_agent
cat "$scratch/json"
if [ "$(grep -c 'written while the agent was away' "$scratch/json")" != 1 ] ||
    [ "$(wc -l <"$scratch/json")" != 1 ]; then
    say "that is not what should have come: please report it"
    exit 1
fi

say "next
    $sluice run                    follow this node's /var/log/pods on your terminal (as root)
    $sluice options                every option, its default and what it does
    $sluice check -c sluice.yaml   all mistakes of a configuration at once
    conf/sluice.yaml                               a configuration to start from
    kubectl apply -f deploy/configmap.yaml -f deploy/daemonset.yaml
                                                   on every node of a cluster"
