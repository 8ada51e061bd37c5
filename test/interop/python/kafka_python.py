"""kafka-python, 2.0 to 3.0, in the operations that clients.py asks of every
client: produce, consume, transact, admin."""
import json
import sys
import threading

import kafka
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.admin import (ConfigResource, ConfigResourceType, KafkaAdminClient,
                         NewPartitions, NewTopic)
from kafka.structs import OffsetAndMetadata, TopicPartition


def say(**what):
    print(json.dumps(what), flush=True)


def text(b):
    return None if b is None else b.decode()


def octets(s):
    return None if s is None else s.encode()


def offset(n):
    fields = (n, "", -1)
    return OffsetAndMetadata(*fields[:len(OffsetAndMetadata._fields)])


class Assigned(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        say(assigned=sorted(p.partition for p in assigned))


def produce(broker, topic, codec):
    p = KafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=5,
                      compression_type=None if codec == "none" else codec)
    sent = [p.send(topic, octets(r["value"]), octets(r["key"]), [
        (k, octets(v)) for k, v in r["headers"]], r.get("partition"))
        for r in map(json.loads, sys.stdin)]
    p.flush()
    for s in sent:
        s.get(20)
    p.close()


def consumer(broker, group, isolation="read_uncommitted"):
    more = {}
    if not kafka.__version__.startswith("2.0"):
        more["isolation_level"] = isolation
    elif isolation != "read_uncommitted":
        sys.exit("this version has no isolation level")
    return KafkaConsumer(bootstrap_servers=broker, group_id=group,
                         auto_offset_reset="earliest",
                         enable_auto_commit=False, heartbeat_interval_ms=500,
                         session_timeout_ms=10000, **more)


def consume(broker, topic, group, isolation):
    c = consumer(broker, group, isolation)
    c.subscribe([topic], listener=Assigned())
    end = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()),
                     daemon=True).start()
    while not end.is_set():
        got = c.poll(100)
        for records in got.values():
            for r in records:
                say(partition=r.partition, offset=r.offset, key=text(r.key),
                    value=text(r.value),
                    headers=[[k, text(v)] for k, v in r.headers])
        if got:
            try:
                c.commit()
            except Exception as e:      # in a rebalance: read again
                print("commit:", e, file=sys.stderr)
    c.close()


def transact(broker, source, target, group, tid, n):
    """Copies n records in transactions of ten; each third one is aborted
    first, and then done again."""
    c = consumer(broker, group)
    c.subscribe([source])
    p = KafkaProducer(bootstrap_servers=broker, transactional_id=tid)
    p.init_transactions()
    records = []
    while len(records) < n:
        for some in c.poll(500).values():
            records += some
    for i in range(0, n, 10):
        for outcome in ("abort", "commit") if i % 30 == 0 else ("commit",):
            p.begin_transaction()
            for r in records[i:i + 10]:
                value = r.value if outcome == "commit" else b"aborted"
                p.send(target, value, r.key)
            where = {TopicPartition(source, r.partition): offset(r.offset + 1)
                     for r in records[i:i + 10]}
            meta = group if kafka.__version__.startswith("2.") else \
                c.group_metadata()
            p.send_offsets_to_transaction(where, meta)
            if outcome == "abort":
                p.flush()
                p.abort_transaction()
            else:
                p.commit_transaction()
    p.close()
    c.close()


def setting(a, topic, key):
    kw = {} if kafka.__version__.startswith("2.") else {"config_filter": "all"}
    r = a.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)],
                           **kw)
    if isinstance(r, dict):
        return r["topic"][topic][key]["value"]
    return [c[1] for answer in r for c in answer.resources[0][4]
            if c[0] == key][0]


def admin(broker, topic):
    a = KafkaAdminClient(bootstrap_servers=broker)
    name = "name" if kafka.__version__.startswith("3.") else "topic"
    a.create_topics([NewTopic(topic, 3, 1, topic_configs={
        "retention.ms": "3600000"})])

    def partitions():
        return [len(t["partitions"]) for t in a.describe_topics([topic])
                if t[name] == topic][0]

    answer = {"listed": topic in a.list_topics(), "partitions": partitions(),
              "retention": setting(a, topic, "retention.ms")}
    a.create_partitions({topic: NewPartitions(5)})
    answer["more"] = partitions()
    a.delete_topics([topic])
    answer["deleted"] = topic not in a.list_topics()
    say(**answer)
    a.close()


{"produce": produce, "consume": consume, "admin": admin,
 "transact": lambda *args: transact(*args[:-1], int(args[-1]))}[
     sys.argv[1]](*sys.argv[2:])
