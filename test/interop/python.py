#!/usr/bin/python3
"""kafka-python over `leat broker`: produce, consume, offsets, commit and go on,
topics and settings through its admin client.  Skipped (77) without it."""
import sys
import time

try:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import (ConfigResource, ConfigResourceType,
                             KafkaAdminClient, NewPartitions, NewTopic)
    from kafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
    from kafka.errors import (KafkaError, TopicAlreadyExistsError,
                              UnknownTopicOrPartitionError)
    from kafka.structs import OffsetAndMetadata
except ImportError:
    print("no kafka-python here")
    sys.exit(77)
sys.dont_write_bytecode = True
from bed import check, run, same, until  # noqa: E402

CODECS = [None] + [name for name, has in (
    ("gzip", has_gzip), ("snappy", has_snappy), ("lz4", has_lz4),
    ("zstd", has_zstd)) if has()]
VALUES = [b"", b"plain", "gr\u00fc\u00dfe \u0000 \u2192".encode(),
          bytes(range(256)), b"x" * 200000, None]


def refused(what, error, fn, *args, **kw):
    try:
        fn(*args, **kw)
    except error:
        check(what, True)
    except Exception as e:
        same(what, type(e), error)
    else:
        check(what + " (it was taken)", False)


def read_all(broker, topic, n, **kw):
    """n records from the beginning, and that there is not one more."""
    c = KafkaConsumer(bootstrap_servers=broker.address, **kw)
    parts = [TopicPartition(topic, p)
             for p in sorted(c.partitions_for_topic(topic))]
    c.assign(parts)
    c.seek_to_beginning()
    ends = c.end_offsets(parts)
    got = []

    def done():
        for v in c.poll(100).values():
            got.extend(v)
        return all(c.position(p) >= ends[p] for p in parts)

    until(done)
    c.close()
    same("%s: number of records" % topic, len(got), n)
    return got


def round_trip(broker):
    for codec in CODECS:
        topic = "codec-%s" % codec
        p = KafkaProducer(bootstrap_servers=broker.address, acks="all",
                          compression_type=codec, linger_ms=50)
        sent = []
        for i, value in enumerate(VALUES):
            key = None if i == 1 else b"key %d" % i
            headers = [("h", b"%d" % i), ("same", b"a"), ("same", b"b"),
                       ("empty", b"")]
            stamp = 1700000000000 + i
            p.send(topic, value, key, headers, timestamp_ms=stamp)
            sent.append((key, value, headers, stamp))
        p.flush()
        p.close()
        got = read_all(broker, topic, len(sent))
        same("%s: what was sent comes back" % topic,
             [(r.key, r.value, r.headers, r.timestamp) for r in got], sent)
        same("%s: offsets" % topic, [r.offset for r in got],
             list(range(len(sent))))


def acks(broker):
    for level in (0, 1, "all"):
        topic = "acks-%s" % level
        p = KafkaProducer(bootstrap_servers=broker.address, acks=level)
        for i in range(50):
            p.send(topic, b"%d" % i)
        p.flush()
        p.close()
        end = KafkaConsumer(bootstrap_servers=broker.address)
        part = TopicPartition(topic, 0)
        check("%s: all there" % topic,
              until(lambda: end.end_offsets([part])[part] == 50))
        end.close()
        same("%s: in order" % topic,
             [r.value for r in read_all(broker, topic, 50)],
             [b"%d" % i for i in range(50)])


def times(broker):
    p = KafkaProducer(bootstrap_servers=broker.address)
    part = TopicPartition("times", 0)
    for i in range(100):
        p.send("times", b"%d" % i, timestamp_ms=1000000 + 10 * i).get(10)
    p.close()
    c = KafkaConsumer(bootstrap_servers=broker.address)
    for at, wanted in ((0, 0), (1000000, 0), (1000001, 1), (1000505, 51),
                       (1000990, 99)):
        v = c.offsets_for_times({part: at})[part]
        same("the offset at %d" % at, v and (v.offset, v.timestamp),
             (wanted, 1000000 + 10 * wanted))
    same("no offset after the last", c.offsets_for_times({part: 1000991}),
         {part: None})
    same("the first offset", c.beginning_offsets([part]), {part: 0})
    same("the end", c.end_offsets([part]), {part: 100})
    c.assign([part])
    c.seek(part, 97)
    got = []
    until(lambda: [got.extend(v) for v in c.poll(100).values()] and
          len(got) >= 3)
    same("seek and read", [r.value for r in got], [b"97", b"98", b"99"])
    c.close()


