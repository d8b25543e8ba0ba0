"""All that a node has, at once, under SIGKILL: CRI and Docker's links, files that are renamed and files
that are copied and cut, pods that come and go, two lanes and somebody who looks at the numbers."""
import gzip
import io
import json
import os
import random
import shutil
import sys
import threading
import time
import unittest
from collections import defaultdict

import agent
import check
import test_admin
from test_lanes import Lanes

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whichever python3 this is
import msgpack  # noqa: E402

KILLS = 100 if agent.LONG else 12
HORIZON = 1_500_000_000  # ns: checkpoint_interval, and a busy machine


class Mixed(Lanes, test_admin.AdminAgent):
    """With a port."""

    def records_of(self, name, life):
        """What one life of that lane wrote, without a last record that SIGKILL tore."""
        with open(life.paths[name], "rb") as f:
            data = f.read()
        if self.lanes[name].get("encoding") == "msgpack":
            return list(msgpack.Unpacker(io.BytesIO(data), raw=False))
        return [json.loads(line) for line in data.split(b"\n")[:-1]]


class Source:
    """A log of which each line is known: its name and a number."""

    def __init__(self, name, path):
        self.name, self.path = name, path
        self.count = self.rotations = 0
        self.half = b""
        self.since = time.time()  # of what is in the file now

    def line(self, dice):
        self.count += 1
        fill = "x" * dice.choice((0, 10, 200, 3000))
        return self.framed(f"{self.name} {self.count} {fill}.")

    def framed(self, text):
        return text.encode() + b"\n"

    def write(self, dice):
        """Some lines; of the last one perhaps a half, whose rest comes with the next ones."""
        data = self.half + b"".join(self.line(dice) for _ in range(dice.randrange(1, 30)))
        cut = dice.randrange(1, 10) if dice.random() < 0.5 else 0
        self.half = data[len(data) - cut:]
        self.append(data[:len(data) - cut])

    def end(self):
        self.append(self.half)
        self.half = b""

    def append(self, data):
        with open(self.path, "ab") as f:
            f.write(data)


class Renamed(Source):
    """... to a number that only rises; the one before the last is compressed."""

    def rotate(self, is_saved):
        self.rotations += 1
        self.end()
        os.rename(self.path, f"{self.path}.{self.rotations}")
        self.path.touch()
        old = f"{self.path}.{self.rotations - 2}"
        if os.path.exists(old) and is_saved(self.since):
            squeeze(old)
        self.since = time.time()


class Cut(Source):
    """Copied, and cut. A copy of what no checkpoint knows is a file like any other: not so here."""

    def rotate(self, is_saved):
        if is_saved(self.since):
            self.rotations += 1
            self.end()
            shutil.copy(self.path, aside := self.path.with_name(".aside"))
            os.rename(aside, f"{self.path}.{self.rotations}")
            os.truncate(self.path, 0)
            self.since = time.time()


class Docker(Source):
    """Its own rotation, behind a link of the kubelet; long lines in parts of 16 KiB."""

    def __init__(self, name, path, pods):
        super().__init__(name, path)
        path.parent.mkdir(parents=True)
        folder = pods / f"docker_{name}_uid-{name}" / "app"
        folder.mkdir(parents=True)
        (folder / "0.log").symlink_to(path)

    def line(self, dice):
        self.count += 1
        text = f"{self.name} {self.count} {'x' * dice.choice((0, 100, 20000))}.\n"
        return b"".join(json.dumps({
            "log": text[at:at + 16384], "stream": "stdout",
            "time": f"2026-11-23T04:29:00.{self.count:09d}Z"}).encode() + b"\n"
            for at in range(0, len(text), 16384))

    def rotate(self, is_saved):
        for i in range(self.rotations, 0, -1):
            os.rename(f"{self.path}.{i}.gz", f"{self.path}.{i + 1}.gz")
        self.rotations += 1
        self.end()
        os.rename(self.path, f"{self.path}.1")
        self.path.touch()
        squeeze(f"{self.path}.1")


def squeeze(path):
    aside = os.path.join(os.path.dirname(path), ".aside")  # which no glob matches
    with open(path, "rb") as plain, gzip.open(aside, "wb", 1) as packed:
        shutil.copyfileobj(plain, packed)
    os.rename(aside, f"{path}.gz")
    os.unlink(path)


class Background(threading.Thread):
    """Does one step again and again, until it is told to end; what goes wrong is told then."""

    def __init__(self, step):
        super().__init__(daemon=True)
        self.step, self.left, self.wrong, self.steps = step, threading.Event(), None, 0
        self.start()

    def run(self):
        try:
            while not self.left.is_set():
                self.step()
                self.steps += 1
        except BaseException as err:  # told by finish(), in the test's own thread
            self.wrong = err

    def finish(self):
        self.left.set()
        self.join(agent.PATIENCE)
        if self.wrong:
            raise self.wrong
        return self.steps


