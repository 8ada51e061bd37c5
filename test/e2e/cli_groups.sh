#!/bin/sh
# leat consumer-groups: where a group goes on, as the user says; each line is
# one that kafka-consumer-groups.sh takes too.
. "${srcdir:-.}/test/e2e/lib.sh"
need python3

start_broker
groups() {
	"$LEAT" consumer-groups --bootstrap-server "$BROKER" "$@" \
	    > "$D/out" 2> "$D/cli.err"
}
# WANT FLAG ...: what is printed, blanks squeezed and lines joined by ';'.
prints() {
	want=$1
	shift
	groups "$@" || fail "$*: status $?: $(cat "$D/cli.err")"
	got=$(sed 's/  */ /g' "$D/out" | tr '\n' ';')
	[ "$got" = "$want" ] || fail "$*: printed $got, not $want"
}
refused() {	# TEXT FLAG ...
	text=$1
	shift
	groups "$@" && fail "$*: not refused: $(cat "$D/out")"
	has "$D/cli.err" "$text" || fail "$*: $(cat "$D/cli.err")"
}
said() {
	has "$D/cli.err" "$1" || fail "not said: $1: $(cat "$D/cli.err")"
}
feed() {	# TOPIC PARTITION LINES
	seq "$3" | "$LEAT" console-producer --bootstrap-server "$BROKER" \
	    --topic "$1" --partition "$2" > /dev/null || fail "feed $*"
}
table="GROUP TOPIC PARTITION NEW-OFFSET;"

for t in orders sales; do
	"$LEAT" topics --bootstrap-server "$BROKER" --create --topic $t \
	    --partitions 2 > /dev/null || fail "topic $t"
done
feed orders 0 10
feed orders 1 4
before=$(date -u +%Y-%m-%dT%H:%M:%S.%3N)
wait_until 5 test "$(date -u +%Y-%m-%dT%H:%M:%S.%3N)" != "$before"
feed orders 0 5
# A group that is not there yet begins where it is told to.
prints "$table""g1 orders 0 3;g1 orders 1 3;" --reset-offsets --group g1 \
    --topic orders --to-offset 3 --execute
has "$D/cli.err" "--execute does it" && fail "it was executed"
prints "g1;" --list
prints "GROUP STATE;g1 Empty;" --list --state
prints "" --list --state stable,dead
prints '["g1"];' --list -o json
prints "$table""g1 orders 0 15;g1 orders 1 4;" --reset-offsets --group g1 \
    --topic orders --to-latest
said "nothing was changed; --execute does it"
prints "$table""g1 orders 0 0;" --reset-offsets --group g1 --topic orders:0 \
    --to-earliest --dry-run
has "$D/cli.err" "nothing was changed" && fail "--dry-run needs no word"
prints "$table""g1 orders 0 3;g1 orders 1 3;" --reset-offsets --group g1 \
    --all-topics --to-current
prints "$table""g1 orders 0 5;g1 orders 1 4;" --reset-offsets --group g1 \
    --all-topics --shift-by 2
said "topic orders partition 1: offset 5 is behind the end of the log, 4 is"
prints "$table""g1 orders 0 0;g1 orders 1 0;" --reset-offsets --group g1 \
    --all-topics --shift-by -9
said "topic orders partition 0: offset -6 is before the beginning of the log"
prints "$table""g1 orders 0 10;g1 orders 1 4;" --reset-offsets --group g1 \
    --topic orders --to-datetime "$before"
prints "$table""g1 orders 0 0;g1 orders 1 0;" --reset-offsets --group g1 \
    --topic orders --to-datetime 2020-02-29T23:59:59.999+01:00
prints "$table""g1 orders 0 0;" --reset-offsets --group g1 --topic orders:0 \
    --by-duration PT1H
prints "$table""g1 orders 0 15;" --reset-offsets --group g1 \
    --topic orders:0 --by-duration -PT1H
prints "$table""g1 orders 1 3;g1 sales 0 0;g1 sales 1 0;" --reset-offsets \
    --group g1 --topic orders:1 --topic sales --to-current
prints '[{"group": "g1", "topic": "orders", "partition": 0, "new_offset": 7, '\
'"executed": false}];' --reset-offsets --group g1 --topic orders:0 \
    --to-offset 7 --dry-run -o json
prints '[{"group": "g1", "topic": "orders", "partition": 0, '\
'"current_offset": 3, "log_end_offset": 15, "lag": 12, "consumer_id": "-", '\
'"host": "-", "client_id": "-"},; {"group": "g1", "topic": "orders", '\
'"partition": 1, "current_offset": 3, "log_end_offset": 4, "lag": 1, '\
'"consumer_id": "-", "host": "-", "client_id": "-"}];' --describe \
    --group g1 -o json
ok "--to-*, --shift-by, --by-duration"

prints "orders,0,3;orders,1,3;" --reset-offsets --group g1 --all-topics \
    --to-current --export --dry-run
sed 's/,3$/,99/' "$D/out" > "$D/plan.csv"
prints "$table""g1 orders 0 15;g1 orders 1 4;" --reset-offsets --group g1 \
    --from-file "$D/plan.csv" --execute
