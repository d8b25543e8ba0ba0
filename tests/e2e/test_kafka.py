"""Output kafka against librdkafka's mock cluster: what a message is, and what each error does."""
import json
import re
import subprocess
from pathlib import Path

import agent
import kafka_cluster as kafka
from check import time_ns
from programs import SLUICE
from test_tail import Log

SECRET = "s3cr3t-w0rd"


class Case(agent.Case):
    brokers = 1

    def setUp(self):
        super().setUp()
        self.cluster = kafka.Mock(self.brokers)
        self.addCleanup(self.cluster.close)
        self.cluster.do("topic", "logs", 4)
        self.log = Log(self.pods)

    def sluice(self, **output):
        sluice = self.agent(output="kafka", batch={"max_age": "50ms"})
        sluice.outputs.update(brokers=self.cluster.brokers.split(","),
                              retry={"initial": "20ms", "max": "200ms"},
                              librdkafka={"retry.backoff.ms": "20"})
        sluice.outputs.update(output)
        return sluice

    def messages(self, topic="logs"):
        return self.cluster.consume(topic)

    def wait(self, count, topic="logs"):
        return agent.until(f"{count} messages", lambda: (
            got := self.messages(topic)) and len(got) >= count and got, pause=0.2)

    def metric(self, sluice, name):
        page = subprocess.run(["curl", "-sf", "--unix-socket", self.folder / "state/admin.sock",
                               "http://localhost/metrics"], capture_output=True, text=True, check=False)
        found = re.search(rf"^sluice_{name}{{[^}}]*}} (\d+)", page.stdout, re.M)
        assert sluice.life.process.poll() is None
        return found.group(1) if found else "0"

    def deliver(self, count=100, arrives_in="logs", **output):
        """Returns the messages; the books are closed, and everything is there once and in order."""
        texts = [f"line {n}" for n in range(count)]
        self.log.put(*texts)
        sluice = self.sluice(**output)
        sluice.start()
        got = self.wait(count, arrives_in)
        self.books = self.assert_stops(sluice)
        self.life = sluice.life
        self.assertEqual(self.books["delivered_bytes"], self.books["read_bytes"])
        if output.get("encoding", "json") == "json":
            self.assertEqual([json.loads(m["payload"])["message"] for m in got], texts)
        return got


