"""The input of files: what matches a glob, through all that a rotation may do to it, in one life and
over several. A small tree, a few lines a test; each line comes exactly once."""
import gzip
import json
import os
import shutil
import time
import unittest
from collections import Counter

import agent
from test_limits import wake_ups


class Files(agent.Case):
    glob = "*.log"

    def setUp(self):
        super().setUp()
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.make()

    def make(self, paths=None, **input_options):
        self.sluice = self.agent()
        self.sluice.inputs = {"type": "file", "paths": paths or [f"{self.logs}/{self.glob}"],
                              "pin": {"min_free": "0%"}, **input_options}
        self.written = []

    def put(self, name, *lines, mode="a"):
        self.written += lines
        with open(self.logs / name, mode) as f:
            f.write("".join(line + "\n" for line in lines))

    def start(self):
        self.sluice.start()

    def restart(self):
        self.assert_stops(self.sluice)
        self.sluice.start()

    def records(self):
        found = []
        for life in self.sluice.lives:
            with open(life.output, "rb") as f:
                found += [json.loads(line) for line in f.read().split(b"\n")[:-1]]
        return found

    def messages(self):
        return [record["message"] for record in self.records()]

    def settle(self):
        """All that was written has come."""
        agent.until("all lines", lambda: len(self.messages()) >= len(self.written)
                    or self.sluice._ended(self.sluice.life))

    def right(self):
        """Exactly that, when all is over, and each line under a place of its own."""
        self.settle()
        time.sleep(0.3)
        self.assert_stops(self.sluice)
        self.assertEqual(Counter(self.messages()), Counter(self.written))
        places = [(r["log"]["generation"], r["log"]["offset"]) for r in self.records()]
        self.assertEqual(len(places), len(set(places)))

    def of(self, name):
        return [r["message"] for r in self.records() if r["log"]["file"]["path"].endswith("/" + name)]


class Rotation(Files):
    """The same with a glob that matches rotated files, and with one that does not."""

    def test_t_rot_09_renamed(self):
        self.put("app.log", "1", "2")
        self.start()
        self.settle()
        os.rename(self.logs / "app.log", self.logs / "app.log.1")
        self.put("app.log", "3", "4")
        self.settle()
        self.put("app.log.1", "late")
        self.right()
        self.assertEqual(Counter(self.of("app.log")), Counter(self.written))

    def test_t_rot_07_three_files_three_times(self):
        self.start()
        for i in range(3):
            for name in ("a.log", "b.log", "c.log"):
                self.put(name, *(f"{name} {i} {k}" for k in range(30)))
            self.settle()  # what was renamed before it was seen, only the other glob finds
            for name in ("a.log", "b.log", "c.log"):
                for old in range(i, 0, -1):
                    os.rename(self.logs / f"{name}.{old}", self.logs / f"{name}.{old + 1}")
                os.rename(self.logs / name, self.logs / f"{name}.1")
        self.right()

    def test_t_rot_33_renamed_while_down(self):
        self.put("app.log", "1", "2")
        self.start()
        self.settle()
        self.assert_stops(self.sluice)
        self.put("app.log", "3")
        os.rename(self.logs / "app.log", self.logs / "app.log.1")
        self.put("app.log", "4")
        self.start()
        self.right()

    def test_killed_and_renamed(self):
        self.put("app.log", "1", "2")
        self.start()
        self.settle()
        time.sleep(1.2)  # more than one checkpoint_interval: what came is saved
        self.sluice.kill()
        self.put("app.log", "3")
        os.rename(self.logs / "app.log", self.logs / "app.log.1")
        self.start()
        self.settle()
        self.put("app.log", "4")
        self.right()

    def test_copied_and_truncated(self):
        for i in range(3):
            self.put("app.log", f"first of {i}", *(f"{i} {k}" for k in range(20)))
            if i == 0:
                self.start()
            self.settle()
            shutil.copy(self.logs / "app.log", self.logs / f"app.log.{i}")
            os.truncate(self.logs / "app.log", 0)
        self.put("app.log", "end")
        self.right()

    def test_copied_and_truncated_with_the_same_first_line(self):
        """A banner, as many programs write it: which copy is whose, the bytes before us say."""
        self.start()
        for i in range(3):
            self.put("app.log", "banner", *(f"{i} {k} of some length" for k in range(20)))
            self.settle()
            shutil.copy(self.logs / "app.log", self.logs / f"app.log.{i}")
            os.truncate(self.logs / "app.log", 0)
            self.put("app.log", "banner", f"only {i}")
            self.settle()
            os.truncate(self.logs / "app.log", 0)
        self.right()

    def test_copied_unread_and_truncated_while_down(self):
        self.put("app.log", "header", *(f"read {k} and some more" for k in range(10)))
        self.start()
        self.settle()
        self.assert_stops(self.sluice)
        self.put("app.log", "unread 1", "unread 2")
        shutil.copy(self.logs / "app.log", self.logs / "app.log.1")
        os.truncate(self.logs / "app.log", 0)
        self.put("app.log", "header", "new")
        self.start()
        self.right()

    def test_compressed_while_down(self):
        self.put("app.log", "one", "two")
        self.start()
        self.settle()
        self.assert_stops(self.sluice)
        self.put("app.log", "three")
        with gzip.open(self.logs / "app.log.1.gz", "wb") as f:
            f.write((self.logs / "app.log").read_bytes())
        (self.logs / "app.log").unlink()
        self.put("app.log", "four")
        self.start()
        self.right()

    def test_rotated_compressed_and_shifted(self):
        self.start()
        for i in range(4):
            self.put("app.log", f"first {i}", f"second {i}")
            self.settle()
            for old in range(i, 1, -1):
                os.rename(self.logs / f"app.log.{old}.gz", self.logs / f"app.log.{old + 1}.gz")
            if i > 0:
                with gzip.open(self.logs / "app.log.2.gz", "wb") as f:
                    f.write((self.logs / "app.log.1").read_bytes())
                (self.logs / "app.log.1").unlink()
            os.rename(self.logs / "app.log", self.logs / "app.log.1")
            if i == 2:
                self.restart()
        self.put("app.log", "end")
        self.right()

    def test_t_rot_17_moved_truncated_moved_back(self):
        self.put("app.log", "a", "b", "c")
        self.start()
        self.settle()
        os.rename(self.logs / "app.log", self.logs / "away.log.1")
        os.truncate(self.logs / "away.log.1", 0)
        os.rename(self.logs / "away.log.1", self.logs / "app.log")
        self.put("app.log", "d", "e")
        self.right()


