"""Output kafka on a real Apache Kafka, started from its packages by tests/servers. kcat, which is not
ours, says what is there.

1,000,000 lines instead of 200,000 with SLUICE_E2E_LONG=1; SLUICE_KAFKA_LINES says how many by itself.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
import agent
from kafka_cluster import consume
from test_tail import Log

SERVER = Path(__file__).resolve().parents[1] / "servers" / "kafka.sh"
LINES = int(os.environ.get("SLUICE_KAFKA_LINES", 1_000_000 if agent.LONG else 200_000))


class Broker:
    def __init__(self, folder, *options):
        self.folder = folder
        self.brokers = self.run("start", *options).strip()
        port = int(self.run("port"))
        self.plain = f"127.0.0.1:{port + 1}"  # without TLS and login, for the tools

    def run(self, command, *words):
        done = subprocess.run([SERVER, command, self.folder, *words], capture_output=True, text=True,
                              timeout=180, check=False)
        if done.returncode:
            raise RuntimeError(f"kafka.sh {command}: {done.stderr}")
        return done.stdout

    def count(self, topic):
        """Messages in it, by the ends of its partitions."""
        said = self.run("tool", "org.apache.kafka.tools.GetOffsetShell", "--topic", topic)
        return sum(int(line.rsplit(":", 1)[1]) for line in said.split())


class Case(agent.Case):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.home = agent.Case()
        cls.addClassCleanup(cls.home.doCleanups)
        cls.home.setUp()
        cls.broker = Broker(cls.home.folder / "broker", *cls.options)
        cls.addClassCleanup(cls.broker.run, "kill")

    def setUp(self):
        super().setUp()
        self.topic = self.id().rsplit(".", 1)[1].removeprefix("test_")

    def sluice(self, **output):
        sluice = self.agent(output="kafka", batch={"max_age": "200ms"})
        sluice.outputs.update(brokers=[self.broker.brokers], topic=self.topic,
                              retry={"initial": "100ms", "max": "1s"},
                              librdkafka={"reconnect.backoff.max.ms": "500"})
        sluice.outputs.update(output)
        return sluice

    def wait(self, count, topic=None):
        agent.until(f"{count} messages", lambda: self.broker.count(topic or self.topic) >= count,
                    10 * agent.PATIENCE, pause=1)

    def consume(self, topic=None):
        return consume(self.broker.plain, topic or self.topic)

    def assert_all_there(self, writer, sluice, messages, repeats):
        """Each once, or recognisable as the same by its place; in order; as it was written."""
        seen, found = {}, self.consume()
        for message in found:
            log = json.loads(message["payload"])["log"]
            place = log["generation"], log["offset"]
            if place in seen:
                self.assertEqual(seen[place], message["payload"])
            else:
                seen[place] = message["payload"]
        self.assertLessEqual(len(found) - len(seen), repeats, "so many are there twice")
        self.assertEqual(len(seen), messages)
        Path(sluice.life.output).write_text("".join(f"{payload}\n" for payload in seen.values()),
                                            encoding="utf-8")
        self.assert_right(writer, sluice, repeats=False)


class Plain(Case):
    def test_t_kaf_01_everything_arrives_once_and_in_order(self):
        self.broker.run("topic", self.topic, "partitions=6")
        writer = self.write("--containers", 50, "--hot", 50, "--lines", LINES // 50, "--odd", 0.1,
                            "--stderr", 0.2, "--seconds", 600)
        messages = writer.wait()
        sluice = self.sluice()
        sluice.start()
        self.wait(messages)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assert_all_there(writer, sluice, messages, repeats=0)

    def test_t_kaf_03_broker_and_agent_are_killed(self):
        """While both are at work: once the broker, twice the agent."""
        self.broker.run("topic", self.topic, "partitions=6")
        sluice = self.sluice()
        sluice.start()
        writer = self.write("--containers", 20, "--rate", 200, "--lines", 4000, "--seconds", 600)
        self.wait(1000)
        self.broker.run("kill")
        sluice.kill()
        sluice.start()
        self.broker.run("restart")
        self.wait(2000)
        sluice.kill()
        sluice.start()
        messages = writer.wait()
        self.wait(messages)
        self.assert_stops(sluice)
        self.assert_all_there(writer, sluice, messages, repeats=messages)

    def test_broker_is_killed_and_nothing_is_there_twice(self):
        self.broker.run("topic", self.topic, "partitions=6")
        sluice = self.sluice()
        sluice.start()
        writer = self.write("--containers", 10, "--rate", 200, "--lines", 3000, "--seconds", 600)
        self.wait(500)
        self.broker.run("kill")
        self.broker.run("restart")
        messages = writer.wait()
        self.wait(messages)
        self.assert_stops(sluice)
        self.assert_all_there(writer, sluice, messages, repeats=0)

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
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.consume()],
                         list(map(str, range(40))))


class Closed(Case):
    """A broker that makes no topics, wants TLS and a login."""
    options = ("--tls", "--sasl", "agent:right", "--property", "auto.create.topics.enable=false")

    def sluice(self, **output):
        ca_file = self.broker.folder / "tls/ca.crt"
        self.password = self.folder / "password"
        self.password.write_text("right\n")
        return super().sluice(tls={"ca_file": str(ca_file)},
                              sasl={"mechanism": "PLAIN", "user": "agent",
                                    "password_file": str(self.password)}, **output)

    def test_t_kaf_16_tls_and_a_password_that_was_wrong_at_first(self):
        self.broker.run("topic", self.topic)
        log = Log(self.pods)
        log.put("a", "b")
        sluice = self.sluice()
        self.password.write_text("wrong\n")
        sluice.start()
        agent.until("that it is wrong", lambda: "uthentication" in Path(sluice.life.log).read_text())
        self.assertNotIn("wrong", Path(sluice.life.log).read_text().replace("wrong_at", ""))
        self.password.write_text("right\n")
        self.wait(2)
        self.assert_stops(sluice)

    def test_t_kaf_16_wrong_authority(self):
        self.broker.run("topic", self.topic)
        Log(self.pods).put("a")
        sluice = self.sluice()
        other = self.folder / "other"
        subprocess.run([SERVER.parent / "ca.sh", other], check=True, capture_output=True)
        sluice.outputs["tls"] = {"ca_file": str(other / "ca.crt")}
        sluice.options["shutdown_timeout"] = "500ms"
        sluice.start()
        agent.until("that it is not trusted",
                    lambda: "certificate verify failed" in Path(sluice.life.log).read_text())
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], 0)

    def test_t_kaf_07_topic_that_is_made_later(self):
        self.broker.run("topic", f"{self.topic}-good")
        bad, good = Log(self.pods, "bad"), Log(self.pods, "good")
        bad.put(*map(str, range(10)))
        good.put("a")
        sluice = self.sluice(topic=f"{self.topic}-%{{kubernetes.pod.name}}")
        sluice.start()
        agent.until("the reason", lambda: "UNKNOWN_TOPIC" in Path(sluice.life.log).read_text())
        good.put("b")
        self.wait(2, f"{self.topic}-good")
        self.broker.run("topic", f"{self.topic}-bad")
        self.wait(10, f"{self.topic}-bad")
        self.assert_stops(sluice)
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.consume(f"{self.topic}-bad")],
                         list(map(str, range(10))))
