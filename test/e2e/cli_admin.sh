#!/bin/sh
# leat configs and delete-records: each line is one that kafka-configs.sh or
# kafka-delete-records.sh takes too, but for the short forms.
. "${srcdir:-.}/test/e2e/lib.sh"
need python3

start_broker
run() {
	"$LEAT" "$@" --bootstrap-server "$BROKER" > "$D/out" 2> "$D/cli.err"
}
prints() {	# TEXT COMMAND ...: the whole output
	want=$1
	shift
	run "$@" || fail "$*: status $?: $(cat "$D/cli.err")"
	printf '%s\n' "$want" > "$D/want"
	diff "$D/want" "$D/out" > "$D/diff" || fail "$*: $(cat "$D/diff")"
}
refused() {	# STATUS TEXT COMMAND ...
	status=$1 text=$2
	shift 2
	run "$@"
	got=$?
	[ $got -eq "$status" ] || fail "$*: status $got: $(cat "$D/out")"
	has "$D/cli.err" "$text" || fail "$*: $(cat "$D/cli.err")"
}
feed() {	# TOPIC PARTITION LINES
	seq "$3" | "$LEAT" console-producer --bootstrap-server "$BROKER" \
	    --topic "$1" --partition "$2" > /dev/null || fail "feed $*"
}
begins() {	# TOPIC PARTITION VALUE: of the first record
	run console-consumer --topic "$1" --partition "$2" --offset earliest \
	    --max-messages 1 --timeout-ms 8000 || fail "console-consumer"
	[ "$(cat "$D/out")" = "$3" ] || fail "begins with $(cat "$D/out")"
}

run topics --create --topic orders --partitions 2 \
    --config retention.ms=60000 || fail "topic"
run topics --create --topic sales || fail "topic"
retention="  retention.ms=60000 sensitive=false synonyms=\
{DYNAMIC_TOPIC_CONFIG:retention.ms=60000"
run configs --describe --entity-type topics --entity-name orders ||
    fail "describe"
has "$D/out" "Dynamic configs for topic orders are:" || fail "$(cat "$D/out")"
has "$D/out" "$retention" || fail "$(cat "$D/out")"
[ "$(wc -l < "$D/out")" -eq 2 ] || fail "describe: $(cat "$D/out")"
prints "Dynamic configs for topic sales are:" configs --describe --topic sales
run configs --describe --topic orders --all || fail "describe --all"
has "$D/out" "All configs for topic orders are:" || fail "$(cat "$D/out")"
has "$D/out" "  cleanup.policy=delete sensitive=false" ||
    fail "--all: $(cat "$D/out")"
run configs --describe --entity-type topics || fail "describe all topics"
[ "$(sed -n 's/^Dynamic configs for topic \(.*\) are:/\1/p' "$D/out" |
    tr '\n' ' ')" = "orders sales " ] || fail "$(cat "$D/out")"
prints '[{"topic": "orders", "name": "retention.ms", "value": "60000", '\
'"source": "DYNAMIC_TOPIC_CONFIG", "sensitive": false, "read_only": false}]' \
    configs --describe --topic orders -o json
run configs --describe --broker 1 --all -o json || fail "broker"
python3 - "$D/out" <<'END' || fail "broker: $(cat "$D/out")"
import json, sys
v = json.load(open(sys.argv[1]))
assert {x["broker"] for x in v} == {"1"}, v
assert any(x["name"] == "num.partitions" and x["value"] == "1" for x in v), v
END
refused 1 "topic order does not exist; did you mean orders?" configs \
    --describe --topic order
refused 1 "there is no broker 7; the cluster has 1" configs --describe \
    --broker 7
ok "configs --describe"

values() {	# what is set for orders, "k=v k=v"
	run configs --describe --topic orders || fail "describe orders"
	sed -n 's/^  \([^ ]*\) sensitive=.*/\1/p' "$D/out" | tr '\n' ' '
}
is_set() {
	got=$(values)
	[ "$got" = "$1" ] || fail "set: $got, not $1"
}
# What is not named stays as it is.
prints "Completed updating config for topic orders." configs --alter \
    --topic orders --add-config 'cleanup.policy=[compact,delete]'
is_set "cleanup.policy=compact,delete retention.ms=60000 "
prints "Completed updating config for topic orders." configs --alter \
    --entity-type topics --entity-name orders \
    --add-config max.message.bytes=5000,cleanup.policy=delete \
    --delete-config retention.ms
is_set "cleanup.policy=delete max.message.bytes=5000 "
refused 1 "retention.ms is not set for it" configs --alter --topic orders \
    --delete-config retention.ms
refused 1 "; did you mean retention.ms?" configs --alter --topic orders \
    --add-config retention.mss=1
refused 1 "topic orders: " configs --alter --topic orders \
    --add-config max.message.bytes=many
is_set "cleanup.policy=delete max.message.bytes=5000 "
prints "Completed updating config for topic orders." configs --alter \
    --topic orders --delete-config cleanup.policy,max.message.bytes
is_set ""
refused 1 "topic order does not exist" configs --alter --topic order \
    --add-config retention.ms=1
# It holds after a restart of the broker.
run configs --alter --topic orders --add-config retention.ms=70000 ||
    fail "alter"
kill9 "$BROKER_PID"
start_broker
is_set "retention.ms=70000 "
run configs --alter --topic orders --delete-config retention.ms ||
    fail "delete"
ok "configs --alter"

feed orders 0 10
feed orders 1 10
prints "partition: orders-0	low_watermark: 4" delete-records \
    --topic orders --partition 0 --before-offset 4
begins orders 0 5
cat > "$D/offsets.json" <<'END'
{"partitions": [
 {"topic": "orders", "partition": 0, "offset": 6},
 {"topic": "orders", "partition": 1, "offset": -1}], "version": 1}
END
prints "partition: orders-0	low_watermark: 6
partition: orders-1	low_watermark: 10" delete-records \
    --offset-json-file "$D/offsets.json"
begins orders 0 7
prints '[{"topic": "orders", "partition": 0, "low_watermark": 7, '\
'"error": null}]' delete-records --topic orders --partition 0 \
    --before-offset 7 -o json
# Some may be refused, the others are done; it is said and is no success.
sed -i 's/6/8/; s/-1/11/' "$D/offsets.json"
refused 1 "topic orders partition 1: Broker: Offset out of range" \
    delete-records --offset-json-file "$D/offsets.json"
has "$D/out" "partition: orders-0	low_watermark: 8" || fail "$(cat "$D/out")"
has "$D/out" "partition: orders-1	error: " || fail "$(cat "$D/out")"
refused 1 "topic order does not exist; did you mean orders?" delete-records \
    --topic order --partition 0 --before-offset 1
refused 1 "there is no partition 2" delete-records --topic orders \
    --partition 2 --before-offset 1
echo '{"partitions": [{"topic": "t", "partition": "0", "offset": 1}]}' \
    > "$D/bad.json"
refused 78 "$D/bad.json: partitions[0]: \"partition\" is not" delete-records \
    --offset-json-file "$D/bad.json"
refused 78 "names no partition" delete-records --offset-json-file /dev/stdin \
    <<END
{"partitions": []}
END
ok "delete-records"
