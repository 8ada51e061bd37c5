#!/bin/sh
# script/run-checks counts what ran, and what did not run is a failure: over
# made-up results in a folder with a makefile of its own.
srcdir=$(cd "${srcdir:-.}" && pwd)
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
fail=0

cat > "$dir/Makefile" <<'END'
put = printf ':global-test-result: %s\n' $(1) > $(2).trs; \
	printf '%s\n' $(3) > $(2).log
unit:
	$(call put,PASS,test_a,'100%: Checks: 5$(COMMA) Failures: 0$(COMMA) Errors: 0')
script:
	$(call put,PASS,a,'fine')
skip:
	$(call put,SKIP,b,'needs kcat')
unitfail:
	$(call put,FAIL,test_b,'50%: Checks: 4$(COMMA) Failures: 1$(COMMA) Errors: 1')
	false
unitleak:
	$(call put,FAIL,test_c,'100%: Checks: 4$(COMMA) Failures: 0$(COMMA) Errors: 0')
	false
scriptfail:
	$(call put,FAIL,c,'not fine')
	false
error:
	$(call put,ERROR,d,'no such file')
	false
build:
	false
nothing:
	true
COMMA := ,
END

# EXPECTED-STATUS "LAST LINE" TARGET ...
expect() {
	status=$1
	line=$2
	shift 2
	"$srcdir/script/run-checks" "$dir" "$@" > "$dir/out" 2>&1
	got=$?
	if [ "$got" != "$status" ] || [ "$(tail -n 1 "$dir/out")" != "$line" ]
	then
		echo "run-checks $*: status $got, and not '$line':" >&2
		cat "$dir/out" >&2
		fail=1
	fi
}

expect 0 "5 passed, 0 failed" unit
expect 0 "6 passed, 0 failed, 1 skipped" unit script skip
expect 1 "2 passed, 2 failed" unitfail
expect 1 "3 passed, 1 failed" unitleak
expect 1 "0 passed, 1 failed" scriptfail
expect 1 "0 passed, 1 failed" error
expect 1 "0 passed, 1 failed" build
expect 1 "0 passed, 1 failed" nothing
expect 1 "0 passed, 1 failed" missing-target
expect 1 "5 passed, 1 failed" unit build
expect 1 "6 passed, 1 failed" unit scriptfail script
expect 0 "0 passed, 0 failed, 1 skipped" skip
exit $fail
