# What the end-to-end tests share; sourced, not run.
#
#	. "${srcdir:-.}/test/e2e/lib.sh"
#	agent_conf memory > "$D/a.conf"
#	start_agent				# $AGENT, $BROKER
#	echo hello >> "$D/log/app.log"
#	has_records t1 1
#	stop $AGENT
#	ok "a line arrives"
#
# $LEAT is the binary, $T the test program t, $D a folder of this test's own.
# A test ends with status 0, 77 (skipped) or anything else (failed).  Only
# what was started here is killed, by its process id.  Ports are 0, or from
# `t port` where a listener must get the same one back.

set -u
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
: "${LEAT:?set it to the binary}"
T=${T:-$(dirname "$LEAT")/test/tool/t}
LONG=${LEAT_LONG:-}
D=$(mktemp -d "${TMPDIR:-/tmp}/leat-e2e.XXXXXX") || exit 99
# Nothing of this machine's own configuration.
HOME=$D XDG_CONFIG_HOME=$D/config XDG_STATE_HOME=$D/state
export HOME XDG_CONFIG_HOME XDG_STATE_HOME
mkdir "$D/log"
PIDS=
AGENT=
BROKER=
MOUNTED=

cleanup() {
	status=$?
	trap - EXIT
	for p in $PIDS; do
		kill -9 "$p" 2>/dev/null
	done
	for p in $PIDS; do
		wait "$p" 2>/dev/null
	done
	[ -n "$MOUNTED" ] && umount "$MOUNTED"
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		for f in "$D"/*.err; do
			[ -f "$f" ] || continue
			echo "--- $(basename "$f"), its end:"
			tail -n 25 "$f"
		done
	fi
	[ -n "${LEAT_KEEP:-}" ] && echo "kept: $D" || rm -rf "$D"
	exit $status
}
trap cleanup EXIT
trap 'exit 99' INT TERM HUP

fail() {
	echo "FAILED: $*"
	exit 1
}

skip() {
	echo "skipped: $*"
	exit 77
}

ok() {
	echo "ok: $*"
}

need() {
	command -v "$1" > /dev/null 2>&1 || skip "there is no $1"
}

# SECONDS COMMAND ...: until the command succeeds, or the test fails.
wait_until() {
	wait_for "$@" || {
		shift
		fail "in vain waited for: $*"
	}
}

# The same, with a status.
wait_for() {
	wait_end=$(($(date +%s%N) + $1 * 1000000000))
	shift
	until "$@"; do
		[ "$(date +%s%N)" -lt $wait_end ] || return 1
		sleep 0.02
	done
}

# FILE TEXT ...: the file has the text.
has() {
	grep -qF -- "$2" "$1" 2>/dev/null
}

# FILE TEXT: how often; 0 when there is no file.
count_of() {
	grep -cF -- "$2" "$1" 2>/dev/null || :
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# --- processes ---

# NAME READY COMMAND ...: starts it, stderr to $D/NAME.err, waits until READY
# is there; $STARTED is its process id.
start() {
	start_err=$D/$1.err start_ready=$2
	start_before=$(count_of "$start_err" "$start_ready")
	: "${start_before:=0}"
	shift 2
	"$@" 2>> "$start_err" &
	STARTED=$!
	PIDS="$PIDS $STARTED"
	wait_for 20 started || fail "not ready: $*"
}

started() {
	start_now=$(count_of "$start_err" "$start_ready")
	[ "${start_now:-0}" -gt "$start_before" ] && return 0
	gone "$STARTED" && fail "it ended before it was ready"
	return 1
}

forget() {
	left=
	for p in $PIDS; do
		[ "$p" = "$1" ] || left="$left $p"
	done
	PIDS=$left
}

# PID: SIGTERM; it must end with status 0 within 10 s (and is killed if not).
stop() {
	kill "$1" || fail "process $1 is not there any more"
	wait_for 10 gone_child "$1" || fail "process $1 does not stop"
	wait "$1"
	stop_status=$?
	forget "$1"
	[ $stop_status -eq 0 ] || fail "stopped with status $stop_status"
}

# A child that ended is a zombie until we wait for it.
gone_child() {
	gone "$1" || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

kill9() {
	kill -9 "$1" || fail "process $1 is not there any more"
	wait "$1" 2>/dev/null
	forget "$1"
}

# --- leat ---

# CHANNEL: the plain agent: $D/log/*.log through a channel to topic t1.
agent_conf() {
	cat <<END
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = app
a1.sources.r1.filegroups.app = $D/log/.*\\\\.log
a1.sources.r1.channels = c1
a1.channels.c1.type = $1
a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
a1.sinks.k1.kafka.topic = t1
a1.sinks.k1.channel = c1
END
	if [ -n "${2:-}" ]; then
		echo "a1.sinks.k1.kafka.bootstrap.servers = $2"
	else
		echo "a1.broker.listen = 127.0.0.1:0"
	fi
}

agent_command() {
	echo "$LEAT" agent -n a1 -f "${CONF:-$D/a.conf}" --data-dir "$D/data"
}

# [OPTION ...]: $CONF or $D/a.conf; sets $AGENT, and $BROKER if it has one.
start_agent() {
	# shellcheck disable=SC2046
	start agent "agent a1 is ready" $(agent_command) "$@"
	AGENT=$STARTED
	at=$(sed -n 's/.* is ready: .*broker at \(.*\)$/\1/p' "$D/agent.err" |
	    tail -n 1)
	[ -n "$at" ] && BROKER=$at
	return 0
}

stop_agent() {
	stop "$AGENT"
	AGENT=
}

# [KEY=VALUE ...]: a broker alone; sets $BROKER and $BROKER_PID.  Its port is
# the same at each start.
start_broker() {
	[ -f "$D/broker.conf" ] || {
		echo "listeners=PLAINTEXT://127.0.0.1:$("$T" port)"
		echo "group.initial.rebalance.delay.ms=0"
		for kv in "$@"; do
			echo "$kv"
		done
	} > "$D/broker.conf"
	start broker "broker is ready" "$LEAT" broker -f "$D/broker.conf" \
	    --data-dir "$D/brokerdata"
	BROKER_PID=$STARTED
	BROKER=$(sed -n 's/.*broker is ready at //p' "$D/broker.err" |
	    tail -n 1)
}

# Where an agent's source with `port = 0` listens: SOURCE.
port_of() {
	sed -n "s/.*source=$1: .*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p" \
	    "$D/agent.err" | tail -n 1
}

consume() {	# TOPIC [FLAG ...]: all records there are, one per line
	topic=$1
	shift
	"$LEAT" console-consumer --bootstrap-server "$BROKER" --topic "$topic" \
	    --from-beginning --timeout-ms 700 "$@" 2>> "$D/consumer.err"
}

# TOPIC N: waits until it has at least so many records.
has_records() {
	"$T" count --brokers "$BROKER" --topic "$1" --at-least "$2" \
	    --timeout 15 > /dev/null || fail "topic $1 has not $2 records"
}

check() {	# flags of t check, but for --brokers
	"$T" check --brokers "$BROKER" "$@" || fail "t check $*"
}

# What `leat where -o json` says of the agent.
where_json() {
	"$LEAT" where -n a1 --data-dir "$D/data" -o json 2>> "$D/where.err"
}

# Everything that was read has been delivered: N records.
delivered() {
	where_json | tr -d ' \n' | grep -qF "\"delivered\":$1,"
}