class Messages(Case):
    """What is sent."""

    def test_a_message_byte_for_byte(self):
        got = self.deliver(3)
        for message in got:
            value = json.loads(message["payload"])
            self.assertEqual(message["key"], "uid-app/main")
            self.assertEqual(message["partition"], got[0]["partition"])
            self.assertNotIn("headers", message)
            self.assertEqual(value["@timestamp"][:19], "2023-11-14T22:13:20")
            self.assertEqual(message["ts"] // 1000, 1_700_000_000)

    def test_t_kaf_09_one_pod_one_partition(self):
        logs = {name: Log(self.pods, name) for name in ("one", "two", "three", "four", "five")}
        for n in range(50):
            for name, log in logs.items():
                log.put(f"{name} {n}")
        sluice = self.sluice()
        sluice.start()
        got = self.wait(250)
        self.assert_stops(sluice)
        for name in logs:
            mine = [m for m in got if m["key"] == f"uid-{name}/main"]
            self.assertEqual([json.loads(m["payload"])["message"] for m in mine],
                             [f"{name} {n}" for n in range(50)])
            self.assertEqual(len({m["partition"] for m in mine}), 1)

    def test_t_kaf_11_each_codec(self):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec):
                topic = f"logs-{codec}"
                self.cluster.do("topic", topic, 1)
                self.log = Log(self.pods, codec)
                sluice = self.sluice(topic=topic, compression=codec)
                sluice.inputs["select"] = {"pods": [codec]}
                sluice.options["state_dir"] = str(self.folder / codec)
                self.log.put(*(f"line {n}" for n in range(100)))
                sluice.start()
                self.assertEqual(len(self.wait(100, topic)), 100)
                self.assert_stops(sluice)

    def test_raw_has_its_place_in_a_header(self):
        got = self.deliver(10, encoding="raw")
        self.assertEqual([m["payload"] for m in got], [f"line {n}" for n in range(10)])
        places = [dict(zip(m["headers"][::2], m["headers"][1::2]))["sluice"] for m in got]
        for place in places:
            self.assertRegex(place, r"^[\w-]{22}-\d+$")
        self.assertEqual(len(set(places)), 10)

    def test_t_kaf_10_headers(self):
        """The record's place, byte for byte, where it is asked for; nowhere else, and none for raw then."""
        for message in self.deliver(10, headers="true"):
            log = json.loads(message["payload"])["log"]
            self.assertEqual(message["headers"], ["sluice", f"{log['generation']}-{log['offset']}"])
        self.setUp()
        for message in self.deliver(10, headers="false", encoding="raw"):
            self.assertNotIn("headers", message)

    def test_t_kaf_10_headers_of_pieces(self):
        self.log.put("x" * 1000)
        sluice = self.sluice(headers="true")
        sluice.inputs.update(max_record=300, on_oversize="split")
        sluice.start()
        got = self.wait(4)
        self.assert_stops(sluice)
        place = got[0]["headers"][1]
        self.assertEqual([m["headers"] for m in got],
                         [["sluice", place + end] for end in ("", ".1", ".2", ".3")])

    def test_t_kaf_22_two_outputs_and_many_topics(self):
        """Each has all, once and in order."""
        sluice = self.sluice(topic="t-%{kubernetes.pod.name}")
        sluice.more["outputs"] = [{**sluice.outputs, "name": "more", "encoding": "raw",
                                   "topic": "logs"}]
        logs = [Log(self.pods, f"p{n}") for n in range(20)]
        for log in logs:
            log.put(*map(str, range(50)))
        sluice.start()
        got = self.wait(1000)
        for n in range(20):
            mine = self.wait(50, f"t-p{n}")
            self.assertEqual([json.loads(m["payload"])["message"] for m in mine],
                             list(map(str, range(50))))
            self.assertEqual([m["payload"] for m in got if m["key"] == f"uid-p{n}/main"],
                             list(map(str, range(50))))
        self.assertEqual(sluice.stop(), 0)

    def test_t_kaf_23_batches_are_as_large_and_old_as_they_may(self):
        """Nothing leaves before its batch is full or old; a stop sends the rest."""
        self.log.put(*map(str, range(25)))
        sluice = self.sluice(batch={"max_records": 10, "max_age": "1h"})
        sluice.start()
        self.assertEqual(len(self.wait(20)), 20)
        agent.until("the rest is read", lambda: self.metric(sluice, "in_flight_bytes") != "0")
        self.assertEqual(len(self.messages()), 20)
        self.assert_stops(sluice)
        self.assertEqual(len(self.messages()), 25)
        sluice.outputs["batch"]["max_age"] = "50ms"
        self.log.put("26")
        sluice.start()
        self.wait(26)
        self.assert_stops(sluice)

    def test_no_key(self):
        self.cluster.do("topic", "one", 1)
        for message in self.deliver(5, "one", topic="one", key="none"):
            self.assertIsNone(message["key"])

    def test_t_kaf_08_topic_of_the_namespace_made_valid(self):
        self.cluster.do("topic", "logs_shop.main", 1)
        self.deliver(5, "logs_shop.main",
                     topic="logs%{no:-/}%{kubernetes.namespace}.%{kubernetes.container.name}")

    def test_t_kaf_08_more_topics_than_handles(self):
        """All of them arrive, in order."""
        for n in range(400):
            Log.put(Log(self.pods, f"p{n}"), "a", "b")
        sluice = self.sluice(topic="t-%{kubernetes.pod.name}")
        sluice.start()
        agent.until("all", lambda: int(self.metric(sluice, "delivered_records_total")) >= 800)
        self.assert_stops(sluice)
        for n in (0, 199, 399):
            self.assertEqual([json.loads(m["payload"])["message"] for m in self.messages(f"t-p{n}")],
                             ["a", "b"])

    def test_t_kaf_08_a_topic_whose_handle_was_given_away(self):
        """It goes on where it was: a broker would take numbers that begin anew for repetitions."""
        log = Log(self.pods, "first")
        log.put("a", "b")
        sluice = self.sluice(topic="t-%{kubernetes.pod.name}")
        sluice.inputs["exclude"] = {"pods": ["app"]}
        sluice.start()
        self.wait(2, "t-first")
        for n in range(300):
            Log(self.pods, f"p{n}").put("a")
        agent.until("all", lambda: int(self.metric(sluice, "delivered_records_total")) >= 302)
        log.put("c", "d")
        got = self.wait(4, "t-first")
        self.assert_stops(sluice)
        self.assertEqual([json.loads(m["payload"])["message"] for m in got], list("abcd"))


