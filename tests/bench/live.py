#!/usr/bin/env python3
"""live.py - what the agent costs on a node where things happen, and where nothing does.

  live.py [--seconds S] SLUICE WHAT...

  steady    10,000 lines a second over 100 files, written one by one: CPU
  idle      200, 2,000 and 10,000 files in which nothing happens: CPU, wake-ups, memory; then what a restart costs
  lanes     the memory that one, two and four outputs take, with 2,000 idle files
  restart   from the start of an agent that knows 10,000 files to the first line that was written while it was down
  latency   one line now and then: from its write to the agent's stdout
  scrapes   100 files written as fast as one can, without and with 1,000 scrapes of /metrics meanwhile
  es        steady, to output elasticsearch and the sink of this folder; then 200 and 2,000 files with TLS: CPU and
            memory idle, and the most memory under load

Prints one line of JSON for each figure. CPU is a share of one core, in per cent, all the agent's threads together."""
import argparse, glob, http.client, json, os, pathlib, random, resource, signal, statistics, subprocess, sys, tempfile, threading, time

TESTS = pathlib.Path(__file__).resolve().parent.parent

LINE = "%s stdout F level=info msg=\"request done\" n=%d path=/api/v1/carts/7d9f status=200 took=12.5ms bytes=5120 user=lukasz\n"
CONFIG = """node: bench
state_dir: %s/state
log: {format: json}
inputs:
  - type: kubernetes
    path: %s/pods
outputs:
  - {name: bench, %s}
"""
STDOUT = "type: stdout, encoding: json"
MIB = 1 << 20


def now_text():
    ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + ".%09dZ" % (ns % 10**9)


