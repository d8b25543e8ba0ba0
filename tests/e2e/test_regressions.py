"""What once went wrong, told again: each of these stories failed on a version of the agent.

Where a story needs a file that has fallen silent, or that was given up, it asks /proc and does not
guess: a silent file is watched by its inode, a given up one has no descriptor any more."""
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import agent
import scenes
from agent import MIB
from test_scenarios_life import NOBODY, Scenario
from test_tail import Log
from test_watch import limited

ROTATED = "0.log.20231114-2213{:02}"
SOON = 30  # seconds; half of what a rescan of everything takes to come by itself


def is_open(life, path):
    return any(file.removesuffix(" (deleted)") == str(path) for file in life.files())


def is_asleep(life, path):
    """The agent has left this file to inotify."""
    inode = f" ino:{os.stat(path).st_ino:x} "
    for fd in list(Path(f"/proc/{life.process.pid}/fdinfo").iterdir()):
        try:
            if any(inode in line for line in fd.read_text().splitlines() if "inotify wd:" in line):
                return True
        except FileNotFoundError:
            pass  # closed meanwhile
    return False


def write_calls(life):
    text = Path(f"/proc/{life.process.pid}/io").read_text()
    return int(re.search(r"^syscw: (\d+)", text, re.M)[1])


# --- stories of several lives, on one agent ---

def scene_file_cut_back_while_down(log):
    """The same file, the same first line, but it ends before our position: twice rather than never,
    and what is written next arrives."""
    texts = [f"line {i}" for i in range(100)]
    log.put(*texts)
    yield texts
    yield []
    half = b"".join((log.folder / "0.log").read_bytes().splitlines(keepends=True)[:50])
    os.truncate(log.folder / "0.log", len(half))
    yield texts[:50]
    log.put("new 1", "new 2")
    yield ["new 1", "new 2"]


def scene_left_file_grows_while_down(log):
    """Its writer was not done with it when it was rotated, and we were away when he wrote again."""
    log.put("a")
    yield ["a"]
    old = log.rotate()
    log.put("b")
    yield ["b"]
    log.put("late", fd=old)
    os.close(old)
    yield ["late"]
    log.put("c")
    yield ["c"]


def scene_gz_beside_its_file_and_both_unknown(log):
    """The kubelet was seen between writing the .gz and removing the file: nothing comes twice."""
    log.put("a")
    yield ["a"]
    yield []
    os.close(log.rotate(ROTATED.format(20)))
    log.put("b 1", "b 2")
    os.close(log.rotate(ROTATED.format(21)))
    log.put("c")
    path = log.folder / ROTATED.format(21)
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    yield ["b 1", "b 2", "c"]
    log.put("d")
    yield ["d"]


Restarted = scenes.stage(__name__, "Restarted", scenes.scenes_of(__name__))


# --- one agent each ---

