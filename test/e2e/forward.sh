#!/bin/sh
# The Kafka sink through librdkafka into a second, separate broker: the same
# bytes, in order, over both channels, and with every codec.
. "${srcdir:-.}/test/e2e/lib.sh"

start_broker
"$T" gen --count 20000 > "$D/input"
"$T" feed --dir "$D/log" --name odd --lines 2000 --ledger "$D/ledger"
n=0
for channel in memory file; do
	codecs="none gzip snappy lz4 zstd"
	[ $channel = memory ] || codecs=lz4
	for codec in $codecs; do
		n=$((n + 1))
		rm -rf "$D/data" "$D/log/app.log"
		cp "$D/input" "$D/log/app.log"
		agent_conf $channel "$BROKER" | sed "s/= t1/= f$n/" > "$D/a.conf"
		echo "a1.sources.r1.filegroups.app = $D/log/app\\\\.log" \
		    >> "$D/a.conf"
		echo "a1.sinks.k1.kafka.producer.compression.type = $codec" \
		    >> "$D/a.conf"
		start_agent
		check --topic f$n --same "$D/input"
		stop_agent
	done
	n=$((n + 1))
	rm -rf "$D/data" "$D/log/app.log"
	agent_conf $channel "$BROKER" | sed "s/= t1/= f$n/" > "$D/a.conf"
	start_agent
	check --topic f$n --ledger "$D/ledger"
	stop_agent
	ok "$channel: byte-exact in another broker"
done
stop "$BROKER_PID"
