"""agent.py - what the end-to-end tests share: a scratch tree, a writer on it, the real agent with
its lives, and the judge's word at the end.

    class Something(agent.Case):
        def test_it(self):
            sluice = self.agent()
            sluice.start()
            writer = self.write("--containers", 4, "--seconds", 2)
            sluice.wait_records(writer.wait())
            sluice.stop()
            self.assert_right(writer, sluice)

Waiting has one limit, PATIENCE, that only a failure meets. SLUICE_E2E_LONG=1 runs longer versions;
with SLUICE_E2E_KEEP=1 the scratch folders stay, and are named.
"""
import bisect
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import check
from programs import KUBELET, SLUICE

PATIENCE = int(os.environ.get("X_PATIENCE", 120))  # seconds
LONG = os.environ.get("SLUICE_E2E_LONG", "0") != "0"
KEEP = os.environ.get("SLUICE_E2E_KEEP", "0") != "0"
MIB = 1 << 20


def long_only(test):
    """A test without a shorter version. It is no test at all but with SLUICE_E2E_LONG=1."""
    return test if LONG else None


def until(what, condition, patience=PATIENCE, pause=0.02):
    """Waits until condition() is true, and returns what it said."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience} s")
        time.sleep(pause)
    return value


class Writer:
    """kubelet.c at work."""

    def __init__(self, pods, truth, *options):
        self.truth = truth
        self.process = subprocess.Popen(
            [KUBELET, "--root", pods, "--truth", truth, *map(str, options)],
            stdout=subprocess.PIPE)

    def wait(self):
        """Until it has written everything. Returns the number of messages."""
        said, _ = self.process.communicate(timeout=10 * PATIENCE)
        if self.process.returncode:
            raise RuntimeError(f"the writer failed: {self.process.returncode}")
        return json.loads(said)["messages"]

    def is_writing(self):
        return self.process.poll() is None

    def stop(self):
        """Ends it early; its truth is whole."""
        self.process.terminate()
        return self.wait()

    def close(self):
        if self.is_writing():
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Drain:
    """Reads the agent's stdout into a file, as fast as it is told: the far end of its pipe."""

    def __init__(self, path, rate=None):
        self.rate = rate  # bytes a second; 0: not at all; None: what comes
        self.left = False
        self.path = path
        self.read_fd, self.write_fd = os.pipe()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        with open(self.path, "ab", buffering=0) as out:
            while not self.left:
                if self.rate == 0:
                    time.sleep(0.02)
                    continue
                data = os.read(self.read_fd, 65536)
                if not data:
                    break  # the agent has ended
                out.write(data)
                if self.rate:
                    time.sleep(len(data) / self.rate)
        os.close(self.read_fd)

    def started(self):
        os.close(self.write_fd)  # the agent has it now: when it ends, so does the pipe

    def leave(self):
        """Goes away, and reads no more: a drain that stands still does so at once."""
        self.left = True
        self.thread.join(PATIENCE)

    def close(self):
        """Reads what is left, and returns when there is no more."""
        self.rate = None
        self.thread.join(PATIENCE)


