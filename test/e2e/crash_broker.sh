#!/bin/sh
# kill -9 of a broker by itself, while an agent delivers to it by librdkafka:
# what was acknowledged stays, nothing is lost, and the producer being
# idempotent, nothing comes twice.
. "${srcdir:-.}/test/e2e/lib.sh"

kills=${LONG:+300}
kills=${kills:-20}
port=$("$T" port)
cat > "$D/broker.conf" <<END
listeners=PLAINTEXT://127.0.0.1:$port
num.partitions=3
END
BROKER=127.0.0.1:$port
agent_conf memory "$BROKER" > "$D/a.conf"
# Back again soon, that the kills hit it at work.
cat >> "$D/a.conf" <<END
a1.sinks.k1.kafka.producer.reconnect.backoff.max.ms = 50
END
start_agent
"$T" feed --dir "$D/log" --files 3 --rate 6000 --ledger "$D/ledger" \
    --rotate rename --rotate-every 3000 --stop "$D/enough" &
feeder=$!
PIDS="$PIDS $feeder"
cat > "$D/then" <<END
touch "$D/enough"
while kill -0 $feeder 2>/dev/null; do sleep 0.05; done
exec "$T" check --brokers $BROKER --topic t1 --ledger "$D/ledger" \\
    --timeout 60
END
"$T" crash --kills "$kills" --seed "${LEAT_SEED:-0}" --up-ms 300 \
    --log "$D/broker.err" --ready "broker is ready" --then "sh $D/then" -- \
    "$LEAT" broker -f "$D/broker.conf" --data-dir "$D/brokerdata" ||
    fail "after $kills kills"
stop_agent
ok "$kills kills of the broker"
