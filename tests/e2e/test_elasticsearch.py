"""Output elasticsearch against bulk_server.py: what is sent, byte for byte, and what each answer does."""
import base64
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import agent
from bulk_server import (BulkServer, bulk, changed, chunked, cut, farewell, good, gzipped, head, items, reset,
                         silence, status, tls_context)
from programs import SLUICE
from test_tail import Log

CA = Path(__file__).resolve().parents[1] / "servers" / "ca.sh"
SECRET = "s3cr3t-w0rd"


class Case(agent.Case):
    def setUp(self):
        super().setUp()
        self.log = Log(self.pods)

    def serve(self, *script, **how):
        server = BulkServer(**how)
        server.script = list(script)
        self.addCleanup(server.close)
        return server

    def sluice(self, *servers, **output):
        """An agent whose batches hold what was there at its start, and whose retries are quick."""
        sluice = self.agent(output="elasticsearch", batch={"max_age": "200ms"}, max_in_flight=1)
        sluice.outputs.update(hosts=[server.url for server in servers],
                              retry={"initial": "10ms", "max": "200ms"}, compression="none")
        sluice.outputs.update(output)
        sluice.options["shutdown_timeout"] = "500ms"  # what is out has no hope, or is done by then
        return sluice

    def deliver(self, server, texts=("a", "b", "c"), **output):
        """From the first byte to the books. Returns them."""
        self.log.put(*texts)
        sluice = self.sluice(server, **output)
        sluice.start()
        return self.finish(server, sluice, texts)

    def finish(self, server, sluice, texts):
        agent.until("the records", lambda: server.stored() >= len(texts))
        agent.until("the end of the script", lambda: not server.script)
        books = self.assert_stops(sluice)
        self.assertEqual(server.messages(), list(texts))
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual(server.failures, [])
        self.life = sluice.life
        return books

    def complaints(self, sluice=None):
        life = sluice.life if sluice else self.life
        return " ".join(doc["reason"] for doc in life.logged("cannot deliver, tries again"))