class Life:
    """One process of the agent, from start to end."""

    def __init__(self, process, output, log, drain):
        self.process, self.drain = process, drain
        self.output, self.log = output, log
        self.start = time.time_ns()
        self.end = 0
        self.counted = (0, 0)  # bytes looked at, lines in them
        self.samples = []      # (wall clock in ns, size of the output)
        self.sampler = threading.Thread(target=self._sample, daemon=True)
        self.sampler.start()

    def _sample(self):
        while not self.end:
            if not self.samples or self.size() != self.samples[-1][1]:
                self.samples.append((time.time_ns(), self.size()))
            time.sleep(0.01)

    def delivered_at(self, offset):
        """When (ns) the byte at `offset` of the output had come; exact to 10 ms or so, and late."""
        i = bisect.bisect_right(self.samples, offset, key=lambda sample: sample[1])
        return self.samples[i][0] if i < len(self.samples) else self.end

    def wait(self, patience=PATIENCE):
        """Until it has ended. Returns its exit status."""
        status = self.process.wait(patience)
        self.end = self.end or time.time_ns()
        self.sampler.join()
        if self.drain:
            self.drain.close()
            self.drain = None
        return status

    def size(self):
        return os.path.getsize(self.output) if os.path.exists(self.output) else 0

    def records(self):
        """Lines in the output by now."""
        at, lines = self.counted
        if self.size() > at:
            with open(self.output, "rb") as f:
                f.seek(at)
                while data := f.read(MIB):
                    at += len(data)
                    lines += data.count(b"\n")
            self.counted = at, lines
        return lines

    def logged(self, message=None):
        """What the agent said on stderr (with this message), as dicts."""
        found = []
        with open(self.log, "rb") as f:
            for line in f:
                try:
                    doc = json.loads(line)
                except ValueError:
                    continue
                if message is None or doc.get("message") == message:
                    found.append(doc)
        return found

    # --- the process, as /proc sees it ---

    def _status(self, name):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1])

    def rss(self):
        return self._status("VmRSS") * 1024

    def peak_rss(self):
        return self._status("VmHWM") * 1024

    def files(self):
        """What its descriptors refer to."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        found = []
        for fd in list(folder.iterdir()):
            try:
                found.append(os.readlink(fd))
            except FileNotFoundError:
                pass  # closed meanwhile
        return found

    def watches(self):
        count = 0
        for info in list(Path(f"/proc/{self.process.pid}/fdinfo").iterdir()):
            try:
                count += info.read_text().count("inotify wd:")
            except FileNotFoundError:
                pass
        return count


class Agent:
    """A configuration, a state directory, and the lives that the agent leads with them.

    Each life writes to an output of its own: out-N.jsonl, through output `file`, or through
    `stdout` into a pipe that a Drain reads. With outputs["path"] all write to that one.
    """

    def __init__(self, folder, pods, output="file", launcher=(), **options):
        self.folder, self.output, self.launcher = folder, output, list(launcher)
        self.lives = []
        self.inputs = {"type": "kubernetes", "path": str(pods),
                       "pin": {"min_free": "0%"}}  # whatever disk the tests run on
        self.options = {"node": "n1", "state_dir": str(folder / "state"),
                        "checkpoint_interval": "500ms", "shutdown_timeout": "10s",
                        "admin": {"listen": ""},
                        "log": {"level": "info", "format": "json"}}
        self.outputs = {"name": "out", "type": output}
        self.more = {"inputs": [], "outputs": []}  # beside these two
        for name, value in options.items():
            where = self.inputs if name in ("select", "exclude", "follow", "start_at", "max_record",
                                            "partial_timeout", "on_oversize",
                                            "skip_empty", "ignore_older", "pin") else \
                self.outputs if name in ("batch", "max_in_flight", "encoding") else self.options
            where[name] = value
        (folder / "state").mkdir(parents=True, exist_ok=True)

    def configuration(self, output):
        """sluice.yaml; JSON is YAML, too."""
        outputs = dict(self.outputs)
        if self.output == "file":
            outputs.setdefault("path", str(output))
        path = self.folder / "sluice.yaml"
        path.write_text(json.dumps(
            {**self.options, "inputs": [self.inputs, *self.more["inputs"]],
             "outputs": [outputs, *self.more["outputs"]]}, indent=1))
        return path

    @property
    def life(self):
        return self.lives[-1]

    def start(self, rate=None):
        """rate: of the drain behind stdout, in bytes a second; 0: it stands still."""
        n = len(self.lives)
        output = Path(self.outputs.get("path", self.folder / f"out-{n}.jsonl"))
        log = self.folder / f"log-{n}"
        drain = Drain(output, rate) if self.output == "stdout" else None
        output.touch()
        with open(log, "wb") as err:
            process = subprocess.Popen(
                [*self.launcher, SLUICE, "run", "-c", self.configuration(output)],
                stdin=subprocess.DEVNULL, stdout=drain.write_fd if drain else subprocess.DEVNULL,
                stderr=err, env={**os.environ, "POD_UID": "", "POD_NAME": ""})
        if drain:
            drain.started()
        self.lives.append(Life(process, str(output), str(log), drain))
        return self.life

    def kill(self):
        """As the OOM killer would."""
        self._ended(self.life)
        self.life.end = time.time_ns()
        self.life.process.kill()
        self.life.wait()

    def stop(self, patience=PATIENCE):
        """Asks it to end, and waits. Returns its exit status; a life that ended by itself failed."""
        self._ended(self.life)
        self.life.process.send_signal(signal.SIGTERM)
        return self.life.wait(patience)

    def wait_records(self, count):
        """Until this life has delivered so many records."""
        life = self.life
        until(f"{count} records", lambda: life.records() >= count or self._ended(life))

    def wait_quiet(self, seconds=2.0):
        """Until nothing has come for so long."""
        life, seen, since = self.life, -1, 0

        def is_quiet():
            nonlocal seen, since
            if (size := life.size()) != seen:
                seen, since = size, time.monotonic()
            return time.monotonic() - since > seconds or self._ended(life)
        until("silence", is_quiet)

    @staticmethod
    def _ended(life):
        """False; a life that ends by itself is a failure, whatever the test looks for."""
        if life.process.poll() is not None:
            raise RuntimeError(f"the agent ended: {life.process.returncode}\n"
                               + Path(life.log).read_text()[-2000:])
        return False

    def runs(self):
        return [check.Run(life.output, life.log, life.start, life.end) for life in self.lives]

    def close(self):
        for life in self.lives:
            if life.process.poll() is None:
                life.process.kill()
            life.wait()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.pods = self.folder / "pods"
        self.pods.mkdir()
        if KEEP:
            print(f"{self.id()}: {self.folder}")
        else:
            self.addCleanup(shutil.rmtree, self.folder)

    def write(self, *options):
        """Starts the writer."""
        writer = Writer(self.pods, self.folder / "truth", *options)
        self.addCleanup(writer.close)
        return writer

    def agent(self, **options):
        sluice = Agent(self.folder, self.pods, **options)
        self.addCleanup(sluice.close)
        return sluice

    def judge(self, writer, sluice, **how):
        return check.check(str(writer.truth), sluice.runs(), **how)

    def assert_right(self, writer, sluice, **how):
        """Everything arrived, as it was written. Returns the judge's report."""
        report = self.judge(writer, sluice, **how)
        self.assertTrue(report.ok, f"\n{report}\n{self.folder}")
        return report

    def assert_stops(self, sluice, patience=PATIENCE):
        """SIGTERM ends it well, and its books are closed. Returns them."""
        self.assertEqual(sluice.stop(patience), 0, Path(sluice.life.log).read_text()[-2000:])
        return self.assert_balanced(sluice.life)

    def assert_balanced(self, life):
        said = life.logged("books")
        self.assertEqual(len(said), 1, "one line of books at the end of a life")
        books = {name: int(value) for name, value in said[0].items() if name.endswith("_bytes")}
        self.assertEqual(said[0]["balanced"], "true", said)
        self.assertEqual(books["read_bytes"], sum(books[f"{what}_bytes"] for what in (
            "delivered", "filtered", "dead_lettered", "dropped", "in_flight")), said)
        return books

    def is_sanitized(self):
        """With a sanitizer, what the process holds says nothing about the agent."""
        return b"__asan_init" in Path(SLUICE).read_bytes()
