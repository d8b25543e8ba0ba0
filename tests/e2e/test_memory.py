"""Memory is a setting: whatever the far end says and whatever stands in the files, the agent stays within its
floor (what it has after its first record) and memory_limit; and everything arrives."""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import agent
from bulk_server import BulkServer, bulk, head, tls_context
from test_elasticsearch import CA
from test_tail import Log

MIB = 1 << 20
APART = 2 * MIB  # what is not the data path's: libcurl's buffers and TLS's, the compressor's tables
INDEX = "logs-kubernetes-default"


class Shop(BulkServer):
    """Keeps of each document its number, which is its message's first word. What it says to every third
    record depends on how often that was seen: first it has no place for it, then it is too busy."""

    def __init__(self, hostile=True, largest=None, **how):
        super().__init__(**how)
        self.hostile, self.largest, self.seen, self.twice = hostile, largest, {}, 0

    def _answer(self, request, line):
        self.script = [self.say]
        try:
            return super()._answer(request, line)
        finally:
            self.requests.clear()

    @staticmethod
    def say(self, request, line):
        if self.largest and len(request.raw) > self.largest and len(request.actions) > 1:
            line.sendall(head(413, 2) + b"no")
            return True
        body = bulk(self.store(request))
        line.sendall(head(200, len(body)) + body)
        return True

    def _store(self, i, op, what, document, statuses):
        number = int(json.loads(document)["message"].split(" ", 1)[0])
        if self.hostile and number % 3 == 0:
            seen = self.seen[what["_id"]] = self.seen.get(what["_id"], 0) + 1
            if what["_index"] == INDEX:
                return {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no"}}
            if seen == 2 and number % 2 == 0:
                return {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "full"}}
        status = super()._store(i, op, what, str(number).encode(), statuses)
        self.twice += status["status"] == 409
        return status

    def numbers(self):
        with self.lock:
            return [int(document) for document in self.documents.values()]


class Case(agent.Case):
    def serve(self, **how):
        with tempfile.TemporaryDirectory() as ca:
            subprocess.run([CA, ca], check=True, capture_output=True)
            server = Shop(tls=tls_context(Path(ca)), **how)
            self.ca = (Path(ca) / "ca.crt").read_text()
        self.addCleanup(server.close)
        (self.folder / "ca.crt").write_text(self.ca)
        return server

    def sluice(self, server, limit, batch, in_flight=2, **options):
        sluice = self.agent(output="elasticsearch", max_in_flight=in_flight,
                            batch={"max_age": "200ms", **batch}, **options)
        sluice.options["memory_limit"] = limit
        sluice.outputs.update(hosts=[server.url], tls={"ca_file": str(self.folder / "ca.crt")},
                              fallback_index="a-much-longer-name-for-what-has-no-place-of-its-own",
                              retry={"initial": "10ms", "max": "200ms"})
        return sluice

    def begin(self, server, sluice, log):
        """The first record. Returns the floor."""
        log.put("1 first")
        sluice.start()
        agent.until("the first record", lambda: server.stored() == 1)
        return sluice.life.rss()

    def end(self, server, sluice, count, most):
        """1 to count arrive, each once."""
        agent.until("the records", lambda: server.failures or server.stored() >= count, pause=0.2)
        self.assertEqual(server.failures, [])
        peak = sluice.life.peak_rss()
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual(sorted(server.numbers()), list(range(1, count + 1)))
        self.assertEqual((server.twice, server.failures), (0, []))
        if not self.is_sanitized():
            self.assertLess(peak / MIB, most / MIB)


def text(number, length):
    """Of hexadecimal digits: gzip makes half of it."""
    digits = "".join(f"{(number * 40503 + i) * 2654435761 % (1 << 32):08x}" for i in range(length // 8))
    return f"{number} {digits}"


class FullLoad(Case):
    """404 for a third of all records, 429 for some, and 413 for what is large."""

    def flood(self, limit, size, megabytes, compression="gzip", **options):
        server, log = self.serve(largest=size // 4), Log(self.pods)
        sluice = self.sluice(server, f"{limit}MiB", {"max_bytes": size}, **options)
        sluice.outputs["compression"] = compression
        floor = self.begin(server, sluice, log)
        length, count = 4096, megabytes * 256
        for number in range(2, count + 1):
            log.put(text(number, length))
        self.end(server, sluice, count, floor + limit * MIB + APART)

    def test_t_buf_12_8_mib(self):
        self.flood(8, 384 << 10, 40)

    def test_t_buf_12_64_mib(self):
        self.flood(64, MIB, 120, in_flight=16)

    def test_t_buf_12_uncompressed(self):
        self.flood(8, 512 << 10, 40, compression="none")


class Records(Case):
    def large(self, limit, max_record, value, length):
        """One record between two small ones."""
        server, log = self.serve(hostile=False), Log(self.pods)
        sluice = self.sluice(server, f"{limit}MiB", {"max_bytes": "256KiB"}, max_record=max_record)
        floor = self.begin(server, sluice, log)
        data = "2 " + value * (length // len(value) - 2)
        for at in range(0, len(data), 16384):
            log.put(data[at:at + 16384], tag="P" if at + 16384 < len(data) else "F")
        log.put("3 last")
        return server, sluice, floor

    def test_16_mib(self):
        """As long as the check lets it be: joined, and encoded, it is half of the limit each time."""
        server, sluice, floor = self.large(32, "16MiB", "x", 16 * MIB)
        self.end(server, sluice, 3, floor + 32 * MIB + APART)

    def test_quotes_that_grow(self):
        server, sluice, floor = self.large(8, "512KiB", '"', 512 << 10)
        self.end(server, sluice, 3, floor + 8 * MIB + APART)

    def test_controls_that_grow(self):
        server, sluice, floor = self.large(8, "512KiB", "\1", 512 << 10)
        self.end(server, sluice, 3, floor + 8 * MIB + APART)


class ManySources(Case):
    SOURCES, EACH = 2000, 4

    def test_one_record_a_batch_and_two_lanes(self):
        """8 MiB for two lanes with 2,000 files in backlog: one sends each record by itself."""
        server = self.serve(hostile=False)
        sluice = self.sluice(server, "8MiB", {"max_bytes": "128KiB", "max_records": 1})
        copy = self.folder / "copy.jsonl"
        sluice.more["outputs"].append({"name": "copy", "type": "file", "path": str(copy),
                                       "batch": {"max_bytes": "256KiB"}})
        count = self.SOURCES * self.EACH
        for source in range(self.SOURCES):
            log = Log(self.pods, pod=f"p{source}")
            log.put(*(text(source * self.EACH + n + 1, 200) for n in range(self.EACH)))
            os.close(log.fd)
        sluice.start()
        agent.until("the records", lambda: server.failures or server.stored() >= count, pause=0.2)
        self.assertEqual(server.failures, [])
        agent.until("their copies", lambda: copy.read_bytes().count(b"\n") >= count, pause=0.2)
        peak = sluice.life.peak_rss()
        self.assertEqual(sluice.stop(), 0)
        self.assertEqual(sorted(server.numbers()), list(range(1, count + 1)))
        copies = [int(json.loads(line)["message"].split(" ", 1)[0])
                  for line in copy.read_text().splitlines()]
        self.assertEqual(sorted(copies), list(range(1, count + 1)))
        if not self.is_sanitized():  # the floor of 2,000 files, as the README has it
            self.assertLess(peak / MIB, 19 + 8)


if __name__ == "__main__":
    unittest.main()
