#!/bin/sh
# packages.sh - installs the Debian packages that are needed and missing, by name.
#
#     packages.sh build    what the agent is built with
#     packages.sh test     that, and all that tests/run.sh uses
#
# Needs root or sudo only if something is missing. Debian 12 and later, and Ubuntu.
set -eu

build='build-essential cmake ninja-build pkg-config libuv1-dev zlib1g-dev libisal-dev libyaml-dev
libmsgpack-dev libmd-dev libmicrohttpd-dev libcurl4-openssl-dev
librdkafka-dev libssl-dev'
test='check clang clang-format clang-tidy valgrind python3 python3-msgpack
 python3-yaml prometheus maven openjdk-17-jre-headless kcat nginx-light tinyproxy-bin unzip curl openssl procps
 python3-pip'

case ${1:-} in
build) wanted=$build ;;
test) wanted="$build $test" ;;
*)
    echo "usage: packages.sh build|test" >&2
    exit 2
    ;;
esac

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "packages.sh: missing, and neither root nor sudo to install them. As root, run:" >&2
        echo "    apt-get update && apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get -qq update
# shellcheck disable=SC2086 # a list
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --no-install-recommends -y $missing >/dev/null
