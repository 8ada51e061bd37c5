#!/bin/sh
# Multiplexing by a header that an interceptor set, filters, two channels, two
# topics; a record's own topic header.
. "${srcdir:-.}/test/e2e/lib.sh"

cat > "$D/a.conf" <<END
a1.sources = web files
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.web.type = TAILDIR
a1.sources.web.filegroups = a b
a1.sources.web.filegroups.a = $D/log/a\\\\.log
a1.sources.web.filegroups.b = $D/log/b\\\\.log
a1.sources.web.headers.a.kind = alpha
a1.sources.web.headers.b.kind = beta
a1.sources.web.channels = c1 c2
a1.sources.web.selector.type = multiplexing
a1.sources.web.selector.header = kind
a1.sources.web.selector.mapping.alpha = c1
a1.sources.web.selector.mapping.beta = c1 c2
a1.sources.web.selector.default = c2
a1.sources.web.interceptors = drop stamp mark
a1.sources.web.interceptors.drop.type = regex_filter
a1.sources.web.interceptors.drop.regex = DEBUG
a1.sources.web.interceptors.drop.excludeEvents = true
a1.sources.web.interceptors.stamp.type = timestamp
a1.sources.web.interceptors.mark.type = static
a1.sources.web.interceptors.mark.key = site
a1.sources.web.interceptors.mark.value = s1
a1.sources.files.type = TAILDIR
a1.sources.files.filegroups = c
a1.sources.files.filegroups.c = $D/log/c\\\\.log
a1.sources.files.headers.c.topic = t3
a1.sources.files.channels = c2
a1.channels.c1.type = memory
a1.channels.c2.type = file
a1.sinks.k1.type = kafka
a1.sinks.k1.kafka.topic = t1
a1.sinks.k1.header.site = site
a1.sinks.k1.header.timestamp = timestamp
a1.sinks.k1.channel = c1
a1.sinks.k2.type = kafka
a1.sinks.k2.kafka.topic = t2
a1.sinks.k2.channel = c2
a1.broker.listen = 127.0.0.1:0
END
start_agent
printf 'a1\na2 DEBUG\na3\n' > "$D/log/a.log"
printf 'b1\nb2\nb3 DEBUG\n' > "$D/log/b.log"
printf 'c1\nc2 DEBUG\n' > "$D/log/c.log"
has_records t1 4
has_records t2 2
has_records t3 2
[ "$(consume t1 | sort | tr '\n' ' ')" = "a1 a3 b1 b2 " ] || fail "t1"
[ "$(consume t2 | sort | tr '\n' ' ')" = "b1 b2 " ] || fail "t2"
[ "$(consume t3 | sort | tr '\n' ' ')" = "c1 c2 DEBUG " ] || fail "t3"
consume t1 --max-messages 1 --property print.headers=true > "$D/out"
has "$D/out" "site:s1" || fail "static: $(cat "$D/out")"
has "$D/out" "timestamp:" || fail "timestamp: $(cat "$D/out")"
kill9 "$AGENT"
start_agent
printf 'a4\n' >> "$D/log/a.log"
printf 'b4\n' >> "$D/log/b.log"
has_records t1 6
has_records t2 3
consume t1 > "$D/out"
has "$D/out" a4 || fail "a4"
stop_agent
ok "selector and interceptors"
