"""The ways to a real server: TLS, logins, proxies, several hosts, and what stands before it (nginx, tinyproxy)."""
import os
import shutil
import subprocess
from pathlib import Path
from unittest import mock

from search_case import SERVERS, Case, Log, agent, basic
from search_server import Proxy

TOKEN = "c2x1aWNlLXRva2Vu"


class Login(Case):
    """Elasticsearch's own security, over TLS."""
    product, version = "elasticsearch", "8"
    options = ("--user", "sluice:right", "--user", "reader:right:viewer", "--tls")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ca = str(cls.server.folder / "config/tls/ca.crt")
        cls.server.trust(cls.ca, basic("sluice", "right"))

    def secure(self, **output):
        Log(self.pods).put("1", "2", "3")
        return self.sluice(**{"auth": {"user": "sluice", "password": "right"},
                              "tls": {"ca_file": self.ca}, **output})

    def assert_delivers(self, sluice):
        sluice.start()
        self.wait(3)
        self.assert_stops_all_delivered(sluice)

    def test_t_es_15_right_password_over_tls(self):
        self.assert_delivers(self.secure())

    def test_t_es_15_tls_1_3(self):
        self.assert_delivers(self.secure(tls={"ca_file": self.ca, "min_version": "1.3"}))

    def test_t_es_07_wrong_password(self):
        path = self.folder / "password"
        path.write_text("wr0ng-word")
        sluice = self.secure(auth={"user": "sluice", "password_file": str(path)})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertRegex(self.complaint(sluice), "status 401: security_exception: .*; look at auth")
        path.write_text("right")
        self.wait(3)
        self.assert_stops_all_delivered(sluice)
        self.assertNotIn("wr0ng-word", Path(sluice.life.log).read_text())

    def test_user_without_the_right(self):
        self.assert_waits(self.secure(auth={"user": "reader", "password": "right"}),
                          "security_exception.*lacks the right to write")

    def test_cluster_that_is_read_only(self):
        """All is refused at once, and nobody is told to look at his rights."""
        block = {"cluster.blocks.read_only": True}
        self.put_settings(block)
        try:
            self.assert_waits(self.secure(), r"cluster_block_exception: .*\(api\)\];$")
        finally:
            self.put_settings(dict.fromkeys(block))

    def test_tls_through_a_proxy(self):
        with Proxy(self.folder) as proxy:
            self.assert_delivers(self.secure(proxy=proxy.url))
            self.assertRegex(proxy.said(), rf"CONNECT localhost:{self.server.port}")

    def test_server_name_through_a_proxy(self):
        """The server is asked for at its address, and under the name that it shows."""
        with Proxy(self.folder) as proxy:
            self.assert_delivers(self.secure(
                proxy=proxy.url, hosts=[f"https://127.0.0.1:{self.server.port}"],
                tls={"ca_file": self.ca, "server_name": "localhost"}))
            self.assertRegex(proxy.said(), rf"CONNECT 127.0.0.1:{self.server.port}")

    def test_proxy_with_a_password(self):
        with Proxy(self.folder, "me", "pr0xy-word") as proxy:
            sluice = self.secure(proxy=proxy.url.replace("//", "//me:wr0ng-word@"))
            self.assert_waits(sluice, "proxy|CONNECT|407")
            self.assertNotIn("wr0ng-word", Path(sluice.life.log).read_text())
            shutil.rmtree(self.folder / "state")
            sluice.outputs["proxy"] = proxy.url.replace("//", "//me:pr0xy-word@")
            self.assert_delivers(sluice)
            self.assertNotIn("pr0xy-word", Path(sluice.life.log).read_text())


