"""Several outputs at once: each one is a lane with its own selection, memory and cursors. One that
stands still, fails or is gone costs the others nothing; one that is added, renamed or removed
begins and ends where it should. Ids are those of tests/README.md."""
import json
import os
import re
import subprocess
import time
import unittest
from pathlib import Path

import agent
import check
from agent import MIB
from programs import SLUICE
from test_tail import Log

GZ = "0.log.20231114-221320"


class Lanes(agent.Agent):
    """An agent with these outputs: {name: options}. Each life of a lane of type `file` writes to
    NAME-N.jsonl; one of type `stdout` into the pipe, and from there to out-N.jsonl."""

    def __init__(self, folder, pods, lanes, **options):
        is_piped = any(lane.get("type") == "stdout" for lane in lanes.values())
        super().__init__(folder, pods, output="stdout" if is_piped else "file", **options)
        self.lanes = lanes

    def path(self, name, n):
        lane = self.lanes.get(name, {})
        return lane.get("path") or str(
            self.folder / (f"out-{n}" if lane.get("type") == "stdout" else f"{name}-{n}"))

    def configuration(self, output):
        n = len(self.lives)
        outputs = []
        for name, lane in self.lanes.items():
            said = {"name": name, "type": "file", **lane}
            if said["type"] == "file":
                said["path"] = self.path(name, n)
            if said["type"] == "stdout":
                said["encoding"] = "json"
            outputs.append(said)
        path = self.folder / "sluice.yaml"
        path.write_text(json.dumps({**self.options, "outputs": outputs,
                                    "inputs": [self.inputs, *self.more["inputs"]]}))
        return path

    def start(self, rate=None):
        life = super().start(rate)
        life.paths = {name: self.path(name, len(self.lives) - 1) for name in self.lanes}
        if self.output == "stdout":
            for name, lane in self.lanes.items():
                if lane.get("type") == "stdout":
                    life.paths[name] = life.output
        return life

    def records(self, name):
        """What came to that lane in all lives, in its order."""
        found = []
        for path in dict.fromkeys(life.paths[name] for life in self.lives if name in life.paths):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    found += [json.loads(line) for line in f.read().split(b"\n")[:-1]]
        return found

    def messages(self, name):
        return [record["message"] for record in self.records(name)]

    def count(self, name):
        lines = 0
        for path in dict.fromkeys(life.paths[name] for life in self.lives if name in life.paths):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    while data := f.read(MIB):
                        lines += data.count(b"\n")
        return lines

    def runs_of(self, name):
        """For the judge: this lane's outputs, and what was said to be lost for it."""
        runs = []
        for i, life in enumerate(self.lives):
            if name not in life.paths:
                continue
            log = self.folder / f"log-{i}-{name}"
            with open(life.log, "rb") as said, open(log, "wb") as own:
                for line in said:
                    if f'"output":"{name}"'.encode() in line.replace(b" ", b""):
                        own.write(line)
            runs.append(check.Run(life.paths[name], str(log), life.start, life.end))
        return runs


class Case(agent.Case):
    def lanes(self, lanes, **options):
        sluice = Lanes(self.folder, self.pods, lanes, **options)
        self.addCleanup(sluice.close)
        return sluice

    def wait(self, sluice, **counts):
        """Until each of these lanes has so many records."""
        for name, count in counts.items():
            agent.until(f"{count} records of {name}", lambda name=name, count=count:
                        sluice.count(name) >= count or sluice._ended(sluice.life))

    def wait_said(self, life, *words):
        return agent.until(f"to say {words}", lambda: [
            doc for doc in life.logged() if all(word in json.dumps(doc) for word in words)])

    def stop(self, sluice, status=0):
        """Returns the books of each lane, which are closed."""
        self.assertEqual(sluice.stop(), status, Path(sluice.life.log).read_text()[-2000:])
        books = {}
        for said in sluice.life.logged("books"):
            self.assertEqual(said["balanced"], "true", said)
            books[said["output"]] = {name: int(value) for name, value in said.items()
                                     if name.endswith("_bytes")}
        self.assertEqual(set(books), set(sluice.lanes), "each lane has its books")
        return books

    def assert_lane(self, writer, sluice, name, **how):
        report = check.check(str(writer.truth), sluice.runs_of(name), **how)
        self.assertTrue(report.ok, f"{name}:\n{report}\n{self.folder}")
        return report


