"""Apache Kafka's Java client in transactions, with `t proxy` between it and the
broker: a network that delays, repeats and reorders what makes up a transaction.
INJECTIONS=10000 for the long form, LEAT_SEED for a run's seed (the order of
threads is not repeated by it)."""
import json
import os
import random
import re

import install
from java import OPTIONS
from suite import Failed, case, expect, short

INJECTIONS = int(os.environ.get("INJECTIONS") or 1000)
WORKERS = 8
PARTITIONS = 3          # of out-K; Chaos.java has it too
RECORDS = max(2 * INJECTIONS, 1000)     # of each in-K: more than are read


class Network:
    """The proxy: in front of a broker, whose clients find it alone."""

    def __init__(self, c, port, broker, seed):
        self.done = c.path("enough")
        self.program = c.start("proxy", [
            os.environ["T"], "proxy", "--listen", str(port), "--to",
            str(broker.port), "--count", str(INJECTIONS), "--seed", str(seed),
            "--done", self.done])
        self.address = "127.0.0.1:%d" % port
        self.program.wait_for("the proxy", lambda: "ready" in
                              self.program.err())

    def counts(self):
        """{"late": N, "twice": N, "slow": N}"""
        return {k: int(n) for n, k in re.findall(
            r"(\d+) (late|twice|slow)", self.program.err())}


class Copies:
    """What the applications did and what is there, for one of them."""

    def __init__(self, leat, k, told):
        self.k = k
        self.txns = {txn: (n, end) for worker, txn, n, end in told
                     if worker == k}
        self.records = [json.loads(line) for line in leat(
            "console-consumer", "--topic", "out-%d" % k, "--from-beginning",
            "--isolation-level", "read_committed", "--timeout-ms", "1000",
            "-o", "json").splitlines()]
        row, = json.loads(leat("consumer-groups", "--describe", "--group",
                               "copy-%d" % k, "-o", "json"))
        self.offset = row["current_offset"]

    def judge(self):
        """Each transaction whole or not at all, and as it was told; of all
        numbers up to the committed offset each once, and in order."""
        found, numbers, last = {}, [], {}
        for r in self.records:
            txn, index, count, number = map(int, r["value"].split())
            found.setdefault(txn, []).append((index, count))
            numbers.append(number)
            if number <= last.get(r["partition"], -1):
                raise Failed("out-%d: %d behind %d" % (
                    self.k, number, last[r["partition"]]))
            last[r["partition"]] = number
        for txn in sorted(set(found) | set(self.txns)):
            n, end = self.txns[txn]
            whole = [(i, n) for i in range(n)]
            got = sorted(found.get(txn, []))
            if got != whole and got or not got and end == "committed" or \
                    got and end == "aborted":
                raise Failed("out-%d: of transaction %d, %s, there is %s of "
                             "%d records" % (self.k, txn, end, len(got), n))
        expect("out-%d: numbers below the committed offset" % self.k,
               sorted(numbers), list(range(self.offset)))


def chaos(c, java):
    leat_bin = os.environ["LEAT"]
    seed = int(os.environ.get("LEAT_SEED") or random.randrange(1, 1 << 31))
    broker = c.broker()

    def leat(command, *args, **kw):
        return c.run([leat_bin, command, "--bootstrap-server", broker.address,
                      *args], **kw)

    for k in range(WORKERS):
        leat("topics", "--create", "--topic", "in-%d" % k, "--partitions",
             "1")
        leat("topics", "--create", "--topic", "out-%d" % k, "--partitions",
             str(PARTITIONS))
        leat("console-producer", "--topic", "in-%d" % k,
             stdin="".join("%d\n" % i for i in range(RECORDS)))
    port = int(c.run([os.environ["T"], "port"]))
    again(broker, "advertised.listeners=PLAINTEXT://127.0.0.1:%d" % port)
    network = Network(c, port, broker, seed)
    program = c.start("chaos", [
        *java, network.address, network.done, str(WORKERS), str(RECORDS),
        str(seed)])
    try:
        expect("the applications' status",
               program.wait(LIMIT), 0)
        # Straight at the broker, which has read everything back.
        again(broker)
        told = [(int(k), int(txn), int(n), end) for k, txn, n, end in
                map(str.split, program.lines())]
        copies = [Copies(leat, k, told) for k in range(WORKERS)]
        for x in copies:
            x.judge()
        ends = [end for *_, end in told]
        expect("what the proxy did", sum(network.counts().values()),
               INJECTIONS)
        if ends.count("committed") < INJECTIONS // 10:
            raise Failed("only %d of %d transactions are committed" % (
                ends.count("committed"), len(ends)))
    except Failed as e:
        raise Failed("seed %d: %s" % (seed, e))
    finally:
        print("seed %d: %s; %d transactions, %s; %s" % (
            seed, network.counts(), len(program.lines()), {
                end: sum(x.endswith(end) for x in program.lines())
                for end in ("committed", "aborted", "unknown")},
            short(program.err().split("\n")[-2:][0], 1000)), flush=True)


def again(broker, *settings):
    expect("how the broker stops", broker.stop(), 0)
    broker.settings = settings
    broker.start()


LIMIT = 300 + INJECTIONS // 5


@case("java-chaos", "Apache Kafka Java client", ("3.9.2", "4.4.0"),
      LIMIT + 200)
def java_chaos(c):
    libs = install.maven(c.into, "client", c.version)
    classes = install.javac(c.into, libs, "Chaos.java", c.version)
    c.op("transactions over a bad network: %d requests delayed, repeated, "
         "reordered" % INJECTIONS, chaos, c, [
             "java", *OPTIONS, "-cp", "%s:%s/*" % (classes, libs), "Chaos"])
