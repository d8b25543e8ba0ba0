"""Output kafka on a real Apache Kafka: everything arrives once, and what SIGKILL of the broker, of the
agent and of both does to that.

1,000,000 lines instead of 200,000 with SLUICE_E2E_LONG=1; SLUICE_KAFKA_LINES says how many by itself.
"""
import bisect
import json
import os
import subprocess
import unittest
from collections import defaultdict

import kafka_server  # finds the end-to-end tests' own
import agent
import check
from programs import SLUICE

LINES = int(os.environ.get("SLUICE_KAFKA_LINES", 1_000_000 if agent.LONG else 200_000))
BATCHES, RECORDS = 8, 1000  # max_in_flight, batch.max_records
SAVED_MS = 2000             # a checkpoint is older than its file by so much at most


class Everything(kafka_server.Case):
    def deliver(self):
        """LINES of 50 containers, to 6 partitions."""
        self.broker.run("topic", self.topic, "partitions=6")
        writer = self.write("--containers", 50, "--hot", 50, "--lines", LINES // 50, "--odd", 0.1,
                            "--stderr", 0.2, "--seconds", 600)
        messages = writer.wait()
        sluice = self.sluice()
        sluice.start()
        self.wait(messages)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        return writer, sluice, messages

    def test_t_kaf_01_everything_arrives_once_and_in_order(self):
        """Read by Kafka's own consumer; records have the times of their lines."""
        writer, sluice, messages = self.deliver()
        found = self.broker.read_as_java(self.topic, messages)
        partitions = self.assert_once(writer, sluice, map(self.with_its_time, found))
        self.assertEqual(len(partitions), 50)
        self.assertEqual(set(partitions.values()), set(range(6)))
        self.assertEqual(self.broker.count(self.topic), messages)

    def with_its_time(self, message):
        second = json.loads(message.value)["@timestamp"]
        self.assertEqual(check.time_ns(second) // 1_000_000, message.time_ms)
        return message


class Killed(kafka_server.Case):
    """While all are at work. Times of messages are those of their arrival."""

    def begin(self, **writer):
        self.broker.run("topic", self.topic, "partitions=6", "message.timestamp.type=LogAppendTime")
        self.saved = []  # what each life but the first began with: stream -> place
        self.count = 0
        self.agent_ = self.sluice(batch={"max_age": "200ms", "max_records": RECORDS},
                                  max_in_flight=BATCHES)
        self.agent_.start()
        self.writer = self.write("--containers", 20, "--rate", 100, "--stderr", 0.2,
                                 "--seconds", 3600)

    def wait_more(self, count=3000):
        """So many more than last time."""
        self.count = max(self.count, self.broker.count(self.topic)) + count
        self.wait(self.count)

    def kill_broker(self):
        self.broker.run("kill")
        self.broker.run("restart")

    def kill_agent(self):
        self.agent_.kill()
        checkpoint = self.folder / "state/checkpoint"
        self.saved.append((checkpoint.stat().st_mtime_ns // 1_000_000, self.positions()))
        self.agent_.start()

    def positions(self):
        """(pod, stream) -> (generation, offset), as saved."""
        found = {}
        for pod in json.loads(f"[{','.join(self.state('ls', '--json').splitlines())}]"):
            shown = json.loads(self.state("show", f"{pod['namespace']}/{pod['pod']}", "--json"))
            self.assertEqual(len(shown["generations"]), 1)
            for stream, place in shown["outputs"]["out"]["positions"].items():
                found[pod["pod"], stream] = place["generation"], place["offset"]
        return found

    def state(self, *words):
        return subprocess.run([SLUICE, "state", *words, "-c", self.folder / "sluice.yaml"],
                              capture_output=True, check=True, text=True).stdout

    def finish(self):
        """All is there. Returns what each life sent, as (arrival, record)."""
        self.wait_more(0)
        written = self.writer.stop()
        agent.until("all is there", lambda: self.distinct() >= written, pause=1)
        self.assert_stops(self.agent_)
        return self.lives()

    def distinct(self):
        return len({self.place(json.loads(m.value)) for m in self.broker.read(self.topic)})

    @staticmethod
    def place(record):
        return record["log"]["generation"], record["log"]["offset"]

    def lives(self):
        starts = [life.start // 1_000_000 for life in self.agent_.lives]
        lives = [[] for _ in starts]
        outputs = [open(life.output, "w", encoding="utf-8") for life in self.agent_.lives]
        for message in self.broker.read(self.topic):
            which = bisect.bisect_right(starts, message.time_ms) - 1
            outputs[which].write(message.value)
            lives[which].append((message.time_ms, json.loads(message.value)))
        for output in outputs:
            output.close()
        return lives

    def assert_repeats_are_bounded(self, lives):
        """No life sends what the checkpoint it began with covers; and what it sends again was in flight,
        or acknowledged after that checkpoint."""
        copies = defaultdict(int)
        for n, life in enumerate(lives):
            repeated = 0
            for _, record in life:
                repeated += copies[self.place(record)] > 0
                copies[self.place(record)] += 1
                if n > 0:
                    self.assert_not_saved(self.saved[n - 1][1], record)
            if n > 0:
                since = self.saved[n - 1][0] - SAVED_MS
                late = sum(time_ms >= since for before in lives[:n] for time_ms, _ in before)
                self.assertLessEqual(repeated, BATCHES * RECORDS + late)
        print(f"\n{self.id()}: {sum(copies.values()) - len(copies)} of {len(copies)} twice")

    def assert_not_saved(self, saved, record):
        at = saved.get((record["kubernetes"]["pod"]["name"], record["stream"]))
        if at and at[0] == record["log"]["generation"]:
            self.assertGreaterEqual(record["log"]["offset"], at[1])

    def test_the_broker_three_times_and_nothing_is_there_twice(self):
        self.begin()
        for _ in range(3):
            self.wait_more()
            self.kill_broker()
        lives = self.finish()
        self.assertEqual(len({self.place(r) for _, r in lives[0]}), len(lives[0]))
        self.assert_right(self.writer, self.agent_, repeats=False)

    def test_t_kaf_20_the_agent_five_times(self):
        self.begin()
        for _ in range(5):
            self.wait_more()
            self.kill_agent()
        lives = self.finish()
        self.assert_repeats_are_bounded(lives)
        self.assert_right(self.writer, self.agent_)

    def test_t_kaf_03_broker_and_agent(self):
        """The broker three times, the agent five times: before, while and after it is down."""
        self.begin()
        for n in range(5):
            self.wait_more()
            if n % 2:
                self.kill_agent()
                continue
            self.broker.run("kill")
            self.kill_agent()
            self.broker.run("restart")
        lives = self.finish()
        self.assert_repeats_are_bounded(lives)
        self.assert_right(self.writer, self.agent_)


if __name__ == "__main__":
    unittest.main()
