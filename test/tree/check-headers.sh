#!/bin/sh
# Each header compiles alone, and names its guard after its path.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99
fail=0
builddir=${abs_builddir:-.}
for h in base/*.h loop/*.h kafka/*.h seglog/*.h plugin/*.h broker/*.h \
    sources/*.h interceptors/*.h channels/*.h sinks/*.h cli/*.h agent/*.h; do
	[ -f "$h" ] || continue
	if ! echo "#include \"$h\"" | ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I. \
	    -I"$builddir" $CPPFLAGS -Wall -Wextra -Werror -fsyntax-only -x c -; then
		echo "$h does not compile alone" >&2
		fail=1
	fi
	guard=$(echo "$h" | tr 'a-z/.' 'A-Z__')
	grep -q "^#ifndef $guard\$" "$h" || {
		echo "$h: its guard should be $guard" >&2
		fail=1
	}
done
exit $fail
