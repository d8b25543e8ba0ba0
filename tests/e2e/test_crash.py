"""The agent dies and comes back, while containers write, rotate, restart and vanish."""
import random
import time
import unittest

import agent

BUSY = ("--containers", 20, "--hot", 4, "--hot-rate", 5e6 if agent.LONG else 1.5e6, "--rate", 50,
        "--line", "200-900", "--stderr", 0.3, "--long", 0.002, "--odd", 0.02, "--max-size", 100000,
        "--seconds", 3600)
SECOND = 1_000_000_000


class Crash(agent.Case):
    def test_a_twenty_sigkills_lose_nothing_that_is_on_the_node(self):
        """T-CKPT-15, T-SHUT-06: twenty lives end at random moments. Downtimes are short, but two of
        them last longer than the kubelet keeps files: what is gone then is named, or was written
        when nobody could see it."""
        horizon = 1.5 * SECOND  # checkpoint_interval, and a busy machine
        dice = random.Random(1)
        sluice = self.agent()
        sluice.start()
        writer = self.write(*BUSY, "--rotate", 2, "--max-files", 3, "--restart", 3,
                            "--rename-back", 0.05, "--early-gz")
        time.sleep(3)  # long enough for a first checkpoint: then nothing of the tree is new
        for kill in range(200 if agent.LONG else 20):
            time.sleep(dice.uniform(0.1, 2))
            sluice.kill()
            time.sleep(7 if kill % 10 == 4 else dice.uniform(0, 0.4))
            sluice.start()
        writer.stop()
        sluice.wait_quiet()
        self.assert_stops(sluice)
        report = self.assert_right(writer, sluice, torn_tail=True, horizon=int(horizon))
        self.assertGreater(report.unseen + report.lost, 0, "nothing was gone: too easy")
        for i, offset in report.reach.items():
            life = sluice.lives[i]
            self.assertLess(life.end - life.delivered_at(offset), horizon,
                            f"life {i} was repeated from byte {offset} on")

    def test_b_sigterm_repeats_nothing(self):
        """T-CKPT-01, T-CKPT-04, T-ROT-33, T-SHUT-01, T-SHUT-03: clean stops under load, with parts
        open, and files renamed and compressed while nobody looks."""
        sluice = self.agent()
        sluice.start()
        writer = self.write(*BUSY, "--rotate", 1, "--max-files", 1000, "--rename-back", 0.05)
        time.sleep(2)
        for down in (0, 0.1, 2.5, 0.3, 0, 2.5, 0.1, 0):
            time.sleep(0.7)
            self.assert_stops(sluice)
            time.sleep(down)
            sluice.start()
        writer.stop()
        sluice.wait_quiet()
        self.assert_stops(sluice)
        report = self.assert_right(writer, sluice, repeats=False)
        self.assertEqual((report.lost, report.unseen), (0, 0))

    def test_what_was_deleted_while_down_is_named_with_its_range(self):
        """Nothing is read from the pipe, so all is unread when the agent is killed; then the pods
        are deleted. Each byte that was not delivered is named, and no other."""
        writer = self.write("--churn", 3, "--hot", 3, "--lines", 20000, "--line", 1000,
                            "--stderr", 0.3, "--seconds", 0.1, "--life", 6, "--linger", 0)
        sluice = self.agent(output="stdout", memory_limit="8MiB")
        sluice.start(rate=0)
        agent.until("all is written", lambda: sum(
            f.stat().st_size for f in self.pods.glob("*/*/0.log")) > 60e6)
        time.sleep(3)
        sluice.kill()
        self.assertTrue(writer.is_writing(), "the pods were deleted too early")
        writer.wait()
        sluice.start()
        agent.until("the losses", lambda: len(sluice.life.logged("lost")) >= 3)
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        report = self.assert_right(writer, sluice, torn_tail=True)
        self.assertGreater(report.lost, 40000)
        self.assertEqual(report.unseen, 0)
        self.assertEqual({loss.reason for loss in report.losses}, {"deleted_while_down"})


if __name__ == "__main__":
    unittest.main()