class Errors(Case):
    """What is answered to a request, and nothing is lost, repeated or out of order."""
    brokers = 3

    def survive(self, api, error, times=3, count=200):
        self.cluster.do("error", api, error, times)
        return self.deliver(count)

    def test_t_kaf_14_not_leader(self):
        self.survive(kafka.PRODUCE, kafka.NOT_LEADER)

    def test_not_enough_replicas(self):
        self.survive(kafka.PRODUCE, kafka.NOT_ENOUGH_REPLICAS)

    def test_not_enough_replicas_after_append(self):
        self.survive(kafka.PRODUCE, kafka.NOT_ENOUGH_REPLICAS_AFTER)

    def test_t_kaf_24_request_timed_out(self):
        self.survive(kafka.PRODUCE, kafka.TIMED_OUT)

    def test_storage_error(self):
        self.survive(kafka.PRODUCE, kafka.STORAGE)

    def test_t_kaf_18_no_metadata(self):
        self.survive(kafka.METADATA, kafka.NOT_AVAILABLE)

    def test_no_producer_id(self):
        self.survive(kafka.INIT_PRODUCER, kafka.COORDINATOR_LOADING, 5)

    def test_t_kaf_14_out_of_order_is_fatal_and_the_producer_made_anew(self):
        """Again and again: all that was not acknowledged goes out once more, in order."""
        sluice = self.sluice()
        sluice.start()
        for n in range(3):
            self.log.put(*(f"line {m}" for m in range(100 * n, 100 * n + 50)))
            self.wait(100 * n + 50)
            self.cluster.do("error", kafka.PRODUCE, kafka.OUT_OF_ORDER, 1)
            self.log.put(*(f"line {m}" for m in range(100 * n + 50, 100 * n + 100)))
            self.wait(100 * n + 100)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.messages()],
                         [f"line {n}" for n in range(300)])
        self.assertEqual(Path(sluice.life.log).read_text().count("made anew"), 3)

    def test_no_right_to_be_idempotent(self):
        """That ends each producer: the next one is made after 5 s, and it is said once."""
        self.cluster.do("error", kafka.INIT_PRODUCER, kafka.CLUSTER_FORBIDDEN, 2)
        self.log.put("a")
        sluice = self.sluice()
        sluice.options["log"]["level"] = "debug"
        sluice.start()
        self.wait(1)
        self.assert_stops(sluice)
        said = [d for d in sluice.life.logged() if "Cluster authorization failed" in d["message"]]
        self.assertEqual([d["level"] for d in said if d["level"] != "debug"], ["warn"], said)
        first, second = (time_ns(d["time"]) for d in said if "FATAL" in d["message"])
        self.assertGreater(second - first, 4_500_000_000)

    def test_duplicate_sequence_is_delivered(self):
        """The broker has it already; this one says so without having it."""
        self.cluster.do("error", kafka.PRODUCE, kafka.DUPLICATE, 1)
        self.log.put("a")
        sluice = self.sluice()
        sluice.start()
        agent.until("its answer", lambda: self.metric(sluice, "delivered_records_total") == "1")
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual(self.messages(), [])

    def test_connections_are_cut_instead_of_answers(self):
        self.survive(kafka.PRODUCE, kafka.CUT, 5)

    def test_corrupt_message(self):
        self.survive(kafka.PRODUCE, kafka.CORRUPT, 2)

    def test_producer_is_fenced(self):
        self.survive(kafka.PRODUCE, kafka.FENCED, 1)

    def test_each_error_after_the_other(self):
        """While lines come and leaders move."""
        sluice = self.sluice()
        sluice.start()
        errors = (kafka.NOT_LEADER, kafka.TIMED_OUT, kafka.CUT, kafka.NOT_ENOUGH_REPLICAS,
                  kafka.STORAGE, kafka.NOT_ENOUGH_REPLICAS_AFTER, kafka.UNKNOWN_PRODUCER)
        for n, error in enumerate(errors):
            self.cluster.do("error", kafka.PRODUCE, error, 2)
            self.cluster.do("leader", "logs", n % 4, n % 3 + 1)
            self.log.put(*(f"line {m}" for m in range(50 * n, 50 * n + 50)))
            self.wait(50 * n + 50)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.messages()],
                         [f"line {n}" for n in range(350)])

    def test_one_broker_after_the_other_is_down(self):
        sluice = self.sluice()
        sluice.start()
        for n in range(1, 4):
            self.log.put(*(f"line {m}" for m in range(50 * n - 50, 50 * n)))
            self.cluster.do("down", n)
            for partition in range(4):
                self.cluster.do("leader", "logs", partition, n % 3 + 1)
            self.wait(50 * n)
            self.cluster.do("up", n)
        self.assert_stops(sluice)
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.messages()],
                         [f"line {n}" for n in range(150)])

    def test_unknown_producer(self):
        self.survive(kafka.PRODUCE, kafka.UNKNOWN_PRODUCER, 1)

    def test_leader_changes(self):
        self.log.put(*(f"line {n}" for n in range(100)))
        sluice = self.sluice()
        sluice.start()
        self.wait(100)
        for n in range(1, 4):
            for partition in range(4):
                self.cluster.do("leader", "logs", partition, n)
            self.log.put(*(f"line {m}" for m in range(100 * n, 100 * n + 100)))
            self.wait(100 * n + 100)
        self.assert_stops(sluice)
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.messages()],
                         [f"line {n}" for n in range(400)])

    def test_t_kaf_19_all_brokers_are_down(self):
        """At the start: everything waits in its file, and one warning says so."""
        for n in (1, 2, 3):
            self.cluster.do("down", n)
        self.log.put("a", "b")
        sluice = self.sluice()
        sluice.start()
        agent.until("the warning", lambda: "brokers are down" in Path(sluice.life.log).read_text()
                    or "Connect" in Path(sluice.life.log).read_text())
        for n in (1, 2, 3):
            self.cluster.do("up", n)
        self.wait(2)
        self.assert_stops(sluice)


