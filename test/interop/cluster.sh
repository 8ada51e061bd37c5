#!/bin/sh
# The way through librdkafka: an agent's Kafka sink into another broker, which
# is killed with -9 and started again while lines come in.  Nothing is lost,
# every byte is right, and only the last batches may come twice.
. "${srcdir:-.}/test/e2e/lib.sh"

more_than() {	# N: records in t1
	"$T" count --brokers "$BROKER" --topic t1 --at-least "$1" \
	    --timeout 1 > /dev/null
}

# Each file is delivered to its end.
no_lag() {
	where_json > "$D/where"
	[ "$(grep -c '"size"' "$D/where")" -ge 2 ] && awk -F '[:,]' '
		/"size":/ { size = $2 }
		/"delivered":/ && size != "" { lag += size - $2; size = "" }
		END { exit (lag != 0) }' "$D/where"
}

for channel in memory file; do
	rm -rf "$D/data" "$D/brokerdata" "$D/log" "$D/ledger" && mkdir "$D/log"
	start_broker
	agent_conf $channel "$BROKER" > "$D/a.conf"
	start_agent
	"$T" feed --dir "$D/log" --files 2 --lines 12000 --rate 8000 \
	    --ledger "$D/ledger" --rotate rename --rotate-every 5000 &
	FEED=$!
	PIDS="$PIDS $FEED"
	for n in 2000 6000 12000; do
		wait_until 20 more_than $n
		kill9 "$BROKER_PID"
		start_broker
	done
	wait $FEED || fail "the feeder"
	forget $FEED
	has_records t1 24000
	check --topic t1 --ledger "$D/ledger" --window 20000 --rewinds 3
	wait_until 20 no_lag
	stop_agent
	kill9 "$BROKER_PID"
	start_broker
	check --topic t1 --ledger "$D/ledger" --window 20000 --rewinds 3
	stop "$BROKER_PID"
	ok "$channel: over librdkafka, the broker killed three times"
done