class Tree:
    """A folder of pods with one open log each, and what the agent needs beside it."""

    def __init__(self, folder, files, lines, output=STDOUT):
        self.folder, self.fds = folder, []
        for i in range(files):
            pod = "%s/pods/shop_cart-%d_00000000-0000-4000-8000-%012d/app" % (folder, i, i)
            os.makedirs(pod)
            self.fds.append(os.open(pod + "/0.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
            os.write(self.fds[-1], "".join(LINE % (now_text(), n) for n in range(lines)).encode())
        with open(folder + "/sluice.yaml", "w") as f:
            f.write(CONFIG % (folder, folder, output))

    def close(self):
        for fd in self.fds:
            os.close(fd)


class Agent:
    def __init__(self, sluice, folder, stdout=subprocess.DEVNULL):
        self.log = open(folder + "/agent.log", "ab")
        self.process = subprocess.Popen([sluice, "run", "-c", folder + "/sluice.yaml"], stdin=subprocess.DEVNULL,
                                        stdout=stdout, stderr=self.log)

    def __threads(self, file):
        for path in glob.glob("/proc/%d/task/*/%s" % (self.process.pid, file)):
            try:
                yield open(path).read()
            except OSError:
                pass  # that thread has ended

    def cpu_s(self):
        return sum(int(text.split()[0]) for text in self.__threads("schedstat")) / 1e9

    def wakeups(self):
        return sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in self.__threads("status"))

    def rss_kib(self, which="VmRSS"):
        return int(open("/proc/%d/status" % self.process.pid).read().split(which + ":")[1].split()[0])

    def wait_idle(self, limit_s=60):
        """Until half a second of its time costs less than 1 ms. Returns the CPU time from its start."""
        deadline, before = time.monotonic() + limit_s, -1.0
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit("live.py: the agent ended, with %d" % self.process.returncode)
            used = self.cpu_s()
            if used > 0 and used - before < 0.001:
                return used
            before = used
            time.sleep(0.5)
        sys.exit("live.py: the agent does not come to rest")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.log.close()
        if status != 0:
            sys.exit("live.py: the agent ended with %d" % status)


def measure(agent, seconds):
    """CPU in per cent of a core and wake-ups a second, from now on."""
    cpu, wakeups, start = agent.cpu_s(), agent.wakeups(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - start
    return 100 * (agent.cpu_s() - cpu) / took, (agent.wakeups() - wakeups) / took


def steady(sluice, seconds, name="steady", output=STDOUT):
    files, tick_s = 100, 0.01  # one line in each file, every tick
    with tempfile.TemporaryDirectory() as folder:
        tree, over, written = Tree(folder, files, 1, output), threading.Event(), [0]
        agent = Agent(sluice, folder)

        def write():
            due = time.monotonic()
            while not over.is_set():
                for fd in tree.fds:
                    os.write(fd, (LINE % (now_text(), written[0])).encode())
                    written[0] += 1
                due += tick_s
                time.sleep(max(0, due - time.monotonic()))

        writer = threading.Thread(target=write)
        agent.wait_idle()
        writer.start()
        time.sleep(2)
        lines, start = written[0], time.monotonic()
        cpu, wakeups = measure(agent, seconds)
        rate = (written[0] - lines) / (time.monotonic() - start)
        over.set()
        writer.join()
        print(json.dumps({"bench": name, "files": files, "lines_per_s": round(rate), "cpu_percent": round(cpu, 3),
                          "wakeups_per_s": round(wakeups, 1), "rss_kib": agent.rss_kib()}), flush=True)
        agent.stop()
        tree.close()


def idle(sluice, seconds):
    for files in (200, 2000, 10000):
        with tempfile.TemporaryDirectory() as folder:
            tree = Tree(folder, files, 10)
            for life in ("first start", "restart"):
                agent = Agent(sluice, folder)
                start_cpu = agent.wait_idle()
                time.sleep(4)  # a file is cold after 2 s of silence
                cpu, wakeups = measure(agent, seconds)
                print(json.dumps({"bench": "idle", "files": files, "life": life, "start_cpu_ms": round(1000 * start_cpu, 1),
                                  "cpu_percent": round(cpu, 4), "wakeups_per_s": round(wakeups, 2), "rss_kib": agent.rss_kib()}), flush=True)
                agent.stop()
            tree.close()


def lanes(sluice, _):
    for count in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            tree = Tree(folder, 2000, 10)
            with open(folder + "/sluice.yaml", "a") as f:
                f.writelines("  - {name: lane%d, type: \"null\"}\n" % n for n in range(1, count))
            agent = Agent(sluice, folder)
            agent.wait_idle()
            time.sleep(4)
            print(json.dumps({"bench": "lanes", "files": 2000, "lanes": count, "rss_kib": agent.rss_kib()}), flush=True)
            agent.stop()
            tree.close()


def restart(sluice, _):
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder, 10000, 10)
        agent = Agent(sluice, folder)
        agent.wait_idle()
        agent.stop()
        os.write(tree.fds[5000], (LINE % (now_text(), 10)).encode())
        start = time.monotonic()
        agent = Agent(sluice, folder, subprocess.PIPE)
        agent.process.stdout.readline()
        took = time.monotonic() - start
        print(json.dumps({"bench": "restart", "files": 10000, "first_line_ms": round(1000 * took, 1)}), flush=True)
        agent.stop()
        tree.close()


class Flood(threading.Thread):
    """Writes so many bytes to the files of a tree, a block to each in turn."""

    def __init__(self, tree, size):
        super().__init__()
        self.tree, self.left = tree, size
        self.block = "".join(LINE % (now_text(), n) for n in range(1500)).encode()
        self.written = self.left // len(self.block) * len(self.block)

    def run(self):
        for n in range(self.left // len(self.block)):
            os.write(self.tree.fds[n % len(self.tree.fds)], self.block)


def scrape(port):
    start = time.monotonic()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("GET", "/metrics")
    client.getresponse().read()
    client.close()
    return 1000 * (time.monotonic() - start)


def scrapes(sluice, _):
    for count in (0, 1000):
        with tempfile.TemporaryDirectory() as folder:
            tree, took, port = Tree(folder, 100, 1), [], random.randrange(20000, 30000)
            with open(folder + "/sluice.yaml", "a") as f:
                f.write("admin: {listen: \"127.0.0.1:%d\"}\n" % port)
            agent = Agent(sluice, folder)
            agent.wait_idle()
            flood, cpu, start = Flood(tree, 3072 * MIB), agent.cpu_s(), time.monotonic()
            flood.start()
            while len(took) < count:
                took.append(scrape(port))
            flood.join()
            agent.wait_idle()
            agent_cpu = agent.cpu_s() - cpu
            print(json.dumps({"bench": "scrapes", "scrapes": count, "written_MB": flood.written // 10**6,
                              "agent_cpu_s": round(agent_cpu, 2), "rss_kib": agent.rss_kib(),
                              "scrape_p50_ms": round(statistics.median(took), 2) if took else None,
                              "scrape_p99_ms": round(sorted(took)[int(len(took) * 0.99)], 2) if took else None}), flush=True)
            agent.stop()
            tree.close()


def latency(sluice, seconds):
    with tempfile.TemporaryDirectory() as folder:
        tree, delays = Tree(folder, 1, 1), []
        agent = Agent(sluice, folder, subprocess.PIPE)
        agent.process.stdout.readline()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(random.uniform(0.02, 0.3))
            start = time.monotonic()
            os.write(tree.fds[0], (LINE % (now_text(), len(delays))).encode())
            agent.process.stdout.readline()
            delays.append(1000 * (time.monotonic() - start))
        agent.stop()
        tree.close()
        print(json.dumps({"bench": "latency", "lines": len(delays), "p50_ms": round(statistics.median(delays), 1),
                          "p99_ms": round(sorted(delays)[int(len(delays) * 0.99)], 1), "max_ms": round(max(delays), 1)}), flush=True)


def es_sink(sluice, seconds):
    with tempfile.TemporaryDirectory() as folder:
        port = folder + "/port"
        sink = subprocess.Popen([os.path.dirname(os.path.abspath(sluice)) + "/tests/sink", port])
        while not os.path.exists(port) or not open(port).read().endswith("\n"):
            time.sleep(0.05)
        steady(sluice, seconds, "es steady", "type: elasticsearch, hosts: [\"http://127.0.0.1:%d\"]" % int(open(port).read()))
        sink.terminate()
        if sink.wait() != 0:
            sys.exit("live.py: the sink has got what is no bulk body")


def es_tls(sluice, seconds, files, ca):
    sys.path.insert(0, str(TESTS / "e2e"))
    import bulk_server
    server = bulk_server.BulkServer(tls=bulk_server.tls_context(pathlib.Path(ca)))
    output = "type: elasticsearch, hosts: [\"%s\"], tls: {ca_file: %s/ca.crt}" % (server.url, ca)
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder, files, 10, output)
        agent = Agent(sluice, folder)
        while server.stored() < 10 * files:
            time.sleep(0.1)
        agent.wait_idle()
        time.sleep(4)
        cpu, wakeups = measure(agent, seconds)
        rss = agent.rss_kib()
        flood = Flood(tree, 48 * MIB)
        flood.start()
        flood.join()
        agent.wait_idle()
        print(json.dumps({"bench": "es tls", "files": files, "cpu_percent": round(cpu, 4), "wakeups_per_s": round(wakeups, 2),
                          "rss_kib": rss, "rss_most_under_load_kib": agent.rss_kib("VmHWM")}), flush=True)
        agent.stop()
        tree.close()
    server.close()


def es(sluice, seconds):
    es_sink(sluice, seconds)
    with tempfile.TemporaryDirectory() as ca:
        subprocess.run([TESTS / "servers" / "ca.sh", ca], check=True, capture_output=True)
        for files in (200, 2000):
            es_tls(sluice, seconds, files, ca)


def main():
    whats = {"steady": steady, "idle": idle, "lanes": lanes, "restart": restart, "latency": latency, "scrapes": scrapes, "es": es}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice", metavar="SLUICE")
    parser.add_argument("what", metavar="WHAT", nargs="+", choices=whats)
    parser.add_argument("--seconds", type=float, default=20, help="for each figure")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # every log stays open here, as its writer has it
    for what in args.what:
        whats[what](args.sluice, args.seconds)


if __name__ == "__main__":
    main()