class Selection(Case):
    def test_t_route_01_02_03_each_output_gets_what_it_selects_once(self):
        """T-ROUTE-01: globs; T-ROUTE-02: once per output that matches, in whatever way it matches;
        T-ROUTE-03: one for what nobody else takes. T-ROUTE-05: what no output wants is not read."""
        sluice = self.lanes({
            "all": {},
            "shop": {"select": {"namespaces": ["sh*p"], "pods": ["cart*", "*-1"]}},
            "app": {"select": {"containers": ["a?p", "a*p", "app"]}},
            "rest": {"exclude": {"pods": ["cart*", "*-1"]}},
            "none": {"select": {"namespaces": ["shop?"]}},
        })
        pods = ["cart-1", "cart", "x-1", "x.1", "other"]
        for pod in pods:
            Log(self.pods, pod, "app").put(f"{pod} app")
            Log(self.pods, pod, "side").put(f"{pod} side")
        sluice.start()
        self.wait(sluice, all=10, shop=6, app=5, rest=4)
        self.stop(sluice)
        both = [f"{pod} {container}" for pod in pods for container in ("app", "side")]
        for name, expected in (("all", both), ("shop", both[:6]), ("app", both[::2]),
                               ("rest", both[6:]), ("none", [])):
            with self.subTest(name):
                self.assertEqual(sorted(sluice.messages(name)), sorted(expected))

    def test_t_route_05_what_no_output_wants_is_not_even_opened(self):
        sluice = self.lanes({"a": {"select": {"pods": ["a*"]}}, "b": {"select": {"pods": ["b*"]}}})
        for pod in ("a", "b", "c"):
            Log(self.pods, pod).put(pod)
        sluice.start()
        self.wait(sluice, a=1, b=1)
        opened = [f for f in sluice.life.files() if f.endswith("0.log")]
        self.assertEqual(len(opened), 2, opened)  # one descriptor each, and none for c
        self.stop(sluice)

    def test_two_lanes_share_one_descriptor(self):
        sluice = self.lanes({"a": {}, "b": {}, "c": {}})
        log = Log(self.pods)
        log.put("x")
        sluice.start()
        self.wait(sluice, a=1, b=1, c=1)
        self.assertEqual(len([f for f in sluice.life.files() if f.endswith("0.log")]), 1)
        self.stop(sluice)


