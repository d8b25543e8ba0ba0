"""How the agent lives: stalled and released, stopped in the middle, beside a second one, with a full
disk, without permission. Ids are those of tests/README.md."""
import fcntl
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
from agent import MIB
from programs import SLUICE
from test_tail import Log

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
SMALL = {"output": "stdout", "memory_limit": "8MiB"}  # what a stalled reader of stdout soon fills


class Scenario(agent.Case):
    def log_of(self, pod="app", container="main"):
        return Log(self.pods, pod, container)

    @staticmethod
    def messages(sluice):
        """Of all lives, in their order, by pod."""
        found = {}
        for life in sluice.lives:
            with open(life.output, "rb") as output:
                for line in output:
                    if line.endswith(b"\n") and line.startswith(b"{"):
                        record = json.loads(line)
                        found.setdefault(record["kubernetes"]["pod"]["name"], []).append(
                            record["message"])
        return found

    def wait(self, sluice, count):
        agent.until(f"{count} records", lambda: sum(
            life.records() for life in sluice.lives) >= count)

    def wait_said(self, life, words):
        """Until the agent has said something with all these words; returns it."""
        def said():
            return [doc for doc in life.logged() if all(word in json.dumps(doc) for word in words)]
        return agent.until(f"to say {words}", said)

    def run_as_nobody(self):
        """A launcher, and a scratch folder that another user may use."""
        for path in (self.folder, self.pods):
            path.chmod(0o755)
        (self.folder / "state").mkdir(exist_ok=True)
        os.chown(self.folder / "state", NOBODY, NOBODY)
        (self.folder / "out-0.jsonl").touch()
        os.chown(self.folder / "out-0.jsonl", NOBODY, NOBODY)
        if subprocess.run([*AS_NOBODY, SLUICE, "version"], capture_output=True).returncode:
            self.skipTest("cannot run the agent as another user here")
        return AS_NOBODY


def read_bytes(life):
    """All that the process has read so far."""
    text = Path(f"/proc/{life.process.pid}/io").read_text()
    return int(re.search(r"^rchar: (\d+)", text, re.M)[1])