class RotationMatched(Rotation):
    glob = "*.log*"


class OneFile(Files):
    def test_t_rot_20_truncated_to_less_the_same_and_more(self):
        self.put("app.log", "aaaa 1", "aaaa 2")
        self.start()
        for i, lines in enumerate((["b"], ["cccc 1"], ["d"], ["eeee 1", "eeee 2", "eeee 3"], ["f"])):
            self.settle()
            if i == 3:
                time.sleep(3)  # it sleeps by then
            self.put("app.log", *lines, mode="w")
        self.right()

    def test_t_rot_16_truncated_to_a_part(self):
        """What is left of it is read again: it may be other bytes by now."""
        self.put("app.log", "one", "two", "three")
        self.start()
        self.settle()
        os.truncate(self.logs / "app.log", 4)
        self.written.append("one")
        self.put("app.log", "new")
        self.right()

    def test_t_rot_23_deleted_and_made_again(self):
        self.put("app.log", "one", "two")
        self.start()
        self.settle()
        for i in range(5):
            (self.logs / "app.log").unlink()
            self.put("app.log", f"x{i}")
            self.settle()
        self.right()

    def test_made_again_while_down_with_the_same_first_line(self):
        """The banner of a program that was started again is a line of its own."""
        self.put("app.log", "banner")
        self.start()
        self.settle()
        self.assert_stops(self.sluice)
        (self.logs / "app.log").unlink()
        self.put("app.log", "banner", "more")
        self.start()
        self.right()

    def test_made_again_with_the_same_first_line(self):
        """A banner that is written again is no copy of the old one, whether or not we look between."""
        self.put("app.log", "banner")
        self.start()
        self.settle()
        for i in range(5):
            (self.logs / "app.log").unlink()
            self.put("app.log", "banner", f"{i}")
            self.settle()
        self.right()

    def test_a_file_that_has_more_is_no_copy(self):
        """Two writers who begin with the same line, and the one whose file is longer comes second."""
        self.put("app.log", "banner")
        self.put("app-1.log", "banner", "one", "two")
        self.start()
        self.right()
        self.assertEqual(self.of("app-1.log"), ["banner", "one", "two"])

    def test_a_copy_that_grows_late_is_none(self):
        """... or the other one is silent at first, and then never closes his file."""
        self.put("app.log", "banner")
        with open(self.logs / "app-1.log", "w", buffering=1) as f:
            f.write("banner\n")
            os.utime(f.fileno(), (0, 0))  # older than what is looked at again soon
            self.start()
            self.settle()
            self.sluice.wait_quiet(1.5)
            self.written += ["banner", "late"]
            f.write("late\n")
            self.settle()
        self.right()
        self.assertEqual(self.of("app-1.log"), ["banner", "late"])

    def test_an_old_link_that_leads_nowhere_costs_nothing(self):
        """And it is read when it leads somewhere."""
        link = self.logs / "link.log"
        link.symlink_to(self.logs / "later.txt")
        os.utime(link, (0, 0), follow_symlinks=False)
        self.put("app.log", "one")
        self.start()
        self.settle()
        self.sluice.wait_quiet(4)
        before = wake_ups(self.sluice.life)
        time.sleep(4)
        self.assertLess(wake_ups(self.sluice.life) - before, 3)
        self.put("later.txt", "two")
        self.right()
        self.assertEqual(self.of("link.log"), ["two"])

    def test_t_rot_22_replaced_by_a_longer_copy(self):
        self.put("app.log", "one", "two")
        self.start()
        self.settle()
        self.written.append("three")
        (self.logs / "tmp").write_text("one\ntwo\nthree\n")
        self.sluice.wait_quiet(0.1)  # a copy is older than the moment at which the other one goes
        os.rename(self.logs / "tmp", self.logs / "app.log")
        self.settle()
        self.put("app.log", "four")
        self.right()

    def test_a_hole_is_no_record(self):
        """Truncated under a writer who goes on at his old offset."""
        with open(self.logs / "app.log", "w") as f:
            f.write("x" * (1 << 20) + "\n")
            f.flush()
            self.written.append("x" * (512 << 10))
            self.start()
            self.settle()
            os.truncate(self.logs / "app.log", 0)
            f.write("behind\n")
            f.flush()
            self.written.append("behind")
            self.settle()
        books = self.assert_stops(self.sluice)
        self.assertEqual(self.messages()[-1], "behind")
        self.assertEqual(books["lost_bytes"], 0)
        self.restart_and_compare()

    def restart_and_compare(self):
        self.start()
        self.put("app.log", "later")
        self.right()

    def test_a_deleted_file_that_is_held_is_saved_once(self):
        state = self.folder / "state" / "checkpoint"
        with open(self.logs / "app.log", "w", buffering=1) as f:
            f.write("one\nhalf a line")
            self.written.append("one")
            self.start()
            self.settle()
            (self.logs / "app.log").unlink()
            self.sluice.wait_quiet(4)  # longer than it is read, and saved, after what happened last
            before = state.stat().st_ino, state.stat().st_mtime_ns
            self.sluice.wait_quiet(2)  # four intervals
            self.assertEqual((state.stat().st_ino, state.stat().st_mtime_ns), before)
            self.assert_stops(self.sluice)

    @agent.long_only
    def test_the_torn_end_of_a_deleted_file_that_is_held(self):
        """30 s after the last byte nobody is expected to write its newline."""
        with open(self.logs / "app.log", "w", buffering=1) as f:
            f.write("one\nhalf a line")
            self.written += ["one", "half a line"]
            self.start()
            agent.until("the first line", lambda: self.messages())
            (self.logs / "app.log").unlink()
            self.right()

    def test_several_writers(self):
        """Whole lines of four at once."""
        self.start()
        lines = [[f"writer {w} line {i}" for i in range(200)] for w in range(4)]
        files = [open(self.logs / "app.log", "a", buffering=1) for _ in lines]
        for i in range(200):
            for f, of in zip(files, lines):
                f.write(of[i] + "\n")
        for f in files:
            f.close()
        self.written = sum(lines, [])
        self.right()
        for w, of in enumerate(lines):
            self.assertEqual([m for m in self.messages() if m.startswith(f"writer {w} ")], of)

    def test_no_state_left_of_files_that_are_gone(self):
        """T-ROT-27, T-DISC-12"""
        for i in range(20):
            self.put(f"a{i}.log", f"line {i}")
        self.start()
        self.settle()
        for i in range(20):
            (self.logs / f"a{i}.log").unlink()
        state = self.folder / "state" / "checkpoint"
        agent.until("a small state", lambda: state.exists() and b"a7.log" not in state.read_bytes())
        self.right()


