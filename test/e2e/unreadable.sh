#!/bin/sh
# A file that cannot be read is said, the others go on, and it is read when it
# can be.
. "${srcdir:-.}/test/e2e/lib.sh"

agent_conf memory > "$D/a.conf"
echo "a1.sources.r1.pollInterval = 200" >> "$D/a.conf"
echo "secret" > "$D/log/closed.log"
chmod 000 "$D/log/closed.log"
if [ "$(id -u)" -eq 0 ]; then
	# Root reads everything, so the agent runs as somebody else.
	need setpriv
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
	chmod 755 "$D"
	mkdir "$D/data" && chown -R 65534:65534 "$D/data" "$D/log"
	chmod 644 "$D/a.conf"
	# Its folders may be closed to others: a copy of the binary is not.
	cp "$LEAT" "$D/leat" 2>/dev/null && chmod 755 "$D/leat"
	LEAT=$D/leat
	$as "$LEAT" version > /dev/null 2>&1 ||
	    skip "another user cannot run $LEAT"
	# shellcheck disable=SC2046
	start agent "agent a1 is ready" $as $(agent_command)
	AGENT=$STARTED
	BROKER=$(sed -n 's/.*broker at //p' "$D/agent.err" | tail -n 1)
else
	start_agent
fi
echo "open" > "$D/log/open.log"
has_records t1 1
wait_until 5 has "$D/agent.err" "closed.log cannot be opened"
chmod 644 "$D/log/closed.log"
has_records t1 2
[ "$(consume t1 | tr '\n' ' ')" = "open secret " ] || fail "records"
stop_agent
ok "an unreadable file waits for its permission"
