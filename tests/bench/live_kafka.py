#!/usr/bin/env python3
"""live_kafka.py - what output kafka costs on a node where things happen.

  live_kafka.py [--seconds S] SLUICE WHAT...

  steady     10,000 lines a second over 100 files, to the mock cluster: CPU
  requests   1,000 lines a second over 60 containers, to a real broker with 96 partitions: requests a second and bytes
             on the wire, CPU
  delay      one line now and then, to a real broker: from its write to its acknowledgement
  memory     200 files: idle; and while the broker is gone and lines are written
  lanes      outputs kafka and elasticsearch, each alone and both at once, on the same tree: CPU and time

Prints one line of JSON for each figure, as live.py does. The real broker is that of tests/servers."""
import argparse, json, os, random, statistics, subprocess, tempfile, threading, time

import kafka_front, live

KAFKA_SH = live.TESTS / "servers" / "kafka.sh"
OUTPUT = "type: kafka, brokers: [\"%s\"]"


def tool(sluice, name):
    return os.path.dirname(os.path.abspath(sluice)) + "/tests/" + name


class Mock:
    """librdkafka's mock cluster, in a process of its own."""

    def __init__(self, sluice, partitions=4):
        self.process = subprocess.Popen([tool(sluice, "bare"), "broker", str(partitions)], stdout=subprocess.PIPE, text=True)
        self.brokers = self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Broker:
    """A real one, behind a front: everybody who asks for it is sent there."""

    def __init__(self, folder, partitions):
        self.folder, port = folder + "/broker", random.randrange(21000, 29000, 4)
        self.front = kafka_front.Front(port)
        self.brokers = "127.0.0.1:%d" % self.front.port
        address = "advertised.listeners=CLIENT://%s,ADMIN://127.0.0.1:%d" % (self.brokers, port + 1)
        self.run("start", self.folder, str(port), "--property", address)
        self.run("topic", self.folder, "logs", "partitions=%d" % partitions)

    def run(self, command, *words):
        subprocess.run([KAFKA_SH, command, *words], check=True, stdout=subprocess.DEVNULL)

    def close(self):
        self.run("kill", self.folder)


def steady(sluice, seconds):
    broker = Mock(sluice)
    live.steady(sluice, seconds, "kafka steady", OUTPUT % broker.brokers)
    broker.close()


class Writer(threading.Thread):
    """So many lines a second, to the files of a tree in turn."""

    def __init__(self, tree, lines_per_s):
        super().__init__()
        self.tree, self.rate, self.written, self.over = tree, lines_per_s, 0, threading.Event()

    def run(self):
        start = time.monotonic()
        while not self.over.is_set():
            while self.written < (time.monotonic() - start) * self.rate:
                fds = self.tree.fds
                os.write(fds[self.written % len(fds)], (live.LINE % (live.now_text(), self.written)).encode())
                self.written += 1
            time.sleep(0.005)

    def stop(self):
        self.over.set()
        self.join()


def requests(sluice, seconds):
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(folder, 96)
        tree = live.Tree(folder, 60, 1, OUTPUT % broker.brokers)
        agent, writer, front = live.Agent(sluice, folder), Writer(tree, 1000), broker.front
        agent.wait_idle()
        writer.start()
        time.sleep(5)
        before, start = (front.requests, front.produces, front.bytes, writer.written), time.monotonic()
        cpu, wakeups = live.measure(agent, seconds)
        took = time.monotonic() - start
        asked, produced, wire, lines = ((now - then) / took for now, then in
                                        zip((front.requests, front.produces, front.bytes, writer.written), before))
        print(json.dumps({"bench": "kafka requests", "containers": 60, "partitions": 96, "lines_per_s": round(lines),
                          "requests_per_s": round(asked, 1), "produce_requests_per_s": round(produced, 1),
                          "wire_bytes_per_s": round(wire), "wire_bytes_per_line": round(wire / lines, 1),
                          "cpu_percent": round(cpu, 3), "wakeups_per_s": round(wakeups, 1)}), flush=True)
        writer.stop()
        agent.stop()
        tree.close()
        broker.close()


