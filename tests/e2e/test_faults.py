"""The node is sick: disks are full or broken, descriptors and watches run out, clocks jump. What is
written still arrives, once, and what went wrong is said, once. See faults.c."""
import errno
import json
import os
import shutil
import time
import unittest
from pathlib import Path

import agent
from faults import Faults
from test_scenarios_life import Scenario

STEPS = {  # of a checkpoint's way to the disk: the call, and what it is about
    "open": ("open", "*/state/checkpoint.tmp"),
    "write": ("write", "*/state/checkpoint.tmp"),
    "sync": ("sync", "*/state/checkpoint.tmp"),
    "link": ("link", "*/state/checkpoint.prev.tmp"),
    "rename to prev": ("rename", "*/state/checkpoint.prev"),
    "rename": ("rename", "*/state/checkpoint"),
    "sync the folder": ("sync", "*/state"),
}


class Faulty(Scenario):
    def setUp(self):
        super().setUp()
        self.faults = Faults(self.folder)

    def agent(self, **options):
        return super().agent(launcher=self.faults.launcher, **options)

    def texts(self, sluice):
        return self.messages(sluice).get("app", [])

    def errors(self, life, *words):
        return [doc for doc in life.logged() if doc["level"] in ("warn", "error")
                and all(word in json.dumps(doc) for word in words)]

    def wait_hits(self, fault, count=1):
        agent.until(f"{count} faults", lambda: fault.hits >= count)


class Checkpoint(Faulty):
    def test_ckpt_15_each_step_fails_for_a_while(self):
        """T-CKPT-15, T-BUF-24: lines flow on, the older checkpoint stays, it is said once, and all is
        saved when it can be: a SIGKILL after that repeats nothing."""
        sluice, log, state = self.agent(checkpoint_interval="100ms"), self.log_of(), self.folder / "state"
        life, expected = sluice.start(), []
        for step, (call, path) in STEPS.items():
            for number in (errno.EDQUOT, errno.EIO):
                before = len(self.errors(life, "cannot be written"))
                kept = state / "checkpoint"
                old = kept.read_bytes() if kept.exists() else None
                with self.subTest(step, number=number), \
                        self.faults.on(call, path, errno=number) as fault:
                    if old is None and step in ("link", "rename to prev"):
                        continue
                    log.put(f"{step} {number}")
                    expected.append(f"{step} {number}")
                    self.wait(sluice, len(expected))
                    self.wait_hits(fault, 2)
                    if step != "sync the folder" and old is not None:
                        self.assertEqual(kept.read_bytes(), old)
                    self.assertEqual(len(self.errors(life, "cannot be written")), before + 1)
                self.faults.clear()
                written = len(life.logged())
                agent.until("it is written again", lambda: [
                    doc for doc in life.logged()[written - 1:] if "written again" in doc["message"]])
        sluice.kill()
        self.assertEqual(sorted(os.listdir(state)), ["admin.sock", "checkpoint", "checkpoint.prev", "lock"])
        sluice.start()
        log.put("end")
        self.wait(sluice, len(expected) + 1)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(sluice), [*expected, "end"])

    def test_buf_02_killed_at_each_step(self):
        """T-BUF-02, T-CKPT-15, T-BUF-17: the first time it saves, and later; the state is the old one
        or the new one, and every start works."""
        sluice, log, wrote = self.agent(checkpoint_interval="100ms"), self.log_of(), []
        for skip in (0, 1):
            for step, (call, path) in STEPS.items():
                with self.subTest(step, skip=skip):
                    self.faults.clear()
                    fault = self.faults.start(call, path, skip=skip, kill=True)
                    life, number = sluice.start(), 0
                    while life.process.poll() is None:  # some steps are not in the first ones
                        text = f"{step} {skip} {number}"
                        log.put(text)
                        wrote.append(text)
                        number += 1
                        time.sleep(0.03)
                        self.assertLess(number, 3000)
                    self.assertEqual((life.wait(), fault.hits), (-9, 1))
                    self.assertEqual(self.errors(life), [])
        self.faults.clear()
        life = sluice.start()
        log.put("end")
        agent.until("the end", lambda: "end" in self.texts(sluice))
        self.assert_stops(sluice)
        self.assertEqual(self.errors(life), [])
        self.assertEqual(list(dict.fromkeys(self.texts(sluice))), [*wrote, "end"])

    def test_short_writes_are_no_failure(self):
        """Of the checkpoint and of the output, a byte or two at a time."""
        sluice, log = self.agent(checkpoint_interval="100ms"), self.log_of()
        fault = self.faults.start("write", "*/state/checkpoint.tmp", short=2)
        output = self.faults.start("write", "*.jsonl", short=7)
        texts = [f"line {i}" for i in range(100)]
        life = sluice.start()
        log.put(*texts)
        self.wait(sluice, 100)
        self.wait_hits(fault, 30)
        self.wait_hits(output, 1000)
        agent.until("a checkpoint", (self.folder / "state" / "checkpoint").exists)
        self.assert_stops(sluice)
        self.assertEqual(self.errors(life), [])
        sluice.start()
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(sluice), texts)

    def test_slow_disk_under_the_state_holds_no_line_up(self):
        """A sync that takes seconds: lines arrive meanwhile, and the stop waits for it."""
        sluice, log = self.agent(checkpoint_interval="100ms"), self.log_of()
        sluice.start()
        log.put("first")
        self.wait(sluice, 1)
        with self.faults.on("sync", "*/state/*", wait_ms=4000) as fault:
            log.put("saved slowly")
            self.wait_hits(fault)
            began = time.monotonic()
            for i in range(10):
                log.put(f"meanwhile {i}")
                self.wait(sluice, 3 + i)
            self.assertLess(time.monotonic() - began, 4, "they waited for it")
        self.assert_stops(sluice)
        sluice.start()
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(sluice), ["first", "saved slowly",
                                              *(f"meanwhile {i}" for i in range(10))])


