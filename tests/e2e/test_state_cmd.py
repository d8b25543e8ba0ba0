"""`sluice state`: what is shown of the positions, beside an agent and without one, and what becomes
of them when they are changed while none runs; test_state_live.py changes them while one does."""
import fcntl
import json
import os
import struct
import subprocess
import time
import unittest
import zlib

import agent
from programs import SLUICE
from test_lanes import Case
from test_tail import Log


class Command(Case):
    def state(self, *words, code=0):
        """Runs it. Returns what it said on stdout, or on stderr where it should fail."""
        done = subprocess.run([SLUICE, "state", *words, "-c", self.folder / "sluice.yaml"],
                              capture_output=True, timeout=agent.PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        if code:
            self.assertEqual(done.stdout, b"", "data on stdout, diagnostics on stderr")
        return (done.stderr if code else done.stdout).decode()

    def objects(self, *words):
        return [json.loads(line) for line in self.state(*words, "--json").splitlines()]

    def delivered(self, lanes=None, **options):
        """An agent that has run and delivered `a`, then, rotated away, `b`, to outputs one and two."""
        sluice, log = self.lanes(lanes or {"one": {}, "two": {}}, **options), Log(self.pods)
        log.put("a")
        log.rotate()
        log.put("b")
        sluice.start()
        self.wait(sluice, one=2, two=2)
        self.stop(sluice)
        return sluice, log

    @property
    def checkpoint(self):
        return self.folder / "state" / "checkpoint"


class Looking(Command):
    def test_ls_beside_a_running_agent_and_without_one(self):
        sluice, log = self.delivered()
        size = (log.folder / "0.log").stat().st_size
        for running in (False, True):
            with self.subTest(running=running):
                if running:
                    sluice.start()
                    agent.until("a checkpoint", lambda: time.time()
                                - self.checkpoint.stat().st_mtime < 60)
                text = self.state("ls")
                self.assertRegex(text, r"^as of the last checkpoint, \d+\.\d s ago\n")
                for name in ("one", "two"):
                    self.assertIn(f"shop/app main {name} 0.log:{size} 0 bytes unread\n", text)
                found = self.objects("ls")
                self.assertEqual(len(found), 2)
                self.assertEqual(
                    {key: found[0][key] for key in ("namespace", "pod", "uid", "container",
                                                    "output", "unread_bytes")},
                    {"namespace": "shop", "pod": "app", "uid": "uid-app", "container": "main",
                     "output": "one", "unread_bytes": 0})
                self.assertEqual((found[0]["position"]["file"], found[0]["position"]["offset"]),
                                 ("0.log", size))
                self.assertLess(found[0]["checkpoint_age_seconds"], 60)
        self.stop(sluice)

    def test_ls_tells_what_is_unread(self):
        """Of an output that stands still; the other one has none."""
        sluice = self.lanes({"fast": {}, "slow": {"type": "stdout"}}, memory_limit="8MiB",
                            shutdown_timeout="100ms")
        writer = self.write("--containers", 1, "--hot", 1, "--lines", 40000, "--line", 500,
                            "--seconds", 30)
        messages = writer.wait()
        sluice.start(rate=0)
        self.wait(sluice, fast=messages)

        def unread():
            return {doc["output"]: doc["unread_bytes"] for doc in self.objects("ls")}
        agent.until("saved", lambda: self.checkpoint.exists() and unread().get("fast") == 0)
        self.assertGreater(unread()["slow"], 10 << 20)
        self.stop(sluice)

    def test_show_names_files_and_positions(self):
        _, log = self.delivered()
        text = self.state("show", "shop/app")
        self.assertIn("shop/app main uid uid-app\n", text)
        self.assertIn(" 0.log.20231114-221320 restart 0 ", text)
        self.assertIn("output one: stdout 0.log:", text)
        found, = self.objects("show", "shop/app/main")
        self.assertEqual([g["file"] for g in found["generations"]],
                         ["0.log.20231114-221320", "0.log"])
        self.assertEqual(found["generations"][0]["end"], found["generations"][0]["size"])
        self.assertEqual(set(found["outputs"]), {"one", "two"})
        self.assertEqual(found["outputs"]["two"]["positions"]["stdout"],
                         {"generation": found["generations"][1]["name"], "file": "0.log",
                          "offset": (log.folder / "0.log").stat().st_size})

    def test_what_is_not_there(self):
        self.lanes({"one": {}}).configuration(None)
        for words in (["ls"], ["show", "a/b"], ["rename", "a", "b"], ["rewind", "a"]):
            with self.subTest(words):
                self.assertIn("no agent has run on it yet", self.state(*words, code=1))
        self.setUp()
        self.delivered()
        for which in ("shop/ap", "shop/app/mai", "shop/app/main/x", "shop", "x/app"):
            with self.subTest(which):
                self.assertIn(f"nothing is known of {which}", self.state("show", which, code=1))

    def test_usage(self):
        self.lanes({"one": {}}).configuration(None)
        for words in ([], ["lis"], ["ls", "x"], ["show"], ["show", "a", "b"], ["rename", "a"],
                      ["rewind"], ["rewind", "a", "b", "c"], ["ls", "--to", "beginning"],
                      ["ls", "--nope"]):
            with self.subTest(words):
                self.state(*words, code=2)
        self.delivered()
        for where in ("yesterday", "end", "2026-13-01T00:00:00Z", "x:1", ""):
            with self.subTest(where):
                self.assertIn("--to", self.state("rewind", "one", "--to", where, code=2))
        self.assertIn("is no name of an output", self.state("rename", "one", "a b", code=2))
        help_text = subprocess.run([SLUICE, "state", "--help"], capture_output=True, check=True)
        self.assertIn(b"sluice state rewind search", help_text.stdout)

    def test_damaged_is_said_and_left_as_it_is(self):
        self.delivered()
        whole = self.checkpoint.read_bytes()
        newer = whole[:8] + whole[8:-4].replace(b"\x93\x01", b"\x93\x09", 1)
        newer += struct.pack("<I", zlib.crc32(newer))
        for damaged, words in ((whole[:-1], "damaged"), (b"", "damaged"), (newer, "newer")):
            self.checkpoint.write_bytes(damaged)
            for command in (["ls"], ["show", "shop/app"], ["rename", "one", "x"],
                            ["rewind", "one"]):
                with self.subTest(command, words=words):
                    self.assertIn(words, self.state(*command, code=1))
                    self.assertEqual(self.checkpoint.read_bytes(), damaged)

    def test_control_bytes_are_shown(self):
        """Of a name that somebody made up; JSON escapes them."""
        folder = "shop_a\x1b[2J\n_uid"
        (self.pods / folder / "main").mkdir(parents=True)
        (self.pods / folder / "main" / "0.log").write_bytes(Log.line("a"))
        sluice = self.lanes({"one": {}})
        sluice.start()
        self.wait(sluice, one=1)
        self.stop(sluice)
        text = self.state("ls")
        self.assertIn("shop/a\\x1b[2J\\x0a main one", text)
        self.assertEqual(self.objects("ls")[0]["pod"], "a\x1b[2J\n")


class Changing(Command):
    def test_a_lock_without_an_agent_that_answers(self):
        """Somebody holds it: nothing is touched."""
        self.delivered()
        before = self.checkpoint.read_bytes()
        with open(self.folder / "state" / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for words in (["rename", "one", "x"], ["rewind", "one"]):
                self.assertIn("no agent is running with the state directory",
                              self.state(*words, code=1))
        self.assertEqual(self.checkpoint.read_bytes(), before)

    def test_rename_keeps_positions_under_the_new_name(self):
        sluice, log = self.delivered()
        before = self.checkpoint.read_bytes()
        self.assertIn("did you mean \"one\"", self.state("rename", "onne", "x", code=1))
        self.assertIn("would be lost", self.state("rename", "one", "two", code=1))
        self.assertEqual(self.checkpoint.read_bytes(), before)
        self.state("rename", "one", "uno")
        self.assertEqual((self.folder / "state" / "checkpoint.prev").read_bytes(), before)
        log.put("c")
        sluice.lanes = {"uno": {}, "two": {}}
        sluice.start()
        self.wait(sluice, uno=1, two=3)
        self.stop(sluice)
        self.assertEqual(sluice.messages("uno"), ["c"])
        self.assertEqual(sluice.messages("two"), ["a", "b", "c"])
        self.assertFalse(any("is new" in doc["message"] for doc in sluice.life.logged()))

    def test_the_checkpoint_stays_its_owners(self):
        """Somebody else who may do it, root, changes it: the agent can still read and write it."""
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        self.delivered()
        os.chown(self.folder / "state", 65534, 65534)
        self.state("rename", "one", "uno")
        self.assertEqual(self.checkpoint.stat().st_uid, 65534)

    def rewound(self, sluice, *words, lane="one"):
        """What comes again to that lane, in a life after the command; the other gets nothing."""
        self.state("rewind", lane, *words)
        before = {name: sluice.count(name) for name in sluice.lanes}
        sluice.start()
        agent.until("a checkpoint of that life", lambda: self.checkpoint.stat().st_mtime_ns
                    > sluice.life.start)
        sluice.wait_quiet(1)
        books = self.stop(sluice)
        for name in sluice.lanes:
            if name != lane:
                self.assertEqual(sluice.count(name), before[name], f"{name} gets nothing again")
                self.assertEqual(books[name]["read_bytes"], 0)
        return sluice.messages(lane)[before[lane]:]

    def test_rewind_to_the_beginning_of_what_is_there(self):
        """Also through files that had been let go; places are the same as before."""
        sluice, _ = self.delivered()
        self.assertEqual(self.rewound(sluice), ["a", "b"])
        records = sluice.records("one")
        self.assertEqual([r["log"] for r in records[:2]], [r["log"] for r in records[2:]])

    def test_rewind_to_a_record(self):
        sluice, log = self.delivered()
        log.put("c", "d")
        sluice.start()
        self.wait(sluice, one=4, two=4)
        self.stop(sluice)
        at = sluice.records("one")[2]["log"]
        self.assertEqual(self.rewound(sluice, "--to", f"{at['generation']}:{at['offset']}"),
                         ["c", "d"])
        self.assertEqual(self.rewound(sluice, "shop/app", "--to",
                                      f"{at['generation']}:{at['offset']}"), ["c", "d"])

    def test_rewind_to_a_time(self):
        """The beginning of the file that was written then."""
        sluice, log = self.delivered()
        when = sluice.records("one")[1]["@timestamp"]
        self.assertEqual(self.rewound(sluice, "--to", when), ["b"])
        self.assertEqual(self.rewound(sluice, "--to", "1h"), ["b"])  # all of it is older
        self.assertEqual(self.rewound(sluice, "--to", "1999-01-01T00:00:00+02:00"), ["a", "b"])

    def test_rewind_of_one_container(self):
        sluice = self.lanes({"one": {}})
        for pod in ("app", "app2"):
            Log(self.pods, pod).put(pod)
        sluice.start()
        self.wait(sluice, one=2)
        self.stop(sluice)
        self.assertIn("in 1 of 1 containers", self.state("rewind", "one", "shop/app"))
        self.assertEqual(self.rewound(sluice, "shop/app/main"), ["app"])

    def test_what_is_gone_by_then_is_lost_by_name(self):
        sluice, log = self.delivered()
        self.state("rewind", "one")
        os.unlink(log.folder / "0.log.20231114-221320")
        sluice.start()
        self.wait(sluice, one=3)
        books = self.stop(sluice)
        self.assertEqual(sluice.messages("one"), ["a", "b", "b"])
        lost, = sluice.life.logged("lost")
        self.assertEqual((lost["output"], lost["reason"], lost["file"]),
                         ("one", "deleted_while_down", "0.log.20231114-221320"))
        self.assertEqual(books["two"]["lost_bytes"], 0)


if __name__ == "__main__":
    unittest.main()
