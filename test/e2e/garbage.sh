#!/bin/sh
# Nonsense on every port: the process lives, and others are served.
. "${srcdir:-.}/test/e2e/lib.sh"
need curl
need nc

cat > "$D/a.conf" <<END
a1.sources = tcp udp web
a1.channels = c1
a1.sinks = k1
a1.sources.tcp.type = syslogtcp
a1.sources.tcp.host = 127.0.0.1
a1.sources.tcp.port = 0
a1.sources.tcp.channels = c1
a1.sources.udp.type = syslogudp
a1.sources.udp.host = 127.0.0.1
a1.sources.udp.port = 0
a1.sources.udp.channels = c1
a1.sources.web.type = http
a1.sources.web.bind = 127.0.0.1
a1.sources.web.port = 0
a1.sources.web.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = kafka
a1.sinks.k1.kafka.topic = t1
a1.sinks.k1.channel = c1
a1.broker.listen = 127.0.0.1:0
a1.monitor.port = $("$T" port)
END
start_agent
monitor=$(sed -n 's/^a1.monitor.port = //p' "$D/a.conf")
seed=${LEAT_SEED:-$(date +%s)}
echo "seed $seed (LEAT_SEED=$seed repeats it)"
for port in "${BROKER##*:}" "$(port_of tcp)" "$(port_of web)" "$monitor"; do
	"$T" garbage --port "$port" --seed "$seed" || fail "port $port"
	"$T" garbage --port "$port" --count 5 --seed $((seed + 1)) &
	PIDS="$PIDS $!"
done
"$T" garbage --udp --port "$(port_of udp)" --seed "$seed" || fail "udp"
kill -0 "$AGENT" || fail "it is dead"
curl -sf -d '[{"body":"still here"}]' \
    "http://127.0.0.1:$(port_of web)/" || fail "HTTP is not served"
printf '<13>Oct 11 22:14:15 host1 app: tcp too\n' |
    nc -N 127.0.0.1 "$(port_of tcp)"
both() {
	consume t1 > "$D/out"
	has "$D/out" "still here" && has "$D/out" "tcp too"
}
wait_until 10 both
curl -sf "http://127.0.0.1:$monitor/metrics" > "$D/metrics" || fail metrics
curl -sf "http://127.0.0.1:$monitor/ready" > /dev/null || fail ready
[ "$(wc -l < "$D/agent.err")" -lt 500 ] || fail "the log is flooded"
stop_agent
ok "nonsense on every port"