class Joining(Case):
    """An output that was not there in the last life."""

    def start_again(self, sluice, lanes):
        self.stop(sluice)
        sluice.lanes = lanes
        sluice.start()

    def test_now_begins_where_the_files_end(self):
        """... with the first line that is not whole yet; rotated and .gz files are not read, and
        what comes later is, from its beginning."""
        sluice, log = self.lanes({"old": {}}), Log(self.pods)
        log.put("a")
        log.rotate()
        log.put("b")
        log.write(log.line("half")[:-3])
        gone = Log(self.pods, "packed")
        gone.put("p1")
        sluice.start()
        self.wait(sluice, old=3)
        gone.rotate()
        gone.squeeze()
        os.unlink(gone.folder / "0.log")
        self.start_again(sluice, {"old": {}, "new": {"start_at": "now"}})
        self.wait_said(sluice.life, '\\"new\\" is new', "from now on")
        agent.until("its checkpoint", lambda: b"new" in (
            self.folder / "state" / "checkpoint").read_bytes())
        log.write(b"lf\n")
        log.put("c")
        Log(self.pods, "later").put("d")
        gone.create()
        gone.put("p2")
        self.wait(sluice, new=4, old=7)
        self.stop(sluice)
        self.assertEqual(sorted(sluice.messages("new")), ["c", "d", "half", "p2"])
        self.assertEqual(sorted(sluice.messages("old")), ["a", "b", "c", "d", "half", "p1", "p2"])

    def test_now_where_the_root_comes_late(self):
        """What was there before it joined is not read, whenever it is found; what was made since is."""
        sluice, log = self.lanes({"old": {}}), Log(self.pods)
        sluice.more["inputs"] = [{"type": "file", "paths": [f"{self.folder}/*.none"]}]
        log.put("a")
        sluice.start()
        self.wait(sluice, old=1)
        away = self.pods.rename(self.folder / "away")
        self.start_again(sluice, {"old": {}, "new": {"start_at": "now"}})
        agent.until("its checkpoint", lambda: b"new" in (
            self.folder / "state" / "checkpoint").read_bytes())
        log.put("b")
        Log(away, "later").put("c")
        away.rename(self.pods)
        self.wait(sluice, old=3, new=1)
        log.put("d")
        self.wait(sluice, old=4, new=2)
        self.stop(sluice)
        self.assertEqual(sorted(sluice.messages("old")), ["a", "b", "c", "d"])
        self.assertEqual(sorted(sluice.messages("new")), ["c", "d"])

    def test_now_is_said_once_and_then_is_a_position(self):
        """What comes while the agent is down, after the lane's first start, is not skipped."""
        sluice, log = self.lanes({"old": {}}), Log(self.pods)
        log.put("a")
        sluice.start()
        self.wait(sluice, old=1)
        self.start_again(sluice, {"old": {}, "new": {}})
        agent.until("its checkpoint", lambda: b"new" in (
            self.folder / "state" / "checkpoint").read_bytes())
        sluice.kill()
        log.put("b")
        sluice.start()
        self.wait(sluice, old=2, new=1)
        self.stop(sluice)
        self.assertEqual(sluice.messages("new"), ["b"])

    def test_beginning_reads_again_what_the_others_have_let_go(self):
        """Rotated and compressed files of which the others have closed everything; the others get
        nothing twice."""
        sluice, log = self.lanes({"old": {}}), Log(self.pods)
        log.put("a")
        log.rotate("0.log.20231114-221310")
        log.put("b")
        log.rotate("0.log.20231114-221320")
        log.put("c")
        other = Log(self.pods, "other")
        other.put("x")
        sluice.start()
        self.wait(sluice, old=4)
        agent.until("rotated files are let go", lambda: not any(
            "2213" in f for f in sluice.life.files()))
        log.squeeze("0.log.20231114-221310")
        self.start_again(sluice, {"old": {}, "new": {"start_at": "beginning"}})
        self.wait(sluice, new=4)
        log.put("d")
        self.wait(sluice, new=5, old=5)
        books = self.stop(sluice)
        new = sluice.records("new")
        for name in sluice.lanes:
            self.assertEqual([text for text in sluice.messages(name) if text != "x"],
                             ["a", "b", "c", "d"], name)
        self.assertEqual({(r["log"]["generation"], r["log"]["offset"]) for r in new},
                         {(r["log"]["generation"], r["log"]["offset"])
                          for r in sluice.records("old")}, "the same places for both")
        self.assertEqual(books["new"]["lost_bytes"], 0)

    def test_beginning_says_nothing_of_what_was_gone_before(self):
        sluice, log = self.lanes({"old": {}}), Log(self.pods)
        log.put("a")
        log.rotate()
        log.put("b")
        sluice.start()
        self.wait(sluice, old=2)
        self.stop(sluice)
        os.unlink(log.folder / GZ)
        sluice.lanes = {"old": {}, "new": {"start_at": "beginning"}}
        sluice.start()
        self.wait(sluice, new=1)
        self.stop(sluice)
        self.assertEqual(sluice.messages("new"), ["b"])
        self.assertEqual(sluice.life.logged("lost"), [])

    def test_beginning_says_nothing_of_what_is_found_to_be_gone_later(self):
        """At the start nobody could tell; the others, who had it all, have lost nothing either."""
        sluice, log = self.lanes({"old": {}}, follow="poll"), Log(self.pods)
        log.put("a")
        sluice.start()
        self.wait(sluice, old=1)
        self.stop(sluice)
        (log.folder / "0.log").unlink()
        log.folder.rmdir()
        log.folder.write_text("no folder")
        sluice.lanes["new"] = {"start_at": "beginning"}
        sluice.start()
        Log(self.pods, "other").put("b")
        self.wait(sluice, old=2, new=1)
        log.folder.unlink()
        log.folder.parent.rmdir()
        agent.until("it is forgotten", lambda: '"app"' not in subprocess.run(
            [SLUICE, "state", "ls", "--json", "-c", self.folder / "sluice.yaml"],
            capture_output=True, text=True, check=True).stdout)
        self.assertEqual(sluice.life.logged("lost"), [])
        self.stop(sluice)

    def test_at_a_fresh_start_all_lanes_follow_the_input(self):
        for where, expected in (("beginning", ["a", "b"]), ("end", ["b"])):
            with self.subTest(where):
                self.setUp()
                sluice = self.lanes({"one": {"start_at": "now"}, "two": {"start_at": "beginning"}},
                                    start_at=where)
                log = Log(self.pods)
                log.put("a")
                sluice.start()
                agent.until("a checkpoint", (self.folder / "state" / "checkpoint").exists)
                log.put("b")
                self.wait(sluice, one=len(expected), two=len(expected))
                self.stop(sluice)
                self.assertEqual(sluice.messages("one"), expected)
                self.assertEqual(sluice.messages("two"), expected)

    def test_removed_and_added_again_it_is_a_new_lane(self):
        """Its positions went with it: that is said, with the remedy."""
        sluice, log = self.lanes({"stays": {}, "goes": {}}), Log(self.pods)
        log.put("a")
        sluice.start()
        self.wait(sluice, stays=1, goes=1)
        self.start_again(sluice, {"stays": {}})
        self.wait_said(sluice.life, '\\"goes\\" is not configured any more', "state rename")
        log.put("b")
        self.wait(sluice, stays=2)
        self.start_again(sluice, {"stays": {}, "goes": {}})
        self.wait_said(sluice.life, '\\"goes\\" is new')
        agent.until("its checkpoint", lambda: b"goes" in (
            self.folder / "state" / "checkpoint").read_bytes())
        log.put("c")
        self.wait(sluice, stays=3, goes=2)
        self.stop(sluice)
        self.assertEqual(sluice.messages("stays"), ["a", "b", "c"])
        self.assertEqual(sluice.messages("goes"), ["a", "c"])

    def test_reordered_outputs_keep_their_positions(self):
        sluice, log = self.lanes({"one": {}, "two": {}}), Log(self.pods)
        log.put("a")
        sluice.start()
        self.wait(sluice, one=1, two=1)
        self.start_again(sluice, {"two": {}, "one": {}})
        log.put("b")
        self.wait(sluice, one=2, two=2)
        self.stop(sluice)
        self.assertEqual(sluice.messages("one"), ["a", "b"])
        self.assertEqual(sluice.messages("two"), ["a", "b"])