class Output(Faulty):
    def lines(self, path):
        return [json.loads(line)["message"] for line in path.read_bytes().splitlines(True)]

    def test_errors_of_the_output_file(self):
        """Whatever it answers, after whatever part of a batch: no half line stays behind, it is said,
        and all arrives, once, when it can."""
        sluice, log, expected = self.agent(retry={"initial": "50ms", "max": "100ms"}), self.log_of(), []
        sluice.outputs.update(sync=True, retry=sluice.options.pop("retry"))
        life = sluice.start()
        path, rows = Path(life.output), [("write", number, part, cut)
                for number in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EINTR)
                for part in (0, 1, 700) for cut in (False, True)]
        for call, number, part, cut in [*rows, ("sync", errno.EIO, 0, False)]:
            with self.subTest(call, number=number, part=part, cut=cut):
                self.faults.clear()
                before = path.read_bytes()
                if cut and number != errno.EINTR:  # nor can it be cut back at once
                    torn = self.faults.start("cut", "*.jsonl", errno=errno.EIO, most=2)
                if part:
                    self.faults.start("write", "*.jsonl", short=part, most=1)
                fault = self.faults.start(call, "*.jsonl", errno=number, most=4)
                texts = [f"{call} {number} {part} {cut} {i} {'x' * 300}" for i in range(10)]
                log.put(*texts)
                expected += texts
                self.wait(sluice, len(expected))
                self.wait_hits(fault, 4)
                if cut and part and number != errno.EINTR:
                    self.assertGreater(torn.hits, 0)
                agent.until("all of it", lambda: path.read_bytes().count(b"\n") == len(expected))
                self.assertEqual(path.read_bytes()[:len(before)], before)
                self.assertEqual(self.lines(path), expected)
        self.assertTrue(self.errors(life, "cannot append"))
        self.assert_stops(sluice)
        self.assertEqual(self.lines(path), expected)

    def test_buf_05_torn_at_any_byte(self):
        """T-BUF-05: killed in the middle of a write, at any place of its last record; the next life
        cuts off the half line and delivers it again."""
        sluice, log = self.agent(), self.log_of()
        sluice.outputs["path"] = str(self.folder / "all.jsonl")
        path, texts = self.folder / "all.jsonl", []
        life = sluice.start()
        for i, part in enumerate((0, 1, 2, 50, 200, 350, 10 ** 6)):
            with self.subTest(part=part):
                self.faults.clear()
                if part:
                    self.faults.start("write", "*all.jsonl", short=part, most=1)
                self.faults.start("write", "*all.jsonl", kill=True)
                texts.append(f"line {i}")
                log.put(texts[-1])
                if part == 10 ** 6:  # that was whole, and this one is not written at all
                    agent.until("it is there", lambda: texts[-1].encode() in path.read_bytes())
                    texts.append("last")
                    log.put("last")
                self.assertEqual(life.wait(), -9)
                torn = path.read_bytes()
                self.faults.clear()
                life = sluice.start()
                agent.until("the line", lambda: texts[-1].encode() in path.read_bytes())
                if not torn.endswith(b"\n") and torn:
                    self.wait_said(life, ["half a line"])
        self.assert_stops(sluice)
        self.assertEqual(list(dict.fromkeys(self.lines(path))), texts)


