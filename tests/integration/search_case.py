"""search_case.py - output elasticsearch on a real server: what its tests share, and those that hold on each.

1,000,000 lines come to each family of servers; SLUICE_SEARCH_LINES says otherwise.
"""
import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
import agent
import check
from programs import SLUICE
from search_server import SERVERS, Server  # pylint: disable=unused-import
from test_tail import Log

CONF = Path(__file__).resolve().parents[2] / "conf/elasticsearch"
LINES = int(os.environ.get("SLUICE_SEARCH_LINES", 1_000_000))


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
        cls.addClassCleanup(server.kill)
        return server

    def setUp(self):
        super().setUp()
        self.index = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", ".")

    def sluice(self, **output):
        sluice = self.agent(output="elasticsearch", batch={"max_age": "200ms"})
        sluice.outputs.update(hosts=[self.server.url], index=self.index,
                              retry={"initial": "100ms", "max": "1s"})
        sluice.outputs.update(output)
        self.last = sluice
        return sluice

    def create(self, index, body):
        answer = self.server.ask("PUT", f"/{index}", body)
        self.assertTrue(answer.get("acknowledged"), answer)

    def set(self, settings):
        """Of the cluster, until the test ends."""
        self.addCleanup(self.put_settings, dict.fromkeys(settings))
        self.put_settings(settings)

    def put_settings(self, settings):
        answer = self.server.ask("PUT", "/_cluster/settings", {"transient": settings})
        self.assertTrue(answer.get("acknowledged"), answer)

    def wait(self, count, index=None, pause=0.3):
        agent.until(f"{count} documents", lambda: self.server.count(index or self.index) >= count
                    or self.last._ended(self.last.life), 10 * agent.PATIENCE, pause)

    def wait_for_words(self, sluice, pattern):
        agent.until(f"to hear of {pattern}", lambda: re.search(pattern, Path(sluice.life.log).read_text()))

    def complaint(self, sluice):
        return " ".join(doc["reason"] for doc in sluice.life.logged("cannot deliver, tries again"))

    def assert_stops_all_delivered(self, sluice):
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])

    def assert_waits(self, sluice, why):
        """It says why, gives nothing up, and ends well. Returns its books."""
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertRegex(self.complaint(sluice), why)
        books = self.assert_stops(sluice)
        self.assertEqual(books["in_flight_bytes"], books["read_bytes"])
        self.assertGreater(books["read_bytes"], 0)

    def letters(self, output="out"):
        return [json.loads(line)
                for path in (self.folder / "state/dead-letter" / output).glob("*.ndjson")
                for line in path.read_text().splitlines()]

    def command(self, *words):
        subprocess.run([SLUICE, *words, "-c", self.folder / "sluice.yaml"], check=True,
                       timeout=agent.PATIENCE, capture_output=True)

    # --- everything that was written is there ---

    def assert_all_there(self, writer, sluice, messages, index=None):
        """Each document once, under its place; each as it was written, in order by offset."""
        order = {}
        for name, document in self.server.documents(index or self.index):
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

    def assert_places(self, truth):
        """Each place that was written, once, and no other one. Returns the files' generations."""
        written, found = {}, {}
        for messages in truth.streams.values():
            for g, offset in zip(messages.generation, messages.offset):
                written.setdefault(g, []).append(offset)
        for name in self.server.ids(self.index):
            generation, _, offset = name.rpartition("-")
            found.setdefault(generation, []).append(int(offset))
        written = {g: sorted(offsets) for g, offsets in written.items()}
        found = {name: sorted(offsets) for name, offsets in found.items()}
        self.assertEqual(sorted(written.values()), sorted(found.values()))
        return {name: next(g for g in written if written[g] == found[name]) for name in found}

    def assert_sample(self, truth, name, generation):
        """The first 10,000 of a file, as the server orders them by offset."""
        before = {}
        of = truth.generations[generation]
        for document in self.server.page(self.index, name):
            text = document["message"].encode()
            head = check.HEAD.match(text)
            c, s, n, length, odd = head.groups()
            key = int(c), "oe".index(s.decode())
            self.assertEqual(key[0], of.container)
            self.assertEqual(text, check.expected(head[0], int(n), int(length), odd == b"1"))
            self.assertEqual(truth.streams[key].offset[int(n)], document["log"]["offset"])
            self.assertEqual(document["stream"], check.STREAM_NAMES[key[1]])
            self.assertEqual(document["kubernetes"]["pod"]["uid"], truth.containers[key[0]][2])
            self.assertGreater(int(n), before.get(key, -1))
            before[key] = int(n)
        self.assertTrue(before)


