"""One file, one step at a time: what can happen to a log file, and what must come out.

The ids are those of the catalogue in tests/README.md. Each test writes single records, so it knows
by heart what has to arrive, in which order, and that nothing else does."""
import gzip
import json
import os
import re
import shutil
import signal
import time
import unittest
from pathlib import Path

import agent

SECOND = 1_000_000_000


class Log:
    """A container's folder, written to as a runtime does."""
    clock = 1_700_000_000 * SECOND  # each record has a time of its own

    def __init__(self, pods, pod="app", container="main"):
        self.folder = pods / f"shop_{pod}_uid-{pod}" / container
        self.folder.mkdir(parents=True)
        self.fd = self.create()

    def create(self, name="0.log"):
        self.fd = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return self.fd

    def put(self, *texts, fd=None, stream="stdout", tag="F"):
        for text in texts:
            self.write(self.line(text, stream, tag), fd)

    def write(self, data, fd=None):
        os.write(self.fd if fd is None else fd, data)

    @classmethod
    def line(cls, text, stream="stdout", tag="F"):
        cls.clock += 1001
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(cls.clock // SECOND))
        return f"{second}.{cls.clock % SECOND:09d}Z {stream} {tag} {text}\n".encode()

    def rotate(self, name="0.log.20231114-221320"):
        """As the kubelet does. Returns the old file's descriptor."""
        old = self.fd
        os.rename(self.folder / "0.log", self.folder / name)
        self.create()
        return old

    def squeeze(self, name="0.log.20231114-221320"):
        path = self.folder / name
        with open(path, "rb") as f, gzip.open(f"{path}.tmp", "wb", compresslevel=1) as out:
            shutil.copyfileobj(f, out)
        os.rename(f"{path}.tmp", f"{path}.gz")
        path.unlink()


class Tail(agent.Case):
    def setUp(self):
        super().setUp()
        self.log = Log(self.pods)
        self.sluice = self.agent()

    @property
    def start(self):
        return self.sluice.start

    def restart(self):
        self.assert_stops(self.sluice)
        self.sluice.start()

    def delivered(self):
        """Messages of all lives, in their order."""
        found = []
        for life in self.sluice.lives:
            with open(life.output, "rb") as f:
                found += [json.loads(line) for line in f.read().split(b"\n")[:-1]]
        return found

    def wait(self, count):
        agent.until(f"{count} records", lambda: sum(
            life.records() for life in self.sluice.lives) >= count)

    def expect(self, *texts, stop=True):
        """Exactly these messages, in this order: no more, after a stop that drains."""
        self.wait(len(texts))
        if stop:
            self.assert_stops(self.sluice)
        self.assertEqual([record["message"] for record in self.delivered()], list(texts))

    # --- reading ---

    def test_tail_01_burst_into_an_empty_file(self):
        """T-TAIL-01"""
        texts = [f"line {i}" for i in range(50000)]
        self.start()
        self.log.write(b"".join(self.log.line(text) for text in texts))
        self.expect(*texts)

    def test_tail_02_03_start_at_end(self):
        """T-TAIL-02, T-TAIL-03: `end` is the end of what exists at the very first start."""
        self.sluice = self.agent(start_at="end")
        self.log.put("old", "older")
        half = self.log.line("half old")
        self.log.write(half[:-3])
        self.start()
        agent.until("it reads", lambda: any("0.log" in f for f in self.sluice.life.files())
                    or self.sluice.life.logged())
        time.sleep(0.5)
        self.log.write(half[-3:])
        self.log.put("new")
        later = Log(self.pods, "later")
        later.put("first of a new file")
        self.wait(2)
        self.assert_stops(self.sluice)
        texts = [record["message"] for record in self.delivered()]
        self.assertEqual(sorted(text for text in texts if text != "half old"),
                         ["first of a new file", "new"])

    def test_tail_04_finished_before_the_start(self):
        """T-TAIL-04"""
        self.log.put("a", "b")
        self.start()
        self.wait(2)
        self.log.put("c")
        self.expect("a", "b", "c")

    def test_tail_07_line_in_two_writes(self):
        """T-TAIL-07: half a line is nothing; a stop in between changes nothing."""
        line = self.log.line("hello world")
        self.log.put("first")
        self.log.write(line[:-5])
        self.start()
        self.wait(1)
        time.sleep(0.5)
        self.expect("first")
        self.start()
        self.log.write(line[-5:] + b"2023-11-14T22:1")
        self.expect("first", "hello world")

    def test_tail_10_ten_files(self):
        """T-TAIL-10: in each file the order is kept, and each line knows its pod."""
        logs = [Log(self.pods, f"p{i}") for i in range(10)]
        for i, log in enumerate(logs):
            log.put(*(f"p{i} {n}" for n in range(50)))
        self.start()
        for n in range(50, 100):
            for i, log in enumerate(logs):
                log.put(f"p{i} {n}")
        self.wait(1000)
        self.assert_stops(self.sluice)
        for i in range(10):
            self.assertEqual([r["message"] for r in self.delivered()
                              if r["kubernetes"]["pod"]["name"] == f"p{i}"],
                             [f"p{i} {n}" for n in range(100)])

    def test_tail_15_offset_is_the_first_byte(self):
        """T-TAIL-15: of the line; of the first part."""
        lines = [self.log.line("caf\u00e9 \u20ac"), self.log.line(""), self.log.line("a\tb"),
                 self.log.line("one ", tag="P"), self.log.line("err", "stderr"),
                 self.log.line("two")]
        self.log.write(b"".join(lines))
        self.start()
        self.expect("caf\u00e9 \u20ac", "", "a\tb", "err", "one two")
        at = [sum(map(len, lines[:i])) for i in range(6)]
        self.assertEqual([r["log"]["offset"] for r in self.delivered()],
                         [at[0], at[1], at[2], at[4], at[3]])

    def test_cold_pages_behind_the_position(self):
        """The page cache ends at the position, or a few bytes behind it, and the disk goes on."""
        for ahead in (0, 10):
            with self.subTest(ahead=ahead):
                log = Log(self.pods, f"cold-{ahead}")
                before = len(self.delivered())
                expected = ["x" * (4096 + ahead - len(log.line(""))),
                            *(f"line {i}" for i in range(1000))]
                log.put(expected[0])
                self.start()
                self.wait(before + 1)
                self.sluice.life.process.send_signal(signal.SIGSTOP)
                log.put(*expected[1:])
                os.fsync(log.fd)
                os.posix_fadvise(log.fd, 4096, 0, os.POSIX_FADV_DONTNEED)
                self.sluice.life.process.send_signal(signal.SIGCONT)
                self.wait(before + 1001)
                self.assert_stops(self.sluice)
                self.assertEqual([r["message"] for r in self.delivered()[before:]], expected)

    # --- rotation ---

    def test_rot_01_late_writes_after_the_rename(self):
        """T-ROT-01"""
        self.start()
        self.log.put("a")
        self.wait(1)
        old = self.log.rotate()
        self.log.put("b", fd=old)
        os.close(old)
        self.log.put("c")
        self.expect("a", "b", "c")

    def test_rot_02_two_rotations_and_late_writers(self):
        """T-ROT-02: order holds within a file; the late lines of an old one may come later."""
        self.start()
        self.log.put("1a")
        first = self.log.rotate("0.log.20231114-221320")
        self.log.put("2a")
        second = self.log.rotate("0.log.20231114-221321")
        self.log.put("1b", fd=first)
        self.log.put("2b", fd=second)
        self.log.put("3a")
        self.wait(5)
        self.assert_stops(self.sluice)
        texts = [record["message"] for record in self.delivered()]
        self.assertEqual(sorted(texts), ["1a", "1b", "2a", "2b", "3a"])
        self.assertLess(texts.index("1a"), texts.index("1b"))
        self.assertLess(texts.index("2a"), texts.index("2b"))

    def test_rotation_is_not_waited_out(self):
        """The runtime closes the old file within milliseconds: then the new one is read at once."""
        self.start()
        waited = []
        for i in range(3):
            self.log.put(f"before {i}")
            self.wait(2 * i + 1)
            os.close(self.log.rotate(f"0.log.20231114-22132{i}"))
            rotated = time.monotonic()
            self.log.put(f"after {i}")
            self.wait(2 * i + 2)
            waited.append(time.monotonic() - rotated)
        self.assertLess(min(waited), 1)

    def test_rot_04_five_rotations_in_one_second(self):
        """T-ROT-04, T-ROT-05"""
        self.start()
        expected = []
        for i in range(5):
            self.log.put(f"before {i}")
            os.close(self.log.rotate(f"0.log.20231114-22132{i}"))
            self.log.put(f"after {i}")
            expected += [f"before {i}", f"after {i}"]
        self.expect(*expected)

    def test_rot_10_renamed_back(self):
        """T-ROT-10: the runtime did not reopen; nothing is read twice."""
        self.start()
        self.log.put("a")
        self.wait(1)
        os.rename(self.log.folder / "0.log", self.log.folder / "0.log.20231114-221320")
        time.sleep(0.3)
        self.log.put("b")
        os.rename(self.log.folder / "0.log.20231114-221320", self.log.folder / "0.log")
        self.log.put("c")
        self.expect("a", "b", "c")

    def test_rot_13_line_cut_by_the_rotation(self):
        """T-ROT-13: its rest comes in the next file, after a record of the other stream; also when
        the agent is stopped in between."""
        for stopped in (False, True):
            with self.subTest(stopped=stopped):
                log = Log(self.pods, f"cut-{stopped}")
                before = len(self.delivered())
                self.start()
                log.put("a")
                log.put("be", tag="P")
                self.wait(before + 1)
                if stopped:
                    self.restart()
                os.close(log.rotate())
                log.put("error", stream="stderr")
                log.put("fore")
                self.wait(before + 3)
                self.assert_stops(self.sluice)
                records = self.delivered()[before:]
                self.assertEqual([r["message"] for r in records], ["a", "error", "before"])
                self.assertNotIn("flags", records[2]["log"])

    def test_rot_14_copytruncate(self):
        """T-ROT-14a, T-ROT-15: the same file begins again, and again."""
        self.start()
        expected = []
        for i in range(51 if agent.LONG else 4):
            texts = [f"{i}: {n}" for n in range(20)]
            self.log.put(*texts)
            expected += texts
            self.wait(len(expected))
            os.truncate(self.log.folder / "0.log", 0)
        self.expect(*expected)

    def test_rot_23_deleted_and_made_again(self):
        """T-ROT-23: the number of the inode is often the old one."""
        self.start()
        expected = []
        for i, pause in enumerate((0, 0, 0.3, 0)):
            texts = [f"{i} first", f"{i} second"]
            self.log.put(*texts)
            expected += texts
            self.wait(len(expected))
            os.close(self.log.fd)
            (self.log.folder / "0.log").unlink()
            time.sleep(pause)
            self.log.create()
        self.expect(*expected)

    def test_rot_29_compressed_while_it_is_read(self):
        """T-ROT-29, T-DISC-15: neither again from the .gz, nor anything from a .tmp."""
        self.start()
        self.log.put("a")
        self.wait(1)
        old = self.log.rotate()
        self.log.put("b", fd=old)
        os.close(old)
        (self.log.folder / "0.log.20231114-221319.tmp").write_bytes(self.log.line("tmp"))
        self.wait(2)
        self.log.squeeze()
        self.log.put("c")
        self.wait(3)
        self.restart()
        time.sleep(0.3)
        self.expect("a", "b", "c")

    def test_rot_29_compressed_while_nobody_looks(self):
        """The rest of the file comes from its .gz."""
        self.start()
        self.log.put("a")
        self.expect("a")
        self.log.put("b", "c")
        os.close(self.log.rotate())
        self.log.put("d")
        self.log.squeeze()
        self.start()
        self.expect("a", "b", "c", "d")
        generations = [r["log"]["generation"] for r in self.delivered()]
        self.assertEqual(generations[0], generations[2])
        self.assertNotEqual(generations[0], generations[3])

    def test_rot_29_compressed_while_nobody_looks_and_far_in_it(self):
        """What was read before is gone over in the pool: 12 MB of it, and by two starts."""
        texts = [f"{i} {'x' * 1000}" for i in range(12000)]
        self.start()
        self.log.write(b"".join(self.log.line(text) for text in texts))
        self.expect(*texts)
        self.log.put("b", "c")
        os.close(self.log.rotate())
        self.log.squeeze()
        self.start()
        self.expect(*texts, "b", "c", stop=False)
        self.log.put("d")
        self.expect(*texts, "b", "c", "d")

    def test_rot_32_attempt_of_a_rotated_file(self):
        """T-ROT-32: what is unread in 1.log.TIME is attempt 1's."""
        self.log.create("1.log")
        self.start()
        self.log.put("a")
        os.rename(self.log.folder / "1.log", self.log.folder / "1.log.20250219-233547")
        self.log.put("b")
        self.expect("a", "b")
        self.assertEqual([r["sluice"]["restart"] for r in self.delivered()], [1, 1])

    # --- finding files ---

    def test_disc_01_selection(self):
        """T-DISC-01, T-DISC-02"""
        self.sluice = self.agent(select={"namespaces": ["shop"], "containers": ["*", "!side*"]},
                                 exclude={"pods": ["skip-*"]})
        self.log.put("yes")
        for pod, container in (("skip-1", "main"), ("other", "sidecar")):
            Log(self.pods, pod, container).put("no")
        self.start()
        self.wait(1)
        Log(self.pods, "skip-2").put("no")
        Log(self.pods, "late").put("yes")
        self.expect("yes", "yes")

    def test_disc_06_folder_and_file_at_once(self):
        """T-DISC-06: the file is there before its folder can be watched."""
        self.start()
        for i in range(20):
            Log(self.pods, f"new-{i}").put("1", "2", "3")
        self.wait(60)
        self.assert_stops(self.sluice)
        self.assertEqual(len(self.delivered()), 60)

    def test_disc_05_13_what_is_no_log(self):
        """T-DISC-05, T-DISC-13: nothing that lies in the way stops it, or is opened."""
        os.mkfifo(self.log.folder / "1.log")
        (self.log.folder / "2.log").mkdir()
        (self.log.folder / "3.log").symlink_to("nowhere")
        (self.log.folder / "4.log").symlink_to("/etc/passwd")
        (self.pods / "no-pod").mkdir()
        (self.pods / "a_file_here").write_text("x")
        self.start()
        self.log.put("a")
        self.wait(1)
        time.sleep(0.3)
        self.expect("a")

    # --- positions ---

    def test_ckpt_01_written_while_down(self):
        """T-CKPT-01"""
        expected = []
        for i in range(3):
            self.log.put(f"down {i}")
            self.start()
            self.wait(2 * i + 1)
            self.log.put(f"up {i}")
            expected += [f"down {i}", f"up {i}"]
            self.expect(*expected)

    def test_ckpt_05_truncated_while_down(self):
        """T-CKPT-05: fewer bytes than the position, and other ones."""
        self.log.put("one", "two", "three")
        self.start()
        self.expect("one", "two", "three")
        os.truncate(self.log.folder / "0.log", 0)
        self.log.put("four")
        self.start()
        self.expect("one", "two", "three", "four")

    def test_ckpt_07_damaged_checkpoint(self):
        """T-CKPT-07: it starts, says so, and loses nothing."""
        self.log.put("a", "b")
        self.start()
        self.wait(2)
        self.assert_stops(self.sluice)
        self.start()
        self.log.put("c")
        self.wait(3)
        self.assert_stops(self.sluice)
        checkpoint = self.folder / "state" / "checkpoint"
        whole = checkpoint.read_bytes()
        for damage in (b"", whole[:len(whole) // 2], b"garbage " * 100,
                       whole[:-8] + bytes(8)):
            with self.subTest(damage=damage[:10]):
                checkpoint.write_bytes(damage)
                self.start()
                agent.until("it runs", lambda: checkpoint.exists()
                            and checkpoint.read_bytes() != damage)
                self.log.put(f"d{len(damage)}")
                agent.until("the new line", lambda: f"d{len(damage)}" in map(
                    lambda r: r["message"], self.delivered()))
                self.assert_stops(self.sluice)
                self.assertTrue([said for said in self.sluice.life.logged()
                                 if said["level"] == "error" and "checkpoint" in json.dumps(said)])

    def test_ckpt_10_equal_lines_in_two_containers(self):
        """T-CKPT-10: byte for byte the same, then different."""
        other = Log(self.pods, "other")
        same = self.log.line("same")
        self.log.write(same)
        other.write(same)
        self.start()
        self.wait(2)
        self.restart()
        self.log.put("mine")
        other.put("yours")
        self.wait(4)
        self.assert_stops(self.sluice)
        self.assertEqual(
            sorted((r["kubernetes"]["pod"]["name"], r["message"]) for r in self.delivered()),
            [("app", "mine"), ("app", "same"), ("other", "same"), ("other", "yours")])
        self.assertEqual(len({r["log"]["generation"] for r in self.delivered()}), 2)

    def test_ckpt_11_what_became_of_the_file(self):
        """T-CKPT-11: renamed; replaced by a shorter, a longer one; overwritten; vanished."""
        def renamed(log):
            os.rename(log.folder / "0.log", log.folder / "0.log.20231114-221320")
            log.put("late")
            return ["late"]

        def replaced_by_shorter(log):
            (log.folder / "0.log").unlink()
            log.create()
            log.put("x")
            return ["x"]

        def replaced_by_longer(log):
            (log.folder / "0.log").unlink()
            log.create()
            texts = [f"another {i}" for i in range(100)]
            log.put(*texts)
            return texts

        def overwritten(log):
            os.truncate(log.folder / "0.log", 0)
            texts = [f"other {i}" for i in range(100)]
            log.put(*texts)
            return texts

        def vanished(log):
            shutil.rmtree(log.folder.parent)
            return []

        for change in (renamed, replaced_by_shorter, replaced_by_longer, overwritten, vanished):
            with self.subTest(change.__name__):
                log = Log(self.pods, change.__name__.replace("_", "-"))
                before = len(self.delivered())
                log.put("1", "2", "3")
                self.start()
                self.wait(before + 3)
                self.assert_stops(self.sluice)
                expected = change(log)
                self.start()
                self.wait(before + 3 + len(expected))
                time.sleep(0.2)
                self.assert_stops(self.sluice)
                self.assertEqual([r["message"] for r in self.delivered()[before:]],
                                 ["1", "2", "3", *expected])

    def test_ckpt_19_silent_and_then_not(self):
        """T-CKPT-19: long enough for the file to be left to inotify."""
        self.start()
        self.log.put("a")
        self.wait(1)
        time.sleep(3)
        self.log.put("b")
        self.expect("a", "b")

    # --- the end ---

    def test_shut_01_at_any_time(self):
        """T-SHUT-01: idle, at once, twice; exit status 0."""
        def handles_sigterm():  # a process that has none yet ends as anybody's would
            status = Path(f"/proc/{self.sluice.life.process.pid}/status").read_text()
            return int(re.search(r"^SigCgt:\s+(\w+)", status, re.M)[1], 16) >> signal.SIGTERM - 1 & 1

        self.log.put("a")
        for pause in (0, 0.1, 0.5):
            self.start()
            agent.until("its handler", handles_sigterm)
            time.sleep(pause)
            self.sluice.life.process.terminate()
            self.assertEqual(self.sluice.life.wait(), 0)
        self.assertEqual([r["message"] for r in self.delivered()], ["a"])


if __name__ == "__main__":
    unittest.main()
