"""What a container or an operator can do to the files, by mistake or on purpose: names, links, sizes,
permissions, storms, roots that go away. Nothing stops the agent, and what can be read arrives."""
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

import agent
from agent import MIB
from test_scenarios_life import Scenario
from test_tail import Log


class Names(Scenario):
    def folder_of(self, pod_folder, container="main"):
        folder = os.path.join(os.fsencode(self.pods), pod_folder, os.fsencode(container))
        os.makedirs(folder)
        return folder

    def put(self, folder, text, name=b"0.log"):
        with open(os.path.join(folder, name), "ab") as f:
            f.write(Log.line(text))

    def test_odd_names_are_valid_json(self):
        """Pods and containers with names that no kubelet makes: as long as a name can be, with bytes
        of control, quotes, newlines, no UTF-8. What is delivered is valid JSON."""
        names = [b"shop_ok_uid", b"shop_" + b"p" * 240 + b"_uid", b"shop_\"quoted\\_uid",
                 b"shop_new\nline_uid", b"shop_tab\tbell\x07\x1b[31m_uid", b"shop_\xff\xfe\xc3_uid",
                 b"shop_caf\xc3\xa9_uid", b"shop_%s%n%d_uid", b"shop_ space _uid"]
        containers = [b"main", b"c" * 255, b"\xf0\x9f\x98\x80", b"\x01\x02\n", b"a\\\"b", b"-"]
        count = 0
        for name in names:
            self.put(self.folder_of(name), f"pod {count}")
            count += 1
        for container in containers:
            self.put(self.folder_of(b"shop_more_uid", container), f"container {count}")
            count += 1
        sluice = self.agent()
        life = sluice.start()
        self.wait(sluice, count)
        self.put(self.folder_of(b"later\x01_\xe9_uid"), "later")
        self.wait(sluice, count + 1)
        self.assert_stops(sluice)
        records = [json.loads(line.decode("utf-8", "strict"))
                   for line in Path(life.output).read_bytes().splitlines()]
        self.assertEqual(len(records), count + 1)
        for line in Path(life.log).read_bytes().splitlines():
            json.loads(line.decode("utf-8", "strict"))
        self.assertEqual(len({record["log"]["generation"] for record in records}), count + 1)
        sluice.start()
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assertEqual(sluice.life.records(), 0, "its state knows those names, too")

    def test_k8s_02_what_is_no_pods_folder(self):
        """T-K8S-02: too few parts, too many, empty ones, files that are no attempt: left alone, without
        an error. A folder without any _ is a uid, as before Kubernetes 1.14."""
        for name in (b"one", b"two_parts", b"_a_b", b"a__b", b"a_b_", b"__", b"_", b"a_b_c_d", b" "):
            self.put(self.folder_of(name), "no pod " + name.decode())
        log = self.log_of()
        for name in ("x.log", ".log", "-1.log", "0.log.", "0.log.x", "00000000000000000000000.log",
                     "99999999999999999999.log", "1e3.log", "0.LOG", "0.log~", "log", "0"):
            (log.folder / name).write_bytes(log.line(f"no attempt {name}"))
        (log.folder / "deep" / "er").mkdir(parents=True)
        (log.folder / "deep" / "er" / "0.log").write_bytes(log.line("too deep"))
        (log.folder.parent / "0.log").write_bytes(log.line("too high"))
        (self.pods / "0.log").write_bytes(log.line("highest"))
        log.put("good")
        sluice = self.agent()
        life = sluice.start()
        self.wait(sluice, 3)
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        got = {}
        for line in Path(life.output).read_bytes().splitlines():
            record = json.loads(line)
            got[record["message"]] = record["kubernetes"]["pod"].get("name")
        self.assertEqual(got, {"good": "app", "no pod one": None, "no pod  ": None})
        self.assertEqual([x for x in life.logged() if x["level"] == "error"], [])


