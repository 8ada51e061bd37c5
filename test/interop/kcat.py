#!/usr/bin/python3
"""kcat (librdkafka) over `leat broker`: all of its compressions, keys, headers,
times, offsets, both ends of a pipe byte for byte, and a group that balances
as members come and go.  Skipped (77) without kcat."""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from bed import WAIT, check, run, same, until  # noqa: E402

if shutil.which("kcat") is None:
    print("no kcat here")
    sys.exit(77)


def kcat(broker, *args, stdin=b"", status=0):
    r = subprocess.run(["kcat", "-b", broker.address, *args], input=stdin,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=WAIT)
    if r.returncode != status:
        same("kcat %s" % " ".join(args), (r.returncode, r.stderr),
             (status, b""))
    return r.stdout


def consume(broker, topic, *args):
    return kcat(broker, "-C", "-t", topic, "-e", "-q", *args)


def envelopes(broker, topic, *args):
    return [json.loads(line) for line in
            consume(broker, topic, "-J", *args).splitlines()]


def codecs(broker):
    lines = random.Random(1)
    data = b"".join(b"%d %s\n" % (i, b"leat " * lines.randrange(60))
                    for i in range(20000))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = "codec-" + codec
        kcat(broker, "-P", "-t", topic, "-z", codec, "-X", "linger.ms=20",
             "-X", "enable.idempotence=true", stdin=data)
        check("%s: byte for byte" % topic, consume(broker, topic) == data)


def fields(broker):
    kcat(broker, "-P", "-t", "fields", "-K", ":", "-H", "a=1", "-H", "b=",
         "-Z", stdin=b"k1:v1\nk2:\n")
    # Not within the same millisecond: times are told apart below.
    before = int(envelopes(broker, "fields")[1]["ts"])
    until(lambda: time.time() * 1000 > before + 1)
    kcat(broker, "-P", "-t", "fields", "-K", ":", "-H", "a=1", "-H", "b=",
         "-Z", stdin=b":v3\n")
    got = envelopes(broker, "fields")
    same("keys and values", [(m["key"], m["payload"]) for m in got],
         [("k1", "v1"), ("k2", None), (None, "v3")])
    same("headers", [m["headers"] for m in got], [["a", "1", "b", ""]] * 3)
    same("offsets", [m["offset"] for m in got], [0, 1, 2])
    same("the kind of time", {m["tstype"] for m in got}, {"create"})
    check("times in order", sorted(m["ts"] for m in got) ==
          [m["ts"] for m in got])
    same("from an offset", [m["payload"] for m in
                            envelopes(broker, "fields", "-o", "2")], ["v3"])
    same("the last two", [m["payload"] for m in envelopes(
        broker, "fields", "-o", "-2")], [None, "v3"])
    at = got[2]["ts"]
    same("from a time", [m["payload"] for m in envelopes(
        broker, "fields", "-o", "s@%d" % at)], ["v3"])
    for when, wanted in (("0", 0), (str(at), 2), ("-1", 3), ("-2", 0)):
        same("the offset at " + when, kcat(
            broker, "-Q", "-t", "fields:0:" + when),
            b"fields [0] offset %d\n" % wanted)
    same("past the end", kcat(broker, "-C", "-t", "fields", "-o", "s@%d" % (
        at + 3600000), "-e", "-q"), b"")


def metadata(broker):
    m = json.loads(kcat(broker, "-L", "-J"))
    names = [t["topic"] for t in m["topics"]]
    check("the topics are listed", {"fields", "codec-none"} <= set(names))
    same("one broker", [b["name"] for b in m["brokers"]], [broker.address])
    one = json.loads(kcat(broker, "-L", "-J", "-t", "fields"))["topics"]
    same("one topic", [(t["topic"], len(t["partitions"])) for t in one],
         [("fields", 1)])


def create(broker, topic, partitions):
    subprocess.run([os.environ.get("LEAT", "./leat"), "topics",
                    "--bootstrap-server", broker.address, "--create",
                    "--topic", topic, "--partitions", str(partitions)],
                   check=True, stdout=subprocess.DEVNULL)


class Member:
    """kcat -G that writes one line per record and says what it was assigned."""

    def __init__(self, broker, name, strategy):
        self.out = open(os.path.join(broker.folder, name + ".out"), "w+b")
        self.err = open(os.path.join(broker.folder, name + ".err"), "w+b")
        self.process = subprocess.Popen(
            ["kcat", "-b", broker.address, "-G", "shared-" + strategy, "-u",
             "-X", "auto.offset.reset=earliest", "-X",
             "partition.assignment.strategy=" + strategy, "-X",
             "heartbeat.interval.ms=200", "-X", "auto.commit.interval.ms=100",
             "shared-" + strategy], stdout=self.out, stderr=self.err)

    def lines(self):
        return open(self.out.name, "rb").read().splitlines()

    def assigned(self):
        """How often it was given partitions, not counting none at all."""
        err = open(self.err.name, "rb").read()
        return len(re.findall(br"(?:assigned|assignment of)[^\n]*\[\d", err))

    def leave(self):
        self.process.terminate()
        try:
            self.process.wait(WAIT)
        finally:
            self.process.kill()
            self.out.close()
            self.err.close()


def fill(broker, topic, what, n):
    for p in range(4):
        kcat(broker, "-P", "-t", topic, "-p", str(p), stdin=b"".join(
            b"%s-%d-%d\n" % (what, p, i) for i in range(n)))


def balance(broker, strategy):
    topic = "shared-" + strategy
    create(broker, topic, 4)
    fill(broker, topic, b"one", 10)
    a = Member(broker, "a-" + strategy, strategy)
    try:
        check("one member reads all", until(lambda: len(a.lines()) == 40))
        b = Member(broker, "b-" + strategy, strategy)
        try:
            check("a second one is given its share",
                  until(lambda: b.assigned() > 0))
            fill(broker, topic, b"two", 10)
            check("both read", until(lambda: len(a.lines()) > 40 and
                                     len(b.lines()) > 0 and
                                     len(a.lines()) + len(b.lines()) >= 80))
        finally:
            b.leave()
        fill(broker, topic, b"three", 10)
        check("one leaves, the other reads on", until(
            lambda: len(set(a.lines() + b.lines())) == 120))
    finally:
        a.leave()
    same("nobody reads from the beginning again", len(
        set(a.lines() + b.lines())), 120)
    fill(broker, topic, b"four", 5)
    out = kcat(broker, "-G", topic, "-c", "20", "-q", "-X",
               "partition.assignment.strategy=" + strategy, topic)
    same("the group goes on where it was", sorted(out.splitlines()),
         sorted(b"four-%d-%d" % (p, i) for p in range(4) for i in range(5)))


def large(broker):
    """A record as large as the broker takes, and one that is larger."""
    path = os.path.join(broker.folder, "large")
    with open(path, "wb") as f:
        f.write(os.urandom(900000))
    kcat(broker, "-P", "-t", "large", path)
    data = open(path, "rb").read()
    check("900 kB in one record", consume(broker, "large", "-D", "") == data)
    with open(path, "wb") as f:
        f.write(b"x" * 5000000)
    r = subprocess.run(["kcat", "-b", broker.address, "-P", "-t", "large",
                        "-X", "message.max.bytes=20000000", path],
                       stderr=subprocess.PIPE, timeout=WAIT)
    check("5 MB are refused, and kcat says why", b"too large" in
          r.stderr.lower())


def test(broker):
    codecs(broker)
    fields(broker)
    metadata(broker)
    for strategy in ("range", "cooperative-sticky"):
        balance(broker, strategy)
    large(broker)


run(test)
