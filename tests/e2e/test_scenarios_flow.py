"""How much at once and how fast, in which pieces, in which order, and what is refused: scenarios of
tests/README.md that need an agent of their own."""
import json
import os
import subprocess
import time
import unittest
import zlib
from pathlib import Path

import agent
import test_admin
from programs import SLUICE
from test_file_input import Files
from test_lanes import Case as Lanes
from test_scenarios_life import Scenario

NEVER = "1h"


class Batches(Scenario):
    """T-BUF-25: a batch leaves with the first limit that is reached."""

    def play(self, batch, texts, whole):
        """whole: so many of these leave at once; the others when the agent stops."""
        sluice, log = self.agent(batch=batch), self.log_of()
        sluice.start()
        log.put(*texts)
        self.wait(sluice, whole)
        sluice.wait_quiet(1)
        self.assertEqual(sluice.life.records(), whole)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": texts})

    def test_buf_25_by_count(self):
        self.play({"max_age": NEVER, "max_records": 10}, [f"line {i}" for i in range(25)], 20)

    def test_buf_25_by_count_and_nothing_behind_it(self):
        """A full batch waits for nobody."""
        self.play({"max_age": NEVER, "max_records": 1}, ["one"], 1)
        self.setUp()
        self.play({"max_age": NEVER, "max_records": 10}, [f"line {i}" for i in range(20)], 20)

    def test_buf_25_by_size(self):
        """What does not fit any more leaves; what still does, waits."""
        sluice, log = self.agent(batch={"max_age": NEVER, "max_bytes": "64KiB"}), self.log_of()
        texts = [f"{i} {'x' * 1000}" for i in range(100)]
        sluice.start()
        log.put(*texts)
        self.wait(sluice, 1)
        sluice.wait_quiet(1)
        self.assertLess(sluice.life.records(), 100)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": texts})

    def test_buf_25_one_that_is_larger_leaves_alone_and_at_once(self):
        """... and with it what came before it; T-BUF-13: nothing did."""
        self.play({"max_age": NEVER, "max_bytes": "4KiB"}, ["a", "x" * 100000], 2)
        self.setUp()
        self.play({"max_age": NEVER, "max_bytes": "4KiB"}, ["x" * 100000], 1)

    def test_buf_25_by_age(self):
        """One alone, with room for many more."""
        self.play({"max_age": "300ms", "max_records": 1000000}, ["one"], 1)


class Rates(Scenario):
    def test_buf_12_an_output_around_its_limit(self):
        """T-BUF-12: full, drained and full again, thirty times: it wakes up each time."""
        sluice = self.agent(output="stdout", memory_limit="8MiB")
        writer = self.write("--containers", 3, "--hot", 3, "--lines", 20000, "--line", "200-900",
                            "--seconds", 60)
        messages = writer.wait()
        sluice.start(rate=0)
        for _ in range(30):
            seen = sluice.life.size()
            sluice.life.drain.rate = 10e6
            agent.until("some to come", lambda seen=seen: sluice.life.size() > seen
                        or sluice.life.records() >= messages)
            sluice.life.drain.rate = 0
            time.sleep(0.03)
        self.assertLess(sluice.life.records(), messages, "it never was full")
        sluice.life.drain.rate = None
        sluice.wait_records(messages)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)

    def test_res_07_a_rate_that_rises_until_it_falls_behind(self):
        """T-RES-07, T-MET-09: beyond what the output takes only the backlog grows; when the writers
        rest, all of it comes, in time for a kubelet that keeps its files."""
        sluice = self.agent(output="stdout", memory_limit="8MiB")
        sluice.start(rate=3e6)
        writers, behind = [], False
        for step in range(4):
            writer = agent.Writer(self.pods, self.folder / f"truth-{step}", "--containers", 2,
                                  "--hot", 2, "--hot-rate", 0.4e6 * 4 ** step, "--line", "200-900",
                                  "--rotate", 1, "--max-size", 1 << 20, "--max-files", 1000,
                                  "--seconds", 2, "--seed", 10 + step)
            self.addCleanup(writer.close)
            writers.append((writer, writer.wait()))
            written = sum(count for _, count in writers)
            behind = behind or sluice.life.records() < 0.9 * written
        self.assertTrue(behind, "it kept up with all of it: too slow a writer")
        sluice.life.drain.rate = None
        sluice.wait_records(written)
        self.assert_stops(sluice)
        self.assertEqual(sluice.life.records(), written)
        self.assertEqual(sluice.life.logged("lost"), [])
        places = set()
        with open(sluice.life.output, "rb") as f:
            for line in f:
                record = json.loads(line)
                places.add((record["log"]["generation"], record["log"]["offset"]))
        self.assertEqual(len(places), written, "each once")


