#!/bin/sh
# The Kafka sink's broker is away for a while, and comes back: nothing is
# lost, order is kept, and nothing comes twice (the producer is idempotent).
. "${srcdir:-.}/test/e2e/lib.sh"

start_broker
for channel in memory file; do
	rm -rf "$D/data" "$D/log" "$D/ledger" "$D/agent.err" && mkdir "$D/log"
	agent_conf $channel "$BROKER" | sed "s/= t1/= t-$channel/" > "$D/a.conf"
	start_agent
	"$T" feed --dir "$D/log" --files 2 --rate 3000 --lines 3000 \
	    --ledger "$D/ledger" &
	feeder=$!
	PIDS="$PIDS $feeder"
	has_records t-$channel 1000
	stop "$BROKER_PID"
	wait_until 10 has "$D/agent.err" "no broker of"
	start_broker
	wait $feeder || fail "feed"
	has_records t-$channel 6000
	check --topic t-$channel --ledger "$D/ledger"
	stop_agent
	ok "$channel: the broker stopped and came back"
done
# Started while nobody is there.
stop "$BROKER_PID"
rm -rf "$D/data" "$D/log" "$D/ledger" && mkdir "$D/log"
agent_conf file "$BROKER" | sed "s/= t1/= t-late/" > "$D/a.conf"
"$T" feed --dir "$D/log" --lines 500 --ledger "$D/ledger"
start_agent
start_broker
has_records t-late 500
check --topic t-late --ledger "$D/ledger"
stop_agent
stop "$BROKER_PID"
ok "the agent started before the broker"
