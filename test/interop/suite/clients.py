"""Client libraries.  Each is a small program in its language that knows these
operations, with JSON by the line on its input and output:

	produce BROKER TOPIC CODEC	  records of the input
	consume BROKER TOPIC GROUP ISOLATION	until its input ends; prints
		{"assigned": [partitions]} at each rebalance, and the records
	transact BROKER SOURCE TARGET GROUP ID N	copies N records in
		transactions of ten, each third one aborted first, with offsets
	admin BROKER TOPIC	creates with three partitions and a retention,
		lists, describes, adds two partitions, deletes

A record: {"key", "value", "headers": [[key, value], ...], "partition",
"offset"}; a program that cannot do an operation is not asked.
"""
import json
import os

import install
from java import OPTIONS
from suite import INTEROP, Failed, Skip, case, expect, wait_for

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def record(key, value, headers=(), partition=None):
    r = {"key": key, "value": value, "headers": [list(h) for h in headers]}
    if partition is not None:
        r["partition"] = partition
    return r


class Client:
    def __init__(self, c, argv, transactions=True, codecs=CODECS,
                 tells_empty=True):
        self.c = c
        self.argv = argv
        self.transactions = transactions
        self.codecs = codecs
        self.tells_empty = tells_empty      # from an absent key or value
        self.broker = c.broker()

    def run(self, operation, *args, **kw):
        return self.c.run([*self.argv, operation, self.broker.address,
                           *map(str, args)], **kw)

    def produce(self, topic, records, codec="none"):
        self.run("produce", topic, codec,
                 stdin="".join(json.dumps(r) + "\n" for r in records))

    def create(self, topic, partitions):
        self.c.run([os.environ["LEAT"], "topics", "--bootstrap-server",
                    self.broker.address, "--create", "--topic", topic,
                    "--partitions", str(partitions)])

    def member(self, topic, group, isolation="read_uncommitted"):
        return Member(self, topic, group, isolation)

    def read(self, topic, n, isolation="read_uncommitted"):
        """n records of the topic, by a new group."""
        m = self.member(topic, "read-" + topic, isolation)
        m.program.wait_for("%d records of %s" % (n, topic),
                           lambda: len(m.records()) >= n, 30)
        m.leave()
        return m.records()

    def every(self):
        c = self.c
        for codec in self.codecs:
            c.op("produce, consume: " + codec, self.codec, codec)
        c.op("a group of two, rebalances, commits", self.group)
        c.op("topics: create, describe, configs, partitions, delete",
             self.admin)
        if self.transactions:
            c.op("transactions: commit, abort, offsets, read_committed",
                 self.transact)

    def codec(self, codec):
        topic = "codec-" + codec
        self.create(topic, 1)
        sent = [record("key %d" % i, "value %d " % i + "leat " * (i % 50))
                for i in range(500)]
        sent += [record("k", None), record(None, "without a key"),
                 record("h", "v", [("a", "1"), ("a", "2"),
                                                   ("b", "")]),
                 record("gr\u00fc\u00dfe", "\u2192 \u00e4"),
                 record("large", "x" * 200000)]
        if self.tells_empty:
            sent.append(record("", ""))
        self.produce(topic, sent, codec)
        got = self.read(topic, len(sent))
        expect("offsets", [r["offset"] for r in got], list(range(len(sent))))
        expect("records", [record(r["key"], r["value"], r["headers"])
                           for r in got], sent)

    def group(self):
        """One member, a second one, which leaves; then the group goes on."""
        self.create("shared", 4)

        def fill(what):
            self.produce("shared", [record(
                None, "%s %d %d" % (what, i, p), (), p)
                for i in range(25) for p in range(4)])
            return {"%s %d %d" % (what, i, p)
                    for i in range(25) for p in range(4)}

        def values(*members):
            return {r["value"] for m in members for r in m.records()}

        sent = fill("one")
        a = self.member("shared", "g")
        a.program.wait_for("one member has all partitions and reads all",
                           lambda: a.partitions() == [0, 1, 2, 3] and
                           values(a) == sent)
        b = self.member("shared", "g")
        b.program.wait_for("two members share the partitions", lambda: (
            len(a.partitions()), len(b.partitions())) == (2, 2) and sorted(
                a.partitions() + b.partitions()) == [0, 1, 2, 3])
        sent |= fill("two")
        wait_for("both read all", lambda: values(a, b) == sent)
        expect("the second member reads its two partitions", {
            r["partition"] for r in b.records()
            if r["value"].startswith("two")}, set(b.partitions()))
        b.leave()
        a.program.wait_for("the first one has all again",
                           lambda: a.partitions() == [0, 1, 2, 3])
        sent |= fill("three")
        a.program.wait_for("it reads all", lambda: values(a, b) == sent)
        for m in (a, b):
            m.in_order()
        a.leave()
        sent = fill("four")
        a = self.member("shared", "g")
        a.program.wait_for("the group goes on", lambda: values(a) == sent)
        expect("nothing is read again", len(a.records()), len(sent))
        a.leave()

    def admin(self):
        out = self.run("admin", "admin").strip().splitlines()[-1]
        expect("what it saw", json.loads(out), {
            "listed": True, "partitions": 3, "retention": "3600000",
            "more": 5, "deleted": True})

    def transact(self):
        self.create("in", 1)
        self.create("out", 1)
        sent = [record("k%d" % i, "v%d" % i) for i in range(100)]
        self.produce("in", sent)
        self.run("transact", "in", "out", "copiers", "copy", len(sent))
        got = self.read("out", len(sent), "read_committed")
        expect("what read_committed reads", [(r["key"], r["value"])
                                             for r in got],
               [(r["key"], r["value"]) for r in sent])
        # Of ten transactions four were aborted first, and are in the log.
        m = self.member("out", "all")
        m.program.wait_for("the aborted ones are there", lambda: len([
            r for r in m.records() if r["value"] == "aborted"]) == 40, 20)
        m.leave()
        self.produce("in", [record(None, "last")])
        m = self.member("in", "copiers")
        m.program.wait_for("the group goes on", lambda: m.records(), 30)
        expect("behind the offsets of the transactions", [
            r["value"] for r in m.records()], ["last"])
        m.leave()