class Whole:
    """What holds on every server that is well."""
    missing_types = ()  # of fields, in the packages that the tests run
    kills = ("server", "agent", "server and agent") * 5

    def template(self, name):
        """One of conf/elasticsearch, as this server takes it."""
        prefix = "opensearch-" if self.product == "opensearch" else ""
        text = (CONF / f"{prefix}{name}.json").read_text()
        for missing, instead in self.missing_types:
            text = text.replace(missing, instead)
        return json.loads(text)

    def put_template(self, name, template):
        answer = self.server.ask("PUT", f"/_index_template/{name}", template)
        self.assertTrue(answer.get("acknowledged"), answer)
        self.addCleanup(self.server.ask, "DELETE", f"/_index_template/{name}")

    def way(self):
        """Options of the output: how it comes to the server."""
        return {}

    def test_everything_arrives_once(self):
        """In an index with the mappings of conf/elasticsearch."""
        writer = self.write("--containers", 20, "--hot", 20, "--lines", LINES // 20, "--odd", 0.1,
                            "--stderr", 0.2, "--seconds", 600)
        messages = writer.wait()
        template = self.template("plain")["template"]
        template["settings"].update({"number_of_replicas": 0, "refresh_interval": "30s"})
        self.create(self.index, template)
        sluice = self.sluice(**self.way())
        sluice.start()
        self.wait(messages, pause=3)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual(self.server.count(self.index), messages)
        truth = check.Truth(str(writer.truth))
        generations = self.assert_places(truth)
        for name in random.sample(sorted(generations), 3):
            self.assert_sample(truth, name, generations[name])

    def test_t_es_26_server_and_agent_are_killed(self):
        """While both are at work: five times the one, the other, and both."""
        sluice, indices = self.sluice(), [self.index]
        if isinstance(self, DataStreams):
            self.data_stream()
            indices.append("logs-killed-shop")
            sluice.more["outputs"].append({**sluice.outputs, "name": "stream", "index": indices[1]})
        sluice.start()
        writer = self.write("--containers", 10, "--rate", 20, "--seconds", 600)
        for victims in self.kills:
            before = [self.server.count(index) for index in indices]
            agent.until("some more", lambda: all(
                self.server.count(index) > seen for index, seen in zip(indices, before)), pause=0.1)
            if "agent" in victims:
                sluice.kill()
            if "server" in victims:
                self.server.kill()
                self.server.restart()
            if "agent" in victims:
                sluice.start()
        messages = writer.stop()
        for index in indices:
            self.wait(messages, index)
        self.assertEqual(sluice.stop(), 0)
        for index in indices:
            self.assert_all_there(writer, sluice, messages, index)
        for life in sluice.lives:
            self.assertNotIn("cannot have been sent before", Path(life.log).read_text())

    def test_t_es_03_mapping_conflict(self):
        """One of a hundred: the others are there, and it is in the dead letters, with the reason; and
        when its field takes it, it comes too."""
        self.create(self.index, {"mappings": {"properties": {"message": {"type": "long"}}}})
        log = Log(self.pods)
        log.put(*map(str, range(50)), "no number", *map(str, range(50, 99)))
        sluice = self.sluice()
        sluice.start()
        self.wait(99)
        books = self.assert_stops(sluice)
        self.assertGreater(books["dead_lettered_bytes"], 0)
        letter, = self.letters()
        self.assertRegex(json.dumps(letter), "mapper_parsing_exception|document_parsing_exception")
        self.assertEqual(self.server.count(self.index), 99)
        self.server.ask("PUT", f"/{self.index}/_mapping", {
            "properties": {"message": {"type": "long", "ignore_malformed": True}}})
        self.command("dead-letter", "redrive", "out")
        messages = {d["message"] for _, d in self.server.documents(self.index)}
        self.assertEqual(messages, {"no number", *map(str, range(99))})
        self.assertEqual(self.letters(), [])

    def test_shipped_templates(self):
        """conf/elasticsearch: the servers take them, and records fit, odd ones too."""
        for name, index in (("data-stream", "logs-kubernetes-shop"), ("plain", "kubernetes-2023.11.14")):
            if name == "data-stream" and not isinstance(self, DataStreams):
                continue
            self.put_template(name, self.template(name))
            log = Log(self.pods, name)
            log.put("1", "two", "x" * 100_000)
            sluice = self.sluice(index=index)
            sluice.options["fields"] = {"kubernetes.pod.ip": "no address", "odd": "y" * 5000,
                                        "kubernetes.labels.app_kubernetes_io/name": "cart",
                                        "kubernetes.labels.app": "a"}
            sluice.start()
            self.wait(3, index)
            self.assert_stops_all_delivered(sluice)
            self.assertEqual({d["message"] for _, d in self.server.documents(index)},
                             {"1", "two", "x" * 100_000})
            (mapping,) = self.server.ask("GET", f"/{index}/_mapping").values()
            fields = mapping["mappings"]["properties"]
            self.assertEqual(fields["@timestamp"]["type"], "date_nanos")
            self.assertIn(fields["kubernetes"]["properties"]["labels"]["type"],
                          ("flattened", "flat_object"))
            shutil.rmtree(self.folder / "state")
            shutil.rmtree(self.pods)
            self.pods.mkdir()

    def test_nanoseconds_and_text(self):
        log = Log(self.pods)
        texts = ["\U0001f600 caf\u00e9", "\u05e9\u05dc", 'say "hi" \\ \t', "a\u2028b"]
        log.put(*texts)
        log.write(b"2026-11-23T04:29:00.123456789Z stdout F \xff\xfe\n")
        sluice = self.sluice()
        sluice.start()
        self.wait(5)
        self.assert_stops_all_delivered(sluice)
        documents = sorted((d["log"]["offset"], d) for _, d in self.server.documents(self.index))
        self.assertEqual([d["message"] for _, d in documents], texts + ["\ufffd\ufffd"])
        self.assertEqual(documents[4][1]["@timestamp"], "2026-11-23T04:29:00.123456789Z")

    def test_t_es_17_hostile_names(self):
        """Whatever an index is to be called, the server takes what is made of it."""
        names = {' A/b\\c*?"<>|,#:d': "a_b_c_________d", "..": "unknown", "-_+x": "x",
                 "\u00dcn\u00ef": "n_", "Z" * 300: "z" * 255}
        Log(self.pods).put("1")
        sluice = self.sluice()
        sluice.options["memory_limit"] = "128MiB"
        sluice.more["outputs"] = [{**sluice.outputs, "name": f"o{n}", "index": "%{name}",
                                   "fields": {"name": name}}
                                  for n, name in enumerate(names)]
        sluice.start()
        for name in (self.index, *names.values()):
            self.wait(1, name)
        self.assertEqual(sluice.stop(), 0)
        for n in range(len(names)):
            self.assertEqual(self.letters(f"o{n}"), [])

    def test_redelivery_meets_itself(self):
        """The state is lost: all of it is sent again, and nothing is there twice."""
        Log(self.pods).put(*map(str, range(500)))
        sluice = self.sluice()
        sluice.start()
        self.wait(500)
        self.assert_stops_all_delivered(sluice)
        shutil.rmtree(self.folder / "state")
        sluice.start()
        agent.until("all again", lambda: self.server.conflicts(self.index) >= 500)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual(self.server.count(self.index), 500)
        self.assertNotIn("cannot have been sent before", Path(sluice.life.log).read_text())


