#!/bin/sh
# make bench: how fast leat is, beside what the machine can do in the same run.
#
#	test/bench/bench.sh			prints a Markdown report
#	test/bench/bench.sh --into FILE		and puts it between FILE's markers
#
# The yardsticks are cp of the same file and a bare librdkafka loop, never a
# figure from another day: every requirement is a ratio, or a limit that the
# machine's speed hardly moves.  What is compared runs in turn, BENCH_REPEAT
# times, and medians are compared.  Every record of every run is held against
# the input, byte for byte and in order.
#
# $LEAT is the binary, $T the test program t; the work is done in a folder
# below the current one, on whose disk it runs.  Status: 0 all requirements
# are met, 1 one is missed, 99 a run failed.
into=
[ "${1:-}" = --into ] && into=$2
: "${TMPDIR:=$(pwd)}"
export TMPDIR
. "${srcdir:-.}/test/e2e/lib.sh"

LINES=${BENCH_LINES:-5000000}
REPEAT=${BENCH_REPEAT:-5}
WARM=$((LINES * 640))		# bytes: twice the input, and more
RUN_MAX=120			# seconds of one run; then it has failed
IN=$D/log/input.log
R=$D/results
CPUS=
[ "$(nproc)" -gt 2 ] && CPUS="taskset -c 0,1"

say() {
	echo "bench: $*" >&2
}

die() {
	say "$*"
	tail -n 5 "$D/agent.err" "$D/trouble" >&2 2> /dev/null
	exit 99
}

# --- results: a line "KEY VALUE" for each run ---

note() {
	echo "$1 $2" >> "$R"
}

values() {
	awk -v k="$1" '$1 == k { print $2 }' "$R" | sort -n
}

median() {
	values "$1" | awk '{ v[NR] = $1 } END { h = int((NR + 1) / 2)
	    print (v[h] + v[NR + 1 - h]) / 2 }'
}

