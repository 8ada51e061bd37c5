"""Apache Kafka's own command-line tools."""
import glob
import json
import os
import re

from java import TOOLS, Java
from suite import Failed, case, expect, expect_in

CLIENT = "Apache Kafka tools"
LINES = ["line %d of a log" % i for i in range(1000)]


@case("java-console", CLIENT, TOOLS)
def console(c):
    java, broker = Java(c), c.broker()

    def topics():
        java.create(broker, "three", 3, retention_ms=3600000)
        expect("--list", java.at(broker, "topics", "--list").split(),
               ["three"])
        text = java.at(broker, "topics", "--describe", "--topic", "three")
        expect_in("--describe", "PartitionCount: 3", text)
        expect_in("--describe", "retention.ms=3600000", text)
        expect("leaders and replicas", re.findall(
            r"Partition: (\d)\s+Leader: (\d+)\s+Replicas: (\d+)\s+Isr: (\d+)",
            text), [(str(i), "1", "1", "1") for i in range(3)])
        java.at(broker, "topics", "--alter", "--topic", "three",
                "--partitions", 5)
        expect_in("--alter", "PartitionCount: 5", java.at(
            broker, "topics", "--describe", "--topic", "three"))
        text = java.at(broker, "topics", "--create", "--topic", "three",
                       status=None) + c.stderr
        expect_in("a topic that exists", "already exists", text)
        text = java.at(broker, "topics", "--create", "--topic", "two",
                       "--replication-factor", 2, status=None) + c.stderr
        expect_in("two replicas", "eplication factor", text)
        java.at(broker, "topics", "--delete", "--topic", "three")
        expect("--delete", java.at(broker, "topics", "--list").split(), [])

    def codec(name):
        topic = "codec-" + name
        java.produce(broker, topic, LINES, "--compression-codec", name)
        expect("lines", java.consume(broker, topic, len(LINES)), LINES)

    def fields():
        old = c.version.startswith("3.")
        read, write = ("--property", "--property") if old else (
            "--reader-property", "--formatter-property")
        java.create(broker, "fields", 1)
        java.produce(broker, "fields", ["a:1\tk1\tv1", "b:2,a:3\tk2\tv2"],
                     read, "parse.key=true", read, "parse.headers=true")
        show = [x for p in ("key", "headers", "partition", "offset")
                for x in (write, "print.%s=true" % p)]
        expect("lines", java.consume(broker, "fields", 2, *show), [
            "Partition:0\tOffset:0\ta:1\tk1\tv1",
            "Partition:0\tOffset:1\tb:2,a:3\tk2\tv2"])

    def offset():
        java.produce(broker, "offset", LINES)
        expect("from offset 990", java.at(
            broker, "console-consumer", "--topic", "offset", "--partition", 0,
            "--offset", 990, "--max-messages", 10, "--timeout-ms",
            20000).splitlines(), LINES[990:])

    def group():
        java.produce(broker, "grouped", LINES)
        for first in (0, 600):
            got = java.consume(broker, "grouped", 600 if first == 0 else 400,
                               "--group", "console")
            expect("lines from %d" % first, got, LINES[first:first + 600])

    c.op("topics: create, list, describe, alter, delete", topics)
    for name in ("none", "gzip", "snappy", "lz4", "zstd"):
        c.op("console-producer, console-consumer: %s" % name, codec, name)
    c.op("console: keys, headers, offsets", fields)
    c.op("console-consumer: from an offset", offset)
    c.op("console-consumer: a group goes on", group)


def described(text):
    """Lines of a table that a tool prints, as dicts by its headings."""
    lines = [x.split() for x in text.splitlines() if x.strip()]
    at = next((i for i, x in enumerate(lines) if x[0] in (
        "GROUP", "CoordinatorId", "TransactionalId", "ProducerId")), None)
    if at is None:
        raise Failed("no table: " + text[:200])
    return [dict(zip(lines[at], x)) for x in lines[at + 1:]]