class Refusals(Case):
    """Those that are meant for a record or a topic."""

    def letters(self):
        return [json.loads(line) for path in (self.folder / "state/dead-letter/out").glob("*.ndjson")
                for line in path.read_text().splitlines()]

    def test_refused_in_bad_company(self):
        """The broker refuses twice what has company: nobody is buried, and all are in order."""
        for error in (kafka.TOO_LARGE, kafka.LIST_TOO_LARGE, kafka.INVALID_RECORD,
                      kafka.INVALID_TIMESTAMP):
            with self.subTest(error):
                self.cluster.do("error", kafka.PRODUCE, error, 2)
                self.deliver(200)
                self.assertEqual(self.letters(), [])
                self.doCleanups()
                self.setUp()

    def test_too_large_alone(self):
        self.cluster.do("error", kafka.PRODUCE, kafka.TOO_LARGE, 100)
        self.log.put("a")
        sluice = self.sluice()
        sluice.start()
        agent.until("a dead letter", self.letters)
        books = self.assert_stops(sluice)
        self.assertEqual(books["dead_lettered_bytes"], books["read_bytes"])
        self.assertIn("MSG_SIZE_TOO_LARGE", json.dumps(self.letters()))

    def test_too_large_for_the_client(self):
        self.log.put("a", "b" * 5000, "c")
        sluice = self.sluice(librdkafka={"message.max.bytes": "2000"})
        sluice.start()
        self.wait(2)
        self.assert_stops(sluice)
        self.assertEqual(len(self.letters()), 1)

    def test_invalid_record_is_a_dead_letter(self):
        self.cluster.do("error", kafka.PRODUCE, kafka.INVALID_RECORD, 2)  # the second time it is alone
        self.log.put("a")
        sluice = self.sluice()
        sluice.start()
        agent.until("a dead letter", self.letters)
        books = self.assert_stops(sluice)
        self.assertEqual(books["dead_lettered_bytes"], books["read_bytes"])
        self.assertEqual([letter["reason"] for letter in self.letters()], ["rejected"])

    def test_t_kaf_05_a_damaged_dead_letter(self):
        """It is told, the others are sent once more, and the agent goes on."""
        self.log.put(*(f"{n} {'x' * 3000}" for n in range(3)))
        sluice = self.sluice(librdkafka={"message.max.bytes": "2000"}, reject_storm="continue")
        sluice.start()
        agent.until("dead letters", lambda: len(self.letters()) == 3)
        self.assert_stops(sluice)
        path, = (self.folder / "state/dead-letter/out").glob("*.ndjson")
        first, second, third = path.read_bytes().splitlines()
        path.write_bytes(b"\n".join((first, second[:-300] + b"\x00\xff{", third, b"")))
        del sluice.outputs["librdkafka"]
        self.log.put("after")
        sluice.start()
        self.wait(1)
        done = subprocess.run([SLUICE, "dead-letter", "redrive", "out", "-c",
                               self.folder / "sluice.yaml"], capture_output=True, text=True,
                              timeout=agent.PATIENCE, check=False)
        self.assertIn("damaged", done.stdout + done.stderr)
        got = self.wait(3)
        self.assert_stops(sluice)
        self.assertEqual({text[0] for text in self.texts(got)}, {"0", "2", "a"})

    def texts(self, messages):
        return [json.loads(message["payload"])["message"] for message in messages]

    def topics(self, **output):
        """Two containers, each with a topic of its own."""
        self.cluster.do("topic", "t-good", 1)
        self.bad, self.good = Log(self.pods, "bad"), Log(self.pods, "good")
        return self.sluice(topic="t-%{kubernetes.pod.name}", **output)

    def assert_held(self, sluice, words):
        """Its container waits and says so, others flow."""
        agent.until("the reason", lambda: words in Path(sluice.life.log).read_text())
        self.bad.put(*map(str, range(10, 20)))
        self.good.put("more")
        self.wait(2, "t-good")

    def assert_released(self, sluice):
        """Later it comes whole and in order."""
        got = self.wait(20, "t-bad")
        self.assert_stops(sluice)
        self.assertEqual(self.texts(got), list(map(str, range(20))))

    def test_t_kaf_07_unknown_topic(self):
        self.cluster.do("topic-error", "t-bad", kafka.UNKNOWN_TOPIC)
        sluice = self.topics()
        self.bad.put(*map(str, range(10)))
        self.good.put("good")
        sluice.start()
        self.wait(1, "t-good")
        self.assert_held(sluice, "UNKNOWN_TOPIC")
        self.cluster.do("topic-error", "t-bad", 0)
        self.assert_released(sluice)

    def test_topic_that_is_forbidden(self):
        """The first requests are that topic's alone."""
        self.cluster.do("topic", "t-bad", 1)
        self.cluster.do("error", kafka.PRODUCE, kafka.FORBIDDEN, 1)
        sluice = self.topics(retry={"initial": "20ms", "max": "3s"})
        self.bad.put(*map(str, range(10)))
        sluice.start()
        agent.until("the reason", lambda: "AUTHORIZATION" in Path(sluice.life.log).read_text())
        self.good.put("good")
        self.assert_held(sluice, "AUTHORIZATION")
        self.assert_released(sluice)

    def test_fallback_topic(self):
        self.cluster.do("topic-error", "t-bad", kafka.UNKNOWN_TOPIC)
        sluice = self.topics(fallback_topic="logs")
        self.bad.put(*map(str, range(10)))
        self.good.put("good")
        sluice.start()
        got = self.wait(10)
        self.wait(1, "t-good")
        self.assert_stops(sluice)
        self.assertEqual(self.texts(got), list(map(str, range(10))))
        self.assertEqual(self.texts(self.messages("t-good")), ["good"])