def cpu_ticks(life):
    fields = Path(f"/proc/{life.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Stalled(Scenario):
    def stall(self, sluice, log, texts):
        """Starts an agent whose reader stands still, and waits until it reads no more."""
        for text in texts:
            log.put(text)
        sluice.start(rate=0)
        agent.until("it reads", lambda: read_bytes(sluice.life) > MIB)
        self.assert_stands_still(sluice.life)

    def assert_stands_still(self, life):
        seen = -1

        def still():
            nonlocal seen
            before, seen = seen, read_bytes(life)
            return before == seen
        agent.until("it stands still", still, pause=0.5)

    def test_tail_18_everything_of_the_pause(self):
        """T-TAIL-18: appended, rotated, created while paused; then nothing happens any more, but the
        reader goes on."""
        sluice, log = self.agent(**SMALL), self.log_of()
        filler = [f"{i} {'x' * 10000}" for i in range(3000)]
        self.stall(sluice, log, filler)
        log.put("appended")
        os.close(log.rotate())
        log.put("in the new file")
        os.close(log.rotate("0.log.20231114-221399"))
        log.put("in the newest")
        for i in range(5):
            self.log_of(f"new-{i}").put("1", "2")
        self.log_of("app", "second").put("another container")
        expected = [*filler, "appended", "in the new file", "in the newest"]
        time.sleep(0.5)  # so that all of it is old news
        sluice.life.drain.rate = None
        self.wait(sluice, len(expected) + 11)
        self.assert_stops(sluice)
        came = self.messages(sluice)
        came["app"].remove("another container")
        self.assertTrue(came.pop("app") == expected)
        self.assertEqual(came, {f"new-{i}": ["1", "2"] for i in range(5)})

    def test_res_02_growing_files_and_no_way_out(self):
        """T-RES-02: two hundred files grow, and what is read and held stays what it was."""
        sluice = self.agent(**SMALL)
        logs = [self.log_of(f"p{i}") for i in range(200)]
        block = b"".join(logs[0].line("x" * 990) for _ in range(100))
        for log in logs:
            log.write(block)
        sluice.start(rate=0)
        agent.until("it reads", lambda: read_bytes(sluice.life) > MIB)
        self.assert_stands_still(sluice.life)
        first_read, first_rss = read_bytes(sluice.life), sluice.life.rss()
        for _ in range(5):
            for log in logs:
                log.write(block)
            time.sleep(0.2)
        self.assert_stands_still(sluice.life)
        grown = read_bytes(sluice.life) - first_read
        # each turn may look at the files; it must not take in what it cannot hold
        self.assertLess(grown, 8 * MIB, "it reads on")
        if not self.is_sanitized():
            self.assertLess(sluice.life.rss() - first_rss, 2 * MIB)
            self.assertLess(sluice.life.peak_rss(), (8 + 16) * MIB)
        sluice.life.drain.rate = None
        self.wait(sluice, 200 * 600)
        self.assert_stops(sluice)
        self.assertEqual({pod: len(texts) for pod, texts in self.messages(sluice).items()},
                         {f"p{i}": 600 for i in range(200)})

    def full_pipe(self):
        """A pipe that takes nothing more: (read end, write end, its bytes)."""
        read_fd, write_fd = os.pipe()
        fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(write_fd, False)
        size = 0
        try:
            while True:
                size += os.write(write_fd, b"\n" * 4096)
        except BlockingIOError:
            pass
        os.set_blocking(write_fd, True)
        self.addCleanup(os.close, read_fd)
        return read_fd, write_fd, size

    def test_ckpt_20_one_character_that_nobody_takes(self):
        """T-CKPT-20, T-CKPT-02: it is delivered whole, or not at all, and then by the next life."""
        sluice, log = self.agent(output="stdout", shutdown_timeout="500ms"), self.log_of()
        log.put("x")
        read_fd, write_fd, _ = self.full_pipe()
        with open(self.folder / "log", "wb") as err:
            process = subprocess.Popen([SLUICE, "run", "-c", sluice.configuration(None)],
                                       stdout=write_fd, stderr=err)
        self.addCleanup(process.kill)
        os.close(write_fd)
        agent.until("it has the file open", lambda: any(
            os.readlink(fd).endswith("0.log")
            for fd in Path(f"/proc/{process.pid}/fd").iterdir() if fd.is_symlink()))
        time.sleep(0.5)
        process.terminate()
        self.assertEqual(process.wait(agent.PATIENCE), 0)
        left = os.read(read_fd, 1 << 20).strip(b"\n")
        self.assertEqual(left, b"", "it was delivered into a full pipe")
        sluice.start()
        self.wait(sluice, 1)
        self.assert_stops(sluice)
        sluice.start()
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["x"]})

    def test_shut_05_second_signal_ends_at_once(self):
        """T-SHUT-05: SIGTERM waits for the reader, without a spin; any second signal does not."""
        log = self.log_of()
        log.put(*(f"{i} {'x' * 10000}" for i in range(300)))
        sluice = self.agent(shutdown_timeout="1h", **SMALL)
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                              (signal.SIGTERM, signal.SIGINT)):
            sluice.start(rate=0)
            life = sluice.life
            agent.until("it reads", lambda: read_bytes(life) > MIB)
            life.process.send_signal(first)
            self.wait_said(life, ["stopping"])
            before = cpu_ticks(life)
            time.sleep(1)
            self.assertIsNone(life.process.poll(), "shutdown_timeout is an hour")
            self.assertLess(cpu_ticks(life) - before, os.sysconf("SC_CLK_TCK") / 2, "it spins")
            life.process.send_signal(second)
            self.assertEqual(life.wait(), 1)
            self.wait_said(life, ["second signal"])
        sluice.start()
        agent.until("the rest", lambda: "299 " + "x" * 10000 in self.messages(sluice)["app"])
        self.assert_stops(sluice)
        self.assertEqual({text.split()[0] for text in self.messages(sluice)["app"]
                          if text.endswith("x" * 10000)}, {str(i) for i in range(300)})


