#!/bin/bash
# selftest.sh - proves this kit: starts every server and checks what it really answers in each recipe of README.md.
#
#   selftest.sh [NAME...]    NAME: kafka-4 kafka-3 opensearch-3 opensearch-2 elasticsearch-8 elasticsearch-7 security front,
#                            all of these without a NAME
set -uo pipefail
case ${1-} in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac

HERE=$(cd "$(dirname "$0")" && pwd)
WORK=$(mktemp -d)
PASSED=0 FAILED=0
trap 'stop_all; rm -rf "$WORK"' EXIT

stop_all() {
    local dir
    for dir in "$WORK"/*/; do
        [ ! -f "$dir/pid" ] || "$(cat "$dir/script")" kill "$dir"
    done
}

# begin SCRIPT DIR [OPTION...]: a fresh server in $WORK/DIR.
begin() {
    [ ! -f "$WORK/$2/pid" ] || "$HERE/$1.sh" stop "$WORK/$2"
    rm -rf "${WORK:?}/$2"
    mkdir "$WORK/$2"
    echo "$HERE/$1.sh" >"$WORK/$2/script"
    "$HERE/$1.sh" start "$WORK/$2" "${@:3}" >/dev/null || exit 1
}

# on DIR COMMAND [ARG...]: a subcommand of the script that runs the server in $WORK/DIR.
on() {
    "$(cat "$WORK/$1/script")" "$2" "$WORK/$1" "${@:3}"
}

# expect NAME PATTERN COMMAND...: what the command prints, on one line, matches the extended regular expression.
expect() {
    local answer
    answer=$("${@:3}" 2>&1 </dev/null | tr -s ' \n' ' ')
    if [[ $answer =~ $2 ]]; then
        PASSED=$((PASSED + 1))
        echo "ok     $NAME: $1"
    else
        FAILED=$((FAILED + 1))
        echo "FAILED $NAME: $1: wanted $2, got: ${answer:0:600}"
    fi
}

### Elasticsearch and OpenSearch

# bulk DIR QUERY LINE...: sends the lines to _bulk; prints each item's status and error, and the status of the whole.
bulk() {
    local filter='filter_path=errors,items.*.status,items.*.error.type,error.type'
    printf '%s\n' "${@:3}" | on "$1" curl "/_bulk?$filter&$2" --data-binary @- --write-out ' HTTP %{http_code}' --max-time 30
}

# set_index DIR INDEX SETTINGS
set_index() {
    on "$1" curl "/$2/_settings" -X PUT --data "$3" --output /dev/null
}

documents() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "{\"index\":{\"_index\":\"many\"}}\n{\"message\":\"line %d of many\"}\n", i }'
}

count() {
    on "$1" curl '/many/_count?filter_path=count'
}

# test_search PRODUCT VERSION
test_search() {
    local d=$1-$2 doc='{"message":"x"}' index='{"index":{"_index":"a"}}' rejected=rejected_execution_exception i
    begin "$1" "$d" --version "$2"

    documents 100000 | split --lines 20000 --filter="'$HERE/$1.sh' curl '$WORK/$d' /_bulk --data-binary @- --output /dev/null" -
    on "$d" curl /many/_refresh -X POST --output /dev/null
    expect '100,000 documents are counted' '"count":100000}' count "$d"
    on "$d" kill
    expect 'a killed server refuses' 'refused|connect to' on "$d" curl /
    on "$d" restart
    expect 'and are all there after SIGKILL and a restart' '"count":100000}' count "$d"
    on "$d" pause
    expect 'a paused server says nothing' 'timed out' on "$d" curl / --max-time 1
    on "$d" resume

    expect 'the same id twice' '201.*409.*version_conflict_engine_exception.*HTTP 200' \
        bulk "$d" '' '{"create":{"_index":"a","_id":"1"}}' "$doc" '{"create":{"_index":"a","_id":"1"}}' "$doc"
    on "$d" curl /m -X PUT --data '{"mappings":{"properties":{"n":{"type":"long"}}}}' --output /dev/null
    expect 'mapping conflict' '400.*(mapper|document)_parsing_exception.*HTTP 200' bulk "$d" '' '{"index":{"_index":"m"}}' '{"n":"x"}'
    on "$d" curl /s -X PUT --data '{"mappings":{"dynamic":"strict"}}' --output /dev/null
    expect 'unknown field' '400.*strict_dynamic_mapping_exception.*HTTP 200' bulk "$d" '' '{"index":{"_index":"s"}}' "$doc"
    on "$d" curl /f -X PUT --data '{"settings":{"index.mapping.total_fields.limit":1}}' --output /dev/null
    expect 'too many fields' '400.*(illegal_argument|document_parsing|mapper_parsing)_exception.*HTTP 200' \
        bulk "$d" '' '{"index":{"_index":"f"}}' '{"n":1,"m":2}'
    set_index "$d" a '{"index.blocks.read_only_allow_delete":true}'
    expect 'disk full: index read-only' '429.*cluster_block_exception.*HTTP 200' bulk "$d" '' "$index" "$doc"
    set_index "$d" a '{"index.blocks.read_only_allow_delete":null}'
    expect 'and lifted' '201.*HTTP 200' bulk "$d" '' "$index" "$doc"
    set_index "$d" a '{"index.blocks.write":true}'
    expect 'index write-blocked' '403.*cluster_block_exception.*HTTP 200' bulk "$d" '' "$index" "$doc"
    on "$d" curl /a/_close -X POST --output /dev/null
    expect 'index closed' '40[03].*(index_closed|cluster_block)_exception.*HTTP 200' bulk "$d" '' "$index" "$doc"
    on "$d" curl '/u?wait_for_active_shards=0' -X PUT --output /dev/null \
        --data '{"settings":{"index.routing.allocation.require.box":"none"}}'
    expect 'primary unavailable' '503.*unavailable_shards_exception.*HTTP 200' bulk "$d" timeout=1s '{"index":{"_index":"u"}}' "$doc"
    expect 'pipeline missing' '400.*illegal_argument_exception.*HTTP 200' bulk "$d" pipeline=none '{"index":{"_index":"b"}}' "$doc"
    expect 'id of 513 bytes fails the whole request' 'action_request_validation_exception.*HTTP 400' \
        bulk "$d" '' "{\"index\":{\"_index\":\"b\",\"_id\":\"$(printf '%513s' '' | tr ' ' x)\"}}" "$doc"
    expect 'not JSON: an action fails the whole request' '(parse|illegal_argument)_exception.*HTTP 400' bulk "$d" '' nonsense "$doc"
    expect 'not JSON: a document fails alone' '400.*parsing_exception.*201.*HTTP 200' \
        bulk "$d" '' '{"index":{"_index":"b"}}' '{"message":x}' '{"index":{"_index":"b"}}' "$doc"
    expect 'gzip' '201.*HTTP 200' gzip_bulk "$d" '{"index":{"_index":"b"}}' "$doc"
    [ "$d" = elasticsearch-7 ] || test_data_streams "$d"

    begin "$1" "$d" --version "$2" --property thread_pool.write.size=1 --property thread_pool.write.queue_size=1 \
        --property action.auto_create_index=false --property http.max_content_length=1mb
    expect 'index missing' '404.*index_not_found_exception.*HTTP 200' bulk "$d" '' "$index" "$doc"
    expect '413' 'HTTP 413' on "$d" curl /_bulk --data-binary "@$(large_file)" --write-out 'HTTP %{http_code}'
    on "$d" curl /many -X PUT --data '{"settings":{"number_of_shards":8}}' --output /dev/null
    documents 3000 >"$WORK/docs"
    for i in 1 2 3 4; do
        on "$d" curl '/_bulk?filter_path=items.*.status,items.*.error.type,error.type' --data-binary "@$WORK/docs" >"$WORK/answer.$i" &
    done
    wait
    expect 'write queue full' "429.*$rejected" grep -h -o -m 1 "429[^}]*$rejected\|$rejected.*429" "$WORK"/answer.{1,2,3,4}

    begin "$1" "$d" --version "$2" --property indexing_pressure.memory.limit=1kb
    expect 'indexing pressure fails the whole request' "$rejected.*HTTP 429" bulk "$d" '' "$index" "{\"message\":\"$(printf '%2000s' '')\"}"
    on "$d" stop
}

test_data_streams() {
    on "$1" curl /_index_template/t -X PUT --data '{"index_patterns":["logs-*"],"data_stream":{},"priority":500}' --output /dev/null
    expect 'data stream' '201.*HTTP 200' bulk "$1" '' '{"create":{"_index":"logs-x-y"}}' '{"@timestamp":"2026-11-23T00:00:00.123456789Z"}'
    expect 'data stream: only create' '400.*illegal_argument_exception.*HTTP 200' \
        bulk "$1" '' '{"index":{"_index":"logs-x-y"}}' '{"@timestamp":"2026-11-23T00:00:00Z"}'
    expect 'data stream: no @timestamp' '400.*parsing_exception.*HTTP 200' bulk "$1" '' '{"create":{"_index":"logs-x-y"}}' '{"message":"x"}'
}

gzip_bulk() {
    printf '%s\n' "${@:2}" | gzip |
        on "$1" curl /_bulk --header 'content-encoding: gzip' --data-binary @- --write-out ' HTTP %{http_code}'
}

large_file() {
    [ -f "$WORK/large" ] || head -c 1200000 /dev/zero | tr '\0' ' ' >"$WORK/large"
    echo "$WORK/large"
}

### Elasticsearch's own security

test_security() {
    local version d=security ca
    for version in 8 7; do
        NAME=security-$version
        begin elasticsearch "$d" --version "$version" --user sluice:secret --user reader:secret:viewer --user writer:secret:adder --tls
        echo 'adder: {indices: [{names: ["a*"], privileges: [create_doc, auto_configure]}]}' >"$WORK/$d/config/roles.yml"
        on "$d" restart
        ca=$WORK/$d/config/tls/ca.crt
        expect 'login' '"status"' on "$d" curl '/_cluster/health'
        expect 'no login' 'security_exception.*HTTP 401' https "$d" "$ca" --data ''
        expect 'wrong password' 'security_exception.*HTTP 401' https "$d" "$ca" --user sluice:wrong
        expect 'a role without the right' 'security_exception.*HTTP 403' https "$d" "$ca" --user reader:secret
        expect 'a role that may only create' '"errors":false.*HTTP 200' https_create "$d" "$ca" --user writer:secret
        expect 'and may not index: the item fails' '"errors":true.*403.*security_exception.*HTTP 200' https "$d" "$ca" --user writer:secret
        expect 'invalid API key' 'security_exception.*HTTP 401' https "$d" "$ca" --header 'authorization: ApiKey bm86bm8='
        expect 'unknown authority' 'SSL certificate problem' https "$d" /etc/ssl/certs/ca-certificates.crt
        begin elasticsearch "$d" --version "$version" --user sluice:secret --tls --cert expired --client-cert
        expect 'no client certificate' 'bad certificate|certificate required|alert|reset' https "$d" "$ca" --user sluice:secret --insecure
        expect 'expired' 'certificate has expired' https "$d" "$WORK/$d/config/tls/ca.crt" --user sluice:secret
        on "$d" stop
    done
}

# https DIR CA [CURL-ARG...]: a bulk request with nothing of what the server's own curl knows.
https() {
    printf '{"%s":{"_index":"a"}}\n{"message":"x"}\n' "${ACTION-index}" |
        curl --silent --show-error --cacert "$2" --header 'content-type: application/json' --data-binary @- \
            --write-out ' HTTP %{http_code}' "${@:3}" "$(on "$1" url)/_bulk"
}

https_create() {
    ACTION=create https "$@"
}

### nginx in front

test_front() {
    local d=front
    begin opensearch behind --version 2
    begin front "$d" --to "$(on behind url)" --tls --user sluice:secret --max-body 1m
    expect 'passes on' '"errors":false.*HTTP 200' https "$d" "$WORK/$d/tls/ca.crt" --user sluice:secret
    expect 'wrong password' 'HTTP 401' https "$d" "$WORK/$d/tls/ca.crt" --user sluice:wrong
    expect 'unknown authority' 'SSL certificate problem' https "$d" /etc/ssl/certs/ca-certificates.crt
    expect 'too large' 'HTTP 413' on "$d" curl /_bulk --data-binary "@$(large_file)" --write-out ' HTTP %{http_code}'
    on "$d" fault 429 7
    expect '429 with Retry-After' 'retry-after: 7|Retry-After: 7' on "$d" curl / --include
    on "$d" fault 503
    expect '503' 'HTTP/1.1 503' on "$d" curl / --include
    on "$d" fault drop
    expect 'no answer' 'Empty reply' on "$d" curl /
    on "$d" fault slow
    expect 'a slow answer' 'timed out' on "$d" curl /_cluster/health --max-time 2
    on "$d" fault none
    expect 'and well again' '"status"' on "$d" curl /_cluster/health
    on behind kill
    expect 'server behind is down' 'HTTP/1.1 502' on "$d" curl / --include
    on behind restart
    begin front "$d" --to "$(on behind url)" --authorization 'ApiKey c2x1aWNl'
    expect 'API key' '"errors":false.*HTTP 200' https "$d" /dev/null --header 'authorization: ApiKey c2x1aWNl'
    expect 'another API key' 'HTTP 401' https "$d" /dev/null --header 'authorization: ApiKey bm8='
    begin front "$d" --to "$(on behind url)" --tls --client-cert --rate 1r/s
    expect 'no client certificate' 'HTTP 400' https "$d" "$WORK/$d/tls/ca.crt"
    on "$d" curl / --output /dev/null
    expect 'rate limit' 'HTTP/1.1 429' on "$d" curl / --include
    on "$d" stop
}

### Kafka

# produce DIR TOPIC TEXT [KCAT-ARG...]: one message; librdkafka gives up after 4 s, and says why at once.
produce() {
    local output
    output=$(printf %s "$3" | timeout 30 kcat -P -b "$(on "$1" url)" -t "$2" -X message.timeout.ms=4000 -X debug=msg \
        -X topic.metadata.propagation.max.ms=1000 "${@:4}" 2>&1) && echo delivered
    grep -v '^%7' <<<"$output"
    grep -o 'encountered error: [^(]*' <<<"$output" | head -n 1
}

# consumed DIR TOPIC: the least message, the greatest, and how many there are.
consumed() {
    kcat -C -q -e -b "$(on "$1" url)" -t "$2" -o beginning | sort -n | awk 'NR == 1 { first = $0 } END { print first, $0, NR }'
}

# kafka_login DIR PASSWORD: lists the topics with Kafka's own client, by SCRAM.
kafka_login() {
    cat >"$WORK/client" <<CONF
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=$WORK/$1/tls/ca.crt
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="sluice" password="$2";
CONF
    java -cp "$(<"$WORK/$1/config/home")/*" org.apache.kafka.tools.TopicCommand --bootstrap-server "$(on "$1" url)" \
        --command-config "$WORK/client" --list
}

# test_kafka VERSION
test_kafka() {
    local d=kafka mechanism tls cert
    begin kafka "$d" --version "$1" --property auto.create.topics.enable=false
    on "$d" topic many >/dev/null
    seq 100000 | kcat -P -b "$(on "$d" url)" -t many
    expect '100,000 messages are consumed' '^1 100000 100000 $' consumed "$d" many
    on "$d" kill
    expect 'a killed broker refuses' 'Connection refused' produce "$d" many x
    on "$d" restart
    expect 'and are all there after SIGKILL and a restart' '^1 100000 100000 $' consumed "$d" many
    on "$d" pause
    expect 'a paused broker says nothing' 'Timed out' produce "$d" many x -X socket.timeout.ms=1000
    on "$d" resume

    expect 'topic missing' 'Unknown topic' produce "$d" none x
    on "$d" topic small max.message.bytes=1000 >/dev/null
    expect 'message too large' 'Broker: Message size too large' produce "$d" small "$(printf '%5000s' x)" -X compression.codec=none
    on "$d" alter small max.message.bytes=10000 >/dev/null
    expect 'and allowed' '^delivered' produce "$d" small "$(printf '%5000s' x)"

    begin kafka second --version "$1" --join "$WORK/$d"
    on "$d" topic two replicas=2 min.insync.replicas=2 >/dev/null
    expect 'two replicas' '^delivered' produce "$d" two first
    on second kill
    sleep 4
    expect 'not enough replicas' 'Not enough in-sync replicas' produce "$d" two second
    on second restart
    expect 'enough again' '^delivered' produce "$d" two third
    expect 'and what was refused is not there' '^first third 2 $' consumed "$d" two
    on second stop

    begin kafka "$d" --version "$1" --tls --client-cert
    tls=$WORK/$d/tls
    local ssl=(-X security.protocol=ssl -X "ssl.ca.location=$tls/ca.crt")
    local client=(-X "ssl.certificate.location=$tls/client.crt" -X "ssl.key.location=$tls/client.key")
    expect 'TLS with a client certificate' '^delivered' produce "$d" t x "${ssl[@]}" "${client[@]}"
    expect 'no client certificate' 'alert' produce "$d" t x "${ssl[@]}"
    expect 'unknown authority' 'certificate verify failed' produce "$d" t x -X security.protocol=ssl
    expect 'plain text to a TLS port' 'Disconnected' produce "$d" t x
    on "$d" stop
    for cert in expired wronghost stranger; do
        on "$d" start --tls --version "$1" --cert "$cert" >/dev/null
        expect "$cert certificate" 'certificate verify failed' produce "$d" t x "${ssl[@]}" -X ssl.endpoint.identification.algorithm=https
        on "$d" stop
    done

    begin kafka "$d" --version "$1" --sasl sluice:secret --tls
    local login=(-X security.protocol=sasl_ssl -X "ssl.ca.location=$tls/ca.crt" -X sasl.username=sluice)
    on "$d" topic t >/dev/null
    expect 'SCRAM by the Java client' '^t $' kafka_login "$d" secret
    expect 'SCRAM by the Java client, wrong password' 'invalid credentials' kafka_login "$d" wrong
    for mechanism in PLAIN SCRAM-SHA-256 SCRAM-SHA-512; do
        # Kafka 4 refuses SCRAM of librdkafka before 2.6.1, and Debian 12's is older: see README.md.
        [[ $1 = 3 || $mechanism = PLAIN ]] || continue
        expect "$mechanism" '^delivered' produce "$d" t x "${login[@]}" -X "sasl.mechanism=$mechanism" -X sasl.password=secret
        expect "$mechanism, wrong password" 'Authentication failed' produce "$d" t x "${login[@]}" -X "sasl.mechanism=$mechanism" -X sasl.password=wrong
    done
    on "$d" stop
}

[ $# -gt 0 ] || set -- kafka-4 kafka-3 opensearch-3 opensearch-2 elasticsearch-8 elasticsearch-7 security front
for NAME in "$@"; do
    case $NAME in
    kafka-*) "$HERE/fetch.sh" "$NAME" && test_kafka "${NAME#*-}" ;;
    opensearch-* | elasticsearch-*) "$HERE/fetch.sh" "$NAME" && test_search "${NAME%-*}" "${NAME#*-}" ;;
    security) "$HERE/fetch.sh" elasticsearch-8 elasticsearch-7 && test_security ;;
    front) "$HERE/fetch.sh" opensearch-2 front && test_front ;;
    *) echo "no such test: $NAME" >&2 && exit 2 ;;
    esac
done
echo "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
