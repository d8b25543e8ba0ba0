"""Output elasticsearch on a real Elasticsearch, started from its packages by tests/servers.

8.19; 7.17 as well, and more kills, with SLUICE_E2E_LONG=1. search_case.py has the tests that hold on OpenSearch too.
"""
import json

from search_case import Blocked, Case, DataStreams, Log, Whole, agent


class Elasticsearch8(Whole, Blocked, DataStreams, Case):
    product, version = "elasticsearch", "8"
    missing_types = (("match_only_text", "text"),)
    kills = Whole.kills if agent.LONG else ("server and agent",) * 5  # it is slow to start

    def test_time_series_takes_no_ids(self):
        """It makes its own, of time and dimensions."""
        self.put_template("series", {
            "index_patterns": ["metrics-*"], "priority": 600, "template": {
                "settings": {"index.mode": "time_series", "index.routing_path": ["stream"],
                             "index.time_series.start_time": "2000-01-01T00:00:00Z",
                             "index.time_series.end_time": "2100-01-01T00:00:00Z"},
                "mappings": {"properties": {
                    "@timestamp": {"type": "date_nanos"},
                    "stream": {"type": "keyword", "time_series_dimension": True}}}}})
        log = Log(self.pods)
        for n in range(3000):  # more than words of it are kept
            log.write(f"2024-01-01T00:{n // 60:02d}:{n % 60:02d}Z stdout F {n}\n".encode())
        log.write(b"2024-01-01T00:00:00Z stdout F its time is taken\n")
        sluice = self.sluice(index="metrics-t")
        sluice.start()
        self.wait(3000, "metrics-t")
        self.wait_for_words(sluice, "the store refuses ids")
        books = self.assert_stops(sluice)
        letter, = self.letters()  # one of the two
        self.assertEqual(letter["timestamp"], "2024-01-01T00:00:00.000000000Z")
        self.assertIn("version_conflict_engine_exception", json.dumps(letter))
        self.assertEqual(books["in_flight_bytes"], 0)


@agent.long_only
class Elasticsearch7(Whole, Blocked, Case):  # these packages come without data streams
    product, version = "elasticsearch", "7"
    missing_types = (("match_only_text", "text"),)
