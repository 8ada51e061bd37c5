#!/bin/sh
# A line far longer than maxLineBytes, than the channel and than the memory
# the agent may take: it comes in parts, every byte once, and what is behind
# it too.
. "${srcdir:-.}/test/e2e/lib.sh"

mib=${LONG:+1024}
mib=${mib:-64}
most_kib=65536
agent_conf file > "$D/a.conf"
cat >> "$D/a.conf" <<END
a1.broker.dir.max.bytes = 8g
a1.channels.c1.byteCapacity = 32m
a1.sinks.k1.header.line.part = line.part
a1.sinks.k1.header.line.last = line.last
END

# The highest RssAnon of the agent that was seen is $peak.
peak=0
sample() {
	while read -r key kib _; do
		[ "$key" = RssAnon: ] && [ "$kib" -gt $peak ] && peak=$kib
	done < "/proc/$AGENT/status"
}

ended_and_sampled() {
	sample
	gone_child $watched
}

# COMMAND ...: runs it, looking at the agent's memory all the time.
watched() {
	"$@" &
	watched=$!
	PIDS="$PIDS $watched"
	wait_until 300 ended_and_sampled
	wait $watched || fail "$*"
	forget $watched
}

# No two places of the line are alike.
write_line() {
	seq 1000000 999999999 2>/dev/null | tr '\n' ' ' | head -c "${mib}m"
	printf '\nshort\n'
}

# Parts of 1,000,000 bytes, the last one shorter, and the short line.
records=$(((mib * 1048576 + 999999) / 1000000 + 1))

: > "$D/log/app.log"
start_agent
write_line > "$D/log/app.log" &
writer=$!
PIDS="$PIDS $writer"
watched "$T" count --brokers "$BROKER" --topic t1 --at-least $records \
    --timeout 300 > "$D/count"
wait $writer
forget $writer
[ "$(cat "$D/count")" -eq $records ] || fail "$(cat "$D/count") records"
watched "$T" check --brokers "$BROKER" --topic t1 --same "$D/log/app.log" \
    --parts --timeout 300
ok "a line of $mib MiB, and the one behind it"

stop_agent

echo "highest RssAnon: $peak KiB"
# A sanitizer's memory is not the agent's.
if ! grep -q '^#define ARENA_MALLOC' config.h 2>/dev/null; then
	[ $peak -gt 0 ] || fail "the agent's memory was not seen"
	[ $peak -lt $most_kib ] || fail "the agent took $peak KiB"
	ok "less than $most_kib KiB of memory"
fi
