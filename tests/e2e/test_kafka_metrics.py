"""Output kafka: what librdkafka knows of its brokers, as Prometheus reads it."""
import re
import subprocess
import unittest

import agent
from test_admin import Metrics
from test_kafka import Case

BROKER = ("broker_up", "broker_round_trip_seconds", "broker_round_trip_p99_seconds", "broker_waiting_requests",
          "broker_in_flight_requests", "broker_requests_total", "broker_sent_bytes_total",
          "broker_request_errors_total", "broker_request_retries_total", "broker_request_timeouts_total",
          "broker_disconnects_total")


class Numbers(Case):
    brokers = 3

    def page(self):
        return subprocess.run(["curl", "-sf", "--unix-socket", self.folder / "state/admin.sock",
                               "http://localhost/metrics"], capture_output=True, timeout=agent.PATIENCE,
                              check=True).stdout.decode()

    def test_two_outputs_tell_of_their_brokers(self):
        """Each number of each broker and output once, all of one number together."""
        self.log.put("a", "b")
        sluice = self.sluice()
        sluice.more["outputs"].append(dict(sluice.outputs, name="second"))
        sluice.start()
        self.wait(4)
        text = agent.until("statistics of both", lambda: (page := self.page()) and
                           page.count("\nsluice_kafka_broker_up{") >= 6 and page)
        said = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        metrics = Metrics(text)
        for output in ("out", "second"):
            self.assertEqual(metrics.sum("kafka_queue_messages", output=output), 0)
            for name in BROKER:
                brokers = self.labels(text, name, output)
                self.assertEqual(len(set(brokers)), 3, name)
                self.assertEqual(len(brokers), 3, name)
            self.assertIn(metrics.sum("kafka_broker_up", output=output), (1, 2, 3))  # who is not needed is not called
            self.assertGreater(metrics.sum("kafka_broker_requests_total", output=output), 3)
            self.assertEqual(metrics.sum("kafka_broker_sent_bytes_total", output=output),
                             metrics.sum("wire_bytes_total", output=output))
        self.assertEqual(sluice.stop(), 0)
        self.assertEqual([said["balanced"] for said in sluice.life.logged("books")], ["true", "true"])

    def labels(self, text, name, output):
        return re.findall(rf'^sluice_kafka_{name}{{output="{output}",broker="(.+?)"}} ', text, re.M)


if __name__ == "__main__":
    unittest.main()