class Things(Scenario):
    def test_disc_13_links_devices_sockets_loops(self):
        """T-DISC-13, T-DISC-05: in place of a file, a container, a pod, at any level, there first or
        later: none is opened as a log, none is waited for, and the neighbours flow."""
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "0.log").write_bytes(Log.line("a secret"))
        (outside / "main").mkdir()
        (outside / "main" / "0.log").write_bytes(Log.line("a secret"))
        log = self.log_of()

        def make(n):
            folder = self.log_of(f"odd-{n}").folder
            (folder / "0.log").unlink()
            os.mkfifo(folder / "0.log")
            os.mkfifo(folder / "0.log.20231114-221320")
            (folder / "1.log").symlink_to("/dev/zero")
            (folder / "2.log").symlink_to(folder / "2.log")  # itself
            (folder / "3.log").symlink_to(outside / "0.log")
            (folder / "4.log").symlink_to("/proc/self/environ")
            (folder / "5.log").symlink_to("../../../outside/0.log")
            (folder / "6.log").symlink_to("/dev/stdin")
            s = socket.socket(socket.AF_UNIX)
            os.chdir(folder)  # its name is longer than a socket's may be
            s.bind("7.log")
            os.chdir("/")
            s.close()
            (folder.parent / "linked").symlink_to(outside)
            (folder.parent / "loop").symlink_to(folder.parent)
            (self.pods / f"shop_linked-{n}_uid").symlink_to(outside)
            (self.pods / f"shop_loop-{n}_uid").symlink_to(self.pods)
            os.mkfifo(self.pods / f"shop_fifo-{n}_uid")
            os.mkfifo(folder.parent / "fifo")
        make(0)
        sluice = self.agent()
        sluice.start()
        log.put("a")
        self.wait(sluice, 1)
        make(1)
        log.put("b")
        self.wait(sluice, 2)
        sluice.wait_quiet(1)
        log.put("c")
        self.wait(sluice, 3)
        self.assertFalse([f for f in sluice.life.files() if "outside" in f or f == "/dev/zero"])
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b", "c"]})

    def test_files_become_folders_and_folders_files(self):
        """At each level, again and again; at the end each is what it should be, and is read."""
        sluice, logs = self.agent(), [self.log_of(f"p{i}") for i in range(3)]
        sluice.start()
        for log in logs:
            log.put("first")
            os.close(log.fd)
        self.wait(sluice, 3)
        for turn in range(10):
            for path in (logs[0].folder / "0.log", logs[1].folder, logs[2].folder.parent):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                if turn % 2:
                    path.mkdir()
                else:
                    path.write_bytes(Log.line("not here"))
            time.sleep(0.02 * turn)
        for log in logs:
            shutil.rmtree(log.folder.parent)
            log.folder.mkdir(parents=True)
            log.create()
            log.put("last")
        agent.until("the last", lambda: all(
            self.messages(sluice)[f"p{i}"][-1] == "last" for i in range(3)))
        self.assert_stops(sluice)
        for i in (1, 2):
            self.assertEqual(self.messages(sluice)[f"p{i}"], ["first", "last"])

    def test_hard_links_are_one_file(self):
        """Two names in one folder: what is written comes once."""
        log = self.log_of()
        log.put("a")
        os.link(log.folder / "0.log", log.folder / "0.log.20231114-221320")
        sluice = self.agent()
        sluice.start()
        self.wait(sluice, 1)
        log.put("b")
        self.wait(sluice, 2)
        os.link(log.folder / "0.log", log.folder / "0.log.20231114-221321")
        log.put("c")
        self.wait(sluice, 3)
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        sluice.start()
        sluice.wait_quiet(0.5)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["a", "b", "c"]})

    def test_the_root_is_replaced(self):
        """T-RES-09: renamed away and made anew, twice, and a file in its place for a while."""
        sluice, log = self.agent(), self.log_of()
        sluice.start()
        log.put("1")
        self.wait(sluice, 1)
        self.pods.rename(self.folder / "away")
        self.pods.mkdir()
        second = self.log_of("second")
        second.put("2")
        self.wait(sluice, 2)
        self.pods.rename(self.folder / "away too")
        self.pods.write_text("a file")
        time.sleep(1.5)
        self.pods.unlink()
        self.pods.mkdir()
        third = self.log_of("third")
        third.put("3")
        self.wait(sluice, 3)
        third.put("4")
        self.wait(sluice, 4)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": ["1"], "second": ["2"], "third": ["3", "4"]})

    @agent.long_only
    def test_a_file_system_is_mounted_over_the_root(self):
        """And taken away again, as when a node's disk is late. No event tells of it: it is found when
        everything is looked at, once a minute."""
        if subprocess.run(["mount", "-t", "tmpfs", "tiny", self.pods], capture_output=True).returncode:
            self.skipTest("cannot mount a tmpfs here")
        subprocess.run(["umount", "-l", self.pods], check=True)
        sluice, log = self.agent(), self.log_of("below")
        log.put("below")
        sluice.start()
        self.wait(sluice, 1)
        subprocess.run(["mount", "-t", "tmpfs", "tiny", self.pods], check=True)
        mounted = [True]
        self.addCleanup(lambda: mounted[0] and subprocess.run(["umount", "-l", self.pods]))
        above = self.log_of("above")
        above.put("above")
        self.wait(sluice, 2)
        subprocess.run(["umount", "-l", self.pods], check=True)
        mounted[0] = False
        log.put("below again")
        self.wait(sluice, 3)
        self.log_of("later").put("later")
        self.wait(sluice, 4)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {
            "below": ["below", "below again"], "above": ["above"], "later": ["later"]})


