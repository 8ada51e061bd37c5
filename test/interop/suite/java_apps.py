"""What is built upon Kafka: Streams, Connect, MirrorMaker; and leat's own Kafka
sink and commands with a real Apache Kafka."""
import json
import os
import random
import re
import urllib.error
import urllib.request

from java import TOOLS, Java
from kafka import Kafka, free_port
from suite import Failed, case, expect, expect_in

NEWEST = TOOLS[-1:]
LINES = ["line %d of a file" % i for i in range(1000)]
LEAT = os.environ.get("LEAT", "./leat")


def properties(**settings):
    return "".join("%s=%s\n" % (k.replace("_", "."), v)
                   for k, v in settings.items())


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


@case("leat-sink", "leat agent into Apache Kafka", TOOLS)
def sink(c):
    java = Java(c)
    kafka = Kafka(java)
    wild = random.Random(4)

    def lines(n):
        """Any bytes but the one that ends a line; some lines are empty."""
        return b"".join(bytes(b for b in wild.randbytes(wild.randrange(200))
                              if b != 10) + b"\n" for _ in range(n))

    def deliver(channel):
        topic = "sink-" + channel
        java.create(kafka, topic, 1)
        log = c.path(topic + ".log")
        data = lines(20000)
        with open(log, "wb") as f:
            f.write(data)
        conf = c.path(topic + ".conf", """\
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = f
a1.sources.r1.filegroups.f = %s
a1.sources.r1.channels = c1
a1.channels.c1.type = %s
a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
a1.sinks.k1.kafka.bootstrap.servers = %s
a1.sinks.k1.kafka.topic = %s
a1.sinks.k1.channel = c1
""" % (log, channel, kafka.address, topic))
        agent = c.start("agent", [LEAT, "agent", "-n", "a1", "-f", conf,
                                  "--data-dir", c.path(topic + "-data")])
        agent.wait_for("the agent is ready", lambda: "ready" in agent.err())
        more = lines(5000)
        with open(log, "ab") as f:
            f.write(more)
        data += more
        reader = java.start("console-consumer", "--bootstrap-server",
                            kafka.address, "--topic", topic,
                            "--from-beginning")

        def arrived():
            return os.path.getsize(reader.out_path) >= len(data)

        try:
            reader.wait_for("all bytes arrive", arrived, 120)
        except Failed as e:
            raise Failed("%d of %d bytes; %s; agent: %s" % (
                os.path.getsize(reader.out_path), len(data), e,
                agent.err()[-300:]))
        with open(reader.out_path, "rb") as f:
            expect("byte for byte", f.read() == data, True)
        expect("the agent stops", agent.stop(), 0)
        reader.kill()

    def compressed(codec):
        """From a file channel with headers: the sink encodes anew."""
        topic = "sink-" + codec
        java.create(kafka, topic, 1)
        log = c.path(topic + ".log", "".join(x + "\n" for x in LINES))
        conf = c.path(topic + ".conf", """\
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = f
a1.sources.r1.filegroups.f = %s
a1.sources.r1.headers.f.team = red
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
a1.sinks.k1.kafka.bootstrap.servers = %s
a1.sinks.k1.kafka.topic = %s
a1.sinks.k1.kafka.producer.compression.type = %s
a1.sinks.k1.useFlumeEventFormat = false
a1.sinks.k1.channel = c1
""" % (log, kafka.address, topic, codec))
        agent = c.start("agent", [LEAT, "agent", "-n", "a1", "-f", conf,
                                  "--data-dir", c.path(topic + "-data")])
        expect("lines", java.consume(kafka, topic, len(LINES)), LINES)
        expect("the agent stops", agent.stop(), 0)

    for channel in ("memory", "file"):
        c.op("Kafka sink over a %s channel, byte for byte" % channel, deliver,
             channel)
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        c.op("Kafka sink with headers, " + codec, compressed, codec)


