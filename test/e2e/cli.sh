#!/bin/sh
# The Kafka-side commands against the built-in broker, for people and as
# JSON; and against nobody, within seconds.
. "${srcdir:-.}/test/e2e/lib.sh"
need python3

json() {
	python3 -c "import json,sys
v = [json.loads(l) for l in sys.stdin if l.strip()] if '$1' == 'lines' \
    else json.load(sys.stdin)
assert $2, v" < "$D/out" || fail "JSON: $2: $(cat "$D/out")"
}

start_broker
b="--bootstrap-server $BROKER"
# shellcheck disable=SC2086
run() {
	"$LEAT" "$@" $b > "$D/out" 2> "$D/cli.err" ||
	    fail "leat $*: status $?: $(cat "$D/out" "$D/cli.err")"
}
run topics --create --topic alpha --partitions 3 --config retention.ms=60000
run topics --create --topic beta --replication-factor 1
run topics --list
[ "$(tr '\n' ' ' < "$D/out")" = "alpha beta " ] || fail "$(cat "$D/out")"
run topics --list -o json
json one "'alpha' in json.dumps(v) and 'beta' in json.dumps(v)"
run topics --describe --topic alpha
has "$D/out" "PartitionCount: 3" || fail "describe: $(cat "$D/out")"
run topics --describe --topic alpha -o json
json one "'alpha' in json.dumps(v)"
run topics --describe --topics-with-overrides
[ "$(cat "$D/out")" = "Topic: alpha	PartitionCount: 3	\
ReplicationFactor: 1	Configs: retention.ms=60000" ] ||
    fail "with overrides: $(cat "$D/out")"
for none in under-replicated unavailable under-min-isr; do
	run topics --describe --$none-partitions
	[ -s "$D/out" ] && fail "$none: $(cat "$D/out")"
	run topics --describe --$none-partitions -o json
	json one "v == []"
done
run topics --describe --at-min-isr-partitions --topic 'b*'
[ "$(cat "$D/out")" = "	Topic: beta	Partition: 0	Leader: 1	\
Replicas: 1	Isr: 1" ] || fail "at min ISR: $(cat "$D/out")"
run topics --alter --topic beta --partitions 2
# shellcheck disable=SC2086
"$LEAT" topics $b --create --topic alpha > "$D/out" 2>&1 &&
    fail "the same topic twice"
has "$D/out" alpha || fail "no name: $(cat "$D/out")"
run topics --create --topic alpha --if-not-exists

# shellcheck disable=SC2086
printf 'k1:v1\nk2:v2\nk1:v3\n' | "$LEAT" console-producer $b --topic alpha \
    --property parse.key=true --property key.separator=: > /dev/null ||
    fail console-producer
has_records alpha 3
run console-consumer --topic alpha --from-beginning --max-messages 3 \
    --property print.key=true
[ "$(sort "$D/out" | tr '\n\t' ' :')" = "k1:v1 k1:v3 k2:v2 " ] ||
    fail "consumed: $(cat "$D/out")"
run console-consumer --topic alpha --from-beginning --max-messages 3 -o json
json lines "sorted(x['value'] for x in v) == ['v1', 'v2', 'v3']"


# Headers, keys and nulls, in and out; what cannot be read is said by line.
lines() {
	"$LEAT" console-producer $b --topic gamma --property parse.headers=true \
	    --property parse.key=true --property null.marker=NULL "$@" \
	    > "$D/out" 2> "$D/cli.err"
}
printf 'h1:a,h2:NULL\tk1\tv1\nNULL\tNULL\tNULL\n' | lines ||
    fail "headers: $(cat "$D/cli.err")"
run console-consumer --topic gamma --from-beginning --max-messages 2 \
    --property print.headers=true --property print.key=true \
    --property print.partition=true --property print.offset=true \
    --property key.separator=/ --property null.literal=nil
[ "$(tr '\n' ' ' < "$D/out")" = "Partition:0/Offset:0/h1:a,h2:nil/k1/v1 \
Partition:0/Offset:1/NO_HEADERS/nil/nil " ] || fail "$(cat "$D/out")"
run console-consumer --topic gamma --from-beginning --max-messages 1 \
    --formatter-property print.timestamp=true
