"""Many containers: pods that come and go, one that shouts, streams that interleave."""
import json
import time
import unittest
from datetime import datetime

import agent
from agent import MIB


class Pods(agent.Case):
    def test_e_five_hundred_pods_leave_nothing_behind(self):
        """When they are gone, descriptors and watches are as before the first of them, memory as
        after the first hundred, and every line has come."""
        sluice = self.agent()
        sluice.start()
        agent.until("the root is watched", sluice.life.watches)
        time.sleep(0.2)
        files, watches = len(sluice.life.files()), sluice.life.watches()

        seconds = 60 if agent.LONG else 20
        writer = self.write("--churn", 500, "--seconds", seconds, "--lines", 5)
        time.sleep(seconds / 5)
        rss = sluice.life.rss()
        sluice.wait_records(writer.wait())
        agent.until("descriptors go", lambda: len(sluice.life.files()) <= files)
        agent.until("watches go", lambda: sluice.life.watches() <= watches)
        grown = sluice.life.rss() - rss
        self.assert_stops(sluice)
        self.assert_right(writer, sluice)
        if not self.is_sanitized():
            self.assertLess(grown, 1 * MIB)

    def test_g_one_hot_container_does_not_starve_the_others(self):
        """p99 of 99 quiet ones, from the runtime's time to the output."""
        sluice = self.agent()
        sluice.start()
        writer = self.write("--containers", 100, "--hot", 1, "--hot-rate",
                            0 if agent.LONG else 15e6, "--line", "200-900", "--rate", 10,
                            "--seconds", 5)
        writer.wait()
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice)
        delays = sorted(self.delays(sluice.life))
        self.assertGreater(len(delays), 4000)
        p99 = delays[len(delays) * 99 // 100]
        self.assertLess(p99, 5 if self.is_sanitized() else 1)

    @staticmethod
    def delays(life):
        """Seconds, of each record that is not the hot container's."""
        at = 0
        with open(life.output, "rb") as f:
            for line in f:
                at += len(line)
                if b'"c=0 ' in line:
                    continue
                time_of = json.loads(line)["@timestamp"]
                written = datetime.fromisoformat(time_of[:26] + "+00:00").timestamp()
                yield life.delivered_at(at - 1) / 1e9 - written

    def test_h_open_stderr_part_does_not_hold_stdout_back(self):
        """A part on stderr that is never ended: stdout's position moves on, and neither a clean
        restart nor a SIGKILL brings back more of it than was under way."""
        sluice = self.agent()
        sluice.start()
        writer = self.write("--containers", 2, "--hot", 1, "--hot-rate", 1e6, "--stderr", 0.3,
                            "--line", "200-900", "--open-stderr", "--seconds", 3600)
        for _ in range(3):
            time.sleep(1)
            self.assert_stops(sluice)
            sluice.start()
        writer.stop()
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        report = self.assert_right(writer, sluice, repeats=False)
        self.assertEqual(report.lost, 0)

        sluice.start()
        sluice.wait_quiet(1)
        sluice.kill()
        sluice.start()
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        self.assertEqual([life.records() for life in sluice.lives[-2:]], [0, 0])


if __name__ == "__main__":
    unittest.main()
