#!/usr/bin/env python3
"""test_check.py - proves the judge: a perfect output is right, and of a damaged one it names
exactly the damage.

The perfect output comes from read_tree(), the simplest reader that can be right: it looks at a tree
on which nothing happens any more, takes all files of a container in the order of their first
record, and joins parts by attempt and stream."""
import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import check  # noqa: E402
from programs import KUBELET  # noqa: E402

SECOND = 1_000_000_000
RECORD = re.compile(rb"(\S+) (stdout|stderr) ([PF]) (.*)\n")


def generations(folder):
    """(attempt, bytes) of each file of a container, oldest first."""
    found = []
    for path in folder.iterdir():
        data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        if data and path.suffix != ".tmp":
            found.append((int(path.name.split(".")[0]), data))
    return sorted(found, key=lambda f: (f[0], nine_digits(f[1].split(b" ", 1)[0])))


def nine_digits(time):
    second, _, fraction = time.rstrip(b"Z").partition(b".")
    return (second + b"." + fraction.ljust(9, b"0") + b"Z").decode()


def read_tree(root):
    """All records as the agent's JSON lines, each container's in order; what never ended as partial."""
    for folder in sorted(Path(root).glob("*/*")):
        ns, pod, uid = folder.parent.name.split("_")
        opened = {}  # (attempt, stream) -> record

        def line(record):
            return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

        for attempt, data in generations(folder):
            first = data[:data.index(b"\n")]
            name = hashlib.sha256(f"{uid}{folder.name}{attempt}".encode() + first).digest()[:16]
            at = 0
            for m in RECORD.finditer(data):
                key = attempt, m[2].decode()
                record = opened.pop(key, None) or {
                    "@timestamp": nine_digits(m[1]), "message": b"", "stream": key[1],
                    "kubernetes": {"namespace": ns, "pod": {"name": pod, "uid": uid},
                                   "container": {"name": folder.name}},
                    "log": {"offset": at, "generation":
                            base64.urlsafe_b64encode(name).rstrip(b"=").decode()},
                    "sluice": {"restart": attempt}}
                record["message"] += m[4]
                at = m.end()
                if m[3] == b"P":
                    opened[key] = record
                else:
                    record["message"] = record["message"].decode()
                    yield line(record)
        for record in opened.values():
            record["message"] = record["message"].decode(errors="replace")
            record["log"]["flags"] = ["partial"]
            yield line(record)


def change(line, **fields):
    """The record with dotted fields (pod__name) set."""
    record = json.loads(line)
    for path, value in fields.items():
        *parents, last = path.split("__")
        inner = record
        for name in parents:
            inner = inner[name]
        inner[last] = value
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


class Tree(unittest.TestCase):
    """A tree, its truth, and the perfect output, made once for all tests of a class."""
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="sluice-check-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run([KUBELET, "--root", cls.folder / "pods", "--truth", cls.folder / "truth",
                        *map(str, cls.options)], check=True, stdout=subprocess.DEVNULL)
        cls.truth = check.Truth(str(cls.folder / "truth"))
        cls.perfect = list(read_tree(cls.folder / "pods"))

    def write(self, name, lines):
        path = self.folder / name
        path.write_bytes(b"".join(lines))
        return str(path)

    def judge(self, *outputs, **how):
        runs = [check.Run(self.write(f"out-{i}", lines)) for i, lines in enumerate(outputs)]
        return check.check(self.truth, runs, **how)

    def assert_named(self, report, **kinds):
        self.assertEqual(dict(report.counts), kinds, str(report))

    def whole(self):
        """Numbers of records that are whole messages, in the middle of things, of one stream."""
        first = next(i for i, line in enumerate(self.perfect)
                     if i > 100 and self.stream(line) and b'"stdout"' in line)
        return [i for i in range(first, len(self.perfect))
                if self.stream(self.perfect[i]) == self.stream(self.perfect[first])]

    @staticmethod
    def stream(line):
        """(container, o | e) of a whole message."""
        m = re.search(rb'"c=(\d+) s=([oe])', line)
        return m.groups() if m and b'"flags"' not in line else None


