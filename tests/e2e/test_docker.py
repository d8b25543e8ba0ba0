"""Docker's files, behind the symbolic links that a kubelet with Docker has in the pod tree: the bytes of
a real Docker, its own rotation, and links that lead where they should not."""
import gzip
import json
import os
import shutil
import threading
import time
import unittest
from collections import Counter
from pathlib import Path

import agent

PEERS = Path(__file__).resolve().parents[1] / "data" / "peers"

ID = "0123456789abcdef" * 4


class Docker(agent.Case):
    def setUp(self):
        super().setUp()
        self.containers = self.folder / "docker" / "containers"
        self.home = self.containers / ID
        self.home.mkdir(parents=True)
        self.pod = self.pods / "shop_cart_uid-1" / "app"
        self.pod.mkdir(parents=True)
        self.live = self.home / f"{ID}-json.log"
        self.sluice = self.agent()
        self.sluice.inputs["allowed_roots"] = [str(self.containers)]
        self.written, self.count = [], 0

    def put(self, *texts, path=None):
        self.written += texts
        with open(path or self.live, "a") as f:
            for text in texts:
                self.count += 1
                f.write(json.dumps({"log": text + "\n", "stream": "stdout", "time":
                                    f"2026-11-23T04:29:00.{self.count:09d}Z"}) + "\n")

    def link(self, attempt=0, target=None):
        (self.pod / f"{attempt}.log").symlink_to(target or self.live)

    def records(self):
        found = []
        for life in self.sluice.lives:
            with open(life.output, "rb") as f:
                found += [json.loads(line) for line in f.read().split(b"\n")[:-1]]
        return found

    def texts(self):
        """As they came: a version that does not know Docker's format has the line itself."""
        return [json.loads(r["message"])["log"][:-1] if r["message"].startswith("{")
                else r["message"] for r in self.records()]

    def settle(self):
        agent.until("all lines", lambda: len(self.texts()) >= len(self.written)
                    or self.sluice._ended(self.sluice.life))

    def right(self):
        self.settle()
        time.sleep(0.3)
        self.assert_stops(self.sluice)
        self.assertEqual(Counter(self.texts()), Counter(self.written))
        places = [(r["log"]["generation"], r["log"]["offset"]) for r in self.records()]
        self.assertEqual(len(places), len(set(places)))

    def rotate(self, keep=3, compress=False):
        """As Docker does: what is oldest goes, the others move on."""
        end = ".gz" if compress else ""
        for i in range(keep - 1, 0, -1):
            old = self.home / f"{self.live.name}.{i}{end}"
            if old.exists():
                os.rename(old, self.home / f"{self.live.name}.{i + 1}{end}")
        first = self.home / f"{self.live.name}.1"
        os.rename(self.live, first)
        self.live.touch()
        if compress:
            with gzip.open(f"{first}.gz", "wb") as f:
                f.write(first.read_bytes())
            first.unlink()

    def test_its_files_are_read_through_the_link(self):
        self.put("a", "b")
        self.link()
        self.sluice.start()
        self.settle()
        self.put("c")
        self.right()
        self.assertEqual(self.records()[0]["container"], {"id": ID, "runtime": "docker"})

    def of_peer(self, path):
        """What another agent's tests are fed with, as Docker would have written it; its texts."""
        lines = (PEERS / path).read_text().splitlines()
        with open(self.live, "w") as f:
            for i, line in enumerate(lines):
                f.write(line.replace('}', f',"stream":"stdout","time":"2026-11-23T04:29:00.{i:09d}Z"}}')
                        + "\n")
        return [json.loads(line)["log"] for line in lines]

    def test_t_cri_14_lines_in_pieces(self):
        """Fluent Bit's samples, and what it says comes out; traces are not one record here."""
        for name in ("dockermode", "dockermode_splitted_line"):
            with self.subTest(name):
                self.of_peer(f"fluent-bit/{name}.log")
                wanted = [json.loads(line)["log"] for line in
                          (PEERS / f"fluent-bit/{name}.out").read_text().splitlines()]
                if not self.sluice.lives:
                    self.link()
                self.written += [text[:-1] for text in wanted]
                self.sluice.start()
                self.right()
                self.live.unlink()

    def test_t_cri_11_a_line_that_is_damaged(self):
        """Beats' sample: 21 lines, of which the seventh has no opening brace."""
        shutil.copy(PEERS / "beats/docker_corrupted.log", self.live)
        lines = self.live.read_text().splitlines()
        self.link()
        self.sluice.start()
        agent.until("all of them", lambda: len(self.records()) == 21)
        self.assert_stops(self.sluice)
        for i, (record, line) in enumerate(zip(self.records(), lines)):
            self.assertEqual(record["log"].get("flags"), ["raw"] if i == 6 else None)
            self.assertEqual(record["message"], line if i == 6 else json.loads(line)["log"][:-1])

    def test_it_rotates_them_itself(self):
        for compress in (False, True):
            with self.subTest(compress=compress):
                if self.sluice.lives:
                    for old in self.home.iterdir():
                        old.unlink()
                self.put(f"{compress} start")
                if not (self.pod / "0.log").is_symlink():
                    self.link()
                self.sluice.start()
                for i in range(4):
                    self.settle()
                    self.put(f"{compress} {i}")
                    self.rotate(compress=compress)
                    self.put(f"{compress} {i} new")
                self.right()

    def test_rotated_while_down(self):
        self.put("one")
        self.link()
        self.sluice.start()
        self.settle()
        self.assert_stops(self.sluice)
        self.put("two")
        self.rotate()
        self.put("three")
        self.rotate()
        self.put("four")
        self.sluice.start()
        self.right()

    def test_a_gz_that_nobody_saw_has_the_name_of_one_that_was_read(self):
        """Names move on: what is called .1.gz now was written, rotated and compressed while down."""
        self.put("a")
        self.link()
        self.sluice.start()
        self.settle()
        self.rotate()
        self.put("b")
        self.settle()
        self.sluice.wait_quiet(3)  # what was read to its end is let go of
        self.assert_stops(self.sluice)
        first = self.home / f"{self.live.name}.1"
        with gzip.open(f"{first}.gz", "wb") as f:
            f.write(first.read_bytes())
        first.unlink()
        for i in range(9):
            self.rotate(12, compress=True)
            self.put(f"c{i}")
        self.sluice.start()
        self.right()

    def test_both_kinds_in_one_folder(self):
        """Attempt 3 is Docker's, attempt 4 that of the runtime after it."""
        self.put("docker")
        self.link(3)
        self.written.append("cri")
        (self.pod / "4.log").write_text("2026-11-23T04:30:00.5Z stdout F cri\n")
        self.sluice.start()
        self.right()
        self.assertEqual([r["sluice"]["restart"] for r in self.records()], [3, 4])

    def test_a_link_that_waits_for_its_file(self):
        self.link()
        self.sluice.start()
        time.sleep(0.3)
        self.put("late")
        self.right()

    def test_links_that_lead_elsewhere(self):
        secret = self.folder / "secret"
        secret.write_text('{"log":"secret\\n","stream":"stdout","time":"2026-11-23T04:29:00Z"}\n')
        (self.containers / "inside").symlink_to(secret)
        for i, target in enumerate((secret, "../../../secret", self.containers / "inside",
                                    self.containers / ".." / ".." / "secret", "/proc/self/fd/0",
                                    "/dev/zero", self.pod / "6.log", self.containers)):
            self.link(i, target)
        self.put("fine")
        self.link(20)
        self.sluice.start()
        self.right()
        said = [m for m in self.sluice.life.logged() if "symbolic link" in m["message"]]
        self.assertEqual(len(said), 1, said)
        self.assertIn("allowed_roots", said[0]["message"])

    def test_links_of_links_and_of_folders(self):
        hop = self.containers / "hop"
        hop.symlink_to(ID)
        (self.containers / "file").symlink_to(f"hop/{self.live.name}")
        self.put("through three links")
        self.link(0, self.containers / "file")
        other = self.pods / "shop_other_uid-2"
        other.symlink_to(self.pods / "shop_cart_uid-1")
        self.sluice.inputs["select"] = {"pods": ["cart"]}
        self.sluice.start()
        self.right()

    def test_the_container_is_removed(self):
        self.put("a")
        self.link()
        self.sluice.start()
        self.settle()
        self.put("last")
        shutil.rmtree(self.home)
        (self.pod / "0.log").unlink()
        self.right()