class Descriptors(Scenario):
    def test_tail_11_more_files_than_may_be_open(self):
        """T-TAIL-11: a hundred files, read, written to and read again, with far fewer descriptors."""
        sluice = self.agent(launcher=["prlimit", "--nofile=80:80"])
        logs = [self.log_of(f"p{i}") for i in range(100)]
        for log in logs:
            log.put(*(f"first {i}" for i in range(10)))
        sluice.start()
        self.wait(sluice, 1000)
        for log in logs:
            log.put(*(f"second {i}" for i in range(10)))
        self.wait(sluice, 2000)
        self.assertLessEqual(sum(f.endswith("0.log") for f in sluice.life.files()), 80)
        self.assert_stops(sluice)
        whole = [f"{part} {i}" for part in ("first", "second") for i in range(10)]
        self.assertEqual(self.messages(sluice), {f"p{i}": whole for i in range(100)})

    def test_rot_12_a_late_line_and_then_it_is_let_go(self):
        """T-ROT-12: written after the rotation, closed by its writer, read, closed by us; its end is
        what the state holds."""
        sluice, log = self.agent(), self.log_of()
        log.put("a")
        sluice.start()
        self.wait(sluice, 1)
        old = log.rotate()
        log.put("b")
        self.wait(sluice, 2)
        log.put("late", fd=old)
        self.wait(sluice, 3)
        os.close(old)
        rotated = log.folder / "0.log.20231114-221320"
        agent.until("it is closed", lambda: str(rotated) not in sluice.life.files())
        self.assert_stops(sluice)
        said = json.loads(subprocess.run(
            [SLUICE, "state", "ls", "--json", "-c", self.folder / "sluice.yaml"],
            capture_output=True, check=True).stdout.splitlines()[0])
        self.assertEqual(said["unread_bytes"], 0)
        sluice.start()
        log.put("c")
        self.wait(sluice, 4)
        self.assert_stops(sluice)
        self.assertEqual(sorted(self.messages(sluice)["app"]), ["a", "b", "c", "late"])


class Refused(Scenario):
    def check(self, sluice, *words):
        sluice.configuration(self.folder / "out")
        said = subprocess.run([SLUICE, "check", "-c", self.folder / "sluice.yaml"],
                              capture_output=True, text=True, timeout=agent.PATIENCE)
        self.assertEqual(said.returncode, 2, said.stderr)
        for word in words:
            self.assertIn(word, said.stderr)

    def test_cfg_13_what_excludes_each_other(self):
        """T-CFG-13: both are named, with a remedy."""
        self.check(self.agent(output="stdout", own_logs=True), "own_logs", "stdout")
        self.check(self.agent(memory_limit="8MiB", batch={"max_bytes": "8MiB"}),
                   "memory_limit", "batch.max_bytes")
        self.check(self.agent(memory_limit="8MiB", max_record="5MiB"), "memory_limit", "max_record")
        sluice = self.agent()
        sluice.outputs["retry"] = {"initial": "10s", "max": "1s"}
        self.check(sluice, "initial", "max")

    def test_enc_01_other_encodings_are_no_option(self):
        """T-ENC-01: what is not UTF-8 is no silent garbage: there is no such option to misread."""
        sluice = self.agent()
        for word in ("charset", "character_set"):
            sluice.inputs = {"type": "file", "paths": ["/logs/*"], word: "utf-16le"}
            self.check(sluice, word)

    def test_disc_03_no_pattern_crosses_a_slash(self):
        """T-DISC-03: neither a pod's nor a path's; ** is refused."""
        for pattern in ("**/container1/**", "*/b.log", "**"):
            self.check(self.agent(exclude={"containers": [pattern]}), pattern)
        sluice = self.agent()
        sluice.inputs = {"type": "file", "paths": ["/logs/**/x.log"]}
        self.check(sluice, "**")


class Encodings(Files):
    def test_enc_02_bom_is_no_part_of_the_first_record(self):
        """T-ENC-02: of each file, also of one that was rotated in; not after a restart, not in the
        middle, where it is text."""
        bom = "\ufeff"
        self.put("app.log", bom + "one", "two" + bom)
        self.start()
        self.settle()
        self.restart()
        self.put("app.log", bom + "three")
        self.settle()
        os.rename(self.logs / "app.log", self.logs / "app.log.1")
        self.put("app.log", bom + "four")
        self.written = ["one", "two" + bom, bom + "three", "four"]
        self.right()


