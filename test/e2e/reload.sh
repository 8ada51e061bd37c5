#!/bin/sh
# SIGHUP: a good file takes effect, a bad one changes nothing and says why,
# and no record is lost or doubled.
. "${srcdir:-.}/test/e2e/lib.sh"

for channel in memory file; do
	rm -rf "$D/data" "$D/log" "$D/ledger" "$D/agent.err" && mkdir "$D/log"
	agent_conf $channel > "$D/a.conf"
	start_agent --no-reload-conf
	"$T" feed --dir "$D/log" --files 2 --rate 4000 --lines 4000 \
	    --ledger "$D/ledger" &
	feeder=$!
	PIDS="$PIDS $feeder"
	has_records t1 500

	kill -HUP "$AGENT"
	wait_until 5 has "$D/agent.err" "3 components go on, 0 stopped"

	cp "$D/a.conf" "$D/good"
	sed 's/^a1.sinks.k1.kafka.topic/a1.sinks.k1.kafka.topick/' \
	    "$D/good" > "$D/a.conf"
	kill -HUP "$AGENT"
	wait_until 5 has "$D/agent.err" "going on with the old configuration"
	has "$D/agent.err" "did you mean" || fail "no hint"

	{
		cat "$D/good"
		echo "a1.sources.r1.headers.app.reloaded = yes"
		echo "a1.sinks.k1.header.reloaded = reloaded"
	} > "$D/a.conf"
	kill -HUP "$AGENT"
	wait_until 15 has "$D/agent.err" " stopped, 2 started"
	wait $feeder || fail "feed"
	has_records t1 8000
	check --topic t1 --ledger "$D/ledger"
	consume t1 --property print.headers=true --property print.value=false \
	    > "$D/out"
	[ "$(count_of "$D/out" "reloaded:yes")" -gt 0 ] || fail "no effect"
	stop_agent
	ok "$channel: reload under load"
done
