"""Output kafka on a real Apache Kafka that is away, behind a bad network, changed under our hands, or
that refuses some records.

The broker is away for 60 s instead of 15 with SLUICE_E2E_LONG=1."""
import json
import time
import unittest

import kafka_server  # finds the end-to-end tests' own
import agent
import check
from test_admin import LocalConnection, Metrics
from test_tail import Log

AWAY_S = 60 if agent.LONG else 15
MIB = 1 << 20
BY_MESSAGE = "%{kubernetes.pod.name}"


class Outage(kafka_server.Case):
    def amount(self, name):
        """0 while nothing was read."""
        metrics = self.metrics()
        return metrics.sum(name) if f"sluice_{name}{{" in metrics.text else 0

    def metrics(self):
        connection = LocalConnection(str(self.folder / "state"))
        connection.request("GET", "/metrics", headers={"host": "localhost"})
        page = connection.getresponse().read().decode()
        connection.close()
        return Metrics(page)

    def test_t_kaf_02_away_at_the_start_and_for_long_under_load_with_rotation(self):
        """What the kubelet deletes meanwhile is held; memory stays within its limit; books are closed."""
        self.broker.run("topic", self.topic, "partitions=6")
        self.broker.run("kill")
        sluice = self.sluice(batch={"max_age": "200ms", "max_bytes": "256KiB"})
        sluice.options["memory_limit"] = "16MiB"
        sluice.start()
        agent.until("that it is away", lambda: self.said(sluice, "Connect"))
        at_rest = sluice.life.rss()
        writer = self.write("--containers", 50, "--rate", 50, "--rotate", 2, "--max-size", 60000,
                            "--max-files", 3, "--stderr", 0.2, "--line", "100-600",
                            "--seconds", 3600)
        agent.until("it reads", lambda: self.amount("in_flight_bytes") > 0)
        self.broker.run("restart")
        self.wait(1000)
        self.broker.run("kill")
        self.assertEqual(self.watch(AWAY_S), set())
        self.assertGreater(self.metrics().sum("pinned_bytes"), 0)
        self.broker.run("restart")
        writer.stop()
        agent.until("all is read", lambda: self.amount("unread_bytes") == 0
                    and self.amount("in_flight_bytes") == 0, pause=0.5)
        peak = sluice.life.peak_rss()
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual(books["lost_bytes"], 0)
        self.assert_once(writer, sluice, self.broker.read(self.topic))
        print(f"\n{self.id()}: {at_rest / MIB:.1f} MiB at rest, {peak / MIB:.1f} at most")
        self.assertLess(peak, at_rest + 16 * MIB + 8 * MIB)

    def watch(self, seconds):
        """What went wrong in that time: P3 in each scrape."""
        end, wrong = time.monotonic() + seconds, set()
        while time.monotonic() < end:
            metrics = self.metrics()
            read = metrics.sum("read_bytes_total")
            booked = sum(metrics.sum(f"{what}_bytes_total") for what in ("delivered", "filtered")) \
                + metrics.sum("in_flight_bytes")
            if read != booked:
                wrong.add((read, booked))
            time.sleep(0.5)
        return wrong


class Network(kafka_server.Case):
    """A broker that is reached through a proxy alone."""

    def setUp(self):
        super().setUp()
        self.proxy = kafka_server.Proxy(self.broker.port)
        self.addCleanup(self.proxy.close)
        self.broker.restart_with(
            "--property", f"advertised.listeners=CLIENT://127.0.0.1:{self.proxy.port},"
                          f"ADMIN://{self.broker.plain}", *self.settings())
        self.broker.run("topic", self.topic, "partitions=3")

    def settings(self):
        return ()

    def test_t_kaf_14_connections_are_cut_in_requests_and_before_answers(self):
        """What was stored and not confirmed is sent again, and there once: the broker knows it."""
        sluice = self.sluice(batch={"max_age": "50ms"})
        sluice.outputs["librdkafka"].update({"reconnect.backoff.ms": "10", "retry.backoff.ms": "10"})
        sluice.start()
        writer = self.write("--containers", 9, "--rate", 200, "--line", "200-2000",
                            "--seconds", 3600)
        for n in range(1, 41):
            self.wait(200 * n)
            self.proxy.cut()
        messages = writer.stop()
        self.wait(messages)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assert_once(writer, sluice, self.broker.read(self.topic))

    def test_t_kaf_24_answers_come_later_than_requests_time_out(self):
        sluice = self.sluice()
        sluice.outputs["librdkafka"].update({"request.timeout.ms": "1000", "socket.timeout.ms": "1500"})
        sluice.start()
        writer = self.write("--containers", 9, "--rate", 100, "--seconds", 3600)
        self.wait(500)
        self.proxy.delay_s = 3
        agent.until("a time-out", lambda: self.said(sluice, "imed out"))
        self.proxy.delay_s = 0
        messages = writer.stop()
        self.wait(messages)
        self.assert_stops(sluice)
        self.assert_once(writer, sluice, self.broker.read(self.topic))


