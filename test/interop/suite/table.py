"""The table of doc/COMPATIBILITY.md.  It is the store too: a run renews the
rows of what it ran and leaves the others, each with its date."""
import time

from suite import CASES

HEAD = """\
# Compatibility

Programs that no one here wrote, over `leat broker`. Written by `make interop`, which installs them from their registries, runs each
operation and judges it by the records, offsets and settings that come back; `make interop CASES="java-console kafkajs"` renews the rows of
these cases. A result stands for the day in its row. Those of Debian's own packages (kcat, kafka-python) are tests of `make check` as well.

"""
COLUMNS = "| case | client | version | operation | result | date |"
RULE = "|---|---|---|---|---|---|"


def cells(line):
    return [c.strip() for c in line.strip().strip("|").split("|")]


def clean(text):
    return text.replace("|", "/").replace("\n", " ")


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
    except FileNotFoundError:
        return []
    if COLUMNS not in lines:
        return []
    at = lines.index(COLUMNS) + 2
    return [cells(line) for line in lines[at:] if line.startswith("|")]


def renew(path, name, client, version, rows):
    old = load(path)
    mine = [r for r in old if r[0] == name and r[2] == version]
    earlier = {r[3]: r for r in mine}
    new = []
    for operation, result, note in rows:
        operation = clean(operation)
        told = result + (": " + clean(note) if note else "")
        if result == "skipped" and operation in earlier:
            new.append(earlier[operation])
        else:
            new.append([name, client, version, operation, told,
                        time.strftime("%Y-%m-%d", time.gmtime())])
    if [r[1] for r in rows] == ["skipped"] and mine:
        new = mine
    order = {n: i for i, n in enumerate(CASES)}
    kept = [r for r in old if not (r[0] == name and r[2] == version) and
            r[0] in order and r[2] in CASES[r[0]]["versions"]]
    every = sorted(kept + new, key=lambda r: (
        order[r[0]], CASES[r[0]]["versions"].index(r[2])))
    results = [r[4].split(":")[0] for r in every]
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD)
        f.write("%d passed, %d failed, %d skipped.\n\n" % tuple(
            results.count(r) for r in ("passed", "failed", "skipped")))
        f.write("\n".join([COLUMNS, RULE] + [
            "| %s |" % " | ".join(r) for r in every]) + "\n")