class Stops(Scenario):
    def test_shut_02_backlog_does_not_delay_the_stop(self):
        """T-SHUT-02: 300 MB are unread in one file, and it ends after half a second all the same; the
        next life brings the rest, and nothing twice."""
        lines, filler = (5_000_000, b"") if agent.LONG else (1_400_000, b" " + b"x" * 160)
        head = Log.line("")[:-1]
        log = self.log_of()
        for start in range(0, lines, 100_000):
            log.write(b"".join(b"%s%08d%s\n" % (head, i, filler)
                               for i in range(start, min(start + 100_000, lines))))
        sluice = self.agent(output="stdout", encoding="text")
        sluice.start(rate=40e6)  # else a fast one is done by then
        agent.until("it reads", lambda: sluice.life.size() > 0)
        time.sleep(0.5)
        sluice.life.process.terminate()
        before = time.monotonic()
        self.assertEqual(sluice.life.process.wait(agent.PATIENCE), 0)
        took = time.monotonic() - before
        sluice.life.wait()
        first = sluice.life.records()
        self.assertLess(first, lines, "there was no backlog left")
        self.assertLess(took, 9, "it took as long as shutdown_timeout")
        sluice.start()
        self.wait(sluice, lines)
        self.assert_stops(sluice)
        self.assertEqual(sum(life.records() for life in sluice.lives), lines)
        number = 0
        for life in sluice.lives:
            with open(life.output, "rb") as output:
                for line in output:
                    if int(line[line.index(b"| ") + 2:][:8]) != number:
                        self.fail(f"line {number} is {line[:120]}")
                    number += 1

    def test_shut_03_what_is_half_full(self):
        """T-SHUT-03: a batch that waits for its age is sent; open parts wait in the file for the next
        life; nothing comes twice."""
        sluice, log = self.agent(batch={"max_age": "1h"}), self.log_of()
        log.put("a")
        log.put("pa", tag="P")
        log.put("er", stream="stderr", tag="P")
        log.put("b")
        sluice.start()
        log.put("c")
        agent.until("it has read all", lambda: read_bytes(sluice.life) > 0 and any(
            f.endswith("0.log") for f in sluice.life.files()))
        time.sleep(1)
        self.assertEqual(self.messages(sluice), {}, "the batch was not half full")
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "pab", "c"]})
        log.put("ror", stream="stderr")
        sluice.start()
        log.put("d")
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "pab", "c", "error", "d"]})

    def test_shut_03_while_it_starts(self):
        """T-SHUT-01, T-SHUT-03: stops at any moment of a start with 300 files add up to everything,
        once."""
        for i in range(300):
            self.log_of(f"p{i}").put("a", "b")
        sluice = self.agent()
        for pause in (0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.5):
            sluice.start()
            agent.until("its signals are caught", lambda: catches_sigterm(sluice.life))
            time.sleep(pause)
            self.assertEqual(sluice.stop(), 0)
        sluice.start()
        self.wait(sluice, 600)
        self.wait_said(sluice.life, ["follows"])
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {f"p{i}": ["a", "b"] for i in range(300)})


def catches_sigterm(life):
    text = Path(f"/proc/{life.process.pid}/status").read_text()
    return int(re.search(r"^SigCgt:\s+(\w+)", text, re.M)[1], 16) >> (signal.SIGTERM - 1) & 1