@case("leat-commands", "leat commands with Apache Kafka", NEWEST)
def commands(c):
    java = Java(c)
    kafka = Kafka(java)

    def leat(command, *args, **kw):
        return c.run([LEAT, command, "--bootstrap-server", kafka.address,
                      *map(str, args)], **kw)

    def topics():
        leat("topics", "--create", "--topic", "t", "--partitions", 2)
        expect("--list", leat("topics", "--list",
                              "--exclude-internal").split(), ["t"])
        expect_in("--describe", "PartitionCount: 2", java.at(
            kafka, "topics", "--describe", "--topic", "t"))

    def console():
        java.create(kafka, "lines", 1)
        leat("console-producer", "--topic", "lines",
             stdin="".join(x + "\n" for x in LINES))
        expect("Kafka reads", java.consume(kafka, "lines", len(LINES)), LINES)
        expect("leat reads", leat(
            "console-consumer", "--topic", "lines", "--from-beginning",
            "--max-messages", len(LINES)).splitlines(), LINES)

    def groups():
        java.consume(kafka, "lines", 300, "--group", "g")
        expect_in("--list", "g", leat("consumer-groups", "--list").split())
        expect_in("--describe", "300", leat("consumer-groups", "--describe",
                                            "--group", "g"))
        leat("consumer-groups", "--group", "g", "--topic", "lines",
             "--reset-offsets", "--to-earliest", "--execute")
        expect("after the reset", java.consume(
            kafka, "lines", 10, "--group", "g"), LINES[:10])

    def configs():
        of = ("--entity-type", "topics", "--entity-name", "lines")
        leat("configs", "--alter", *of, "--add-config", "retention.ms=7200000")
        expect_in("Kafka's word", "retention.ms=7200000", java.at(
            kafka, "configs", "--describe", *of))
        expect_in("ours", "retention.ms=7200000", leat("configs", "--describe",
                                                       *of))

    def delete_records():
        name = c.path("delete.json", json.dumps({"version": 1, "partitions": [
            {"topic": "lines", "partition": 0, "offset": 400}]}))
        leat("delete-records", "--offset-json-file", name)
        expect("earliest", java.at(
            kafka, "get-offsets", "--topic-partitions", "lines:0", "--time",
            "earliest").strip(), "lines:0:400")

    c.op("topics", topics)
    c.op("console-producer, console-consumer", console)
    c.op("consumer-groups", groups)
    c.op("configs", configs)
    c.op("delete-records", delete_records)


@case("java-streams", "Apache Kafka Streams", NEWEST)
def streams(c):
    java = Java(c)
    words = ["w%d" % i for i in range(50)]
    wild = random.Random(5)

    def counted(guarantee, kills):
        broker = c.broker()
        source, target = "streams-plaintext-input", "streams-wordcount-output"
        java.create(broker, source, 2)
        java.create(broker, target, 1)
        conf = c.path("streams.properties", properties(
            bootstrap_servers=broker.address, processing_guarantee=guarantee,
            state_dir=c.path("state-" + guarantee), commit_interval_ms=100,
            session_timeout_ms=6000, heartbeat_interval_ms=500))
        wanted = dict.fromkeys(words, 0)

        def feed(n):
            lines = []
            for _ in range(n):
                some = wild.choices(words, k=10)
                lines.append(" ".join(some))
                for w in some:
                    wanted[w] += 1
            java.produce(broker, source, lines)

        def start():
            return java.start("word-count", conf)

        show = "--formatter-property"
        reader = java.start(
            "console-consumer", "--bootstrap-server", broker.address,
            "--topic", target, "--from-beginning", "--isolation-level",
            "read_committed", show, "print.key=true", show,
            "value.deserializer="
            "org.apache.kafka.common.serialization.LongDeserializer")

        def counts():
            return {k: int(v) for k, v in (
                x.split("\t") for x in reader.lines() if "\t" in x)}

        feed(500)
        app = start()
        for _ in range(kills):
            app.wait_for("the first counts", counts, 90)
            feed(500)
            app.kill()
            app = start()
        feed(500)
        try:
            app.wait_for("the counts", lambda: counts() == wanted, 120)
        except Failed as e:
            got = counts()
            raise Failed("%d words, %d of %d counted; %s" % (
                len(got), sum(got.values()), sum(wanted.values()), e))
        app.stop()
        reader.kill()

    c.op("WordCountDemo, at_least_once", counted, "at_least_once", 0)
    c.op("WordCountDemo, exactly_once_v2", counted, "exactly_once_v2", 0)
    c.op("WordCountDemo, exactly_once_v2, killed and started again", counted,
         "exactly_once_v2", 1)


