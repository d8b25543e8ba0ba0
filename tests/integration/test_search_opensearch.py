"""Output elasticsearch on a real OpenSearch, started from its packages by tests/servers.

2.19; 3.6 as well with SLUICE_E2E_LONG=1. search_case.py has the tests that hold on Elasticsearch too.
"""
from search_case import Blocked, Case, DataStreams, Whole, agent


class OpenSearch2(Whole, Blocked, DataStreams, Case):
    product, version = "opensearch", "2"

    def way(self):
        """TLS and a password, by nginx."""
        front = self.begin("front", "front", "--to", self.server.url, "--tls", "--user", "sluice:right")
        return {"hosts": [front.url], "auth": {"user": "sluice", "password": "right"},
                "tls": {"ca_file": str(front.folder / "tls/ca.crt")}}


@agent.long_only
class OpenSearch3(Whole, Blocked, DataStreams, Case):
    product, version = "opensearch", "3"


class Busy(Case):
    """A server that can hardly take anything: 429 for items and for whole requests."""
    product, version = "opensearch", "2"
    options = ("--property", "thread_pool.write.size=1", "--property",
               "thread_pool.write.queue_size=1")

    def test_t_es_29_tiny_queue(self):
        self.create(self.index, {"settings": {"number_of_shards": 8, "number_of_replicas": 0}})
        writer = self.write("--containers", 8, "--hot", 8, "--lines", 2500, "--seconds", 600)
        messages = writer.wait()
        sluice = self.sluice(max_in_flight=8, batch={"max_bytes": "256KiB", "max_age": "200ms"})
        sluice.start()
        self.wait(messages)
        self.assert_stops_all_delivered(sluice)
        self.assertTrue(self.complaint(sluice), "nobody was told to wait")
        self.assert_all_there(writer, sluice, messages)
