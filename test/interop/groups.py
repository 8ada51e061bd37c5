#!/usr/bin/python3
"""Consumer groups with kafka-python and kcat, over `leat broker`.

Two consumers share a topic, one leaves, the broker is killed and started
again under the other one, which goes on in its generation.  Runs in the build
folder; skipped (77) without kafka-python or kcat.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

try:
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.admin import KafkaAdminClient, NewTopic
except ImportError:
    print("no kafka-python here")
    sys.exit(77)
if shutil.which("kcat") is None:
    print("no kcat here")
    sys.exit(77)

WAIT = 30
checks = failures = 0


def check(what, ok):
    global checks, failures
    checks += 1
    failures += not ok
    print(("ok " if ok else "FAILED ") + what, flush=True)


def until(fn):
    end = time.time() + WAIT
    while time.time() < end:
        if fn():
            return True
        time.sleep(0.02)
    return False


class Broker:
    def __init__(self, folder):
        self.folder = folder
        self.port = 0
        self.start()

    def start(self):
        conf = os.path.join(self.folder, "server.properties")
        log = os.path.join(self.folder, "log")
        with open(conf, "w") as f:
            f.write("listeners=PLAINTEXT://127.0.0.1:%d\n" % self.port)
            f.write("log.dirs=%s/data\n" % self.folder)
            f.write("group.initial.rebalance.delay.ms=0\n")
        with open(log, "w") as f:
            self.process = subprocess.Popen(
                [os.environ.get("LEAT", "./leat"), "broker", "-f", conf],
                stderr=f)
        pattern = re.compile(r"serving 127\.0\.0\.1:(\d+)")
        if not until(lambda: pattern.search(open(log).read())):
            print(open(log).read())
            sys.exit("the broker does not start")
        self.port = int(pattern.search(open(log).read()).group(1))
        self.address = "127.0.0.1:%d" % self.port

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(WAIT)


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


def main():
    folder = tempfile.mkdtemp(prefix="leat-interop-")
    broker = Broker(folder)
    try:
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
        check("the broker stops", broker.stop() == 0)
    finally:
        if broker.process.poll() is None:
            broker.kill()
        shutil.rmtree(folder)
    print("%d%%: Checks: %d, Failures: %d, Errors: 0" % (
        100 * (checks - failures) // checks, checks, failures))
    sys.exit(failures != 0)


main()