class Idle(Network):
    """... and which closes what is idle for a second."""

    def settings(self):
        return "--property", "connections.max.idle.ms=1000"

    def test_t_kaf_17_idle_connections_are_closed(self):
        """Nobody complains, and the next record arrives."""
        log = Log(self.pods)
        sluice = self.sluice()
        sluice.start()
        for n in range(3):
            log.put(str(n))
            self.wait(n + 1)
            closed = self.proxy.ended
            agent.until("a connection is closed", lambda: self.proxy.ended > closed)
        self.assert_stops(sluice)
        self.assertEqual([d for d in sluice.life.logged() if d["level"] in ("warn", "error")], [])


for name in [name for name in dir(Network) if name.startswith("test_")]:
    setattr(Idle, name, None)  # only its own


class Refused(kafka_server.Case):
    """Some records, and who is beside them."""

    def test_too_large_for_the_topic(self):
        """One of three: it alone is a dead letter, and its neighbours are in order."""
        self.broker.run("topic", self.topic, "max.message.bytes=10000")
        log = Log(self.pods)
        log.put(*map(str, range(20)), "x" * 50_000, *map(str, range(20, 40)))
        sluice = self.sluice(compression="none")
        sluice.start()
        self.wait(40)
        books = self.assert_stops(sluice)
        self.assertGreater(books["dead_lettered_bytes"], 50_000)
        self.assertEqual(self.texts(), list(map(str, range(40))))
        self.assertEqual([letter["reason"] for letter in self.letters()], ["too_large"])

    def test_too_large_for_the_client(self):
        self.broker.run("topic", self.topic)
        log = Log(self.pods)
        log.put("a", "x" * 50_000, "b")
        sluice = self.sluice(compression="none")
        sluice.outputs["librdkafka"]["message.max.bytes"] = "10000"
        sluice.start()
        self.wait(2)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(), ["a", "b"])
        self.assertEqual([letter["reason"] for letter in self.letters()], ["too_large"])

    def test_many_too_large_among_many(self):
        """They alone are dead letters; with many requests on their way all others are in order."""
        self.broker.run("topic", self.topic, "partitions=2", "max.message.bytes=5000")
        logs = [Log(self.pods, f"pod-{n}") for n in range(3)]
        for n in range(600):
            for log in logs:
                log.put(str(n), *["y" * 6000] * (n % 200 == 99))
        sluice = self.sluice(compression="none", reject_storm="continue",
                             batch={"max_age": "50ms", "max_records": 20})
        sluice.outputs["librdkafka"]["batch.num.messages"] = "5"
        sluice.start()
        self.wait(1800)
        self.assert_stops(sluice)
        self.assertEqual(len(self.letters()), 9)
        by_key = {}
        for message in self.consume():
            by_key.setdefault(message["key"], []).append(json.loads(message["payload"])["message"])
        self.assertEqual(list(by_key.values()), [list(map(str, range(600)))] * 3)

    def test_one_with_a_time_that_the_topic_does_not_take(self):
        """The broker refuses the whole request, and does not say for which record."""
        self.broker.run("topic", self.topic, "message.timestamp.before.max.ms=86400000")
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        log = Log(self.pods)
        for n in range(100):
            log.write(f"{now}.{n:09d}Z stdout F {n}\n".encode())
            if n == 30:
                log.put("old")
        sluice = self.sluice()
        sluice.start()
        self.wait(100)
        books = self.assert_stops(sluice)
        self.assertEqual(self.texts(), list(map(str, range(100))))
        (letter,) = self.letters()
        self.assertEqual(letter["reason"], "rejected")
        self.assertIn("INVALID_TIMESTAMP", json.dumps(letter))
        self.assertIn("old", json.dumps(letter))
        self.assertEqual(books["dead_lettered_bytes"] + books["delivered_bytes"], books["read_bytes"])

    def test_no_key_in_a_topic_that_is_compacted(self):
        self.broker.run("topic", self.topic, "cleanup.policy=compact")
        Log(self.pods).put("a", "b", "c")
        sluice = self.sluice(key="none")
        sluice.start()
        agent.until("dead letters", lambda: len(self.letters()) == 3)
        self.assert_stops(sluice)
        self.assertEqual({letter["reason"] for letter in self.letters()}, {"rejected"})

    def test_half_a_mebibyte_of_quotes(self):
        """Twice as long in JSON, which is longer than Kafka's own limit: compressed it fits, else it is a
        dead letter, and its neighbours arrive."""
        quotes = '"' * 524_200
        for codec, letters in (("lz4", 0), ("none", 1)):
            with self.subTest(codec):
                topic = f"{self.topic}-{codec}"
                self.broker.run("topic", topic)
                log = Log(self.pods, codec)
                log.put("a")
                for at in range(0, len(quotes), 16384):
                    log.put(quotes[at:at + 16384], tag="P" if at + 16384 < len(quotes) else "F")
                log.put("b")
                sluice = self.sluice(topic=topic, compression=codec)
                sluice.inputs["select"] = {"pods": [codec]}
                sluice.start()
                self.wait(3 - letters, topic)
                self.assert_stops(sluice)
                self.assertEqual(self.texts(topic), ["a", *[quotes] * (1 - letters), "b"])
                self.assertEqual([letter["reason"] for letter in self.letters()], ["too_large"] * letters)


