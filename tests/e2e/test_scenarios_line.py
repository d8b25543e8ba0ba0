"""Lines of any length, of any bytes, at the limits: see T-LINE, T-ENC and T-BUF in tests/README.md."""
import os
import random
import unittest

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


# --- bytes ---

class Bytes(agent.Case):
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
