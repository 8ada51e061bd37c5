#!/bin/sh
# The judge of the other tests can say no: to lines that miss, come twice too
# often, out of order or damaged; and to an agent with planted faults.
. "${srcdir:-.}/test/e2e/lib.sh"

"$T" feed --dir "$D/log" --lines 1000 --ledger "$D/ledger"
good=$D/log/f0.log
judge() {
	"$T" check --file "$D/lines" --ledger "$D/ledger" "$@" > "$D/out" 2>&1
}
refused() {	# WHAT [FLAG ...]
	what=$1
	shift
	judge "$@" && fail "$what is not noticed: $(cat "$D/out")"
	[ $? -le 1 ] || fail "$what: trouble: $(cat "$D/out")"
	judge_said=$(cat "$D/out")
}
line() {
	sed -n "$1p" "$good"
}
cp "$good" "$D/lines"
judge || fail "what is right is refused: $(cat "$D/out")"

sed 500d "$good" > "$D/lines"
refused "a missing line"
head -n 999 "$good" > "$D/lines"
refused "a missing last line"
sed '500{h;d};501{G}' "$good" > "$D/lines"
refused "two lines swapped"
sed 500p "$good" > "$D/lines"
refused "a line twice"
judge --window 1 --rewinds 1 || fail "a re-delivery is refused"
{ head -n 600 "$good"; tail -n +401 "$good"; } > "$D/lines"
judge --window 200 --rewinds 1 || fail "a re-delivery: $(cat "$D/out")"
refused "a step back too far" --window 199 --rewinds 1
{ head -n 600 "$good"; tail -n +401 "$good" | sed 50d; } > "$D/lines"
refused "a gap in a re-delivery" --window 200 --rewinds 1
{ head -n 600 "$good"; line 300; tail -n +601 "$good"; } > "$D/lines"
refused "an old line again in the middle" --window 200 --rewinds 2
sed '500s/.$/#/' "$good" > "$D/lines"
refused "a changed byte" --window 200
sed '500s/^/ /' "$good" > "$D/lines"
refused "a line that is not ours"
: > "$D/lines"
refused "nothing at all"
ok "the judge"

# An agent that reads wrong bytes.
shim=$(dirname "$T")/shim.so
[ -f "$shim" ] || fail "no $shim"
if LD_PRELOAD=$shim "$LEAT" version > /dev/null 2> "$D/out" &&
    [ ! -s "$D/out" ]; then
	:
else
	skip "cannot preload: $(cat "$D/out")"
fi
agent_conf memory > "$D/a.conf"
# shellcheck disable=SC2046
start agent "agent a1 is ready" env LD_PRELOAD="$shim" SHIM_FAULT=read \
    SHIM_PATH="$D/log" $(agent_command)
AGENT=$STARTED
BROKER=$(sed -n 's/.*broker at //p' "$D/agent.err" | tail -n 1)
has_records t1 1000
"$T" check --brokers "$BROKER" --topic t1 --ledger "$D/ledger" --timeout 3 \
    > "$D/out" 2>&1 && fail "wrong bytes are not noticed"
has "$D/out" "CRC is wrong" || fail "$(cat "$D/out")"
stop_agent
ok "an agent that reads wrong bytes is noticed"

# A broker that says it wrote and did not, and is killed.
rm -rf "$D/data"
# shellcheck disable=SC2046
start agent "agent a1 is ready" env LD_PRELOAD="$shim" SHIM_FAULT=lie \
    SHIM_PATH="/t1-0/" SHIM_AFTER=0 $(agent_command)
AGENT=$STARTED
wait_until 10 has "$D/agent.err" "created topic=t1"
all_delivered() {
	where_json > "$D/where"
	has "$D/where" '"delivered": 1000'
}
wait_until 10 all_delivered
kill9 "$AGENT"
start_agent
"$T" check --brokers "$BROKER" --topic t1 --ledger "$D/ledger" --timeout 2 \
    > "$D/out" 2>&1 && fail "a lying disk is not noticed"
has "$D/out" "never came" || fail "$(cat "$D/out")"
stop_agent
ok "a disk that lies is noticed"

# Someone cuts the tail off a partition while leat is down.
rm -rf "$D/data"
start_agent
has_records t1 1000
stop_agent
segment=$(find "$D/data" -path '*/t1-0/*.log')
truncate -s $(($(stat -c %s "$segment") / 2)) "$segment"
start_agent
"$T" check --brokers "$BROKER" --topic t1 --ledger "$D/ledger" --timeout 2 \
    > "$D/out" 2>&1 && fail "a cut partition is not noticed"
stop_agent
grep -E " (warn|error) " "$D/agent.err" | grep -q t1-0 ||
    fail "the broker says nothing about it"
ok "a cut partition is noticed, and said"
