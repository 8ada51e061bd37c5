#!/bin/sh
# Holds the dependency table of doc/ARCHITECTURE.md: a folder includes itself
# and what stands on its line, nothing else; libevent only in loop/; only
# agent/registry.c names a plugin.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99
fail=0

allowed() {
	case $1 in
	base)         echo "base" ;;
	loop)         echo "loop base" ;;
	kafka)        echo "kafka base" ;;
	seglog)       echo "seglog base kafka" ;;
	plugin)       echo "plugin base loop" ;;
	broker)       echo "broker base loop kafka seglog" ;;
	sources)      echo "sources base loop plugin" ;;
	interceptors) echo "interceptors base plugin" ;;
	channels)     echo "channels base kafka seglog plugin" ;;
	sinks)        echo "sinks base loop kafka plugin" ;;
	cli)          echo "cli base kafka seglog" ;;
	agent)        echo "agent base loop kafka seglog plugin broker cli web" ;;
	esac
}

# file -> the folders its includes name, "file folder" per line
edges() {
	for f in "$1"/*.c "$1"/*.h "$1"/*.def; do
		[ -f "$f" ] || continue
		sed -n 's|^[ \t]*#[ \t]*include[ \t]*"\([a-z_]*\)/[^"]*".*|\1|p' "$f" |
		    sort -u | sed "s|^|$f |"
	done
}

complain() {
	echo "$1 includes $2/: not on its line of the table" >&2
	fail=1
}

for folder in base loop kafka seglog plugin broker sources interceptors \
    channels sinks cli agent; do
	ok=" $(allowed $folder) "
	edges $folder > "${TMPDIR:-/tmp}/edges.$$"
	while read -r file to; do
		case $ok in
		*" $to "*) continue ;;
		esac
		case $file:$to in
		sinks/kafka_direct.c:broker|sinks/kafka_direct.c:seglog) ;;
		agent/registry.c:sources|agent/registry.c:channels) ;;
		agent/registry.c:sinks|agent/registry.c:interceptors) ;;
		*) complain "$file" "$to" ;;
		esac
	done < "${TMPDIR:-/tmp}/edges.$$"
	rm -f "${TMPDIR:-/tmp}/edges.$$"
done

for f in $(grep -lE '#[ 	]*include[ 	]*<(event2/|event\.h)' */*.[ch] 2>/dev/null); do
	case $f in
	loop/*) ;;
	*) echo "$f includes libevent: only loop/ may" >&2; fail=1 ;;
	esac
done
exit $fail
