#!/bin/sh
# check_layers.sh - proves, by reading the sources alone, who includes whom:
#
#     base <- flow <- read | shape | ship <- lane <- control <- main       (a <- b: b may include a)
#
# read, shape and ship meet in lane.c, never in each other. Plugins see <sluice/plugin.h> and
# nothing else of ours. Each .c includes its own header first, which shows that the header stands
# alone. No function body holds an #if: what differs between platforms is a file of its own.
#
#     check_layers.sh [TREE]        complains as FILE:LINE: what is wrong, and exits 1
#     check_layers.sh --self-test   feeds itself a small tree for each rule: it must complain
#
# It leans on clang-format: a function's body begins with a { and ends with a } in the first column.
set -eu

check_tree() {
    cd "$1"
    # shellcheck disable=SC2046 # no name in the tree has a space
    awk '
    BEGIN {
        may["base"] = "base"
        may["flow"] = "base flow"
        may["read"] = "base flow read"
        may["shape"] = "base flow shape"
        may["ship"] = "base flow ship"
        may["lane"] = "base flow read shape ship lane"
        may["control"] = may["lane"] " control"
        may["main"] = may["control"] " cli main"
        split(may["main"], names, " ")
        for (i in names)
            layers[names[i]] = 1
    }

    function complain(what) {
        printf "%s:%d: %s\n", FILENAME, FNR, what
        bad = 1
    }

    # "agent/read/tail.c" is of layer read; agent.c, main.c and the commands may see everything
    function layer_of(path,    part) {
        split(path, part, "/")
        if (part[1] != "agent")
            return part[1] # plugins, include
        if (part[2] ~ /^lane\./)
            return "lane"
        return part[2] ~ /\./ || part[2] == "cli" ? "main" : part[2]
    }

    # the layer of an include of ours, "" for everybody else
    function layer_of_header(header,    part) {
        if (header ~ /^(lane|lanes|inputs|parts|agent)\.h$/)
            return layer_of("agent/" header)
        split(header, part, "/")
        return part[1] in layers && header ~ /\// ? part[1] : ""
    }

    # tail.c has tail.h; one file of several behind one interface (escape_sse2.c) has escape.h; the
    # commands share cli.h
    function is_own(path, header,    stem, folder) {
        stem = path
        sub(/^agent\//, "", stem)
        sub(/\.c$/, "", stem)
        if (header == stem ".h")
            return 1
        if (("agent/" stem ".h") in exists)
            return 0
        folder = stem
        sub(/\/[^\/]*$/, "", folder)
        sub(/_[^_\/]*$/, "", stem)
        return header == stem ".h" || header == folder "/" folder ".h"
    }

    FNR == 1 {
        inside = 0
        includes = 0
        layer = layer_of(FILENAME)
    }
    /^{/ { inside = 1 }
    /^}/ { inside = 0 }
    inside && /^[ \t]*#[ \t]*(if|elif|else)/ {
        complain("an #if in a function: make it a file behind one interface")
    }
    /^[ \t]*#[ \t]*include/ {
        header = $0
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
        quoted = header ~ /^"/
        sub(/^["<]/, "", header)
        sub(/[">].*$/, "", header)
        theirs = layer_of_header(header)
        includes++

        if (header ~ /\.\.\//)
            complain("includes \"" header "\": name headers from agent/ on")
        else if (layer == "plugins" && (theirs != "" || (quoted && header ~ /\//)))
            complain("a plugin includes \"" header "\": <sluice/plugin.h> is all it sees of us")
        else if (layer == "include" && (theirs != "" || quoted))
            complain("the plugin header includes \"" header "\": it stands alone")
        else if (layer in may && theirs != "" && index(" " may[layer] " ", " " theirs " ") == 0)
            complain(layer " may not include " theirs ": \"" header "\"")
        if (includes == 1 && layer in may && FILENAME ~ /\.c$/ && FILENAME != "agent/main.c" &&
            !is_own(FILENAME, header))
            complain("includes \"" header "\" first, not its own header")
    }
    BEGIN {
        for (i = 1; i < ARGC; i++)
            exists[ARGV[i]] = 1
    }
    END {
        if (NR == 0) {
            print "check_layers.sh: there are no sources here"
            bad = 1
        }
        exit bad
    }
    ' $(find agent plugins include -name '*.[ch]' 2>/dev/null | sort) </dev/null
}

# One wrong line in an otherwise right tree, and the complaint that it must bring.
expect() { # FILE CONTENT COMPLAINT
    tree=$(mktemp -d)
    mkdir -p "$tree/agent/base" "$tree/agent/cli" "$tree/agent/flow" "$tree/agent/read" \
        "$tree/agent/shape" "$tree/agent/ship" "$tree/agent/control" "$tree/plugins/output_x" \
        "$tree/include/sluice"
    for header in base/base read/tail shape/escape ship/queue cli/cli lane agent; do
        : >"$tree/agent/$header.h"
    done
    printf '%b' "$2" >"$tree/$1"
    got=$(check_tree "$tree") || true
    rm -r "$tree"
    if [ "$got" != "${3:+$1:$3}" ]; then
        printf 'for %s\n%b\nexpected: %s\ngot:      %s\n\n' "$1" "$2" "${3:+$1:$3}" "$got"
        failed=1
    fi
}

self_test() {
    failed=0
    # what is right brings no complaint
    expect agent/read/tail.c '#include "read/tail.h"\n#include "base/base.h"\n#include <uv.h>\n' ''
    expect agent/shape/escape_sse2.c '#include "shape/escape.h"\n' ''
    expect agent/cli/check.c '#include "cli/cli.h"\n#include "control/config.h"\n' ''
    expect agent/lane.c '#include "lane.h"\n#include "read/tail.h"\n#include "ship/queue.h"\n' ''
    expect agent/agent.c '#include "agent.h"\n#include "lane.h"\n#include "control/config.h"\n' ''
    expect agent/main.c '#include <uv.h>\n' ''
    expect plugins/output_x/x.c '#include <sluice/plugin.h>\n#include <uv.h>\n#include "own.h"\n' ''
    expect agent/base/base.c '#include "base/base.h"\n#if X\nint f(void)\n{\n}\n#endif\n' ''
    # upward
    expect agent/base/base.h '#include "flow/span.h"\n' \
        '1: base may not include flow: "flow/span.h"'
    expect agent/flow/span.h '#include "read/tail.h"\n' \
        '1: flow may not include read: "read/tail.h"'
    expect agent/read/tail.h '\n#include "lane.h"\n' '2: read may not include lane: "lane.h"'
    expect agent/lane.h '#include "control/config.h"\n' \
        '1: lane may not include control: "control/config.h"'
    expect agent/control/x.h '#include "agent.h"\n' '1: control may not include main: "agent.h"'
    expect agent/control/x.h '#include "cli/cli.h"\n' '1: control may not include cli: "cli/cli.h"'
    # sideways, in angle brackets too, with any spacing
    expect agent/read/tail.h '# include  <ship/queue.h>\n' \
        '1: read may not include ship: "ship/queue.h"'
    expect agent/shape/escape.h '#include "read/tail.h"\n' \
        '1: shape may not include read: "read/tail.h"'
    expect agent/ship/queue.h '#include "shape/escape.h"\n' \
        '1: ship may not include shape: "shape/escape.h"'
    expect agent/read/tail.h '#include "../ship/queue.h"\n' \
        '1: includes "../ship/queue.h": name headers from agent/ on'
    # plugins and their header
    expect plugins/output_x/x.c '#include <base/base.h>\n' \
        '1: a plugin includes "base/base.h": <sluice/plugin.h> is all it sees of us'
    expect plugins/output_x/x.c '#include "sluice/other.h"\n' \
        '1: a plugin includes "sluice/other.h": <sluice/plugin.h> is all it sees of us'
    expect include/sluice/plugin.h '#include <base/base.h>\n' \
        '1: the plugin header includes "base/base.h": it stands alone'
    # the own header first
    expect agent/read/tail.c '#include <stdio.h>\n#include "read/tail.h"\n' \
        '1: includes "stdio.h" first, not its own header'
    expect agent/read/tail.c '#include "base/base.h"\n' \
        '1: includes "base/base.h" first, not its own header'
    expect agent/cli/check.c '#include "control/config.h"\n' \
        '1: includes "control/config.h" first, not its own header'
    # no #if in a function
    expect agent/base/base.c '#include "base/base.h"\nint f(void)\n{\n#ifdef X\n#endif\n}\n' \
        '4: an #if in a function: make it a file behind one interface'
    expect plugins/output_x/x.c 'int f(void)\n{\n  # if X\n#endif\n}\n' \
        '3: an #if in a function: make it a file behind one interface'
    return $failed
}

case ${1:-} in
--self-test) self_test ;;
*) check_tree "${1:-$(dirname "$0")/../..}" ;;
esac