class Found(Files):
    def test_t_disc_02_globs(self):
        self.make([f"{self.logs}//*/app*.log", f"{self.logs}/one/", f"!{self.logs}/*/app-not.log"])
        self.start()
        for folder in ("x", "y"):  # later than the agent
            (self.logs / folder).mkdir()
            self.put(f"{folder}/app1.log", f"in {folder}")
            self.put(f"{folder}/app2.log", f"2 in {folder}")
        self.settle()
        wanted = list(self.written)
        self.put("x/app-not.log", "taken away")
        self.put("x/other.log", "no match")
        self.put("app3.log", "not in a folder")
        (self.logs / "x" / "deep").mkdir()
        self.put("x/deep/app1.log", "too deep")
        self.written = wanted
        self.put("x/app1.log", "again")
        self.right()

    def test_folders_that_come_go_and_come_again(self):
        shutil.rmtree(self.logs)
        self.start()
        for i in range(3):
            time.sleep(0.2)
            self.logs.mkdir()
            self.put("app.log", f"round {i}", f"second {i}")
            self.settle()
            shutil.rmtree(self.logs)
        self.logs.mkdir()
        self.right()

    def test_unreadable_then_readable(self):
        """T-ROT-42: and what lies beside it is read meanwhile. (root may read everything)"""
        if os.geteuid() == 0:
            self.sluice.launcher = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all"]
            for path in (self.folder, self.folder / "state"):
                path.chmod(0o777)
            self.addCleanup(os.umask, os.umask(0))
        self.put("secret.log", "secret")
        self.put("open.log", "open")
        (self.logs / "secret.log").chmod(0)
        self.start()
        agent.until("the open one", lambda: self.messages() == ["open"])
        (self.logs / "secret.log").chmod(0o644)
        self.right()

    def test_long_and_odd_names(self):
        for name in ("x" * 251 + ".log", "a b.log", "\u00e9\u20ac.log", "[a].log", "%s%n.log"):
            self.put(name, f"in {name}")
        self.put(".hidden.log", "hidden")
        self.written.remove("hidden")
        self.start()
        self.right()

    def test_t_disc_13_what_is_no_file(self):
        os.mkfifo(self.logs / "fifo.log")
        (self.logs / "folder.log").mkdir()
        (self.logs / "device.log").symlink_to("/dev/zero")
        (self.logs / "loop.log").symlink_to("loop.log")
        (self.logs / "outside.log").symlink_to("/etc/passwd")
        (self.logs / "magic.log").symlink_to("/proc/self/fd/0")
        (self.logs / "nowhere.log").symlink_to("nowhere")
        self.put("app.log", "a")
        self.start()
        self.right()
        said = [m for m in self.sluice.life.logged() if "symbolic link" in m["message"]]
        self.assertEqual(len(said), 1, said)

    def test_t_rot_38_links_to_one_file(self):
        self.put("app.log", "a")
        (self.logs / "second.log").symlink_to("app.log")
        (self.logs / "third.log").symlink_to(self.logs / "second.log")
        self.start()
        self.settle()
        self.put("app.log", "b")
        self.settle()
        self.restart()
        self.right()

    def test_t_rot_37_39_a_link_into_an_allowed_folder(self):
        target = self.folder / "elsewhere"
        target.mkdir()
        self.make(allowed_roots=[str(target)])
        (target / "real").write_text("one\n")
        (self.logs / "app.log").symlink_to(target / "real")
        self.written = ["one"]
        self.start()
        self.settle()
        os.rename(target / "real", target / "real.1")
        (target / "real").write_text("two\n")
        self.written.append("two")
        self.settle()
        (target / "other").write_text("three\n")
        (self.logs / "new").symlink_to(target / "other")
        os.rename(self.logs / "new", self.logs / "app.log")
        self.written.append("three")
        self.settle()
        self.restart()
        shutil.rmtree(target)
        (self.logs / "app.log").unlink()
        agent.until("no descriptors", lambda: not [f for f in self.sluice.life.files()
                                                   if "elsewhere" in f])
        self.right()

    def test_ten_thousand_files(self):
        """Not quadratic: it ends."""
        count = 10000 if agent.LONG or not self.is_sanitized() else 2000
        for i in range(count):
            self.put(f"{i}.log", f"line {i}")
        self.start()
        self.settle()
        for i in range(0, count, 10):
            self.put(f"new{i}.log", f"new {i}")
            self.put(f"{i}.log", f"more {i}")
        self.right()

    def test_made_again_while_a_file_of_it_is_open(self):
        """The folder, and then one above it."""
        self.logs = self.folder / "above" / "logs"
        self.logs.mkdir(parents=True)
        self.make([f"{self.folder}/above/*/*.log"])
        self.put("app.log", "old")
        held = [open(self.logs / "app.log")]
        self.start()
        self.settle()
        for folder in self.logs, self.logs.parent:
            shutil.rmtree(folder)
            self.sluice.wait_quiet(0.3)
            self.logs.mkdir(parents=True)
            self.sluice.wait_quiet(0.3)
            self.put("app.log", f"new in {folder.name}")
            held.append(open(self.logs / "app.log"))
            agent.until("it", lambda: len(self.messages()) == len(self.written), 20)
        self.right()
        for file in held:
            file.close()


