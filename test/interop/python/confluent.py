"""confluent-kafka (librdkafka of its wheel), in the operations that
suite/clients.py asks of every client: produce, consume, transact, admin."""
import json
import sys
import threading

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, ConfigResource, NewPartitions,
                                   NewTopic)


def say(**what):
    print(json.dumps(what), flush=True)


def text(b):
    return None if b is None else b.decode()


def produce(broker, topic, codec):
    p = Producer({"bootstrap.servers": broker, "compression.type": codec,
                  "enable.idempotence": True, "linger.ms": 5})
    failed = []

    def done(err, message):
        if err:
            failed.append(err)

    for r in map(json.loads, sys.stdin):
        p.produce(topic, r["value"], r["key"], r.get("partition", -1),
                  headers=[(k, v) for k, v in r["headers"]], on_delivery=done)
        p.poll(0)
    left = p.flush(20)
    if failed or left:
        sys.exit("%d left, %s" % (left, failed[:1]))


def consumer(broker, group, isolation="read_uncommitted"):
    return Consumer({"bootstrap.servers": broker, "group.id": group,
                     "auto.offset.reset": "earliest",
                     "enable.auto.commit": False,
                     "isolation.level": isolation,
                     "heartbeat.interval.ms": 500,
                     "session.timeout.ms": 10000})


def consume(broker, topic, group, isolation):
    c = consumer(broker, group, isolation)
    c.subscribe([topic], on_assign=lambda c, parts: say(
        assigned=sorted(p.partition for p in parts)))
    end = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()),
                     daemon=True).start()
    while not end.is_set():
        got = c.consume(100, 0.2)
        for r in got:
            if r.error():
                print(r.error(), file=sys.stderr)
                continue
            say(partition=r.partition(), offset=r.offset(), key=text(r.key()),
                value=text(r.value()),
                headers=[[k, text(v)] for k, v in r.headers() or []])
        if got:
            try:
                c.commit(asynchronous=False)
            except Exception as e:      # in a rebalance: read again
                print("commit:", e, file=sys.stderr)
    c.close()


def transact(broker, source, target, group, tid, n):
    """Copies n records in transactions of ten; each third one is aborted
    first, and then done again."""
    c = consumer(broker, group)
    c.subscribe([source])
    p = Producer({"bootstrap.servers": broker, "transactional.id": tid})
    p.init_transactions(20)
    records = []
    while len(records) < int(n):
        records += c.consume(100, 1)
    for i in range(0, int(n), 10):
        for outcome in ("abort", "commit") if i % 30 == 0 else ("commit",):
            p.begin_transaction()
            for r in records[i:i + 10]:
                p.produce(target, r.value() if outcome == "commit"
                          else b"aborted", r.key())
            p.send_offsets_to_transaction(
                [TopicPartition(source, r.partition(), r.offset() + 1)
                 for r in records[i:i + 10]][-1:],
                c.consumer_group_metadata(), 20)
            if outcome == "abort":
                p.flush(20)
                p.abort_transaction(20)
            else:
                p.commit_transaction(20)
    c.close()


def admin(broker, topic):
    a = AdminClient({"bootstrap.servers": broker})

    def wait(futures):
        return [f.result(20) for f in futures.values()][0]

    def topics():
        return a.list_topics(timeout=20).topics

    wait(a.create_topics([NewTopic(topic, 3, 1, config={
        "retention.ms": "3600000"})]))
    settings = wait(a.describe_configs([ConfigResource(
        ConfigResource.Type.TOPIC, topic)]))
    seen = topics()
    answer = {"listed": topic in seen,
              "partitions": len(seen[topic].partitions),
              "retention": settings["retention.ms"].value}
    wait(a.create_partitions([NewPartitions(topic, 5)]))
    answer["more"] = len(topics()[topic].partitions)
    wait(a.delete_topics([topic]))
    answer["deleted"] = topic not in topics()
    say(**answer)


{"produce": produce, "consume": consume, "admin": admin,
 "transact": transact}[sys.argv[1]](*sys.argv[2:])