class Complete(Tree):
    """Everything that was written is still there: parts, rotations, restarts, odd bytes."""
    options = ("--containers", 4, "--per-pod", 2, "--hot", 1, "--hot-rate", 400000, "--rate", 300,
               "--line", "90-400", "--stderr", 0.3, "--long", 0.02, "--odd", 0.1, "--seconds", 3,
               "--rotate", 0.5, "--max-size", 30000, "--max-files", 100, "--rename-back", 0.2,
               "--restart", 0.2, "--max-dead", 100)

    def test_perfect_is_right(self):
        report = self.judge(self.perfect, repeats=False, partials="required")
        self.assert_named(report)
        self.assertGreater(report.messages, 3000)
        self.assertEqual(report.delivered, report.messages)
        spread = [m for m in self.truth.streams.values() for parts in m.parts.values()
                  if len({g for g, _ in parts}) > 1]
        self.assertTrue(spread, "no message was cut by a rotation")
        self.assertTrue(any(b"\\t" in line for line in self.perfect), "no odd message")

    def test_any_order_of_keys_is_right(self):
        lines = [json.dumps(dict(reversed(json.loads(line).items()))).encode() + b"\n"
                 for line in self.perfect]
        self.assert_named(self.judge(lines, partials="required"))

    def test_missing_in_the_middle(self):
        at = self.whole()[3]
        report = self.judge(self.perfect[:at] + self.perfect[at + 1:])
        self.assert_named(report, missing=1)
        c, s = self.stream(self.perfect[at])
        self.assertIn(f"c={c.decode()} stdout", report.defects[0][1])
        self.assertIn("on the node", report.defects[0][1])

    def test_missing_at_the_end(self):
        at = self.whole()[-1]
        self.assert_named(self.judge(self.perfect[:at] + self.perfect[at + 1:]), missing=1)

    def test_missing_part_that_never_ended(self):
        flagged = [line for line in self.perfect if b'"flags"' in line]
        self.assertTrue(flagged, "no message without an end")
        rest = [line for line in self.perfect if b'"flags"' not in line]
        self.assert_named(self.judge(rest))
        count = self.judge(rest, partials="required").counts
        self.assertEqual(set(count), {"missing"})

    def test_duplicate_in_one_run(self):
        at = self.whole()[3]
        lines = self.perfect[:at] + [self.perfect[at]] + self.perfect[at:]
        self.assert_named(self.judge(lines), duplicate=1)

    def test_repeated_by_the_next_run(self):
        a, b = self.whole()[3:5]
        report = self.judge(self.perfect[:b], self.perfect[a:])
        self.assert_named(report)
        self.assertEqual(report.repeats, b - a)
        self.assertEqual(report.reach, {0: sum(map(len, self.perfect[:a]))})
        report = self.judge(self.perfect[:b], self.perfect[a:], repeats=False)
        self.assert_named(report, duplicate=b - a)

    def test_swapped(self):
        a, b = self.whole()[3:5]
        lines = list(self.perfect)
        lines[a], lines[b] = lines[b], lines[a]
        self.assert_named(self.judge(lines), order=1)

    def test_torn(self):
        at = self.whole()[3]
        message = json.loads(self.perfect[at])["message"]
        for torn in (message[:-4], message[:-3], message[10:], message + "x",
                     message.replace("ABC", "AbC", 1).replace("hi", "ho", 1), ""):
            with self.subTest(torn=torn[-20:]):
                lines = list(self.perfect)
                lines[at] = change(lines[at], message=torn)
                self.assert_named(self.judge(lines), torn=1, missing=1)

    def test_joined_in_the_wrong_order(self):
        at = next(i for i, line in enumerate(self.perfect) if len(line) > 40000
                  and b"\\" not in line and b'"flags"' not in line)
        m = json.loads(self.perfect[at])["message"]
        lines = list(self.perfect)
        lines[at] = change(lines[at], message=m[:100] + m[16384:32768] + m[100:16384] + m[32768:])
        self.assert_named(self.judge(lines), torn=1, missing=1)

    def test_part_alone(self):
        at = next(i for i, line in enumerate(self.perfect) if len(line) > 40000
                  and b'"flags"' not in line)
        m = json.loads(self.perfect[at])["message"]
        lines = list(self.perfect)
        lines[at] = change(lines[at], message=m[:16384], log__flags=["partial"])
        self.assert_named(self.judge(lines), torn=1, missing=1)
        self.assert_named(self.judge(lines, partials="allowed"))

    def test_part_of_something_else(self):
        """At the place of a part, with its flag, but other bytes."""
        at = next(i for i, line in enumerate(self.perfect) if b'"flags"' in line)
        lines = list(self.perfect)
        lines[at] = change(lines[at], message="what nobody wrote")
        self.assert_named(self.judge(lines), torn=1)

    def test_part_that_begins_inside_a_character(self):
        half = "caf\u00e9 \u20ac \U0001f600 </b> ".encode()[4:]
        rows = ((half.decode(errors="replace") + "say", True), ("caf\ufffd", True),
                ("\ufffd \u20ac \U0001f600 </b> ..... end", True), ("caf\ufffd\u20ac", False))
        for text, is_piece in rows:
            with self.subTest(text=text):
                self.assertEqual(check.Judge._is_piece(text.encode()), is_piece)

    def test_another_pod(self):
        at = self.whole()[3]
        for field in ("namespace", "pod__name", "pod__uid", "container__name"):
            with self.subTest(field=field):
                lines = list(self.perfect)
                lines[at] = change(lines[at], **{f"kubernetes__{field}": "another"})
                self.assert_named(self.judge(lines), container=1)

    def test_another_attempt(self):
        at = self.whole()[3]
        lines = list(self.perfect)
        lines[at] = change(lines[at], sluice__restart=77)
        self.assert_named(self.judge(lines), container=1)

    def test_another_stream(self):
        at = self.whole()[3]
        lines = list(self.perfect)
        lines[at] = change(lines[at], stream="stderr")
        self.assert_named(self.judge(lines), stream=1)

    def test_another_place(self):
        of = {i: json.loads(self.perfect[i])["log"]["generation"] for i in self.whole()}
        a = next(i for before, i in zip(of, list(of)[1:]) if of[before] == of[i])
        line = json.loads(self.perfect[a])
        for field, value in (("offset", line["log"]["offset"] + 1), ("generation", "A" * 22)):
            with self.subTest(field=field):
                lines = list(self.perfect)
                lines[a] = change(lines[a], **{f"log__{field}": value})
                self.assert_named(self.judge(lines), place=1)

    def test_two_generations_of_one_name(self):
        names = dict.fromkeys(json.loads(line)["log"]["generation"].encode()
                              for line in self.perfect)
        of_parts = {name for name in names if any(
            name in line and not self.stream(line) for line in self.perfect)}
        one, other = [name for name in names if name not in of_parts][:2]
        lines = [line.replace(other, one) for line in self.perfect]
        self.assertEqual(set(self.judge(lines).counts), {"place"})

    def test_torn_at_another_place(self):
        at = self.whole()[3]
        record = json.loads(self.perfect[at])
        lines = list(self.perfect)
        lines[at] = change(lines[at], message=record["message"][:-4],
                           log__offset=record["log"]["offset"] + 1)
        self.assert_named(self.judge(lines), torn=1, missing=1)

    def test_flagged_though_whole(self):
        at = self.whole()[3]
        lines = list(self.perfect)
        lines[at] = change(lines[at], log__flags=["raw"])
        self.assert_named(self.judge(lines), flags=1)

    def test_time_of_another_form(self):
        at = self.whole()[3]
        lines = list(self.perfect)
        lines[at] = change(lines[at], **{"@timestamp": "2026-11-23T04:29:00.12Z"})
        self.assert_named(self.judge(lines), timestamp=1)

    def test_no_json(self):
        at = self.whole()[3]
        line = self.perfect[at]
        for broken in (line[:-2] + b"\n", line.replace(b'"stream"', b'stream'), b"\n",
                       line.replace(b'"message":"', b'"message":"\xff'), b"null\n",
                       line.replace(b'"log":', b'"lag":')):
            with self.subTest(line=broken[-20:]):
                lines = self.perfect[:at] + [broken] + self.perfect[at + 1:]
                self.assert_named(self.judge(lines), json=1, missing=1)

    def test_torn_last_line(self):
        last = self.whole()[-1]
        lines = self.perfect[:last] + self.perfect[last + 1:] + [self.perfect[last][:-30]]
        self.assert_named(self.judge(lines), json=1, missing=1)
        self.assert_named(self.judge(lines, torn_tail=True), missing=1)
        self.assert_named(self.judge(self.perfect[:-1] + [self.perfect[-1][:-1]]), json=1)

    def test_never_written(self):
        at = self.whole()[3]
        c, _ = self.stream(self.perfect[at])
        head = b"c=%s s=o n=9999999 l=90 f=0 " % c
        alien = check.expected(head, 9999999, 90, False).decode()
        lines = self.perfect + [change(self.perfect[at], message=alien)]
        self.assert_named(self.judge(lines), unknown=1)

    def test_truth_without_an_end(self):
        whole = (self.folder / "truth").read_text()
        (self.folder / "cut").write_text(whole.removesuffix("end\n"))
        shutil.copy(self.folder / "truth.idx", self.folder / "cut.idx")
        report = check.check(str(self.folder / "cut"), [check.Run(self.write("o", self.perfect))])
        self.assert_named(report, truth=1)


