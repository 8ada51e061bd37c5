#!/bin/sh
# A stop and a start: nothing again, nothing missing, whatever was written
# meanwhile; also in the middle of a line.
. "${srcdir:-.}/test/e2e/lib.sh"

for channel in memory file; do
	rm -rf "$D/data" "$D/log" "$D/ledger" && mkdir "$D/log"
	agent_conf $channel > "$D/a.conf"
	first=1
	for round in 1 2 3 4; do
		start_agent
		"$T" feed --dir "$D/log" --files 3 --lines 400 --first $first \
		    --ledger "$D/ledger" --seed $round
		# Under load too: stop while the last lines are on their way.
		[ $round -eq 2 ] || has_records t1 $((3 * (first + 399)))
		printf 'half a ' >> "$D/log/half.log"
		stop_agent
		first=$((first + 400))
		"$T" feed --dir "$D/log" --files 3 --lines 100 --first $first \
		    --ledger "$D/ledger" --seed $round
		echo "line $round" >> "$D/log/half.log"
		first=$((first + 100))
	done
	start_agent
	has_records t1 $((3 * (first - 1) + 4))
	check --topic t1 --foreign --ledger "$D/ledger"
	consume t1 | grep -a '^half' > "$D/got"
	cmp "$D/got" "$D/log/half.log" || fail "$channel: half lines"
	stop_agent
	ok "$channel: four restarts"
done
