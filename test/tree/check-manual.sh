#!/bin/sh
# The settings part of leat.conf(5) is what the tables say, and both manual
# pages are well formed.
srcdir=${srcdir:-.}
leat=${LEAT:-./leat}
tmp=${TMPDIR:-/tmp}/manual.$$
trap 'rm -f "$tmp"' EXIT
"$srcdir/script/update-manual" "$leat" "$srcdir/doc/leat.conf.5" > "$tmp" ||
    exit 1
diff -u "$srcdir/doc/leat.conf.5" "$tmp" || {
	echo "doc/leat.conf.5 is not up to date: make update-manual" >&2
	exit 1
}
if command -v mandoc >/dev/null 2>&1; then
	mandoc -T lint -W error "$srcdir/doc/leat.1" \
	    "$srcdir/doc/leat.conf.5" || exit 1
fi
exit 0