class Lossy(Tree):
    """Old generations and whole pods are gone, and the reader comes too late for them."""
    options = ("--containers", 4, "--hot", 1, "--hot-rate", 400000, "--rate", 300, "--stderr", 0.3,
               "--line", "90-400", "--seconds", 3, "--rotate", 0.4, "--max-size", 30000,
               "--max-files", 3, "--delete", 1.2, "--linger", 0)

    def setUp(self):
        self.gone = [g for g in self.truth.generations.values() if g.gone and g.size]
        self.begun = min(g.born for g in self.truth.generations.values())
        self.over = max(g.times[-1] for g in self.truth.generations.values() if g.size) + 1
        self.assertTrue(self.gone)

    def loss(self, g, first=0, end=None, time="2099-01-01T00:00:00.000Z"):
        ns, pod, _, name = self.truth.containers[g.container]
        return {"time": time, "level": "warn", "message": "lost", "reason": "deleted_while_down",
                "namespace": ns, "pod": pod, "container": name, "generation": f"gone-{g.id}",
                "from": str(first), "to": str(g.size if end is None else end)}

    def judge_losses(self, losses, ended=None, started=None, lines=None, first_life=()):
        """Two lives: the second delivers what is there and says what is lost."""
        log = self.write("log", [json.dumps(loss).encode() + b"\n" for loss in losses])
        runs = [check.Run(self.write("first", first_life), None, self.begun, ended or self.over),
                check.Run(self.write("out", self.perfect if lines is None else lines), log,
                          started or self.over, self.over + 1)]
        return check.check(self.truth, runs, horizon=0, settle=0)

    def test_all_named(self):
        report = self.judge_losses([self.loss(g) for g in self.gone])
        self.assert_named(report)
        self.assertGreater(report.lost, 100)
        self.assertEqual(report.delivered + report.lost, report.messages)

    def test_one_not_named(self):
        report = self.judge_losses([self.loss(g) for g in self.gone[:-1]])
        self.assertEqual(set(report.counts), {"missing"}, str(report))
        self.assertIn(f"generation {self.gone[-1].id} ", report.defects[0][1])

    def test_named_too_short(self):
        losses = [self.loss(g) for g in self.gone]
        losses[-1]["to"] = str(self.gone[-1].size - 1000)
        self.assertEqual(set(self.judge_losses(losses).counts), {"missing"})

    def test_named_too_long(self):
        losses = [self.loss(g) for g in self.gone]
        losses[-1]["to"] = str(self.gone[-1].size + 1)
        self.assertEqual(set(self.judge_losses(losses).counts), {"missing", "false_loss"})

    def test_named_but_on_the_node(self):
        at = self.whole()[0]
        there = json.loads(self.perfect[at])
        k = there["kubernetes"]
        false = {**self.loss(self.gone[0]), "namespace": k["namespace"], "pod": k["pod"]["name"],
                 "container": k["container"]["name"], "generation": there["log"]["generation"],
                 "from": str(there["log"]["offset"]), "to": str(there["log"]["offset"] + 100)}
        self.assert_named(self.judge_losses([self.loss(g) for g in self.gone] + [false]),
                          false_loss=1)
        report = self.judge_losses([self.loss(g) for g in self.gone] + [false],
                                   lines=self.perfect[:at] + self.perfect[at + 1:])
        self.assert_named(report, false_loss=1, missing=1)

    def test_named_but_delivered_before(self):
        """Delivered, and then not saved: no defect, but as far back as a repeated record reaches.
        Delivered by the run that names it: a defect."""
        losses = [self.loss(g) for g in self.gone]
        known = self.delivered_from(self.gone[0])
        report = self.judge_losses(losses, first_life=[known])
        self.assert_named(report)
        self.assertEqual(report.reach, {0: 0})
        self.assert_named(self.judge_losses(losses, lines=[known] + self.perfect), false_loss=1)

    def test_named_beyond_its_end(self):
        losses = [self.loss(g) for g in self.gone]
        losses[0]["to"] = str(self.gone[0].size + 1)
        report = self.judge_losses(losses, first_life=[self.delivered_from(self.gone[0])])
        self.assertEqual(set(report.counts), {"missing", "false_loss"})

    def delivered_from(self, g):
        """A record of a generation that is gone."""
        c = g.container
        messages = self.truth.streams[c, 0]
        n = messages.generation.index(g.id) + 5
        text = check.expected(b"c=%d s=o n=%d l=200 f=0 " % (c, n), n, 200, False).decode()
        ns, pod, uid, name = self.truth.containers[c]
        return change(self.perfect[self.whole()[0]], message=text, stream="stdout", kubernetes={
            "namespace": ns, "pod": {"name": pod, "uid": uid}, "container": {"name": name}},
            log={"offset": messages.offset[n], "generation": f"gone-{g.id}"},
            sluice={"restart": g.attempt})

    def test_named_while_it_was_there(self):
        """It went while the agent was running, which therefore must have had it open."""
        losses = [self.loss(g) for g in self.gone]
        report = self.judge_losses(losses, started=self.gone[-1].gone - 1)
        self.assertEqual(set(report.counts), {"missing", "false_loss"}, str(report))

    def test_named_before_it_was_gone(self):
        losses = [self.loss(g) for g in self.gone]
        losses[-1]["time"] = "2001-01-01T00:00:00.000Z"
        self.assertEqual(set(self.judge_losses(losses).counts), {"missing", "false_loss"})

    def test_named_for_another_container(self):
        losses = [self.loss(g) for g in self.gone]
        losses[-1]["pod"] = "another"
        self.assertEqual(set(self.judge_losses(losses).counts), {"missing", "false_loss"})
        losses = [self.loss(g) for g in self.gone]
        losses[0]["pod"] = "another"
        report = self.judge_losses(losses, first_life=[self.delivered_from(self.gone[0])])
        self.assertEqual(set(report.counts), {"missing", "false_loss"})

    def test_named_without_a_range(self):
        losses = [self.loss(g) for g in self.gone]
        del losses[-1]["from"]
        self.assertEqual(set(self.judge_losses(losses).counts), {"missing", "false_loss"})

    def test_what_nobody_could_know(self):
        """Written after the first life ended, gone before the second began: no loss is named."""
        report = self.judge_losses([], ended=self.begun)
        self.assert_named(report)
        self.assertEqual(report.delivered + report.unseen, report.messages)

    def test_life_too_short_to_save_what_it_saw(self):
        """What an agent knows is what it saved: not always in its last life."""
        runs = [check.Run(self.write("long", []), None, self.begun - 60 * SECOND, self.begun),
                check.Run(self.write("short", []), None, self.begun, self.over),
                check.Run(self.write("out", self.perfect), None, self.over, self.over + 1)]
        report = check.check(self.truth, runs, horizon=30 * SECOND, settle=0)
        self.assert_named(report)
        self.assertEqual(report.delivered + report.unseen, report.messages)
        report = check.check(self.truth, runs, horizon=0, settle=0)
        self.assertEqual(set(report.counts), {"missing"}, str(report))

    def test_what_could_be_known_in_part(self):
        """The first life saw the beginning of the files that are gone now."""
        g = max(self.gone, key=lambda g: len(g.times))
        report = self.judge_losses([], ended=g.times[len(g.times) // 2])
        self.assertEqual(set(report.counts), {"missing"}, str(report))
        self.assertGreater(report.unseen, 0)


if __name__ == "__main__":
    unittest.main()
