#!/bin/sh
# What no collector can get back is counted and said: files that are truncated
# or deleted while leat is down and had not read them to their end.  What
# follows is read.
. "${srcdir:-.}/test/e2e/lib.sh"
need python3
need curl

# Nobody takes what is read, so that the channel is full before the files end.
port=$("$T" port)
monitor=$("$T" port)
agent_conf file "127.0.0.1:$port" > "$D/a.conf"
cat >> "$D/a.conf" <<END
a1.channels.c1.byteCapacity = 1m
a1.sources.r1.pollInterval = 200
a1.monitor.port = $monitor
END
"$T" gen --count 8000 --seed 1 > "$D/log/cut.log"
"$T" gen --count 8000 --seed 2 > "$D/log/gone.log"
start_agent
waiting() {
	where_json > "$D/where"
	# Full, and what it took is in the channel: nothing moves any more.
	has "$D/where" '"waiting_for_room": true' && python3 -c "
import json, sys
sys.exit(any(r['read'] != r['stored'] for r in
             json.load(open('$D/where'))['sources'][0]['files']))"
}
wait_until 10 waiting
stop_agent
unread() {	# of FILE, as leat saw it
	python3 -c "
import json, sys
for r in json.load(open('$D/where'))['sources'][0]['files']:
    if r['name'].endswith('/$1'):
        assert r['size'] > r['stored'], r
        print(r['size'] - r['stored'])" || fail "where: $(cat "$D/where")"
}
cut=$(unread cut.log)
gone=$(unread gone.log)

cp "$D/log/cut.log" "$D/log/cut.log.1"
: > "$D/log/cut.log"
echo third > "$D/log/cut.log"
rm "$D/log/gone.log"
echo "listeners=PLAINTEXT://127.0.0.1:$port" > "$D/broker.conf"
start_broker
start_agent
said() {
	grep "$1" "$D/agent.err" | grep -q "$2"
}
wait_until 10 said cut.log "$cut bytes were lost"
wait_until 10 said gone.log "vanished.* $gone bytes were lost"
third() {
	consume t1 > "$D/out"
	has "$D/out" third
}
wait_until 10 third
curl -sf "http://127.0.0.1:$monitor/metrics" > "$D/metrics"
grep '^leat_.*lost_bytes_total' "$D/metrics" | grep -q " $((cut + gone))\$" ||
    fail "metric: $(grep lost "$D/metrics")"
ok "truncated and deleted while down: counted and said, the rest is read"

# While it runs: the copy is not read again, the new content is.
cp "$D/log/cut.log" "$D/log/cut.log.2" && : > "$D/log/cut.log"
echo fourth >> "$D/log/cut.log"
fourth() {
	consume t1 > "$D/out"
	has "$D/out" fourth
}
wait_until 10 fourth
[ "$(count_of "$D/out" third)" -eq 1 ] || fail "the copy was read again"
stop_agent
stop "$BROKER_PID"
ok "copytruncate under way"
