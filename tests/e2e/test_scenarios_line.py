"""Lines of any length, of any bytes, at the limits: see T-LINE, T-ENC and T-BUF in tests/README.md."""
import json
import os
import random
import shutil
import unittest
from pathlib import Path

import agent
import scenes
from test_tail import Log

LIMIT = 128  # max_record, where a test is about it
CUT = ["truncated"]


def cut(text):
    return {"message": text, "flags": CUT}


# --- max_record, and what is behind it ---

def scene_line_01_rest_of_a_long_line(log):
    """T-LINE-01: it comes later, in several writes, and is no record of its own."""
    exact, longer, late = "e" * LIMIT, "l" * (LIMIT + 1), log.line("x" * 10 * LIMIT)
    log.put("short", exact, longer, "short2")
    log.write(late[:LIMIT])
    yield ["short", exact, cut("l" * LIMIT), "short2"]
    for i in range(LIMIT, len(late), LIMIT):
        log.write(late[i:i + LIMIT])
    log.put("short3")
    yield [cut("x" * LIMIT), "short3"]


def scene_line_01_over_a_restart(log):
    """T-LINE-01: the agent is stopped while such a line is open."""
    late = log.line("x" * 5000)
    log.put("short")
    log.write(late[:4000])
    yield ["short"]
    yield []
    log.write(late[4000:])
    log.put("short2")
    yield [cut("x" * LIMIT), "short2"]


def scene_line_02_limit_inside_a_character(log):
    """T-LINE-02: the cut is in front of it."""
    expected = []
    for character in ("\u00e9", "\u20ac", "\U0001f600"):
        size = len(character.encode())
        for inside in range(size + 1):  # bytes of it that would still fit
            head = "a" * (LIMIT - inside)
            text = head + character
            log.put(text + "tail", "next")
            expected += [cut(text if inside == size else head), "next"]
    yield expected


def scene_line_03_around_the_limit(log):
    """T-LINE-03: the position is behind them: the restart finds nothing."""
    for length in (LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT):
        log.put("y" * length, "next")
    yield ["y" * (LIMIT - 1), "next", "y" * LIMIT, "next", *2 * [cut("y" * LIMIT), "next"]]


def scene_line_07_around_the_limit_with_and_without_more(log):
    """T-LINE-07: the last byte of the file is the last of such a line, or there is more behind it."""
    expected = []
    for length in (LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT):
        for more in (False, True):
            text = chr(97 + len(expected)) * length
            log.write(log.line(text) + (log.line("more") if more else b""))
            expected += [text if length <= LIMIT else cut(text[:LIMIT])] + ["more"] * more
    yield expected


def scene_enc_09_half_a_character(log):
    """T-ENC-09: the file ends inside of one, for a life; its rest comes later, or never."""
    line = log.line("caf\u00e9 \U0001f600!")
    log.write(line[:-4])
    yield []
    yield []
    log.write(line[-4:])
    log.write(log.line("")[:-1] + b"cut \xf0\x9f\n" + log.line("")[:-1] + b"\xc3\n")
    yield ["caf\u00e9 \U0001f600!", "cut \ufffd", "\ufffd"]


