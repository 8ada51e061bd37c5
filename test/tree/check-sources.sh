#!/bin/sh
# What must not be in the sources: functions that cannot be used safely, notes
# of unfinished work, a bare sleep in a test, a test that is not run.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99
fail=0
folders="base loop kafka seglog plugin broker sources interceptors channels \
sinks cli agent"

refuse() {	# what, why, matching lines
	[ -z "$3" ] && return
	echo "$3" >&2
	echo "^ $1: $2" >&2
	fail=1
}

c_files=$(for d in $folders; do ls $d/*.[ch] 2>/dev/null; done)
refuse "unsafe function" "use the bounded one" "$(grep -nE \
    '(^|[^_a-zA-Z>.])(gets|sprintf|vsprintf|strcat|strtok|gmtime|localtime|atoi|atol|alloca)[ ]*\(' \
    $c_files | grep -vE '^[^:]*:[0-9]+:[ 	]*(\*|/\*|//)')"
refuse "unfinished" "finish it, or let it be absent and refused" \
    "$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $c_files)"
refuse "line over 80 columns" "break it" "$(for f in $c_files; do
	expand -t8 "$f" | awk -v f="$f" 'length($0) > 80 { print f ":" NR }'
done)"
refuse "bare sleep in a test" "wait for a condition (wait_until)" \
    "$(grep -rnE '^[ 	]*sleep [0-9.]+' test/e2e test/interop 2>/dev/null |
    grep -v 'lib.sh')"
for t in test/e2e/*.sh test/interop/*.sh; do
	[ -f "$t" ] || continue
	case $t in */lib.sh) continue ;; esac
	grep -q "$t" test/e2e/e2e.am test/interop/interop.am || {
		echo "$t is in no list of tests" >&2
		fail=1
	}
done
exit $fail