class Logs(Faulty):
    def test_disk_errors_of_one_log_cost_the_others_nothing(self):
        """EIO and its like on one file: said, tried again, and read to its end when it can be."""
        sluice, bad, good = self.agent(), self.log_of("bad"), self.log_of("good")
        life, count = sluice.start(), 0
        expected = {"bad": [], "good": []}
        for number in (errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EACCES):
            with self.subTest(number=number):
                with self.faults.on("read", "*_bad_*/0.log", errno=number) as fault:
                    for log, name in ((bad, "bad"), (good, "good")):
                        log.put(f"{name} {number}")
                        expected[name].append(f"{name} {number}")
                    self.wait_hits(fault, 2)
                    count += 1
                    agent.until("the good one", lambda: self.messages(sluice).get(
                        "good") == expected["good"])
                    self.assertEqual(self.messages(sluice).get("bad", []), expected["bad"][:-1])
                self.wait(sluice, 2 * count)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), expected)
        said = self.errors(life)
        self.assertTrue(said, "it was silent about it")
        self.assertLess(len(said), 20, "it was not silent enough")

    def test_storm_of_descriptors(self):
        """T-RES-03: the node has no descriptor left when pods come, and later it has; or the disk is
        broken for a while: nothing below the root can be opened. Each thing is said once."""
        sluice = self.agent()
        life, expected = sluice.start(), {}
        for number in (errno.ENFILE, errno.EIO):
            with self.subTest(number=number):
                with self.faults.on("open", "*/pods/*", errno=number) as fault:
                    for i in range(20):
                        name = f"p{number}-{i}"
                        self.log_of(name).put("1", "2")
                        expected[name] = ["1", "2"]
                    self.wait_hits(fault, 20)
                self.wait(sluice, 2 * len(expected))
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), expected)
        said = [doc["message"] for doc in self.errors(life)]
        self.assertEqual(len(said), len(set(said)), said)

    def test_rotated_while_it_cannot_be_opened(self):
        """The new file after a rotation, for some seconds: it is opened when it can be."""
        sluice, log = self.agent(), self.log_of()
        sluice.start()
        log.put("a")
        self.wait(sluice, 1)
        with self.faults.on("open", "*/0.log", errno=errno.EMFILE) as fault:
            log.put("b")
            os.close(log.rotate())
            log.put("c")
            self.wait_hits(fault)
        log.put("d")
        self.wait(sluice, 4)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(sluice), list("abcd"))

    def down_while_rotated_twice(self):
        sluice, log = self.agent(), self.log_of()
        sluice.start()
        log.put("a")
        self.wait(sluice, 1)
        self.assert_stops(sluice)
        log.put("b")
        os.close(log.rotate("0.log.20231114-221320"))
        log.squeeze("0.log.20231114-221320")
        log.put("c")
        os.close(log.rotate("0.log.20231114-221330"))
        log.put("d")
        return sluice

    def come_late(self, pattern):
        """What is like that cannot be opened for some seconds: nothing is lost, and in order."""
        sluice = self.down_while_rotated_twice()
        with self.faults.on("open", pattern, errno=errno.EMFILE) as fault:
            sluice.start()
            self.wait_hits(fault)
            sluice.wait_quiet(1)
        self.wait(sluice, 4)
        books = self.assert_stops(sluice)
        self.assertEqual(books["lost_bytes"], 0)
        self.assertEqual(self.texts(sluice), list("abcd"))

    def test_no_descriptor_for_the_gz_of_what_was_begun(self):
        self.come_late("*.gz")

    def test_no_descriptor_for_an_older_file(self):
        self.come_late("*/0.log.20231114-221330")


