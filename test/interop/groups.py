#!/usr/bin/python3
"""Consumer groups with kafka-python and kcat, over `leat broker`.

Two consumers share a topic, one leaves, the broker is killed and started
again under the other one, which goes on in its generation.  Runs in the build
folder; skipped (77) without kafka-python or kcat.
"""
import shutil
import subprocess
import sys
import threading

try:
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.admin import KafkaAdminClient, NewTopic
except ImportError:
    print("no kafka-python here")
    sys.exit(77)
if shutil.which("kcat") is None:
    print("no kcat here")
    sys.exit(77)

sys.dont_write_bytecode = True
from bed import WAIT, check, run, until  # noqa: E402


class Member(threading.Thread):
    def __init__(self, broker):
        super().__init__(daemon=True)
        self.broker = broker
        self.stopping = False
        self.got = []
        self.partitions = []
        self.generation = -1
        self.start()

    def run(self):
        c = KafkaConsumer(
            "t", bootstrap_servers=self.broker.address, group_id="g",
            auto_offset_reset="earliest", enable_auto_commit=False,
            heartbeat_interval_ms=200, session_timeout_ms=20000)
        while not self.stopping:
            records = c.poll(100)
            for v in records.values():
                self.got += [r.value for r in v]
            try:
                if records:
                    c.commit()
            except Exception as e:
                print("commit:", e)
            self.partitions = sorted(p.partition for p in c.assignment())
            g = c._coordinator.generation()
            self.generation = g.generation_id if g else -1
        c.close()

    def leave(self):
        self.stopping = True
        self.join(WAIT)


def produce(broker, what, n):
    p = KafkaProducer(bootstrap_servers=broker.address)
    for i in range(n):
        p.send("t", b"%s%d" % (what, i), partition=i % 4)
    p.flush()
    p.close()


def offsets(admin):
    v = admin.list_consumer_group_offsets("g")
    return {k.partition: o.offset for k, o in v.items()}


def rebalance(broker, admin):
    produce(broker, b"first ", 100)
    a = Member(broker)
    check("one consumer reads all", until(lambda: len(a.got) >= 100))
    b = Member(broker)
    check("two consumers share the partitions", until(
        lambda: len(a.partitions) == 2 and len(b.partitions) == 2 and
        a.generation == b.generation))
    check("the group is listed",
          ("g", "consumer") in admin.list_consumer_groups())
    d = admin.describe_consumer_groups(["g"])[0]
    check("it is described", d.state == "Stable" and len(d.members) == 2)
    check("the offsets are committed", until(
        lambda: offsets(admin) == {i: 25 for i in range(4)}))
    b.leave()
    check("one leaves, the other has all",
          until(lambda: len(a.partitions) == 4))
    return a


def restart(broker, a):
    generation, n = a.generation, len(a.got)
    broker.kill()
    broker.start()
    produce(broker, b"second ", 40)
    check("the consumer reads on after kill -9",
          until(lambda: len(a.got) >= n + 40))
    check("without a rebalance", a.generation == generation)
    check("nothing is read twice", len(a.got) == len(set(a.got)))


def with_kcat(broker):
    out = subprocess.run(
        ["kcat", "-b", broker.address, "-G", "k", "-c", "140", "-q", "-X",
         "auto.offset.reset=earliest", "t"], stdout=subprocess.PIPE,
        timeout=WAIT).stdout
    check("kcat reads as a group", len(set(out.splitlines())) == 140)


def groups(broker):
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.create_topics([NewTopic("t", 4, 1)])
    a = rebalance(broker, admin)
    restart(broker, a)
    with_kcat(broker)
    a.leave()
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    check("the group is deleted",
          admin.delete_consumer_groups(["g"])[0][1].errno == 0)
    check("and gone", ("g", "consumer") not in
          admin.list_consumer_groups())


run(groups)