class Identity(Files):
    def test_fields_are_the_container(self):
        self.make(fields={"kubernetes.namespace": "shop", "kubernetes.pod.name": "cart-1",
                          "kubernetes.pod.uid": "u-1", "kubernetes.container.name": "app",
                          "team": "blue"})
        self.sluice.outputs["select"] = {"namespaces": ["shop"]}
        self.put("app.log", "a")
        self.start()
        self.right()
        record = self.records()[0]
        self.assertEqual(record["kubernetes"]["namespace"], "shop")
        self.assertEqual(record["kubernetes"]["pod"], {"name": "cart-1", "uid": "u-1"})
        self.assertEqual(record["kubernetes"]["container"], {"name": "app"})
        self.assertEqual(record["team"], "blue")
        self.assertEqual(record["log"]["file"]["path"], str(self.logs / "app.log"))

    def test_two_inputs_of_one_file(self):
        """The first one has it."""
        first = {"type": "file", "paths": [f"{self.logs}/a*.log"], "fields": {"of": "first"}}
        second = {"type": "file", "paths": [f"{self.logs}/*.log"], "fields": {"of": "second"}}
        self.put("app.log", "a")
        self.put("other.log", "b")
        self.sluice.inputs = first
        self.sluice.more["inputs"] = [second]
        self.start()
        self.right()
        self.assertEqual({r["message"]: r["of"] for r in self.records()},
                         {"a": "first", "b": "second"})