class Requests(Case):
    """What is sent."""

    def action(self, op="create", ids=True, index="logs-kubernetes-default", **output):
        server = self.serve()
        self.deliver(server, op=op, **output)
        request, = server.requests
        lines = request.body.split(b"\n")
        self.assertEqual(lines.pop(), b"")
        self.assertEqual(len(lines), 6)
        for action, document in zip(lines[::2], lines[1::2]):
            log = json.loads(document)["log"]
            wanted = f'{{"{op}":{{"_index":"{index}"'
            if ids:
                wanted += f',"_id":"{log["generation"]}-{log["offset"]}"'
            self.assertEqual(action, f"{wanted}}}}}".encode())
        return request

    def test_t_es_01_create_byte_for_byte(self):
        request = self.action()
        host = request.headers["host"]
        self.assertEqual(request.head.decode(), "\r\n".join((
            "POST /_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,"
            "items.*.failure_store,error.type,error.reason&timeout=15000ms HTTP/1.1",
            f"Host: {host}", "Accept-Encoding: identity", "Content-Type: application/x-ndjson",
            "Accept: application/json", "User-Agent: sluice", f"Content-Length: {len(request.body)}")))

    def test_t_es_01_index(self):
        self.action(op="index")

    def test_t_es_20_without_ids(self):
        self.action(ids=False, dedupe="false")

    def test_pipeline_and_headers(self):
        request = self.action(pipeline="a b&c", headers={"X-Opaque-Id": "n1", "X-Empty": ""})
        self.assertIn("&pipeline=a%20b%26c HTTP/1.1", request.line)
        self.assertEqual(request.headers["x-opaque-id"], "n1")
        self.assertEqual(request.headers["x-empty"], "")

    def test_t_es_17_index_is_made_valid(self):
        self.action(index="logs_a_b-shop", index_option="-Logs*a b-%{kubernetes.namespace}")

    def deliver(self, server, texts=("a", "b", "c"), index_option=None, **output):
        if index_option:
            output["index"] = index_option
        return super().deliver(server, texts, **output)

    def test_t_es_21_long_index_is_cut(self):
        self.action(index="x" * 255, index_option="x" * 300 + "%{kubernetes.namespace}")

    def test_t_es_17_data_stream_has_its_fields(self):
        server = self.serve()
        self.deliver(server, index="logs-%{kubernetes.container.name}-%{kubernetes.namespace}")
        for (index, _), document in server.documents.items():
            self.assertEqual(index, "logs-main-shop")
            self.assertEqual(json.loads(document)["data_stream"],
                             {"type": "logs", "dataset": "main", "namespace": "shop"})

    def test_t_es_17_other_indices_have_none(self):
        for output in ({"index": "app-main-shop"}, {"index": "logs-%{stream}-shop"},
                       {"op": "index"}):
            with self.subTest(output):
                server = self.serve()
                self.deliver(server, **output)
                self.assertNotIn(b"data_stream", b"".join(server.documents.values()))
                self.tearDownAgent()

    def tearDownAgent(self):
        """The next agent begins anew."""
        subprocess.run(["rm", "-r", self.folder / "state", self.pods], check=True)
        self.pods.mkdir()
        self.log = Log(self.pods)

    def test_t_es_18_index_of_the_records_own_day(self):
        self.log.write(b"2026-11-23T23:59:59.9Z stdout F before\n2026-11-24T00:00:00.1Z stdout F after\n")
        server = self.serve()
        sluice = self.sluice(server, index="App-%{+yyyy.MM.dd}")
        sluice.start()
        self.finish(server, sluice, ["before", "after"])
        self.assertEqual([index for index, _ in server.documents],
                         ["app-2026.11.23", "app-2026.11.24"])

    def test_t_es_32_nanoseconds(self):
        self.log.write(b"2026-11-23T04:29:00.123456789Z stdout F x\n")
        server = self.serve()
        sluice = self.sluice(server)
        sluice.start()
        self.finish(server, sluice, ["x"])
        document, = server.documents.values()
        self.assertEqual(json.loads(document)["@timestamp"], "2026-11-23T04:29:00.123456789Z")

    def test_t_es_27_any_text_comes_through(self):
        self.deliver(self.serve(), ["\U0001f600 caf\u00e9", "\u05e9\u05dc\u05d5\u05dd", "e\u0301",
                                    "a\u2028b", 'say "hi" \\ \t </b>'])

    def test_t_es_23_no_request_above_the_limit(self):
        server = self.serve()
        texts = [f"line {n} {'x' * (n % 300)}" for n in range(500)]
        self.deliver(server, texts, batch={"max_bytes": "4KiB", "max_age": "200ms"})
        self.assertGreater(len(server.requests), 50)
        self.assertLessEqual(max(len(request.body) for request in server.requests), 4096)

    def test_t_es_13_gzip(self):
        server = self.serve(status(503))
        self.deliver(server, compression="gzip")
        self.assertEqual([request.headers.get("content-encoding") for request in server.requests],
                         ["gzip", "gzip"])
        self.assertEqual(server.requests[0].raw[:2], b"\x1f\x8b")

    def test_t_es_31_nothing_but_bulk_is_asked(self):
        server = self.serve()
        self.deliver(server)
        self.assertTrue(all(r.line.startswith("POST /_bulk?") for r in server.requests))

    def test_t_es_16_ipv6(self):
        server = self.serve(address="::1")
        self.deliver(server)
        self.assertEqual(server.requests[0].headers["host"], f"[::1]:{server.port}")

    def test_path_before_bulk(self):
        server = self.serve()
        server.url += "/es/"
        self.deliver(server)
        self.assertTrue(server.requests[0].line.startswith("POST /es/_bulk?"))

    def test_connection_is_kept(self):
        server = self.serve()
        self.deliver(server, [f"line {n}" for n in range(100)], batch={"max_records": 10})
        self.assertGreaterEqual(len(server.requests), 10)
        self.assertEqual(server.connections, 1)

    def test_whole_run_of_a_kubelet(self):
        server = self.serve(reset, status(503), cut(300))
        sluice = self.sluice(server, max_in_flight=4)
        server.output = self.folder / "out-0.jsonl"
        sluice.start()
        writer = self.write("--containers", 4, "--lines", 500, "--stderr", 0.3, "--seconds", 2)
        sluice.wait_records(writer.wait())
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)
        self.assertEqual(server.failures, [])