class Files(Scenario):
    def test_left_file_grows_and_then_the_live_one(self):
        """What comes late stands behind the live file in our list, and does not end it: neither while
        it is there, nor when it is deleted before it was read."""
        logs = {name: self.log_of(name) for name in ("there", "deleted")}
        sluice, old = self.agent(), {}
        life = sluice.start()
        for name, log in logs.items():
            log.put("a")
        self.wait(sluice, 2)
        for name, log in logs.items():
            old[name] = log.rotate()
            log.put("b")
        self.wait(sluice, 4)
        for log in logs.values():
            agent.until("the old file is given up",
                        lambda: not is_open(life, log.folder / ROTATED.format(20)))
            agent.until("the live file is silent", lambda: is_asleep(life, log.folder / "0.log"))
        for name, log in logs.items():
            log.put("late", fd=old[name])
            os.close(old[name])
        self.wait(sluice, 6)
        for log in logs.values():
            log.put("c")
        os.close(logs["deleted"].fd)
        (logs["deleted"].folder / "0.log").unlink()
        self.wait(sluice, 8)
        logs["there"].put("d")
        self.wait(sluice, 9)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"there": ["a", "b", "late", "c", "d"],
                                                 "deleted": ["a", "b", "late", "c"]})

    def test_left_file_grows_while_it_is_still_open(self):
        """It was read to its end, but nobody took what was read when its writer wrote again."""
        log, texts = self.log_of(), [f"a {i} {'x' * 200}" for i in range(600)]
        sluice = self.agent(output="stdout")
        life = sluice.start(rate=0)
        log.put(*texts)
        old = log.rotate()
        log.put("b")
        # only what is not left yet is watched: so the old file was
        agent.until("the live file is silent", lambda: is_asleep(life, log.folder / "0.log"))
        self.assertTrue(is_open(life, log.folder / ROTATED.format(20)))
        self.assertFalse(is_asleep(life, log.folder / ROTATED.format(20)))
        log.put("late", fd=old)
        os.close(old)
        life.drain.rate = None
        self.wait(sluice, 602)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": [*texts, "b", "late"]})

    def delivered_by(self, *lives):
        got = []
        for life in lives:
            lines = Path(life.output).read_bytes().splitlines(keepends=True)
            got += [json.loads(line)["message"] for line in lines if line.endswith(b"\n")]
        return got

    def quiet_file(self, log, *texts):
        """A file that was written long ago."""
        log.put(*texts)
        os.utime(log.folder / "0.log", (0, 0))

    def test_checkpoint_of_a_late_line_is_believed(self):
        """The last save itself finds that a file which was left has grown: the number that this
        takes has to be in the checkpoint as well."""
        log = Log(self.pods)
        self.quiet_file(log, "a")
        attempt_0, attempt_1 = log.fd, log.create("1.log")
        log.put("b", fd=attempt_1)
        sluice = self.agent(checkpoint_interval="1m")
        first = sluice.start()
        sluice.wait_records(2)
        log.put("late", fd=attempt_0)
        self.assert_stops(sluice)
        second = sluice.start()
        agent.until("the late line", lambda: "late" in self.delivered_by(first, second))
        self.assert_stops(sluice)
        self.assertEqual(sorted(self.delivered_by(first, second)), ["a", "b", "late"])
        self.assertEqual([x for x in second.logged() if x["level"] in ("warn", "error")], [])

    def test_unacknowledged_lines_of_a_file_that_went_on(self):
        """An older file turns up behind the live one while nothing is taken: the live one is two
        generations then, and SIGKILL must not cost the first one's lines."""
        log = Log(self.pods)
        texts = [f"{i} " + "x" * 400 for i in range(1500)]
        self.quiet_file(log, *texts)
        sluice = self.agent(output="stdout")
        first = sluice.start(rate=0)
        time.sleep(2)  # whenever that is, the story ends well; mostly it is read by then
        (self.folder / "old").write_bytes(log.line("older"))
        os.utime(self.folder / "old", (0, 0))
        os.rename(self.folder / "old", log.folder / ROTATED.format(1))
        time.sleep(4)  # so that it is left, and saved
        sluice.kill()
        second = sluice.start()
        sluice.wait_quiet()
        self.assert_stops(sluice)
        got = set(self.delivered_by(first, second))
        missing = [t for t in [*texts, "older"] if t not in got]
        # what the pipe took (64 KiB) counts as delivered, and nobody read it
        self.assertEqual(missing, texts[: len(missing)])
        self.assertLess(sum(map(len, missing)), 1 << 16)

    def test_pod_deleted_while_its_gz_is_checked(self):
        """The check runs on the pool, and needs what it checks until it is done: also where nothing
        else does, because all was delivered before."""
        logs = {name: self.log_of(name) for name in ("delivered", "unread")}
        sluice = self.agent(checkpoint_interval="100ms")
        sluice.start()
        for log in logs.values():
            log.put("a")
        os.close(logs["delivered"].rotate())
        logs["delivered"].put("b")
        self.wait(sluice, 3)
        self.assert_stops(sluice)
        logs["unread"].put("b")
        os.close(logs["unread"].rotate())
        for log in logs.values():
            self.squeeze_hugely(log.folder / ROTATED.format(20))
        life, checked = sluice.start(), logs["unread"].folder / (ROTATED.format(20) + ".gz")
        self.wait_said(life, ["follows"])
        agent.until("the .gz is open", lambda: is_open(life, checked))
        for log in logs.values():
            shutil.rmtree(log.folder.parent)
        time.sleep(0.5)  # some checkpoints: what is gone, and needs nothing, is forgotten
        self.assertTrue(is_open(life, checked), "it was over too early to prove anything")
        agent.until("the check is over", lambda: not is_open(life, checked))
        self.log_of("other").put("c")
        sluice.wait_records(1)
        self.assert_stops(sluice)
        self.wait_said(life, ["cannot be read", "unread"])
        self.assertEqual(self.messages(sluice),
                         {"delivered": ["a", "b"], "unread": ["a"], "other": ["c"]})

    @staticmethod
    def squeeze_hugely(path):
        """Into a .gz that takes seconds to check, and is damaged at its very end."""
        same = gzip.compress(b"x" * 16 * MIB)
        with open(f"{path}.gz", "wb") as out:
            out.write(gzip.compress(path.read_bytes()))
            for _ in range(150):
                out.write(same)
            out.write(same[:-4])
        os.utime(f"{path}.gz", (1e9, 1e9))
        path.unlink()

    def test_damaged_gz_that_was_never_known(self):
        """Nobody knows what was in it: so its path is said, and the next file is read."""
        log, sluice = self.log_of(), self.agent()
        log.put("a")
        sluice.start()
        self.wait(sluice, 1)
        self.assert_stops(sluice)
        os.close(log.rotate(ROTATED.format(20)))
        log.put(*(f"b {i}" for i in range(1000)))
        os.close(log.rotate(ROTATED.format(21)))
        log.put("c")
        path = log.folder / ROTATED.format(21)
        packed = bytearray(gzip.compress(path.read_bytes()))
        packed[-6] ^= 0xff  # in its trailer
        Path(f"{path}.gz").write_bytes(packed)
        path.unlink()
        os.utime(f"{path}.gz", (1e9, 1e9))  # nobody writes to it any more
        life = sluice.start()
        said = self.wait_said(life, [f"{log.folder.relative_to(self.pods)}/{path.name}.gz"])
        self.wait(sluice, 2)
        self.assert_stops(sluice)
        self.assertEqual([doc["level"] for doc in said], ["error"])
        self.assertEqual(self.messages(sluice), {"app": ["a", "c"]})


