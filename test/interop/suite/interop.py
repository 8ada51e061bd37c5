"""`make interop`: the programs of others over `leat broker`.

	interop.py --into FOLDER --table FILE [CASE | CASE@VERSION ...]

Installs what the cases need into FOLDER, runs each case and version in a
process of its own with a time limit, renews its rows in the table of FILE and
closes with "N passed, N failed, N skipped".  KEEP=1 keeps the folders of the
cases and shows the broker's log of what failed.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import java_apps  # noqa: E402,F401
import java_tools  # noqa: E402,F401
import clients  # noqa: E402,F401
import java_chaos  # noqa: E402,F401
import table  # noqa: E402
from suite import CASES, patient, run_case  # noqa: E402


def selection(words):
    if not words:
        return [(n, v) for n in CASES for v in CASES[n]["versions"]]
    chosen = []
    for word in words:
        name, _, version = word.partition("@")
        if name not in CASES or version and \
                version not in CASES[name]["versions"]:
            sys.exit("no case %s; there are: %s" % (word, ", ".join(
                "%s@{%s}" % (n, ",".join(CASES[n]["versions"]))
                for n in CASES)))
        chosen += [(name, v) for v in CASES[name]["versions"]
                   if version in ("", v)]
    return chosen


def rows_of(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def run(name, version, into):
    """The rows of a case: [operation, result, note]."""
    path = os.path.join(into, "rows-%d" % os.getpid())
    if os.path.exists(path):
        os.unlink(path)
    child = subprocess.Popen(
        [sys.executable, __file__, "--into", into, "--rows", path,
         "%s@%s" % (name, version)], start_new_session=True)
    note, limit = "", patient(CASES[name]["limit"])
    try:
        status = child.wait(limit)
        if status != 0:
            note = "ended with status %d" % status
    except subprocess.TimeoutExpired:
        note = "not done after %d s" % limit
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    rows = rows_of(path)
    if os.path.exists(path):
        os.unlink(path)
    if note or not rows:
        rows.append(["the case as a whole", "failed",
                     note or "it ran nothing"])
        print("failed   %s %s: %s" % (name, version, rows[-1][2]))
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--into", required=True)
    p.add_argument("--table")
    p.add_argument("--rows", help="of the one case: run it here")
    p.add_argument("cases", nargs="*")
    args = p.parse_args()
    os.makedirs(args.into, exist_ok=True)
    chosen = selection(args.cases)
    if args.rows:
        run_case(*chosen[0], args.into, args.rows)
        return 0
    # Ended from outside, it ends its case too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = []
    for name, version in chosen:
        start = time.time()
        print("== %s@%s" % (name, version), flush=True)
        rows = run(name, version, args.into)
        results += [r[1] for r in rows]
        print("-- %.0f s" % (time.time() - start), flush=True)
        if args.table:
            table.renew(args.table, name, CASES[name]["client"], version, rows)
    count = [results.count(r) for r in ("passed", "failed", "skipped")]
    print("%d passed, %d failed, %d skipped" % tuple(count))
    return count[1] != 0


sys.exit(main())