class Dead(Case):
    """One output stands still or fails for the whole run."""

    LOAD = ("--containers", 6, "--hot", 3, "--hot-rate", 2e6, "--rate", 100, "--line", "200-900",
            "--stderr", 0.3, "--rotate", 1, "--max-size", 300000, "--max-files", 3)

    def test_t_buf_09_10_17_stalled_beside_one_at_full_rate_and_sigkill_of_both(self):
        """T-BUF-09, T-BUF-10, T-BUF-17, T-RES-02: the fast one gets everything while the other gets
        nothing, in flat memory; after two SIGKILLs in a row each goes on from its own place."""
        sluice = self.lanes({"fast": {}, "slow": {"type": "stdout"}}, memory_limit="16MiB")
        sluice.start(rate=0)
        writer = self.write(*self.LOAD, "--seconds", 6)
        time.sleep(2)
        before = sluice.life.rss()
        messages = writer.wait()
        self.wait(sluice, fast=messages)
        self.assertLess(sluice.count("slow"), messages / 2, "it does stand still")
        if not self.is_sanitized():
            self.assertLess(sluice.life.rss() - before, 4 * MIB, "it grows")
            self.assertLess(sluice.life.peak_rss(), (16 + 16) * MIB, "memory_limit and a floor")
        agent.until("a checkpoint after it", lambda: self.positions_are_saved(sluice))
        pinned = any(" (deleted)" in f for f in sluice.life.files())
        sluice.kill()
        self.assertTrue(pinned, "nothing was held for the slow one: too little was written")
        sluice.start(rate=0)
        time.sleep(0.5)
        sluice.kill()
        sluice.start()
        agent.until("the slow one ends", lambda: sluice._ended(sluice.life) or self.is_caught_up(
            sluice))
        self.stop(sluice)
        fast = self.assert_lane(writer, sluice, "fast", torn_tail=True)
        slow = self.assert_lane(writer, sluice, "slow", torn_tail=True)
        self.assertEqual(fast.lost, 0)
        self.assertEqual(fast.repeats, 0, "its checkpoint was behind all of it")
        self.assertGreater(slow.delivered, 0)

    def positions_are_saved(self, sluice):
        """No checkpoint has been written for three intervals: what moves is saved."""
        path = self.folder / "state" / "checkpoint"
        return time.time() - path.stat().st_mtime > 1.5

    def is_caught_up(self, sluice):
        time.sleep(1.5)
        size = sluice.life.size()
        time.sleep(1.5)
        return sluice.life.size() == size

    def test_t_buf_10_a_dead_lane_takes_no_rate_from_the_other(self):
        """The same backlog, alone and beside one that never answers; the ratio is printed."""
        writer = self.write("--containers", 8, "--hot", 8, "--lines", 40000, "--line", "200-900",
                            "--seconds", 60)
        messages = writer.wait()
        seconds = {}
        for name, lanes in (("alone", {"fast": {}}),
                            ("beside", {"fast": {}, "slow": {"type": "stdout"}})):
            folder = self.folder / name
            folder.mkdir()
            sluice = Lanes(folder, self.pods, lanes, memory_limit="32MiB",
                           shutdown_timeout="1s")
            self.addCleanup(sluice.close)
            began = time.monotonic()
            sluice.start(rate=0)
            self.wait(sluice, fast=messages)
            seconds[name] = time.monotonic() - began
            self.stop(sluice)
        ratio = seconds["alone"] / seconds["beside"]
        print(f"\nfast lane beside a dead one: {ratio:.2f} of its rate alone "
              f"({messages} records, {seconds['alone']:.2f} s alone)")
        self.assertGreater(ratio, 0.3, "a dead output costs the others")

    def test_full_file_system(self):
        """The other lane flows; when there is room, the full one goes on by itself."""
        tiny = self.folder / "tiny"
        tiny.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tiny", tiny],
                          capture_output=True).returncode:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", tiny], check=True)
        ballast = tiny / "ballast"
        ballast.write_bytes(bytes(200 << 10))
        sluice = self.lanes({"fast": {}, "full": {"path": str(tiny / "out"),
                                                  "retry": {"initial": "50ms", "max": "200ms"}}})
        writer = self.write("--containers", 3, "--hot", 1, "--lines", 800, "--line", 150,
                            "--seconds", 30)
        messages = writer.wait()
        sluice.start()
        self.wait(sluice, fast=messages)
        self.wait_said(sluice.life, "cannot deliver", "no space", '"full"')
        self.assertLess(sluice.count("full"), messages)
        subprocess.run(["mount", "-o", "remount,size=64m", tiny], check=True)
        self.wait(sluice, full=messages)
        self.wait_said(sluice.life, "delivers again")
        self.stop(sluice)
        for name in sluice.lanes:
            self.assert_lane(writer, sluice, name, repeats=False)

    def test_t_ckpt_02_stop_with_one_stalled(self):
        """What the fast one has read is delivered and saved; the stalled one's rest is in its books
        and comes in the next life. Nothing comes twice to the fast one."""
        sluice = self.lanes({"slow": {"type": "stdout"}, "fast": {}}, memory_limit="16MiB",
                            shutdown_timeout="1s")
        writer = self.write("--containers", 4, "--hot", 4, "--lines", 20000, "--line", "200-900",
                            "--seconds", 60)
        messages = writer.wait()
        sluice.start(rate=0)
        self.wait(sluice, fast=messages)
        books = self.stop(sluice)
        self.assertEqual(books["fast"]["in_flight_bytes"], 0)
        self.assertGreater(books["slow"]["in_flight_bytes"], 0)
        sluice.start()
        agent.until("the slow one's rest", lambda: self.distinct(sluice, "slow") >= messages)
        books = self.stop(sluice)
        self.assertEqual(books["fast"]["read_bytes"], 0, "it had everything")
        self.assert_lane(writer, sluice, "fast", repeats=False)
        self.assert_lane(writer, sluice, "slow", torn_tail=True)

    def distinct(self, sluice, name):
        return len({(r["log"]["generation"], r["log"]["offset"]) for r in sluice.records(name)})

    def test_stdout_whose_reader_has_gone_leaves_the_others_running(self):
        """It is said; the others go on; the exit code tells at the end, and nothing is lost."""
        sluice, log = self.lanes({"file": {}, "gone": {"type": "stdout"}}), Log(self.pods)
        log.put("a")
        sluice.start()
        self.wait(sluice, file=1, gone=1)
        sluice.life.drain.rate = 0
        log.put("b")  # what it waits for
        sluice.life.drain.leave()
        log.put("c")
        self.wait_said(sluice.life, "the other outputs go on", '\\"gone\\"')
        log.put("d")
        self.wait(sluice, file=4)
        self.stop(sluice, status=1)
        sluice.start()
        agent.until("the rest", lambda: "d" in sluice.messages("gone"))
        self.stop(sluice)
        self.assertEqual(sluice.messages("file"), ["a", "b", "c", "d"])
        self.assertEqual(list(dict.fromkeys(sluice.messages("gone"))), ["a", "b", "c", "d"])

    def test_an_output_that_cannot_be_opened_is_named_and_nothing_is_lost(self):
        """At the start: exit 1, whichever of them it is; the positions stay as they are."""
        sluice, log = self.lanes({"a": {}, "b": {}, "c": {}}), Log(self.pods)
        log.put("a")
        sluice.start()
        self.wait(sluice, a=1, b=1, c=1)
        self.stop(sluice)
        log.put("b")
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        for bad, words in ((str(self.folder / "no" / "folder" / "f"), "cannot open"),
                           (str(fifo), "not a regular file")):
            for name in ("a", "b", "c"):
                with self.subTest(name, path=bad):
                    sluice.lanes = {"a": {}, "b": {}, "c": {}, name: {"path": bad}}
                    life = sluice.start()
                    self.assertEqual(life.wait(), 1)
                    said = [doc for doc in life.logged() if doc["level"] == "error"]
                    self.assertEqual(said[0]["output"], name)
                    self.assertIn(words, said[0]["message"])
        sluice.lanes = {"a": {}, "b": {}, "c": {}}
        sluice.start()
        self.wait(sluice, a=2, b=2, c=2)
        self.stop(sluice)
        for name in "abc":
            self.assertEqual(sluice.messages(name), ["a", "b"])