said "offset 99 is behind the end"
prints "g1,orders,0,0;g1,orders,1,0;g2,orders,0,0;g2,orders,1,0;" \
    --reset-offsets --group g1 --group g2 --topic orders --to-earliest \
    --export --execute
sed 's/,0$/,2/' "$D/out" > "$D/plan2.csv"
prints "$table""g1 orders 0 2;g1 orders 1 2;g2 orders 0 2;g2 orders 1 2;" \
    --reset-offsets --all-groups --from-file "$D/plan2.csv" --execute
prints "$table""g2 orders 0 2;g2 orders 1 2;" --reset-offsets --group g2 \
    --all-topics --to-current
refused "a line without a group, and 2 groups to reset" --reset-offsets \
    --all-groups --from-file "$D/plan.csv"
printf 'orders,0,x\n' > "$D/bad.csv"
refused "$D/bad.csv: line 1: 'x' is not an offset" --reset-offsets \
    --group g1 --from-file "$D/bad.csv"
printf 'orders,0,1\norders,0,2\n' > "$D/bad.csv"
refused "stands there twice" --reset-offsets --group g1 \
    --from-file "$D/bad.csv"
refused "nothing: No such file" --reset-offsets --group g1 \
    --from-file "$D/nothing"
ok "--export and --from-file"

refused "topic order does not exist; did you mean orders?" --reset-offsets \
    --group g1 --topic order --to-latest
refused "topic orders has 2 partitions: there is no partition 2" \
    --reset-offsets --group g1 --topic orders:2 --to-latest
refused "group none: it has committed nothing" --reset-offsets --group none \
    --all-topics --to-latest
refused "nothing is committed that --shift-by could start from" \
    --reset-offsets --group g1 --topic sales --shift-by 1
# Somebody reads: the group is left alone, the other one is done.
"$LEAT" console-consumer --bootstrap-server "$BROKER" --topic orders \
    --group g1 > "$D/consumed" 2> "$D/consumer.err" &
CONSUMER=$!
PIDS="$PIDS $CONSUMER"
stable() {
	groups --list --state stable && has "$D/out" g1
}
wait_until 20 stable
refused "group g1: it is active (Stable, members: 1); stop its consumers" \
    --reset-offsets --group g1 --topic orders --to-earliest --execute
refused "group g1: it is active" --reset-offsets --all-groups --topic orders \
    --to-offset 1 --execute
[ "$(grep -c '^g2 ' "$D/out")" -eq 2 ] || fail "g2: $(cat "$D/out")"
has "$D/out" g1 && fail "g1 was reset: $(cat "$D/out")"
groups --describe --group g1 --members --verbose || fail "members"
has "$D/out" "orders(0,1)" || fail "members: $(cat "$D/out")"
groups --describe --group g1 --members -o json || fail "members as JSON"
python3 - "$D/out" <<'END' || fail "members: $(cat "$D/out")"
import json, sys
v = json.load(open(sys.argv[1]))
assert len(v) == 1 and v[0]["partitions"] == 2 and v[0]["group"] == "g1", v
END
groups --describe --group g1 --state || fail "state"
[ "$(sed -n '2s/  */ /gp' "$D/out")" = "g1 $BROKER (1) range Stable 1" ] ||
    fail "state: $(cat "$D/out")"
refused "topic orders partition 0: Broker: " --delete-offsets --group g1 \
    --topic orders
has "$D/out" "Error: " || fail "no status: $(cat "$D/out")"
stop "$CONSUMER"
[ "$(sort -n "$D/consumed" | tr '\n' ' ')" != "" ] || fail "nothing was read"
prints "$table""g1 orders 0 0;g1 orders 1 0;" --reset-offsets --group g1 \
    --topic orders --to-earliest --execute
# The consumer that comes next begins there.
"$LEAT" console-consumer --bootstrap-server "$BROKER" --topic orders \
    --group g1 --max-messages 19 --timeout-ms 8000 > "$D/consumed" \
    2> "$D/consumer.err" || fail "consumer"
[ "$(wc -l < "$D/consumed")" -eq 19 ] || fail "read $(wc -l < "$D/consumed")"
ok "a group in use is refused; the next consumer begins where it was told to"

prints "TOPIC PARTITION STATUS;orders 1 Successful;" --delete-offsets \
    --group g2 --topic orders:1
prints "$table""g2 orders 0 1;" --reset-offsets --group g2 --all-topics \
    --to-current
refused "group g2 has committed nothing for topic orders in that partition" \
    --delete-offsets --group g2 --topic orders:1
refused "group g2 has committed nothing for topic sales" --delete-offsets \
    --group g2 --topic sales
prints '[{"group": "g2", "topic": "orders", "partition": 0, "error": '\
'null}];' --delete-offsets --group g2 --topic orders -o json
refused "group none does not exist" --delete-offsets --group none \
    --topic orders
ok "--delete-offsets"

prints "$table""g2 sales 0 0;g2 sales 1 0;" --reset-offsets --group g2 \
    --topic sales --to-latest --execute
prints "Deleted group g1.;Deleted group g2.;" --delete --all-groups
prints "" --list
