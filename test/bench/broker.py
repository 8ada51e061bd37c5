#!/usr/bin/env python3
"""The built-in broker beside Apache Kafka: both on this machine, in one run,
under the same clients.

    broker.py --leat BINARY --tool T --folder WORK [--into FILE] [--kafka DIR]

WORK gets a few GB and is emptied.  DIR holds the jars of Apache Kafka and its
tools; without it they are fetched with Maven into WORK's parent, and where
that cannot be done the rows with Apache in them are left out and say so.
Prints a Markdown table, into FILE between its markers too.  Status 0: all that
is required is met; 1: not; 2: a run failed.
"""
import argparse
import atexit
import glob
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

KAFKA = "4.3.1"
RECORDS = int(os.environ.get("BENCH_RECORDS", 5000000))
SMALL = int(os.environ.get("BENCH_SMALL_RECORDS", 2000000))
ROUNDS = int(os.environ.get("BENCH_REPEAT", 3))
HOSTILE_ROUNDS = ROUNDS + 2
# The clients of the hostile rows stand for other machines: they keep to one
# processor, so that the broker's threads, which may use all, have one to
# themselves, and are not woken behind a client's.
CLIENT_CPU = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
PARTITIONS = int(os.environ.get("BENCH_PARTITIONS", 1000))
DISK_GB = float(os.environ.get("BENCH_DISK_GB", 10))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", 10000))
# WAY, CONNECTIONS, BYTES of `t hostile`; the busy ones are few, as each is one
# that takes turns with the client that is measured.
HOSTILE = (
    ("idle", 1000, 0, "1000 silent connections"),
    ("half", 100, 1000000, "100 that stop in the middle of a request"),
    ("deaf", 50, 20000, "50 that do not read"),
    ("slow", 100, 0, "100 that send byte by byte"),
    ("malformed", 10, 0, "10 that send nonsense, again and again"),
    ("oversized", 10, 0, "10 that announce 2 GiB, again and again"),
    ("storm", 10, 0, "10 that connect and close, again and again"),
    ("flood", 4, 0, "4 that flood it with requests"),
    ("greedy", 4, 0, "4 that ask for all of 1000 partitions without a pause"))
SIZE = 200
TICK = os.sysconf("SC_CLK_TCK")
POM = """<project><modelVersion>4.0.0</modelVersion><groupId>bench</groupId>
<artifactId>bench</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId>
<artifactId>kafka_2.13</artifactId><version>%(v)s</version></dependency>
<dependency><groupId>org.apache.kafka</groupId>
<artifactId>kafka-tools</artifactId><version>%(v)s</version></dependency>
<dependency><groupId>org.slf4j</groupId>
<artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
""" % {"v": KAFKA}


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def fail(text):
    say(text)
    sys.exit(2)


def start(*args, **more):
    """A child that does not outlive us."""
    p = subprocess.Popen(*args, **more)
    atexit.register(lambda: p.poll() is None and p.kill())
    return p


