#!/bin/sh
# The lab of every Kafka course, with leat's own commands: start the server,
# create a topic, list it, type lines in one terminal and see them in another.
# Then Flafka: an agent's Kafka sink fills the topic.
. "${srcdir:-.}/test/e2e/lib.sh"

b() {	# COMMAND ...: of leat, at this broker
	command=$1
	shift
	"$LEAT" "$command" --bootstrap-server "$BROKER" "$@" ||
	    fail "leat $command $*"
}

lines_in() {	# FILE N
	[ "$(wc -l < "$1")" -ge "$2" ]
}

start_broker
b topics --create --topic banana-test --partitions 1 --replication-factor 1 \
    > "$D/out"
has "$D/out" "Created topic banana-test." || fail "it does not say so"
[ "$(b topics --list)" = banana-test ] || fail "the list of topics"
b topics --describe --topic banana-test > "$D/out"
has "$D/out" "PartitionCount: 1" || fail "the description"
ok "a topic is created, listed and described"

printf 'ripe\nyellow\n' | b console-producer --topic banana-test
# A reader from the end does not see these two, one from the beginning does.
"$LEAT" console-consumer --bootstrap-server "$BROKER" --topic banana-test \
    > "$D/end" 2> "$D/end.err" &
END=$!
"$LEAT" console-consumer --bootstrap-server "$BROKER" --topic banana-test \
    --from-beginning > "$D/all" 2> "$D/all.err" &
ALL=$!
PIDS="$PIDS $END $ALL"
wait_until 20 lines_in "$D/all" 2
# When it has looked up the end is not said: lines until one comes through.
until lines_in "$D/end" 1; do
	echo peeled | b console-producer --topic banana-test
done
echo eaten | b console-producer --topic banana-test
wait_until 20 has "$D/end" eaten
wait_until 20 has "$D/all" eaten
for p in $END $ALL; do
	kill "$p"
	wait "$p" || fail "the consumer ends with status $?"
	forget "$p"
done
grep -qE 'ripe|yellow' "$D/end" && fail "the end begins too early"
(printf 'ripe\nyellow\n' && grep peeled "$D/all" && echo eaten) > "$D/want"
cmp "$D/all" "$D/want" || fail "from the beginning"
ok "producer and consumer, from the end and from the beginning"

agent_conf memory "$BROKER" | sed 's/= t1$/= banana-test/' > "$D/a.conf"
start_agent
seq -f 'line %g of the log' 1000 > "$D/log/app.log"
has_records banana-test $(($(wc -l < "$D/want") + 1000))
stop_agent
consume banana-test > "$D/all"
cat "$D/want" "$D/log/app.log" | cmp - "$D/all" || fail "what Flafka wrote"
ok "an agent's Kafka sink fills the topic"

if command -v kcat > /dev/null 2>&1; then
	kcat -b "$BROKER" -C -t banana-test -e -q | cmp - "$D/all" ||
	    fail "kcat reads something else"
	ok "kcat reads the same"
fi
b topics --delete --topic banana-test
[ -z "$(b topics --list --exclude-internal)" ] || fail "the topic is there"
stop "$BROKER_PID"
ok "the topic is deleted, the broker stops"
