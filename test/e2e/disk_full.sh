#!/bin/sh
# The disk of the channel and of the broker is full: leat waits, says so,
# loses nothing, and goes on by itself when there is room.
. "${srcdir:-.}/test/e2e/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"

said_full() {
	grep -E " (warn|error) " "$D/agent.err" | grep -qiE "full|space"
}

for channel in file memory; do
	rm -rf "$D/log" "$D/ledger" "$D/agent.err" && mkdir -p "$D/log" \
	    "$D/data"
	mount -t tmpfs -o size=40m leat-e2e "$D/data" 2>/dev/null ||
	    skip "cannot mount a tmpfs"
	MOUNTED=$D/data
	agent_conf $channel > "$D/a.conf"
	{
		echo "a1.broker.dir.reserve.bytes = 2m"
		echo "a1.broker.dir.max.bytes = 1g"
		echo "a1.broker.log.segment.bytes = 1m"
		[ $channel = memory ] ||
			echo "a1.channels.c1.minimumRequiredSpace = 6m"
	} >> "$D/a.conf"
	start_agent
	"$T" feed --dir "$D/log" --lines 1000 --ledger "$D/ledger"
	has_records t1 1000
	# Someone else takes all the room but a little.
	free=$(($(stat -f -c '%a * %S' "$D/data") / 1024))
	head -c $((free - 4096))k /dev/zero > "$D/data/hog"
	"$T" feed --dir "$D/log" --lines 60000 --first 1001 --size 400 \
	    --ledger "$D/ledger"
	# It says that it is waiting, and for what.
	wait_until 10 said_full
	kill -0 "$AGENT" || fail "$channel: it ended"
	# What is there can still be read while the disk is full.
	[ "$(consume t1 --max-messages 1000 | wc -l)" -eq 1000 ] ||
	    fail "$channel: a full disk cannot be read"
	rm "$D/data/hog"
	check --topic t1 --ledger "$D/ledger" --window 100000 --rewinds 20 \
	    --timeout 30
	stop_agent
	umount "$D/data" && MOUNTED=
	ok "$channel: a full disk"
done
