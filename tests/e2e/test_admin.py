"""The numbers that an operator watches, and who may see them: metrics, health, sources, status."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest
from pathlib import Path

import agent
from programs import SLUICE
from test_tail import Log

SERIES = re.compile(r'([a-z0-9_]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
BOOKS = ("delivered", "filtered", "dead_lettered", "dropped")
WHOLE_HEAD = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class LocalConnection(http.client.HTTPConnection):
    """Through admin.sock; a long path goes by its folder."""

    def __init__(self, state):
        super().__init__("localhost", timeout=agent.PATIENCE)
        self.state = state

    def connect(self):
        folder = os.open(self.state, os.O_PATH)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/admin.sock")
        finally:
            os.close(folder)


class Metrics(dict):
    """(name, {label: value} as a frozenset) -> number."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = SERIES.fullmatch(line).groups()
            key = name, frozenset(LABEL.findall(labels or ""))
            assert key not in self, f"twice: {line}"
            self[key] = float(value)

    def sum(self, name, **labels):
        """Of all series of that name with these labels; one of them there is."""
        wanted = set(labels.items())
        found = [v for (n, have), v in self.items() if n == f"sluice_{name}" and wanted <= have]
        assert found, f"no sluice_{name} {labels}"
        return sum(found)

    def counters(self):
        return {key: value for key, value in self.items()
                if key[0].endswith(("_total", "_count", "_bucket", "_sum"))}

    def groups(self):
        """Each (output, namespace) that there is."""
        return {tuple(dict(labels)[k] for k in ("output", "namespace"))
                for name, labels in self if name == "sluice_read_bytes_total"}


class AdminAgent(agent.Agent):
    """With a port, and perhaps more outputs."""

    def __init__(self, folder, pods, listen="127.0.0.1:0", more=(), **options):
        super().__init__(folder, pods, **options)
        self.options["admin"] = {"listen": listen}
        self.more["outputs"] += more

    @property
    def port(self):
        def said():
            return [d for d in self.life.logged() if "listens on" in d["message"]] or \
                self._ended(self.life)
        return int(agent.until("its port", said)[-1]["message"].rsplit(" ", 1)[1])

    def ask(self, path, method="GET", local=False, host="127.0.0.1", **headers):
        """Returns the status and the body."""
        c = LocalConnection(self.options["state_dir"]) if local else \
            http.client.HTTPConnection(host, self.port, timeout=agent.PATIENCE)
        try:
            c.request(method, path, headers=headers)
            answer = c.getresponse()
            return answer.status, answer.read().decode()
        finally:
            c.close()

    def metrics(self, **how):
        status, text = self.ask("/metrics", **how)
        assert status == 200, (status, text)
        return Metrics(text)

    def sources(self, query=""):
        status, text = self.ask("/api/v1/sources" + query)
        assert status == 200, (status, text)
        return json.loads(text)["sources"]

    def command(self, *words):
        return subprocess.run([SLUICE, *words, "-c", self.folder / "sluice.yaml"],
                              capture_output=True, text=True, timeout=agent.PATIENCE)


class Case(agent.Case):
    def agent(self, **options):
        sluice = AdminAgent(options.pop("folder", self.folder), self.pods, **options)
        self.addCleanup(sluice.close)
        return sluice

    def assert_identity(self, metrics):
        """P3, by output and namespace."""
        for output, namespace in metrics.groups():
            of = {"output": output, "namespace": namespace}
            rest = sum(metrics.sum(f"{what}_bytes_total", **of) for what in BOOKS)
            self.assertEqual(metrics.sum("read_bytes_total", **of),
                             rest + metrics.sum("in_flight_bytes", **of), (of, metrics.text))

    def assert_rising(self, before, after):
        for key, value in before.counters().items():
            self.assertIn(key, after)
            self.assertGreaterEqual(after[key], value, key)

    def assert_promtool(self, metrics):
        if not shutil.which("promtool"):
            self.skipTest("no promtool here: install the package prometheus")
        said = subprocess.run(["promtool", "check", "metrics"], input=metrics.text,
                              capture_output=True, text=True, timeout=agent.PATIENCE)
        self.assertEqual((said.returncode, said.stderr), (0, ""), metrics.text)

    def wait_metric(self, sluice, name, value, **labels):
        def reached():
            m = sluice.metrics()
            return m if m.sum(name, **labels) == value else sluice._ended(sluice.life)
        return agent.until(f"{name} {labels} to be {value}", reached, pause=0.05)

    def small_disk(self, name, size="256k"):
        """A folder that is full soon; full_disk.grow() helps it."""
        folder = self.folder / name
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tiny", folder],
                          capture_output=True).returncode:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        return folder

    @staticmethod
    def enlarge(folder):
        subprocess.run(["mount", "-o", "remount,size=1g", folder], check=True)