def wait(what, fn, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fn():
            return
        time.sleep(0.005)
    fail(what)


def cpu_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        v = f.read().rsplit(")", 1)[1].split()
    return (int(v[11]) + int(v[12])) / TICK


def memory_of(pid, key="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(key + r":\s+(\d+)", f.read()).group(1)) / 1024


def median(v):
    return statistics.median(v)


# --- the two brokers ---

class Leat:
    name = "leat"

    def __init__(self, bench, extra=()):
        self.bench = bench
        self.extra = extra
        self.dir = os.path.join(bench.folder, "leat")

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        conf = os.path.join(self.dir, "server.properties")
        self.log = os.path.join(self.dir, "log")
        with open(conf, "w") as f:
            f.write("listeners=PLAINTEXT://127.0.0.1:0\n"
                    "log.dirs=%s/data\nmax.connections=20000\n"
                    "dir.max.bytes=60000000000\n"
                    "group.initial.rebalance.delay.ms=0\n" % self.dir)
            f.writelines(s + "\n" for s in self.extra)
        t0 = time.monotonic()
        with open(self.log, "w") as f:
            self.process = start(
                [self.bench.leat, "broker", "-f", conf], stderr=f)
        self.pid = self.process.pid
        serving = re.compile(r"serving 127\.0\.0\.1:(\d+)")

        def ready():
            if self.process.poll() is not None:
                fail("leat broker: " + open(self.log).read())
            return serving.search(open(self.log).read())
        wait("leat broker is not ready", ready)
        port = int(serving.search(open(self.log).read()).group(1))
        socket.create_connection(("127.0.0.1", port)).close()
        self.ready_ms = (time.monotonic() - t0) * 1000
        self.address = "127.0.0.1:%d" % port
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def clear(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Apache:
    name = "Apache Kafka"

    def __init__(self, bench, extra=()):
        self.bench = bench
        self.extra = extra
        self.dir = os.path.join(bench.folder, "apache")

    def java(self, *args):
        return self.bench.java(*args)

    def start(self):
        os.makedirs(self.dir)
        port, control = free_port(), free_port()
        conf = os.path.join(self.dir, "server.properties")
        with open(conf, "w") as f:
            f.write("""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%d
listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d
advertised.listeners=PLAINTEXT://127.0.0.1:%d
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%s/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
""" % (control, port, control, port, self.dir))
            f.writelines(s + "\n" for s in self.extra)
        done = subprocess.run(self.java(
            "kafka.tools.StorageTool", "format", "-t",
            "4L6g3nShT-eMCtK--X86sw", "-c", conf),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            fail("Apache Kafka: " + done.stdout[-500:])
        with open(os.path.join(self.dir, "log"), "w") as f:
            self.process = start(
                self.java("-Xms1G", "-Xmx1G", "kafka.Kafka", conf),
                stdout=f, stderr=f)
        self.pid = self.process.pid
        self.address = "127.0.0.1:%d" % port

        def ready():
            if self.process.poll() is not None:
                fail("Apache Kafka ended: see its log")
            return subprocess.run(
                [self.bench.leat, "topics", "--bootstrap-server",
                 self.address, "--list"], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL).returncode == 0
        wait("Apache Kafka is not ready", ready)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def clear(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# --- the runs ---

class Bench:
    def __init__(self, args):
        self.leat = os.path.abspath(args.leat)
        self.tool = os.path.abspath(args.tool)
        self.folder = os.path.abspath(args.folder)
        self.rows = []
        self.missed = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.jars = self.find_jars(args.kafka)

    def find_jars(self, where):
        where = where or os.path.join(os.path.dirname(self.folder),
                                      "kafka-" + KAFKA)
        if not glob.glob(where + "/kafka-tools*.jar"):
            if not shutil.which("mvn") or not shutil.which("java"):
                return None
            pom = os.path.join(self.folder, "pom.xml")
            with open(pom, "w") as f:
                f.write(POM)
            say("fetching Apache Kafka %s with Maven" % KAFKA)
            if subprocess.run(["mvn", "-q", "-f", pom,
                               "dependency:copy-dependencies",
                               "-DoutputDirectory=" + where]).returncode:
                return None
        return glob.glob(where + "/*.jar")

    def java(self, *args):
        return ["java", "-cp", ":".join(self.jars), *args]

    def row(self, what, measured, required="", met=None):
        self.rows.append((what, measured, required,
                          "" if met is None else "yes" if met else "**no**"))
        if met is False:
            self.missed += 1
        say("%s: %s%s" % (what, measured, "" if met is None else
                          " - met" if met else " - NOT MET"))

    def topic(self, broker, name, *more):
        subprocess.run([self.leat, "topics", "--bootstrap-server",
                        broker.address, "--create", "--topic", name,
                        "--partitions", "1", *more], check=True,
                       stdout=subprocess.DEVNULL)

    def settle(self):
        """Nothing is on its way to the disk, and the memory that the next
        run's pages come from was used before: a virtual machine's host gives
        it page by page on first use, which a broker would be charged for."""
        os.sync()
        subprocess.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=6G",
                        "count=1", "iflag=fullblock"], check=True,
                       stderr=subprocess.DEVNULL)

    def produce(self, broker, topic, n, acks, batch):
        """Apache's ProducerPerformance: (the broker's CPU seconds per
        million records, MB/s)."""
        self.settle()
        before = cpu_of(broker.pid)
        done = subprocess.run(self.java(
            "-Xmx512m", "org.apache.kafka.tools.ProducerPerformance",
            "--bootstrap-server", broker.address, "--topic", topic,
            "--num-records", str(n), "--record-size", str(SIZE),
            "--throughput", "-1", "--command-property", "acks=" + acks,
            "batch.size=%d" % batch, "linger.ms=5",
            "buffer.memory=134217728"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=600)
        cpu = (cpu_of(broker.pid) - before) * 1e6 / n
        rate = re.findall(r"([\d.]+) MB/sec", done.stdout)
        if done.returncode != 0 or not rate or \
                "%d records sent" % n not in done.stdout:
            fail("ProducerPerformance at %s: %s" % (broker.name,
                                                    done.stdout[-800:]))
        return cpu, float(rate[-1]) * 1.048576

    def loop(self, broker, topic, n, acks, batch):
        """The bare librdkafka loop over a file of n lines."""
        path = os.path.join(self.folder, "lines")
        if not os.path.exists(path):
            with open(path, "wb") as f:
                line = bytes(97 + i % 26 for i in range(SIZE)) + b"\n"
                for _ in range(n // 1000):
                    f.write(line * 1000)
        self.settle()
        before = cpu_of(broker.pid)
        subprocess.run([self.tool, "bare", "--brokers", broker.address,
                        "--topic", topic, "--file", path, "--acks", acks,
                        "--batch", str(batch)],
                       check=True, stdout=subprocess.DEVNULL, timeout=600)
        return (cpu_of(broker.pid) - before) * 1e6 / n

    def flood(self, broker, topic, n):
        """MB/s of prebuilt acks=all requests of 128 KiB batches, 32 on
        their way (librdkafka would have more)."""
        self.settle()
        out = subprocess.run([self.tool, "flood", "--brokers",
                              broker.address, "--topic", topic, "--count",
                              str(n), "--size", str(SIZE), "--at-once",
                              "32"], check=True,
                             stdout=subprocess.PIPE, text=True,
                             timeout=600).stdout
        v = dict(line.split("=") for line in out.split())
        return int(v["bytes"]) / float(v["seconds"]) / 1e6

    def end_to_end(self, broker, topic):
        done = subprocess.run(self.java(
            "-Xmx256m", "org.apache.kafka.tools.EndToEndLatency",
            broker.address, topic, "10000", "1", str(SIZE)),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=600)
        mean = re.search(r"Avg latency: ([\d.]+) ms", done.stdout)
        tail = re.search(r"99th = (\d+)", done.stdout)
        if not mean or not tail:
            fail("EndToEndLatency at %s: %s" % (broker.name,
                                                done.stdout[-500:]))
        return float(mean.group(1)), float(tail.group(1))

    def drain(self, broker, topic):
        before = cpu_of(broker.pid)
        out = subprocess.run([self.tool, "drain", "--brokers",
                              broker.address, "--topic", topic], check=True,
                             stdout=subprocess.PIPE, text=True,
                             timeout=600).stdout
        v = dict(line.split("=") for line in out.split())
        return cpu_of(broker.pid) - before, int(v["records"])

    def dd(self, count):
        """What the disk takes: MB/s of dd conv=fdatasync."""
        self.settle()
        path = os.path.join(self.folder, "dd")
        t0 = time.monotonic()
        subprocess.run(["dd", "if=/dev/zero", "of=" + path, "bs=1M",
                        "count=%d" % count, "conv=fdatasync"], check=True,
                       stderr=subprocess.DEVNULL)
        rate = count * 1.048576 / (time.monotonic() - t0)
        os.unlink(path)
        return rate

    def fdatasync_ms(self, count=10000):
        """Appends of one record, each synced: mean and p99; as many as
        EndToEndLatency sends."""
        path = os.path.join(self.folder, "sync")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        took = []
        for _ in range(count):
            t0 = time.monotonic()
            os.write(fd, b"x" * SIZE)
            os.fdatasync(fd)
            took.append((time.monotonic() - t0) * 1000)
        os.close(fd)
        os.unlink(path)
        took.sort()
        return sum(took) / len(took), took[len(took) * 99 // 100]

    # --- the rows ---

    def both(self, fn, leat_extra=(), apache_extra=(), rounds=ROUNDS):
        """fn(broker, round) on each in turn, in new folders: two lists."""
        got = {}
        for i in range(rounds):
            for cls, extra in ((Leat, leat_extra), (Apache, apache_extra)):
                if cls is Apache and self.jars is None:
                    got[cls] = None
                    continue
                broker = cls(self, extra)
                broker.clear()
                broker.start()
                got.setdefault(cls, []).append(fn(broker))
                broker.stop()
                broker.clear()
        return got[Leat], got[Apache]

    def run_produce(self):
        def runs(broker):
            v = {}
            self.topic(broker, "warm")
            self.produce(broker, "warm", 200000, "1", 131072)
            for name, batch, n in (("128", 131072, RECORDS),
                                   ("16", 16384, SMALL)):
                self.topic(broker, "p" + name)
                v[name] = self.produce(broker, "p" + name, n, "1", batch)[0]
            for name, batch in (("loop", 131072), ("large", 1000000)):
                self.topic(broker, name)
                v[name] = self.loop(broker, name, RECORDS, "1", batch)
            v["rss"] = memory_of(broker.pid, "RssAnon")
            return v
        ours, theirs = self.both(runs)
        for name, what, share in (
                ("128", "Produce acks=1, batches of 128 KiB", 1 / 4),
                ("16", "the same, 16 KiB", 1 / 6),
                ("loop", "a librdkafka loop, 128 KiB", 1 / 4),
                ("large", "a librdkafka loop, 1 MB", None)):
            us = median([v[name] for v in ours])
            them = median([v[name] for v in theirs])
            self.row(what + ": the broker's CPU per million records; "
                     "Apache Kafka", "%.3f s: **1/%.1f** of %.3f s" %
                     (us, them / us, them), "at most 1/%d" % (1 / share) if share else "",
                     us <= them * share if share else None)
        self.row("anonymous memory after it; Apache Kafka", "%.1f MiB; %.0f" %
                 (max(v["rss"] for v in ours), max(v["rss"] for v in theirs)),
                 "at most 64 MiB", max(v["rss"] for v in ours) <= 64)

    def run_synced(self):
        def all_acks(broker):
            self.topic(broker, "warm")
            self.produce(broker, "warm", 200000, "all", 131072)
            self.topic(broker, "p")
            rate = self.produce(broker, "p", RECORDS, "all", 131072)[1]
            self.topic(broker, "flood")
            disk = self.dd(1000)
            return rate, self.flood(broker, "flood", RECORDS), disk
        ours, plain = self.both(all_acks)
        _, synced = self.both(all_acks, apache_extra=[
            "log.flush.interval.messages=1"], rounds=1)
        us, flood, disk = [median(v) for v in zip(*ours)]
        plain = [median(v) for v in zip(*plain)]
        them, flooded, _ = [median(v) for v in zip(*synced)]
        self.row("Produce acks=all (synced); Apache Kafka with "
                 "flush.messages=1", "%.0f MB/s: **%.2f** of %.0f MB/s" %
                 (us, us / them, them), "at least 1", us >= them)
        self.row("the same; Apache Kafka without fsync", "**%.2f** of "
                 "%.0f MB/s" % (us / plain[0], plain[0]))
        self.row("acks=all from a client that costs nothing (prebuilt "
                 "requests); dd conv=fdatasync", "%.0f MB/s: **%.2f** of "
                 "%.0f MB/s" % (flood, flood / disk, disk), "at least 0.7",
                 flood >= 0.7 * disk)
        self.row("the same; Apache Kafka with flush.messages=1; without",
                 "**%.1f** of %.0f MB/s; %.1f of %.0f" % (
                     flood / flooded, flooded, flood / plain[1], plain[1]))

    def run_fetch(self):
        def fetch(broker):
            self.topic(broker, "f")
            self.produce(broker, "f", RECORDS, "1", 131072)
            cpu = []
            for _ in range(ROUNDS):
                c, n = self.drain(broker, "f")
                if n != RECORDS:
                    fail("%s: fetched %d records" % (broker.name, n))
                cpu.append(c)
            bare = []
            files = sorted(glob.glob(broker.dir + "/data/f-0/*.log"))
            for _ in range(ROUNDS if broker.name == "leat" else 0):
                out = subprocess.run([self.tool, "sendfile", *files],
                                     check=True, stdout=subprocess.PIPE,
                                     text=True).stdout
                bare.append(float(re.search(r"cpu=([\d.]+)", out).group(1)))
            return median(cpu), median(bare) if bare else None
        ours, theirs = self.both(fetch, rounds=1)
        us, bare = ours[0]
        them = theirs[0][0]
        self.row("Fetch: the broker's CPU; a bare sendfile loop",
                 "%.2f s: **%.2f** of %.2f s" % (us, us / bare, bare),
                 "at most 1.3", us <= 1.3 * bare)
        self.row("the same; Apache Kafka", "**%.2f** of %.2f s" %
                 (us / them, them), "below 1", us < them)

    def run_latency(self):
        def latency(broker):
            self.topic(broker, "e")
            self.end_to_end(broker, "e")
            return self.end_to_end(broker, "e")
        ours, theirs = self.both(latency)
        mean, tail = [median(v) for v in zip(
            *[self.fdatasync_ms() for _ in range(ROUNDS)])]
        for i, what, extra in ((0, "mean", mean), (1, "p99", tail)):
            us = median([v[i] for v in ours])
            them = median([v[i] for v in theirs])
            self.row("EndToEndLatency acks=1, %s; Apache Kafka" % what,
                     "%.2f ms; %.2f (an append + fdatasync %.2f)" %
                     (us, them, extra),
                     "at most half of it and the fdatasync",
                     us <= them / 2 + extra)

    def run_start(self):
        broker = Leat(self)
        broker.clear()
        broker.start()
        idle = memory_of(broker.pid, "RssAnon")
        self.row("memory idle, anonymous", "%.1f MiB" % idle,
                 "at most 32 MiB", idle <= 32)
        self.topic(broker, "wide", "--partitions", str(PARTITIONS))
        n = int(DISK_GB * 1e9 / SIZE / 1.05)
        done = subprocess.run(self.java(
            "-Xmx1g", "org.apache.kafka.tools.ProducerPerformance",
            "--bootstrap-server", broker.address, "--topic", "wide",
            "--num-records", str(n), "--record-size", str(SIZE),
            "--throughput", "-1", "--command-property", "acks=1",
            "batch.size=262144", "linger.ms=100",
            "buffer.memory=300000000"), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=900)
        if done.returncode != 0 or "%d records sent" % n not in done.stdout:
            fail("filling the disk: " + done.stdout[-800:])
        load = memory_of(broker.pid, "RssAnon")
        broker.stop()
        took = []
        for end in (broker.stop, broker.kill):
            for _ in range(3):
                broker.start()
                took.append((end.__name__, broker.ready_ms))
                end()
        broker.start()
        took.append(("kill", broker.ready_ms))
        loaded = memory_of(broker.pid, "RssAnon")
        for what, after in (("a clean stop", "stop"), ("kill -9", "kill")):
            # The start behind an end is the next one in the list.
            v = [took[i + 1][1] for i in range(len(took) - 1)
                 if took[i][0] == after]
            self.row("exec to serving, %d partitions, %.0f GB, after %s" %
                     (PARTITIONS, DISK_GB, what), "%.0f ms" % median(v),
                     "at most 50 ms", median(v) <= 50)
        self.row("memory with them: while they fill; after a start",
                 "%.1f MiB; %.1f" % (load, loaded), "at most 64 MiB",
                 load <= 64)
        broker.stop()
        broker.clear()

    def run_connections(self):
        broker = Leat(self)
        broker.clear()
        broker.start()
        each = CONNECTIONS // 4
        child = ("import socket,sys\n"
                 "h,p,n=sys.argv[1],int(sys.argv[2]),int(sys.argv[3])\n"
                 "v=[socket.create_connection((h,p)) for _ in range(n)]\n"
                 "for s in v: s.sendall(bytes.fromhex("
                 "'0000000a0012000000000001 0000'))\n"
                 "for s in v: assert s.recv(4)\n"
                 "print('up',flush=True)\nsys.stdin.read()\n")
        host, port = broker.address.split(":")
        v = [start([sys.executable, "-c", child, host, port,
                               str(each)], stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE) for _ in range(4)]
        for p in v:
            if p.stdout.readline() != b"up\n":
                fail("connections: a client ended")
        rss = memory_of(broker.pid)
        for p in v:
            p.stdin.close()
            p.wait()
        broker.stop()
        broker.clear()
        self.row("memory with %d idle connections" % (each * 4),
                 "%.0f MiB" % rss, "at most 256 MiB", rss <= 256)

    def pace(self, broker, topic):
        """Of small acks=all requests at a rate: p50 and p99 in ms."""
        out = subprocess.run([*CLIENT_CPU, self.tool, "pace", "--brokers",
                              broker.address, "--topic", topic], check=True,
                             timeout=300, stdout=subprocess.PIPE,
                             text=True).stdout
        v = dict(line.split("=") for line in out.split())
        return tuple(int(v["produce_%s_us" % k]) / 1000
                     for k in ("p50", "p99"))

    def beside(self, broker, way, count, size):
        """The same while hostile clients are at work, which leave the
        processor to it."""
        attacker = start([*CLIENT_CPU, "chrt", "--idle", "0", self.tool,
                          "hostile", "--port", broker.address.split(":")[1],
                          "--way", way, "--count", str(count),
                          "--bytes", str(size)],
                         stdout=subprocess.PIPE, text=True)
        if not attacker.stdout.readline().startswith("ready"):
            fail("hostile clients, %s: they ended" % way)
        times = self.pace(broker, "p")
        if attacker.poll() is not None:
            fail("hostile clients, %s: they ended" % way)
        attacker.kill()
        attacker.wait()
        return times

    def run_hostile(self):
        """On one loop, so that all connections share it."""
        broker = Leat(self, ["num.network.threads=1"])
        broker.clear()
        broker.start()
        self.topic(broker, "p")
        self.topic(broker, "wide", "--partitions", "1000")
        self.pace(broker, "p")
        for way, count, size, what in HOSTILE:
            runs = [(self.pace(broker, "p"),
                     self.beside(broker, way, count, size))
                    for _ in range(HOSTILE_ROUNDS)]
            (mid, alone), (mid_beside, beside) = (
                [median(v) for v in zip(*times)] for times in zip(*runs))
            self.row("p99 of a small Produce acks=all beside hostile clients, "
                     "%s; without them" % what,
                     "%.2f ms: **%.1f** of %.2f ms (p50 %.2f; %.2f)" % (
                         beside, beside / alone, alone, mid_beside, mid),
                     "at most 2", beside <= 2 * alone)
        broker.stop()
        broker.clear()

    def report(self):
        java = "" if self.jars is None else subprocess.run(
            ["java", "-version"], stderr=subprocess.PIPE,
            text=True).stderr.split("\n")[0]
        out = ["Apache Kafka %s (KRaft, -Xmx1G), %s; records of %d bytes; "
               "medians of %d runs each, in turn." % (KAFKA, java, SIZE,
                                                      ROUNDS), "",
               "| what; beside what | measured | required | met |",
               "|---|---|---|---|"]
        out += ["| %s |" % " | ".join(r) for r in self.rows]
        return "\n".join(out) + "\n"


def into(path, text):
    with open(path) as f:
        doc = f.read()
    doc, n = re.subn(r"(?s)(<!-- broker bench -->\n).*(<!-- end of broker "
                     r"bench -->)", lambda m: m.group(1) + text + m.group(2),
                     doc)
    if n != 1:
        fail("%s: no markers" % path)
    with open(path, "w") as f:
        f.write(doc)


def main():
    p = argparse.ArgumentParser()
    for name in ("leat", "tool", "folder"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--kafka")
    p.add_argument("--into")
    p.add_argument("--only", help="produce,synced,fetch,latency,start,"
                   "connections,hostile")
    args = p.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bench = Bench(args)
    parts = ["produce", "synced", "fetch", "latency", "start", "connections",
             "hostile"]
    if bench.jars is None:
        say("Apache Kafka cannot be had here (java, mvn): only what needs "
            "no Java is measured")
        parts = ["connections", "hostile"]
    for part in parts:
        if args.only is None or part in args.only.split(","):
            getattr(bench, "run_" + part)()
    print(bench.report())
    if args.into and args.only is None:
        into(args.into, bench.report())
    shutil.rmtree(bench.folder)
    sys.exit(1 if bench.missed else 0)


main()
