#!/bin/sh
# leat perf: what it says of a run is what was sent and read.
. "${srcdir:-.}/test/e2e/lib.sh"
need python3

start_broker
run() {
	"$LEAT" perf "$@" --bootstrap-server "$BROKER" > "$D/out" \
	    2> "$D/cli.err"
}
good() {
	run "$@" || fail "perf $*: status $?: $(cat "$D/cli.err")"
}
json() {	# CONDITION on v, the one object
	python3 -c "import json,sys
v, = json.load(sys.stdin)
assert $1, v" < "$D/out" || fail "JSON: $1: $(cat "$D/out")"
}
like() {	# PATTERN: the whole output is one such line
	[ "$(wc -l < "$D/out")" -eq 1 ] && grep -qxE "$1" "$D/out" ||
	    fail "not like $1: $(cat "$D/out")"
}
n='[0-9]+\.[0-9]+'

good producer --topic t1 --num-records 5000 --record-size 100 \
    --producer-props acks=all linger.ms=1 --reporting-interval 0
like "5000 records sent, $n records/sec \\($n MB/sec\\), $n ms avg latency, \
$n ms max latency, $n ms 50th, $n ms 95th, $n ms 99th, $n ms 99.9th."
has_records t1 5000
consume t1 --max-messages 5000 > "$D/values"
[ "$(wc -l < "$D/values")" -eq 5000 ] || fail "$(wc -l < "$D/values") values"
grep -qvxE '[A-Z]{100}' "$D/values" && fail "other bytes than 100 letters"
# A rate is kept: 300 records at 1000 a second take no less than 299 ms.
good producer --topic t1 --num-records 300 --record-size 10 \
    --throughput 1000 -o json
json "v['topic'] == 't1' and v['records'] == 300 and v['failed'] == 0"
json "0.299 <= v['seconds'] < 10 and v['records_per_second'] < 1004"
json "0 < v['latency_p50_ms'] <= v['latency_p95_ms'] <= v['latency_p99_ms'] \
    <= v['latency_p999_ms'] <= v['latency_max_ms']"
good producer --topic t2 --num-records 10 --payload-monotonic
consume t2 --max-messages 10 > "$D/values"
seq 0 9 | cmp -s - "$D/values" || fail "monotonic: $(cat "$D/values")"
printf 'one;two\nlines;;three' > "$D/payloads"
good producer --topic t3 --num-records 200 --payload-file "$D/payloads" \
    --payload-delimiter ';'
consume t3 --max-messages 200 | sort -u > "$D/values"
[ "$(tr '\n' ' ' < "$D/values")" = "lines one three two " ] ||
    fail "payload file: $(cat "$D/values")"
good producer --topic t3 --num-records 10 --record-size 5 --print-metrics
has "$D/out" "txmsgs: 10" || fail "metrics: $(tail -n 3 "$D/out")"
printf ';;' > "$D/payloads"
run producer --topic t3 --num-records 2 --payload-file "$D/payloads" \
    --payload-delimiter ';' && fail "a file without payloads"
has "$D/cli.err" "there is no payload in it" || fail "$(cat "$D/cli.err")"
# What is refused is said and counted.
"$LEAT" topics --bootstrap-server "$BROKER" --create --topic small \
    --config max.message.bytes=1000 > /dev/null || fail "topic small"
run producer --topic small --num-records 3 --record-size 5000
[ $? -eq 1 ] || fail "too large a record: $(cat "$D/out")"
has "$D/cli.err" "records were not delivered: Broker: Message size too" ||
    fail "too large a record: $(cat "$D/cli.err")"
ok "perf producer"

good consumer --topic t1 --messages 5300
[ "$(head -n 1 "$D/out")" = "start.time, end.time, data.consumed.in.MB, \
MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, \
fetch.MB.sec, fetch.nMsg.sec" ] || fail "header: $(cat "$D/out")"
sed -i 1d "$D/out"
at='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}:[0-9]{3}'
like "$at, $at, 0.4797, $n, 5300, $n, [0-9]+, [0-9]+, $n, $n"
good consumer --topic t1 --messages 200 --group g1 -o json
json "v['records'] == 200 and v['mb'] == round(200 * 100 / 2**20, 3)"
# The group goes on where it was.
run consumer --topic t1 --messages 5300 --group g1 --timeout 500 -o json
[ $? -eq 1 ] || fail "200 records too few are no success"
json "v['records'] == 5100"
has "$D/cli.err" "5100 of 5300 records came; then none for 500 ms" ||
    fail "$(cat "$D/cli.err")"
good consumer --topic t1 --messages 5000 --show-detailed-stats --hide-header
tail -n 1 "$D/out" | grep -qE "^$at, 0, 0\\.47[0-9]+, $n, 5000, " ||
    fail "detailed: $(cat "$D/out")"
ok "perf consumer"

good latency --topic t4 --num-records 50 --record-size 200
grep -qE '^0	[0-9.]+$' "$D/out" || fail "$(cat "$D/out")"
grep -qE '^Avg latency: [0-9.]+ ms$' "$D/out" || fail "$(cat "$D/out")"
grep -qE '^Percentiles: 50th = [0-9.]+, 99th = [0-9.]+, 99.9th = ' "$D/out" ||
    fail "$(cat "$D/out")"
has_records t4 50
good latency --topic t4 --num-records 20 --producer-acks all -o json
json "v['records'] == 20 and 0 < v['latency_p50_ms'] <= v['latency_max_ms']"
ok "perf latency"
