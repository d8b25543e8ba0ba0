"""What a CRI runtime may write, line by line: see T-CRI in tests/README.md.

A row is a container: the bytes of its file, and the records that must come out of it. One agent
reads them all, is stopped, started again and must not find anything twice."""
import json
import random
import unittest

import scenes

NOW = "2024-04-13T07:59:37.505201169Z"
PART = 16384  # what a runtime puts into one line
SHORT = {"message": "b", "@timestamp": NOW, "stream": "stdout"}
RAW = ["raw"]


def cri(text, stream="stdout", tag="F", time=NOW):
    return f"{time} {stream} {tag} {text}\n".encode()


def parts(text, stream="stdout"):
    """A message as the runtime cuts it."""
    cut = [text[i:i + PART] for i in range(0, len(text), PART)]
    return b"".join(cri(part, stream, "P") for part in cut[:-1]) + cri(cut[-1], stream)


def letters(length):
    return "".join(random.Random(length).choices("abcdefghijklmnopqrstuvwxyz \u00e9\u20ac", k=length))


def raw(text):
    return {"message": text, "flags": RAW, "stream": None}


GOOD = [f"good {i}" for i in range(21)]


def with_seventh(bad):
    """Twenty good lines around a bad one."""
    return b"".join(bad if i == 6 else cri(text) for i, text in enumerate(GOOD))


def without_seventh(message):
    return [raw(message) if i == 6 else text for i, text in enumerate(GOOD)]


def at(time, utc):
    """A line of that time, and the one instant that it means."""
    return cri("b", time=time), [{**SHORT, "@timestamp": utc}]


DOCKER_NOW = "2026-11-23T05:19:20.95776556Z"
DOCKER = {"@timestamp": "2026-11-23T05:19:20.957765560Z"}


def docker(text, stream="stdout", **more):
    """As Docker writes it, its `log` given as it stands in the file."""
    row = "".join(f',"{key}":{json.dumps(value)}' for key, value in more.items())
    return f'{{"log":"{text}","stream":"{stream}"{row},"time":"{DOCKER_NOW}"}}\n'.encode()


def docker_raw(*lines):
    """Each is none of Docker's, and a good one follows."""
    good = [{"message": f"good {i}", "stream": "stdout", **DOCKER} for i in range(len(lines))]
    return (b"".join(line.encode() + b"\n" + docker(f"good {i}\\n")
                     for i, line in enumerate(lines)),
            [message for line, after in zip(lines, good) for message in (raw(line), after)])


LONG_64K, LONG_1M = letters(64 << 10), letters(1 << 20)

