#!/bin/sh
# From files to a topic of the built-in broker, over either channel: byte-exact
# and in order, and leat says where every line is.
. "${srcdir:-.}/test/e2e/lib.sh"
need python3

for channel in memory file; do
	rm -rf "$D/data" "$D/log" && mkdir "$D/log"
	agent_conf $channel > "$D/a.conf"
	# One there before, one that comes later, every byte but newline.
	"$T" gen --count 2000 > "$D/log/app.log"
	"$T" feed --dir "$D/log" --name x --lines 300 --ledger "$D/ledger"
	start_agent
	has_records t1 2300
	printf 'appended \000\377 line\r\n\n  \n' >> "$D/log/app.log"
	"$T" gen --count 100 --seed 7 > "$D/log/later.log"
	has_records t1 2403
	check --topic t1 --foreign --ledger "$D/ledger"

	consume t1 > "$D/out"
	for f in app later; do
		# A file's records, in the topic's order, are the file.
		case $f in
		app) grep -av '^x0 ' "$D/out" | head -n 2003 > "$D/got" ;;
		later) tail -n 100 "$D/out" > "$D/got" ;;
		esac
		cmp "$D/got" "$D/log/$f.log" || fail "$channel: $f.log"
	done
	ok "$channel: the topic has the files' bytes"

	[ "$(wc -l < "$D/out")" -eq 2403 ] || fail "$channel: more than once"
	printf 'no end of line yet' >> "$D/log/later.log"
	printf 'ended\n' >> "$D/log/app.log"
	has_records t1 2404
	"$LEAT" where -n a1 --data-dir "$D/data" > "$D/where"
	has "$D/where" "$D/log/later.log" || fail "where names no file"
	grep -q "18 B .* writer .*later.log (unfinished last line)" \
	    "$D/where" || fail "where: $(cat "$D/where")"
	has "$D/where" "sink k1 (kafka) of c1: 2404 records delivered" ||
	    fail "where: $(cat "$D/where")"
	where_json | python3 -c '
import json, sys
w = json.load(sys.stdin)
f = {r["name"].split("/")[-1]: r for r in w["sources"][0]["files"]}
assert f["later.log"]["size"] - f["later.log"]["delivered"] == 18, f
assert f["app.log"]["size"] == f["app.log"]["delivered"], f
' || fail "where -o json"
	ok "$channel: where"

	begin=$(date +%s%N)
	stop_agent
	[ $(($(date +%s%N) - begin)) -lt 2000000000 ] ||
	    fail "$channel: SIGTERM took 2 s"
	ok "$channel: SIGTERM"
done
