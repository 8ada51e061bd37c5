#!/bin/sh
# The classic lab of a Kafka course, then "Flafka": start the server, create a
# topic, list, a console producer, console consumers with and without
# --from-beginning, and an agent whose Kafka sink fills the topic.
. "${srcdir:-.}/test/e2e/lib.sh"

start_broker
b="--bootstrap-server $BROKER"
# shellcheck disable=SC2086
{
	"$LEAT" topics --create $b --replication-factor 1 --partitions 1 \
	    --topic banana-test > "$D/out" || fail "create"
	"$LEAT" topics --list $b > "$D/out" || fail "list"
}
[ "$(cat "$D/out")" = banana-test ] || fail "list: $(cat "$D/out")"

# shellcheck disable=SC2086
printf 'this is a message\nthis is another one\n' |
    "$LEAT" console-producer $b --topic banana-test > "$D/out" 2>&1 ||
    fail "producer: $(cat "$D/out")"
consume banana-test > "$D/all"
printf 'this is a message\nthis is another one\n' | cmp - "$D/all" ||
    fail "--from-beginning: $(cat "$D/all")"

# Without --from-beginning: only what comes from now on.  It is there when it
# shows a record; those before that one do not matter.
# shellcheck disable=SC2086
"$LEAT" console-consumer $b --topic banana-test > "$D/new" 2>> "$D/c.err" &
consumer=$!
PIDS="$PIDS $consumer"
probe() {
	# shellcheck disable=SC2086
	echo probe | "$LEAT" console-producer $b --topic banana-test \
	    > /dev/null 2>&1
	has "$D/new" probe
}
wait_until 15 probe
has "$D/new" "this is" && fail "without --from-beginning it shows the old"
# shellcheck disable=SC2086
echo "typed later" | "$LEAT" console-producer $b --topic banana-test \
    > /dev/null 2>&1
wait_until 5 has "$D/new" "typed later"
ok "create, list, produce, consume"

# Flafka: the agent fills the topic, the waiting consumer shows it.
agent_conf memory "$BROKER" | sed 's/= t1/= banana-test/' > "$D/a.conf"
start_agent
echo "from the log file" >> "$D/log/app.log"
wait_until 10 has "$D/new" "from the log file"
stop_agent
# Ctrl-C ends a consumer, in good order.  (A child of a shell without job
# control ignores SIGINT, so it is SIGTERM here.)
kill "$consumer"
wait_until 5 gone_child "$consumer"
wait "$consumer"
forget "$consumer"
stop "$BROKER_PID"
ok "Flafka"
