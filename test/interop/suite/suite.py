"""What a case of `make interop` is made of.

A case is a function over one version of one client or tool, declared with
@case.  It does its operations through Case.op(); each becomes one row of the
table: passed, failed with a short diagnosis, or skipped with the reason.
Results are judged by what was read back, never by an exit status alone.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
INTEROP = os.path.dirname(HERE)
sys.path.insert(0, INTEROP)
from bed import Broker  # noqa: E402

LIMIT = 600         # seconds that a case may take
CASES = {}


class Failed(Exception):
    """Something is not as it should be; the text says what."""


class Skip(Exception):
    """This cannot be run here; the text says why."""


def short(text, limit=300):
    text = " ".join(str(text).split())
    return text if len(text) <= limit else text[:limit - 3] + "..."


def expect(what, got, wanted):
    if got == wanted:
        return
    if isinstance(got, list) and isinstance(wanted, list):
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
                  min(len(got), len(wanted)))
        raise Failed("%s: %d instead of %d, different from number %d: %s" % (
            what, len(got), len(wanted), at,
            short("%r instead of %r" % (got[at:at + 1], wanted[at:at + 1]))))
    raise Failed("%s: %s" % (what, short("%r instead of %r" % (got, wanted))))


def expect_in(what, part, text):
    if part not in text:
        raise Failed("%s: no %r in: %s" % (what, part, short(text)))


def patient(seconds):
    """Time limits are for a machine with nothing else to do: on a busy one
    they are longer."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(max(load, 1), 8)


def wait_for(what, fn, seconds=60):
    seconds = patient(seconds)
    end = time.time() + seconds
    while time.time() < end:
        value = fn()
        if value:
            return value
        time.sleep(0.05)
    raise Failed("%s: not within %d s" % (what, seconds))


def case(name, client, versions, limit=LIMIT):
    """versions: of the client, each one run of the case."""
    def declare(fn):
        CASES[name] = {"run": fn, "client": client, "versions": versions,
                       "limit": limit}
        return fn
    return declare


class Process:
    """A program that runs beside the case; its output goes to files."""

    def __init__(self, case, name, argv, **kw):
        self.name = name
        path = os.path.join(case.folder, "%s-%d" % (name, len(case.programs)))
        self.out_path, self.err_path = path + ".out", path + ".err"
        with open(self.out_path, "wb") as out, \
                open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=out, stderr=err, **kw)
        case.programs.append(self)

    def out(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def lines(self):
        """The lines that are complete so far."""
        return self.out().split("\n")[:-1]

    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for(self, what, fn, seconds=60):
        def look():
            value = fn()
            if not value and self.process.poll() is not None:
                raise Failed("%s: %s ended with %d: %s" % (
                    what, self.name, self.process.returncode,
                    tail(self.err() or self.out())))
            return value
        try:
            return wait_for(what, look, seconds)
        except Failed as e:
            if self.process.poll() is None:
                raise Failed("%s; %s" % (e, tail(self.err())))
            raise

    def finish(self, seconds=60):
        """Ends its input, waits for its end."""
        self.process.stdin.close()
        return self.wait(seconds)

    def stop(self, seconds=60):
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(seconds)

    def wait(self, seconds):
        try:
            return self.process.wait(patient(seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("%s does not end: %s" % (self.name,
                                                  tail(self.err())))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def tail(text):
    """The line of an error output that says most: of a Java trace the first
    exception or the last cause, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "Caused by" in line] or [
        line for line in lines if "Exception" in line or "rror:" in line]
    return short((told or lines or ["it said nothing"])[-1])


class Case:
    def __init__(self, name, version, into, rows):
        self.name = name
        self.version = version
        self.client = CASES[name]["client"]
        self.into = into            # what was installed lies here
        self.rows = rows            # file: one result per line
        self.folder = tempfile.mkdtemp(prefix="leat-interop-")
        self.brokers = []
        self.programs = []
        self.since = time.time()

    def broker(self, *settings):
        """A new broker of ours in a folder of its own."""
        folder = os.path.join(self.folder, "broker-%d" % len(self.brokers))
        os.mkdir(folder)
        self.brokers.append(Broker(folder, settings))
        return self.brokers[-1]

    def start(self, name, argv, **kw):
        return Process(self, name, argv, **kw)

    def run(self, argv, stdin="", timeout=60, status=0, **kw):
        """Its standard output; with another status than wanted (None: any)
        or after the time it has failed."""
        try:
            r = subprocess.run(argv, input=stdin.encode(), timeout=timeout,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               **kw)
        except subprocess.TimeoutExpired as e:
            raise Failed("not done after %d s: %s" % (timeout, tail(
                (e.stderr or e.stdout or b"").decode(errors="replace"))))
        out, err = (s.decode(errors="replace") for s in (r.stdout, r.stderr))
        if status is not None and r.returncode != status:
            raise Failed("status %d: %s" % (r.returncode, tail(err or out)))
        self.stderr = err
        return out

    def path(self, name, text=None):
        """A file in the case's folder, written when there is a text."""
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return path

    def row(self, operation, result, note=""):
        seconds = time.time() - self.since
        self.since += seconds
        print("%-8s %s %s: %s, %.1f s%s" % (
            result, self.client, self.version, operation, seconds,
            note and " (%s)" % note), flush=True)
        with open(self.rows, "a", encoding="utf-8") as f:
            f.write(json.dumps([operation, result, note]) + "\n")

    def op(self, operation, fn, *args):
        """One operation: fn's exception, if any, is its result."""
        programs = len(self.programs)
        try:
            fn(*args)
            self.row(operation, "passed")
        except Skip as e:
            self.row(operation, "skipped", short(e))
        except Exception as e:
            kind = "" if isinstance(e, Failed) else type(e).__name__ + ": "
            self.row(operation, "failed", kind + short(e))
            if os.environ.get("KEEP"):
                print(self.brokers[-1].log()[-3000:] if self.brokers else "")
        for p in self.programs[programs:]:
            p.kill()

    def close(self):
        for p in self.programs:
            p.kill()
        for b in self.brokers:
            if b.process.poll() is None:
                b.kill()
        if os.environ.get("KEEP"):
            print("kept: " + self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def run_case(name, version, into, rows):
    """In a process of its own, see interop.py."""
    c = Case(name, version, into, rows)
    try:
        CASES[name]["run"](c)
    except Skip as e:
        c.row("all", "skipped", short(e))
    except Failed as e:
        c.row("the case as a whole", "failed", short(e))
    finally:
        c.close()
