#!/bin/sh
# Moving over from Flume: leat goes on where Flume's position file says.
. "${srcdir:-.}/test/e2e/lib.sh"

printf 'old one\nold two\nnew one\n' > "$D/log/a.log"
printf 'all old\n' > "$D/log/b.log"
inode() {
	stat -c %i "$1"
}
cat > "$D/positions.json" <<END
[{"inode":$(inode "$D/log/a.log"),"pos":16,"file":"$D/log/a.log"},{"inode":$(inode "$D/log/b.log"),"pos":8,"file":"$D/log/b.log"}]
END
agent_conf memory > "$D/a.conf"
echo "a1.sources.r1.positionFile = $D/positions.json" >> "$D/a.conf"
start_agent
has "$D/agent.err" "going on where Flume stopped" || fail "it is not said"
echo "b two" >> "$D/log/b.log"
has_records t1 2
[ "$(consume t1 | sort | tr '\n' ' ')" = "b two new one " ] ||
    fail "$(consume t1)"
stop_agent
size=$(stat -c %s "$D/log/a.log")
has "$D/positions.json" "\"pos\":$size," || fail "not kept up to date"
echo "later" >> "$D/log/a.log"
start_agent
has_records t1 3
[ "$(consume t1 | tail -n 1)" = later ] || fail "after a restart"
stop_agent
ok "Flume's position file"