class Items(Case):
    """Answers for each record."""

    def sent(self, server, n):
        return [json.loads(document)["message"] for _, _, document in server.requests[n].actions]

    def test_t_es_02_only_what_was_told_to_come_later_comes_again(self):
        server = self.serve(items(200, 429, 200))
        self.log.put("a", "b", "c")
        sluice = self.sluice(server)
        sluice.start()
        agent.until("the records", lambda: server.stored() == 3)
        books = self.assert_stops(sluice)
        self.assertEqual(self.sent(server, 1), ["b"])
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])

    def refuse(self, given, texts=("a", "b", "c")):
        """Of three the second one is refused. Returns the books."""
        server = self.serve(items(201, given))
        self.log.put(*texts)
        sluice = self.sluice(server)
        sluice.start()
        agent.until("the others", lambda: server.stored() == 2)
        books = self.assert_stops(sluice)
        self.assertEqual(len(server.requests), 1)
        self.assertEqual(books["dead_lettered_bytes"] * 3, books["read_bytes"])
        self.assertEqual(books["delivered_bytes"] * 3, books["read_bytes"] * 2)

    def test_t_es_03_mapping_conflict(self):
        self.refuse({"status": 400, "error": {"type": "mapper_parsing_exception",
                                              "reason": "failed to parse field [n]"}})

    def test_failure_store(self):
        self.refuse({"status": 201, "failure_store": "used"})

    def test_held_containers_wait_alone(self):
        """Those of one index wait for it, in their order; those of another flow meanwhile."""
        missing = {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no"}}

        def one_is_missing(server, request, line):
            found = [what["_index"] == "app-held" and not released for _, what, _ in request.actions]
            return items(*(missing if held else None for held in found))(server, request, line)
        released = []
        server = self.serve(*[one_is_missing] * 100000)
        for name in ("held", "free"):
            Log(self.pods, name, name).put(*(f"{name} {n}" for n in range(5)))
        sluice = self.sluice(server, index="app-%{kubernetes.container.name}", max_in_flight=2)
        sluice.start()
        agent.until("the free ones", lambda: server.stored() == 5)
        Log.put(free := Log(self.pods, "more", "free"), "more")
        agent.until("one more", lambda: server.stored() == 6)
        released.append(True)
        agent.until("all", lambda: server.stored() == 11)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        held = [message for message in server.messages() if message.startswith("held")]
        self.assertEqual(held, [f"held {n}" for n in range(5)])
        os.close(free.fd)

    def test_held_backlogs_leave_the_others_their_room(self):
        """60 indices are missing, and each container has more than its part of the memory: all others flow;
        then each record comes once, in its container's order."""
        missing = {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no"}}
        released = []

        def late(server, request, line):
            found = [what["_index"].startswith("app-held") and not released
                     for _, what, _ in request.actions]
            return items(*(missing if held else None for held in found))(server, request, line)
        server = self.serve(*[late] * 100000)
        for n in range(60):
            log = Log(self.pods, f"held{n}", f"held{n}")
            log.put(*(f"held{n} {i} {'x' * 200}" for i in range(1000)))
            os.close(log.fd)
        free = Log(self.pods, "free", "free")
        free.put(*(f"free {n}" for n in range(5000)))
        sluice = self.sluice(server, index="app-%{kubernetes.container.name}", max_in_flight=1,
                             batch={"max_bytes": "64KiB", "max_age": "100ms"})
        sluice.options["memory_limit"] = "8MiB"
        sluice.start()
        for n in range(3):
            agent.until("the free ones", lambda: server.stored() == 5000 + n)
            free.put(f"more {n}")
        agent.until("the last one", lambda: server.stored() == 5003)
        released.append(True)
        agent.until("all", lambda: server.stored() == 65003)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        held = {}
        for message in server.messages():
            if message.startswith("held"):
                name, number, _ = message.split(" ")
                held.setdefault(name, []).append(int(number))
        self.assertEqual(held, {f"held{n}": list(range(1000)) for n in range(60)})
        os.close(free.fd)

    def test_t_es_30_good_ones_behind_a_bad_one(self):
        texts = [f"line {n}" for n in range(1000)]
        server = self.serve(items({"status": 400, "error": {"type": "t", "reason": "r"}}))
        self.log.put(*texts)
        sluice = self.sluice(server, retry={"initial": "1h", "max": "1h"})
        sluice.start()
        agent.until("the good ones", lambda: server.stored() == 999)
        self.assert_stops(sluice)

    def test_conflict_is_delivered(self):
        server = self.serve(cut(0))
        self.deliver(server)
        self.assertEqual(len(server.requests), 2)

    def test_conflict_on_index_is_tried_again(self):
        server = self.serve(items(201, 409, 201))
        self.log.put("a", "b", "c")
        sluice = self.sluice(server, op="index")
        sluice.start()
        agent.until("the records", lambda: server.stored() == 3)
        self.assert_stops(sluice)
        self.assertEqual(self.sent(server, 1), ["b"])

    def test_t_es_05_block_is_waited_for(self):
        blocked = {"status": 403, "error": {"type": "cluster_block_exception",
                                            "reason": "index [x] blocked by: [FORBIDDEN/8/index write]"}}
        flooded = {"status": 429, "error": {"type": "cluster_block_exception",
                                            "reason": "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk]"}}
        self.deliver(self.serve(items(blocked, blocked, blocked), items(flooded, flooded, flooded),
                                items(503, 503, 503)))

    def test_missing_index_is_waited_for(self):
        missing = {"status": 404, "error": {"type": "index_not_found_exception",
                                            "reason": "no such index [x]"}}
        self.deliver(self.serve(items(missing, missing, missing)))

    def test_missing_index_has_a_fallback(self):
        missing = {"status": 404, "error": {"type": "index_not_found_exception",
                                            "reason": "no such index [x]"}}
        server = self.serve(items(201, missing, 201))
        self.log.put("a", "b", "c")
        sluice = self.sluice(server, fallback_index="Other")
        sluice.start()
        agent.until("the records", lambda: server.stored() == 3)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        (op, what, document), = server.requests[1].actions
        self.assertEqual((op, what["_index"], json.loads(document)["message"]),
                         ("create", "other", "b"))
        self.assertRegex(what["_id"], r"^[\w-]{22}-\d+$")

    def test_fallback_that_fails_is_tried_again(self):
        """It may have taken them: with its index alone the ids say so."""
        missing = {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no"}}
        server = self.serve(items(missing, missing, missing), status(503))
        self.deliver(server, fallback_index="other")
        self.assertEqual([index for index, _ in server.documents], ["other"] * 3)

    def test_fallback_that_is_missing_too_leads_back(self):
        """Whichever of the two there is one day."""
        missing = {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no"}}
        server = self.serve(items(missing, missing, missing), items(missing, missing, missing))
        self.deliver(server, fallback_index="other")
        self.assertEqual([index for index, _ in server.documents], ["logs-kubernetes-default"] * 3)
        for index in ("logs-kubernetes-default", "other", "logs-kubernetes-default"):
            self.assertEqual({what["_index"] for _, what, _ in server.requests.pop(0).actions}, {index})

    def test_t_es_29_rejected_execution(self):
        later = {"status": 429, "error": {"type": "es_rejected_execution_exception",
                                          "reason": "queue is full"}}
        died = {"status": 500, "error": {"type": "out_of_memory_error", "reason": "heap"}}
        self.deliver(self.serve(items(later, later, died), items(died, later, later)))

    def test_ids_that_are_refused_are_left_out(self):
        no = {"status": 400, "error": {"type": "illegal_argument_exception", "reason":
                                       "Document ID is not supported in create/index operation request"}}
        server = self.serve(items(no, no, no))
        self.deliver(server)
        self.assertEqual([list(what) for _, what, _ in server.requests[1].actions], [["_index"]] * 3)
        self.assertIn("the store refuses ids", Path(self.life.log).read_text())

    def test_conflict_with_another_id_than_ours_is_a_refusal(self):
        """A store that makes ids by itself, of time and dimensions: one of two is not there."""
        no = {"status": 400, "error": {
            "type": "document_parsing_exception", "reason": "[1:69] failed to parse: _id must be unset "
            "or set to [o0XM3S] but was [a-1] because [x] is in time_series mode"}}
        there = {"status": 409, "error": {"type": "version_conflict_engine_exception",
                                          "reason": "[o0XM3S]: version conflict"}}
        server = self.serve(items(no, no, no), items(201, there, 201))
        self.log.put("a", "b", "c")
        sluice = self.sluice(server)
        sluice.start()
        agent.until("the records", lambda: server.stored() >= 2)
        books = self.assert_stops(sluice)
        self.assertEqual(server.messages(), ["a", "c"])
        self.assertGreater(books["dead_lettered_bytes"], 0)

    def test_ids_that_are_wanted_are_not_left_out(self):
        """dedupe: true. The containers wait, and nothing turns in circles."""
        no = {"status": 400, "error": {"type": "illegal_argument_exception", "reason":
                                       "Document ID is not supported in create/index operation request"}}
        server = self.serve(*[items(no, no, no)] * 1000)
        self.log.put("a", "b", "c")
        sluice = self.sluice(server, dedupe="true")
        sluice.start()
        agent.until("a few", lambda: len(server.requests) > 2)
        books = self.assert_stops(sluice)
        self.assertLess(len(server.requests), 100)
        self.assertEqual(books["in_flight_bytes"], books["read_bytes"])
        self.assertTrue(all("_id" in what for r in server.requests for _, what, _ in r.actions))

    def test_t_es_25_whole_answer_without_a_filter(self):
        def full(found):
            for item in found:
                item["create"].update(_index="x", _id="1", _version=1, result="created",
                                      _shards={"total": 2, "successful": 1, "failed": 0})
            return json.dumps({"took": 3, "errors": False, "items": found}).encode()
        server = self.serve(changed(full))
        self.deliver(server)
        self.assertEqual(len(server.requests), 1)

    def test_t_es_06_what_is_no_answer_to_our_request(self):
        def one_less(found):
            return bulk(found[:-1])

        def one_more(found):
            return bulk(found + found[:1])
        changes = [one_less, one_more, lambda found: b'{"errors":false}',
                   lambda found: b'{"errors":false,"items":{}}',
                   lambda found: b'{"errors":false,"items":"all"}',
                   lambda found: json.dumps({"items": [{}] * len(found)}).encode(),
                   lambda found: json.dumps({"items": [{"index": {"status": 201}}] * 3}).encode(),
                   lambda found: json.dumps({"items": [{"create": {}}] * 3}).encode(),
                   lambda found: b'{"took":0,"errors":false,"items":[]}']
        server = self.serve(*map(changed, changes))
        self.deliver(server)
        self.assertEqual(len(server.requests), len(changes) + 1)
        self.assertIn("no answer to a bulk request", self.complaints())


class Answers(Case):
    """Answers to requests as a whole, and how they come."""

    def test_t_es_07_server_errors(self):
        server = self.serve(status(500), status(502), status(503), status(504))
        self.deliver(server)
        self.assertEqual(len({request.raw for request in server.requests}), 1)
        self.assertIn("status 500: <html><h1>no</h1></html>", self.complaints())

    def test_t_es_07_page_with_400_is_not_the_records_fault(self):
        self.deliver(self.serve(status(400, b"<html>No required SSL certificate was sent")))

    def halve(self, is_too_much, say, reason):
        """Of 20 records one is refused with its whole request; the others are delivered."""
        server = self.serve(*[lambda server, request, line: (
            say if is_too_much(request) else good)(server, request, line)] * 1000)
        texts = [f"line {n} {'x' * 20000 if n == 7 else ''}" for n in range(20)]
        self.log.put(*texts)
        sluice = self.sluice(server)
        sluice.start()
        agent.until("the others", lambda: server.stored() == 19)
        sluice.wait_quiet(0.3)
        books = self.assert_stops(sluice)
        self.assertGreater(books["dead_lettered_bytes"], 20000)
        letters = [json.loads(line) for path in (self.folder / "state/dead-letter/out").iterdir()
                   for line in path.read_text().splitlines()]
        self.assertEqual([letter["reason"] for letter in letters], [reason])

    def test_request_that_is_too_long_is_halved(self):
        self.halve(lambda request: len(request.body) > 20000, status(413, b""), "too_large")

    def test_answer_that_a_reset_follows_is_heard(self):
        """A proxy that reads no body above its limit: the socket is broken when its words are read."""
        server = self.serve()
        server.most = 100000
        self.deliver(server, [f"line {n} {'x' * 10000}" for n in range(400)])
        self.assertEqual(self.complaints(), "")

    def test_t_es_07_request_that_is_found_wrong_is_halved(self):
        said = json.dumps({"error": {"type": "illegal_argument_exception", "reason": "bad"},
                           "status": 400}).encode()
        self.halve(lambda request: b"line 7 " in request.body, status(400, said), "rejected")

    def test_t_es_09_too_many_requests(self):
        server = self.serve(status(429, extra="retry-after: 1\r\n"), status(429))
        start = time.monotonic()
        self.deliver(server)
        self.assertGreater(time.monotonic() - start, 0.9)

    def test_t_es_11_server_that_hangs(self):
        half = head(200, 1000) + b'{"errors":false,"it'
        server = self.serve(silence(), silence(half), silence(b"HTTP/1.1 2"))
        self.deliver(server, timeout="300ms")
        self.assertEqual(server.connections, 4)
        self.assertIn("no answer within 300 ms", self.complaints())

    def test_t_es_11_hanging_server_does_not_delay_the_end(self):
        server = self.serve(silence())
        self.log.put("a")
        sluice = self.sluice(server, timeout="1h")
        sluice.start()
        agent.until("the request", lambda: server.requests)
        books = self.assert_stops(sluice, patience=20)
        self.assertEqual(books["in_flight_bytes"], books["read_bytes"])

    def test_t_es_12_what_is_no_answer_at_all(self):
        junk = [b"", b"<html>please log in</html>", b'{"errors":false,"items":[{"create":{"sta',
                b"\x00\xff\xfe", b'{"items":[{"create":{"status":500,"error":{"type":"\xff\xfe"}}}]}',
                b"x" * 10_000_000, b'{"a":"' + b"y" * 10_000_000 + b'"}', b"[" * 100_000]
        server = self.serve(*(status(200, body) for body in junk))
        self.deliver(server)
        self.assertLess(max(map(len, self.complaints().split(" no answer"))), 1000)
        if not self.is_sanitized():
            self.assertLess(self.life.peak_rss(), 64 * agent.MIB)

    def test_answers_cut_at_every_byte(self):
        texts = ["only one"]
        length = len(head(200, 55)) + len(bulk([{"create": {"status": 201}}]))
        server = self.serve(*(cut(n) for n in range(0, length, 1)))
        self.deliver(server, texts, retry={"initial": "1ms", "max": "1ms"})
        self.assertEqual(len(server.requests), length + 1)

    def test_chunks_of_every_size(self):
        texts = [f"line {n}" for n in range(40)]
        server = self.serve(*(chunked(size) for size in (1, 2, 3, 5, 17, 100, 1000)))
        self.deliver(server, texts, batch={"max_records": 5, "max_age": "200ms"})
        self.assertEqual(len(server.requests), 8)

    def test_t_es_12_answer_that_nobody_asked_to_be_gzip(self):
        server = self.serve(gzipped)
        self.deliver(server)
        self.assertEqual(len(server.requests), 1)
        self.assertEqual(server.requests[0].headers["accept-encoding"], "identity")

    def test_slow_answers(self):
        server = self.serve(chunked(3, 0.01))
        self.deliver(server)
        self.assertEqual(len(server.requests), 1)

    def test_resets(self):
        server = self.serve(reset, reset, reset)
        self.deliver(server)
        self.assertEqual(self.complaints().count(server.url), 1)

    def test_redirect_is_not_followed(self):
        other = self.serve()
        server = self.serve(status(302, b"", f"location: {other.url}/_bulk\r\n"))
        self.deliver(server)
        self.assertEqual(other.requests, [])
        self.assertIn("which is not followed", self.complaints())

    def test_t_es_28_idle_connection_that_was_closed(self):
        server = self.serve(farewell)
        self.log.put("a")
        sluice = self.sluice(server)
        sluice.start()
        agent.until("the first", lambda: server.stored() == 1)
        self.log.put("b")
        self.finish(server, sluice, ["a", "b"])
        self.assertEqual(self.complaints(), "")

    def test_a_connection_that_was_closed_is_not_watched(self):
        closed = threading.Event()

        def leave(server, request, line):
            good(server, request, line)
            time.sleep(1)  # the agent has read all of it by then; should it not, the test finds nothing
            closed.set()
            return False

        server = self.serve(leave)
        self.log.put("a")
        sluice = self.sluice(server)
        life = sluice.start()
        agent.until("the connection is closed", closed.is_set)

        def cpu_s():
            fields = Path(f"/proc/{life.process.pid}/stat").read_text().split()
            return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

        agent.until("it rests: a loop that spins never does", lambda: self.rests(cpu_s))
        self.finish(server, sluice, ["a"])

    @staticmethod
    def rests(cpu_s):
        cpu, start = cpu_s(), time.monotonic()
        time.sleep(1)
        return cpu_s() - cpu < (time.monotonic() - start) / 10

    def test_connections_have_an_age(self):
        server = self.serve()
        self.log.put("line 0")
        sluice = self.sluice(server, max_connection_age="1s", batch={"max_age": "0s"})
        sluice.start()
        texts = ["line 0"]
        while server.connections < 3:
            texts.append(f"line {len(texts)}")
            self.log.put(texts[-1])
            agent.until("it", lambda: server.stored() == len(texts))
        self.finish(server, sluice, texts)
        self.assertGreater(len(server.requests), 3)


class Hosts(Case):
    def test_t_es_24_the_dead_one_is_left_out(self):
        dead, one, two = self.serve(), self.serve(), self.serve()
        dead.close()
        for server in (one, two):
            server.documents = one.documents
            server.lock = one.lock
        texts = [f"line {n}" for n in range(200)]
        self.log.put(*texts)
        sluice = self.sluice(dead, one, two, batch={"max_records": 5, "max_age": "200ms"})
        sluice.start()
        agent.until("the records", lambda: one.stored() == len(texts))
        self.assert_stops(sluice)
        self.assertGreater(min(len(one.requests), len(two.requests)), 5)
        self.assertLess(len(sluice.life.logged("cannot deliver, tries again")), 2)

    def test_t_es_24_one_that_comes_back_is_used_again(self):
        one, two = self.serve(status(503)), self.serve()
        two.documents, two.lock = one.documents, one.lock
        sluice = self.sluice(one, two, batch={"max_age": "0s"})
        sluice.start()
        texts = []
        while len(one.requests) < 3:
            texts.append(f"line {len(texts)}")
            self.log.put(texts[-1])
            agent.until("it", lambda: one.stored() == len(texts))
        self.assert_stops(sluice)

    def test_absent_at_the_start(self):
        server = self.serve()
        port = server.port
        server.close()
        self.log.put("a")
        sluice = self.sluice(server)
        sluice.start()
        agent.until("a complaint", lambda: self.complaints(sluice))
        self.assertIn(f"http://127.0.0.1:{port}: ", self.complaints(sluice))
        self.assertEqual(self.assert_stops(sluice)["delivered_bytes"], 0)


class Login(Case):
    def header(self, **auth):
        server = self.serve()
        self.deliver(server, auth=auth)
        self.assert_kept_secret()
        return server.requests[0].headers.get("authorization")

    def assert_kept_secret(self):
        said = Path(self.life.log).read_text()
        self.assertNotIn(SECRET, said)
        self.assertNotIn(base64.b64encode(f"me:{SECRET}".encode()).decode(), said)

    def test_t_es_14_basic(self):
        self.assertEqual(self.header(user="me", password=SECRET),
                         "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode())

    def test_t_es_14_api_key(self):
        self.assertEqual(self.header(api_key=SECRET), f"ApiKey {SECRET}")

    def test_t_es_14_bearer(self):
        self.assertEqual(self.header(bearer=SECRET), f"Bearer {SECRET}")

    def test_t_es_14_files_are_read_again(self):
        path = self.folder / "token"
        path.write_text("old\n")
        for option, scheme in (("bearer_file", "Bearer"), ("api_key_file", "ApiKey")):
            server = self.serve()
            path.write_text("old\n")
            sluice = self.sluice(server, auth={option: str(path)}, batch={"max_age": "0s"})
            sluice.folder = self.folder / option
            sluice.options["state_dir"] = str(self.folder / option / "state")
            (self.folder / option / "state").mkdir(parents=True)
            sluice.start()
            log = Log(self.pods, f"p-{scheme.lower()}")
            log.put("a")
            agent.until("the first", lambda: server.stored() == 1)
            self.assertEqual(server.requests[-1].headers["authorization"], f"{scheme} old")
            path.with_suffix(".new").write_text(SECRET + "\n")
            os.rename(path.with_suffix(".new"), path)
            log.put("b")
            agent.until("the second", lambda: server.stored() == 2)
            self.assertEqual(server.requests[-1].headers["authorization"], f"{scheme} {SECRET}")
            sluice.kill()
            self.life = sluice.life
            self.assert_kept_secret()
            subprocess.run(["rm", "-r", self.pods], check=True)
            self.pods.mkdir()

    def test_t_es_14_value_of_a_file_is_read_again(self):
        """auth.password: ${file:...} has no other way to learn of a new password."""
        path = self.folder / "password"
        path.write_text("old\n")
        server = self.serve()
        sluice = self.sluice(server, auth={"user": "me", "password": "${file:%s}" % path},
                             batch={"max_age": "0s"})
        sluice.start()
        for n, password in enumerate(("old", SECRET)):
            path.with_suffix(".new").write_text(password + "\n")
            os.rename(path.with_suffix(".new"), path)
            self.log.put(f"line {n}")
            agent.until("the line", lambda: server.stored() == n + 1)
            said = server.requests[-1].headers["authorization"]
            self.assertEqual(base64.b64decode(said[6:]).decode(), f"me:{password}")
        self.finish(server, sluice, ["line 0", "line 1"])
        self.assert_kept_secret()

    def test_t_es_07_wrong_password_is_said_and_waited_for(self):
        said = json.dumps({"error": {"type": "security_exception", "reason": "unable to authenticate"},
                           "status": 401}).encode()
        server = self.serve(status(401, said))
        path = self.folder / "password"
        path.write_text("wrong")
        self.log.put("a")
        sluice = self.sluice(server, auth={"user": "me", "password_file": str(path)})
        sluice.start()
        agent.until("the complaint", lambda: self.complaints(sluice))
        self.assertIn("status 401: security_exception: unable to authenticate; look at auth",
                      self.complaints(sluice))
        path.write_text(SECRET)
        self.finish(server, sluice, ["a"])
        self.assertEqual(len(server.requests), 2)
        self.assertEqual(base64.b64decode(server.requests[1].headers["authorization"][6:]).decode(),
                         f"me:{SECRET}")
        self.assert_kept_secret()

    def assert_refused(self, what, **output):
        """The agent does not start, and says why, without the secret."""
        sluice = self.sluice(self.serve(), **output)
        life = sluice.start()
        self.assertNotEqual(life.wait(), 0)
        said = Path(life.log).read_text()
        self.assertIn(what, said)
        self.assertNotIn(SECRET, said)

    def test_t_es_14_mistakes(self):
        for what, output in (
                ("belong together", {"auth": {"user": "me"}}),
                ("give one of", {"auth": {"api_key": SECRET, "bearer": SECRET}}),
                ("or its file, not both", {"auth": {"bearer": SECRET, "bearer_file": "/x"}}),
                ("auth.bearer_file: /none: No such file", {"auth": {"bearer_file": "/none"}}),
                ("holds a user or a password", {"hosts": [f"http://me:{SECRET}@localhost"]}),
                ("must begin with http", {"hosts": ["localhost:9200"]}),
                ("ends with ?", {"hosts": ["http://localhost/?a=b"]}),
                ("hosts: there is none", {"hosts": []}),
                ("it is no URL", {"hosts": ["http://localhost:0"]}),
                ("index: it is no name", {"index": ""}),
                ("index: it is no name", {"index": "-.."}),
                ("fallback_index: a name has 255 bytes at most", {"fallback_index": "x" * 256}),
                ("no header that can be set", {"headers": {"Content-Type": "x"}}),
                ("no header that can be set", {"headers": {"a b": "x"}}),
                ("proxy: write", {"proxy": "there"}),
                ("no tls.cert_file", {"tls": {"key_file": "/x"}})):
            with self.subTest(what):
                self.assert_refused(what, **output)


    def check(self, *lines):
        """What `sluice check` says of a configuration whose output ends with these lines."""
        file = self.folder / "check.yaml"
        file.write_text("\n".join(("inputs: [{type: kubernetes}]", "outputs:", "- type: elasticsearch",
                                   *lines)) + "\n")
        done = subprocess.run([SLUICE, "check", "-c", file], capture_output=True, text=True,
                              timeout=agent.PATIENCE, check=False)
        self.assertEqual(done.returncode, 2, done)
        return done.stderr.replace(str(file), "FILE")

    def test_t_es_14_mistakes_stand_at_their_place_all_at_once(self):
        said = self.check(
            "  hosts: [https://search:9200, 'search:9200', 'https://me:hidden@search']",
            "  auth: {user: 'a:b', bearer: x}", "  tls:", "    key_file: /x",
            "  headers: {host: y}", "  proxy: there", "  batch: {max_bytes: 90MiB}")
        for what in (
                "FILE:4:10: output \"elasticsearch\": hosts: number 2 cannot be used: it must begin",
                "FILE:4:10: output \"elasticsearch\": hosts: number 3 cannot be used: it holds a user",
                "FILE:5:9: output \"elasticsearch\": auth: user and password belong together",
                "FILE:5:9: output \"elasticsearch\": auth: give one of",
                "FILE:5:16: output \"elasticsearch\": auth.user: HTTP knows no user with a colon",
                "FILE:7:15: output \"elasticsearch\": tls.key_file: there is no tls.cert_file",
                "FILE:8:12: output \"elasticsearch\": headers: one of them is no header",
                "FILE:9:10: output \"elasticsearch\": proxy: write none, env or a URL",
                "FILE:10:22: memory_limit: 64MiB is too small"):
            self.assertIn(what, said)

    def test_plugin_checks_only_options_that_are_right_by_themselves(self):
        self.assertEqual(self.check("  hosts: {a: b}", "  tls: {key_file: x}").count("FILE:"), 2)

    def test_a_batch_counts_with_its_compressed_form(self):
        self.assertIn("must hold 4 batches of 8MiB, and as much again for gzip; raise it to 86MiB, or "
                      "lower batch.max_bytes to 6140KiB\n",
                      self.check("  hosts: [http://a]", "  batch: {max_bytes: 8MiB}"))
        self.assertIn("must hold 4 batches of 16MiB; raise it to 86MiB",
                      self.check("  hosts: [http://a]", "  compression: none",
                                 "  batch: {max_bytes: 16MiB}"))


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        case = agent.Case()
        cls.addClassCleanup(case.doCleanups)
        case.setUp()
        cls.ca = case.folder / "ca"
        subprocess.run([CA, cls.ca], check=True)

    def server(self, name="server", client=False):
        return self.serve(tls=tls_context(self.ca, name, client))

    def test_t_es_15_own_authority(self):
        self.deliver(self.server(), tls={"ca_file": str(self.ca / "ca.crt")})

    def test_t_es_15_client_certificate(self):
        self.deliver(self.server(client=True), tls={
            "ca_file": str(self.ca / "ca.crt"), "cert_file": str(self.ca / "client.crt"),
            "key_file": str(self.ca / "client.key"), "min_version": "1.3"})

    def test_t_es_15_server_name(self):
        server = self.server("wronghost")
        self.deliver(server, tls={"ca_file": str(self.ca / "ca.crt"),
                                  "server_name": "elsewhere.example"})
        self.assertEqual(server.requests[0].headers["host"], f"elsewhere.example:{server.port}")

    def test_t_es_16_ipv6_and_a_name_for_it(self):
        server = self.serve(address="::1", tls=tls_context(self.ca, "server", False))
        self.deliver(server, tls={"ca_file": str(self.ca / "ca.crt"), "server_name": "localhost"})
        self.assertEqual(server.requests[0].headers["host"], f"localhost:{server.port}")

    def test_without_verification(self):
        self.deliver(self.server("stranger"), tls={"verify": "false"})

    def assert_waits(self, server, why, **tls):
        self.log.put("a")
        sluice = self.sluice(server, tls=tls)
        sluice.start()
        agent.until("a complaint", lambda: self.complaints(sluice))
        self.assertRegex(self.complaints(sluice), why)
        self.assertEqual(server.requests, [])
        self.assertEqual(self.assert_stops(sluice)["in_flight_bytes"] > 0, True)

    def test_t_es_15_unknown_authority(self):
        self.assert_waits(self.server(), "certificate")

    def test_t_es_15_expired(self):
        self.assert_waits(self.server("expired"), "expired", ca_file=str(self.ca / "ca.crt"))

    def test_t_es_15_wrong_host(self):
        self.assert_waits(self.server("wronghost"), "does not match|no alternative",
                          ca_file=str(self.ca / "ca.crt"))

    def test_t_es_15_stranger(self):
        self.assert_waits(self.server("stranger"), "certificate", ca_file=str(self.ca / "ca.crt"))

    def test_t_es_15_no_client_certificate(self):
        self.assert_waits(self.server(client=True), "http", ca_file=str(self.ca / "ca.crt"))
