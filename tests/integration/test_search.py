"""Output elasticsearch on real servers: OpenSearch and Elasticsearch, the same tests on each.

They are started from packages by tests/servers, one at a time. One of each by default; all four
versions, and 1,000,000 lines instead of 200,000, with SLUICE_E2E_LONG=1. SLUICE_SEARCH_LINES says
how many by itself.
"""
import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
import agent
from programs import SLUICE
from search_server import Server
from test_tail import Log

CONF = Path(__file__).resolve().parents[2] / "conf/elasticsearch"
LINES = int(os.environ.get("SLUICE_SEARCH_LINES", 1_000_000 if agent.LONG else 200_000))
AUTHORITY = {"user": "sluice", "password": "right"}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Case(agent.Case):
    product, version, options = None, None, ()

    @classmethod
    def setUpClass(cls):
        cls.home = agent.Case()
        cls.addClassCleanup(cls.home.doCleanups)
        cls.home.setUp()
        cls.server = cls.begin(cls.product, "server", *cls.options, "--version", cls.version)

    @classmethod
    def begin(cls, product, folder, *options):
        server = Server(product, cls.home.folder / folder, *options)
        cls.addClassCleanup(server.stop)
        return server

    def setUp(self):
        super().setUp()
        self.index = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", ".")

    def sluice(self, **output):
        sluice = self.agent(output="elasticsearch", batch={"max_age": "200ms"})
        sluice.outputs.update(hosts=[self.server.url], index=self.index,
                              retry={"initial": "100ms", "max": "1s"})
        sluice.outputs.update(output)
        return sluice

    def create(self, index, body):
        answer = self.server.ask("PUT", f"/{index}", body)
        self.assertTrue(answer.get("acknowledged"), answer)

    def wait(self, count, index=None):
        agent.until(f"{count} documents", lambda: self.server.count(index or self.index) >= count,
                    10 * agent.PATIENCE, pause=0.3)

    def assert_all_there(self, writer, sluice, messages):
        """Each document once, under its place; each as it was written, in order by offset."""
        order = {}
        for name, document in self.server.documents(self.index):
            log = document["log"]
            self.assertEqual(name, f"{log['generation']}-{log['offset']}")
            self.assertNotIn(name, order)
            order[name] = (document["kubernetes"]["pod"]["uid"], document["@timestamp"],
                           log["offset"], json.dumps(document))
        self.assertEqual(len(order), messages)
        with open(sluice.life.output, "w", encoding="utf-8") as out:
            for _, _, _, document in sorted(order.values()):
                out.write(document + "\n")
        self.assert_right(writer, sluice, repeats=False)