class State(Scenario):
    def test_buf_24_full_state_dir(self):
        """T-BUF-24: lines flow on, it is said once, and positions are saved when there is room."""
        state = self.folder / "tiny"
        state.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tiny", state],
                          capture_output=True).returncode:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=True)
        sluice, log = self.agent(state_dir=str(state)), self.log_of()
        sluice.start()
        log.put("before")
        agent.until("a checkpoint", (state / "checkpoint").exists)
        self.wait(sluice, 1)
        with open(state / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass
        expected = ["before"]
        for i in range(4):
            log.put(f"while full {i}")
            expected.append(f"while full {i}")
            self.wait(sluice, len(expected))
            time.sleep(0.6)  # longer than checkpoint_interval
        full = self.wait_said(sluice.life, ["error", "cannot be written", "no space"])
        self.assertEqual(len(full), 1, "once")
        (state / "ballast").unlink()
        log.put("with room")
        expected.append("with room")
        self.wait(sluice, len(expected))
        self.wait_said(sluice.life, ["is written again"])
        sluice.kill()
        sluice.start()
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        came = self.messages(sluice)["app"]
        self.assertEqual(came[:len(expected)], expected)
        self.assertLessEqual(set(came[len(expected):]), {"with room"}, "saved before that line")

    def test_ckpt_07_damaged_is_set_aside_and_the_one_before_used(self):
        """T-CKPT-07: loudly; what it knew does not come again."""
        sluice, log = self.agent(), self.log_of()
        state = self.folder / "state"
        for i in range(3):
            sluice.start()
            log.put(f"{i}")
            self.wait(sluice, i + 1)
            self.assert_stops(sluice)
        self.assertTrue((state / "checkpoint.prev").exists())
        damaged = (state / "checkpoint").read_bytes()[:-1] + b"?"
        (state / "checkpoint").write_bytes(damaged)
        sluice.start()
        log.put("3")
        self.wait(sluice, 4)
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        said = self.wait_said(sluice.life, ["error", "damaged", "set aside"])
        self.assertEqual((state / "checkpoint.damaged").read_bytes(), damaged)
        self.assertIn(str(state / "checkpoint"), said[0]["path"])
        self.wait_said(sluice.life, ["checkpoint.prev"])
        came = self.messages(sluice)["app"]
        self.assertEqual((came[:3], came[-1]), (["0", "1", "2"], "3"))
        self.assertNotIn("0", came[3:], "what the one before knew came again")

    def test_ckpt_22_state_dir_that_cannot_be_used(self):
        """T-CKPT-22, T-CKPT-08: a file, a file's child, one that is not ours: it says which, and ends."""
        launcher = self.run_as_nobody()
        (self.folder / "file").touch()
        (self.folder / "denied").mkdir(mode=0o700)
        for state in ("file", "file/state", "denied/state"):
            with self.subTest(state):
                path = str(self.folder / state)
                sluice = self.agent(launcher=launcher, state_dir=path)
                sluice.start()
                self.assertEqual(sluice.life.wait(), 1)
                self.assertTrue([doc for doc in sluice.life.logged()
                                 if doc["level"] == "error" and path in doc["message"]],
                                sluice.life.logged())

    def test_second_agent_stands_by_and_takes_over(self):
        """It says who holds the lock and reads nothing; --no-wait ends with 1; a SIGTERM ends a
        standby too; when the first is killed, the second goes on where it was."""
        first, log = self.agent(), self.log_of()
        log.put("a")
        first.start()
        self.wait(first, 1)
        agent.until("a checkpoint", (self.folder / "state" / "checkpoint").exists)

        second = agent.Agent(self.folder / "second", self.pods,
                             state_dir=str(self.folder / "state"))
        self.addCleanup(second.close)
        second.start()
        said = self.wait_said(second.life, ["standby", str(first.life.process.pid)])
        self.assertIn(str(self.folder / "state"), said[0]["message"])
        self.assertEqual(second.stop(), 0)

        ended = subprocess.run([SLUICE, "run", "--no-wait", "-c", second.configuration("/dev/null")],
                               capture_output=True, timeout=agent.PATIENCE)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(str(first.life.process.pid), ended.stderr.decode())

        second.start()
        self.wait_said(second.life, ["standby"])
        log.put("b")
        self.wait(first, 2)
        self.assertEqual(second.life.records(), 0)
        self.assertEqual(len(second.life.logged()), 1, "once a minute")
        first.stop()
        log.put("c")
        self.wait(second, 1)
        self.assert_stops(second)
        self.assertEqual(self.messages(first), {"app": ["a", "b"]})
        self.assertEqual(self.messages(second), {"app": ["c"]})


class Denied(Scenario):
    def test_tail_21_unreadable_file_root_and_folders(self):
        """T-TAIL-21: each is named once with path, mode, owner and remedy; the others flow; each is
        read when it may be."""
        launcher = self.run_as_nobody()
        logs = {name: self.log_of(name) for name in ("open", "file", "container", "pod")}
        for name, log in logs.items():
            log.put(f"{name} 1", f"{name} 2")
        closed = [logs["file"].folder / "0.log", logs["container"].folder,
                  logs["pod"].folder.parent]
        modes = [path.stat().st_mode & 0o7777 for path in closed]
        for path in closed:
            path.chmod(0)
        sluice = self.agent(launcher=launcher)
        sluice.start()
        self.wait(sluice, 2)
        said = [self.wait_said(sluice.life, [str(path)]) for path in closed]
        time.sleep(2.5)  # it looks again each second
        logs["open"].put("open 3")
        self.wait(sluice, 3)
        for path in closed:
            about = [doc["message"] for doc in sluice.life.logged() if str(path) in doc["message"]]
            with self.subTest(path.relative_to(self.pods)):
                self.assertEqual(len(about), 1, "once")
                self.assertIn("permission denied", about[0])
                self.assertIn("0000", about[0], "its mode")
                self.assertIn("0:0", about[0], "its owner")
                self.assertRegex(about[0], "run as|give", "a remedy")
        for path, mode in zip(closed, modes):
            path.chmod(mode)
        self.wait(sluice, 9)
        for name in ("file", "container", "pod"):
            logs[name].put(f"{name} 3")
        self.wait(sluice, 12)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice),
                         {name: [f"{name} {i}" for i in (1, 2, 3)] for name in logs})

    def test_tail_21_permission_taken_while_it_is_read(self):
        """T-TAIL-21: the descriptor is open, so nothing changes."""
        launcher, log = self.run_as_nobody(), self.log_of()
        sluice = self.agent(launcher=launcher)
        log.put("a")
        sluice.start()
        self.wait(sluice, 1)
        (log.folder / "0.log").chmod(0)
        log.put("b")
        self.wait(sluice, 2)
        (log.folder / "0.log").chmod(0o644)
        log.put("c")
        self.wait(sluice, 3)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b", "c"]})

    def test_tail_22_unreadable_and_missing_root(self):
        """T-TAIL-22: said once, however long it lasts; then read from the first line."""
        launcher, log = self.run_as_nobody(), self.log_of()
        log.put("first")
        for what, words in (("missing", ["mount", "path"]), ("unreadable", ["0000", "0:0", "run as"])):
            with self.subTest(what):
                away = self.folder / "elsewhere"
                if what == "missing":
                    self.pods.rename(away)
                else:
                    log.put("second")
                    self.pods.chmod(0)
                sluice = self.agent(launcher=launcher)
                os.chown(self.folder / "out-0.jsonl", NOBODY, NOBODY)
                (self.folder / "out-0.jsonl").write_bytes(b"")
                sluice.start()
                self.wait_said(sluice.life, [str(self.pods), *words])
                time.sleep(2.5)
                about = [doc for doc in sluice.life.logged()
                         if doc["message"].startswith("cannot")]
                self.assertEqual(len(about), 1, "once")
                if what == "missing":
                    away.rename(self.pods)
                else:
                    self.pods.chmod(0o755)
                self.wait(sluice, 1)
                self.assert_stops(sluice)
                self.assertEqual(self.messages(sluice),
                                 {"app": ["first" if what == "missing" else "second"]})

    def test_tail_22_one_of_two_roots_is_missing(self):
        """T-TAIL-22: positions of the other input are saved all the same, and its own are kept."""
        for missing in ("pods", "logs"):
            with self.subTest(missing):
                self.setUp()
                logs, log = self.folder / "logs", self.log_of()
                logs.mkdir()
                sluice = self.agent()
                sluice.more["inputs"] = [{"type": "file", "paths": [f"{logs}/*.log"], "fields": {
                    "kubernetes.pod.name": "files"}}]
                checkpoint = self.folder / "state" / "checkpoint"
                with open(logs / "x.log", "a", buffering=1) as plain:
                    def put(text):
                        log.put(text)
                        plain.write(text + "\n")
                    put("a")
                    sluice.start()
                    self.wait(sluice, 2)
                    self.assert_stops(sluice)
                    away = (self.folder / missing).rename(self.folder / "away")
                    for n, text in enumerate("bc"):
                        put(text)
                        before = checkpoint.stat().st_mtime_ns
                        sluice.start()
                        self.wait(sluice, 3 + n)
                        agent.until("positions are saved",
                                    lambda: checkpoint.stat().st_mtime_ns > before)
                        time.sleep(1)  # it may be from before they moved
                        sluice.kill()
                    sluice.start()
                    away.rename(self.folder / missing)
                    put("d")
                    self.wait(sluice, 8)
                self.assert_stops(sluice)
                self.assertEqual(self.messages(sluice), {"app": [*"abcd"], "files": [*"abcd"]})
                self.assertEqual([d for life in sluice.lives for d in life.logged("lost")], [])

    def test_tail_22_root_behind_a_link(self):
        """T-TAIL-22: a node's /var/log/pods may be a link to another disk."""
        link = self.folder / "link"
        link.symlink_to(self.pods)
        sluice = agent.Agent(self.folder, link)
        self.addCleanup(sluice.close)
        self.log_of().put("a")
        sluice.start()
        self.wait(sluice, 1)
        self.log_of("later").put("b")
        self.wait(sluice, 2)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a"], "later": ["b"]})

    def test_own_pod_is_not_read(self):
        """By POD_UID, else by POD_NAME; with own_logs it is."""
        for pod in ("own", "other"):
            self.log_of(pod).put(f"of {pod}")
        for launcher, options, pods in (
                (["env", "POD_UID=uid-own"], {}, ["other"]),
                (["env", "POD_NAME=own"], {}, ["other"]),
                (["env", "POD_UID=uid-own", "POD_NAME=other"], {}, ["other"]),
                (["env", "POD_UID=uid-own"], {"own_logs": True}, ["other", "own"])):
            with self.subTest(launcher=launcher, **options):
                shutil.rmtree(self.folder / "state", ignore_errors=True)
                sluice = self.agent(launcher=launcher, **options)
                (self.folder / "out-0.jsonl").write_bytes(b"")
                sluice.start()
                self.wait(sluice, len(pods))
                sluice.wait_quiet(0.5)
                self.assert_stops(sluice)
                self.assertEqual(sorted(self.messages(sluice)), pods)


