"""What a node has too little of: disk for files that were deleted unread, descriptors, watches; and
what of the old files is wanted at all."""
import json
import os
import shutil
import subprocess
import time
import unittest
from collections import defaultdict
from pathlib import Path

import agent
from agent import MIB
from test_lanes import Case as Lanes
from test_tail import SECOND, Log
from test_watch import limited

HEADER = 41  # of a line, with its newline


def held(life):
    """Allocated bytes of deleted log files that it has open; each file once."""
    files = {}
    folder = Path(f"/proc/{life.process.pid}/fd")
    for fd in list(folder.iterdir()):
        try:
            name, at = os.readlink(fd), os.stat(fd)
        except FileNotFoundError:
            continue  # closed meanwhile
        if ".log" in name and name.endswith(" (deleted)"):
            files[at.st_ino] = at.st_blocks * 512
    return sum(files.values())


class Ranges:
    """Bytes of generations: what was lost, or delivered."""

    def __init__(self):
        self.of = defaultdict(list)

    def add(self, generation, first, end):
        self.of[generation].append((first, end))

    def total(self):
        return sum(end - first for ranges in self.of.values() for first, end in ranges)

    def overlaps(self):
        for ranges in self.of.values():
            ranges.sort()
        return [(generation, a, b) for generation, ranges in self.of.items()
                for a, b in zip(ranges, ranges[1:]) if a[1] > b[0]]