ROWS = {
    "cri_01_stdout": (
        cri("standalone line", time="2024-04-13T07:59:37.505201169-10:00"),
        [{"message": "standalone line", "stream": "stdout",
          "@timestamp": "2024-04-13T17:59:37.505201169Z"}]),
    "cri_01_stderr": (
        cri("standalone line", "stderr", time="2024-04-13T07:59:37.505201169-10:00"),
        [{"message": "standalone line", "stream": "stderr",
          "@timestamp": "2024-04-13T17:59:37.505201169Z"}]),
    "cri_02_parts": (
        cri(" one ", tag="P") + cri(" two\t", tag="P") + cri(" three ")
        + cri("p", tag="P") + cri("f")
        + b"".join(cri(f"{i:02} ", tag="P") for i in range(99)) + cri("99"),
        [" one  two\t three ", "pf", "".join(f"{i:02} " for i in range(99)) + "99"]),
    "cri_03_interleaved": (
        b"".join([
            cri("o1a", tag="P"), cri("e1a ", "stderr", "P"), cri("o1b"), cri("e1b", "stderr"),
            cri("o2"), cri("e2a", "stderr", "P"), cri("o3"), cri("o4a", tag="P"),
            cri("e2b", "stderr"), cri("e3", "stderr"), cri("o4b"), cri("e4", "stderr"),
        ]),
        [{"message": text, "stream": "stderr" if text[0] == "e" else "stdout"} for text in
         ("o1ao1b", "e1a e1b", "o2", "o3", "e2ae2b", "e3", "o4ao4b", "e4")]),
    # Each shape of an early end is a record; those without a stream are none of a runtime's.
    "cri_07_early_end": (
        f"{NOW} stdout P \n{NOW} stdout P\n{NOW} stdout \n{NOW} stdout F\n{NOW} stdout F \n"
        f"{NOW} stdout\n{NOW}\nnospace\n".encode() + cri("b"),
        ["", "", "", raw(f"{NOW} stdout"), raw(NOW), raw("nospace"), SHORT]),
    "cri_08_white_space": (
        cri("  two  in front") + cri("behind \t ") + cri("\ttab") + cri(" ") + cri("a   b"),
        ["  two  in front", "behind \t ", "\ttab", " ", "a   b"]),
    "cri_09_no_tag": (
        f"{NOW} stdout message text\n{NOW} stderr Message text\n".encode(),
        [{"message": "message text", "stream": "stdout"},
         {"message": "Message text", "stream": "stderr"}]),
    "cri_10_several_tags": (
        cri("part1", tag="P:x") + cri("part2", tag="F:y") + cri("b", tag="F:x:z"),
        ["part1part2", SHORT]),
    "cri_11_random_bytes": (
        with_seventh(b"\x00\x1b\xff\xfe garbage \x80\n"),
        without_seventh("\x00\x1b\ufffd\ufffd garbage \ufffd")),
    "cri_11_half_a_time": (with_seventh(NOW[:13].encode() + b"\n"), without_seventh(NOW[:13])),
    "cri_11_no_brace": (
        with_seventh(b'"log":"x\\n","stream":"stdout"}\n'),
        without_seventh('"log":"x\\n","stream":"stdout"}')),
    "cri_11_head_lost": (
        with_seventh(cri("tail of a line")[11:]),
        without_seventh(cri("tail of a line")[11:-1].decode())),
    "cri_11_no_such_stream": (
        with_seventh(cri("x", "stdin")), without_seventh(cri("x", "stdin")[:-1].decode())),
    "cri_12_utc": at("2024-04-13T07:59:37.505201169Z", "2024-04-13T07:59:37.505201169Z"),
    "cri_12_zero_offset": at("2024-04-13T07:59:37.505201169+00:00",
                             "2024-04-13T07:59:37.505201169Z"),
    "cri_12_west": at("2024-12-31T14:00:00.5-10:00", "2025-01-01T00:00:00.500000000Z"),
    "cri_12_east_to_leap_day": at("2024-03-01T05:29:59.999999999+05:30",
                                  "2024-02-29T23:59:59.999999999Z"),
    "cri_12_no_digits": at("2024-04-13T07:59:37Z", "2024-04-13T07:59:37.000000000Z"),
    "cri_12_three_digits": at("2024-04-13T07:59:37.505Z", "2024-04-13T07:59:37.505000000Z"),
    "cri_12_six_digits": at("2024-04-13T07:59:37.505201Z", "2024-04-13T07:59:37.505201000Z"),
    "cri_12_seven_digits": at("2024-04-13T07:59:37.5052011Z", "2024-04-13T07:59:37.505201100Z"),
    "cri_12_after_2038": at("2039-01-19T03:14:08.000000001Z", "2039-01-19T03:14:08.000000001Z"),
    "cri_12_leap_day": at("2096-02-29T23:59:59.999999999Z", "2096-02-29T23:59:59.999999999Z"),
    "cri_12_no_leap_day": (cri("b", time="2023-02-29T00:00:00Z"),
                           [raw("2023-02-29T00:00:00Z stdout F b")]),
    "cri_12_no_time": (cri("b", time="yesterday"), [raw("yesterday stdout F b")]),
    "cri_20_64_KiB": (parts(LONG_64K) + cri("b"), [LONG_64K, SHORT]),
    "cri_11_docker": (
        b"".join(docker(f"good {i}\\n")[i == 6:] for i in range(21)),
        [raw(docker("good 6\\n")[1:-1].decode()) if i == 6 else f"good {i}" for i in range(21)]),
    "cri_13_whole_and_parts": (
        docker("whole\\n") + docker("x" * PART) + docker("\\n") + docker("a") + docker("b")
        + docker("") + docker("c\\n") + docker("\\n") + docker("two\\n\\n") + docker("dos\\r\\n"),
        [{"message": text, "stream": "stdout", **DOCKER} for text in
         ("whole", "x" * PART, "abc", "", "two\n", "dos\r")]),
    "cri_13_interleaved": (
        docker("o1") + docker("e1", "stderr") + docker("whole\\n", "stderr")[:0]
        + docker("o2\\n") + docker("e2\\n", "stderr"),
        [{"message": "o1o2", "stream": "stdout"}, {"message": "e1e2", "stream": "stderr"}]),
    "cri_15_no_such_line": docker_raw(
        "", "{}", "123", "[]", "null", "{", '"',
        f'{{"log":5,"stream":"stdout","time":"{DOCKER_NOW}"}}',
        '{"log":"x\\n","stream":"stdout"}', '{"log":"x\\n","stream":"stdout","time":"soon"}',
        f'{{"log":"x\\n","time":"{DOCKER_NOW}"}}',
        docker("x\\n")[:-2].decode(), docker("x\\n")[:-1].decode() + " x", '{"log":"x'),
    "cri_15_still_a_line": (
        f'{{"stream":"stdout","time":"{DOCKER_NOW}"}}\n'.encode() + docker("no log before\\n")
        + f'{{"log":"a","log":"b\\n","stream":"stdout","time":"{DOCKER_NOW}"}}\n'.encode()
        + f'{{ "time":"{DOCKER_NOW}", "stream":"stderr", "log":"order\\n" }}\n'.encode(),
        ["no log before", "b", {"message": "order", "stream": "stderr", **DOCKER}]),
    "cri_16_escapes": (
        docker("\\u00e9 \\ud83d\\ude00 \\ud83d \\ude00 \\\" \\\\n \\/ \\u0000 \\t\\n")
        + docker('{\\"a\\":\\"b\\\\n\\"}\\n'),
        ["\u00e9 \U0001f600 \ufffd \ufffd \" \\n / \0 \t", '{"a":"b\\n"}']),
    "cri_17_attrs": (
        docker("a\\n", attrs={"tag": "x", "log": "no", "deep": {"}": ["]"]}}) + docker("b\\n"),
        ["a", "b"]),
    "cri_18_both_formats": (
        b"".join(docker(f"{i}\\n") if i % 3 else cri(f"{i}") for i in range(50)),
        [f"{i}" for i in range(50)]),
    "cri_20_1_MiB": (parts(LONG_1M, "stderr") + cri("b"), [LONG_1M, SHORT]),
}


def story_of(data, expected):
    def story(log):
        log.write(data)
        yield expected
        yield []
        yield []
        log.put("and on it goes")
        yield ["and on it goes"]
    return story


Cri = scenes.stage(__name__, "Cri", {name: story_of(*row) for name, row in ROWS.items()},
                   max_record="2MiB")


if __name__ == "__main__":
    unittest.main()