# EXPRESSION: with awk's arithmetic; FORMAT as second argument.
calc() {
	awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

# --- one run ---

# Nothing of an earlier run is still on its way to the disk, and the memory
# that the run's pages come from has been used before: the host of a virtual
# machine gives it page by page on first use, at a fraction of a disk's rate.
settle() {
	rm -rf "$D/data" "$D/copy" "$D/null.done" "$D/agent.err"
	sync -f "$D"
	dd if=/dev/zero of=/dev/null bs="$WARM" count=1 iflag=fullblock \
	    2> /dev/null || die "no $WARM bytes of memory are free"
}

# CHANNEL [HOST:PORT] [ACKS]
bench_conf() {
	agent_conf "$1" "${2:-}"
	[ -n "${3:-}" ] && echo "a1.sinks.k1.kafka.producer.acks = $3"
	return 0
}

# NAME OPTION ...: the agent under `t measure`; notes what that prints.
measure_agent() {
	measure_name=$1
	shift
	# shellcheck disable=SC2046,SC2086
	timeout -k 5 $((RUN_MAX * 2)) $CPUS "$T" measure --timeout $RUN_MAX \
	    --log "$D/agent.err" --ready "agent a1 is ready" "$@" -- \
	    $(agent_command) > "$D/cost" 2> "$D/trouble" ||
	    die "$measure_name: the run failed"
	while IFS='=' read -r key value; do
		note "$measure_name.$key" "$value"
	done < "$D/cost"
}

until_delivered() {
	measure_agent "$1" --socket "$D/data/leat.sock" --delivered "$LINES"
	say "$1: $(tr '\n' ' ' < "$D/cost")"
}

# The topic has the file's lines, once and in order; also after a restart.
verify_topic() {
	: > "$D/agent.err"
	start_agent
	timeout $RUN_MAX "$T" verify --brokers "$BROKER" --topic t1 \
	    --file "$IN" > "$D/trouble" 2>&1 ||
	    die "$1: the topic is not the file"
	stop_agent
}

# NAME CHANNEL ACKS
run_direct() {
	settle
	bench_conf "$2" '' "$3" > "$D/a.conf"
	until_delivered "$1"
	verify_topic "$1"
}

to_stderr() {
	exec "$@" >&2
}

null_broker() {
	: > "$D/null.err"
	# shellcheck disable=SC2086
	start null "listening on" to_stderr $CPUS "$T" null-broker \
	    --expect "$LINES" --done "$D/null.done" --verify "$IN"
	NULL=$STARTED
	NULL_AT=$(sed -n 's/^listening on //p' "$D/null.err")
}

# It ends at the first record that is not the file's next line.
null_is_content() {
	wait_for 10 test -s "$D/null.done" || die "$1: $(cat "$D/null.err")"
	has "$D/null.done" "records=$LINES" ||
	    die "$1: $(head -n 1 "$D/null.done"), not $LINES"
	gone_child "$NULL" && die "$1: $(cat "$D/null.err")"
	kill9 "$NULL"
}

# NAME CHANNEL
run_client() {
	settle
	null_broker
	bench_conf "$2" "$NULL_AT" > "$D/a.conf"
	until_delivered "$1"
	null_is_content "$1"
}

run_bare() {
	settle
	null_broker
	# shellcheck disable=SC2086
	timeout $RUN_MAX $CPUS "$T" bare --brokers "$NULL_AT" --file "$IN" \
	    > "$D/cost" 2> "$D/trouble" || die "bare: the run failed"
	while IFS='=' read -r key value; do
		note "bare.$key" "$value"
	done < "$D/cost"
	say "bare: $(tr '\n' ' ' < "$D/cost")"
	null_is_content bare
}

run_copy() {
	settle
	copy_t0=$(date +%s%N)
	# shellcheck disable=SC2086
	$CPUS cp --reflink=never "$IN" "$D/copy" || die "cp"
	copy_t1=$(date +%s%N)
	sync -d "$D/copy" || die "sync"
	copy_t2=$(date +%s%N)
	note cp.seconds "$(calc "($copy_t1 - $copy_t0) / 1e9" %.3f)"
	note cpsync.seconds "$(calc "($copy_t2 - $copy_t0) / 1e9" %.3f)"
	say "cp: $(tail -n 2 "$R" | tr '\n' ' ')"
	rm "$D/copy"
}

run_round() {
	run_copy
	run_direct memory_all memory all
	run_direct file_all file all
	run_copy
	run_direct memory_one memory 1
	run_direct file_one file 1
	run_bare
	run_client memory_client memory
	run_client file_client file
}

# --- what is not throughput ---

run_starts() {
	mkdir "$D/few" && mv "$D/log" "$D/big" && mkdir "$D/log"
	"$T" gen --count 10 > "$D/log/app.log"
	for n in 1 2 3 4 5; do
		settle
		bench_conf file > "$D/a.conf"
		measure_agent start --socket "$D/data/leat.sock" \
		    --delivered 10
	done
	say "ready after $(values start.ready_ms | tr '\n' ' ')ms"
}

run_latency() {
	settle
	bench_conf file > "$D/a.conf"
	start_agent
	timeout $RUN_MAX "$T" latency --brokers "$BROKER" --topic t1 \
	    --file "$D/log/app.log" --disk "$D/disk" --count 1000 --rate 100 \
	    > "$D/cost" 2> "$D/trouble" || die "latency: the run failed"
	stop_agent
	while IFS='=' read -r key value; do
		note "latency.$key" "$value"
	done < "$D/cost"
	say "latency: $(tr '\n' ' ' < "$D/cost")"
}

run_idle() {
	settle
	rm "$D/log/app.log"
	i=0
	while [ $i -lt 1000 ]; do
		echo "one line" > "$D/log/f$i.log"
		i=$((i + 1))
	done
	bench_conf file > "$D/a.conf"
	measure_agent idle --idle 10 --settled "'$LEAT' where -n a1 \
	    --data-dir '$D/data' | grep -q ': 1000 records delivered'"
	say "idle: $(tr '\n' ' ' < "$D/cost")"
}

# --- the report ---

MISSED=0

# WHAT HAS REQUIRED VERDICT: VERDICT is an awk condition.
row() {
	verdict=yes
	[ "$(calc "($4) ? 1 : 0" %d)" = 1 ] || verdict="**no**"
	[ "$verdict" = yes ] || MISSED=1
	echo "| $1 | $2 | $3 | $verdict |"
}

# WHAT KEY YARDSTICK LEAST: rates of the same bytes, so a ratio of seconds.
rate_row() {
	mine=$(median "$2.seconds") theirs=$(median "$3.seconds")
	row "$1" "$(calc "$BYTES / $mine / 1e6" %.0f) MB/s, $(calc \
	    "$LINES / $mine / 1e6") million lines/s: **$(calc \
	    "$theirs / $mine")** of $(calc "$BYTES / $theirs / 1e6" %.0f) MB/s" \
	    "at least $4" "$theirs / $mine >= $4"
}

anon_highest() {
	for k in memory_all memory_one memory_client file_all file_one \
	    file_client start idle; do
		values $k.anon_kib
	done | sort -n | tail -n 1
}

machine() {
	model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	echo "$(nproc) × ${model:-$(uname -m)}, $((kib / 1048576)) GiB of" \
	    "memory, Linux $(uname -r), $(stat -f -c %T "$D")"
}

throughput() {
	rate_row "file → memory channel → built-in broker, acks=all; cp and \
sync -d" memory_all cpsync 0.5
	rate_row "the same, acks=1; cp" memory_one cp 0.25
	rate_row "file → memory channel → librdkafka → a broker that discards; \
a bare librdkafka loop" memory_client bare 0.5
	mine=$(median memory_client.cpu) theirs=$(median bare.cpu)
	row "its CPU; the bare loop's" "$(calc "$mine") s: **$(calc \
	    "$mine / $theirs")** of $(calc "$theirs") s" "at most 1.8" \
	    "$mine / $theirs <= 1.8"
	rate_row "file channel, built-in broker, acks=all; memory channel" \
	    file_all memory_all 0.5
	rate_row "file channel, built-in broker, acks=1; memory channel" \
	    file_one memory_one 0.5
	rate_row "file channel, librdkafka; memory channel" \
	    file_client memory_client 0.5
}

rest() {
	anon=$(anon_highest) ready=$(median start.ready_ms)
	idle=$(median idle.idle_percent)
	p50=$(median latency.line_p50_us) p99=$(median latency.line_p99_us)
	sync50=$(median latency.fdatasync_p50_us)
	sync99=$(median latency.fdatasync_p99_us)
	row "anonymous resident memory, the highest of all runs" \
	    "$(calc "$anon / 1024" %.1f) MiB" "under 48 MiB" "$anon < 49152"
	row "start to ready" "$ready ms" "under 100 ms" "$ready < 100"
	row "idle, 1,000 files followed" "$idle % of a core" "under 0.2 %" \
	    "$idle < 0.2"
	row "line written → record at the consumer, file channel, 100 lines/s: \
half of them within" "$(calc "$p50 / 1000") ms; an append + fdatasync: $(calc \
	    "$sync50 / 1000") ms" "under 2 ms" "$p50 < 2000"
	row "the same, 99 of 100 within" "$(calc "$p99 / 1000") ms; an append \
+ fdatasync: $(calc "$sync99 / 1000") ms" "under 5 ms" "$p99 < 5000"
}

report() {
	cat <<END
$(machine).
$("$LEAT" version | head -n 1); librdkafka $("$T" version).
Two cores, page cache warm, one partition, default settings but for what the
row says; $LINES lines, $BYTES bytes; medians of $REPEAT runs, each of whose
records was checked for content and order. Command: \`make bench\`.

| what; beside what | measured | required | met |
|---|---|---|---|
$1
END
}

# FILE NEW: what is between FILE's markers becomes what NEW has.
put_into() {
	{
		sed -n '1,/^<!-- bench -->/p' "$1"
		cat "$2"
		sed -n '/^<!-- end of bench -->/,$p' "$1"
	} > "$D/new.md" && cat "$D/new.md" > "$1"
}

# --- all of it ---

say "writing $LINES lines"
"$T" gen --count "$LINES" --seed 1 > "$IN" || die "no input"
BYTES=$(stat -c %s "$IN")
cat "$IN" > /dev/null
i=0
while [ $i -lt "$REPEAT" ]; do
	i=$((i + 1))
	say "round $i of $REPEAT"
	run_round
done
run_starts
run_latency
run_idle

throughput > "$D/rows"
rest >> "$D/rows"
report "$(cat "$D/rows")" > "$D/report"
cat "$D/report"
[ -n "$into" ] && put_into "$into" "$D/report"
rm -f "$D"/*.err
exit $MISSED