class Watches(Scenario):
    def test_silent_file_after_an_overflow(self):
        """The event that its watch fired was lost: it gets another one when it is silent again."""
        log, noisy, sluice = self.log_of(), self.log_of("noisy"), self.agent()
        live = log.folder / "0.log"
        life = sluice.start()
        log.put("a")
        self.wait(sluice, 1)
        agent.until("it is silent", lambda: is_asleep(life, live))
        life.process.send_signal(signal.SIGSTOP)
        self.flood(noisy.folder)
        log.put("b")
        life.process.send_signal(signal.SIGCONT)
        self.wait(sluice, 2)
        self.wait_said(life, ["overflow"])
        for i, text in enumerate(("c", "d")):
            agent.until("it is silent again", lambda: is_asleep(life, live), SOON)
            log.put(text)
            agent.until(text, lambda: life.records() >= 3 + i, SOON)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b", "c", "d"]})

    @staticmethod
    def flood(folder):
        """More events than the kernel keeps for us."""
        names = [folder / "flood.a", folder / "flood.b"]
        names[0].touch()
        for i in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())):
            os.rename(names[i % 2], names[1 - i % 2])

    def test_silent_file_without_a_watch(self):
        """The root, the pod and the container took the last ones."""
        launcher = limited("watches", 3)
        if subprocess.run([*launcher, "true"], capture_output=True).returncode:
            self.skipTest("no user namespaces here")
        log, sluice = self.log_of(), self.agent(launcher=launcher)
        life = sluice.start()
        log.put("a")
        self.wait(sluice, 1)
        self.wait_said(life, ["no inotify watch is left"])  # when the file was silent
        time.sleep(6)  # more than the few looks that this itself brings
        log.put("b")
        agent.until("b", lambda: life.records() >= 2, SOON)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b"]})


