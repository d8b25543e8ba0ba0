"""Output kafka on a real Apache Kafka that refuses whole requests: nothing overtakes what was refused, and
nothing is there twice."""
import json
import time
import unittest

import kafka_server  # finds the end-to-end tests' own
import agent
from test_tail import Log

FAT, LEAN = 60, 940  # 20 fat records in a batch are more than a request may have; alone they fit, and so do 20 lean ones


class Refused(kafka_server.Case):
    def lines(self):
        return [f"{n} {'x' * 300 if n < FAT else ''}".strip() for n in range(FAT + LEAN)]

    def sluice(self, **output):
        """Each batch is a request, and many are on their way."""
        return super().sluice(compression="none", batch={"max_age": "0s", "max_records": 20, "max_bytes": "64KiB"},
                              max_in_flight=64,
                              librdkafka={"linger.ms": "0", "batch.num.messages": "20"}, **output)

    def bring(self, warm, partitions=1):
        """Returns what is in the topic, and what was written, by container."""
        self.broker.run("topic", self.topic, f"partitions={partitions}", "max.message.bytes=12000", "retention.ms=-1")
        logs = {name: Log(self.pods, name) for name in ("fat", "lean", "other")}
        sluice = self.sluice()
        written = {name: (["warm"] if warm else []) for name in logs}
        if warm:
            for log in logs.values():
                log.put("warm")
            sluice.start()
            self.wait(3)
        for name, log in logs.items():
            lines = self.lines() if name == "fat" else [line.split()[0] for line in self.lines()]
            log.write(b"".join(map(log.line, lines)))
            written[name] += lines
        if not warm:
            sluice.start()
        self.wait(sum(map(len, written.values())))
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertTrue([d for d in sluice.life.logged() if "gap-less" in d["message"]], "nothing was refused")
        found = {name: [] for name in logs}
        for message in self.broker.read(self.topic):
            found[message.key.split("/")[0].removeprefix("uid-")].append(json.loads(message.value)["message"])
        return found, written

    def test_first_records_of_a_partition(self):
        found, written = self.bring(warm=False)
        self.assertEqual(found, written)

    def test_records_of_a_partition_that_is_at_work(self):
        found, written = self.bring(warm=True)
        self.assertEqual(found, written)

    def test_beside_other_partitions(self):
        found, written = self.bring(warm=True, partitions=3)
        self.assertEqual(found, written)

    def test_a_time_that_is_refused(self):
        """One in a hundred is too old for the topic: a dead letter, and the others are there once, in order."""
        self.broker.run("topic", self.topic, "retention.ms=-1", "message.timestamp.before.max.ms=86400000")
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        old = "2001-01-01T00:00:00"
        log = Log(self.pods)
        log.write(b"".join(f"{old if n % 100 == 50 else now}.{n:09d}Z stdout F {n}\n".encode() for n in range(400)))
        sluice = self.sluice(reject_storm="continue")
        sluice.start()
        self.wait(396)
        books = self.assert_stops(sluice)
        self.assertGreater(books["dead_lettered_bytes"], 0)
        self.assertEqual(books["delivered_bytes"] + books["dead_lettered_bytes"], books["read_bytes"])
        self.assertEqual([json.loads(m.value)["message"] for m in self.broker.read(self.topic)],
                         [str(n) for n in range(400) if n % 100 != 50])


if __name__ == "__main__":
    unittest.main()
