"""kafka_cluster.py - librdkafka's mock cluster, and what kcat, which is not ours, finds in a topic."""
import json
import subprocess

from programs import MOCK_KAFKA

PRODUCE, METADATA, INIT_PRODUCER = 0, 3, 22  # requests by their numbers in the protocol
NOT_LEADER, TOO_LARGE, TIMED_OUT, UNKNOWN_TOPIC = 6, 10, 7, 3
NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER, FORBIDDEN = 19, 20, 29
OUT_OF_ORDER, DUPLICATE, UNKNOWN_PRODUCER, STORAGE, INVALID_RECORD = 45, 46, 59, 56, 87
NOT_AVAILABLE, COORDINATOR_LOADING, LIST_TOO_LARGE, INVALID_TIMESTAMP = 8, 14, 18, 32
CLUSTER_FORBIDDEN, FENCED, CORRUPT = 31, 47, 2
CUT = -195  # librdkafka's own: the connection is closed instead of an answer


def consume(brokers, topic, *options):
    """All messages of a topic, each as kcat's object, by partition and offset."""
    done = subprocess.run(["kcat", "-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-J",
                           "-X", "allow.auto.create.topics=false", *options],
                          capture_output=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return sorted(messages, key=lambda message: (message["partition"], message["offset"]))


class Mock:
    def __init__(self, brokers=1):
        self.process = subprocess.Popen([MOCK_KAFKA, str(brokers)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.brokers = self.process.stdout.readline().strip()

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        if said != "ok":
            raise RuntimeError(f"{words}: {said}")

    def consume(self, topic):
        return consume(self.brokers, topic)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
