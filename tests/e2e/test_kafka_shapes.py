"""Output kafka: the time in a value, and the header that holds a record's place; on librdkafka's mock cluster."""
import json
import subprocess
import sys
import unittest

import agent
from programs import SLUICE
from test_kafka import Case

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whichever python3 this is
import msgpack  # noqa: E402

LINE = b"2026-11-23T04:29:00.123456789Z stdout F x\n"
SECONDS = 1_795_408_140


def header(message):
    headers = message.get("headers", [])
    return dict(zip(headers[::2], headers[1::2])).get("sluice")


class Shape(Case):
    def message(self, **output):
        self.log.write(LINE)
        sluice = self.sluice(**output)
        sluice.start()
        (message,) = self.wait(1)
        self.assert_stops(sluice)
        return message


class Times(Shape):
    """As consumers of other agents read it."""

    def first(self, **output):
        """The value's first field; the message's own time is what it always was."""
        message = self.message(**output)
        self.assertEqual(message["ts"], SECONDS * 1000 + 123)
        return message["payload"][1:].split(",")[0]

    def test_default(self):
        self.assertEqual(self.first(), '"@timestamp":"2026-11-23T04:29:00.123456789Z"')

    def test_double(self):
        self.assertEqual(self.first(schema="fluentbit", timestamp={"key": "date", "format": "double"}),
                         f'"date":{SECONDS}.123456789')

    def test_iso8601(self):
        self.assertEqual(self.first(timestamp={"format": "iso8601"}), '"@timestamp":"2026-11-23T04:29:00.123456Z"')

    def test_iso8601_ns(self):
        self.assertEqual(self.first(timestamp={"key": "ns", "format": "iso8601_ns"}),
                         '"ns":"2026-11-23T04:29:00.123456789Z"')

    def test_epoch_ms(self):
        self.assertEqual(self.first(timestamp={"format": "epoch_ms"}), f'"@timestamp":{SECONDS}123')

    def test_schema_flat_keeps_its_name(self):
        self.assertEqual(self.first(schema="flat", timestamp={"format": "epoch_ms"}), f'"timestamp":{SECONDS}123')


class Places(Shape):
    """headers: auto is on where the value holds no place."""

    def test_fluentbit_has_a_header(self):
        self.assertRegex(header(self.message(schema="fluentbit")), r"^[\w-]{22}-0$")

    def test_fluentbit_without(self):
        self.assertIsNone(header(self.message(schema="fluentbit", headers="false")))

    def test_flat_has_none(self):
        self.assertIsNone(header(self.message(schema="flat")))

    def test_ecs_with(self):
        message = self.message(headers="true")
        log = json.loads(message["payload"])["log"]
        self.assertEqual(header(message), f"{log['generation']}-{log['offset']}")

    def test_msgpack_has_none(self):
        """And holds its place, and its time as a number."""
        self.log.write(LINE)
        sluice = self.sluice(encoding="msgpack", timestamp={"format": "double"})
        sluice.start()
        agent.until("a message", lambda: self.raw("%S"))
        self.assert_stops(sluice)
        value = msgpack.unpackb(self.raw("%s")[:int(self.raw("%S"))])
        self.assertEqual(value["@timestamp"], float(f"{SECONDS}.123456789"))
        self.assertEqual(value["log"]["offset"], 0)
        self.assertEqual(self.raw("%h"), b"")

    def raw(self, form):
        return subprocess.run(["kcat", "-C", "-b", self.cluster.brokers, "-t", "logs", "-o", "beginning", "-e",
                               "-q", "-f", form, "-X", "allow.auto.create.topics=false"],
                              capture_output=True, timeout=agent.PATIENCE, check=True).stdout


class Refused(agent.Case):
    def refused(self, **output):
        sluice = self.agent(output="kafka")
        sluice.outputs.update(brokers=["127.0.0.1:9"], **output)
        done = subprocess.run([SLUICE, "check", "-c", sluice.configuration("")], capture_output=True, text=True,
                              timeout=agent.PATIENCE, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_names_that_cannot_be(self):
        for output, words in (
                ({"timestamp": {"key": "message"}}, "another field"),
                ({"timestamp": {"key": "kubernetes"}}, "another field"),
                ({"timestamp": {"key": "time"}, "schema": "fluentbit"}, "another field"),
                ({"timestamp": {"key": "a.b"}}, "no name"),
                ({"timestamp": {"key": 'a"b'}}, "no name"),
                ({"timestamp": {"key": "x" * 65}}, "no name"),
                ({"timestamp": {"format": "unix"}}, "epoch_ms"),
                ({"timestamp": {"format": "double"}, "encoding": "raw"}, "message alone")):
            with self.subTest(output):
                self.assertIn(words, self.refused(**output))


if __name__ == "__main__":
    unittest.main()
