"""What real runtimes wrote, through the real agent: exactly the messages that went in come out.

The files in tests/data/cri-samples are the bytes of containerd, of CRI-O's conmon, of Docker and of
a kubelet; what the containers said is known to the byte: tests/data/emit.c, or the few lines of
shell below. The tables say it again, and a few functions say what a runtime does to a message on
its way into the file. One agent reads all samples at once, each as a container of its own.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import unittest
from collections import Counter, defaultdict
from datetime import datetime, timezone
from pathlib import Path

import agent

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "cri-samples"

OUT, ERR, RAW = "stdout", "stderr", None
PARTIAL = ["partial"]

# One row a message, in the order of its stream: (stream, bytes, flags).
EMIT = {
    "basic": [
        (OUT, b"hello stdout"),
        (ERR, b"hello stderr"),
        (OUT, b"  leading and trailing spaces  "),
        (OUT, b"tab\there"),
        (OUT, "utf8 caf\u00e9 \u20ac \U0001f600".encode()),
    ],
    "empty": [
        (OUT, b""),
        (ERR, b""),
        (OUT, b""),
        (OUT, b""),
        (OUT, b""),
        (OUT, b" "),
        (OUT, b"after"),
    ],
    "cr": [
        (OUT, b"dos line\r"),
        (OUT, b"double cr\r\r"),
        (OUT, b"mid\rcr"),
        (OUT, b"\r"),
        (OUT, b"\r"),  # CR and LF in two writes
        (OUT, b"progress 1%\rprogress 50%\rprogress 100%"),
    ],
    "nul": [
        (OUT, b"a\0b"),
        (OUT, b"\0"),
        (OUT, b"\0\0\0\0tail"),
        (OUT, b"\x01\x1b[31mred\x1b[0m\x7f"),
    ],
    "badutf8": [
        (OUT, b"bad \xff\xfe\xfd end"),
        (OUT, b"overlong \xc0\xaf end"),
        (OUT, b"surrogate \xed\xa0\x80 end"),
        (OUT, b"cut \xe2\x82"),
        (OUT, b"\x80\x81"),
        (OUT, b"latin1 caf\xe9"),
    ],
    "nonl": [(OUT, b"complete"), (OUT, b"no newline at exit", PARTIAL)],
    "nonl-both": [
        (OUT, b"out without newline", PARTIAL),
        (ERR, b"err without newline", PARTIAL),
    ],
    "abort": [(OUT, b"before abort"), (OUT, b"half a li", PARTIAL)],
    "limits": [
        (OUT, letter.encode() * length)
        for letter, length in zip(
            "abcdefghijklmn",
            (4095, 4096, 4097, 8191, 8192, 8193, 16383)
            + (16384, 16385, 20480, 32767, 32768, 32769, 49153),
        )
    ],
    "limit-nonl": [(OUT, b"q" * 16384, PARTIAL)],
    "cut-utf8": [(OUT, b"u" * 16383 + b"\xe2\x82\xacafter")],
    "cut-crlf": [
        (OUT, b"c" * 16383 + b"\r"),
        (OUT, b"k" * 4095 + b"\r" + b"k" * 904),
        (OUT, b"k" * 4095 + b"\r"),
    ],
    "interleave": [
        (OUT, b"".join(c.encode() * 8000 for c in "ABCDEF") + b"<end of the long stdout line>"),
        *((ERR, b"stderr line %d between the pieces" % i) for i in range(6)),
    ],
    "looklike": [
        (OUT, b"2026-01-02T03:04:05.678901234Z stderr F I am a message, not a header"),
        (OUT, b'{"log":"not docker\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}'),
        (OUT, b"P F P F"),
    ],
    "slowpieces": [(OUT, b"piece1 piece2 piece3")],
}


# Scenarios of tests/README.md that a sample shows; its test has the id in its name.
SCENARIOS = {
    "basic": "T-CRI-08",
    "limits": "T-CRI-02",
    "interleave": "T-CRI-03",
    "nonl": "T-CRI-04",
    "enospc-torn-line": "T-CRI-11",
    "attrs": "T-CRI-17",
    "tz-asia-tokyo": "T-CRI-12",
    "tz-asia-kolkata": "T-CRI-12",
    "tz-america-st-johns": "T-CRI-12",
}


def flood(first, last, length):
    """emit flood: numbered lines, the even ones on stdout, filled with x."""
    rows = []
    for n in range(first, last + 1):
        head = b"%010d %s " % (n, b"e" if n % 2 else b"o")
        rows.append((ERR if n % 2 else OUT, head.ljust(length, b"x")))
    return rows


# containerd, rotated while half a line of each stream was in its buffer:
#   echo whole line; echo err line >&2; printf 'stdout piece 1, '; printf 'stderr piece 1, ' >&2 ...
CUT_AT_ROTATION = [
    (OUT, b"whole line"),
    (OUT, b"stdout piece 1, stdout piece 2"),
    (OUT, b"after"),
    (ERR, b"err line"),
    (ERR, b"stderr piece 1,  stderr piece 2"),
]
# conmon, rotated in the middle of a line:
#   echo whole; printf 'piece 1, '; sleep 1; echo piece 2; for i in 1 2 3; do echo tick $i; ...
CONMON_ROTATE = [
    (OUT, b"whole"),
    (OUT, b"piece 1, piece 2"),
    (OUT, b"tick 1"),
    (OUT, b"tick 2"),
    (OUT, b"tick 3"),
]
# The kubelet rotated every 10 s and kept 5 files: the heads of both containers are gone. A line
# of `long` comes in 8 slow pieces, so nearly every rotation cuts one in two.
KUBELET_LONG = [
    (OUT, b"".join(b"piece %d of line 1 " % p for p in range(2, 8)) + b"line 1 ends"),
]
for line in range(2, 8):
    KUBELET_LONG.append(
        (
            OUT,
            b"line %d begins " % line
            + b"".join(b"piece %d of line %d " % (p, line) for p in range(8))
            + b"line %d ends" % line,
        )
    )
KUBELET_LONG += [(ERR, b"between %d" % i) for i in range(1, 8)]
# The disk was full: containerd lost 288 messages, and tore one after 3 bytes; its next record
# stands behind them, in the same line.
TORN = b"2022026-11-23T05:15:32.292994681Z stdout F "
ENOSPC = (
    flood(0, 135, 200)
    + [(RAW, TORN + message, ["raw"]) for _, message in flood(424, 424, 200)]
    + flood(425, 599, 200)
)


def containerd(rows):
    """It takes one CR before LF away."""
    return [(stream, message.removesuffix(b"\r"), *flags) for stream, message, *flags in rows]


def terminal(rows):
    """A terminal has one stream, and adds the CR that containerd takes away."""
    return [(OUT, message, *flags) for _, message, *flags in rows]


def conmon(rows):
    """It keeps every byte."""
    return rows


def docker(rows):
    """It keeps every byte that is UTF-8; of the others, and of characters that it cuts in two after
    16 KiB, each byte has become a U+FFFD."""
    def written(piece):
        try:
            return piece.decode().encode()
        except UnicodeDecodeError as err:
            return (piece[:err.start] + "\ufffd".encode() * (err.end - err.start)
                    + written(piece[err.end:]))
    return [(stream, b"".join(written(message[i:i + 16384]) for i in range(0, len(message), 16384)),
             *flags) for stream, message, *flags in rows]


def samples():
    """(pod, container, the files' folder or file, the rows that must come out)"""
    for case, rows in EMIT.items():
        yield "containerd", case, f"containerd-1.6.20/{case}.log", containerd(rows)
        if case != "cut-crlf":  # made for containerd's buffers
            yield "conmon", case, f"conmon-2.1.6/{case}.log", conmon(rows)
        if case != "cut-crlf":
            yield "docker", case, f"docker-20.10.24/{case}-json.log", docker(rows)
    yield "docker", "attrs", "docker-20.10.24/attrs-json.log", EMIT["basic"]
    yield "docker", "cr-tty", "docker-20.10.24/tty-json.log", [
        (OUT, message + b"\r") for _, message in EMIT["cr"]]
    for case in ("basic", "cr", "nonl"):
        yield "containerd", f"{case}-tty", f"containerd-1.6.20/{case}-tty.log", terminal(EMIT[case])
    basic, tokyo = EMIT["basic"], "containerd-1.6.20-tz-tokyo"
    yield "containerd-tokyo", "basic", f"{tokyo}/basic.log", basic
    yield "containerd-tokyo", "basic-tty", f"{tokyo}/basic-tty.log", terminal(basic)
    for zone in ("Asia-Tokyo", "Asia-Kolkata", "America-St_Johns"):
        name = "tz-" + zone.lower().replace("_", "-")
        yield "conmon", name, f"conmon-2.1.6/tz-{zone}.log", basic
    yield "containerd", "cut-at-rotation", "containerd-1.6.20/cut-at-rotation", CUT_AT_ROTATION
    yield "conmon", "rotate", "conmon-2.1.6/rotate", CONMON_ROTATE
    kubelet = "kubelet-1.20.2-rotated/shop_ticker-node1_169fae4407c7db11575eb10f9bdfc55c"
    yield "kubelet", "app", f"{kubelet}/app", flood(99, 348, 70)
    yield "kubelet", "long", f"{kubelet}/long", KUBELET_LONG
    yield "containerd", "enospc-torn-line", "containerd-1.6.20/enospc-torn-line.log", ENOSPC


def lay_out(pods, pod, container, sample):
    """The sample as a container's folder in a tree of pods; returns that folder."""
    folder, path = pods / f"samples_{pod}_uid-{pod}" / container, SAMPLES / sample
    if path.is_dir():
        return shutil.copytree(path, folder)
    folder.mkdir(parents=True)
    file = folder / "0.log"
    if pod == "docker":  # Docker's file, and the kubelet's link to it
        name = hashlib.sha256(container.encode()).hexdigest()
        file = pods.parent / "docker" / name / f"{name}-json.log"
        file.parent.mkdir(parents=True)
        (folder / "0.log").symlink_to(file)
    with open(path, "rb") if path.exists() else gzip.open(f"{path}.gz") as log:
        file.write_bytes(log.read())
    return folder


def utc(stamp):
    """A runtime's time as the agent must show it: UTC, nine digits."""
    parts = re.fullmatch(r"([-0-9]{10}T[:0-9]{8})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", stamp)
    second = datetime.fromisoformat(parts[1] + parts[3].replace("Z", "+00:00"))
    second = second.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.")
    return second + (parts[2] or "").ljust(9, "0") + "Z"


class Samples(unittest.TestCase):
    """The records of one run over all samples, by (pod, container)."""

    @classmethod
    def setUpClass(cls):
        scratch = Path(tempfile.mkdtemp(prefix="sluice-samples-"))
        cls.addClassCleanup(shutil.rmtree, scratch)
        cls.folders = {}
        wanted = 0
        for pod, container, sample, rows in samples():
            cls.folders[pod, container] = lay_out(scratch / "pods", pod, container, sample)
            wanted += len(rows)
        sluice = agent.Agent(scratch, scratch / "pods", partial_timeout="1s")
        cls.addClassCleanup(sluice.close)
        sluice.inputs["allowed_roots"] = [str(scratch / "docker")]
        sluice.start()
        try:
            sluice.wait_records(wanted)
            sluice.wait_quiet(1.5)  # nothing more than that
        except TimeoutError:
            pass  # some are missing: each sample's own test says which
        if (code := sluice.stop()) != 0:
            raise AssertionError(f"exit code {code}: " + Path(sluice.life.log).read_text())
        cls.records = defaultdict(list)
        with open(sluice.life.output, encoding="utf-8") as output:
            for line in output:
                record = json.loads(line)
                kube = record["kubernetes"]
                cls.records[kube["pod"]["name"], kube["container"]["name"]].append(record)

    def judge(self, pod, container, rows):
        records = self.records[pod, container]
        for stream in (OUT, ERR, RAW):
            got = [
                (r["message"], r["log"].get("flags")) for r in records if r.get("stream") == stream
            ]
            want = [
                (row[1].decode("utf-8", "replace"), row[2] if len(row) > 2 else None)
                for row in rows
                if row[0] == stream
            ]
            self.assertEqual(got, want, f"{stream or 'raw'} of {pod}/{container}")
        for r in records:
            self.assertEqual(r["kubernetes"]["namespace"], "samples")
            self.assertEqual(r["kubernetes"]["pod"]["uid"], f"uid-{pod}")
            self.assertEqual(r["sluice"]["restart"], 0)
        places = Counter((r["log"]["generation"], r["log"]["offset"]) for r in records)
        self.assertEqual([p for p, n in places.items() if n > 1], [], "one place, two records")
        self.judge_places(self.folders[pod, container], records)

    def judge_places(self, folder, records):
        """log.offset is where a record's first line stands; time and stream are that line's."""
        if os.listdir(folder) != ["0.log"]:
            return  # which generation is which file, the agent alone knows
        content = (folder / "0.log").read_bytes()
        for r in records:
            offset = r["log"]["offset"]
            self.assertTrue(offset == 0 or content[offset - 1] == 0x0A, f"{offset} begins no line")
            if "stream" in r:
                stamp, stream = self.header_of(content[offset : content.index(b"\n", offset)])
                self.assertEqual(r["@timestamp"], utc(stamp))
                self.assertEqual(r["stream"], stream)


    @staticmethod
    def header_of(line):
        """Time and stream of a line, as its runtime wrote them."""
        if line.startswith(b"{"):
            row = json.loads(line)
            return row["time"], row["stream"]
        return line[:80].decode("latin-1").split(" ", 2)[:2]


def add_test(pod, container, _sample, rows):
    def test(self):
        self.judge(pod, container, rows)

    parts = ("test", SCENARIOS.get(container), pod, container)
    test.__name__ = "_".join(part for part in parts if part).replace("-", "_")
    setattr(Samples, test.__name__, test)


for row in samples():
    add_test(*row)


if __name__ == "__main__":
    unittest.main()