class Sharing(Case):
    """Two lanes at different places of one source."""

    def test_what_one_has_left_stays_open_for_the_other(self):
        """Deleted by the kubelet, read by one, unread by the other: held until that one has it; and
        then let go."""
        sluice = self.lanes({"fast": {}, "slow": {"type": "stdout"}}, memory_limit="8MiB")
        writer = self.write("--churn", 1, "--hot", 1, "--lines", 20000, "--line", 1000,
                            "--seconds", 0.1, "--life", 2, "--linger", 0.5)
        sluice.start(rate=0)
        messages = writer.wait()
        self.wait(sluice, fast=messages)
        self.assertEqual(sum(" (deleted)" in f for f in sluice.life.files()), 1)
        sluice.life.drain.rate = None
        self.wait(sluice, slow=messages)
        agent.until("the file is let go", lambda: not any(
            " (deleted)" in f for f in sluice.life.files()))
        self.stop(sluice)
        for name in sluice.lanes:
            self.assert_lane(writer, sluice, name, repeats=False)

    def test_quiet_source_with_a_stalled_lane_sleeps_and_wakes(self):
        """The stalled lane does not keep it hot: no wake-ups; new lines reach the other at once."""
        sluice = self.lanes({"fast": {}, "slow": {"type": "stdout"}}, memory_limit="8MiB")
        writer = self.write("--containers", 1, "--hot", 1, "--lines", 40000, "--line", 500,
                            "--seconds", 30)
        messages = writer.wait()
        log = Log(self.pods, "extra")
        log.put("first")
        sluice.start(rate=0)
        self.wait(sluice, fast=messages + 1)
        agent.until("it sleeps", lambda: self.wakeups(sluice.life, 1) < 5)
        log.put("second")
        self.wait(sluice, fast=messages + 2)
        sluice.life.drain.rate = None
        self.wait(sluice, slow=messages + 2)
        self.stop(sluice)

    def test_res_03_unread_gz_keep_nobody_else_from_a_descriptor(self):
        """T-RES-03: a stalled lane has more of them unread than there are descriptors."""
        sluice = self.lanes({"fast": {}, "slow": {"type": "stdout"}}, memory_limit="8MiB")
        sluice.launcher = ["prlimit", "--nofile=100:100"]
        logs = [Log(self.pods, f"p{i}") for i in range(80)]
        for log in logs:
            log.put(*("x" * 2000 for _ in range(100)))
            os.close(log.rotate())
            log.squeeze()
            log.put("a")
        sluice.start(rate=0)
        self.wait(sluice, fast=80 * 101)
        for text in "bc":
            agent.until("they sleep", lambda: self.wakeups(sluice.life, 1) < 5)
            for log in logs:
                log.put(text)
            self.wait(sluice, fast=80 * (101 + " bc".index(text)))
        self.assertLessEqual(len(sluice.life.files()), 100)
        sluice.life.drain.rate = None
        self.wait(sluice, slow=80 * 103)
        books = self.stop(sluice)
        self.assertEqual([books[name]["lost_bytes"] for name in books], [0, 0])
        for name in sluice.lanes:
            self.assertEqual(sluice.count(name), 80 * 103, name)

    @staticmethod
    def wakeups(life, seconds):
        """Voluntary context switches of its main thread."""
        def switches():
            text = Path(f"/proc/{life.process.pid}/status").read_text()
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
        before = switches()
        time.sleep(seconds)
        return switches() - before

    def test_t_ckpt_21_a_restart_after_each_line(self):
        """Two lanes, one of them stopped short each time: exactly once each."""
        sluice, log = self.lanes({"one": {}, "two": {}}, checkpoint_interval="100ms"), Log(self.pods)
        for i in range(8):
            log.put(f"line {i}")
            if i % 3 == 1:
                log.rotate(f"0.log.20231114-22132{i}")
            sluice.start()
            self.wait(sluice, one=i + 1, two=i + 1)
            self.stop(sluice)
        for name in sluice.lanes:
            self.assertEqual(sluice.messages(name), [f"line {i}" for i in range(8)])


if __name__ == "__main__":
    unittest.main()