class Bounds(Case):
    def test_t_kaf_12_the_clients_queue_is_full(self):
        self.cluster.do("rtt", 1, 50)
        self.deliver(20_000, librdkafka={"queue.buffering.max.messages": "1000"})

    def test_t_kaf_04_unreachable_at_a_stop(self):
        self.log.put("a", "b")
        self.cluster.do("down", 1)
        sluice = self.sluice()
        sluice.options["shutdown_timeout"] = "500ms"
        sluice.start()
        agent.until("it reads", lambda: int(self.metric(sluice, "in_flight_bytes")) > 0)
        books = self.assert_stops(sluice)
        self.assertEqual((books["delivered_bytes"], books["in_flight_bytes"]),
                         (0, books["read_bytes"]))
        self.cluster.do("up", 1)
        sluice.start()
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.wait(2)], ["a", "b"])
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])

    def test_t_kaf_20_killed_while_the_broker_is_silent(self):
        self.cluster.do("rtt", 1, 3_600_000)
        self.log.put("a", "b")
        sluice = self.sluice()
        sluice.start()
        agent.until("both are out", lambda: int(self.metric(sluice, "in_flight_bytes"))
                    == (self.log.folder / "0.log").stat().st_size)
        self.assertEqual(self.metric(sluice, "delivered_records_total"), "0")
        sluice.kill()
        self.cluster.do("rtt", 1, 0)
        sluice.start()
        got = self.wait(2)
        self.assert_stops(sluice)
        self.assertEqual({json.loads(m["payload"])["message"] for m in got}, {"a", "b"})


