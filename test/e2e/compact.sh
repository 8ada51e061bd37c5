#!/bin/sh
# A compacted topic, by another client: of each key the last value, at the
# offset it had, whatever its compression, and after a kill -9; a record
# without a key is refused; the files are those of Kafka.
. "${srcdir:-.}/test/e2e/lib.sh"
need kcat

start_broker log.cleaner.backoff.ms=20
b="--bootstrap-server $BROKER"
# shellcheck disable=SC2086
"$LEAT" topics $b --create --topic t --config cleanup.policy=compact \
    --config segment.ms=100 --config min.cleanable.dirty.ratio=0.01 \
    --config delete.retention.ms=0 > "$D/out" 2>&1 ||
    fail "create: $(cat "$D/out")"
# shellcheck disable=SC2086
"$LEAT" topics $b --describe --topic t > "$D/out" 2>&1
has "$D/out" cleanup.policy=compact || fail "describe: $(cat "$D/out")"

echo "no key" | kcat -b "$BROKER" -P -t t -X acks=all > "$D/out" 2>&1 &&
    fail "a record without a key was taken"

# 5 times 300 records over 40 keys, the last of key 7 without value.
offset=0
for codec in none gzip snappy lz4 zstd; do
	i=0
	while [ $i -lt 300 ]; do
		echo "key$((i * 7 % 40)):$codec-$i"
		echo "$offset key$((i * 7 % 40)):$codec-$i" >> "$D/all"
		i=$((i + 1))
		offset=$((offset + 1))
	done > "$D/in"
	[ $codec = none ] && z= || z="-z $codec"
	# shellcheck disable=SC2086
	kcat -b "$BROKER" -P -t t -K : $z -X acks=all < "$D/in" ||
	    fail "produce with $codec"
done
echo "key7:" | kcat -b "$BROKER" -P -t t -K : -Z || fail "no value"
echo "$offset key7:" >> "$D/all"
awk '{ split($2, f, ":"); last[f[1]] = $0 }
    END { for (k in last) if (last[k] !~ /:$/) print last[k] }' "$D/all" |
    sort -n > "$D/want"
[ "$(wc -l < "$D/want")" = 39 ] || fail "$(cat "$D/want")"

# What a consumer gets, but for the record without value, which has its time.
read_all() {
	kcat -b "$BROKER" -C -t t -o beginning -e -q -f '%o %k:%s\n' \
	    > "$D/got" 2>> "$D/kcat.err" &&
	    grep -v ':$' "$D/got" | cmp -s "$D/want" -
}
wait_until 30 read_all
ok "the last value of each key"

# The next one goes on behind; what is read now is what is there then.
echo "key0:new" | kcat -b "$BROKER" -P -t t -K : -X acks=all ||
    fail "produce behind it"
grep -v ' key0:' "$D/want" > "$D/w"
echo "$((offset + 1)) key0:new" >> "$D/w"
mv "$D/w" "$D/want"
wait_until 30 read_all
kill -9 "$BROKER_PID"
wait "$BROKER_PID" 2> /dev/null
forget "$BROKER_PID"
start_broker
read_all || fail "after kill -9: $(cat "$D/got")"
stop "$BROKER_PID"
rm "$D"/brokerdata/broker/checkpoint-?
start_broker
read_all || fail "without its checkpoint: $(cat "$D/got")"
has "$D/broker.err" damaged && fail "damaged: $(cat "$D/broker.err")"
ok "kill -9, and a lost checkpoint"

"$LEAT" dump-log "$D"/brokerdata/broker/t-0/*.log > "$D/out" 2>&1 ||
    fail "dump-log: $(cat "$D/out")"
stop "$BROKER_PID"
ok "dump-log"