STRINGS = "org.apache.kafka.connect.storage.StringConverter"
FILE = "org.apache.kafka.connect.file.FileStream"


@case("java-connect", "Apache Kafka Connect", TOOLS, limit=900)
def connect(c):
    java = Java(c)

    def worker(broker, **more):
        port = free_port()
        return "http://127.0.0.1:%d" % port, properties(
            bootstrap_servers=broker.address, key_converter=STRINGS,
            value_converter=STRINGS, offset_flush_interval_ms=500,
            listeners="http://127.0.0.1:%d" % port,
            plugin_path=java.libs, plugin_discovery="service_load", **more)

    def connectors(name):
        source, target = c.path(name + ".in"), c.path(name + ".out")
        return source, target, [
            {"name": "in-" + name, "connector.class": FILE + "SourceConnector",
             "file": source, "topic": name, "tasks.max": "1"},
            {"name": "out-" + name, "connector.class": FILE + "SinkConnector",
             "file": target, "topics": name, "tasks.max": "1",
             "consumer.override.auto.offset.reset": "earliest"}]

    def write(path, lines):
        with open(path, "a") as f:
            f.writelines(x + "\n" for x in lines)

    def standalone():
        broker = c.broker()
        source, target, both = connectors("standalone")
        write(source, LINES[:500])
        at, conf = worker(broker, offset_storage_file_filename=c.path(
            "offsets"))
        p = java.start("connect-standalone", c.path("worker.properties", conf),
                       *[c.path(x["name"] + ".properties", "".join(
                           "%s=%s\n" % kv for kv in x.items()))
                         for x in both])
        p.wait_for("lines in the file", lambda: len(read(target)) >= 500, 120)
        write(source, LINES[500:])
        p.wait_for("more lines", lambda: len(read(target)) >= 1000)
        expect("the file behind", read(target), LINES)
        expect("the topic", java.consume(broker, "standalone", 1000), LINES)
        p.stop()

    def call(url, what=None):
        """Its answer; None when it is not yet to be had."""
        request = urllib.request.Request(
            url, None if what is None else json.dumps(what).encode(),
            {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except (OSError, ValueError, urllib.error.HTTPError):
            return None

    def distributed(exactly_once):
        name = "exactly" if exactly_once else "distributed"
        broker = c.broker()
        source, target, both = connectors(name)
        write(source, LINES[:500])
        at, conf = worker(
            broker, group_id="connect", config_storage_topic="connect-config",
            offset_storage_topic="connect-offsets",
            status_storage_topic="connect-status",
            config_storage_replication_factor=1,
            offset_storage_replication_factor=1,
            status_storage_replication_factor=1,
            offset_storage_partitions=2, status_storage_partitions=2,
            scheduled_rebalance_max_delay_ms=0,
            connector_client_config_override_policy="All",
            exactly_once_source_support="enabled" if exactly_once
            else "disabled")
        conf = c.path(name + ".properties", conf)

        def start():
            p = java.start("connect-distributed", conf)
            p.wait_for("its REST server answers", lambda: call(at + "/"), 120)
            return p

        p = start()
        if exactly_once:
            both[0]["exactly.once.support"] = "required"
            both[0]["transaction.boundary"] = "poll"
            both[1]["consumer.override.isolation.level"] = "read_committed"
        for x in both:
            settings = {k: v for k, v in x.items() if k != "name"}
            p.wait_for("connector %s is taken" % x["name"], lambda: call(
                at + "/connectors", {"name": x["name"], "config": settings}) or
                x["name"] in (call(at + "/connectors") or []), 60)
        p.wait_for("lines in the file", lambda: len(read(target)) >= 500, 90)
        text = java.at(broker, "topics", "--describe", "--topic",
                       "connect-config")
        expect_in("its own topic", "cleanup.policy=compact", text)
        p.stop()
        write(source, LINES[500:])
        p = start()
        p.wait_for("more lines", lambda: len(read(target)) >= 1000, 90)
        expect("the topic", java.consume(
            broker, name, 1000, "--isolation-level", "read_committed"), LINES)
        expect("the file behind", read(target), LINES)
        p.stop()

    c.op("standalone: file to topic to file", standalone)
    c.op("distributed: file to topic to file, started again", distributed,
         False)
    c.op("distributed: exactly-once source", distributed, True)


@case("java-mirror", "Apache Kafka MirrorMaker 2", NEWEST, limit=900)
def mirror(c):
    java, broker = Java(c), c.broker()
    kafka = Kafka(java)
    java.create(broker, "ours", 2, retention_ms=7200000)
    java.create(kafka, "theirs", 1)
    # With keys, so that both partitions have some.
    java.produce(broker, "ours", ["%d\t%s" % kv for kv in enumerate(LINES)],
                 "--reader-property", "parse.key=true")
    java.produce(kafka, "theirs", LINES)
    java.consume(broker, "ours", len(LINES), "--group", "g")
    settings = {"leat.bootstrap.servers": broker.address,
                "apache.bootstrap.servers": kafka.address,
                "leat->apache.enabled": "true", "leat->apache.topics": "ours",
                "apache->leat.enabled": "true",
                "apache->leat.topics": "theirs", "replication.factor": 1,
                "plugin.discovery": "service_load",
                "emit.checkpoints.interval.seconds": 1,
                "refresh.topics.interval.seconds": 2,
                "refresh.groups.interval.seconds": 2,
                "sync.topic.configs.interval.seconds": 2,
                "sync.group.offsets.enabled": "true",
                "sync.group.offsets.interval.seconds": 1, "offset.lag.max": 0}
    for name in ("checkpoints.topic", "heartbeats.topic", "offset-syncs.topic",
                 "offset.storage", "status.storage", "config.storage"):
        settings[name + ".replication.factor"] = 1
    conf = properties(clusters="leat,apache", **settings)
    mm = java.start("mirror-maker", c.path("mm2.properties", conf))

    def both(at, topic, wanted, partitions):
        mm.wait_for(topic, lambda: topic in java.at(
            at, "topics", "--list").split(), 180)
        got = java.consume(at, topic, len(wanted), timeout=90)
        if partitions == 1:
            expect("records", got, wanted)
        expect("records in any order", sorted(got), sorted(wanted))

    def retention():
        mm.wait_for("retention.ms", lambda: "retention.ms=7200000" in java.at(
            kafka, "topics", "--describe", "--topic", "leat.ours"), 60)

    def groups():
        def offsets(at, topic):
            text = java.at(at, "consumer-groups", "--describe", "--group", "g",
                           status=None)
            return dict(re.findall(r"g\s+%s\s+(\d)\s+(\d+)" %
                                   re.escape(topic), text))

        ours = offsets(broker, "ours")
        expect("partitions that were read", sorted(ours), ["0", "1"])
        expect("records that were read", sum(map(int, ours.values())),
               len(LINES))
        mm.wait_for("the group's offsets %r" % ours, lambda: offsets(
            kafka, "leat.ours") == ours, 90)

    c.op("from leat into Apache Kafka", both, kafka, "leat.ours", LINES, 2)
    c.op("from Apache Kafka into leat", both, broker, "apache.theirs", LINES,
         1)
    c.op("topic settings", retention)
    c.op("group offsets", groups)
    mm.stop()