class Start(Docker):
    def rotate_on(self, left):
        """Rotations without a pause, compressed at once; the link leads nowhere in between."""
        kept = 0
        while not left.wait(0.01):
            self.put(*(f"{kept} {i} {'x' * 200}" for i in range(50)))
            for i in range(kept, 0, -1):
                os.rename(f"{self.live}.{i}.gz", f"{self.live}.{i + 1}.gz")
            kept += 1
            os.rename(self.live, f"{self.live}.1")
            self.live.touch()
            with gzip.open(self.home / ".aside", "wb", 1) as f:
                f.write(Path(f"{self.live}.1").read_bytes())
            os.rename(self.home / ".aside", f"{self.live}.1.gz")
            os.unlink(f"{self.live}.1")

    def test_t_rot_03_rotated_at_each_start(self):
        """T-ROT-03: what a start sees of a rotation, and what not: nothing is lost, nor said to be."""
        self.put("first")
        self.link()
        self.sluice.options["checkpoint_interval"] = "100ms"
        left = threading.Event()
        docker = threading.Thread(target=self.rotate_on, args=[left])
        docker.start()
        try:
            for _ in range(40 if agent.LONG else 15):
                life = self.sluice.start()
                agent.until("some", lambda: life.records() > 20)
                left.wait(0.15)
                self.sluice.kill()
        finally:
            left.set()
            docker.join()
        self.sluice.start()
        agent.until("all", lambda: set(self.texts()) >= set(self.written), pause=0.3)
        self.assert_stops(self.sluice)
        self.assertEqual([d for life in self.sluice.lives for d in life.logged("lost")], [])


if __name__ == "__main__":
    unittest.main()