class Blocked:
    """Indices that take nothing for a while: their containers wait, the others flow."""

    def two(self, **output):
        """A container whose index is shut, and one whose index is open."""
        self.shut, self.open = f"{self.index}.shut", f"{self.index}.open"
        Log(self.pods, "a", "shut").put("1", "2", "3")
        self.log = Log(self.pods, "b", "open")
        self.log.put("4", "5")
        return self.sluice(index=f"{self.index}.%{{kubernetes.container.name}}", **output)

    def assert_flows(self):
        """All by itself, the open one does."""
        self.wait(2, self.open)
        self.log.put("6")
        self.wait(3, self.open)
        self.assertEqual(self.server.count(self.shut), 0)

    def assert_all_came(self, sluice):
        self.wait(3, self.shut)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual((self.server.count(self.shut), self.server.count(self.open)), (3, 3))

    def test_t_es_05_read_only_block(self):
        sluice = self.two()
        self.create(self.shut, {})
        self.server.ask("PUT", f"/{self.shut}/_settings", {"index.blocks.read_only": True})
        sluice.start()
        self.assert_flows()
        self.server.ask("PUT", f"/{self.shut}/_settings", {"index.blocks.read_only": None})
        self.assert_all_came(sluice)

    def test_too_many_shards(self):
        """The index of a new day cannot be made: that is not its records' fault."""
        sluice = self.two()
        self.create(self.open, {})
        self.set({"cluster.max_shards_per_node": 1})
        sluice.start()
        self.assert_flows()
        self.wait_for_words(sluice, "validation_exception.*maximum")
        self.put_settings({"cluster.max_shards_per_node": None})
        self.assert_all_came(sluice)

    def test_alias_without_a_write_index(self):
        sluice = self.two()
        for n in (1, 2):
            self.create(f"{self.index}.{n}", {"aliases": {self.shut: {}}})
        sluice.start()
        self.assert_flows()
        self.server.ask("POST", "/_aliases", {"actions": [{"add": {
            "index": f"{self.index}.1", "alias": self.shut, "is_write_index": True}}]})
        self.assert_all_came(sluice)

    def test_shards_that_are_away(self):
        """The server waits for them; not so long that all others have no answer."""
        sluice = self.two(timeout="4s")
        self.server.ask("PUT", f"/{self.shut}?wait_for_active_shards=0", {
            "settings": {"index.routing.allocation.require.box": "none"}})
        sluice.start()
        self.wait_for_words(sluice, "container waits.*unavailable_shards_exception")
        self.wait(2, self.open)
        self.log.put("6")
        self.wait(3, self.open)
        self.server.ask("PUT", f"/{self.shut}/_settings",
                        {"index.routing.allocation.require.box": None})
        self.assert_all_came(sluice)

    def test_pipeline_that_is_made_later(self):
        Log(self.pods).put(*map(str, range(6000)))  # more than words of it are kept
        sluice = self.sluice(pipeline="later")
        sluice.start()
        self.wait_for_words(sluice, r"container waits.*pipeline with id \[later\]")
        self.server.ask("PUT", "/_ingest/pipeline/later", {"processors": []})
        self.wait(6000)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual(self.letters(), [])

    def test_fallback_takes_over(self):
        sluice = self.two(fallback_index=f"{self.index}.else")
        self.create(self.shut, {})
        self.server.ask("PUT", f"/{self.shut}/_settings", {"index.blocks.write": True})
        sluice.start()
        self.wait(3, f"{self.index}.else")
        self.wait(2, self.open)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual(self.server.count(self.shut), 0)

    def test_t_es_05_disk_watermark(self):
        """The server finds its disk full, and then it has room again."""
        self.create(self.index, {})
        sluice = self.sluice()
        marks = {f"cluster.routing.allocation.disk.watermark.{name}": f"{tb}tb" for name, tb in (
            ("low", 30000), ("high", 20000), ("flood_stage", 10000))}
        self.set({"cluster.info.update.interval": "10s", **marks})
        agent.until("the block", lambda: "read_only_allow_delete" in json.dumps(
            self.server.ask("GET", f"/{self.index}/_settings")), pause=0.5)
        Log(self.pods).put("1", "2", "3")
        sluice.start()
        self.wait_for_words(sluice, "container waits.*flood-stage watermark")
        self.assertEqual(self.server.count(self.index), 0)
        self.put_settings(dict.fromkeys(marks))
        self.wait(3)
        self.assert_stops_all_delivered(sluice)
        # OpenSearch forbids new indices as well, and 3 does not take that back by itself
        self.server.ask("PUT", "/_cluster/settings", {
            what: {"cluster.blocks.create_index": None} for what in ("persistent", "transient")})
        self.create(f"{self.index}.next", {})


