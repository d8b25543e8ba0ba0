#!/bin/bash
# run.sh - installs, builds and proves everything. Ends with one line: N passed, N failed.
#
#     tests/run.sh            all of it
#     tests/run.sh PART...    some of it; the parts, in their order:
#
#         layers     who includes whom, read from the sources
#         format     clang-format has nothing to change
#         unit       unit tests and fuzz corpora, under ASan and UBSan
#         e2e        the real binary of that build, on scratch log trees
#         servers    the release build with real OpenSearch, Elasticsearch and Kafka, from packages
#         quickstart the first thing a user runs shows what it promises
#         tsan       unit tests under TSan: most run a pool thread beside the loop
#         valgrind   unit tests in an optimised build
#         release    gcc and clang, optimised, without a warning
#         tidy       clang-tidy has nothing to say
#
# Each test counts one, and so does each build or check. A skipped test is named at the end; with
# SL_CI=1 it has failed. Builds and logs stay in build/.
set -u
cd "$(dirname "$0")/.." || exit 1

jobs=$(nproc)
logs=build/logs
passed=0
failed=0
skipped=()

# --- counting ---

say() { # RESULT SECONDS NAME
    printf '%-7s %5ss  %s\n' "$1" "$2" "$3"
}

# Runs one command as one test. Its output is shown if it fails.
check() { # NAME COMMAND...
    local name=$1 log=$logs/${1//[^a-z0-9]/-}.log start=$SECONDS
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        say ok $((SECONDS - start)) "$name"
        return 0
    fi
    failed=$((failed + 1))
    say FAILED $((SECONDS - start)) "$name"
    head -n 100 "$log" | sed 's/^/    /'
    echo "    (all of it: $log)"
    return 1
}

# Runs a build's tests, shown as they end; each counts.
run_ctest() { # BUILD CTEST-ARGUMENT...
    local build=$1 log=$logs/$1-ctest.log ok bad skips
    shift
    "${launcher[@]}" ctest --test-dir "build/$build" -j "$jobs" --output-on-failure \
        --no-tests=error "$@" 2>&1 </dev/null | tee "$log"
    ok=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$log")
    mapfile -t skips < <(grep -F '***Skipped' "$log" |
        sed -nE "s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) .*/$build: \1/p")
    bad=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*(\*\*\*|Exception)' "$log")
    bad=$((bad - ${#skips[@]}))
    grep -q ' tests passed, ' "$log" || bad=$((bad + 1)) # it did not come to its end
    count "$ok" "$bad" "${skips[@]}"
}

count() { # PASSED FAILED SKIPPED-NAME...
    passed=$((passed + $1))
    failed=$((failed + $2))
    shift 2
    skipped+=("$@")
}

# Runs end-to-end tests on a build, some files at a time, for they mostly wait; each test counts.
run_python() { # BUILD FILE...
    local build=$1 file folder=${folder:-tests/e2e}
    shift
    export folder
    printf '%s\n' "$@" | SLUICE_BUILD=$PWD/build/$build PYTHONDONTWRITEBYTECODE=1 xargs -P $((2 * jobs)) -n 1 \
        bash -c 'log=$0-$1.log; python3 -m unittest discover -v -s "$folder" -p "$1" >"$log" 2>&1 </dev/null
                 flock "${0%/*}" cat "$log"' "$logs/$build"
    for file in "$@"; do
        count_python "$logs/$build-$file.log" "$build: $file"
    done
}

count_python() { # LOG NAME
    local ran bad skips
    ran=$(sed -nE 's/^Ran ([0-9]+) tests? in .*/\1/p' "$1" | tail -1)
    mapfile -t skips < <(sed -nE "s/^(.*\.\.\. )?skipped (['\"].*['\"])$/\1\2/p" "$1")
    bad=$(grep '^FAILED (' "$1" | tail -1 | tr '(,)' '\n' |
        awk -F= '/failures|errors|unexpected/ { n += $2 } END { print n + 0 }')
    # none found, or it did not come to its end
    [ "${ran:-0}" -gt 0 ] && grep -qE '^(OK|FAILED)' "$1" || bad=$((bad + 1))
    [ "$bad" = 0 ] || echo "FAILED $2: $bad of ${ran:-0} tests ($1)"
    ran=$((${ran:-0} - bad - ${#skips[@]}))
    count $((ran > 0 ? ran : 0)) "$bad" "${skips[@]}"
}

# --- building ---

build() { # NAME CMAKE-ARGUMENT...
    local name=$1 ccache=()
    shift
    command -v ccache >/dev/null && ccache=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    check "build $name" make_build "$name" -DSL_WERROR=ON "${ccache[@]}" "$@"
}

make_build() { # NAME CMAKE-ARGUMENT...
    cmake -S . -B "build/$1" -G Ninja "${@:2}" && cmake --build "build/$1" -j "$jobs" -- --quiet
}

build_asan() {
    build_once asan -DCMAKE_BUILD_TYPE=Debug -DSL_SANITIZE=address
}

build_release() {
    build_once release -DCMAKE_BUILD_TYPE=Release -DSL_BENCH=ON
}

declare -A built # by name: 0, or that it failed

build_once() { # NAME CMAKE-ARGUMENT...
    if [ -z "${built[$1]:-}" ]; then
        build "$@"
        built[$1]=$?
    fi
    return "${built[$1]}"
}

sources() {
    find agent include plugins tests -name '*.[ch]' -not -path 'tests/data/*' | sort
}

# --- the parts ---

launcher=(env)

run_layers() {
    check "layers" tests/unit/check_layers.sh
    check "layers: the check itself" tests/unit/check_layers.sh --self-test
}

run_format() {
    # shellcheck disable=SC2046 # no name in the tree has a space
    check "format" clang-format --dry-run -Werror $(sources)
}

run_unit() {
    build_asan && run_ctest asan
}

run_e2e() {
    # shellcheck disable=SC2046 # no name has a space
    build_asan && run_python asan $(cd tests/e2e && ls test_*.py)
    # what a process holds, and how soon it answers, can only be judged without a sanitizer
    build_release && run_python release test_pods.py test_stall.py test_lanes.py
}

run_servers() {
    check "fetch servers" tests/servers/fetch.sh opensearch-2 elasticsearch-8 front kafka-4 kafka-3 || return
    # shellcheck disable=SC2046 # no name has a space
    build_release && folder=tests/integration run_python release $(cd tests/integration && ls test_*.py)
}

run_quickstart() {
    check "quickstart" quickstart
}

quickstart() { # a line that a rotation cut in two, and one that was written while we looked
    deploy/quickstart.sh | tee "$logs/quickstart.out"
    [ "${PIPESTATUS[0]}" = 0 ] && grep -q 'line 2 begins .* line 2 ends$' "$logs/quickstart.out" &&
        grep -q 'order 5 placed$' "$logs/quickstart.out"
}

run_tsan() {
    build tsan -DCMAKE_BUILD_TYPE=Debug -DSL_SANITIZE=thread || return
    # TSan of gcc 12 cannot place its shadow where the kernel randomises more than 28 bits
    setarch -R true 2>/dev/null && launcher=(setarch -R)
    run_ctest tsan -R '^unit/'
    launcher=(env)
}

run_valgrind() {
    # CMake puts the emulator before each test's program: valgrind is one
    build valgrind -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        "-DCMAKE_CROSSCOMPILING_EMULATOR=valgrind;-q;--leak-check=full;--error-exitcode=99;--suppressions=$PWD/tests/unit/valgrind.supp" ||
        return
    CK_TIMEOUT_MULTIPLIER=10 run_ctest valgrind -R '^unit/'
}

run_release() {
    build_release
    build clang -DCMAKE_BUILD_TYPE=Release -DSL_BENCH=ON -DCMAKE_C_COMPILER=clang
}

run_tidy() {
    check "tidy" tidy
}

tidy() {
    cmake -S . -B build/tidy -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
        -DSL_BENCH=ON || return
    sources | grep '\.c$' | xargs -P "$jobs" -n 1 clang-tidy -p build/tidy --quiet
}

parts=(layers format unit e2e servers quickstart tsan valgrind release tidy)
for part in "$@"; do
    if [[ " ${parts[*]} " != *" $part "* ]]; then
        echo "run.sh: no part \"$part\"; there are: ${parts[*]}" >&2
        exit 2
    fi
done
deploy/packages.sh test || exit 1
mkdir -p "$logs"
for part in "${parts[@]}"; do
    if [ $# = 0 ] || [[ " $* " == *" $part "* ]]; then
        printf '\n== %s\n' "$part"
        "run_$part"
    fi
done

echo
for name in "${skipped[@]}"; do
    echo "SKIPPED $name"
done
if [ "${SL_CI:-}" = 1 ]; then
    failed=$((failed + ${#skipped[@]}))
fi
echo "${#skipped[@]} skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