class Member:
    def __init__(self, client, topic, group, isolation):
        self.program = client.c.start("member", [
            *client.argv, "consume", client.broker.address, topic, group,
            isolation])

    def said(self):
        return [json.loads(x) for x in self.program.lines() if x[:1] == "{"]

    def records(self):
        return [x for x in self.said() if "value" in x]

    def partitions(self):
        told = [x["assigned"] for x in self.said() if "assigned" in x]
        return sorted(told[-1]) if told else []

    def in_order(self):
        """Offsets go up in each partition until it is assigned again."""
        last = {}
        for x in self.said():
            if "assigned" in x:
                last = {}
            elif "value" in x:
                if x["offset"] <= last.get(x["partition"], -1):
                    raise Failed("offset %d after %d" % (
                        x["offset"], last[x["partition"]]))
                last[x["partition"]] = x["offset"]

    def leave(self):
        expect("how a member ends", self.program.finish(30), 0)


def program(*path):
    return os.path.join(INTEROP, *path)


@case("kafka-python", "kafka-python", ("2.0.2", "2.3.3", "3.0.12"))
def kafka_python(c):
    codecs = CODECS
    if c.version == "2.0.2":
        python = "/usr/bin/python3"         # Debian's
        try:
            got = c.run([python, "-c", "import kafka, kafka.codec as k;"
                         "print(kafka.__version__, *[n for n in ('gzip',"
                         "'snappy', 'lz4', 'zstd') if getattr(k, 'has_' + n"
                         ")()])"]).split()
        except (Failed, OSError):
            got = [""]
        if got[0] != c.version:
            raise Skip("no python3-kafka 2.0.2 of Debian here")
        codecs = ["none", *got[1:]]
    else:
        python = install.python(c.into, "kafka-python==" + c.version,
                                "crc32c==2.7.1", "lz4==4.4.4",
                                "python-snappy==0.7.3", "zstandard==0.25.0")
    Client(c, [python, program("python", "kafka_python.py")],
           c.version != "2.0.2", codecs).every()


@case("confluent-kafka", "confluent-kafka", ("2.16.1",))
def confluent(c):
    python = install.python(c.into, "confluent-kafka==" + c.version)
    Client(c, [python, program("python", "confluent.py")]).every()


@case("kafkajs", "kafkajs", ("2.2.4",))
def kafkajs(c):
    path = install.npm(c.into, "kafkajs@" + c.version, "kafkajs.js")
    # The other codecs are packages of others.
    Client(c, [install.need("node"), path], codecs=("none", "gzip")).every()


def go_client(c, name, **kw):
    Client(c, [install.go(c.into, name)], **kw).every()


@case("franz-go", "franz-go", ("1.22.2",))
def franz(c):
    go_client(c, "franz")


@case("sarama", "sarama", ("1.61.1",))
def sarama(c):
    go_client(c, "sarama")


@case("segmentio", "segmentio/kafka-go", ("0.4.51",))
def segmentio(c):
    go_client(c, "segmentio", transactions=False, tells_empty=False)


@case("java-client", "Apache Kafka Java client", ("3.9.2", "4.4.0"))
def java_client(c):
    libs = install.maven(c.into, "client", c.version)
    classes = install.javac(c.into, libs, "Client.java", c.version)
    Client(c, ["java", *OPTIONS, "-cp", "%s:%s/*" % (classes, libs),
               "Client"]).every()