def commits(broker):
    p = KafkaProducer(bootstrap_servers=broker.address)
    for i in range(20):
        p.send("commits", b"%d" % i)
    p.flush()
    part = TopicPartition("commits", 0)
    for first in (0, 7, 14):
        c = KafkaConsumer("commits", bootstrap_servers=broker.address,
                          group_id="commits", enable_auto_commit=False,
                          auto_offset_reset="earliest", max_poll_records=7,
                          consumer_timeout_ms=20000)
        got = [next(c).value for _ in range(min(7, 20 - first))]
        same("it goes on at %d" % first, got,
             [b"%d" % i for i in range(first, min(first + 7, 20))])
        c.commit({part: OffsetAndMetadata(first + len(got), "so far")})
        same("committed", c.committed(part, metadata=True),
             OffsetAndMetadata(first + len(got), "so far"))
        c.close()
    p.close()


def topics(broker):
    a = KafkaAdminClient(bootstrap_servers=broker.address)
    a.create_topics([NewTopic("one", 1, 1), NewTopic(
        "three", 3, 1, topic_configs={"retention.ms": "3600000"})])
    check("both are listed", {"one", "three"} <= set(a.list_topics()))
    refused("a topic that exists", TopicAlreadyExistsError,
            a.create_topics, [NewTopic("one", 1, 1)])
    refused("two replicas", KafkaError, a.create_topics,
            [NewTopic("replicated", 1, 2)])
    refused("a bad name", KafkaError, a.create_topics,
            [NewTopic("a/b", 1, 1)])
    refused("a setting there is not", KafkaError, a.create_topics,
            [NewTopic("set", 1, 1, topic_configs={"no.such": "1"})])
    check("none of these is there",
          not {"replicated", "a/b", "set"} & set(a.list_topics()))
    a.create_topics([NewTopic("dry", 1, 1)], validate_only=True)
    check("validate_only creates nothing", "dry" not in a.list_topics())
    d = a.describe_topics(["three"])[0]
    same("three partitions", [p["partition"] for p in sorted(
        d["partitions"], key=lambda p: p["partition"])], [0, 1, 2])
    a.create_partitions({"three": NewPartitions(5)})
    same("five now", len(a.describe_topics(["three"])[0]["partitions"]), 5)
    refused("fewer partitions", KafkaError, a.create_partitions,
            {"three": NewPartitions(2)})
    settings(a)
    a.delete_topics(["one", "three"])
    check("both are gone", not {"one", "three"} & set(a.list_topics()))
    refused("a topic that is gone", UnknownTopicOrPartitionError,
            a.delete_topics, ["one"])
    a.create_topics([NewTopic("three", 1, 1)])
    same("the same name again", len(
        a.describe_topics(["three"])[0]["partitions"]), 1)
    a.close()


def described(admin, kind, name, keys=None):
    r = admin.describe_configs(
        [ConfigResource(kind, name, {k: None for k in keys} if keys else None)])
    return {c[0]: c[1] for answer in r for c in answer.resources[0][4]}


def settings(a):
    v = described(a, ConfigResourceType.TOPIC, "three")
    same("a setting given at creation", v.get("retention.ms"), "3600000")
    check("the other settings are there too",
          {"cleanup.policy", "segment.bytes", "max.message.bytes"} <= set(v))
    same("one setting", described(a, ConfigResourceType.TOPIC, "three",
                                  ["retention.ms"]),
         {"retention.ms": "3600000"})
    broker = a.describe_cluster()["brokers"][0]["node_id"]
    check("the broker describes itself", "num.partitions" in
          described(a, ConfigResourceType.BROKER, str(broker)))


def deletion(broker):
    """A consumer of a topic that goes and comes back reads the new one."""
    a = KafkaAdminClient(bootstrap_servers=broker.address)
    p = KafkaProducer(bootstrap_servers=broker.address)
    for life in (b"old", b"new"):
        a.create_topics([NewTopic("again", 1, 1)])
        p.send("again", life).get(10)
        same("the topic's records", [r.value for r in read_all(
            broker, "again", 1)], [life])
        a.delete_topics(["again"])
    p.close()
    a.close()


def python(broker):
    start = time.time()
    for test in (round_trip, acks, times, commits, topics, deletion):
        test(broker)
        print("-- %s: %.1f s" % (test.__name__, time.time() - start))


run(python)
