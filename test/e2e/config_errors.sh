#!/bin/sh
# What is wrong is said with file and line, all of it, with status 78; and
# check, explain and help say what they should.
. "${srcdir:-.}/test/e2e/lib.sh"

cat > "$D/bad.conf" <<'END'
a1.sources = r1 r2
a1.channels = c1
a1.sinks = k1 k2
a1.sources.r1.type = TAILDIRR
a1.sources.r1.channels = c1
a1.sources.r2.type = netcat
a1.sources.r2.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacityy = 10
a1.sinks.k1.type = kafka
a1.sinks.k1.channel = c9
a1.sinks.k2.type = kafka
a1.sinks.k2.channel = c1
a1.sinks.k2.flumeBatchSize = many
END
for command in check "agent -n a1 -f"; do
	# shellcheck disable=SC2086
	"$LEAT" $command "$D/bad.conf" > "$D/out" 2>&1
	status=$?
	[ $status -eq 78 ] || fail "$command: status $status"
	for line in 4 6 9 11 14; do
		grep -q "bad.conf:$line: error" "$D/out" ||
		    fail "$command: nothing about line $line: $(cat "$D/out")"
	done
	has "$D/out" "did you mean" || fail "no hint"
	has "$D/out" "netcat" || fail "a type of Flume's is not named"
done
agent_conf memory > "$D/a.conf"
echo "a1.sinks.k1.delivery = exactly-once" >> "$D/a.conf"
"$LEAT" check "$D/a.conf" > "$D/out" 2>&1
[ $? -eq 78 ] || fail "a promise that is not kept is taken"
grep -q "a.conf:[0-9]*: error.*exactly-once" "$D/out" || fail "$(cat "$D/out")"
ok "every mistake with its line, status 78"

agent_conf memory > "$D/a.conf"
"$LEAT" check "$D/a.conf" > "$D/out" 2>&1 || fail "a good file is refused"
has "$D/out" "agent a1 is good" || fail "check: $(cat "$D/out")"
"$LEAT" check "$D/none.conf" > "$D/out" 2>&1
[ $? -eq 78 ] || fail "a file that is not there: $(cat "$D/out")"
has "$D/out" "none.conf" || fail "it does not name the file"
"$LEAT" agent -n other -f "$D/a.conf" > "$D/out" 2>&1
[ $? -eq 78 ] || fail "an agent that is not there"
has "$D/out" "a1" || fail "it does not say which agents there are"
for t in TAILDIR memory file kafka syslogtcp http regex_filter broker monitor; do
	"$LEAT" explain $t > "$D/out" || fail "explain $t"
	[ -s "$D/out" ] || fail "explain $t prints nothing"
	"$LEAT" explain -o json $t > "$D/out" || fail "explain -o json $t"
done
# The line of the setting, also of what a plugin finds; the agent's name.
cat > "$D/b.conf" <<END
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = http
a1.sources.r1.channels = c1
a1.sources.r1.bind = 0.0.0.0
a1.sources.r1.port = 0
a1.channels.c1.type = memory
a1.sinks.k1.type = kafka
a1.sinks.k1.channel = c1
a1.sinks.k1.kafka.topic = no topic
END
for command in check "agent -f"; do
	# shellcheck disable=SC2086
	"$LEAT" $command "$D/b.conf" > "$D/out" 2>&1
	grep -q "b.conf:6: error.* add a1.sources.r1.allow.insecure" "$D/out" ||
	    fail "$command: $(cat "$D/out")"
	grep -q "b.conf:11: error.*kafka.topic = no topic" "$D/out" ||
	    fail "$command: $(cat "$D/out")"
done
# A path where nothing is yet.
agent_conf memory | sed "s|$D/log/|$D/lok/|" > "$D/c.conf"
CONF=$D/c.conf start_agent
stop_agent
has "$D/agent.err" "filegroups.app: there is no folder $D/lok yet" ||
    fail "a folder that is not there: $(cat "$D/agent.err")"
CONF=$D/a.conf start_agent
stop_agent
has "$D/agent.err" "filegroups.app: no file matches $D/log/.*" ||
    fail "no file: $(cat "$D/agent.err")"
