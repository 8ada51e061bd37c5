#!/bin/sh
# Connections that are idle, that stop in the middle of a request, and that do
# not read: what they make the broker hold is bounded, and others are served.
. "${srcdir:-.}/test/e2e/lib.sh"

# A sanitizer's memory is not the broker's.
if grep -q '^#define ARENA_MALLOC' config.h 2>/dev/null; then
	skip "a sanitizer is on"
fi
idle=10000
limit=$(ulimit -Hn)
[ "$limit" = unlimited ] || [ "$limit" -ge $((idle + 500)) ] ||
    idle=$((limit - 500))
start_broker max.connections=20000 num.network.threads=2
"$LEAT" topics --bootstrap-server "$BROKER" --create --topic wide \
    --partitions 2000 || fail "create"

rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$BROKER_PID/status"
}
ready() {
	grep -q ready "$D/$way.out" && return 0
	gone "$attacker" && fail "$way: it ended"
	return 1
}
# WAY COUNT BYTES: holds them; $sent is what the broker took, in KiB.
attack() {
	way=$1
	"$T" hostile --port "${BROKER##*:}" --way "$way" --count "$2" \
	    --bytes "$3" > "$D/$way.out" 2> "$D/$way.err" &
	attacker=$!
	PIDS="$PIDS $attacker"
	wait_for 120 ready || fail "$way: never ready"
	sent=$(($(sed -n 's/^ready [0-9]* //p' "$D/$way.out") / 1024))
}
# KIB: no more is held than that.
holds() {
	now=$(rss)
	echo "$way: sent $sent KiB, from $before to $now KiB"
	[ "$now" -le "$1" ] || fail "$way: holds $now KiB, allowed are $1"
}
served() {
	"$LEAT" topics --bootstrap-server "$BROKER" --list > "$D/list" ||
	    fail "$way: others are not served"
	has "$D/list" wide || fail "$way: the topic is not there"
}

# A new broker for each, that what the one before left does not count.
fresh() {
	kill9 "$attacker"
	stop "$BROKER_PID"
	start_broker
	served
	before=$(rss)
}

way=nothing
served
before=$(rss)
attack idle "$idle" 0
holds 262144
served

# 16 MiB more for what others use meanwhile.
fresh
attack half 100 1000000
holds $((before + sent + 100 * 64 + 16384))
[ "$sent" -ge 90000 ] || fail "it took only $sent KiB"
served

# Beyond the 1 MiB at which no more is read, one answer more.
fresh
attack deaf 50 20000
holds $((before + sent + 50 * (1024 + 256) + 16384))
served

# Those that go on and on: the offender is closed, the log says so and is not
# flooded, and others are served meanwhile.
offend() {	# WAY TEXT
	fresh
	attack "$1" 100 0
	served
	grep "closing the connection" "$D/broker.err" | grep -q "$2" ||
	    fail "$1: no word of it"
}
offend malformed "Metadata v1"
offend oversized "frame length"
for way in storm slow flood greedy; do
	fresh
	attack $way 10 0
	served
	gone "$attacker" && fail "$way: it ended"
done
kill9 "$attacker"
[ "$(wc -l < "$D/broker.err")" -lt 200 ] || fail "the log is flooded"
stop "$BROKER_PID"
ok "hostile connections"
