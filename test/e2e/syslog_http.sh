#!/bin/sh
# syslog over TCP and UDP, and HTTP: what was answered with 200 is in the
# topic, and stays there after kill -9 with a file channel.
. "${srcdir:-.}/test/e2e/lib.sh"
need nc
need curl

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
a1.channels.c1.type = file
a1.sinks.k1.type = kafka
a1.sinks.k1.kafka.topic = t1
a1.sinks.k1.header.a = a
a1.sinks.k1.channel = c1
a1.broker.listen = 127.0.0.1:0
END
start_agent
printf '<13>Oct 11 22:14:15 host1 app: over tcp\n<14>1 2026-11-20T10:00:00Z h2 app - - - rfc5424\n' |
    nc -N 127.0.0.1 "$(port_of tcp)"
printf '<13>Oct 11 22:14:15 host1 app: over udp\n' |
    nc -u -q 0 127.0.0.1 "$(port_of udp)"
web=http://127.0.0.1:$(port_of web)/
code=$(curl -s -o "$D/answer" -w '%{http_code}' \
    -d '[{"headers":{"a":"b"},"body":"over http"},{"body":"two"}]' "$web")
[ "$code" = 200 ] || fail "HTTP $code: $(cat "$D/answer")"
code=$(curl -s -o "$D/answer" -w '%{http_code}' -d '[{"body"' "$web")
[ "$code" = 400 ] || fail "broken JSON: HTTP $code"
has_records t1 5
consume t1 --property print.headers=true > "$D/out"
for text in "over tcp" "rfc5424" "over udp" "over http" "a:b"; do
	has "$D/out" "$text" || fail "no $text in $(cat "$D/out")"
done
ok "syslog and HTTP"

# Answered is stored: kill -9 right after the answer takes nothing back.
for i in 1 2 3; do
	web=http://127.0.0.1:$(port_of web)/
	code=$(curl -s -o "$D/answer" -w '%{http_code}' \
	    -d "[{\"body\":\"kept $i\"}]" "$web")
	kill9 "$AGENT"
	[ "$code" = 200 ] || fail "HTTP $code"
	start_agent
	has_records t1 $((5 + i))
	consume t1 > "$D/out"
	has "$D/out" "kept $i" || fail "kept $i is lost"
done
stop_agent
ok "what was answered with 200 survives kill -9"