class Numbers(Case):
    def test_t_met_01_counts_are_exact(self):
        """1000 records, the bytes of their file: no more, no less."""
        log = Log(self.pods)
        log.put(*(f"line {i:012d}" for i in range(1000)))
        size = (log.folder / "0.log").stat().st_size
        sluice = self.agent()
        sluice.start()
        m = self.wait_metric(sluice, "delivered_records_total", 1000)
        of = {"output": "out", "namespace": "shop"}
        for name in ("read_bytes_total", "delivered_bytes_total"):
            self.assertEqual(m.sum(name, **of), size)
        for name in ("filtered_bytes_total", "in_flight_bytes", "unread_bytes", "lost_bytes_total",
                     "oldest_unread_seconds", "dropped_bytes_total", "dead_lettered_bytes_total",
                     "dead_lettered_records_total"):
            self.assertEqual(m.sum(name, **of), 0, name)
        self.assertEqual(m.sum("delivery_delay_seconds_count"), 1000)
        self.assertEqual(m.sum("sources"), 1)
        self.assertEqual(m.sum("output_up", output="out"), 1)
        self.assertEqual(m.sum("standby"), 0)
        self.assertEqual(m.sum("build_info"), 1)
        self.assertGreater(m.sum("send_duration_seconds_count"), 0)
        self.assert_promtool(m)
        self.assertLess(m["process_start_time_seconds", frozenset()], time.time())
        fds = m["process_open_fds", frozenset()]
        self.assertLess(abs(fds - len(sluice.life.files())), 8, "connections and checkpoints come and go")
        self.assert_stops(sluice)

    def test_p3_holds_in_each_of_200_scrapes_while_an_output_retries(self):
        full = self.small_disk("full")
        sluice = self.agent(more=[{"name": "full", "type": "file", "path": f"{full}/out",
                                   "retry": {"initial": "1ms", "max": "20ms"}}])
        sluice.start()
        writer = self.write("--containers", 12, "--rate", 400, "--stderr", 0.3, "--long", 0.01,
                            "--rotate", 1, "--max-size", 60000, "--restart", 1, "--seconds", 30)
        last, retried = None, 0
        for _ in range(200):
            m = sluice.metrics()
            if m.groups():
                self.assert_identity(m)
                self.assertLessEqual(m.sum("output_up"), 2)
                retried = m.sum("retries_total", output="full")
            if last:
                self.assert_rising(last, m)
            last = m
            time.sleep(0.02)
        agent.until("it retries", lambda: sluice.metrics().sum("retries_total", output="full"))
        m = agent.until("it is down", lambda: (
            n := sluice.metrics()).sum("output_up", output="full") == 0 and n)
        self.assertEqual(m.sum("output_up", output="out"), 1, "the other one is not")
        self.assertGreaterEqual(m.sum("retries_total", output="full"), retried)
        self.assert_identity(m)
        writer.stop()
        self.enlarge(full)
        m = agent.until("all is delivered", lambda: (
            n := sluice.metrics()).sum("unread_bytes") + n.sum("in_flight_bytes") == 0 and n)
        self.assertEqual(m.sum("delivered_bytes_total", output="full"),
                         m.sum("delivered_bytes_total", output="out"))
        self.assertEqual(m.sum("output_up"), 2)
        self.assert_promtool(m)
        sluice.stop()
        self.assertTrue(all(b["balanced"] == "true" for b in sluice.life.logged("books")))

    def test_counters_never_fall_when_sources_are_forgotten(self):
        sluice = self.agent()
        sluice.start()
        writer = self.write("--churn", 60, "--life", 0.3, "--seconds", 4, "--lines", 50)
        last, most = sluice.metrics(), 0
        while writer.is_writing():
            m = sluice.metrics()
            self.assert_rising(last, m)
            self.assert_identity(m)
            most, last = max(most, m.sum("sources")), m
            time.sleep(0.05)
        messages = writer.wait()
        self.assertGreater(most, 0)
        m = agent.until("they are forgotten", lambda: (
            n := sluice.metrics()).sum("sources") == 0 and n)
        self.assert_rising(last, m)
        self.assertGreaterEqual(m.sum("delivered_records_total"), messages)
        self.assert_stops(sluice)

    def test_t_met_03_gauges_tell_what_is_on_disk_also_after_a_restart(self):
        log = Log(self.pods)
        log.put(*("x" * 500 for _ in range(8000)))
        size = (log.folder / "0.log").stat().st_size
        sluice = self.agent(output="stdout", memory_limit="8MiB", shutdown_timeout="100ms")
        for _ in range(2):
            sluice.start(rate=0)
            m = agent.until("it stands", lambda: (n := sluice.metrics()).groups() and
                            n.sum("in_flight_bytes") > 0 and n)
            m = agent.until("no more is read", lambda: (
                n := sluice.metrics()).sum("read_bytes_total") == sluice.metrics().sum(
                    "read_bytes_total") and n)
            self.assertGreater(m.sum("unread_bytes"), 0)
            self.assertGreater(m.sum("memory_bytes"), 0)
            self.assertGreater(m.sum("oldest_unread_seconds"), 1e7, "its lines are from 2023")
            log.put(*("y" * 500 for _ in range(100)))  # seen before they can be read
            size = (log.folder / "0.log").stat().st_size
            agent.until("all bytes are accounted for", lambda: (
                n := sluice.metrics()).sum("unread_bytes") + n.sum("read_bytes_total") == size
                - self.resumed(sluice))
            sluice.stop()
        sluice.start()
        m = agent.until("all is read", lambda: (n := sluice.metrics()).groups() and n.sum(
            "unread_bytes") + n.sum("in_flight_bytes") + n.sum("memory_bytes") == 0 and n)
        self.assertEqual(m.sum("oldest_unread_seconds"), 0)
        self.assert_stops(sluice)

    @staticmethod
    def resumed(sluice):
        """Where this life began to read: what the lives before had delivered."""
        return sum(int(life.logged("books")[0]["delivered_bytes"]) for life in sluice.lives[:-1])

    def test_t_met_06_what_is_cut_off_is_counted(self):
        """And nothing else is: the counter says what the log says."""
        log = Log(self.pods)
        log.put(*("x" * 500 for _ in range(8000)))
        sluice = self.agent(output="stdout", memory_limit="8MiB")
        sluice.start(rate=0)
        agent.until("it stands", lambda: (n := sluice.metrics()).groups() and
                    n.sum("memory_bytes") > 2e6)
        os.ftruncate(log.fd, 0)
        sluice.life.drain.rate = None
        m = agent.until("the loss", lambda: (n := sluice.metrics()).sum(
            "lost_bytes_total", reason="truncated") > 0 and n.sum("unread_bytes") == 0 and n)
        self.assertEqual(m.sum("lost_bytes_total", reason="truncated"), self.said_lost(sluice.life))
        self.assertEqual(m.sum("lost_bytes_total"), self.said_lost(sluice.life))
        self.assert_stops(sluice)

    def test_t_met_06_what_was_deleted_while_down_is_counted(self):
        """Of a container that is no source any more: under its namespace all the same."""
        gone = Log(self.pods, "gone")
        gone.put(*("x" * 500 for _ in range(8000)))
        size = (gone.folder / "0.log").stat().st_size
        sluice = self.agent(output="stdout", memory_limit="8MiB", shutdown_timeout="100ms")
        sluice.start(rate=0)
        agent.until("it stands", lambda: (n := sluice.metrics()).groups() and
                    n.sum("memory_bytes") > 2e6)
        sluice.stop()
        delivered = int(sluice.life.logged("books")[0]["delivered_bytes"])
        shutil.rmtree(gone.folder.parent)
        sluice.start()
        m = agent.until("it has looked", lambda: (n := sluice.metrics()).groups() and n)
        self.assertEqual(m.sum("lost_bytes_total", reason="deleted_while_down", namespace="shop"),
                         size - delivered)
        self.assertEqual(m.sum("lost_bytes_total"), self.said_lost(sluice.life))
        self.assert_stops(sluice)

    @staticmethod
    def said_lost(life):
        return sum(int(d["bytes"]) for d in life.logged("lost"))

    def test_what_deleted_files_hold_is_told(self):
        log = Log(self.pods)
        log.put(*("x" * 500 for _ in range(8000)))
        os.fsync(log.fd)  # its blocks are all there
        sluice = self.agent(output="stdout", memory_limit="8MiB", pin={"min_free": "0%"})
        sluice.start(rate=0)
        m = agent.until("it stands", lambda: (n := sluice.metrics()).groups() and
                        n.sum("memory_bytes") > 2e6 and n)
        self.assertEqual(m.sum("pinned_bytes"), 0)
        (log.folder / "0.log").unlink()
        held = os.fstat(log.fd).st_blocks * 512
        self.assertGreater(held, 4000000)
        agent.until("it is pinned", lambda: sluice.metrics().sum("pinned_bytes") == held)
        self.assert_promtool(sluice.metrics())
        shutil.rmtree(log.folder.parent)
        sluice.life.drain.rate = None
        agent.until("it is free", lambda: sluice.metrics().sum("pinned_bytes") == 0)
        self.assert_stops(sluice)

    def test_p3_holds_for_what_is_dropped_split_left_out_and_forgotten(self):
        """In more namespaces than have names of their own, some of which nobody would choose."""
        for how in "drop", "split":
            with self.subTest(how):
                self.play_odd_records(how)

    def play_odd_records(self, how):
        pods = self.pods / how
        names = [b"a\"b\\", b"c\nd\t", b"\xff\xfe", b"}{,=\"} 1"] + [b"n%d" % i for i in range(120)]
        whole = 0
        for name in names:
            folder = os.fsencode(pods) + b"/" + name + b"_p_u/app"
            os.makedirs(folder)
            with open(folder + b"/0.log", "wb") as f:
                f.write(Log.line("short") + Log.line("") + Log.line("x" * 1000) +
                        Log.line("y" * 300, tag="P") + Log.line("z" * 300, tag="F") +
                        Log.line("open", "stderr", "P") + b"raw\n")
                whole += f.tell()
        sluice = AdminAgent(self.folder / f"agent-{how}", pods, max_record=256, on_oversize=how,
                            skip_empty=True)
        self.addCleanup(sluice.close)
        sluice.start()

        def settled():
            m = sluice.metrics()
            if m.groups():
                self.assert_identity(m)
            return m.groups() and m.sum("read_bytes_total") == whole and \
                m.sum("in_flight_bytes") == len(names) * len(Log.line("open", "stderr", "P")) and m
        m = agent.until("all is read", settled)
        self.assert_promtool(m)
        self.assertEqual(len(m.groups()), 101)
        self.assertGreater(m.sum("read_bytes_total", namespace="_other"), whole / 124 * 23)
        self.assertGreater(m.sum("filtered_bytes_total"), 0)
        self.assertEqual(m.sum("dropped_bytes_total", reason="oversize") > 0, how == "drop")
        told = sluice.sources()
        self.assertEqual(len(told), len(names))
        self.assertEqual(sum(s["outputs"]["out"]["read_bytes"] for s in told), whole)
        self.assertIn("c\nd\t", [s["namespace"] for s in told])
        shutil.rmtree(os.fsencode(pods))
        pods.mkdir()
        last = agent.until("they are forgotten", lambda: (
            n := sluice.metrics()).sum("sources") == 0 and n)
        self.assert_identity(last)
        self.assert_rising(m, last)
        self.assertEqual(last.sum("in_flight_bytes"), 0)
        self.assert_stops(sluice)

    def test_t_met_08_ten_thousand_failures_are_few_lines(self):
        full = self.small_disk("full", "4k")
        Log(self.pods).put(*("x" * 500 for _ in range(2000)))
        sluice = self.agent(more=[{"name": "full", "type": "file", "path": f"{full}/out",
                                   "retry": {"initial": "1ms", "max": "1ms"}}])
        sluice.start()
        agent.until("it fails often", lambda: (n := sluice.metrics()).groups() and n.sum(
            "retries_total") > 2000)
        self.assertLess(len(sluice.life.logged()), 30)
        sluice.kill()