class DataStreams:
    def data_stream(self):
        self.server.ask("PUT", "/_index_template/t", {
            "index_patterns": ["logs-*"], "data_stream": {}, "priority": 400})

    def test_t_es_17_data_stream(self):
        self.data_stream()
        Log(self.pods).put("1", "2", "3")
        sluice = self.sluice(index="logs-%{kubernetes.container.name}-%{kubernetes.namespace}")
        sluice.start()
        self.wait(3, "logs-main-shop")
        self.assert_stops_all_delivered(sluice)
        _, document = next(self.server.documents("logs-main-shop"))
        self.assertEqual(document["data_stream"],
                         {"type": "logs", "dataset": "main", "namespace": "shop"})

    def test_data_stream_takes_no_index_operation(self):
        """op: index. Its containers wait; when the stream is gone, they flow."""
        self.data_stream()
        index = f"logs-{self.index}-shop"
        Log(self.pods).put("1", "2", "3")
        sluice = self.sluice(index=index, op="index")
        sluice.start()
        self.wait_for_words(sluice, "container waits.*only write ops with an op_type of create")
        books = self.assert_stops(sluice)
        self.assertEqual(books["in_flight_bytes"], books["read_bytes"])

    def test_redelivery_across_a_rollover(self):
        """What is sent again behind it is there twice; without one, once."""
        self.data_stream()
        index = f"logs-{self.index}-shop"
        Log(self.pods).put("1", "2", "3")
        sluice = self.sluice(index=index)
        for wanted in (3, 3, 6):
            sluice.start()
            self.wait(wanted, index)
            if len(sluice.lives) == 2:
                agent.until("the same again", lambda: self.server.conflicts(index) >= 3)
                self.assertTrue(self.server.ask("POST", f"/{index}/_rollover")["rolled_over"])
            self.assert_stops_all_delivered(sluice)
            self.assertEqual(self.server.count(index), wanted)
            shutil.rmtree(self.folder / "state")
