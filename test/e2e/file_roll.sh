#!/bin/sh
# file_roll writes what the files had, and seq counts without a gap.
. "${srcdir:-.}/test/e2e/lib.sh"

mkdir "$D/out" "$D/numbers"
cat > "$D/a.conf" <<END
a1.sources = r1 n1
a1.channels = c1 c2
a1.sinks = f1 f2
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = app
a1.sources.r1.filegroups.app = $D/log/.*\\\\.log
a1.sources.r1.channels = c1
a1.sources.n1.type = seq
a1.sources.n1.totalEvents = 500
a1.sources.n1.channels = c2
a1.channels.c1.type = file
a1.channels.c2.type = memory
a1.sinks.f1.type = file_roll
a1.sinks.f1.sink.directory = $D/out
a1.sinks.f1.sink.rollInterval = 1
a1.sinks.f1.channel = c1
a1.sinks.f2.type = file_roll
a1.sinks.f2.sink.directory = $D/numbers
a1.sinks.f2.channel = c2
END
start_agent
"$T" feed --dir "$D/log" --files 2 --lines 1500 --rate 2000 \
    --ledger "$D/ledger"
"$T" check --folder "$D/out" --ledger "$D/ledger" || fail "file_roll"
[ "$(find "$D/out" -type f | wc -l)" -ge 2 ] || fail "it did not roll"
numbers() {
	cat "$D"/numbers/* | wc -l | grep -qx 500
}
wait_until 5 numbers
cat "$D"/numbers/* | sort -n | uniq | wc -l | grep -qx 500 || fail "seq"
stop_agent
ok "file_roll and seq"
