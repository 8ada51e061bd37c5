#!/bin/sh
# kill -9 of the agent at random moments over a file channel, files being
# written and rotated all the time: no line is lost, and what comes twice is
# a run of the recent past.
. "${srcdir:-.}/test/e2e/lib.sh"

kills=${LONG:+300}
kills=${kills:-20}
agent_conf file > "$D/a.conf"
"$T" feed --dir "$D/log" --files 3 --rate 6000 --ledger "$D/ledger" \
    --rotate rename --rotate-every 1500 --stop "$D/enough" &
feeder=$!
PIDS="$PIDS $feeder"

cat > "$D/then" <<END
touch "$D/enough"
while kill -0 $feeder 2>/dev/null; do sleep 0.05; done
at=\$(sed -n 's/.*broker at //p' "$D/agent.err" | tail -n 1)
exec "$T" check --brokers \$at --topic t1 --ledger "$D/ledger" \\
    --window 20000 --rewinds $kills --timeout 60
END
# shellcheck disable=SC2046
"$T" crash --kills "$kills" --seed "${LEAT_SEED:-0}" --log "$D/agent.err" \
    --then "sh $D/then" -- $(agent_command) || fail "after $kills kills"
ok "$kills kills over a file channel"
