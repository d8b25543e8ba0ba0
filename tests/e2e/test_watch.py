"""inotify says too much, too little, or nothing at all: nothing is missing."""
import os
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

import agent
from test_tail import Log

LIVELY = ("--containers", 20, "--hot", 2, "--hot-rate", 5e5, "--rate", 50, "--line", "200-900",
          "--stderr", 0.3, "--rotate", 0.7, "--max-size", 20000, "--max-files", 100)


def limited(name, value):
    """A launcher: the program in a user namespace of its own, where inotify's limit is so low."""
    return ["unshare", "--user", "--map-root-user", "sh", "-c",
            f'echo {value} > /proc/sys/user/max_inotify_{name} && exec "$@"', "sh"]


class Watch(agent.Case):
    def watch_everything(self, seconds=4, **options):
        """A lively tree, and pods that come and go; returns the agent's only life."""
        sluice = self.agent(**options)
        sluice.start()
        writer = self.write(*LIVELY, "--delete", 0.5, "--linger", 0.3, "--seconds", seconds)
        writer.wait()
        sluice.wait_quiet()
        self.assert_stops(sluice)
        report = self.assert_right(writer, sluice)
        self.assertEqual(report.lost, 0)
        return sluice.life

    def test_f_polling_misses_nothing(self):
        """T-TAIL-19. Without watches a pod must live for a scan to see it."""
        sluice = self.agent(follow="poll")
        sluice.start()
        writer = self.write(*LIVELY, "--seconds", 4)
        sluice.wait_records(writer.wait())
        self.assertEqual(sluice.life.watches(), 0)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice)

    def test_polling_sees_what_a_checkpoint_saw_first(self):
        """A file that grows once and is silent again, beside one that is never silent: checkpoints
        look at its size, too, before the next scan does."""
        quiet, busy = Log(self.pods, "quiet"), Log(self.pods, "busy")
        sluice = self.agent(follow="poll", checkpoint_interval="100ms")
        sluice.start()
        over = threading.Event()

        def keep_busy():
            while not over.wait(0.02):
                busy.put("again")
        writer = threading.Thread(target=keep_busy)
        writer.start()
        try:
            for n in range(3):
                text = f"line {n}"
                quiet.put(text)
                agent.until(text, lambda text=text: text in Path(sluice.life.output).read_text(),
                            patience=30)
                time.sleep(3)  # asleep by then; if it is not, less is proved
        finally:
            over.set()
            writer.join()
        self.assert_stops(sluice)

    def test_watches_see_everything(self):
        self.watch_everything()

    def need_namespaces(self):
        if subprocess.run([*limited("watches", 5), "true"], capture_output=True).returncode:
            self.skipTest("no user namespaces here")

    def test_f_one_watch_misses_nothing(self):
        self.without("watches", 1)

    def test_f_exhausted_watches_miss_nothing(self):
        self.without("watches", 30)

    def test_f_denied_inotify_misses_nothing(self):
        self.without("instances", 0)

    def without(self, name, limit):
        self.need_namespaces()
        sluice = self.agent(launcher=limited(name, limit))
        sluice.start()
        writer = self.write(*LIVELY, "--seconds", 4)
        sluice.wait_records(writer.wait())
        self.assertLessEqual(sluice.life.watches(), limit)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice)

    def test_f_overflow_misses_nothing(self):
        """The agent stands still while its folders report more than the kernel's queue holds."""
        sluice = self.agent()
        sluice.start()
        writer = self.write(*LIVELY, "--seconds", 6)
        time.sleep(1.5)
        sluice.life.process.send_signal(signal.SIGSTOP)
        self.flood()
        sluice.life.process.send_signal(signal.SIGCONT)
        messages = writer.wait()
        sluice.wait_records(messages)
        self.assertTrue([said for said in sluice.life.logged() if "overflow" in said["message"]],
                        "there was no overflow")
        self.assert_stops(sluice)
        self.assert_right(writer, sluice)

    def flood(self):
        """More events than fit, in one folder: a name that comes and goes."""
        with open("/proc/sys/fs/inotify/max_queued_events") as f:
            events = int(f.read())
        folder = next(self.pods.glob("*/*"))
        names = [folder / "flood.a", folder / "flood.b"]
        names[0].touch()
        for i in range(events):  # two each: from, to
            os.rename(names[i % 2], names[1 - i % 2])
        names[events % 2].unlink()


if __name__ == "__main__":
    unittest.main()
