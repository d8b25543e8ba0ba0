"""test_output_shapes.py - what records look like and which file they go to: schemas, encodings and
paths, read again by others than ourselves.

Scenarios: T-ROUTE-06 (a path from fields), T-ES-18 (the record's own date).
"""
import io
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import agent

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whichever python3 this is
import msgpack  # noqa: E402

LINES = [
    ("stdout", b"hello"),
    ("stderr", b'a "quoted" \\ back\tslash'),
    ("stdout", b""),
    ("stdout", "Łukasz 李雷 😀".encode()),
    ("stderr", b"J\xfcrgen \xff\xfe"),
    ("stdout", b"x" * 31), ("stdout", b"x" * 32), ("stdout", b"x" * 255), ("stdout", b"x" * 256),
    ("stdout", b"\x00\x01\x7f"),
]
STAMP = "2026-11-23T04:29:00.{:09d}Z"


def cri_lines(lines=LINES):
    return b"".join(b"%s %s F %s\n" % (STAMP.format(i).encode(), stream.encode(), text)
                    for i, (stream, text) in enumerate(lines)) + b"no CRI line\n"


class Shapes(agent.Case):
    def pod(self, folder="shop_cart-0_u-1", data=None):
        path = self.pods / folder / "app" / "0.log"
        path.parent.mkdir(parents=True)
        path.write_bytes(cri_lines() if data is None else data)
        return path

    def configure(self, outputs, **options):
        config = {"node": "n1", "state_dir": str(self.folder / "state"),
                  "log": {"format": "json"},
                  "inputs": [{"type": "kubernetes", "path": str(self.pods)}], **options,
                  "outputs": outputs}
        path = self.folder / "sluice.yaml"
        path.write_text(json.dumps(config))
        return path

    def run_until(self, config, done):
        """One life, until done() is true."""
        (self.folder / "state").mkdir(exist_ok=True)
        log = open(self.folder / "log", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [agent.SLUICE, "run", "-c", config], stderr=log,
            env={**os.environ, "POD_UID": "", "POD_NAME": ""})
        self.addCleanup(process.wait, agent.PATIENCE)
        self.addCleanup(process.kill)
        agent.until("all is written", lambda: done() or self._fail_if_ended(process))
        return process

    def _fail_if_ended(self, process):
        self.assertIsNone(process.poll(), (self.folder / "log").read_text()[-2000:])
        return False

    def stop(self, process):
        process.terminate()
        self.assertEqual(process.wait(agent.PATIENCE), 0)

    def shape(self, *shapes, data=None, last=b"", **options):
        """The records of one pod, in all these shapes at once: their files' bytes."""
        self.pod(data=data)
        paths = [self.folder / f"out-{i}" for i in range(len(shapes))]
        sizes = {}

        def done():
            """All have something, and what comes last; and none grows any more."""
            now = {p: p.stat().st_size if p.exists() else 0 for p in paths}
            still = now == sizes and all(now.values()) and all(
                last in p.read_bytes() for p in paths)
            sizes.update(now)
            return still
        process = self.run_until(self.configure(
            [{"name": f"o{i}", "type": "file", "path": str(p), **shape}
             for i, (p, shape) in enumerate(zip(paths, shapes))], **options), done)
        self.stop(process)
        return [p.read_bytes() for p in paths]

    def test_msgpack_holds_what_json_does(self):
        shapes = [{"encoding": e, "schema": s} for s in ("ecs", "flat", "fluentbit")
                  for e in ("json", "msgpack")]
        found = self.shape(*shapes, cluster="prod", fields={"team": {"name": "blue"}})
        for text, packed in zip(found[::2], found[1::2]):
            wanted = [json.loads(line) for line in text.splitlines()]
            self.assertEqual(len(wanted), len(LINES) + 1)
            got = list(msgpack.Unpacker(io.BytesIO(packed), raw=False))
            for record in got[-1], wanted[-1]:  # what has no time has that of its reading
                for name in "@timestamp", "timestamp", "time":
                    record.pop(name, None)
            self.assertEqual(got, wanted)
            self.assertEqual([list(r) for r in got], [list(r) for r in wanted])  # in this order

    def test_flags_and_pieces_are_the_same_in_both(self):
        """Each of what most records do not have, alone and together; with broken bytes at borders."""
        def line(text, stream=b"stdout", tag=b"F"):
            return b"%s %s %s %s\n" % (STAMP.format(0).encode(), stream, tag, text)
        data = (line(b"x" * 1000) + line("Ł".encode() * 300) + line(b"\xff" * 300) +
                line(b"a" * 100, tag=b"P") + line(b"b" * 100) + line(b"c" * 100, b"stderr", b"P") +
                b"raw\n" + b"raw " * 100 + b"\n")
        shapes = [{"encoding": e, "schema": s} for s in ("ecs", "flat") for e in ("json", "msgpack")]
        for how, flags in ("truncate", {"truncated"}), ("split", {"split"}):
            self.folder = self.folder / how
            self.pods = self.folder / "pods"
            self.pods.mkdir(parents=True)
            found = self.shape(*shapes, data=data, last=b"partial", inputs=[{
                "type": "kubernetes", "path": str(self.pods), "max_record": 128,
                "on_oversize": how, "partial_timeout": "100ms"}])
            seen = set()
            for text, packed in zip(found[::2], found[1::2]):
                wanted = [json.loads(line) for line in text.splitlines()]
                got = list(msgpack.Unpacker(io.BytesIO(packed), raw=False))
                for record in got + wanted:
                    place = record.get("log", record)
                    seen |= set(place.get("flags", ())) | {"piece"} & set(place)
                    if "raw" in place.get("flags", ()):  # it has the time of its reading
                        record.pop("@timestamp", None), record.pop("timestamp", None)
                self.assertEqual(got, wanted)
            if how == "split":
                flags.add("piece")
            self.assertEqual(seen, flags | {"raw", "partial"})

    def test_raw_is_the_messages_bytes(self):
        raw, = self.shape({"encoding": "raw"})
        self.assertEqual(raw, b"".join(text + b"\n" for _, text in LINES) + b"no CRI line\n")

    def test_fluentbit_has_the_layout_of_fluent_bit(self):
        text, = self.shape({"schema": "fluentbit"})
        for i, (line, (stream, message)) in enumerate(zip(text.splitlines(), LINES)):
            self.assertEqual(json.loads(line, object_pairs_hook=list), [
                ("log", message.decode(errors="replace")), ("stream", stream),
                ("time", STAMP.format(i)),
                ("kubernetes", [("pod_name", "cart-0"), ("namespace_name", "shop"),
                                ("pod_id", "u-1"), ("host", "n1"), ("container_name", "app")])])
        raw = json.loads(text.splitlines()[-1])
        self.assertNotIn("stream", raw)
        self.assertEqual(raw["log"], "no CRI line")

    def test_flat_has_no_objects(self):
        text, = self.shape({"schema": "flat", "fields": {"a.b": "x"}})
        first, *_, raw = [json.loads(line) for line in text.splitlines()]
        self.assertEqual({k: v for k, v in first.items() if k != "generation"}, {
            "timestamp": STAMP.format(0), "message": "hello", "stream": "stdout",
            "namespace": "shop", "pod": "cart-0", "uid": "u-1", "container": "app", "node": "n1",
            "restart": 0, "a.b": "x", "offset": 0})
        self.assertEqual(raw["flags"], ["raw"])
        self.assertRegex(first["generation"], r"^[\w-]{22}$")

    def test_a_path_from_fields_makes_a_file_each(self):
        pods = [f"ns{i % 3}_pod-{i}_u-{i}" for i in range(100)]  # more than stay open
        for pod in pods:
            self.pod(pod)
        base = self.folder / "out"
        base.mkdir()
        config = self.configure([{
            "type": "file", "encoding": "raw",
            "path": f"{base}/%{{kubernetes.namespace}}/%{{+yyyy.MM.dd}}/%{{kubernetes.pod.name}}"
                    "-%{stream}.log"}])
        stdout = b"".join(t + b"\n" for s, t in LINES if s == "stdout")
        stderr = b"".join(t + b"\n" for s, t in LINES if s == "stderr")

        def file_of(pod, stream):
            namespace, name, _ = pod.split("_")
            days = list((base / namespace).glob(f"*/{name}-{stream}.log"))
            return days[0] if days else Path("/nonexistent")

        def done():
            return all(file_of(p, s).exists() and file_of(p, s).stat().st_size >= n for p in pods
                       for s, n in (("stdout", len(stdout)), ("stderr", len(stderr)), ("raw", 12)))
        self.stop(self.run_until(config, done))
        for pod in pods:
            self.assertEqual(file_of(pod, "stdout").read_bytes(), stdout)
            self.assertEqual(file_of(pod, "stderr").read_bytes(), stderr)
            self.assertEqual(file_of(pod, "raw").read_bytes(), b"no CRI line\n")
            self.assertEqual(file_of(pod, "stdout").parent.name, "2026.11.23")

    def test_one_of_many_files_that_cannot_be_written(self):
        """It is named, and all others are whole meanwhile; when it can be, each file has its lines in
        their order, and none twice."""
        pods = [f"ns_pod-{i}_u-{i}" for i in range(150)]  # more than stay open
        lines = [("stdout", b"%d" % i) for i in range(200)]
        for pod in pods:
            self.pod(pod, cri_lines(lines))
        base = self.folder / "out"
        (base / "pod-77").mkdir(parents=True)
        config = self.configure([{
            "type": "file", "encoding": "raw", "path": f"{base}/%{{kubernetes.pod.name}}",
            "batch": {"max_records": 500}, "retry": {"initial": "1ms", "max": "10ms"}}])
        want = b"".join(text + b"\n" for _, text in lines) + b"no CRI line\n"
        log = self.folder / "log"

        def are_whole(but=None):
            return all((p := base / f"pod-{i}").is_file() and p.stat().st_size >= len(want)
                       for i in range(150) if i != but)
        process = self.run_until(config, lambda: are_whole(but=77))
        said = agent.until("it is said", lambda: [
            doc for line in log.read_text().splitlines() if f"{base}/pod-77: " in line
            and (doc := json.loads(line))["message"].startswith("container waits")])
        self.assertEqual(said[0]["reason"], "path")
        (base / "pod-77").rmdir()
        agent.until("all of it", are_whole)
        self.stop(process)
        for i in range(150):
            self.assertEqual((base / f"pod-{i}").read_bytes(), want)

    def test_no_name_leads_out_of_the_folder(self):
        hostile = ["a_.._u", "b_._..", "c_...hidden_u", "n\x01_p\n_u",
                   "x" * 100 + "_" + "y" * 100 + "_u"]
        for pod in hostile:
            self.pod(pod)
        base = self.folder / "deep" / "out"
        base.mkdir(parents=True)
        before = self.everything(base)
        config = self.configure([{
            "type": "file",
            "path": f"{base}/%{{kubernetes.namespace}}/%{{kubernetes.pod.name}}/x.log"}])
        process = self.run_until(config,
                                 lambda: len(list(base.glob("*/*/x.log"))) == len(hostile))
        self.stop(process)
        self.assertEqual(self.everything(base), before)
        for path in base.rglob("*"):
            self.assertRegex(path.name, r"^[^.\x00-\x1f/][^\x00-\x1f/]*$")

    def everything(self, but):
        """All files outside of `but`, and of what an agent owns."""
        return sorted(str(p) for p in self.folder.rglob("*") if but not in p.parents
                      and p != but and "state" not in p.parts and p.name != "log"
                      and p.name != "sluice.yaml")

    def torn(self, encoding, suffix):
        """A file that ends in the middle of a record is whole again, and goes on behind it."""
        base = self.folder / "out"
        base.mkdir()
        config = self.configure([{"type": "file", "encoding": encoding,
                                  "path": f"{base}/%{{kubernetes.pod.name}}"}])
        log, out = self.pod(), base / "cart-0"
        size = 0

        def grew():
            nonlocal size
            before, size = size, out.stat().st_size if out.exists() else 0
            return size and size == before
        process = self.run_until(config, grew)
        process.kill()
        process.wait(agent.PATIENCE)
        whole = out.read_bytes()
        with open(out, "ab") as f:
            f.write(suffix(whole))
        (self.folder / "state" / "checkpoint").unlink(missing_ok=True)
        (self.folder / "state" / "checkpoint.prev").unlink(missing_ok=True)
        wanted = len(whole) * 2  # without its positions all of it comes again
        self.stop(self.run_until(config, lambda: out.stat().st_size >= wanted))
        self.assertTrue(log.exists())
        return whole, out.read_bytes()

    def test_a_torn_line_is_cut_off_behind_a_template(self):
        whole, now = self.torn("json", lambda whole: whole[:40])
        self.assertEqual([json.loads(line)["message"] for line in now.splitlines()],
                         2 * [json.loads(line)["message"] for line in whole.splitlines()])
        self.assertIn("cut off half a line", (self.folder / "log").read_text())

    def test_a_torn_record_of_msgpack_is_cut_off(self):
        whole, now = self.torn("msgpack", lambda whole: whole[:-1][:100])
        unpacker = msgpack.Unpacker(raw=False)
        unpacker.feed(now)
        records = list(unpacker)
        self.assertEqual(len(records), 2 * (len(LINES) + 1))
        self.assertEqual(unpacker.tell(), len(now))
        self.assertIn("cut off half a record", (self.folder / "log").read_text())


if __name__ == "__main__":
    unittest.main()