class Whole:
    """What holds on every server that is well."""
    missing_types = ()  # of fields, in the packages that the tests run

    def test_everything_arrives_once(self):
        writer = self.write("--containers", 10, "--hot", 10, "--lines", LINES // 10, "--odd", 0.1,
                            "--stderr", 0.2, "--seconds", 600)
        messages = writer.wait()
        sluice = self.sluice()
        sluice.start()
        self.wait(messages)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assert_all_there(writer, sluice, messages)

    def test_t_es_26_server_and_agent_are_killed(self):
        """While both are at work: five times the server, five times the agent."""
        sluice = self.sluice()
        sluice.start()
        writer = self.write("--containers", 10, "--rate", 200, "--lines", 4000, "--seconds", 600)
        for n in range(1, 6):
            agent.until("some more", lambda: self.server.count(self.index) >= 1000 * n)
            self.server.kill()
            if n % 2:
                sluice.kill()
                sluice.start()
                self.server.restart()
            else:
                self.server.restart()
                sluice.kill()
                sluice.start()
        messages = writer.wait()
        self.wait(messages)
        self.assert_stops(sluice)
        self.assert_all_there(writer, sluice, messages)

    def test_t_es_03_mapping_conflict(self):
        """One of a hundred: the others are there, and it is in the dead letters, with the reason."""
        self.create(self.index, {"mappings": {"properties": {"message": {"type": "long"}}}})
        log = Log(self.pods)
        log.put(*map(str, range(50)), "no number", *map(str, range(49)))
        sluice = self.sluice()
        sluice.start()
        self.wait(99)
        books = self.assert_stops(sluice)
        self.assertGreater(books["dead_lettered_bytes"], 0)
        letters = [json.loads(line) for path in (self.folder / "state/dead-letter/out").glob("*.ndjson")
                   for line in path.read_text().splitlines()]
        self.assertEqual(len(letters), 1)
        self.assertRegex(json.dumps(letters[0]), "mapper_parsing_exception|document_parsing_exception")
        self.server.ask("DELETE", f"/{self.index}")
        self.create(self.index, {"mappings": {"properties": {"message": {"type": "text"}}}})
        subprocess.run([SLUICE, "dead-letter", "redrive", "out", "-c", self.folder / "sluice.yaml"],
                       check=True, timeout=agent.PATIENCE, capture_output=True)
        self.assertEqual(self.server.count(self.index), 1)
        (_, document), = self.server.documents(self.index)
        self.assertEqual(document["message"], "no number")

    def test_shipped_templates(self):
        """conf/elasticsearch: the servers take them, and records fit."""
        for name, index in (("data-stream", "logs-kubernetes-shop"), ("plain", "kubernetes-2023.11.14")):
            if name == "data-stream" and not isinstance(self, DataStreams):
                continue
            prefix = "opensearch-" if self.product == "opensearch" else ""
            text = (CONF / f"{prefix}{name}.json").read_text()
            for missing, instead in self.missing_types:
                text = text.replace(missing, instead)
            answer = self.server.ask("PUT", f"/_index_template/{name}", json.loads(text))
            self.assertTrue(answer.get("acknowledged"), answer)
            log = Log(self.pods, name)
            log.put("1", "two")
            sluice = self.sluice(**{"index": index})
            sluice.start()
            self.wait(2, index)
            self.assert_stops(sluice)
            self.assertEqual({d["message"] for _, d in self.server.documents(index)}, {"1", "two"})
            shutil.rmtree(self.folder / "state")
            shutil.rmtree(self.pods)
            self.pods.mkdir()

    def test_t_es_05_read_only_block(self):
        """Its containers wait, the others flow; and then it is lifted."""
        shut, open_ = f"{self.index}.shut", f"{self.index}.open"
        self.create(shut, {})
        self.server.ask("PUT", f"/{shut}/_settings", {"index.blocks.read_only_allow_delete": True})
        Log(self.pods, "a", "shut").put("1", "2", "3")
        Log(self.pods, "b", "open").put("4", "5")
        sluice = self.sluice(index=f"{self.index}.%{{kubernetes.container.name}}")
        sluice.start()
        self.wait(2, open_)
        self.assertEqual(self.server.count(shut), 0)
        self.server.ask("PUT", f"/{shut}/_settings", {"index.blocks.read_only_allow_delete": None})
        self.wait(3, shut)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])

    def test_nanoseconds_and_text(self):
        log = Log(self.pods)
        texts = ["\U0001f600 caf\u00e9", "\u05e9\u05dc", 'say "hi" \\ \t', "a\u2028b"]
        log.put(*texts)
        log.write(b"2026-11-23T04:29:00.123456789Z stdout F \xff\xfe\n")
        sluice = self.sluice()
        sluice.start()
        self.wait(5)
        self.assert_stops(sluice)
        documents = sorted((d["log"]["offset"], d) for _, d in self.server.documents(self.index))
        self.assertEqual([d["message"] for _, d in documents], texts + ["\ufffd\ufffd"])
        self.assertEqual(documents[4][1]["@timestamp"], "2026-11-23T04:29:00.123456789Z")


