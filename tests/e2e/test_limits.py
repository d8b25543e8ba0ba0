"""What a node has too little of: disk for files that were deleted unread, descriptors, watches; and
what of the old files is wanted at all."""
import json
import os
import signal
import time
import unittest
from collections import defaultdict
from pathlib import Path

import agent
from agent import MIB
from test_tail import SECOND, Log

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

    @unittest.skipUnless(agent.LONG, "3 GB")
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


if __name__ == "__main__":
    unittest.main()
