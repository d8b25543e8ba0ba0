"""kafka_server.py - a real Apache Kafka, run by servers/kafka.sh, what is in it, and the agent before it.

Whatever is judged was read by kcat or by Kafka's own consumer, neither of which is ours.
"""
import json
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
import agent
from kafka_cluster import consume

SERVER = Path(__file__).resolve().parents[1] / "servers" / "kafka.sh"


class Message(NamedTuple):
    partition: int
    offset: int
    time_ms: int
    key: str
    value: str


class Broker:
    def __init__(self, folder, *options):
        self.folder = folder
        self.brokers = self.run("start", *options).strip()
        self.port = int(self.run("port"))
        self.plain = f"127.0.0.1:{self.port + 1}"  # without TLS and login, for the tools

    def run(self, command, *words, status=0):
        done = subprocess.run([SERVER, command, self.folder, *words], capture_output=True, text=True,
                              timeout=180, check=False)
        if done.returncode != status:
            raise RuntimeError(f"kafka.sh {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def restart_with(self, *options):
        """The same one, with other settings."""
        self.run("stop")
        self.brokers = self.run("start", *options).strip()

    def partitions(self, topic):
        said = subprocess.run(["kcat", "-L", "-J", "-b", self.plain, "-t", topic],
                              capture_output=True, timeout=agent.PATIENCE, check=True)
        return len(json.loads(said.stdout)["topics"][0]["partitions"])

    def count(self, topic):
        """Messages in it, by the ends of its partitions."""
        wanted = [word for p in range(self.partitions(topic)) for word in ("-t", f"{topic}:{p}:-1")]
        said = agent.until("a leader of each", lambda: not wanted or self.ask(*wanted))
        return sum(int(line.rsplit(" ", 1)[1]) for line in said.splitlines()) if wanted else 0

    def ask(self, *wanted):
        """None: somebody has no leader yet."""
        done = subprocess.run(["kcat", "-Q", "-b", self.plain, *wanted], capture_output=True,
                              text=True, timeout=agent.PATIENCE, check=False)
        return done.stdout if done.returncode == 0 else None

    def read(self, topic):
        """Each Message, those of a partition in their order, through kcat."""
        with subprocess.Popen(
                ["kcat", "-C", "-b", self.plain, "-t", topic, "-o", "beginning", "-e", "-q",
                 "-f", r"%p %o %T %k %s\n"], stdout=subprocess.PIPE, text=True) as kcat:
            for line in kcat.stdout:
                partition, offset, time_ms, key, value = line.split(" ", 4)
                yield Message(int(partition), int(offset), int(time_ms), key, value)
        if kcat.returncode:
            raise RuntimeError(f"kcat: {kcat.returncode}")

    def ends(self, topic, partitions):
        """How many messages each of them has had; None: not all can be asked yet. It reads nothing: whoever
        reads while partitions are made may wait for one for ever."""
        wanted = [word for n in range(partitions) for word in ("-t", f"{topic}:{n}:-1")]
        done = subprocess.run(["kcat", "-Q", "-b", self.plain, *wanted], capture_output=True, text=True,
                              timeout=180, check=False)
        return None if done.returncode else [int(line.split()[-1]) for line in done.stdout.splitlines()]

    def read_as_java(self, topic, count):
        """The same, through Kafka's own consumer."""
        shown = [word for name in ("partition", "offset", "timestamp", "key")
                 for word in ("--formatter-property", f"print.{name}=true")]
        with subprocess.Popen(
                [SERVER, "tool", self.folder, "org.apache.kafka.tools.consumer.ConsoleConsumer",
                 "--topic", topic, "--from-beginning", "--max-messages", str(count), *shown],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as consumer:
            for line in consumer.stdout:
                time, partition, offset, key, value = line.split("\t", 4)
                yield Message(*(int(word.split(":")[1]) for word in (partition, offset, time)),
                              key, value)
        if consumer.returncode:
            raise RuntimeError(f"the consumer: {consumer.returncode}")


class Proxy:
    """Stands before a broker. It forwards byte for byte, each answer after delay_s, and cuts connections
    as it is told: then a request ends in its middle, or its answer does not come."""

    def __init__(self, target_port):
        self.target_port, self.delay_s, self.left = target_port, 0, False
        self.cuts = self.ended = 0  # connections: by us, and by whomever
        self.wanted = None          # "request" or "answer": the next one is cut
        self.ends, self.dice = [], random.Random(7)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.left:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                continue  # the broker is down, or we are
            self.ends += near, far
            for what, source, target in (("request", near, far), ("answer", far, near)):
                threading.Thread(target=self._forward, args=(what, source, target),
                                 daemon=True).start()

    def _forward(self, what, source, target):
        try:
            while data := source.recv(65536):
                if what == "answer":
                    time.sleep(self.delay_s)
                if self.wanted == what:
                    self.wanted = None
                    target.sendall(data[:self.dice.randrange(len(data)) if what == "request" else 0])
                    self.cuts += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        self.ended += what == "request"
        self._end(source, target)

    @staticmethod
    def _end(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def cut(self):
        """Now, or when the next bytes come."""
        before = self.cuts
        self.wanted = self.dice.choice(("request", "answer"))
        agent.until("a cut", lambda: self.cuts > before)

    def close(self):
        self.left = True
        self.listener.close()
        self._end(*self.ends)


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
                    agent.PATIENCE, pause=0.3)

    def consume(self, topic=None):
        return consume(self.broker.plain, topic or self.topic)

    def texts(self, topic=None):
        return [json.loads(m["payload"])["message"] for m in self.consume(topic)]

    def said(self, sluice, words):
        return words in Path(sluice.life.log).read_text()

    def letters(self):
        return [json.loads(line) for path in (self.folder / "state/dead-letter/out").glob("*.ndjson")
                for line in path.read_text().splitlines()]

    def assert_once(self, writer, sluice, messages):
        """messages: of the topic. Each line once, as it was written; a container's in one partition
        and in order."""
        partition_of = {}
        with open(sluice.life.output, "w", encoding="utf-8") as out:
            for message in messages:
                out.write(message.value)
                self.assertEqual(partition_of.setdefault(message.key, message.partition),
                                 message.partition)
        self.assert_right(writer, sluice, repeats=False)
        return partition_of
