"""Whoever reads the agent's stdout is slow, or does not read at all."""
import time
import unittest

import agent
from agent import MIB


class Stall(agent.Case):
    def assert_flat(self, life, seconds):
        """Memory does not grow while nothing moves on."""
        seen = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen.append(life.rss())
            time.sleep(0.05)
        if not self.is_sanitized():
            self.assertLess(max(seen) - seen[0], 2 * MIB, "it grows")
            self.assertLess(life.peak_rss(), (16 + 16) * MIB, "memory_limit and a floor")

    def test_c_stalled_stdout_keeps_memory_flat_and_loses_nothing(self):
        """T-TAIL-18, T-CKPT-02, T-RES-02: five seconds of standstill with rotation every second.
        The kubelet deletes what is unread; the agent holds it open."""
        sluice = self.agent(output="stdout", memory_limit="16MiB")
        sluice.start()
        writer = self.write("--containers", 12, "--hot", 4, "--hot-rate", 2e6, "--rate", 100,
                            "--line", "200-900", "--stderr", 0.3, "--long", 0.002, "--rotate", 1,
                            "--max-size", 50000, "--max-files", 3, "--seconds", 9)
        time.sleep(1)
        sluice.life.drain.rate = 0
        time.sleep(2)
        self.assert_flat(sluice.life, 3)
        self.assertTrue(any(" (deleted)" in f for f in sluice.life.files()), "nothing was deleted")
        sluice.life.drain.rate = None
        sluice.wait_records(writer.wait())
        agent.until("deleted files are let go", lambda: not any(
            " (deleted)" in f for f in sluice.life.files()))
        self.assert_stops(sluice)
        report = self.assert_right(writer, sluice)
        self.assertEqual(report.lost, 0)

    def test_c_slow_stdout_loses_nothing(self):
        """Less is read than is written, all the time."""
        sluice = self.agent(output="stdout", memory_limit="16MiB")
        sluice.start(rate=3e6)
        writer = self.write("--containers", 4, "--hot", 4, "--hot-rate", 1e6, "--line", "200-900",
                            "--rotate", 1, "--max-size", 50000, "--max-files", 3, "--seconds", 4)
        messages = writer.wait()
        self.assertLess(sluice.life.records(), messages)
        sluice.wait_records(messages)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice)

    def test_c_sigterm_ends_a_stalled_agent_in_time(self):
        """T-SHUT-01, T-SHUT-02, T-CKPT-20: what is left stays in the files, for the next life."""
        writer = self.write("--containers", 3, "--hot", 3, "--lines", 30000, "--line", "200-900",
                            "--stderr", 0.3, "--seconds", 60)
        messages = writer.wait()
        sluice = self.agent(output="stdout", memory_limit="8MiB", shutdown_timeout="1s")
        sluice.start(rate=0)
        time.sleep(1.5)
        before = time.monotonic()
        books = self.assert_stops(sluice)
        self.assertLess(time.monotonic() - before, 10, "shutdown_timeout is a second")
        self.assertGreater(books["in_flight_bytes"], 0)
        sluice.start()
        agent.until("the rest", lambda: sum(life.records() for life in sluice.lives) >= messages)
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, torn_tail=True)

    def test_d_deleted_pod_with_50_MB_unread_arrives_whole(self):
        writer = self.write("--churn", 1, "--hot", 1, "--lines", 52000, "--line", 1000,
                            "--stderr", 0.3, "--seconds", 0.1, "--life", 3, "--linger", 0.5)
        sluice = self.agent(output="stdout", memory_limit="8MiB")
        sluice.start(rate=0)
        messages = writer.wait()
        self.assertEqual(list(self.pods.iterdir()), [], "the pod is still there")
        self.assertEqual(sum(" (deleted)" in f for f in sluice.life.files()), 1)
        sluice.life.drain.rate = None
        sluice.wait_records(messages)
        agent.until("the file is let go", lambda: not any(
            " (deleted)" in f for f in sluice.life.files()))
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)


if __name__ == "__main__":
    unittest.main()