def delay(sluice, seconds):
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(folder, 4)
        tree, delays, front = live.Tree(folder, 1, 1, OUTPUT % broker.brokers), [], broker.front
        agent = live.Agent(sluice, folder)
        end = time.monotonic() + 3 * seconds  # some 30 lines a minute
        while not front.answered:
            time.sleep(0.01)
        while time.monotonic() < end:
            time.sleep(random.uniform(0.02, 0.7))
            had, start = len(front.answered), time.monotonic()
            os.write(tree.fds[0], (live.LINE % (live.now_text(), len(delays))).encode())
            while len(front.answered) == had:
                time.sleep(0.001)
            delays.append(1000 * (front.answered[-1] - start))
        print(json.dumps({"bench": "kafka delay", "lines": len(delays), "p50_ms": round(statistics.median(delays), 1),
                          "p99_ms": round(sorted(delays)[int(len(delays) * 0.99)], 1), "max_ms": round(max(delays), 1)}), flush=True)
        agent.stop()
        tree.close()
        broker.close()


def memory(sluice, seconds):
    with tempfile.TemporaryDirectory() as folder:
        broker = Mock(sluice)
        tree = live.Tree(folder, 200, 10, OUTPUT % broker.brokers)
        agent = live.Agent(sluice, folder)
        agent.wait_idle()
        time.sleep(4)  # a file is cold after 2 s of silence
        cpu, wakeups = live.measure(agent, seconds)
        print(json.dumps({"bench": "kafka memory", "broker": "idle", "files": 200, "cpu_percent": round(cpu, 4),
                          "wakeups_per_s": round(wakeups, 2), "rss_kib": agent.rss_kib()}), flush=True)
        broker.close()
        flood = live.Flood(tree, 256 * live.MIB)
        flood.start()
        flood.join()
        time.sleep(3)
        cpu, wakeups = live.measure(agent, seconds)
        print(json.dumps({"bench": "kafka memory", "broker": "gone", "files": 200, "written_MB": flood.written // 10**6,
                          "cpu_percent": round(cpu, 4), "wakeups_per_s": round(wakeups, 2), "rss_kib": agent.rss_kib(),
                          "rss_most_kib": agent.rss_kib("VmHWM")}), flush=True)
        agent.kill()
        tree.close()


def run_lanes(sluice, folder, outputs):
    """CPU seconds and seconds until all of the tree is read and answered for."""
    with tempfile.TemporaryDirectory() as state:
        with open(state + "/sluice.yaml", "w") as f:
            f.write(live.CONFIG % (state, folder, outputs[0]) + "".join("  - {name: other, %s}\n" % o for o in outputs[1:]))
        start = time.monotonic()
        agent = live.Agent(sluice, state)
        cpu = agent.wait_idle()
        took = time.monotonic() - start
        agent.stop()
    return cpu, took


def lanes(sluice, _):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([tool(sluice, "mix"), folder + "/pods", "--mib", "256"], check=True, stdout=subprocess.DEVNULL)
        broker, port = Mock(sluice), folder + "/port"
        sink = subprocess.Popen([tool(sluice, "sink"), port], stdout=subprocess.DEVNULL)
        while not os.path.exists(port) or not open(port).read().endswith("\n"):
            time.sleep(0.05)
        kafka = OUTPUT % broker.brokers
        es = "type: elasticsearch, hosts: [\"http://127.0.0.1:%d\"]" % int(open(port).read())
        rounds = [[run_lanes(sluice, folder, outputs) for outputs in ((kafka,), (es,), (kafka, es))] for _ in range(3)]
        cpu, took = ([statistics.median(r[i][k] for r in rounds) for i in range(3)] for k in (0, 1))
        print(json.dumps({"bench": "kafka lanes", "tree_MiB": 256, "kafka_cpu_s": round(cpu[0], 2), "elasticsearch_cpu_s": round(cpu[1], 2),
                          "both_cpu_s": round(cpu[2], 2), "both_to_sum": round(cpu[2] / (cpu[0] + cpu[1]), 3), "kafka_s": round(took[0], 1),
                          "elasticsearch_s": round(took[1], 1), "both_s": round(took[2], 1)}), flush=True)
        sink.terminate()
        sink.wait()
        broker.close()


def main():
    whats = {"steady": steady, "requests": requests, "delay": delay, "memory": memory, "lanes": lanes}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice", metavar="SLUICE")
    parser.add_argument("what", metavar="WHAT", nargs="+", choices=whats)
    parser.add_argument("--seconds", type=float, default=20, help="for each figure")
    args = parser.parse_args()
    for what in args.what:
        whats[what](args.sluice, args.seconds)


main()