class Contents(Scenario):
    def test_shrinks_while_it_is_read(self):
        """T-ROT-14, T-ROT-15: a thread truncates, and writes again, without a pause; every record that
        comes is one that was written, and the last ones come."""
        log, sluice, done = self.log_of(), self.agent(), threading.Event()
        life = sluice.start()

        def shrink():
            n = 0
            while not done.is_set():
                log.put(*(f"{n} {i} {'x' * (n % 300)}" for i in range(20)))
                os.truncate(log.folder / "0.log", os.path.getsize(log.folder / "0.log") // 3
                            if n % 3 else 0)
                n += 1
        thread = threading.Thread(target=shrink)
        thread.start()
        time.sleep(4)
        done.set()
        thread.join()
        os.truncate(log.folder / "0.log", 0)
        time.sleep(0.5)
        log.put("last 1", "last 2")
        agent.until("the last", lambda: self.messages(sluice)["app"][-1:] == ["last 2"])
        self.assert_stops(sluice)
        self.assertIsNone(life.process.poll() or None)

    def test_line_of_100_megabytes(self):
        """It is cut at max_record, what is behind it arrives, and memory does not notice."""
        log, sluice = self.log_of(), self.agent(max_record="64KiB", memory_limit="16MiB")
        life = sluice.start()
        log.put("before")
        self.wait(sluice, 1)
        rss = life.rss()
        log.write(log.line("")[:-1])
        for _ in range(100):
            log.write(b"y" * MIB)
        log.write(b"\n")
        log.put("after")
        self.wait(sluice, 3)
        if not self.is_sanitized():
            self.assertLess(life.peak_rss() - rss, 20 * MIB)
        self.assert_stops(sluice)
        texts = self.messages(sluice)["app"]
        self.assertEqual([texts[0], len(texts[1]), texts[2]], ["before", 65536, "after"])

    def test_megabytes_without_a_newline(self):
        """Zeros, or anything, and no end: nothing is emitted, nothing grows, the neighbours flow."""
        log, other = self.log_of(), self.log_of("other")
        sluice = self.agent(memory_limit="16MiB")
        life = sluice.start()
        for i in range(40):
            log.write(b"\0" * MIB)
            other.put(f"{i}")
        agent.until("the neighbour", lambda: len(self.messages(sluice).get("other", [])) == 40)
        if not self.is_sanitized():
            self.assertLess(life.peak_rss(), 48 * MIB)
        log.write(b"\n")
        log.put("end")
        agent.until("the end", lambda: self.messages(sluice).get("app", [])[-1:] == ["end"])
        self.assert_stops(sluice)

    def test_tail_21_permissions_that_come_and_go(self):
        """T-TAIL-21, T-ROT-42: 0000 and back, on file, container and pod, through rotations: nothing is
        lost and nothing comes twice."""
        launcher, log = self.run_as_nobody(), self.log_of()
        sluice = self.agent(launcher=launcher)
        sluice.start()
        expected = []
        for i in range(6):
            path = (log.folder / "0.log", log.folder, log.folder.parent)[i % 3]
            log.put(f"{i} before")
            self.wait(sluice, 3 * i + 1)
            mode = path.stat().st_mode & 0o7777
            path.chmod(0)
            log.put(f"{i} denied")
            os.close(log.rotate(f"0.log.20231114-22132{i}"))
            log.put(f"{i} next")
            time.sleep(1.2)
            for each in (path, log.folder / f"0.log.20231114-22132{i}"):
                if each.exists() and each.stat().st_mode & 0o7777 == 0:
                    each.chmod(mode)
            expected += [f"{i} before", f"{i} denied", f"{i} next"]
            self.wait(sluice, len(expected))
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {"app": expected})

    def test_rot_42_unreadable_sibling(self):
        """T-ROT-42: beside a rotation lies a file that may not be read: one warning, all the lines."""
        launcher, log = self.run_as_nobody(), self.log_of()
        closed = log.folder / "0.log.20231114-221300"
        closed.write_bytes(log.line("closed"))
        closed.chmod(0)
        sluice = self.agent(launcher=launcher)
        life = sluice.start()
        log.put("a")
        self.wait(sluice, 1)
        for i in range(3):
            log.put(f"b {i}")
            os.close(log.rotate(f"0.log.20231114-22132{i}"))
            log.put(f"c {i}")
            self.wait(sluice, 3 + 2 * i)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice),
                         {"app": ["a", "b 0", "c 0", "b 1", "c 1", "b 2", "c 2"]})
        self.assertEqual(len([x for x in life.logged() if str(closed) in x["message"]]), 1)


