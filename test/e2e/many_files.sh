#!/bin/sh
# Far more followed files than the process may open: each line of each file
# arrives once, lines appended later too, also after a restart.
. "${srcdir:-.}/test/e2e/lib.sh"

files=${LONG:+20000}
files=${files:-2000}
some=$((files / 10))
limit=1024

# The agent gets so many descriptors and cannot get more.
printf '#!/bin/sh\nulimit -n %d && exec "%s" "$@"\n' $limit "$LEAT" \
    > "$D/limited"
chmod +x "$D/limited"
LEAT=$D/limited

# STEP COUNT LINES: appends lines of these numbers to every STEPth file, COUNT files.
append() {
	awk -v dir="$D/log" -v step="$1" -v n="$2" -v lines="$3" 'BEGIN {
		k = split(lines, line, " ")
		for (i = 0; i < n; i++) {
			file = dir "/" i * step ".log"
			for (j = 1; j <= k; j++)
				print "file " i * step " line " line[j] >> file
			close(file)
		}
	}'
}

# N: so many records there are, and they are the lines of the files.
all_once() {
	has_records t1 "$1"
	consume t1 | sort > "$D/got"
	find "$D/log" -type f -exec cat {} + | sort > "$D/want"
	[ "$(wc -l < "$D/want")" -eq "$1" ] || fail "the test wrote not $1"
	cmp "$D/got" "$D/want" || fail "$1 lines"
}

open_files() {
	find "/proc/$AGENT/fd" -mindepth 1 -lname "$D/log/*.log" | wc -l
}

agent_conf file > "$D/a.conf"
append 1 $files "1 2 3"
start_agent
all_once $((files * 3))
open=$(open_files)
[ "$open" -gt 1 ] && [ "$open" -lt $limit ] || fail "$open files are open"
ok "$files files under a limit of $limit descriptors: $open are open"

append 10 $some "4"
all_once $((files * 3 + some))
ok "lines appended to $some of them"

stop_agent
append 10 $some "5 6"
start_agent
append 20 $((some / 2)) "7"
all_once $((files * 3 + some * 3 + some / 2))
if grep -E " (warn|error) " "$D/agent.err" | grep -F "$D/log"; then
	fail "the agent complained of a file"
fi
ok "the same after a restart"