def scene_cri_06_joined_beyond_the_limit(log):
    """T-CRI-06: parts behind the limit are not kept, the next record is whole."""
    for parts in (2, 3, 20):
        for _ in range(parts - 1):
            log.put("p" * (LIMIT // 2), tag="P")
        log.put("p" * (LIMIT // 2), "next")
    yield ["p" * LIMIT, "next", cut("p" * LIMIT), "next", cut("p" * LIMIT), "next"]


def scene_enc_08_every_place_of_a_vector(log):
    """T-ENC-08: what JSON escapes, and what it does not, at each of the first 71 bytes."""
    texts = ["a" * i + character + "b" * 20 for i in range(71)
             for character in map(chr, (*range(10), *range(11, 32), 0x22, 0x2f, 0x5c, 0x7f, 0xe9))]
    log.put(*(text for text in texts), "\"\\" * 35)
    yield [*texts, "\"\\" * 35]


def scene_tail_20_nul_bytes(log):
    """T-TAIL-20: they are bytes like others."""
    log.put("a\0b", "\0", "\0\0\0tail")
    yield ["a\0b", "\0", "\0\0\0tail"]


Lines = scenes.stage(__name__, "Lines", scenes.scenes_of(__name__), max_record=LIMIT)


# --- records larger than what carries them ---

def larger_than_a_batch(log):
    """T-BUF-11: it travels alone; what is longer than max_record too, cut; nothing waits for it."""
    log.put("before", "a" * 60000, "between", "b" * 200000, "after")
    yield ["before", "a" * 60000, "between", cut("b" * 65536), "after"]
    yield []
    yield []
    log.put("c" * 65536, "end")
    yield ["c" * 65536, "end"]


Batches = scenes.stage(__name__, "Batches", {"buf_11_larger_than_a_batch": larger_than_a_batch},
                       max_record="64KiB", batch={"max_bytes": "4KiB"})


class Parts(agent.Case):
    def test_cri_22_more_open_parts_than_fit(self):
        """T-CRI-22: two hundred of 16 KiB in a share of 2 MiB: the oldest travel early, flagged, and
        so does what follows them; nothing is dropped."""
        logs = {f"p{i}": Log(self.pods, f"p{i}") for i in range(200)}
        first = {pod: f"{pod} " + "x" * 16000 for pod in logs}
        for pod, log in logs.items():
            log.put(first[pod], tag="P")
        sluice = self.agent(memory_limit="8MiB")
        sluice.start()
        agent.until("the first that do not fit", sluice.life.records)
        sluice.wait_quiet(0.5)
        early = sluice.life.records()
        self.assertLess(early, 200)
        for log in logs.values():
            log.put("end")
        sluice.wait_records(200 + early)
        self.assert_stops(sluice)
        came = scenes.Records(sluice)
        came.read()
        partial = {"flags": ["partial"]}
        for pod, records in came.of.items():
            whole = [{"message": first[pod] + "end", "flags": None}]
            halves = [{"message": first[pod], **partial}, {"message": "end", **partial}]
            self.assertIn([scenes.fields(r, ("message", "flags")) for r in records],
                          [whole, halves], pod)
        self.assertEqual(len(came.of), 200)


# --- split and drop ---

def pieces(text, size=LIMIT, **more):
    """As ASCII is split."""
    return [{"message": text[i:i + size], "flags": ["split"], "piece": i // size or None, **more}
            for i in range(0, len(text), size)]


def split_line_01_rest_of_a_long_line(log):
    """T-LINE-01: a piece leaves as soon as it is full, the last one with the newline."""
    exact, long, late = "e" * LIMIT, "l" * (LIMIT + 1), log.line("x" * 10 * LIMIT)
    log.put("short", exact, long, "short2")
    log.write(late[:LIMIT])
    yield ["short", exact, *pieces(long), "short2"]
    for i in range(LIMIT, len(late), LIMIT):
        log.write(late[i:i + LIMIT])
    log.put("short3")
    yield [*pieces("x" * 10 * LIMIT), "short3"]


def split_line_01_over_a_restart(log):
    """T-LINE-01: stopped within such a record: it comes again from its first piece, with the same
    numbers and the same borders."""
    part, offset = "abcdefgh" * 40, len(log.line("short"))
    log.put("short")
    log.put(part, part, tag="P")
    yield ["short", *pieces(2 * part, offset=offset)[:4]]  # the fifth may be the last
    yield []
    log.put("the end", "short2")
    yield [*pieces(2 * part + "the end", offset=offset), "short2"]


def split_line_02_limit_inside_a_character(log):
    """T-LINE-02: a piece ends in front of it, the next one begins with it."""
    expected = []
    for character in ("\u00e9", "\u20ac", "\U0001f600"):
        size = len(character.encode())
        for inside in range(size + 1):  # bytes of it that would still fit
            text = "a" * (LIMIT - inside) + character + "tail"
            log.put(text, "next")
            at = LIMIT - inside + (inside == size)
            expected += [{"message": text[:at], "flags": ["split"], "piece": None},
                         {"message": text[at:], "flags": ["split"], "piece": 1}, "next"]
    yield expected


def split_line_09_several_times_the_limit(log):
    """T-LINE-09: as one line, as parts, with the other stream between; each next line is whole."""
    text = "".join(f"{i:07} " for i in range(300))
    log.put(text, "next")
    for i in range(0, len(text), 100):
        log.put(text[i:i + 100], tag="P")
        log.put("between", stream="stderr")
    log.put("", "next")
    between = len(range(0, len(text), 100))
    expected = [*pieces(text, stream="stdout"), "next"]
    full, at = pieces(text, stream="stdout"), 0
    for i in range(between):  # what is full leaves, when there is more
        while (at + 1) * LIMIT < min((i + 1) * 100, len(text)):
            expected.append(full[at])
            at += 1
        expected.append({"message": "between", "stream": "stderr"})
    yield [*expected, *full[at:], "next"]


def drop_line_01_rest_of_a_long_line(log):
    """T-LINE-01: it comes later, in several writes, and is no record of its own."""
    exact, long, late = "e" * LIMIT, "l" * (LIMIT + 1), log.line("x" * 10 * LIMIT)
    log.put("short", exact, long, "short2")
    log.write(late[:LIMIT])
    yield ["short", exact, "short2"]
    for i in range(LIMIT, len(late), LIMIT):
        log.write(late[i:i + LIMIT])
    log.put("short3")
    yield ["short3"]


def drop_line_01_over_a_restart(log):
    """T-LINE-01: stopped within it, the rest is its rest all the same."""
    log.put("short")
    log.put("x" * 100, "x" * 100, "x" * 100, tag="P")
    yield ["short"]
    yield []
    log.put("x" * 10, tag="P")
    log.put("between", stream="stderr")
    log.put("the end", "short2")
    yield ["between", "short2"]


def drop_cri_06_joined_beyond_the_limit(log):
    """T-CRI-06: as long as the limit is not too long; of what is longer nothing is kept."""
    for parts in (2, 3, 20):
        for _ in range(parts - 1):
            log.put("p" * (LIMIT // 2), tag="P")
        log.put("p" * (LIMIT // 2), "next")
    yield ["p" * LIMIT, "next", "next", "next"]


def skip_tail_05_empty_lines(log):
    """T-TAIL-05: messages without text, of every kind, are passed over and not read again."""
    log.put("", "", "a", "", " ", "b", "")
    log.put("", "", tag="P")
    log.put("")
    log.write(b"\n")
    log.put("\r", stream="stderr")  # that is a byte
    yield ["a", " ", "b", "\r"]
    yield []
    yield []
    log.put("", "c", "")
    yield ["c"]


def of(prefix):
    return {name.removeprefix(prefix): story for name, story in globals().items()
            if name.startswith(prefix)}


Split = scenes.stage(__name__, "Split", of("split_"), max_record=LIMIT, on_oversize="split")
Drop = scenes.stage(__name__, "Drop", of("drop_"), max_record=LIMIT, on_oversize="drop")
Skip = scenes.stage(__name__, "Skip", of("skip_"), skip_empty=True)


class Oversize(agent.Case):
    def test_line_09_split_survives_sigkill(self):
        """T-LINE-09: killed again and again within records of many pieces: every piece comes, under
        one number and with one text, and together they are the record."""
        dice, wrote = random.Random(9), {}
        for pod in ("one", "two"):
            log = Log(self.pods, pod)
            at = 0
            for n in range(12):
                text = f"{pod} {n} " + "".join(dice.choices("abcde \u00e9\u20ac", k=500000))
                data = (log.line(text) if n % 2 else b"".join(
                    log.line(text[i:i + 8000], tag="P") for i in range(0, len(text), 8000))
                    + log.line(""))
                wrote[pod, at] = text
                log.write(data)
                at += len(data)
        sluice = self.agent(output="stdout", encoding="json", max_record=1000, on_oversize="split",
                            memory_limit="8MiB", batch={"max_bytes": "256KiB"})
        for kill in range(6):
            sluice.start(rate=8e6)
            sluice.wait_records(1000)
            sluice.kill()
        sluice.start()
        sluice.wait_quiet(1)
        self.assert_stops(sluice)
        came = self.pieces_of(sluice)
        for place, text in wrote.items():
            got = came.pop(place)
            self.assertEqual(sorted(got), list(range(len(got))), place)
            self.assertTrue("".join(got[k] for k in sorted(got)) == text, place)
        self.assertEqual(list(came), [])
        self.assertGreater(sum(life.records() for life in sluice.lives), 7000)

    def pieces_of(self, sluice):
        """(pod, offset) -> number -> text; the same one must always say the same."""
        found = {}
        for life in sluice.lives:
            with open(life.output, "rb") as output:
                for line in output:
                    if not line.endswith(b"\n"):
                        continue  # as a SIGKILL leaves it
                    r = json.loads(line)
                    piece = found.setdefault(
                        (r["kubernetes"]["pod"]["name"], r["log"]["offset"]), {})
                    number = r["log"].get("piece", 0)
                    self.assertEqual(r["log"]["flags"], ["split"])
                    self.assertLessEqual(len(r["message"].encode()), 1000)
                    self.assertTrue(piece.setdefault(number, r["message"]) == r["message"], number)
        return found

    def test_line_09_dropped_is_counted(self):
        """T-LINE-09: to the byte, and memory does not grow with what passes by."""
        log, size = Log(self.pods), 0
        log.put("before")
        for data in (log.line("x" * 70000), log.line("y" * 40000, tag="P"),
                     log.line("y" * 40000, tag="P"), log.line("")):
            log.write(data)
            size += len(data)
        head = log.line("z")[:-1]
        for _ in range(3):
            log.write(head)
            for _ in range(32):
                log.write(b"z" * agent.MIB)
            log.write(b"\n")
            size += len(head) + 32 * agent.MIB + 1
        log.put("after")
        sluice = self.agent(max_record="64KiB", on_oversize="drop", memory_limit="8MiB")
        sluice.start()
        sluice.wait_records(2)
        if not self.is_sanitized():
            self.assertLess(sluice.life.peak_rss(), 40 * agent.MIB)
        self.assertEqual(self.assert_stops(sluice)["dropped_bytes"], size)

    def test_line_09_split_of_100_MiB(self):
        """T-LINE-09: one line that is never in memory as a whole."""
        log = Log(self.pods)
        log.write(log.line("z")[:-2])
        for _ in range(100):
            log.write(b"0123456789abcdef" * (agent.MIB // 16))
        log.write(b"\n")
        log.put("after")
        sluice = self.agent(max_record="64KiB", on_oversize="split", memory_limit="8MiB")
        sluice.start()
        sluice.wait_records(1601)
        if not self.is_sanitized():
            self.assertLess(sluice.life.peak_rss(), 40 * agent.MIB)
        self.assert_stops(sluice)
        came = self.pieces_of_any(sluice)
        self.assertEqual(came[-1], {"message": "after", "flags": None, "piece": None})
        self.assertEqual([r["piece"] for r in came[:-1]], [None, *range(1, 1600)])
        self.assertTrue("".join(r["message"] for r in came[:-1]) ==
                        "0123456789abcdef" * (100 * agent.MIB // 16))

    @staticmethod
    def pieces_of_any(sluice):
        with open(sluice.life.output, "rb") as output:
            return [scenes.fields(json.loads(line), ("message", "flags", "piece"))
                    for line in output]


# --- bytes ---

def split(data, limit):
    """What must come of a file's bytes: the slow way."""
    texts = []
    for line in data.split(b"\n")[:-1]:
        text = line.split(b" ", 3)[3]
        texts.append((text[:limit].decode(), len(text) > limit))
    return texts


class Bytes(agent.Case):
    def test_line_08_against_a_naive_splitter(self):
        """T-LINE-08, T-LINE-04: random lines and limits, in random pieces; CR LF at each place around
        the ends of a read; all that comes is what the slow way says, and so are the offsets."""
        dice = random.Random(8)
        for limit in (128, 1000, 65536):
            with self.subTest(limit=limit):
                sluice = self.agent(max_record=limit)
                log, data = Log(self.pods, f"limit-{limit}"), b""
                for end in (4096, 8192, 65536, 262144):
                    for off in range(-3, 4):  # so that CR and LF are on both sides of it
                        room = end + off - len(data) - len(log.line("")) - 1
                        if room < 0:
                            continue
                        data += log.line("f" * room + "\r")
                        break
                    data += log.line("\r")
                while len(data) < 600_000:
                    data += log.line("x" * int(dice.expovariate(1 / 300)) + "\r" * dice.randint(0, 1))
                shutil.rmtree(self.folder / "state", ignore_errors=True)
                sluice.inputs["select"] = {"pods": [f"limit-{limit}"]}
                (self.folder / "out-0.jsonl").write_bytes(b"")
                sluice.start()
                at = 0
                while at < len(data):
                    piece = dice.choice((1, 7, 4096, 50000, 300000))
                    os.write(log.fd, data[at:at + piece])
                    at += piece
                expected = split(data, limit)
                sluice.wait_records(len(expected))
                self.assert_stops(sluice)
                records = [json.loads(line) for line in
                           Path(sluice.life.output).read_bytes().splitlines()]
                got = [(r["message"], "truncated" in r["log"].get("flags", [])) for r in records]
                self.assertTrue(got == expected, "no diff: it would be megabytes")
                starts = [0]
                for line in data.split(b"\n")[:-1]:
                    starts.append(starts[-1] + len(line) + 1)
                self.assertEqual([r["log"]["offset"] for r in records], starts[:-1])

    def test_line_05_any_length_in_any_pieces(self):
        """T-LINE-05: lines of 100 to 80,000 random bytes, written in pieces of 1 to 16,384; as text,
        which shows bytes as they are."""
        dice = random.Random(5)
        lengths = [100, 4095, 4096, 4097, 80000, *(dice.randint(100, 80000) for _ in range(15))]
        sluice = self.agent(output="stdout", encoding="text")
        sluice.start()
        wrote = {}
        for piece in (1, 128, 1024, 16384):
            log, pod = Log(self.pods, f"by-{piece}"), f"by-{piece}".encode()
            wrote[pod] = [dice.randbytes(n).replace(b"\n", b"\0")
                          for n in (lengths[:4] if piece == 1 else lengths)]
            data = b"".join(log.line("")[:-1] + text + b"\n" for text in wrote[pod])
            for i in range(0, len(data), piece):
                os.write(log.fd, data[i:i + piece])
        sluice.wait_records(sum(map(len, wrote.values())))
        self.assert_stops(sluice)
        came = {pod: [] for pod in wrote}
        with open(sluice.life.output, "rb") as output:
            for line in output:
                head, text = line[:-1].split(b" stdout| ", 1)
                came[head.split(b"/")[1].split(b" ")[0]].append(text)
        for pod, texts in wrote.items():
            self.assertEqual(list(map(len, came[pod])), list(map(len, texts)), pod)
            self.assertTrue(came[pod] == texts, pod)  # no diff: it would be megabytes


if __name__ == "__main__":
    unittest.main()