class Changed(kafka_server.Case):
    """While the agent is at work."""

    def test_t_kaf_15_partitions_are_added(self):
        """Keys go elsewhere; each partition has its share of a container in order, and all is there once."""
        self.broker.run("topic", self.topic, "partitions=2")
        sluice = self.sluice(**{"librdkafka": {"topic.metadata.refresh.interval.ms": "500"}})
        sluice.start()
        writer = self.write("--containers", 20, "--rate", 50, "--seconds", 3600)
        self.wait(1000)
        self.broker.run("tool", "org.apache.kafka.tools.TopicCommand", "--alter", "--topic", self.topic,
                        "--partitions", "6")
        agent.until("all are used", lambda: all(self.broker.ends(self.topic, 6) or [0]), pause=1)
        messages = writer.stop()
        self.wait(messages)
        self.assert_stops(sluice)
        last = {}
        with open(sluice.life.output, "w", encoding="utf-8") as out:
            found = sorted(self.broker.read(self.topic), key=lambda m: self.number(m.value))
            for message in found:
                at = last.get((message.key, message.partition), -1)
                self.assertGreater(message.offset, at)
                last[message.key, message.partition] = message.offset
                out.write(message.value)
        self.assertTrue(any(len({p for k, p in last if k == key}) > 1 for key, _ in last))
        self.assert_right(writer, sluice, repeats=False)

    @staticmethod
    def number(value):
        head = check.HEAD.match(json.loads(value)["message"].encode())
        return int(head[1]), int(head[3])

    def test_t_kaf_11_each_codec(self):
        logs = {codec: Log(self.pods, codec) for codec in ("none", "gzip", "snappy", "lz4", "zstd")}
        for codec, log in logs.items():
            with self.subTest(codec):
                topic = f"{self.topic}-{codec}"
                self.broker.run("topic", topic)
                log.put(*(f"{codec} {n}" for n in range(1000)))
                sluice = self.sluice(topic=topic, compression=codec)
                sluice.inputs["select"] = {"pods": [codec]}
                sluice.start()
                self.wait(1000, topic)
                self.assert_stops(sluice)
                self.assertEqual(self.texts(topic), [f"{codec} {n}" for n in range(1000)])

    def test_a_topic_is_deleted_and_made_again(self):
        """What comes meanwhile waits, and other topics flow."""
        self.broker.restart_with("--property", "auto.create.topics.enable=false")
        for which in "ab":
            self.broker.run("topic", f"{self.topic}-{which}")
        logs = {which: Log(self.pods, which) for which in "ab"}
        sluice = self.sluice(topic=f"{self.topic}-{BY_MESSAGE}")
        sluice.outputs["librdkafka"]["topic.metadata.refresh.interval.ms"] = "1000"
        sluice.start()
        logs["a"].put("1")
        self.wait(1, f"{self.topic}-a")
        self.broker.run("tool", "org.apache.kafka.tools.TopicCommand", "--delete", "--topic",
                        f"{self.topic}-a")
        agent.until("it is gone", lambda: not self.broker.partitions(f"{self.topic}-a"))
        logs["a"].put("2")
        agent.until("the reason", lambda: self.said(sluice, '"reason":"topic"'))  # or a partition of it
        logs["a"].put("3")
        logs["b"].put("1")
        self.wait(1, f"{self.topic}-b")
        self.broker.run("topic", f"{self.topic}-a")
        self.wait(2, f"{self.topic}-a")
        self.assert_stops(sluice)
        self.assertEqual(self.texts(f"{self.topic}-a"), ["2", "3"])


if __name__ == "__main__":
    unittest.main()
