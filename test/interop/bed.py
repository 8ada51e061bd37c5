"""What the tests with other people's Kafka clients share: a `leat broker` in
a folder of its own on a port of its own, and checks that are counted."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

WAIT = 30
checks = failures = 0


def check(what, ok):
    global checks, failures
    checks += 1
    failures += not ok
    print(("ok " if ok else "FAILED ") + what, flush=True)


def same(what, got, wanted):
    check(what, got == wanted)
    if got != wanted:
        print("  got    %r\n  wanted %r" % (got, wanted), flush=True)


def until(fn):
    end = time.time() + WAIT
    while time.time() < end:
        if fn():
            return True
        time.sleep(0.02)
    return False


class Broker:
    def __init__(self, folder, settings=()):
        self.folder = folder
        self.settings = settings
        self.port = 0
        self.start()

    def start(self):
        conf = os.path.join(self.folder, "server.properties")
        log = os.path.join(self.folder, "log")
        with open(conf, "w") as f:
            f.write("listeners=PLAINTEXT://127.0.0.1:%d\n" % self.port)
            f.write("log.dirs=%s/data\n" % self.folder)
            f.write("group.initial.rebalance.delay.ms=0\n")
            f.writelines(s + "\n" for s in self.settings)
        with open(log, "w") as f:
            self.process = subprocess.Popen(
                [os.environ.get("LEAT", "./leat"), "broker", "-f", conf],
                stderr=f)
        pattern = re.compile(r"serving 127\.0\.0\.1:(\d+)")
        if not until(lambda: pattern.search(self.log()) or
                     self.process.poll() is not None) or \
                self.process.poll() is not None:
            sys.exit("the broker does not start: " + self.log())
        if self.port == 0:      # a later start says what it advertises
            self.port = int(pattern.search(self.log()).group(1))
        self.address = "127.0.0.1:%d" % self.port

    def log(self):
        with open(os.path.join(self.folder, "log")) as f:
            return f.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(WAIT)


def run(test, settings=()):
    """test(broker) over a new broker, which must stop cleanly; then exits
    with what the checks say."""
    folder = tempfile.mkdtemp(prefix="leat-interop-")
    broker = Broker(folder, settings)
    try:
        test(broker)
        same("the broker stops", broker.stop(), 0)
        if failures:
            print(broker.log())
    finally:
        if broker.process.poll() is None:
            broker.kill()
        shutil.rmtree(folder)
    print("%d%%: Checks: %d, Failures: %d, Errors: 0" % (
        100 * (checks - failures) // checks, checks, failures))
    sys.exit(failures != 0)
