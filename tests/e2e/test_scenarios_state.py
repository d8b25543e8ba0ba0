"""What lies in state_dir, and what happens to it: T-CKPT and T-BUF of tests/README.md."""
import json
import os
import random
import shutil
import signal
import time
import unittest

import agent
from test_scenarios_life import Scenario


class State(Scenario):
    def setUp(self):
        super().setUp()
        self.sluice, self.log = self.agent(checkpoint_interval="100ms"), self.log_of()
        self.state = self.folder / "state"

    def texts(self):
        return self.messages(self.sluice).get("app", [])

    def life(self, *texts):
        """One life, which reads these."""
        before = sum(life.records() for life in self.sluice.lives)
        life = self.sluice.start()
        self.log.put(*texts)
        self.wait(self.sluice, before + len(texts))
        self.assert_stops(self.sluice)
        return life

    def test_ckpt_21_a_restart_after_each_line(self):
        """T-CKPT-21: whole lines, and records of two parts that a restart cuts."""
        expected = []
        for i in range(20):
            self.life(f"line {i}")
            expected.append(f"line {i}")
        for i in range(5):
            self.log.put(f"half {i} ", tag="P")
            self.sluice.start()
            self.sluice.wait_quiet(0.2)
            self.assert_stops(self.sluice)
            self.life(f"whole {i}")
            expected.append(f"half {i} whole {i}")
        self.assertEqual(self.texts(), expected)

    def test_buf_06_no_state_that_can_be_read(self):
        """T-BUF-06, T-BUF-20, T-BUF-27: both slots are damaged, or the state is gone: both are kept for
        whoever wants to look, and everything comes again, in order."""
        self.life("a")
        self.life("b")
        for name in ("checkpoint", "checkpoint.prev"):
            (self.state / name).write_bytes(b"garbage")
        life = self.sluice.start()
        self.log.put("c")
        self.wait(self.sluice, 5)
        self.assert_stops(self.sluice)
        self.assertEqual(self.texts(), ["a", "b", "a", "b", "c"])
        self.wait_said(life, ["error", "set aside"])
        self.assertEqual((self.state / "checkpoint.damaged").read_bytes(), b"garbage")
        shutil.rmtree(self.state)
        self.sluice.start()
        self.wait(self.sluice, 8)
        self.assert_stops(self.sluice)
        self.assertEqual(self.texts()[5:], ["a", "b", "c"])

    def test_buf_06_damaged_at_any_byte(self):
        """T-BUF-06, T-CKPT-07: one byte of it is another, or it ends there: the one before is used, and
        at no place does it crash, or take what it says for true."""
        self.life("a")
        self.life("b")
        whole, before = ((self.state / name).read_bytes() for name in ("checkpoint", "checkpoint.prev"))
        dice, expected = random.Random(6), ["a", "b"]
        for i in range(40 if agent.LONG else 12):
            at, data = dice.randrange(len(whole)), bytearray(whole)
            if i % 3:
                data[at] ^= 1 << dice.randrange(8)
            else:
                del data[at:]
            (self.state / "checkpoint").write_bytes(data)
            (self.state / "checkpoint.prev").write_bytes(before)
            with self.subTest(at=at, cut=i % 3 == 0):
                life = self.sluice.start()
                self.wait_said(life, ["error", "checkpoint"])
                self.log.put(f"{i}")
                agent.until("it", lambda: self.texts()[-1] == f"{i}")
                self.assert_stops(self.sluice)
                self.assertNotIn("a", self.texts()[len(expected):])
                expected = self.texts()

    def test_buf_07_state_dir_is_made(self):
        """T-BUF-07, T-CKPT-22: absent, with a parent that is absent, empty; for nobody else's eyes."""
        shutil.rmtree(self.state)
        for i, path in enumerate((self.state, self.folder / "deep" / "er" / "state")):
            with self.subTest(path.name):
                self.sluice.options["state_dir"] = str(path)
                self.life(f"{i}")
                self.assertEqual(path.stat().st_mode & 0o7077, 0)
                self.assertEqual((path / "checkpoint").stat().st_mode & 0o7777, 0o600)

    def test_buf_18_a_link_in_place_of_the_state(self):
        """T-BUF-18: checkpoint and lock are links to somebody's file: that is not touched."""
        self.life("a")
        precious = self.folder / "precious"
        for name in ("checkpoint.tmp", "checkpoint", "checkpoint.prev", "lock"):
            with self.subTest(name):
                precious.write_bytes(b"precious")
                (self.state / name).unlink(missing_ok=True)
                (self.state / name).symlink_to(precious)
                life = self.sluice.start()
                self.log.put(f"{name}")
                if name == "lock":
                    self.assertEqual(life.wait(), 1)
                    self.assertTrue([x for x in life.logged() if x["level"] == "error"])
                else:
                    agent.until("it", lambda: self.texts()[-1:] == [name])
                    self.assert_stops(self.sluice)
                self.assertEqual(precious.read_bytes(), b"precious")
                (self.state / name).unlink(missing_ok=True)

    def test_buf_19_state_dir_of_two(self):
        """T-BUF-19: many start on one state directory at once: one works, the others wait their turn
        and take over, one after the other; what comes is what was written, once."""
        agents = [self.sluice]
        for i in range(4):
            agents.append(agent.Agent(self.folder / f"other-{i}", self.pods,
                                      state_dir=str(self.state)))
            self.addCleanup(agents[-1].close)
        for sluice in agents:
            sluice.start()
        expected = []
        while agents:
            self.log.put(f"{len(agents)}")
            expected.append(f"{len(agents)}")
            working = agent.until("one works", lambda: next(
                (a for a in agents if f"{len(agents)}" in self.messages(a).get("app", [])), None))
            self.assertEqual(sum(f"{len(agents)}" in self.messages(a).get("app", [])
                                 for a in agents), 1)
            self.assert_stops(working)
            agents.remove(working)
        found = []
        for path in [*self.folder.glob("out-0.jsonl"), *self.folder.glob("other-*/out-0.jsonl")]:
            found += [json.loads(line)["message"] for line in path.read_bytes().splitlines()]
        self.assertEqual(sorted(found), sorted(expected))

    def test_buf_08_start_with_a_backlog(self):
        """T-BUF-08: the first record comes as soon with 400 MB unread as with nothing, and memory knows
        no difference."""
        first = {}
        for backlog in (1, 400):
            pod = f"b{backlog}"
            log = self.log_of(pod)
            log.put("first")
            block = b"".join(log.line("x" * 1000) for _ in range(1000))
            for _ in range(backlog):
                log.write(block)
            sluice = agent.Agent(self.folder / pod, self.pods, output="stdout",
                                 select={"pods": [pod]})
            self.addCleanup(sluice.close)
            sluice.start(rate=1e6)
            agent.until("the first", sluice.life.size)
            first[backlog] = sluice.life.peak_rss()
            sluice.life.process.terminate()
            sluice.life.drain.rate = None
            self.assertEqual(sluice.life.wait(), 0)
        if not self.is_sanitized():
            self.assertLess(first[400] - first[1], 2 * agent.MIB)

    def test_ckpt_12_what_is_gone_leaves_the_state(self):
        """T-ROT-27, T-CKPT-12, T-DISC-12: a rotated file stays in it; a deleted one goes, and so does a
        deleted pod, whether the agent was there or not."""
        other = self.log_of("a-pod-with-a-name-to-look-for")
        other.put("x")
        self.log.put("a")
        self.sluice.start()
        self.wait(self.sluice, 2)
        os.close(self.log.rotate("0.log.20231114-221320"))
        self.log.put("b")
        self.wait(self.sluice, 3)
        self.assert_stops(self.sluice)
        saved = (self.state / "checkpoint").read_bytes()
        self.assertIn(b"a-pod-with-a-name-to-look-for", saved)
        self.assertIn(b"20231114-221320", saved)
        shutil.rmtree(other.folder.parent)  # while it is down
        self.sluice.start()
        (self.log.folder / "0.log.20231114-221320").unlink()  # while it is up

        def forgotten():
            self.log.put("more")
            data = (self.state / "checkpoint").read_bytes()
            return b"look-for" not in data and b"221320" not in data
        agent.until("they are forgotten", forgotten, pause=0.2)
        self.assert_stops(self.sluice)
        texts = self.texts()
        self.assertEqual(texts[:2], ["a", "b"])
        self.assertEqual(set(texts[2:]), {"more"})

    def test_met_08_the_same_failure_again_and_again(self):
        """T-MET-08: a folder that cannot be listed and a full output, for seconds, with events all the
        time: its own log stays short."""
        launcher = self.run_as_nobody()
        sluice = self.agent(launcher=launcher)
        closed = self.log_of("closed")
        closed.put("x")
        closed.folder.chmod(0)
        sluice.start()
        self.log.put("a")
        agent.until("a", lambda: sluice.life.records() >= 1)
        for i in range(300):
            closed.folder.chmod(0)
            (closed.folder.parent / f"{i}").mkdir()
            time.sleep(0.005)
        self.log.put("b")
        agent.until("b", lambda: sluice.life.records() >= 2)
        closed.folder.chmod(0o755)
        agent.until("x", lambda: sluice.life.records() >= 3)
        self.assertEqual(sluice.stop(), 0)
        self.assertLess(len(sluice.life.logged()), 10)

    def test_shut_08_signals_in_any_order(self):
        """T-SHUT-08: SIGHUP and SIGTERM close together: it ends, with what was written
        delivered once over all lives."""
        sets = [(signal.SIGHUP, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP),
                (signal.SIGHUP, signal.SIGHUP, signal.SIGINT)]
        expected = []
        for i, signals in enumerate(sets * (5 if agent.LONG else 2)):
            life = self.sluice.start()
            self.wait_said(life, ["follows"])
            self.log.put(f"{i}")
            expected.append(f"{i}")
            for number in signals:
                life.process.send_signal(number)
            self.assertEqual(life.wait(), 0, signals)
        self.wait_said(self.sluice.start(), ["follows"])  # else it has no handlers yet
        agent.until("all", lambda: len(self.texts()) >= len(expected))
        self.assert_stops(self.sluice)
        self.assertEqual(self.texts(), expected)


if __name__ == "__main__":
    unittest.main()