class Sidecar(Files):
    def test_a_stop_reads_all_that_is_there(self):
        """The neighbour has written its last lines, rotated meanwhile, and ended."""
        self.start()
        self.put("app.log", "first")
        self.settle()
        lines = [f"last words {i} " + "x" * 100 for i in range(20000)]
        self.put("app.log", *lines[:10000])
        os.rename(self.logs / "app.log", self.logs / "app.log.1")
        self.put("app.log", *lines[10000:])
        self.put("new.log", "a file that nobody has seen")
        self.assert_stops(self.sluice)
        self.assertEqual(Counter(self.messages()), Counter(self.written))

    def test_what_cannot_be_delivered_does_not_hold_the_stop(self):
        self.sluice = self.agent(output="stdout", shutdown_timeout="1s")
        self.sluice.inputs = {"type": "file", "paths": [f"{self.logs}/*.log"]}
        self.sluice.start(rate=0)
        with open(self.logs / "app.log", "w") as f:
            f.write(("x" * 200 + "\n") * 200000)
        self.sluice.wait_quiet(0.5)
        self.assertEqual(self.sluice.stop(), 0)

    def test_a_last_line_without_its_newline(self):
        """Its writer has ended, and its pod goes: it is a record, flagged. If the file stays, what
        comes in it later is one of its own."""
        self.start()
        self.put("app.log", "first")
        self.settle()
        with open(self.logs / "app.log", "a") as f:
            f.write("last wo")
        (self.logs / "only.log").write_text("only")
        self.assert_stops(self.sluice)
        found = {r["message"]: r["log"].get("flags") for r in self.records()}
        self.assertEqual(found, {"first": None, "last wo": ["partial"], "only": ["partial"]})
        with open(self.logs / "app.log", "a") as f:
            f.write("rds\nmore\n")
        self.sluice.start()
        agent.until("the rest", lambda: self.sluice.life.records() >= 2)
        self.assert_stops(self.sluice)
        self.assertEqual([r["message"] for r in self.records()
                          if r["log"]["file"]["path"].endswith("app.log")],
                         ["first", "last wo", "rds", "more"])

    def test_a_lane_that_stands_still_does_not_hold_the_others(self):
        """What they have read is sent at once, and counts, though the batch was not full."""
        other = self.folder / "other.jsonl"
        self.sluice = self.agent(output="stdout", shutdown_timeout="3s")
        self.sluice.inputs = {"type": "file", "paths": [f"{self.logs}/*.log"]}
        self.sluice.more["outputs"] = [{"name": "other", "type": "file", "path": str(other),
                                        "batch": {"max_age": "1h", "max_records": 1000000}}]
        self.sluice.start(rate=0)
        lines = [f"{i} " + "x" * 200 for i in range(40000)]
        self.put("app.log", *lines)
        self.assertEqual(self.sluice.stop(), 0)
        with open(other) as f:
            self.assertEqual([json.loads(line)["message"] for line in f], lines)


if __name__ == "__main__":
    unittest.main()
