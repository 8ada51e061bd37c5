#!/bin/sh
# kill -9 of the broker in the middle of everything that can be in the middle:
# produce, compaction, transactions, commits, rebalances, topics.  What was
# acknowledged holds, nothing aborted is seen, no offset is used twice.
. "${srcdir:-.}/test/e2e/lib.sh"

kills=${LONG:+1000}
kills=${kills:-20}
port=$("$T" port)
cat > "$D/broker.conf" <<END
listeners=PLAINTEXT://127.0.0.1:$port
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=100
END
"$T" chaos --brokers "127.0.0.1:$port" --stop "$D/enough" \
    --seed "${LEAT_SEED:-0}" ${CHAOS_ONLY:+--only $CHAOS_ONLY} \
    > "$D/chaos.err" 2>&1 &
load=$!
PIDS="$PIDS $load"
cat > "$D/then" <<END
touch "$D/enough"
while kill -0 $load 2>/dev/null; do sleep 0.05; done
grep -q '^chaos: .* checks, 0 complaints\$' "$D/chaos.err" &&
    ! grep -q ' [1-9][0-9]* complaints' "$D/chaos.err"
END
"$T" crash --kills "$kills" --seed "${LEAT_SEED:-0}" --up-ms 700 \
    --log "$D/broker.err" --ready "broker is ready" --then "sh $D/then" -- \
    "$LEAT" broker -f "$D/broker.conf" --data-dir "$D/brokerdata" ||
    fail "after $kills kills"
wait $load || fail "the checks failed"
grep ' checks, ' "$D/chaos.err"
ok "$kills kills of the broker"