class Sources(Case):
    def test_each_container_is_told(self):
        log, other = Log(self.pods, "cart"), Log(self.pods, "web", "side")
        log.put("out", "out again")
        log.put("err", stream="stderr")
        other.put("hello")
        sluice = self.agent()
        sluice.start()
        sluice.wait_records(4)
        found = agent.until("both", lambda: (s := sluice.sources()) and sum(
            x["outputs"]["out"]["in_flight_bytes"] for x in s) == 0 and len(s) == 2 and s)
        cart, = (s for s in found if s["pod"] == "cart")
        size = (log.folder / "0.log").stat().st_size
        self.assertEqual((cart["namespace"], cart["uid"], cart["container"], cart["restart"],
                          cart["lost_bytes"]), ("shop", "uid-cart", "main", 0, 0))
        generation, = cart["generations"]
        self.assertEqual((generation["path"], generation["size"], generation["state"]),
                         (str(log.folder / "0.log"), size, "live"))
        self.assertRegex(generation["name"], r"^[A-Za-z0-9_-]{22}$")
        out = cart["outputs"]["out"]
        self.assertEqual(
            {name: out[name] for name in out if name != "positions"},
            {"read_bytes": size, "delivered_bytes": size, "filtered_bytes": 0,
             "dead_lettered_bytes": 0, "dropped_bytes": 0, "in_flight_bytes": 0, "lost_bytes": 0,
             "unread_bytes": 0, "oldest_unread_seconds": 0})
        self.assertEqual(out["positions"]["stdout"],
                         {"generation": generation["name"], "offset": size})
        for query, count in (("?pod=web", 1), ("?namespace=sh*", 2), ("?container=m[ab]in", 1),
                             ("?namespace=shop&pod=cart&container=side", 0), ("?pod=", 0)):
            self.assertEqual(len(sluice.sources(query)), count, query)
        self.assertEqual(sluice.ask("/api/v1/sources?pod=" + "*a" * 20)[0], 400)
        self.assertEqual(sluice.ask("/api/v1/sources?pod=" + "a" * 300)[0], 400)
        self.assert_stops(sluice)

    def test_hundreds_are_told_once_each_while_others_come_and_go(self):
        names = {f"pod-{i}" for i in range(500)}
        for name in names:
            os.close(Log(self.pods, name).fd)
        sluice = self.agent()
        sluice.start()
        agent.until("all", lambda: sluice.metrics().sum("sources") == 500)
        end = threading.Event()

        def churn():
            for i in range(10000):
                if end.is_set():
                    return
                log = Log(self.pods, f"new-{i}")
                os.close(log.fd)
                shutil.rmtree(log.folder.parent)
        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(10):
                found = [s["pod"] for s in sluice.sources()]
                self.assertEqual(len(found), len(set(found)))
                self.assertLessEqual(names, set(found))
        finally:
            end.set()
            thread.join()
        self.assert_stops(sluice)


