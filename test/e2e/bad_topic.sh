#!/bin/sh
# What can never be delivered stops its lane and is said: a topic that is not
# there and is not made, a record that is too large.  Mended, it goes on.
. "${srcdir:-.}/test/e2e/lib.sh"

start_broker auto.create.topics.enable=false
agent_conf memory "$BROKER" > "$D/a.conf"
start_agent
echo "one" > "$D/log/app.log"
unknown() {
	grep -E "t1" "$D/agent.err" | grep -qiE "unknown|does not exist|not there"
}
wait_until 30 unknown
"$LEAT" topics --bootstrap-server "$BROKER" --create --topic t1 \
    > "$D/out" 2>&1 || fail "create: $(cat "$D/out")"
has_records t1 1
ok "an unknown topic, until it is created"

"$LEAT" topics --bootstrap-server "$BROKER" --create --topic small \
    --config max.message.bytes=5000 > "$D/out" 2>&1 ||
    fail "create: $(cat "$D/out")"
stop_agent
sed -i 's/= t1/= small/' "$D/a.conf"
start_agent
echo "two" >> "$D/log/app.log"
has_records small 1
head -c 20000 /dev/zero | tr '\0' x >> "$D/log/app.log"
echo >> "$D/log/app.log"
large() {
	grep -qi "too large" "$D/agent.err"
}
wait_until 15 large
has "$D/agent.err" small || fail "it does not name the topic"
stop_agent
stop "$BROKER_PID"
ok "a record that is too large is said"