class Names(Files):
    def test_names_that_break_lines_and_json(self):
        """A newline, quotes, control bytes, 255 bytes; bytes that are no text; a folder of that kind."""
        for name in ("a\nb.log", "q\"'\\.log", "\x01\x7f.log", "\u00e9" * 125 + ".log"):
            self.put(name, f"in {name!r}")
        odd = os.fsencode(self.logs) + b"/\xff\xfe.log"
        with open(odd, "wb") as f:
            f.write(b"no text\n")
        self.written.append("no text")
        (self.logs / "folder\n.log").mkdir()
        self.start()
        self.right()
        self.assertEqual({r["log"]["file"]["path"].rsplit("/", 1)[1] for r in self.records()} - {
            "a\nb.log", "q\"'\\.log", "\x01\x7f.log", "\u00e9" * 125 + ".log"}, {"\ufffd\ufffd.log"})

    def test_a_link_that_is_turned_outside_while_it_is_read(self):
        """What the link leads to is looked at each time it is opened: nothing of the secret comes."""
        allowed, secret = self.folder / "allowed", self.folder / "secret"
        allowed.mkdir()
        secret.write_text("secret\n" * 1000)
        self.make(allowed_roots=[str(allowed)])
        target = allowed / "real"
        target.write_text("mine\n")
        self.written.append("mine")
        link = self.logs / "app.log"
        link.symlink_to(target)
        self.start()
        self.settle()
        for i in range(50):
            (self.logs / ".next").symlink_to(secret if i % 2 == 0 else target)
            os.rename(self.logs / ".next", link)
        with open(target, "a") as f:
            f.write("more\n")
        self.written.append("more")
        self.right()


class Rewind(Lanes):
    def test_rewind_twice_in_a_row(self):
        """While it runs: all of it comes again, at the same places, at least once for each; no more than
        twice; the books are closed."""
        sluice, log = self.lanes({"one": {}}), test_admin.Log(self.pods)
        texts = [f"line {i}" for i in range(2000)]
        log.put(*texts)
        sluice.start()
        self.wait(sluice, one=2000)
        for _ in range(2):
            subprocess.run([SLUICE, "state", "rewind", "one", "-c", self.folder / "sluice.yaml"],
                           check=True, capture_output=True, timeout=agent.PATIENCE)
        self.wait(sluice, one=4000)
        sluice.wait_quiet(0.5)
        log.put("end")
        agent.until("the end", lambda: sluice.messages("one")[-1] == "end")
        self.stop(sluice)
        places = {}
        for record in sluice.records("one"):
            places.setdefault(record["message"], []).append(record["log"]["offset"])
        self.assertEqual(set(places), {*texts, "end"})
        for text in texts:
            self.assertEqual(len(set(places[text])), 1)
            self.assertIn(len(places[text]), (2, 3))
        self.assertEqual(len(places["end"]), 1)


class Versions(Scenario):
    def test_ckpt_14_buf_26_state_of_another_version(self):
        """T-CKPT-14, T-BUF-26: a newer major version is refused with a message, and stays as it is; today's
        is read by whoever writes it."""
        sluice, log = self.agent(), self.log_of()
        log.put("a")
        sluice.start()
        self.wait(sluice, 1)
        self.assert_stops(sluice)
        checkpoint = self.folder / "state" / "checkpoint"
        today = checkpoint.read_bytes()
        newer = self.of_version(today, 2)
        for path in (checkpoint, self.folder / "state" / "checkpoint.prev"):
            path.write_bytes(newer)
        life = sluice.start()
        self.assertEqual(life.wait(), 1)
        self.assertIn("version", Path(life.log).read_text())
        self.assertEqual(checkpoint.read_bytes(), newer)
        checkpoint.write_bytes(today)
        log.put("b")
        sluice.start()
        self.wait(sluice, 2)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b"]})

    @staticmethod
    def of_version(data, major):
        """The same with another number, and the checksum of that: major stands behind the magic."""
        changed = data[:9] + bytes([major]) + data[10:-4]
        return changed + zlib.crc32(changed).to_bytes(4, "little")


class Lost(test_admin.Case):
    def test_met_06_oversize_by_drop(self):
        """T-MET-06: what is dropped for its size is counted by that reason, to the byte; all else is 0."""
        sluice = self.agent(max_record=128, on_oversize="drop")
        log = test_admin.Log(self.pods)
        small, large = log.line("small"), log.line("x" * 1000)
        log.write(small + large + small)
        sluice.start()
        m = self.wait_metric(sluice, "delivered_records_total", 2)
        self.assertEqual(m.sum("dropped_bytes_total", reason="oversize"), len(large))
        self.assertEqual(m.sum("dropped_bytes_total"), len(large))
        self.assertEqual(m.sum("delivered_bytes_total"), 2 * len(small))
        self.assertEqual(m.sum("lost_bytes_total") + m.sum("filtered_bytes_total"), 0)
        self.assert_identity(m)
        self.assert_stops(sluice)


if __name__ == "__main__":
    unittest.main()