class Ways(Case):
    """OpenSearch, with something before it."""
    product, version = "opensearch", "2"

    def front(self, *options, folder="front"):
        server = self.begin("front", f"{self.index}-{folder}", "--to", self.server.url, *options)
        self.addCleanup(server.kill)
        self.ca = str(server.folder / "tls/ca.crt")
        self.key = {"cert_file": str(server.folder / "tls/client.crt"),
                    "key_file": str(server.folder / "tls/client.key")}
        return server

    def some(self, *servers, **output):
        Log(self.pods).put("1", "2", "3")
        return self.sluice(hosts=[server.url for server in servers], **output)

    def assert_delivers(self, sluice):
        sluice.start()
        self.assert_comes(sluice)

    def assert_comes(self, sluice):
        self.wait(3)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual(self.server.count(self.index), 3)

    # --- logins ---

    def test_t_es_14_api_key(self):
        front = self.front("--authorization", f"ApiKey {TOKEN}")
        self.assert_delivers(self.some(front, auth={"api_key": TOKEN}))

    def test_t_es_14_bearer_that_was_wrong_at_first(self):
        front = self.front("--authorization", f"Bearer {TOKEN}")
        path = self.folder / "token"
        path.write_text("wr0ng-word\n")
        sluice = self.some(front, auth={"bearer_file": str(path)})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertRegex(self.complaint(sluice), "status 401: .*; look at auth")
        path.write_text(f"{TOKEN}\n")
        self.assert_comes(sluice)
        said = Path(sluice.life.log).read_text()
        self.assertNotIn("wr0ng-word", said)
        self.assertNotIn(TOKEN, said)

    # --- TLS ---

    def test_t_es_15_client_certificate(self):
        front = self.front("--tls", "--client-cert")
        sluice = self.some(front, tls={"ca_file": self.ca})
        self.assert_waits(sluice, "status 400: .*")
        shutil.rmtree(self.folder / "state")
        sluice.outputs["tls"].update(self.key)
        self.assert_delivers(sluice)

    def test_t_es_15_wrong_name(self):
        front = self.front("--tls", "--cert", "wronghost")
        sluice = self.some(front, tls={"ca_file": self.ca})
        self.assert_waits(sluice, "does not match|no alternative")
        shutil.rmtree(self.folder / "state")
        sluice.outputs["tls"]["server_name"] = "elsewhere.example"
        self.assert_delivers(sluice)

    def test_server_that_is_too_old(self):
        """nginx as it comes: TLS 1.2 at most."""
        front = self.front("--tls")
        self.assert_waits(self.some(front, tls={"ca_file": self.ca, "min_version": "1.3"}),
                          "alert protocol version|unsupported protocol|wrong version")

    def test_t_es_15_expired_certificate_is_renewed(self):
        front = self.front("--tls", "--cert", "expired")
        sluice = self.some(front, tls={"ca_file": self.ca})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertIn("expired", self.complaint(sluice))
        front.stop()
        front.run("start", "--to", self.server.url, "--tls")
        self.assert_comes(sluice)

    def test_t_es_15_authority_is_replaced(self):
        front = self.front("--tls")
        other, ca_file = self.folder / "other", self.folder / "ca.crt"
        subprocess.run([SERVERS / "ca.sh", other], check=True, capture_output=True)
        shutil.copy(other / "ca.crt", ca_file)
        sluice = self.some(front, tls={"ca_file": str(ca_file)})
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertIn("certificate", self.complaint(sluice))
        shutil.copy(self.ca, ca_file)
        self.assert_comes(sluice)

    # --- proxies ---

    def test_plain_through_a_proxy(self):
        with Proxy(self.folder) as proxy, mock.patch.dict(os.environ, {"no_proxy": "localhost"}):
            self.assert_delivers(self.some(self.server, proxy=proxy.url))
            self.assertIn(f"POST http://localhost:{self.server.port}/_bulk", proxy.said())

    def test_proxy_of_the_environment(self):
        with Proxy(self.folder) as proxy, mock.patch.dict(os.environ, {"http_proxy": proxy.url}):
            self.assert_delivers(self.some(self.server, proxy="env"))
            self.assertIn("POST", proxy.said())

    def test_proxy_of_the_environment_is_not_used_unasked(self):
        with Proxy(self.folder) as proxy, mock.patch.dict(os.environ, {"http_proxy": proxy.url}):
            self.assert_delivers(self.some(self.server))
            self.assertNotIn("POST", proxy.said())

    def test_proxy_that_is_not_there(self):
        self.assert_waits(self.some(self.server, proxy="http://localhost:1"), "localhost")

    # --- hosts, and what answers in a server's place ---

    def test_t_es_24_one_of_two_is_dead(self):
        """First the one, then the other."""
        writer = self.write("--containers", 4, "--rate", 100, "--lines", 600, "--seconds", 60)
        fronts = self.front(), self.front(folder="other")
        sluice = self.sluice(hosts=[front.url for front in fronts])
        sluice.start()
        self.wait(200)
        fronts[0].kill()
        self.wait(1000)
        fronts[0].restart()
        fronts[1].kill()
        messages = writer.wait()
        self.wait(messages)
        self.assert_stops_all_delivered(sluice)
        self.assert_all_there(writer, sluice, messages)

    def test_server_behind_a_proxy_is_down(self):
        front = self.front()
        sluice = self.some(front)
        self.server.kill()
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertIn("status 502", self.complaint(sluice))
        self.server.restart()
        self.assert_comes(sluice)

    def test_t_es_11_answers_that_trickle(self):
        """What was taken, though nobody heard so, is not there twice."""
        front = self.front()
        front.run("fault", "slow")
        sluice = self.some(front, timeout="1s")
        sluice.start()
        agent.until("the complaint", lambda: self.complaint(sluice))
        self.assertIn("no answer within 1000 ms", self.complaint(sluice))
        front.run("fault", "none")
        self.assert_comes(sluice)

    def test_t_es_09_too_many_requests(self):
        for what in (("429", "1"), ("503",), ("drop",)):
            with self.subTest(what):
                self.index = f"{self.index}.{what[0]}"
                front = self.front(folder=what[0])
                front.run("fault", *what)
                sluice = self.some(front)
                sluice.start()
                agent.until("the complaint", lambda life=sluice: self.complaint(life))
                front.run("fault", "none")
                self.assert_comes(sluice)
                shutil.rmtree(self.folder / "state")
                shutil.rmtree(self.pods)
                self.pods.mkdir()

    def test_request_that_is_too_long(self):
        """413: in halves, down to the one record that is too long by itself."""
        front = self.front("--max-body", "100k")
        log = Log(self.pods)
        for n in range(300):
            log.put(f"{n} " + "x" * 2000)
        log.put("y" * 200_000)
        sluice = self.sluice(hosts=[front.url], compression="none")
        sluice.start()
        self.wait(300)
        books = self.assert_stops(sluice)
        self.assertGreater(books["dead_lettered_bytes"], 200_000)
        letter, = self.letters()
        self.assertEqual(letter["reason"], "too_large")
        self.assertEqual(self.server.count(self.index), 300)


class Narrow(Case):
    """A server that takes requests of 1 MB at most, and says so without a word."""
    product, version = "elasticsearch", "8"
    options = ("--property", "http.max_content_length=1mb")

    def test_request_that_is_too_long(self):
        log = Log(self.pods)
        for n in range(1500):
            log.put(f"{n} " + "x" * 2000)
        sluice = self.sluice(compression="none", batch={"max_bytes": "4MiB", "max_age": "200ms"})
        sluice.start()
        self.wait(1500)
        self.assert_stops_all_delivered(sluice)
        self.assertEqual(self.letters(), [])