class Events(Faulty):
    def test_no_watch_is_left_for_some(self):
        """ENOSPC for every watch, then for none: all arrives, at once or a poll later; said once."""
        sluice = self.agent()
        fault = self.faults.start("watch", "*", errno=errno.ENOSPC)
        life, expected = sluice.start(), {}
        self.wait_hits(fault)
        for i in range(20):
            if i == 10:
                fault.off()
            log = self.log_of(f"p{i}")
            log.put("1")
            if i == 5:
                os.close(log.rotate())
            log.put("2")
            expected[f"p{i}"] = ["1", "2"]
        self.wait(sluice, 40)
        self.assertGreater(fault.hits, 0)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), expected)
        self.assertEqual(len(self.errors(life, "watch")), 1)

    def test_queue_overflows_again_and_again(self):
        """All events are lost, for as long as it lasts: what they were about is found all the same."""
        sluice = self.agent()
        life, expected = sluice.start(), {}
        logs = [self.log_of(f"old-{i}") for i in range(5)]
        with self.faults.on("read", "anon_inode:inotify", overflow=True) as fault:
            for i in range(20):
                log = self.log_of(f"p{i}")
                log.put("1")
                if i % 2:
                    os.close(log.rotate())
                log.put("2")
                expected[f"p{i}"] = ["1", "2"]
                for old in logs:
                    old.put(f"{i}")
            expected.update((f"old-{i}", [str(n) for n in range(20)]) for i in range(5))
            self.wait_hits(fault)
            self.wait(sluice, 140)
        self.wait_said(life, ["overflow"])
        self.assert_stops(sluice)
        came = self.messages(sluice)  # a file that is first seen in its rotation may come second
        self.assertEqual({pod: sorted(texts) for pod, texts in came.items()},
                         {pod: sorted(texts) for pod, texts in expected.items()})
        for old in (pod for pod in expected if pod.startswith("old")):
            self.assertEqual(came[old], expected[old], old)


HOUR = 3600 * 10 ** 9


class Clock(Faulty):
    def jump(self, hours):
        self.faults.clear()
        if hours:
            self.faults.start("clock", "*", step_ns=hours * HOUR)

    def test_res_05_jumps_stop_nothing(self):
        """T-RES-05: a day forward, an hour back, a year forward: lines, rotations and checkpoints go
        on, and nothing comes twice."""
        sluice, log, expected = self.agent(checkpoint_interval="100ms"), self.log_of(), []
        sluice.start()
        checkpoint = self.folder / "state" / "checkpoint"
        for i, hours in enumerate((0, 24, -1, 24 * 365, -24 * 365, 0)):
            with self.subTest(hours=hours):
                self.jump(hours)
                log.put(f"{i} before")
                os.close(log.rotate(f"0.log.20231114-22132{i}"))
                log.put(f"{i} after")
                log.write(f"{i} raw\n".encode())
                expected += [f"{i} before", f"{i} after", f"{i} raw"]
                self.wait(sluice, len(expected))
                saved = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
                log.put(f"{i} saved")
                expected.append(f"{i} saved")
                agent.until("a checkpoint", lambda: checkpoint.exists()
                            and checkpoint.stat().st_mtime_ns > saved)
                self.wait(sluice, len(expected))
        self.assert_stops(sluice)
        sluice.start()
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(sluice), expected)

    def test_res_05_timers_are_not_the_wall_clocks(self):
        """T-RES-05: an open part waits partial_timeout, whatever the clock says meanwhile; so do a
        half-full batch and a file that falls silent."""
        sluice, log = self.agent(partial_timeout="3s", batch={"max_age": "300ms"}), self.log_of()
        sluice.start()
        for i, hours in enumerate((24, -24)):
            with self.subTest(hours=hours):
                self.jump(0)
                log.put("half ", tag="P")
                time.sleep(0.5)
                self.jump(hours)
                time.sleep(0.5)  # a day is over, or has not begun
                log.put("whole")
                self.wait(sluice, 3 * i + 1)
                log.put("never ended", tag="P")
                self.wait(sluice, 3 * i + 2)
                log.put("next")
                self.wait(sluice, 3 * i + 3)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(sluice), 2 * ["half whole", "never ended", "next"])

    def test_res_05_started_with_a_wrong_clock(self):
        """T-RES-05: before the files were written, and long after; with what was rotated and compressed
        while it was down."""
        for i, hours in enumerate((-24, 24 * 365)):
            with self.subTest(hours=hours):
                self.jump(0)
                shutil.rmtree(self.folder / "state", ignore_errors=True)
                sluice, log = self.agent(), self.log_of(f"app-{i}")
                log.put("a")
                sluice.start()
                agent.until("a", lambda: self.messages(sluice).get(f"app-{i}"))
                self.assert_stops(sluice)
                log.put("b")
                os.close(log.rotate("0.log.20231114-221320"))
                log.squeeze("0.log.20231114-221320")
                log.put("c")
                os.close(log.rotate("0.log.20231114-221321"))
                log.put("d")
                self.jump(hours)
                sluice.start()
                agent.until("all that was there", lambda: self.messages(sluice).get(
                    f"app-{i}", [])[-1:] == ["d"])
                log.put("e")
                os.close(log.rotate("0.log.20231114-221322"))
                log.put("f")
                agent.until("what is new", lambda: self.messages(sluice)[f"app-{i}"][-1:] == ["f"])
                self.assert_stops(sluice)
                self.assertEqual(self.messages(sluice)[f"app-{i}"], list("abcdef"))


if __name__ == "__main__":
    unittest.main()