grep -qxE 'CreateTime:[0-9]{13}	v1' "$D/out" || fail "$(cat "$D/out")"
printf 'h1\tk\tv\n' | lines && fail "a header without a value"
has "$D/cli.err" "line 1: header 'h1': there is no ':' in it" ||
    fail "$(cat "$D/cli.err")"
printf 'NULL:1\tk\tv\n' | lines && fail "a header without a key"
has "$D/cli.err" "line 1: the key of a header cannot be null" ||
    fail "$(cat "$D/cli.err")"
printf 'h1\tk3\tv3\n' | lines --property ignore.error=true ||
    fail "ignore.error: $(cat "$D/cli.err")"
run console-consumer --topic gamma --partition 0 --offset 2 \
    --max-messages 1 --property print.headers=true
[ "$(cat "$D/out")" = "h1:null	v3" ] || fail "$(cat "$D/out")"
ok "headers, keys, nulls"

run console-consumer --topic alpha --group g1 --from-beginning \
    --max-messages 3
run consumer-groups --list
has "$D/out" g1 || fail "groups: $(cat "$D/out")"
run consumer-groups --describe --group g1
has "$D/out" alpha || fail "describe: $(cat "$D/out")"
run consumer-groups --describe --group g1 -o json
json one "'g1' in json.dumps(v)"
# shellcheck disable=SC2086
"$LEAT" consumer-groups $b --describe --group none > "$D/out" 2>&1 &&
    fail "a group that is not there: $(cat "$D/out")"
has "$D/out" "group none does not exist" || fail "$(cat "$D/out")"
has "$D/out" GROUP && fail "a table of nothing"
# A slip of the finger is said, whether or not the topic is made.
run console-consumer --topic alpa --timeout-ms 300
has "$D/cli.err" "topic alpa does not exist yet; did you mean alpha?" ||
    fail "a missing topic: $(cat "$D/cli.err")"
# shellcheck disable=SC2086
echo x | "$LEAT" console-producer $b --topic 'a b' > "$D/out" 2>&1 &&
    fail "a topic that cannot be"
has "$D/out" "'a b' cannot be a topic" || fail "$(cat "$D/out")"
# shellcheck disable=SC2086
"$LEAT" topics $b --alter --topic alpha > "$D/out" 2>&1
[ $? -eq 64 ] || fail "--alter without --partitions: $(cat "$D/out")"
# A second run of the group goes on behind the first; the new line may be in a
# partition that it has committed nothing of.
# shellcheck disable=SC2086
printf 'v4\n' | "$LEAT" console-producer $b --topic alpha > /dev/null ||
    fail console-producer
run console-consumer --topic alpha --group g1 --from-beginning --max-messages 1 \
    --timeout-ms 8000
[ "$(cat "$D/out")" = v4 ] || fail "the group: $(cat "$D/out")"
run consumer-groups --delete --group g1
run topics --delete --topic beta
run topics --list
has "$D/out" beta && fail "beta is still there"
stop "$BROKER_PID"
ok "topics, producer, consumer, groups"

segment=$(find "$D/brokerdata" -name '*.log' -size +0 -path '*alpha-*' |
    head -n 1)
"$LEAT" dump-log --files "$segment" --print-data-log > "$D/out" 2>&1 ||
    fail "dump-log: $(cat "$D/out")"
has "$D/out" 'payload: "v' || fail "dump-log: $(cat "$D/out")"
"$LEAT" dump-log --files "$segment" -o json > "$D/out" || fail "dump-log json"

# Nobody there.
begin=$(date +%s)
for command in "topics --list" "consumer-groups --list" \
    "console-consumer --topic x --from-beginning"; do
	# shellcheck disable=SC2086
	"$LEAT" $command $b > "$D/out" 2>&1 && fail "$command: no error"
	has "$D/out" "$BROKER" || fail "$command: $(cat "$D/out")"
done
[ $(($(date +%s) - begin)) -lt 25 ] || fail "too slow to say so"
ok "an unreachable broker"
