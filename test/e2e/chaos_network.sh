#!/bin/sh
# A network that delays, repeats and reorders the requests of transactions,
# under an unmodified librdkafka: no transaction may be torn, and a copy whose
# offsets are committed with it has every record once.
. "${srcdir:-.}/test/e2e/lib.sh"

count=${LONG:+10000}
count=${count:-200}
lines=${LONG:+100000}
lines=${lines:-5000}
port=$("$T" port)
at=$("$T" port)
cat > "$D/broker.conf" <<END
listeners=PLAINTEXT://127.0.0.1:$port
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
END
start_broker
seq "$lines" > "$D/lines"
"$LEAT" console-producer --bootstrap-server "$BROKER" --topic in \
    < "$D/lines" 2> "$D/producer.err" || fail "the topic was not filled"
stop "$BROKER_PID"
echo "advertised.listeners=PLAINTEXT://127.0.0.1:$at" >> "$D/broker.conf"
start_broker

"$T" proxy --listen "$at" --to "$port" --count "$count" \
    --seed "${LEAT_SEED:-0}" --done "$D/enough" 2> "$D/proxy.err" &
PIDS="$PIDS $!"
wait_for 10 has "$D/proxy.err" ready || fail "no proxy"
clients=
for n in 1 2 3 4 5 6 7 8; do
	"$T" chaos --brokers "127.0.0.1:$at" --stop "$D/enough" --only txn \
	    --name $n --seed "${LEAT_SEED:-0}" > "$D/chaos-$n.err" 2>&1 &
	clients="$clients $!"
done
"$T" transform --brokers "127.0.0.1:$at" --from in --to out --group g \
    --id tx --batch 20 --timeout 500 > "$D/transform.err" 2>&1 &
copy=$!
PIDS="$PIDS $clients $copy"
wait $copy || fail "the copy has no end"
"$T" check --brokers "127.0.0.1:$at" --topic out --same "$D/lines" ||
    fail "the copy is another"
for p in $clients; do
	wait "$p" || fail "a transaction is torn"
done
tail -q -n 1 "$D"/chaos-*.err "$D/proxy.err"
ok "$count injections"