@case("java-groups", CLIENT, TOOLS)
def groups(c):
    java, broker = Java(c), c.broker()

    def offsets():
        return {r["PARTITION"]: (r["CURRENT-OFFSET"], r["LOG-END-OFFSET"],
                                 r["LAG"])
                for r in described(java.at(broker, "consumer-groups",
                                           "--describe", "--group", "g"))}

    def reset(*how):
        java.at(broker, "consumer-groups", "--group", "g", "--topic", "t",
                "--reset-offsets", *how, "--execute")

    def describe():
        java.create(broker, "t", 1)
        java.produce(broker, "t", LINES)
        java.consume(broker, "t", 300, "--group", "g")
        expect("--list", java.at(broker, "consumer-groups", "--list").split(),
               ["g"])
        expect("--describe", offsets(), {"0": ("300", "1000", "700")})
        text = java.at(broker, "consumer-groups", "--describe", "--group",
                       "g", "--state")
        expect("state and members", re.findall(r"Empty\s+0", text) != [], True)

    def members():
        p = java.start("console-consumer", "--bootstrap-server",
                       broker.address, "--topic", "t", "--group", "g")
        p.wait_for("the rest is read", lambda: len(p.lines()) >= 700)
        expect("the rest", p.lines(), LINES[300:])
        rows = described(java.at(broker, "consumer-groups", "--describe",
                                 "--group", "g", "--members", "--verbose"))
        expect("members", [r["#PARTITIONS"] for r in rows], ["1"])
        expect_in("state", "Stable", java.at(
            broker, "consumer-groups", "--list", "--state"))
        text = java.at(broker, "consumer-groups", "--delete", "--group", "g",
                       status=None) + c.stderr
        expect_in("delete while it has a member", "not empty", text)
        p.stop()
        expect("after it left", offsets(), {"0": ("1000", "1000", "0")})

    def resets():
        for how, wanted in ((["--to-earliest"], 0), (["--to-latest"], 1000),
                            (["--to-offset", 250], 250),
                            (["--shift-by", -50], 200),
                            (["--to-datetime", "2000-01-01T00:00:00.000"], 0)):
            reset(*how)
            expect(how[0], offsets()["0"][0], str(wanted))

    def delete():
        text = java.at(broker, "consumer-groups", "--group", "g", "--topic",
                       "t", "--delete-offsets")
        expect_in("delete-offsets", "Successful", text + c.stderr)
        expect("offsets", [g for g in java.at(
            broker, "consumer-groups", "--describe", "--group", "g",
            status=None).splitlines() if " t " in g], [])
        java.at(broker, "consumer-groups", "--delete", "--group", "g",
                status=None)
        expect("--list", java.at(broker, "consumer-groups", "--list").split(),
               [])

    c.op("consumer-groups: list, describe, state", describe)
    c.op("consumer-groups: members, delete refused", members)
    c.op("consumer-groups: reset-offsets", resets)
    c.op("consumer-groups: delete-offsets, delete", delete)