class Storm(test_admin.Case):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("SLUICE_E2E_SEED", 0)) or random.randrange(1, 1 << 32)
        print(f"\n{self.id()}: SLUICE_E2E_SEED={seed}")
        self.dice, self.written = random.Random(seed), random.Random(seed + 1)
        logs = self.folder / "logs"
        logs.mkdir()
        docker = self.folder / "docker" / "containers"
        self.sources = [
            *(Renamed(f"renamed-{i}", logs / f"renamed-{i}.log") for i in range(2)),
            *(Cut(f"cut-{i}", logs / f"cut-{i}.log") for i in range(2)),
            *(Docker(f"d-{i}", docker / (id_ := f"{i:x}" * 64) / f"{id_}-json.log", self.pods)
              for i in range(1, 4))]
        self.sluice = Mixed(self.folder, self.pods, {
            "json": {}, "packed": {"encoding": "msgpack", "batch": {"max_records": 100}}})
        self.addCleanup(self.sluice.close)
        self.sluice.inputs["allowed_roots"] = [str(docker)]
        self.sluice.more["inputs"] = [{"type": "file", "paths": [f"{logs}/*.log*"],
                                       "pin": {"min_free": "0%"}}]
        self.seen = None  # the last scrape, and its life

    def is_saved(self, since):
        """A checkpoint was written long enough after that, and after the agent's last start."""
        since = max(since, self.sluice.life.start / 1e9)
        try:
            return (self.folder / "state" / "checkpoint").stat().st_mtime > since + 1.5
        except FileNotFoundError:
            return False

    def write_some(self):
        source = self.written.choice(self.sources)
        source.write(self.written)
        if self.written.random() < 0.03:
            source.rotate(self.is_saved)
        time.sleep(0.005)

    def said(self, words):
        return any(words in d["message"] for d in self.sluice.life.logged())

    def look(self):
        """One scrape: P3 holds in it, and no counter of that life fell."""
        life = self.sluice.life
        try:
            if self.said("listens on"):
                status, text = self.sluice.ask("/metrics")
                self.assertEqual(status, 200)
                metrics = test_admin.Metrics(text)
                self.assert_identity(metrics)
                if self.seen and self.seen[0] is life:
                    self.assert_rising(self.seen[1], metrics)
                self.seen = life, metrics
        except Exception:
            if life is self.sluice.life and not life.end:
                raise  # else it was killed meanwhile
        time.sleep(0.03)

    def is_settled(self):
        """All files are at their ends, and nothing came since the last time."""
        metrics = self.sluice.metrics()
        now = [metrics.sum("unread_bytes"), metrics.sum("read_bytes_total"),
               *(os.path.getsize(path) for path in self.sluice.life.paths.values())]
        before, self.before = getattr(self, "before", None), now
        return now == before and now[0] == 0

    def test_t_ckpt_15_everything_at_once(self):
        """T-CKPT-15, T-SHUT-06: at least once at each lane; what comes again has its place; books balance
        in each scrape; of what is missing each byte was named, or gone before anybody saw it."""
        sluice = self.sluice
        sluice.start()
        kubelet = self.write(
            "--containers", 8, "--hot", 2, "--hot-rate", 3e5, "--rate", 30, "--line", "100-900",
            "--stderr", 0.3, "--long", 0.01, "--odd", 0.05, "--rotate", 1, "--max-size", 100000,
            "--max-files", 4, "--delete", 2, "--seconds", 3600)
        writer, visitor = Background(self.write_some), Background(self.look)
        agent.until("a first checkpoint", (self.folder / "state" / "checkpoint").exists)
        for _ in range(KILLS):
            time.sleep(self.dice.uniform(0.1, 2.5))
            sluice.kill()
            time.sleep(self.dice.uniform(0, 0.5))
            sluice.start()
        writer.finish()
        for source in self.sources:
            source.end()
        kubelet.stop()
        agent.until("all is read", self.is_settled, pause=0.7)
        self.assertGreater(visitor.finish(), 10)
        self.assertEqual(sluice.stop(), 0)
        self.assertEqual({d["balanced"] for d in sluice.life.logged("books")}, {"true"})
        for name in sluice.lanes:
            with self.subTest(name):
                self.judge_lane(name, check.Truth(str(kubelet.truth)))

    def judge_lane(self, name, truth):
        places, runs = defaultdict(list), []
        for i, life in enumerate(self.sluice.lives):
            own = self.folder / f"judged-{i}-{name}"
            with open(own, "w") as f:
                for record in self.sluice.records_of(name, life):
                    if record.get("kubernetes", {}).get("namespace", "").startswith("space-"):
                        f.write(json.dumps(record) + "\n")
                    else:
                        places[self.known_by(record)].append(
                            (i, record["log"]["generation"], record["log"]["offset"]))
            runs.append(check.Run(str(own), self.lost_of(i, name, life), life.start, life.end))
        self.judge_sources(places)
        report = check.Judge(truth, runs, horizon=HORIZON, torn_tail=True, partials="allowed").judge()
        self.assertTrue(report.ok, f"{name}:\n{report}\n{self.folder}")

    def known_by(self, record):
        self.assertTrue(record["message"].endswith("."), record)
        self.assertNotIn("flags", record["log"])
        name, number, _ = record["message"].split(" ", 2)
        said = record.get("kubernetes", {}).get("pod", {}).get("name") or \
            os.path.basename(record["log"]["file"]["path"])
        self.assertEqual(said.split(".")[0], name)
        return name, int(number)

    def judge_sources(self, places):
        wanted = {(s.name, n) for s in self.sources for n in range(1, s.count + 1)}
        self.assertEqual(sorted(wanted - set(places)), [], "missing")
        self.assertEqual(sorted(set(places) - wanted), [], "never written")
        whose = {}
        for line, found in places.items():
            self.assertEqual(len({place[1:] for place in found}), 1, f"{line} at several places: {found}")
            self.assertEqual(len({place[0] for place in found}), len(found), f"{line} twice in a life")
            self.assertEqual(whose.setdefault(found[0][1:], line), line, "two lines at one place")

    def lost_of(self, i, name, life):
        """That lane's losses of this life; none may be of a source from which nothing was taken away."""
        own = self.folder / f"lost-{i}-{name}"
        with open(own, "w") as f:
            for said in life.logged("lost"):
                if said["output"] == name:
                    self.assertTrue(said["namespace"].startswith("space-"), said)
                    f.write(json.dumps(said) + "\n")
        return str(own)


if __name__ == "__main__":
    unittest.main()