class Recreated(Scenario):
    """T-RES-09: a folder is deleted and made again under its name while a file of the old one is
    open: the kernel does not say that what we watch is no more."""

    def test_t_res_09_pod_and_container(self):
        sluice, logs = self.agent(), [self.log_of("pod"), self.log_of("container")]
        sluice.start()
        for log in logs:
            log.put("old")
        self.wait(sluice, 2)
        shutil.rmtree(logs[0].folder.parent)  # its 0.log stays open: logs[0].fd
        shutil.rmtree(logs[1].folder)
        for log in logs:
            log.folder.mkdir(parents=True)
            sluice.wait_quiet(0.3)
            log.create()
            log.put("new")
        agent.until("what is new", lambda: sluice.life.records() == 4, 20)
        self.assert_stops(sluice)


class Selection(Scenario):
    PODS = [("shop", "cart-1", "app"), ("shop", "cart-1", "proxy"), ("shop", "cart-2", "app"),
            ("kube-system", "dns", "dns"), ("kube-public", "x", "app")]

    def test_disc_02_each_row_selects_that_set(self):
        """T-DISC-01, T-DISC-02: by namespace/pod/container; the same for what comes later."""
        everything = {"/".join(names) for names in self.PODS}
        rows = [
            ({}, {}, everything),
            ({"namespaces": ["shop"]}, {}, {e for e in everything if e.startswith("shop/")}),
            ({"namespaces": ["shop", "kube-*"]}, {}, everything),
            ({"namespaces": ["kube-*", "!kube-system"]}, {}, {"kube-public/x/app"}),
            ({"namespaces": ["*", "!kube-*"], "containers": ["app"]}, {},
             {"shop/cart-1/app", "shop/cart-2/app"}),
            ({"pods": ["cart-[12]"]}, {"pods": ["cart-2"]}, {"shop/cart-1/app", "shop/cart-1/proxy"}),
            ({"pods": ["cart-?"], "containers": ["a*", "p*"]}, {"containers": ["p*"]},
             {"shop/cart-1/app", "shop/cart-2/app"}),
            ({}, {"namespaces": ["kube-*"], "containers": ["proxy"]},
             {"shop/cart-1/app", "shop/cart-2/app"}),
            ({"namespaces": ["shop"]}, {"namespaces": ["shop"]}, set()),
            ({"namespaces": ["nowhere"]}, {}, set()),
        ]
        for select, exclude, wanted in rows:
            with self.subTest(select=select, exclude=exclude):
                shutil.rmtree(self.pods)
                self.pods.mkdir()
                shutil.rmtree(self.folder / "state", ignore_errors=True)
                (self.folder / "out-0.jsonl").write_bytes(b"")
                sluice = self.agent(select=select, exclude=exclude)
                self.make(self.PODS[::2])
                sluice.start()
                self.wait(sluice, sum("/".join(names) in wanted for names in self.PODS[::2]))
                self.make(self.PODS[1::2])
                self.wait(sluice, len(wanted))
                sluice.wait_quiet(0.3)
                self.assert_stops(sluice)
                got = [message for texts in self.messages(sluice).values() for message in texts]
                self.assertEqual(sorted(got), sorted(wanted))

    def make(self, names):
        for namespace, pod, container in names:
            folder = self.pods / f"{namespace}_{pod}_uid-{pod}" / container
            folder.mkdir(parents=True)
            (folder / "0.log").write_bytes(Log.line(f"{namespace}/{pod}/{container}"))


if __name__ == "__main__":
    unittest.main()
