#!/bin/sh
# An application of librdkafka that reads, writes and commits its offsets in
# transactions, against the built-in broker: kill -9 of the broker and of the
# application in between, and the copy is the same as what was copied, record
# by record, for who reads what is committed.
. "${srcdir:-.}/test/e2e/lib.sh"

kills=${LONG:+100}
kills=${kills:-10}
lines=${LONG:+100000}
lines=${lines:-20000}
patience=${LONG:+900}		# seconds, on a slow disk
patience=${patience:-120}
port=$("$T" port)
cat > "$D/broker.conf" <<END
listeners=PLAINTEXT://127.0.0.1:$port
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
num.partitions=1
END
start_broker
seq "$lines" > "$D/lines"
"$LEAT" console-producer --bootstrap-server "$BROKER" --topic in \
    < "$D/lines" 2> "$D/producer.err" || fail "the topic was not filled"
"$T" check --brokers "$BROKER" --topic in --same "$D/lines" > /dev/null ||
    fail "the topic was not filled"

# The application is killed and started again with the same id.
application() {	# TOPIC [flag ...]
	to=$1
	shift
	exec "$T" transform --brokers "$BROKER" --from in --to "$to" \
	    --group "g-$to" --id "tx-$to" --timeout "$patience" "$@"
}
for part in 1 2 3 4; do
	application out1 --batch 50 2>> "$D/transform.err" &
	pid=$!
	PIDS="$PIDS $pid"
	"$T" count --brokers "$BROKER" --topic out1 \
	    --at-least $((lines * part / 20)) --timeout 30 > /dev/null ||
	    fail "nothing arrives"
	kill9 $pid
done
(application out1) 2>> "$D/transform.err" || fail "the copy has no end"
"$T" check --brokers "$BROKER" --topic out1 --same "$D/lines" ||
    fail "the copy is another"
ok "the application was killed 4 times"

# The broker is killed while the application goes on.
stop "$BROKER_PID"
application out2 --batch 20 > "$D/transform.out" 2>> "$D/transform.err" &
pid=$!
PIDS="$PIDS $pid"
cat > "$D/then" <<END
while kill -0 $pid 2>/dev/null; do sleep 0.05; done
exec "$T" check --brokers $BROKER --topic out2 --same "$D/lines"
END
"$T" crash --kills "$kills" --seed "${LEAT_SEED:-0}" --up-ms 400 \
    --log "$D/broker.err" --ready "broker is ready" --then "sh $D/then" -- \
    "$LEAT" broker -f "$D/broker.conf" --data-dir "$D/brokerdata" ||
    fail "after $kills kills"
wait $pid || fail "the application gave up"
cat "$D/transform.out"
ok "$kills kills of the broker"
