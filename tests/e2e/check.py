#!/usr/bin/env python3
"""check.py - judges what an agent delivered against the truth that kubelet.c wrote down.

One message has one place: the byte offset of its first record in the file (generation) that the
runtime wrote it to. The truth knows the place of every message, so nothing is taken on trust: what
was delivered must say what was written, under the right name, from the right place; and what was
not delivered must lie in a range of bytes that the agent itself named as lost, of a generation that
truly was gone. It never guesses in the agent's favour; the one thing that an agent cannot know is
what was written, and taken away, entirely after it last saved its position (see `excused()`).

A run is one life of the agent: its output (JSON lines, schema ecs), its log (JSON lines), when it
started and ended. Within a run there is no duplicate and no disorder; between runs a record may
repeat, or be named as lost, and how far back that reaches is reported.

    check.py --truth FILE [--log FILE]... OUTPUT...      one log for each output, in order
"""
import argparse
import bisect
import json
import re
import sys
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

PERIOD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345678"
FILLER = PERIOD * ((1 << 20) // len(PERIOD) + 2)
ODD = 'say "hi" \\ tab\t caf\u00e9 \u20ac \U0001f600 </b> '.encode()
STREAMS = {"stdout": 0, "stderr": 1}
STREAM_NAMES = ("stdout", "stderr")
SHOWN = 20  # defects of one kind whose text is kept
MARGIN = 50_000_000  # ns between a thing and its row in the truth

HEAD = re.compile(rb"c=(\d+) s=([oe]) n=(\d+) l=(\d+) f=([01]) ")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def expected(head: bytes, number: int, length: int, odd: bool) -> bytes:
    """The whole message that begins with `head`: kubelet.c's put_message()."""
    room = length - len(head) - 4
    if room < 0:
        return b""
    if odd:
        body = ODD * (room // len(ODD)) + b"." * (room % len(ODD))
    else:
        start = number % len(PERIOD)
        body = FILLER[start:start + room]
    return head + body + b" end"


def time_ns(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6) * 1000


@dataclass
class Generation:
    """One file, whatever its names were."""
    id: int
    container: int
    attempt: int
    file: str
    born: int
    gone: int = 0  # when its last copy was removed; 0: it is still on the node
    size: int = 0
    ends: list = field(default_factory=list)   # of each stretch that was written: its end offset
    times: list = field(default_factory=list)  # ... and a time by which it was written

    def written_by(self, offset):
        """A time (ns) at which the byte at `offset` had been written, 50 ms late at most."""
        return self.times[bisect.bisect_right(self.ends, offset)]


class Messages:
    """All messages of one stream of one container, by their numbers."""

    def __init__(self):
        self.generation = array("I")  # of the first record
        self.offset = array("Q")
        self.parts = {}     # number -> [(generation, offset)], of those with more than one record
        self.unended = set()  # numbers: the last part never came
        self.open = None    # while the truth is read: number of the message that goes on

    def within(self, generation, offset):
        """The first number that stands there, or behind."""
        end = bisect.bisect_right(self.generation, generation)
        return bisect.bisect_left(self.offset, offset,
                                  bisect.bisect_left(self.generation, generation, 0, end), end)

    def places(self, n):
        """(generation, offset) of each of its records."""
        return self.parts.get(n) or [(self.generation[n], self.offset[n])]


class Truth:
    def __init__(self, path):
        self.containers = {}   # id -> (namespace, pod, uid, name)
        self.ids = {}          # ... and back
        self.generations = {}  # id -> Generation
        self.streams = {}      # (container, 0 | 1) -> Messages
        self.part_at = {}      # (generation, offset) -> (container, stream, number)
        self.complete = False
        self._read(path)

    def _read(self, path):
        lengths = array("I")
        with open(path + ".idx", "rb") as f:
            data = f.read()
        lengths.frombytes(data[:len(data) // 4 * 4])
        with open(path) as f:
            for row in f:
                kind, *words = row.split()
                if kind == "x":
                    g, at, count, time = map(int, words)
                    self._records(self.generations[g], lengths[at:at + count], time)
                elif kind == "c":
                    c = int(words[0])
                    self.containers[c] = tuple(words[1:])
                    self.ids[tuple(words[1:])] = c
                    self.streams[c, 0], self.streams[c, 1] = Messages(), Messages()
                elif kind == "g":
                    self._born(*words)
                elif kind in "rz":
                    self.generations[int(words[0])].file = words[1]
                elif kind == "d":
                    self.generations[int(words[0])].gone = int(words[1])
                elif kind == "n":
                    self._ended(*map(int, words))
                elif kind == "end":
                    self.complete = True

    def _born(self, g, c, attempt, file, time):
        g, c, attempt = int(g), int(c), int(attempt)
        for s in (0, 1):
            m = self.streams[c, s]
            if m.open is not None and self.generations[m.generation[m.open]].attempt != attempt:
                m.unended.add(m.open)
                m.open = None
        self.generations[g] = Generation(g, c, attempt, file, int(time))

    def _ended(self, c, *counts):
        for s in (0, 1):
            m = self.streams[c, s]
            if m.open is not None:
                m.unended.add(m.open)
            if len(m.offset) != counts[s]:
                raise ValueError(f"the truth contradicts itself: container {c} wrote {counts[s]} "
                                 f"messages to {STREAM_NAMES[s]}, the index has {len(m.offset)}")

    def _records(self, g, lengths, time):
        streams = self.streams[g.container, 0], self.streams[g.container, 1]
        at = g.size
        for length in lengths:
            s = length >> 24 & 1
            m = streams[s]
            if m.open is not None:
                self._part(m, m.open, g, s, at)
                if not length >> 25:
                    m.open = None
            else:
                m.generation.append(g.id)
                m.offset.append(at)
                if length >> 25:
                    m.open = len(m.offset) - 1
                    self._part(m, m.open, g, s, at)
            at += length & 0xffffff
        g.size = at
        g.ends.append(at)
        g.times.append(time)

    def _part(self, m, n, g, s, at):
        m.parts.setdefault(n, []).append((g.id, at))
        self.part_at[g.id, at] = (g.container, s, n)


@dataclass
class Run:
    """One life of the agent."""
    output: str
    log: str = None
    start: int = 0  # wall clock, ns; 0: unknown
    end: int = 0


class Tag(NamedTuple):
    """What a record says about itself, beside message and offset."""
    container: int  # None: there is no such container
    stream: int     # None: no stream of a container
    name: str       # of the generation
    attempt: int
    flags: list     # None: none
    owner: tuple


def called(key, n):
    return f"c={key[0]} {STREAM_NAMES[key[1]]} n={n}"


@dataclass
class Loss:
    """What the agent named as lost."""
    run: int
    reason: str
    owner: tuple  # namespace, pod, container
    name: str     # of the generation, as in log.generation
    first: int    # bytes [first, end) of it
    end: int
    time: int     # ns
    generation: Generation = None
    true: bool = False


class Report:
    def __init__(self):
        self.messages = 0   # written
        self.delivered = 0  # of these
        self.repeats = 0    # records that an earlier run had delivered
        self.lost = 0       # missing, and named by the agent
        self.unseen = 0     # missing, and nothing that the agent could know
        self.fragments = 0  # parts of messages whose other parts are lost or were never written
        self.reach = {}     # run -> the first byte of its output that a later run did not know of:
                            # it repeated it, or named it as lost
        self.losses = []
        self.counts = Counter()  # defects by kind
        self.defects = []   # (kind, text), the first of each kind

    def defect(self, kind, text):
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN:
            self.defects.append((kind, text))

    @property
    def ok(self):
        return not self.counts

    def as_dict(self):
        return {"ok": self.ok, "messages": self.messages, "delivered": self.delivered,
                "repeats": self.repeats, "lost": self.lost, "unseen": self.unseen,
                "fragments": self.fragments, "reach": self.reach, "defects": dict(self.counts),
                "first": [f"{kind}: {text}" for kind, text in self.defects]}

    def __str__(self):
        lines = [f"{self.messages} written, {self.delivered} delivered, {self.repeats} repeated, "
                 f"{self.lost} lost and named, {self.unseen} gone unseen, "
                 f"{self.fragments} fragments"]
        lines += [f"  {kind}: {text}" for kind, text in self.defects]
        lines += [f"  {kind}: {count} in all" for kind, count in self.counts.items()
                  if count > SHOWN]
        return "\n".join(lines + ["right" if self.ok else "WRONG"])


class Judge:
    """repeats     False: no run may repeat what an earlier one delivered
    torn_tail   the last line of an output may be cut, as a SIGKILL leaves it
    partials    None: parts may not travel alone unless the rest is lost or never came; "allowed":
                they may, flagged; "required": a message that never ended must have arrived, too
    horizon     ns before a run's end from which on it may not have saved what it had seen; one
                that was shorter may not have saved at all
    settle      ns after a run's start until it has opened what is there"""

    def __init__(self, truth, runs, repeats=True, torn_tail=False, partials=None,
                 horizon=1_500_000_000, settle=1_000_000_000):
        self.truth, self.runs = truth, runs
        self.repeats, self.torn_tail, self.partials = repeats, torn_tail, partials
        self.horizon, self.settle = horizon, settle
        self.report = Report()
        self.names = {}       # generation -> log.generation
        self.by_name = {}     # ... and back
        self.lost_of = defaultdict(list)  # generation -> its true losses
        self.pieces = []      # records that are not whole messages: judged last
        self.pieced = set()   # (container, stream, number) of which a piece was accepted
        self.run_of = {key: array("H", bytes(2 * len(m.offset))) for key, m in truth.streams.items()}
        self.place_of = {key: array("Q", bytes(8 * len(m.offset)))
                         for key, m in truth.streams.items()}

    def judge(self):
        if not self.truth.complete:
            self.report.defect("truth", "it has no end: was the writer killed?")
        for i, run in enumerate(self.runs):
            self._read_output(i, run.output)
        self._read_losses()
        self._judge_pieces()
        self._judge_missing()
        return self.report

    # --- what was delivered ---

    def _tag(self, doc):
        k, log = doc["kubernetes"], doc["log"]
        owner = (k["namespace"], k["pod"]["name"], k["pod"]["uid"], k["container"]["name"])
        return Tag(self.truth.ids.get(owner), STREAMS.get(doc["stream"]), log["generation"],
                   doc["sluice"]["restart"], log.get("flags"), owner)

    def _read_output(self, run, path):
        last = {}  # (container, stream) -> highest number in this run
        at = 0
        with open(path, "rb", buffering=1 << 20) as f:
            for line in f:
                self._record(run, at, last, line, path)
                at += len(line)

    def _record(self, run, at, last, line, path):
        if not line.endswith(b"\n") and self.torn_tail:
            return
        try:
            doc = json.loads(line)
            tag, offset = self._tag(doc), doc["log"]["offset"]
            text, time = doc["message"].encode(), doc["@timestamp"]
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            self.report.defect("json", f"{path} at {at}: {err!r}: {line[:200]!r}")
            return
        if not line.endswith(b"\n"):
            self.report.defect("json", f"{path}: the last line has no end")
        if not TIME.fullmatch(time):
            self.report.defect("timestamp", f"{path} at {at}: {time!r}")
        m = HEAD.match(text)
        if m:
            c, s, n, length, odd = m.groups()
            n = int(n)
            if text == expected(m[0], n, int(length), odd == b"1"):
                self._message(run, at, last, tag, offset, (int(c), "oe".index(s.decode())), n)
                return
        self.pieces.append((run, at, tag, offset, text))

    def _message(self, run, at, last, tag, offset, key, n):
        """A whole message: who wrote it is in its text, who is said to have, in its tag."""
        messages = self.truth.streams.get(key)
        if messages is None or n >= len(messages.offset):
            self.report.defect("unknown", f"{called(key, n)} was never written")
            return
        if tag.container != key[0]:
            self.report.defect("container", f"{called(key, n)} came as {tag.owner}")
        if tag.stream != key[1]:
            self.report.defect("stream", f"{called(key, n)} came as another stream")
        g = messages.generation[n]
        if messages.offset[n] != offset or self.names.get(g) != tag.name:
            self._place(g, tag.name, offset, key, n)
        if self.truth.generations[g].attempt != tag.attempt:
            self.report.defect("container", f"{called(key, n)}: restart {tag.attempt} is not true")
        if tag.flags:
            self.report.defect("flags", f"{called(key, n)} is whole, yet {tag.flags}")

        before = self.run_of[key][n]
        if before == run + 1:
            self.report.defect("duplicate", f"{called(key, n)} twice in one run")
            return
        if before:
            self._repeated(before - 1, key, n)
        if n < last.get(key, -1):
            self.report.defect("order", f"{called(key, n)} after {last[key]}")
        else:
            last[key] = n
        self.run_of[key][n] = run + 1
        self.place_of[key][n] = at

    def _place(self, g, name, offset, key, n):
        """The first record of its generation, or a wrong place."""
        generation = self.truth.generations[g]
        true_offset = self.truth.streams[key].offset[n]
        if self.names.setdefault(g, name) != name:
            self.report.defect("place", f"{called(key, n)}: generation {g} ({generation.file}) "
                               f"has two names: {self.names[g]}, {name}")
        elif self.by_name.setdefault(name, g) != g:
            self.report.defect("place", f"{called(key, n)}: {name} names two generations: "
                               f"{self.by_name[name]}, {g}")
        elif true_offset != offset:
            self.report.defect("place", f"{called(key, n)} lies at {true_offset}, not {offset}, "
                               f"of {generation.file}")

    def _repeated(self, run, key, n):
        self.report.repeats += 1
        self._reached(run, key, n)
        if not self.repeats:
            self.report.defect("duplicate", f"{called(key, n)} again")

    def _reached(self, run, key, n):
        at = self.place_of[key][n]
        self.report.reach[run] = min(at, self.report.reach.get(run, at))

    # --- what was lost ---

    def _read_losses(self):
        for i, run in enumerate(self.runs):
            if not run.log:
                continue
            with open(run.log, "rb") as f:
                for line in f:
                    if b'"lost"' not in line:
                        continue
                    try:
                        doc = json.loads(line)
                    except ValueError:
                        continue  # not the agent's: a library's or the shell's
                    if doc.get("message") == "lost":
                        self._add_loss(i, doc)
        for loss in self.report.losses:
            self._judge_loss(loss)
            if loss.true:
                self.lost_of[loss.generation.id].append(loss)

    def _add_loss(self, run, doc):
        try:
            self.report.losses.append(Loss(
                run, doc["reason"], (doc["namespace"], doc["pod"], doc["container"]),
                doc["generation"], int(doc["from"]), int(doc["to"]), time_ns(doc["time"])))
        except (KeyError, ValueError) as err:
            self.report.defect("false_loss", f"a loss without its range: {err!r}: {doc}")

    def _find_lost(self, loss):
        """Its generation: by its name, else the oldest of that container without a name that is gone."""
        known = self.by_name.get(loss.name)
        if known is not None:
            return self.truth.generations[known]
        for g in self.truth.generations.values():
            ns, pod, _, name = self.truth.containers[g.container]
            if (ns, pod, name) == loss.owner and g.gone and g.id not in self.names \
                    and g.size >= loss.end:
                self.names[g.id] = loss.name
                self.by_name[loss.name] = g.id
                return g
        return None

    def _judge_loss(self, loss):
        said = f"{loss.reason}: {'/'.join(loss.owner)} {loss.name} [{loss.first}, {loss.end})"
        g = loss.generation = self._find_lost(loss)
        if g is None:
            self.report.defect("false_loss", f"{said}: no such generation is gone")
            return
        ns, pod, _, name = self.truth.containers[g.container]
        if (ns, pod, name) != loss.owner:
            self.report.defect("false_loss", f"{said}: it is another container's, {ns}/{pod}/{name}")
        elif not g.gone:
            self.report.defect("false_loss", f"{said}: it is on the node, as {g.file}")
        elif g.gone > loss.time + MARGIN:
            self.report.defect("false_loss", f"{said}: it was there when this was said")
        elif not self._was_gone(g, loss.run):
            self.report.defect("false_loss", f"{said}: it was there when the agent started")
        elif not 0 <= loss.first <= loss.end <= g.size:
            self.report.defect("false_loss", f"{said}: it had {g.size} bytes")
        else:
            loss.true = True
            self._compare(loss, said)

    def _compare(self, loss, said):
        """What is named, against what was delivered: an earlier run may have done that and not saved
        it, as if it had been repeated."""
        g = loss.generation
        for s in (0, 1):
            key = g.container, s
            m = self.truth.streams[key]
            first, last = m.within(g.id, loss.first), m.within(g.id, loss.end)
            for n in range(first, last):
                run = self.run_of[key][n] - 1
                if run >= loss.run:
                    self.report.defect("false_loss", f"{said}: {called(key, n)} was delivered")
                elif run >= 0:
                    self._reached(run, key, n)

    def _was_gone(self, g, run):
        """The agent could not have it open: it restarted after the last copy was removed."""
        start = self.runs[run].start
        return not start or (run > 0 and g.gone <= start + self.settle)

    def _is_lost(self, g, offset):
        return any(loss.first <= offset < loss.end for loss in self.lost_of.get(g, ()))

    def excused(self, g, offset):
        """True for a byte that was written after the agent last saved what it had seen, in a
        generation that was gone when it started again: nobody alive could know of it."""
        generation = self.truth.generations[g]
        saved = 0
        for ended, started in zip(self.runs, self.runs[1:]):
            if not ended.end or not started.start:
                return False
            if ended.end - self.horizon > ended.start:
                saved = ended.end - self.horizon
            if generation.gone and generation.gone <= started.start + self.settle \
                    and generation.written_by(offset) >= saved:
                return True
        return False

    # --- what is not whole, and what is not there ---

    def _judge_pieces(self):
        for run, at, tag, offset, text in self.pieces:
            key = self._piece_of(tag, offset)
            shown = f"{self.runs[run].output} at {at}: {text[:60]!r}...{text[-20:]!r}"
            if key is None:
                self.report.defect("torn", f"{shown}, and no message lies there")
            elif not self._may_be_piece(key, tag):
                self.report.defect("torn", f"{shown} is not the whole of {called(key[:2], key[2])}")
            elif not self._is_piece(text):
                self.report.defect("torn", f"{shown} is nothing that was written")
            else:
                self.report.fragments += 1
                self.pieced.add(key)

    def _piece_of(self, tag, offset):
        """(container, stream, number) of the message that has a record at this place."""
        g = self.by_name.get(tag.name)
        if g is not None:
            return self.truth.part_at.get((g, offset)) or self._whole_at(g, offset)
        for g in self.truth.generations.values():  # nothing whole came from it
            key = self.truth.part_at.get((g.id, offset))
            if g.id not in self.names and key and key[:2] == (tag.container, tag.stream):
                return key
        return None

    def _whole_at(self, g, offset):
        c = self.truth.generations[g].container
        for s in (0, 1):
            m = self.truth.streams[c, s]
            n = m.within(g, offset)
            if n < len(m.offset) and (m.generation[n], m.offset[n]) == (g, offset):
                return c, s, n
        return None

    def _may_be_piece(self, key, tag):
        """Its other parts are gone (or lost without excuse, which _judge_missing() says), were never
        written, or may travel apart."""
        n = key[2]
        m = self.truth.streams[key[:2]]
        if key[:2] != (tag.container, tag.stream) or n not in m.parts:
            return False
        if any(self.truth.generations[g].gone for g, _ in m.parts[n]):
            return True
        return "partial" in (tag.flags or ()) and (n in m.unended or bool(self.partials))

    @staticmethod
    def _is_piece(text):
        """Some bytes of a message; a character that was cut in two became U+FFFD."""
        m = HEAD.match(text)
        body = text[m.end():] if m else text
        if body.endswith(b" end"):
            body = body[:-4]
        body = body.strip("\ufffd".encode())
        return body in FILLER or body.rstrip(b".") in ODD * (len(body) // len(ODD) + 2)

    def _judge_missing(self):
        for key, m in self.truth.streams.items():
            runs = self.run_of[key]
            self.report.messages += len(runs)
            absent = runs.count(0)
            self.report.delivered += len(runs) - absent
            if absent:
                self._judge_absent(key, m, runs)

    def _judge_absent(self, key, m, runs):
        stretch = []  # numbers in a row, of one generation
        for n in range(len(runs)):
            if runs[n]:
                continue
            if (*key, n) in self.pieced and self.partials:
                self.report.delivered += 1
            elif any(self._is_lost(*place) for place in m.places(n)):
                self.report.lost += 1
            elif any(self.excused(*place) for place in m.places(n)):
                self.report.unseen += 1
            elif n in m.unended and self.partials != "required":
                pass  # its end never came, so it may wait for ever
            else:
                if stretch and (n != stretch[-1] + 1
                                or m.generation[n] != m.generation[stretch[0]]):
                    self._missing(key, m, stretch)
                    stretch = []
                stretch.append(n)
        if stretch:
            self._missing(key, m, stretch)

    def _missing(self, key, m, stretch):
        first, last = stretch[0], stretch[-1]
        g = self.truth.generations[m.generation[first]]
        where = "gone since %.3f s" % (g.gone / 1e9) if g.gone else "on the node"
        self.report.defect("missing", f"{called(key, first)}..{last}: generation {g.id} "
                           f"(attempt {g.attempt}, {g.file}, {where}) bytes "
                           f"{m.offset[first]}..{m.offset[last]} of {g.size}")


def check(truth, runs, **how):
    """truth: a path or a Truth; runs: in the order of their lives. Returns a Report."""
    return Judge(truth if isinstance(truth, Truth) else Truth(truth), runs, **how).judge()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("outputs", nargs="+", metavar="OUTPUT", help="JSON lines, one file for each run")
    p.add_argument("--truth", required=True)
    p.add_argument("--log", action="append", default=[], help="the agent's stderr, one for each run")
    p.add_argument("--no-repeats", action="store_true")
    p.add_argument("--torn-tail", action="store_true", help="the last line may be cut")
    p.add_argument("--partials", choices=["allowed", "required"])
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    logs = a.log + [None] * (len(a.outputs) - len(a.log))
    report = check(a.truth, [Run(o, log) for o, log in zip(a.outputs, logs)],
                   repeats=not a.no_repeats, torn_tail=a.torn_tail, partials=a.partials)
    print(json.dumps(report.as_dict()) if a.json else report)
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
