#!/bin/sh
# Rotation by rename: under load, and several times while leat is down.
# Nothing is lost, nothing comes twice.
. "${srcdir:-.}/test/e2e/lib.sh"

for channel in memory file; do
	rm -rf "$D/data" "$D/log" "$D/ledger" && mkdir "$D/log"
	agent_conf $channel > "$D/a.conf"
	start_agent
	"$T" feed --dir "$D/log" --files 2 --lines 6000 --rate 12000 \
	    --ledger "$D/ledger" --rotate rename --rotate-every 900
	has_records t1 12000
	check --topic t1 --ledger "$D/ledger"
	ok "$channel: rotated under load"

	"$T" feed --dir "$D/log" --files 2 --lines 100 --first 6001 \
	    --ledger "$D/ledger"
	stop_agent
	"$T" feed --dir "$D/log" --files 2 --lines 1000 --first 6101 \
	    --ledger "$D/ledger" --rotate rename --rotate-every 300
	start_agent
	has_records t1 14200
	check --topic t1 --ledger "$D/ledger"
	stop_agent
	ok "$channel: rotated three times while down"
done