class Configuration(agent.Case):
    def refused(self, **output):
        sluice = self.agent(output="kafka")
        sluice.outputs.update(brokers=["127.0.0.1:9"])
        sluice.outputs.update(output)
        path = sluice.configuration("")
        done = subprocess.run([SLUICE, "run", "-c", path], capture_output=True, text=True,
                              timeout=agent.PATIENCE, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(SECRET, done.stderr)
        return done.stderr

    def test_t_kaf_21_what_cannot_work_is_refused_by_name(self):
        for output, words in (
                ({"brokers": []}, "brokers"),
                ({"brokers": ["a b"]}, "brokers"),
                ({"brokers": ["a:99999"]}, "brokers"),
                ({"brokers": ["[::1]:9092", "a:"]}, "brokers"),
                ({"topic": ""}, "topic"),
                ({"topic": "a b"}, "no name of a topic"),
                ({"compression": "brotli"}, "compression"),
                ({"acks": "1"}, "idempotence"),
                ({"compression": "gzip", "compression_level": 10}, "compression_level"),
                ({"sasl": {"user": "u", "password": SECRET}}, "sasl"),
                ({"sasl": {"mechanism": "PLAIN", "user": "u"}}, "sasl"),
                ({"sasl": {"mechanism": "PLAIN", "user": "u", "password_file": "/nowhere"}},
                 "password_file"),
                ({"tls": {"ca_file": "/nowhere"}}, "tls.ca_file: /nowhere: No such file"),
                ({"tls": {"key_file": "/nowhere"}}, "cert_file"),
                ({"tls": {"min_version": "1.3"}}, "ssl.enabled.protocols"),
                ({"tls": {"server_name": "a", "verify": False}}, "server_name"),
                ({"sasl": {"mechanism": "OAUTHBEARER"}}, "token_file"),
                ({"sasl": {"mechanism": "OAUTHBEARER", "token_file": "/nowhere"}}, "token_file"),
                ({"sasl": {"mechanism": "OAUTHBEARER", "token_file": "/x", "user": "u", "password": SECRET}},
                 "belong together"),
                ({"sasl": {"mechanism": "PLAIN", "user": "u", "password": SECRET, "token_file": "/x"}},
                 "OAUTHBEARER"),
                ({"librdkafka": {"sasl.oauthbearer.method": "oidc"}}, "token_file"),
                ({"librdkafka": {"client.id": 'a"b'}}, "quote"),
                ({"librdkafka": {"acks": "0"}}, "use the option acks"),
                ({"librdkafka": {"message.timeout.ms": "1000"}}, "lost"),
                ({"librdkafka": {"no.such": "1"}}, "no.such"),
                ({"librdkafka": {"linger.ms": "soon"}}, "linger.ms")):
            with self.subTest(output):
                self.assertIn(words, self.refused(**output))