class Storms(Scenario):
    def test_tail_24_written_and_deleted_at_random(self):
        """T-TAIL-24, T-SHUT-01: created, written, deleted at any moment, and a stop at any moment: it
        ends, and no record is damaged."""
        sluice, done, wrote = self.agent(), threading.Event(), set()

        def storm(name):
            n = 0
            while not done.is_set():
                log = self.log_of(f"{name}-{n}")
                texts = [f"{name} {n} {i}" for i in range(50)]
                wrote.update(texts)
                log.put(*texts)
                shutil.rmtree(log.folder.parent)
                os.close(log.fd)
                n += 1
        threads = [threading.Thread(target=storm, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for _ in range(8):
            sluice.start()
            time.sleep(0.4)
            self.assert_stops(sluice)
        done.set()
        for thread in threads:
            thread.join()
        got = [text for texts in self.messages(sluice).values() for text in texts]
        self.assertTrue(got)
        self.assertLessEqual(set(got), wrote)
        sluice.start()
        sluice.wait_quiet(1)
        agent.until("all is let go", lambda: not any(
            "(deleted)" in f for f in sluice.life.files()))
        self.assert_stops(sluice)

    def test_ckpt_13_storm_of_pods_leaves_no_state(self):
        """T-CKPT-13, T-DISC-12, T-ROT-27: a thousand pods come and go; each line of theirs has come,
        and nothing of them is left in the checkpoint, in descriptors or in watches."""
        sluice, log = self.agent(checkpoint_interval="100ms"), self.log_of("stays")
        sluice.start()
        log.put("0")
        self.wait(sluice, 1)
        state = self.folder / "state" / "checkpoint"
        agent.until("a checkpoint", state.exists)
        first, files, watches = state.stat().st_size, len(sluice.life.files()), sluice.life.watches()
        pods = 5000 if agent.LONG else 1000
        for start in range(0, pods, 100):
            names = [f"s{i}" for i in range(start, start + 100)]
            for name in names:
                short = self.log_of(name)
                short.put("only line")
                os.close(short.fd)
            self.wait(sluice, 1 + start + 100)
            for name in names:
                shutil.rmtree(self.pods / f"shop_{name}_uid-{name}")
        agent.until("descriptors go", lambda: len(sluice.life.files()) <= files)
        # the one that stays has fallen silent, and is watched for that
        agent.until("watches go", lambda: sluice.life.watches() <= watches + 1)

        def small_again():
            log.put("more")
            return state.stat().st_size < first + 300
        agent.until("the state is small again", small_again, pause=0.3)
        self.assert_stops(sluice)
        texts = self.messages(sluice)
        texts.pop("stays")
        self.assertEqual(texts, {f"s{i}": ["only line"] for i in range(pods)})


if __name__ == "__main__":
    unittest.main()