class Batches(Scenario):
    def test_max_age_when_a_part_comes_first(self):
        """The batch that was opened for a part is empty when the time is over; it counts from the
        first record."""
        log, sluice = self.log_of(), self.agent(batch={"max_age": "100ms"})
        sluice.start()
        log.put("half ", tag="P")
        time.sleep(1)
        log.put("rest", "next")
        self.wait(sluice, 2)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["half rest", "next"]})

    def test_large_open_part_of_the_other_stream(self):
        """No line of stdout can become its end, so they share their batches as ever."""
        log, sluice = self.log_of(), self.agent()
        lines = [f"{i} {'y' * 150}" for i in range(5000)]
        log.put("warm")
        life = sluice.start()
        self.wait(sluice, 1)
        log.put(*["p" * 16384] * 30, stream="stderr", tag="P")
        before = write_calls(life)
        log.write(b"".join(map(log.line, lines)))
        self.wait(sluice, 1 + len(lines))
        self.assertLess(write_calls(life) - before, len(lines) / 10)
        log.put("end", stream="stderr")
        self.wait(sluice, 2 + len(lines))
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["warm", *lines, "p" * 16384 * 30 + "end"]})


class Ends(Scenario):
    def test_reader_goes_away_while_it_drains(self):
        """Nothing can be delivered any more, so the rest of shutdown_timeout is not waited out."""
        log, sluice = self.log_of(), self.agent(output="stdout", shutdown_timeout="100s")
        log.put(*(f"{i} {'x' * 200}" for i in range(2000)))
        life = sluice.start(rate=0)
        agent.until("it reads", lambda: is_open(life, log.folder / "0.log"))
        self.wait_said(life, ["follows"])
        time.sleep(0.5)  # until its pipe is full
        life.process.send_signal(signal.SIGTERM)
        self.wait_said(life, ["stopping"])
        life.drain.leave()
        self.assertEqual(life.wait(SOON), 1)
        self.wait_said(life, ["closed by its reader"])
        self.assert_balanced(life)


class Denied(Scenario):
    def test_pod_that_may_not_be_listed_keeps_its_positions(self):
        """Over two lives, each of which says so once; what was delivered does not come again."""
        launcher, log, other = self.run_as_nobody(), self.log_of(), self.log_of("other")
        for i in range(1, 4):
            (self.folder / f"out-{i}.jsonl").touch()
            os.chown(self.folder / f"out-{i}.jsonl", NOBODY, NOBODY)
        log.put("a", "b")
        other.put("1")
        sluice, pod = self.agent(launcher=launcher), log.folder.parent
        sluice.start()
        self.wait(sluice, 3)
        self.assert_stops(sluice)
        pod.chmod(0)
        log.put("c")
        for i in range(2):
            life = sluice.start()
            self.wait_said(life, ["cannot list", str(pod)])
            pod.chmod(0)  # an event: it looks again, before it sees the next pod
            self.log_of(f"next-{i}").put("x")
            agent.until("the next pod", lambda: life.records() >= 1)
            self.assertEqual(len([doc for doc in life.logged() if str(pod) in doc["message"]]), 1)
            self.assert_stops(sluice)
        life = sluice.start()
        self.wait_said(life, ["cannot list", str(pod)])
        pod.chmod(0o755)
        agent.until("what is unread", lambda: life.records() >= 1)
        log.put("d")
        agent.until("what is new", lambda: life.records() >= 2)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b", "c", "d"], "other": ["1"],
                                                 "next-0": ["x"], "next-1": ["x"]})


class Late(agent.Case):
    def test_an_older_file_that_is_found_late_tears_no_line(self):
        """The live file goes on being written: what is found behind it does not end its last line."""
        log, sluice = Log(self.pods), self.agent()
        old = log.line("old")
        log.put("a")
        line = log.line("half")
        log.write(line[:-7])
        sluice.start()
        sluice.wait_records(1)
        (log.folder / "0.log.20231114-221320").write_bytes(old)
        sluice.wait_records(2)
        log.write(line[-7:])
        log.put("end")
        sluice.wait_records(4)
        self.assert_stops(sluice)
        records = [json.loads(text) for text in Path(sluice.life.output).read_text().splitlines()]
        self.assertEqual([r["message"] for r in records], ["a", "old", "half", "end"])
        self.assertEqual([r for r in records if "flags" in r["log"]], [])


if __name__ == "__main__":
    unittest.main()