class Pin(agent.Case):
    """The output stands still, and the kubelet deletes what is unread."""

    def write_and_delete(self, log, size, file_size, line=1000):
        """So many bytes, in files of that size that are deleted one after the other."""
        text, written, before = "x" * line, 0, None
        while written < size:
            lines = b"".join(log.line(text) for _ in range(file_size // (line + HEADER)))
            for at in range(0, len(lines), MIB):
                log.write(lines[at:at + MIB])
            written += len(lines)
            name = f"0.log.{time.strftime('%Y%m%d-%H%M%S', time.gmtime(Log.clock // SECOND))}"
            os.close(log.rotate(f"{name}{Log.clock % SECOND:09d}"))
            if before:
                self.until_open(before)
                before.unlink()
            before = log.folder / f"{name}{Log.clock % SECOND:09d}"
        self.until_open(before)
        before.unlink()
        return written

    def until_open(self, path):
        """What it has not seen it cannot hold."""
        agent.until(f"{path} is seen", lambda: any(
            file.startswith(str(path)) for file in self.sluice.life.files()))

    def lost(self):
        """The ranges that the agent named, all for one reason."""
        ranges = Ranges()
        for said in self.sluice.life.logged("lost"):
            self.assertEqual(said["reason"], "pin_limit", said)
            self.assertEqual((said["namespace"], said["container"]), ("shop", "main"), said)
            ranges.add(said["generation"], int(said["from"]), int(said["to"]))
        return ranges

    def play(self, size, limit, file_size):
        self.sluice = sluice = self.agent(output="stdout", memory_limit="16MiB",
                                          pin={"max_bytes": limit, "min_free": "0%"})
        log = Log(self.pods)
        sluice.start()
        log.put("first")
        sluice.wait_records(1)
        sluice.life.drain.rate = 0
        written = self.write_and_delete(log, size, file_size)
        agent.until("the rest is given up", lambda: held(sluice.life) <= limit)
        lost = self.lost()
        self.assertGreater(lost.total(), size - limit - 2 * file_size - 24 * MIB)
        os.close(log.fd)
        sluice.life.drain.rate = None
        whole = written + HEADER + len("first")
        agent.until("the rest comes", lambda: self.delivered_bytes() + lost.total() >= whole)
        self.assertEqual(self.lost().of, lost.of, "it was all said when it happened")
        books = self.assert_stops(sluice)
        self.assertEqual(books["lost_bytes"], lost.total())
        self.assertEqual(books["delivered_bytes"] + books["lost_bytes"], whole)
        both = lost
        with open(sluice.life.output, "rb") as output:
            for line in output:
                record = json.loads(line)
                at = record["log"]["offset"]
                both.add(record["log"]["generation"], at, at + HEADER + len(record["message"]))
        self.assertEqual(both.overlaps(), [])
        return f"written {whole}, lost {books['lost_bytes']}, delivered {books['delivered_bytes']}"

    def delivered_bytes(self):
        life = self.sluice.life
        return life.records() * (HEADER + 1000) - 995  # the first one is shorter

    def test_pinned_bytes_are_bounded_and_each_lost_byte_is_named(self):
        """60 MB are rotated away and deleted behind a blocked output; 8 MiB may stay."""
        self.play(60 * MIB, 8 * MIB, 2 * MIB)

    @agent.long_only
    def test_three_gigabytes_behind_a_blocked_output(self):
        print(self.play(3 * 1000 * MIB, 100 * MIB, 10 * MIB))

    def test_a_full_disk_ends_all_pins(self):
        """min_free cannot be had: what is deleted is given up, and what is not deleted is read."""
        self.sluice = sluice = self.agent(output="stdout", memory_limit="16MiB",
                                          pin={"min_free": "100%"})
        log = Log(self.pods)
        sluice.start(rate=0)
        self.write_and_delete(log, 30 * MIB, 2 * MIB)
        agent.until("nothing is pinned", lambda: held(sluice.life) == 0)
        self.assertGreater(self.lost().total(), 0)
        log.put("last")
        sluice.life.drain.rate = None
        agent.until("the last one", lambda: b'"last"' in Path(sluice.life.output).read_bytes())
        self.assert_stops(sluice)


class PinOfLanes(Lanes):
    """The same behind two outputs, of which one takes a little more than the other."""

    def lost(self, sluice, name):
        ranges = Ranges()
        for life in sluice.lives:
            for said in life.logged("lost"):
                if said["output"] == name:
                    ranges.add(said["generation"], int(said["from"]), int(said["to"]))
        return ranges

    def test_a_loss_is_told_once_a_lane_whatever_ends_the_agent(self):
        """One file of 20 MB is deleted, and given up, where the lanes are at different places of it.
        Each byte is delivered or named, and none is named twice, by two lives of the agent."""
        slow = {"type": "stdout", "batch": {"max_bytes": "256KiB"}}
        sluice = self.lanes({"fast": {"batch": {"max_bytes": "256KiB"}}, "slow": slow},
                            memory_limit="8MiB", pin={"max_bytes": "1MiB", "min_free": "0%"})
        log = Log(self.pods)
        log.write(b"".join(log.line("x" * 1000) for _ in range(20000)))
        sluice.start(rate=0)
        self.wait(sluice, fast=20000)
        name = "0.log.20231114-221320"
        os.close(log.rotate(name))
        log.put("x" * 1000)
        self.wait(sluice, fast=20001)
        (log.folder / name).unlink()
        agent.until("it is given up", lambda: self.lost(sluice, "slow").total() > 0)
        before = (self.folder / "state" / "checkpoint").stat().st_mtime_ns
        log.put("x" * 1000)
        self.wait(sluice, fast=20002)
        agent.until("that is saved", lambda: (
            self.folder / "state" / "checkpoint").stat().st_mtime_ns > before)
        time.sleep(1.5)  # ... it may have been on its way before
        sluice.kill()
        sluice.start()
        self.wait(sluice, slow=2)
        agent.until("its loss is told", lambda: self.lost(sluice, "slow").total() +
                    sluice.count("slow") * (HEADER + 1000) >= 20002 * (HEADER + 1000))
        self.stop(sluice)
        self.assertEqual(self.lost(sluice, "fast").total(), 0)
        self.assertEqual(self.lost(sluice, "slow").overlaps(), [])


def cpu(life):
    """Seconds that it has computed."""
    fields = Path(f"/proc/{life.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wake_ups(life):
    text = Path(f"/proc/{life.process.pid}/status").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)


class Crowd(agent.Case):
    """More files than descriptors and watches: two containers a pod, a file each."""

    def make(self, count):
        self.paths = []
        for i in range(count):
            folder = self.pods / f"shop_p{i // 2}_uid-{i // 2}" / f"c{i % 2}"
            folder.mkdir(parents=True)
            self.paths.append(folder / "0.log")

    def put(self, which, text):
        """One line into each of these files, which are opened for it, as a runtime would not."""
        for i in which:
            with open(self.paths[i], "ab", buffering=0) as f:
                f.write(Log.line(f"{i} {text}"))
        self.expected.update(f"{i} {text}" for i in which)

    def crowded(self, descriptors, watches):
        if subprocess.run([*limited("watches", 5), "true"], capture_output=True).returncode:
            self.skipTest("no user namespaces here")
        return ["prlimit", f"--nofile={descriptors}:{descriptors}", *limited("watches", watches)]

    def assert_all(self):
        """Each of them once."""
        with open(self.sluice.life.output, "rb") as output:
            got = [json.loads(line)["message"] for line in output]
        self.assertEqual(len(got), len(set(got)))
        self.assertEqual(set(got), self.expected)

    def play(self, files, descriptors, watches, lines=3):
        self.expected = set()
        self.make(files)
        self.put(range(files), "before")
        self.sluice = sluice = self.agent(launcher=self.crowded(descriptors, watches))
        began = time.monotonic()
        life = sluice.start()
        sluice.wait_records(len(self.expected))
        figures = {"started_s": round(time.monotonic() - began, 2)}
        for i in range(lines):  # all of them, and then some of them
            self.put(range(0, files, 1 + 6 * (i % 2)), f"line {i}")
            sluice.wait_records(len(self.expected))
        self.rotate(range(0, files, 5))
        sluice.wait_records(len(self.expected))
        self.assertLessEqual(len(life.files()), descriptors)
        self.assertLessEqual(life.watches(), watches)
        self.assertTrue(any("more log files than descriptors" in said["message"]
                            for said in life.logged()))
        if agent.LONG:
            figures.update(self.idle(life))
        books = self.assert_stops(sluice)
        self.assertEqual(books["lost_bytes"], 0)
        self.assert_all()
        return figures

    def rotate(self, which):
        """What was written before, and what is written after."""
        self.put(which, "last")
        for i in which:
            os.rename(self.paths[i], self.paths[i].with_name("0.log.20231114-221320"))
        self.put(which, "first")

    @staticmethod
    def idle(life, seconds=20):
        time.sleep(10)
        used, woken = cpu(life), wake_ups(life)
        time.sleep(seconds)
        return {"idle_core_percent": round((cpu(life) - used) / seconds * 100, 2),
                "wake_ups_per_second": (wake_ups(life) - woken) / seconds,
                "rss_mib": round(life.rss() / MIB, 1)}

    def test_res_03_more_files_than_descriptors_and_watches(self):
        """T-RES-03: 600 files, 100 descriptors, 60 watches."""
        self.play(600, 100, 60)

    @agent.long_only
    def test_ten_thousand_files_with_a_thousand_descriptors_and_watches(self):
        print(self.play(10000, 1024, 1000))


class Old(agent.Case):
    """Which of the old files are wanted, and what of them."""

    def setUp(self):
        super().setUp()
        self.scratch = self.folder

    def logs(self, **ages):
        """A pod for each name, with one line that was written so many seconds ago."""
        self.of = {}
        for name, age in ages.items():
            self.of[name] = log = Log(self.pods, name)
            log.put(f"old {name}")
            self.set_age(log, age)

    @staticmethod
    def set_age(log, seconds, file="0.log"):
        then = time.time() - seconds
        os.utime(log.folder / file, (then, then))

    def messages(self):
        records = []
        for life in self.sluice.lives:
            with open(life.output, "rb") as output:
                records += [json.loads(line)["message"] for line in output]
        return sorted(records)

    def until_all_looked_at(self, name):
        """A new file is read when those that were there before it were looked at."""
        Log(self.pods, name).put(f"new {name}")
        agent.until("a new file is read", lambda: f"new {name}" in self.messages()
                    or self.sluice.life.process.poll() is not None)

    def start(self, **options):
        self.sluice = self.agent(**options)
        return self.sluice.start()

    def test_disc_07_only_what_was_not_silent_for_so_long(self):
        """T-DISC-07: files of one minute, half an hour, three hours, three days."""
        ages = {"minute": 60, "half": 1800, "three": 3 * 3600, "days": 3 * 86400}
        for i, limit in enumerate(("10m", "40m", "4h", "96h")):
            with self.subTest(limit):
                self.folder = self.scratch / limit
                self.pods = self.folder / "pods"
                self.play_disc_07(limit, ages, list(ages)[:i + 1])

    def play_disc_07(self, limit, ages, young):
        self.logs(**ages)
        self.start(ignore_older=limit)
        self.until_all_looked_at("later")
        expected = ["new later"] + [f"old {name}" for name in young]
        self.sluice.wait_records(len(expected))
        self.assertEqual(self.messages(), sorted(expected))
        for name in ages:
            self.of[name].put(f"more {name}")
            expected.append(f"more {name}")
        self.sluice.wait_records(len(expected))
        self.assertEqual(self.messages(), sorted(expected))
        books = self.assert_stops(self.sluice)
        self.assertEqual(books["lost_bytes"], 0)

    def test_disc_08_what_was_read_goes_on(self):
        """T-DISC-08: read, and then silent for longer than that; also over a restart."""
        self.logs(one=0)
        self.start(ignore_older="10m")
        self.sluice.wait_records(1)
        self.set_age(self.of["one"], 7200)
        self.until_all_looked_at("a")
        self.of["one"].put("second")
        agent.until("it goes on", lambda: "second" in self.messages())
        self.assert_stops(self.sluice)
        self.of["one"].put("third")
        self.set_age(self.of["one"], 7200)
        self.sluice.start()
        agent.until("it goes on", lambda: "third" in self.messages())
        self.of["one"].put("fourth")
        agent.until("it goes on", lambda: "fourth" in self.messages())
        self.assert_stops(self.sluice)
        self.assertEqual(self.messages(), ["fourth", "new a", "old one", "second", "third"])

    def test_disc_09_an_old_file_never_comes_by_surprise(self):
        """T-DISC-09: only what is added to it, over a restart too, and however it is rotated."""
        self.logs(new=0, old=3600)
        life = self.start(ignore_older="5m")
        self.until_all_looked_at("a")
        self.assertFalse([file for file in life.files() if "shop_old_" in file], "it is open")
        self.of["old"].put("added")
        self.of["new"].put("added too")
        self.sluice.wait_records(4)
        self.assert_stops(self.sluice)
        self.sluice.start()
        self.of["old"].rotate()
        self.of["old"].put("behind it")
        self.until_all_looked_at("b")
        agent.until("it is read", lambda: "behind it" in self.messages())
        self.assert_stops(self.sluice)
        self.assertEqual(self.messages(), ["added", "added too", "behind it", "new a", "new b",
                                           "old new"])

    def test_ignore_older_never_ignores_what_was_begun(self):
        """Known, and rotated and compressed while the agent was down for longer than that."""
        self.logs(one=0)
        self.start(ignore_older="5m")
        self.sluice.wait_records(1)
        self.assert_stops(self.sluice)
        log = self.of["one"]
        log.put("unread")
        os.close(log.rotate())
        log.squeeze()
        self.set_age(log, 3600, "0.log.20231114-221320.gz")
        self.sluice.start()
        self.until_all_looked_at("later")
        agent.until("it is read", lambda: "unread" in self.messages())
        self.assertEqual(self.assert_stops(self.sluice)["lost_bytes"], 0)
        self.assertEqual(self.messages(), ["new later", "old one", "unread"])

    def spread(self, hours):
        """A line each hour, the youngest one an hour and a half ago, in generations of two: the
        oldest ones compressed."""
        log = Log(self.pods)
        now = time.time_ns()
        for i in range(hours, 0, -1):
            Log.clock = now - (i * 3600 + 1800) * SECOND
            log.put(f"{i:02} hours")
            age = i * 3600 + 1800
            if i % 2 == 1 and i > 1:
                name = f"0.log.{time.strftime('%Y%m%d-%H%M%S', time.gmtime(Log.clock // SECOND))}"
                os.close(log.rotate(name))
                if i > 5:
                    log.squeeze(name)
                    name += ".gz"
                self.set_age(log, age, name)
        self.set_age(log, age)
        Log.clock = now
        return log

    def play_start_at(self, start_at, expected):
        log = self.spread(10)
        self.start(start_at=start_at)
        self.until_all_looked_at("later")
        log.put("new")
        expected = [f"{i:02} hours" for i in expected] + ["new", "new later"]
        self.sluice.wait_records(len(expected))
        books = self.assert_stops(self.sluice)
        self.assertEqual(self.messages(), expected)
        self.assertEqual((books["lost_bytes"], books["read_bytes"]),
                         (0, books["delivered_bytes"]))
        self.sluice.start()  # it was the first start that asked
        log.put("newer")
        self.sluice.wait_records(1)
        self.assert_stops(self.sluice)
        self.assertEqual(self.messages(), sorted(expected + ["newer"]))

    def test_start_at_an_age(self):
        self.play_start_at("4h", range(1, 4))

    def test_start_at_an_age_that_begins_in_a_gz(self):
        self.play_start_at("9h", range(1, 9))

    def test_start_at_a_time(self):
        then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 6 * 3600))
        self.play_start_at(then, range(1, 6))

    def test_start_at_the_end_of_all_of_them(self):
        self.play_start_at("1h", ())


