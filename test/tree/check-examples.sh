#!/bin/bash
# The examples of conf/: each is in the list of files to install, passes `leat
# check` without a word of complaint; the smallest one runs, and so does the
# broker with its properties.
srcdir=$(cd "${srcdir:-.}" && pwd)
leat=${LEAT:-./leat}
dir=$(mktemp -d) || exit 99
pid=
cleanup() {
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
fail=0
complain() {
	echo "$*" >&2
	fail=1
}

# until_line FILE COUNT PATTERN: waits, at most 30 s
until_line() {
	local i
	for i in $(seq 600); do
		[ "$(grep -c "$3" "$1")" -ge "$2" ] && return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	[ "$(grep -c "$3" "$1")" -ge "$2" ] && return 0
	complain "$3 did not come ($2 times):"
	cat "$1" "$dir"/*.err >&2
	return 1
}

# stop WHAT: SIGTERM, and its exit status is 0
stop() {
	kill -TERM "$pid" 2>/dev/null
	wait "$pid" || complain "$1: exit status $?: $(tail -n 3 "$dir"/*.err)"
	pid=
}

cd "$srcdir" || exit 99
for f in conf/*; do
	case $f in
	conf/folder.am) continue ;;
	esac
	grep -q "^	$f\( \\\\\)\{0,1\}\$" conf/folder.am ||
	    complain "$f is not in conf/folder.am"
	case $f in
	*.conf|*.yaml)
		"$leat" check "$f" > "$dir/out" 2> "$dir/check.err" ||
		    complain "leat check $f: exit status $?"
		[ -s "$dir/check.err" ] && complain "$(cat "$dir/check.err")"
		rm -f "$dir/check.err"
		;;
	esac
done

"$leat" agent -n a1 -f conf/first-look.conf --data-dir "$dir/a1" \
    > "$dir/a1.out" 2> "$dir/a1.err" &
pid=$!
until_line "$dir/a1.out" 5 '^Event: { headers:{} body: 3' && stop first-look

# The same with a port and a folder of this test.
sed -e "s|:9092|:0|" -e "s|^log.dirs=.*|log.dirs=$dir/broker|" \
    conf/broker.properties > "$dir/broker.properties"
"$leat" broker -f "$dir/broker.properties" --data-dir "$dir/b" \
    > "$dir/b.out" 2> "$dir/b.err" &
pid=$!
until_line "$dir/b.err" 1 'serving 127.0.0.1:[1-9]' && stop broker.properties
exit $fail