# From a pipe, as a shell's <(...) makes one.
"$LEAT" check /dev/stdin > "$D/out" 2>&1 < "$D/a.conf" || fail "a file"
cat "$D/a.conf" | "$LEAT" check /dev/stdin > "$D/out" 2>&1 ||
    fail "a pipe: $(cat "$D/out")"
"$LEAT" explain memry > "$D/out" 2>&1
has "$D/out" "did you mean 'memory'" || fail "explain: $(cat "$D/out")"
"$LEAT" explain hdfs > "$D/out" 2>&1
has "$D/out" "Flume's sink 'hdfs'" || fail "explain: $(cat "$D/out")"
for command in "agent -x" "broker x" "check --data-dir"; do
	# shellcheck disable=SC2086
	"$LEAT" $command > "$D/out" 2>&1
	[ $? -eq 64 ] || fail "$command: $(cat "$D/out")"
	has "$D/out" "leat ${command%% *}: " || fail "$command: $(cat "$D/out")"
	has "$D/out" "--help" || fail "$command: $(cat "$D/out")"
done
"$LEAT" explain kafkaa > "$D/out" 2>&1 && fail "explain of nonsense"
has "$D/out" "kafka" || fail "explain: no hint: $(cat "$D/out")"
"$LEAT" where -n a1 --data-dir "$D/nobody" > "$D/out" 2>&1 &&
    fail "where without an agent succeeds"
has "$D/out" "Is it running" || fail "where: $(cat "$D/out")"
"$LEAT" version > "$D/out" || fail "version"
"$LEAT" help > "$D/out" || fail "help"
"$LEAT" nonsense > "$D/out" 2>&1 && fail "an unknown command succeeds"
ok "check, explain, where, version, help"

# A port that is taken: the message has the key and the address.
start_broker
echo "a1.broker.listen = $BROKER" >> "$D/a.conf"
sed -i '/127.0.0.1:0/d' "$D/a.conf"
"$LEAT" agent -n a1 -f "$D/a.conf" --data-dir "$D/data" > "$D/out" 2>&1 &&
    fail "two brokers at one port"
has "$D/out" "$BROKER" || fail "no address: $(cat "$D/out")"
has "$D/out" "listen" || fail "no key: $(cat "$D/out")"

# The same for a source's port.
cat > "$D/s.conf" <<END
a1.sources = s
a1.channels = c
a1.sinks = n
a1.sources.s.type = syslogtcp
a1.sources.s.host = 127.0.0.1
a1.sources.s.port = ${BROKER##*:}
a1.sources.s.channels = c
a1.channels.c.type = memory
a1.sinks.n.type = null
a1.sinks.n.channel = c
END
"$LEAT" agent -n a1 -f "$D/s.conf" --data-dir "$D/data2" > "$D/out" 2>&1 &&
    fail "a taken port"
has "$D/out" "${BROKER##*:}" || fail "no port: $(cat "$D/out")"
has "$D/out" "port" || fail "no key: $(cat "$D/out")"
ok "a port in use is named with its key"

# A second agent on the same data folder.
agent_conf memory > "$D/a.conf"
start_agent
"$LEAT" agent -n a1 -f "$D/a.conf" --data-dir "$D/data" > "$D/out" 2>&1 &&
    fail "two agents in one data folder"
has "$D/out" "$D/data" || fail "no folder: $(cat "$D/out")"
stop_agent
stop "$BROKER_PID"
ok "one data folder, one agent"

# leat check without -n: all agents of the file, each problem with its agent.
agent_conf memory > "$D/a.conf"
agent_conf memroy | sed 's/^a1\./a2./' >> "$D/a.conf"
"$LEAT" check "$D/a.conf" > "$D/out" 2> "$D/problems"
[ $? -eq 78 ] || fail "two agents, one of them wrong: $(cat "$D/out")"
has "$D/out" "agent a1 is good" || fail "a1: $(cat "$D/out")"
has "$D/out" "agent a2: 1 error" || fail "a2: $(cat "$D/out")"
[ "$(head -n 1 "$D/problems")" = "agent a2:" ] ||
    fail "whose? $(cat "$D/problems")"
has "$D/problems" "did you mean 'memory'" || fail "$(cat "$D/problems")"
"$LEAT" check -n a1 "$D/a.conf" > "$D/out" 2>&1 || fail "$(cat "$D/out")"
ok "leat check looks at all agents of a file"