class DataStreams:
    def test_t_es_17_data_stream(self):
        self.server.ask("PUT", "/_index_template/t", {
            "index_patterns": ["logs-*"], "data_stream": {}, "priority": 500})
        Log(self.pods).put("1", "2", "3")
        sluice = self.sluice(index="logs-%{kubernetes.container.name}-%{kubernetes.namespace}")
        sluice.start()
        self.wait(3, "logs-main-shop")
        self.assert_stops(sluice)
        _, document = next(self.server.documents("logs-main-shop"))
        self.assertEqual(document["data_stream"],
                         {"type": "logs", "dataset": "main", "namespace": "shop"})


class Busy(Case):
    """A server that can hardly take anything: 429 for items and for whole requests."""
    product, version = "opensearch", "2"
    options = ("--property", "thread_pool.write.size=1", "--property",
               "thread_pool.write.queue_size=1")

    def test_t_es_29_tiny_queue(self):
        self.create(self.index, {"settings": {"number_of_shards": 8, "number_of_replicas": 0}})
        writer = self.write("--containers", 8, "--hot", 8, "--lines", 2500, "--seconds", 600)
        messages = writer.wait()
        sluice = self.sluice(max_in_flight=8, batch={"max_bytes": "256KiB", "max_age": "200ms"})
        sluice.start()
        self.wait(messages)
        self.assert_stops(sluice)
        self.assertTrue(sluice.life.logged("cannot deliver, tries again"), "nobody was told to wait")
        self.assert_all_there(writer, sluice, messages)


class Login(Case):
    """Elasticsearch's own security, over TLS."""
    product, version = "elasticsearch", "8"
    options = ("--user", "sluice:right", "--user", "reader:right:viewer", "--tls")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ca = str(cls.server.folder / "config/tls/ca.crt")
        cls.server.trust(cls.ca, basic("sluice", "right"))

    def complaint(self, sluice):
        return " ".join(doc["reason"] for doc in sluice.life.logged("cannot deliver, tries again"))

    def test_t_es_15_right_password_over_tls(self):
        Log(self.pods).put("1", "2", "3")
        sluice = self.sluice(auth=AUTHORITY, tls={"ca_file": self.ca})
        sluice.start()
        self.wait(3)
        self.assert_stops(sluice)

    def test_t_es_07_wrong_password(self):
        path = self.folder / "password"
        path.write_text("wr0ng-word")
        Log(self.pods).put("1")
        sluice = self.sluice(auth={"user": "sluice", "password_file": str(path)},
                             tls={"ca_file": self.ca})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertRegex(self.complaint(sluice), "status 401: security_exception: .*; look at auth")
        path.write_text("right")
        self.wait(1)
        self.assert_stops(sluice)
        self.assertNotIn("wr0ng-word", Path(sluice.life.log).read_text())

    def test_user_without_the_right(self):
        Log(self.pods).put("1")
        sluice = self.sluice(auth={"user": "reader", "password": "right"}, tls={"ca_file": self.ca})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertIn("security_exception", self.complaint(sluice))
        books = self.assert_stops(sluice)
        self.assertEqual(books["in_flight_bytes"], books["read_bytes"])

    def test_t_es_15_expired_certificate(self):
        server = self.begin("front", "front", "--to", "http://localhost:1", "--tls", "--cert", "expired")
        Log(self.pods).put("1")
        sluice = self.sluice(hosts=[server.url], tls={"ca_file": str(server.folder / "tls/ca.crt")})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertIn("expired", self.complaint(sluice))
        self.assert_stops(sluice)


class OpenSearch2(Whole, DataStreams, Case):
    product, version = "opensearch", "2"


class Elasticsearch8(Whole, DataStreams, Case):
    product, version = "elasticsearch", "8"
    missing_types = (("match_only_text", "text"),)


@agent.long_only
class OpenSearch3(Whole, DataStreams, Case):
    product, version = "opensearch", "3"


@agent.long_only
class Elasticsearch7(Whole, Case):  # this one comes without data streams
    product, version = "elasticsearch", "7"
    missing_types = (("match_only_text", "text"),)
