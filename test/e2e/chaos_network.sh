#!/bin/sh
# A network that delays, repeats and reorders the requests of transactions,
# under an unmodified librdkafka: no transaction may be torn.
. "${srcdir:-.}/test/e2e/lib.sh"

count=${LONG:+10000}
count=${count:-200}
port=$("$T" port)
at=$("$T" port)
cat > "$D/broker.conf" <<END
listeners=PLAINTEXT://127.0.0.1:$port
advertised.listeners=PLAINTEXT://127.0.0.1:$at
END
"$LEAT" broker -f "$D/broker.conf" --data-dir "$D/data" 2> "$D/broker.err" &
broker=$!
PIDS="$PIDS $broker"
wait_for 20 has "$D/broker.err" "broker is ready" || fail "no broker"
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
PIDS="$PIDS $clients"
for p in $clients; do
	wait "$p" || fail "a transaction is torn"
done
tail -q -n 1 "$D"/chaos-*.err "$D/proxy.err"
ok "$count injections"