@case("java-admin", CLIENT, TOOLS)
def admin(c):
    java, broker = Java(c), c.broker()
    java.create(broker, "t", 2)
    java.produce(broker, "t", LINES)

    def configs(*args, **kw):
        return java.at(broker, "configs", *args, **kw)

    def topic_configs():
        of = ("--entity-type", "topics", "--entity-name", "t")
        configs("--alter", *of, "--add-config",
                "retention.ms=7200000,cleanup.policy=[compact,delete]")
        text = configs("--describe", *of)
        expect_in("retention.ms", "retention.ms=7200000", text)
        expect_in("cleanup.policy", "cleanup.policy=compact,delete", text)
        configs("--alter", *of, "--delete-config", "retention.ms")
        text = configs("--describe", *of)
        expect("retention.ms is the default", "retention.ms=" in text, False)
        text = configs("--describe", *of, "--all")
        for key in ("retention.ms=604800000", "max.message.bytes=1048588",
                    "segment.bytes=", "min.insync.replicas=1"):
            expect_in("--all", key, text)
        text = configs("--alter", *of, "--add-config", "no.such=1",
                       status=None) + c.stderr
        expect_in("a setting there is not", "nknown", text)
        configs("--alter", *of, "--add-config", "cleanup.policy=delete")

    def broker_configs():
        text = configs("--describe", "--entity-type", "brokers",
                       "--entity-name", "1", "--all")
        for key in ("num.partitions=", "log.retention.ms="):
            expect_in("--all", key, text)

    def quotas():
        configs("--describe", "--entity-type", "users")
        configs("--describe", "--entity-type", "clients", "--entity-default")

    def get_offsets():
        def at(*when):
            return sorted(java.at(broker, "get-offsets", "--topic", "t",
                                  *when).split())

        latest = at()
        ends = [int(x.split(":")[2]) for x in latest]
        expect("the sum of the ends", sum(ends), len(LINES))
        expect("earliest", at("--time", "earliest"), ["t:0:0", "t:1:0"])
        expect("a time long ago", at("--time", 1000), [
            "t:%d:0" % i for i in (0, 1) if ends[i]])
        newest = at("--time", "max-timestamp")
        expect("max-timestamp", [x for x in newest if not re.fullmatch(
            r"t:[01]:\d+", x)], [])

    def delete_records():
        end = int(java.at(broker, "get-offsets", "--topic-partitions",
                          "t:0").split(":")[2])
        name = c.path("delete.json", json.dumps({"version": 1, "partitions": [
            {"topic": "t", "partition": 0, "offset": end // 2},
            {"topic": "t", "partition": 1, "offset": -1}]}))
        java.at(broker, "delete-records", "--offset-json-file", name)
        expect("partition 0 begins", java.at(
            broker, "get-offsets", "--topic-partitions", "t:0", "--time",
            "earliest").strip(), "t:0:%d" % (end // 2))
        expect("partition 1 is empty", java.at(
            broker, "get-offsets", "--topic-partitions", "t:1", "--time",
            "earliest").strip(), java.at(
            broker, "get-offsets", "--topic-partitions", "t:1").strip())
        expect("records left", len(java.at(
            broker, "console-consumer", "--topic", "t", "--from-beginning",
            "--max-messages", end - end // 2, "--timeout-ms",
            20000).splitlines()), end - end // 2)

    def log_dirs():
        text = java.at(broker, "log-dirs", "--describe", "--topic-list", "t")
        answer = json.loads(text[text.index("{"):].splitlines()[0])
        dirs = [d for b in answer["brokers"] for d in b["logDirs"]]
        expect("errors", [d["error"] for d in dirs], [None])
        parts = {p["partition"]: p["size"] for p in dirs[0]["partitions"]}
        expect("partitions", sorted(parts), ["t-0", "t-1"])
        if not len("".join(LINES)) < sum(parts.values()) < 1 << 20:
            raise Failed("sizes: %r" % parts)

    def acls():
        text = java.at(broker, "acls", "--list", status=None) + c.stderr
        expect_in("no authorizer", "SecurityDisabledException", text)

    def versions():
        text = java.at(broker, "api-versions")
        for api in ("Produce(0): 0 to", "Fetch(1): 4 to", "ApiVersions(18)"):
            expect_in("APIs", api, text)

    def features():
        text = java.at(broker, "features", "describe")
        for line in text.splitlines():
            expect_in("a feature", "Feature: ", line)

    def stubs():
        text = java.at(broker, "leader-election", "--election-type",
                       "preferred", "--topic", "t", "--partition", 0,
                       status=None) + c.stderr
        expect_in("leader-election", "t-0", text)
        expect("an error", "Exception" in text.replace(
            "ElectionNotNeededException", ""), False)
        text = java.at(broker, "reassign", "--list")
        expect_in("reassign-partitions", "No partition reassignments", text)

    c.op("configs: topics, alter and describe", topic_configs)
    c.op("configs: brokers, describe", broker_configs)
    c.op("configs: users and clients, describe", quotas)
    c.op("get-offsets", get_offsets)
    c.op("log-dirs", log_dirs)
    c.op("delete-records", delete_records)
    c.op("acls without an authorizer", acls)
    c.op("broker-api-versions", versions)
    c.op("features: describe", features)
    c.op("leader-election, reassign-partitions", stubs)


def hang(broker, topic):
    """The last batch that was written in a transaction, once more behind the
    others and without a marker, as if that had been lost: its offset."""
    broker.kill()
    path = sorted(glob.glob("%s/data/%s-0/*.log" % (broker.folder, topic)))[-1]
    with open(path, "r+b") as f:
        data, at = f.read(), 0
        while data[at + 16:at + 17] == b"\2":
            def number(a, b):
                return int.from_bytes(data[at + a:at + b], "big")
            size = 12 + number(8, 12)
            end = number(0, 8) + number(23, 27) + 1
            if number(21, 23) & 0x30 == 0x10:
                batch = data[at:at + size]
            at += size
        f.seek(at)
        f.write(end.to_bytes(8, "big") + batch[8:])
    broker.start()
    return end


@case("java-transactions", CLIENT, TOOLS)
def transactions(c):
    java, broker = Java(c), c.broker()

    def copier():
        java.create(broker, "in", 1)
        java.create(broker, "out", 1)
        java.produce(broker, "in", LINES)
        java.run("copier", "--broker-list", broker.address, "--input-topic",
                 "in", "--input-partition", 0, "--output-topic", "out",
                 "--max-messages", len(LINES), "--consumer-group", "copiers",
                 "--transaction-size", 50, "--transactional-id", "copy-1",
                 "--enable-random-aborts", "--use-group-metadata",
                 timeout=120)
        got = java.consume(broker, "out", len(LINES), "--isolation-level",
                           "read_committed")
        expect("what read_committed reads", got, LINES)

    def perf():
        java.create(broker, "perf", 1)
        more = [] if c.version.startswith("3.") else [
            "--bootstrap-server", broker.address]
        java.run("producer-perf", "--topic", "perf", "--num-records", 20000,
                 "--record-size", 100, "--throughput", -1,
                 "--transactional-id", "perf-1", "--transaction-duration-ms",
                 100, "--producer-props",
                 "bootstrap.servers=" + broker.address, *more)
        got = java.consume(broker, "perf", 20000, "--isolation-level",
                           "read_committed")
        expect("records committed", len(got), 20000)

    def tool():
        rows = described(java.at(broker, "transactions", "list"))
        expect("list", {r["TransactionalId"]: r["TransactionState"]
                        for r in rows if r["TransactionalId"] == "copy-1"},
               {"copy-1": "CompleteCommit"})
        row = described(java.at(broker, "transactions", "describe",
                                "--transactional-id", "copy-1"))
        expect_in("describe", "CompleteCommit", str(row))
        rows = described(java.at(
            broker, "transactions", "describe-producers", "--topic", "out",
            "--partition", 0))
        expect("producers of the partition", len(rows), 1)
        java.at(broker, "transactions", "find-hanging", "--broker-id", 1)

    def producer():
        return described(java.at(
            broker, "transactions", "describe-producers", "--topic", "out",
            "--partition", 0))[0]["CurrentTransactionStartOffset"]

    def abort():
        first = hang(broker, "out")
        expect("what is open", producer(), str(first))
        java.at(broker, "transactions", "abort", "--topic", "out",
                "--partition", 0, "--start-offset", first)
        expect("what is open then", producer(), "None")
        got = java.consume(broker, "out", len(LINES), "--isolation-level",
                           "read_committed")
        expect("what read_committed reads", got, LINES)

    c.op("TransactionalMessageCopier with aborts", copier)
    c.op("producer-perf in transactions", perf)
    c.op("transactions: list, describe, describe-producers, find-hanging",
         tool)
    c.op("transactions: abort of one that hangs", abort)


@case("java-verify", CLIENT, TOOLS)
def verify(c):
    java, broker = Java(c), c.broker("auto.create.topics.enable=true")
    old = c.version.startswith("3.")

    def compatibility():
        flags = ("create-topics-supported", "offsets-for-times-supported",
                 "cluster-id-supported", "describe-acls-supported",
                 "describe-configs-supported", "idempotent-producer-supported")
        out = java.at(broker, "compatibility", "--topic", "compatibility",
                      "--num-cluster-nodes", 1,
                      "--expect-record-too-large-exception", "False",
                      *[w for f in flags for w in ("--" + f, "True")])
        expect("its last word", out.split("\n")[-2:], ["SUCCESS.", ""])

    def verifiable():
        out = java.at(broker, "verifiable-producer", "--topic", "verifiable",
                      "--max-messages", 1000)
        sent = [json.loads(x) for x in out.splitlines()]
        acked = [s["value"] for s in sent if s["name"] ==
                 "producer_send_success"]
        expect("acknowledged", len(acked), 1000)
        out = java.at(broker, "verifiable-consumer", "--topic", "verifiable",
                      "--group-id", "v", "--max-messages", 1000, "--verbose",
                      "--session-timeout", 10000)
        got = [json.loads(x) for x in out.splitlines()]
        expect("the values", [g["value"] for g in got if g["name"] ==
                              "record_data"], acked)

    def perf():
        java.create(broker, "perf", 1)
        more = [] if old else ["--bootstrap-server", broker.address]
        out = java.run("producer-perf", "--topic", "perf", "--num-records",
                       100000, "--record-size", 200, "--throughput", -1,
                       "--producer-props",
                       "bootstrap.servers=" + broker.address, *more)
        expect_in("producer", "100000 records sent", out)
        count = "--messages" if old else "--num-records"
        out = java.at(broker, "consumer-perf", "--topic", "perf", count,
                      100000, "--hide-header")
        expect("records read", out.splitlines()[-1].split(", ")[4], "100000")

    def latency():
        out = java.run(*(["e2e-latency", broker.address, "latency", 200, 1,
                          100] if old else
                         ["e2e-latency", "--bootstrap-server", broker.address,
                          "--topic", "latency", "--num-records", 200,
                          "--producer-acks", 1, "--record-size", 100]))
        expect_in("percentiles", "Percentiles", out)

    c.op("ClientCompatibilityTest", compatibility)
    c.op("VerifiableProducer, VerifiableConsumer", verifiable)
    c.op("producer-perf, consumer-perf", perf)
    c.op("EndToEndLatency", latency)


@case("java-compaction", CLIENT, TOOLS)
def compaction(c):
    java = Java(c)
    broker = c.broker("log.cleaner.backoff.ms=500",
                      "log.cleaner.min.cleanable.ratio=0.01",
                      "log.segment.bytes=1048576", "log.roll.ms=1000")

    def tester():
        out = java.at(broker, "compaction", "--messages", 20000,
                      "--duplicates", 10, "--percent-deletes", 10,
                      "--topics", 2, "--sleep", 15, timeout=200)
        expect_in("what it found", "Data verification is completed", out)
        rows = {word: int(n) for n, word in re.findall(
            r"(\d+) rows of data (produced|consumed)", out)}
        if not rows["consumed"] < rows["produced"]:
            raise Failed("nothing was compacted: %r" % rows)

    c.op("LogCompactionTester", tester)


@case("java-dump-log", CLIENT, TOOLS)
def dump_log(c):
    java = Java(c)
    broker = c.broker()
    java.create(broker, "t", 1, segment_bytes=1 << 20,
                index_interval_bytes=4096)
    # Closed ones of lines as they are and, at the end, compressed.
    lines = ["%05d %s" % (i, "x" * 200) for i in range(30000)]
    for codec, some in (("none", lines[:15000]), ("gzip", lines[15000:])):
        java.produce(broker, "t", some, "--compression-codec", codec,
                     *(() if codec == "none" else (
                         "--producer-property", "batch.size=300",
                         "--producer-property", "linger.ms=0")))
    expect("the broker stops", broker.stop(), 0)
    folder = os.path.join(broker.folder, "data", "t-0")

    def files(kind):
        found = sorted(glob.glob(os.path.join(folder, "*." + kind)))
        if len(found) < 4:
            raise Failed("%d files *.%s" % (len(found), kind))
        return found[:-1]       # the last one is the active segment's

    def dump(kind, *args):
        return java.run("dump-log", "--files", ",".join(files(kind)), *args)

    def log():
        out = dump("log", "--print-data-log")
        got = re.findall(r"offset: (\d+) .*payload: (\d{5}) x+", out)
        expect("offsets and values", got, [
            (str(i), "%05d" % i) for i in range(len(got))])
        if len(got) < 15000:
            raise Failed("only %d records in closed segments" % len(got))
        expect("complaints", re.findall(
            r"isvalid: false|Found \d+ invalid bytes", out), [])

    def index(kind):
        for args in ((), ("--index-sanity-check",)):
            out = dump(kind, *args)
            expect("files told", out.count("Dumping "), len(files(kind)))
            bad = [x for x in out.splitlines() if not re.match(
                r"Dumping |(offset|timestamp): \d+|.*passed sanity check", x)]
            expect("complaints" + "".join(args), bad, [])
            if not args and len(re.findall(r"(?m)^(offset|timestamp):",
                                           out)) < len(files(kind)):
                raise Failed("hardly an entry: %s" % out)

    c.op("dump-log: closed segments", log)
    c.op("dump-log: offset indexes", index, "index")
    c.op("dump-log: time indexes", index, "timeindex")