class Churn(agent.Case):
    def test_what_is_gone_for_good_is_forgotten(self):
        """Pods come and go in batches: memory and the checkpoint stay as they are."""
        self.sluice = sluice = self.agent(checkpoint_interval="100ms")
        life = sluice.start()
        sizes, rss, written = [], [], 0
        for _ in range(50 if agent.LONG else 12):
            written += self.batch(written)
            sluice.wait_records(written)
            agent.until("all are let go", lambda: not any(".log" in f for f in life.files()))
            agent.until("it is saved", lambda: self.checkpoint() < 2000)
            sizes.append(self.checkpoint())
            rss.append(life.rss())
        self.assert_stops(sluice)
        self.assertLessEqual(max(sizes), 2000)
        if not self.is_sanitized():
            self.assertLess(rss[-1] - rss[len(rss) // 3], MIB // 2, rss)
        if agent.LONG:
            print(f"checkpoint {sizes[0]} -> {sizes[-1]} bytes, RSS {rss[0]} -> {rss[-1]}")

    def checkpoint(self):
        path = self.folder / "state" / "checkpoint"
        return path.stat().st_size if path.exists() else MIB

    def batch(self, number, count=200):
        """So many pods, each with one line, that are deleted when they were seen."""
        logs = [Log(self.pods, f"p{number + i}") for i in range(count)]
        for log in logs:
            log.put("its only line")
            os.close(log.fd)
        self.sluice.wait_records(number + count)
        for log in logs:
            shutil.rmtree(log.folder.parent)
        return count


if __name__ == "__main__":
    unittest.main()