class Doors(Case):
    """Who may ask what."""

    def own_address(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.connect(("192.0.2.1", 9))
            except OSError:
                self.skipTest("this machine has no address but its loopback")
            return s.getsockname()[0]

    def test_only_this_machine_may_ask_more(self):
        address = self.own_address()
        sluice = self.agent(listen=":0")
        sluice.start()
        for host, local in ((address, 403), ("127.0.0.1", 200), ("127.0.0.2", 200), ("::1", 200)):
            for path, status in (("/healthz", 200), ("/metrics", 200), ("/api/v1/sources", local),
                                 ("/api/v1/status", local), ("/nothing", 404)):
                with self.subTest(host=host, path=path):
                    try:
                        self.assertEqual(sluice.ask(path, host=host)[0], status)
                    except OSError:
                        if host != "::1":
                            raise  # this machine may have no IPv6
        for path in ("/healthz", "/readyz", "/metrics", "/api/v1/sources", "/api/v1/status"):
            self.assertEqual(sluice.ask(path, local=True)[0], 200)
        self.assert_stops(sluice)

    def test_a_browser_gets_nothing_of_it(self):
        """A page elsewhere cannot read it, by its own name for us neither."""
        sluice = self.agent()
        sluice.start()
        for headers, status in (({}, 200), ({"Host": "localhost:9600"}, 200),
                                ({"Host": "evil.example"}, 403), ({"Host": "127.0.0.1.nip.io"}, 403),
                                ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403)):
            self.assertEqual(sluice.ask("/api/v1/sources", **headers)[0], status, headers)
        for method, status in (("HEAD", 200), ("POST", 405), ("PUT", 405), ("DELETE", 405)):
            self.assertEqual(sluice.ask("/metrics", method)[0], status, method)
        self.assert_stops(sluice)

    def test_the_socket_is_roots_alone_and_survives_a_kill(self):
        """Also in a folder whose path is longer than a socket's may be."""
        state = self.folder / ("d" * 100) / ("e" * 100)
        state.mkdir(parents=True)
        state.chmod(0o755)
        sluice = self.agent(state_dir=str(state), listen="")
        path = state / "admin.sock"
        for _ in range(2):
            sluice.start()
            agent.until("the socket", lambda: path.exists() and sluice.command(
                "status").returncode == 0)
            mode = path.stat().st_mode
            self.assertTrue(stat.S_ISSOCK(mode))
            self.assertEqual((stat.S_IMODE(mode), path.stat().st_uid), (0o600, os.getuid()))
            sluice.kill()
            self.assertTrue(path.exists(), "it lies there, stale")
            self.assertEqual(sluice.command("status").returncode, 1)
        sluice.start()
        agent.until("an answer", lambda: sluice.command("status").returncode == 0)
        self.assert_stops(sluice)
        self.assertEqual([p for p in state.iterdir() if "sock" in p.name], [])

    def test_what_lies_in_the_sockets_place_is_not_followed(self):
        victim = self.folder / "victim"
        victim.write_text("theirs")
        for make, works in ((lambda p: p.symlink_to(victim), True), (os.mkfifo, True),
                            (lambda p: p.write_text("x"), True), (lambda p: p.mkdir(), False)):
            for name in "admin.sock", ".admin.sock.new":
                shutil.rmtree(self.folder / "state", ignore_errors=True)
                (self.folder / "state").mkdir()
                make(self.folder / "state" / name)
                sluice = self.agent()
                sluice.start()
                self.assertEqual(agent.until("ready", lambda: sluice.ask("/readyz"))[0], 200)
                self.assertEqual(sluice.command("status").returncode, 0 if works else 1)
                self.assert_stops(sluice)
                self.assertEqual(victim.read_text(), "theirs")

    def test_the_socket_of_the_next_agent_stays(self):
        """Somebody moved the state directory away, and the next agent has a new one."""
        one, other = self.agent(listen=""), self.agent(listen="")
        one.start()
        path = self.folder / "state" / "admin.sock"
        agent.until("the socket", path.exists)
        (self.folder / "state").rename(self.folder / "old")
        (self.folder / "state").mkdir()
        other.start()
        agent.until("its socket", path.exists)
        one.stop()
        self.assertFalse((self.folder / "old" / "admin.sock").exists())
        self.assertEqual(other.command("status").returncode, 0)
        self.assert_stops(other)

    def test_a_port_in_use_stops_no_logs(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            Log(self.pods).put("hello")
            sluice = self.agent(listen=f"127.0.0.1:{port}")
            sluice.start()
            sluice.wait_records(1)
            said = [d for d in sluice.life.logged() if "admin.listen" in d["message"]]
            self.assertEqual([d["level"] for d in said], ["warn"])
            self.assertIn("address already in use", said[0]["message"])
        self.assertEqual(sluice.port, port, "it was tried again")
        self.assertEqual(sluice.ask("/healthz")[0], 200)
        self.assert_stops(sluice)


class Health(Case):
    def test_t_met_05_ready_from_the_first_look_to_the_stop(self):
        """Before, and while it stops, it is not; whatever becomes of its destination."""
        Log(self.pods).put(*("x" * 500 for _ in range(4000)))
        away = self.folder / "away"
        self.pods.rename(away)
        sluice = self.agent(output="stdout", memory_limit="8MiB", shutdown_timeout="30s")
        sluice.start(rate=0)
        self.assertEqual(sluice.ask("/healthz"), (200, "ok\n"))
        status, text = sluice.ask("/readyz")
        self.assertEqual(status, 503)
        self.assertIn(str(self.pods), text)
        away.rename(self.pods)
        agent.until("ready", lambda: sluice.ask("/readyz") == (200, "ok\n"))
        agent.until("it stands", lambda: (n := sluice.metrics()).groups() and
                    n.sum("in_flight_bytes") > 0)
        self.assertEqual(sluice.ask("/readyz"), (200, "ok\n"))
        sluice.life.process.send_signal(signal.SIGTERM)
        agent.until("not ready", lambda: sluice.ask("/readyz")[0] == 503)
        self.assertEqual(sluice.ask("/healthz")[0], 200)
        self.assert_identity(sluice.metrics())
        sluice.life.drain.rate = None
        self.assertEqual(sluice.life.wait(), 0)

    def test_a_standby_is_ready_and_leaves_the_socket_alone(self):
        (self.folder / "two").mkdir()
        first = self.agent()
        first.start()
        agent.until("it answers", lambda: first.ask("/readyz")[0] == 200)
        second = self.agent(folder=self.folder / "two", state_dir=first.options["state_dir"])
        second.start()
        self.assertEqual(second.ask("/readyz"), (200, "ok: standby\n"))
        self.assertEqual(second.ask("/healthz")[0], 200)
        m = second.metrics()
        self.assertEqual(m.sum("standby"), 1)
        self.assertEqual(m.groups(), set())
        self.assert_promtool(m)
        self.assertEqual(second.ask("/api/v1/sources")[0], 200)
        Log(self.pods).put("hello")
        first.wait_records(1)
        status, text = first.ask("/api/v1/status", local=True)
        self.assertEqual((status, json.loads(text)["output"]), (200, "out"))
        first.kill()
        agent.until("it takes over", lambda: second.metrics().sum("standby") == 0)
        agent.until("its socket", lambda: second.ask("/api/v1/status")[1] == second.ask(
            "/api/v1/status", local=True)[1] != "")
        self.assert_stops(second)


class Status(Case):
    def test_status_is_a_table_or_an_object_for_each_output(self):
        Log(self.pods).put("hello")
        sluice = self.agent(more=[{"name": "none", "type": "null"}], listen="")
        sluice.start()
        sluice.wait_records(1)
        agent.until("both have it", lambda: [json.loads(line)["delivered_records"] for line in
                                             sluice.command("status", "--json").stdout.splitlines()]
                    == [1, 1])
        said = sluice.command("status")
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        head, *rows = said.stdout.splitlines()
        self.assertEqual(head.split()[:5], ["OUTPUT", "STATE", "READ", "DELIVERED", "UNREAD"])
        self.assertEqual([row.split()[:2] for row in rows], [["out", "up"], ["none", "up"]])
        sluice.life.process.send_signal(signal.SIGUSR1)
        lines = agent.until("the log", lambda: len(
            lines := sluice.life.logged("status")) == 2 and lines)
        self.assertEqual([(d["output"], d["state"], d["sources"], d["unread_bytes"]) for d in lines],
                         [("out", "up", "1", "0"), ("none", "up", "1", "0")])
        sluice.stop()

    def test_without_an_agent_it_says_so(self):
        sluice = self.agent()
        sluice.configuration(self.folder / "out")
        said = sluice.command("status")
        self.assertEqual((said.returncode, said.stdout), (1, ""))
        self.assertIn("no agent is running", said.stderr)
        self.assertIn(sluice.options["state_dir"], said.stderr)
        self.assertEqual(sluice.command("status", "--set", "nonsense=1").returncode, 2)
        self.assertEqual(sluice.command("status", "too", "much").returncode, 2)


class Crowd(Case):
    """Clients as bad as they come, while lines are read."""

    def open(self, sluice, *send):
        s = socket.create_connection(("127.0.0.1", sluice.port), timeout=agent.PATIENCE)
        self.addCleanup(s.close)
        for data in send:
            s.sendall(data)
        return s

    def answer(self, s):
        """All that comes until the other side closes."""
        data = b""
        try:
            while piece := s.recv(65536):
                data += piece
        except ConnectionError:
            pass
        return data

    def test_garbage_is_answered_or_cut_off(self):
        sluice = self.agent()
        sluice.start()
        long = b"a" * 100000
        for data in (b"\0" * 5000, os.urandom(20000), b"GET\r\n\r\n", b"\r\n" * 30000,
                     b"GET /" + long + b" HTTP/1.1\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nX: " + long + b"\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                     b"GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n",
                     b"GET /api/v1/sources?" + b"pod=a&" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + long,
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     + b"fffff\r\n" + long):
            with self.subTest(data=data[:40]):
                s = self.open(sluice)
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it had enough already
                self.assertNotIn(b" 200 ", self.answer(s)[:15])
        self.assertEqual(sluice.ask("/healthz")[0], 200)
        self.assert_stops(sluice)

    def test_slow_clients_make_way(self):
        """600 that send a byte now and then, and never a whole request. If each was let stay as
        long as it may, who asks behind them would wait for minutes."""
        sluice = self.agent()
        sluice.start()
        slow = [self.open(sluice, b"GET /metrics HTTP/1.1\r\nX: ") for _ in range(600)]
        end = threading.Event()

        def drip():
            while not end.wait(0.5):
                for s in slow:
                    try:
                        s.send(b"a")
                    except OSError:
                        pass  # this one had to go
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            self.assertEqual(sluice.ask("/healthz")[0], 200)
            fds = sum("socket:" in f for f in sluice.life.files())
            self.assertLessEqual(fds, 64 + 10)
        finally:
            end.set()
            thread.join()
        self.assert_stops(sluice)

    def test_more_files_than_descriptors_leave_room_for_visitors(self):
        for i in range(600):
            log = Log(self.pods, f"pod-{i}")
            log.put("hello")
            os.close(log.fd)
        sluice = self.agent(launcher=["prlimit", "--nofile=512:512"])
        sluice.start()
        sluice.wait_records(600)
        silent = [socket.create_connection(("127.0.0.1", sluice.port)) for _ in range(40)]
        try:
            sluice.metrics()
            for s in silent:  # nobody had to leave for it
                s.setblocking(False)
                self.assertRaises(BlockingIOError, s.recv, 1)
        finally:
            for s in silent:
                s.close()
        self.assert_stops(sluice)

    def test_a_thousand_at_once_disturb_no_line(self):
        """t_met_05: scrapes, lists, readers that do not read, half-open ones; under load."""
        sluice = self.agent()
        sluice.start()
        writer = self.write("--containers", 50, "--rate", 100, "--rotate", 1, "--max-size", 60000,
                            "--seconds", 8)
        agent.until("lines", lambda: sluice.life.records() > 1000)
        port = sluice.port
        answers, broken, lock = [], [], threading.Lock()

        def scrape(i):
            path = ("/metrics", "/api/v1/sources", "/healthz", "/readyz")[i % 4]
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=agent.PATIENCE) as s:
                    s.sendall(WHOLE_HEAD.format(path).encode())
                    if i % 10 == 9:
                        return  # leaves without its answer
                    data = self.answer(s)
                with lock:
                    answers.append((path, data))
            except OSError as e:
                with lock:
                    broken.append((path, e))
        lazy = [self.open(sluice, WHOLE_HEAD.format("/api/v1/sources").encode()) for _ in range(20)]
        threads = [threading.Thread(target=scrape, args=(i,)) for i in range(1000)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(broken, [])
        self.assertEqual(len(answers), 900)
        for path, data in answers:
            self.assertRegex(data[:16], rb"^HTTP/1.1 (200|503) ", (path, data[:100]))
            if path == "/metrics" and b" 200 " in data[:16]:
                self.assert_identity(Metrics(data.partition(b"\r\n\r\n")[2].decode()))
        self.assertTrue(all(b" 200 " in data[:16] for path, data in answers if "z" in path))
        sluice.wait_records(writer.wait())
        if not self.is_sanitized():
            self.assertLess(sluice.life.peak_rss(), 64 * agent.MIB)
        for s in lazy:
            s.close()
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)


if __name__ == "__main__":
    unittest.main()
