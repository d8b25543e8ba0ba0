"""Output kafka on a real Apache Kafka that does not let everybody in: TLS, logins, rights."""
import subprocess
import unittest

import kafka_server  # finds the end-to-end tests' own
import agent
from test_tail import Log

SECRET = "s3cr3t-w0rd"
BY_POD = "%{kubernetes.pod.name}"


class Case(kafka_server.Case):
    def setUp(self):
        super().setUp()
        self.broker.run("topic", self.topic)
        self.log = Log(self.pods)
        self.log.put("a", "b")
        self.tls = self.broker.folder / "tls"

    def deliver(self, **output):
        sluice = self.sluice(**output)
        sluice.start()
        self.wait(2)
        self.assert_stops(sluice)
        self.assertEqual(self.texts(), ["a", "b"])
        return sluice

    def assert_not_let_in(self, words, mend, **output):
        """It says why, gives nothing up, and delivers what was written when that is mended."""
        sluice = self.sluice(**output)
        sluice.start()
        agent.until(words, lambda: self.said(sluice, words))
        mend(sluice)
        self.wait(2)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual(books["lost_bytes"] + books["dead_lettered_bytes"], 0)
        for life in sluice.lives:
            with open(life.log, encoding="utf-8") as log:
                self.assertNotIn(SECRET, log.read())
        return sluice

    def restart(self, **output):
        """The way to mend it: with other options."""
        def mend(sluice):
            sluice.kill()
            sluice.outputs.update(output)
            sluice.start()
        return mend


class Tls(Case):
    """The broker wants a certificate of the client."""
    options = ("--tls", "--client-cert")

    def client(self, **more):
        return {"ca_file": str(self.tls / "ca.crt"), "cert_file": str(self.tls / "client.crt"),
                "key_file": str(self.tls / "client.key"), **more}

    def test_t_kaf_16_certificate_of_the_client(self):
        self.deliver(tls=self.client())

    def test_t_kaf_16_no_certificate_of_the_client(self):
        self.assert_not_let_in("alert", tls={"ca_file": str(self.tls / "ca.crt")},
                               mend=self.restart(tls=self.client()))

    def test_t_kaf_16_wrong_authority(self):
        other = self.folder / "other"
        subprocess.run([kafka_server.SERVER.parent / "ca.sh", other], check=True, capture_output=True)
        self.assert_not_let_in("certificate verify failed", tls=self.client(ca_file=str(other / "ca.crt")),
                               mend=self.restart(tls=self.client()))

    def test_t_kaf_16_plain_text_to_a_port_of_tls(self):
        self.assert_not_let_in("security.protocol", mend=self.restart(tls=self.client()))

    def test_key_with_a_password(self):
        key = self.folder / "locked.key"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", self.tls / "client.key", "-out", key,
                        "-passout", f"pass:{SECRET}"], check=True, capture_output=True)
        sluice = self.deliver(tls=self.client(key_file=str(key), key_password=SECRET))
        with open(sluice.life.log, encoding="utf-8") as log:
            self.assertNotIn(SECRET, log.read())


class OtherName(Case):
    """The broker shows a certificate for another host."""
    options = ("--tls", "--cert", "wronghost")

    def test_t_kaf_16_wrong_host(self):
        ca_file = str(self.tls / "ca.crt")
        self.assert_not_let_in("certificate verify failed", tls={"ca_file": ca_file},
                               mend=self.restart(tls={"ca_file": ca_file, "verify": False}))


class Login(Case):
    """Kafka 4, with TLS."""
    options = ("--tls", "--sasl", f"agent:{SECRET}")

    def sluice(self, mechanism="PLAIN", **output):
        self.password = self.folder / "password"
        self.password.write_text(f"{SECRET}\n")
        return super().sluice(tls={"ca_file": str(self.tls / "ca.crt")},
                              sasl={"mechanism": mechanism, "user": "agent",
                                    "password_file": str(self.password)}, **output)

    def test_t_kaf_16_plain_over_tls(self):
        self.deliver()

    def test_t_kaf_16_a_password_that_was_wrong_at_first(self):
        """The file is read again."""
        sluice = self.sluice()
        self.password.write_text("wr0ng\n")
        sluice.start()
        agent.until("that it is wrong", lambda: self.said(sluice, "uthentication failed"))
        self.assertFalse(self.said(sluice, "wr0ng"))
        self.password.write_text(f"{SECRET}\n")
        self.wait(2)
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])


class Scram(Case):
    """Kafka 3.9; Debian's librdkafka cannot do this with 4."""
    options = ("--version", "3", "--sasl", f"agent:{SECRET}")

    def login(self, mechanism, password=SECRET):
        return {"mechanism": mechanism, "user": "agent", "password": password}

    def test_t_kaf_16_scram(self):
        for n, mechanism in enumerate(("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"), 1):
            with self.subTest(mechanism):
                sluice = self.sluice(sasl=self.login(mechanism))
                self.log.put(mechanism)
                sluice.start()
                self.wait(2 + n)
                self.assert_stops(sluice)

    def test_t_kaf_16_scram_with_a_wrong_password(self):
        self.assert_not_let_in("uthentication failed", sasl=self.login("SCRAM-SHA-512", "wr0ng"),
                               mend=self.restart(sasl=self.login("SCRAM-SHA-512")))


class ScramOnFour(Scram):
    """With a librdkafka before 2.6.1 the broker refuses right passwords, too: then that is said, and
    nothing is lost."""
    options = ("--sasl", f"agent:{SECRET}")

    def test_t_kaf_16_scram(self):
        sluice = self.sluice(sasl=self.login("SCRAM-SHA-512"))
        sluice.start()
        agent.until("either", lambda: self.said(sluice, "needs librdkafka 2.6.1")
                    or self.broker.count(self.topic) == 2, pause=0.2)
        self.restart(sasl=self.login("PLAIN"))(sluice)
        self.wait(2)
        self.assert_stops(sluice)

    test_t_kaf_16_scram_with_a_wrong_password = None


class Rights(Case):
    """No topic is made by itself, and one is forbidden."""
    options = ("--property", "auto.create.topics.enable=false", "--property",
               "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
               "--property", "allow.everyone.if.no.acl.found=true", "--property",
               "super.users=User:admin;User:ANONYMOUS", "--sasl", f"agent:{SECRET}",
               "--sasl", f"admin:{SECRET}")

    def sluice(self, **output):
        return super().sluice(sasl={"mechanism": "PLAIN", "user": "agent", "password": SECRET},
                              topic=f"{self.topic}-{BY_POD}", **output)

    def begin(self):
        """Two containers, each with a topic of its own."""
        self.bad, self.good = Log(self.pods, "bad"), Log(self.pods, "good")
        self.broker.run("topic", f"{self.topic}-good")
        self.bad.put(*map(str, range(10)))
        self.good.put("a")
        sluice = self.sluice()
        sluice.inputs["exclude"] = {"pods": ["app"]}
        sluice.start()
        return sluice

    def assert_held(self, sluice, words):
        agent.until(words, lambda: self.said(sluice, words))
        self.good.put("b")
        self.bad.put(*map(str, range(10, 20)))
        self.wait(2, f"{self.topic}-good")

    def assert_released(self, sluice):
        self.wait(20, f"{self.topic}-bad")
        books = self.assert_stops(sluice)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        self.assertEqual(self.texts(f"{self.topic}-bad"), list(map(str, range(20))))
        self.assertEqual(self.texts(f"{self.topic}-good"), ["a", "b"])

    def may_write(self, *words):
        self.broker.run("tool", "org.apache.kafka.tools.AclCommand", *words, "--topic",
                        f"{self.topic}-bad", "--operation", "Write", "--force")

    def test_t_kaf_07_topic_that_is_made_later(self):
        sluice = self.begin()
        self.assert_held(sluice, "UNKNOWN_TOPIC")
        self.broker.run("topic", f"{self.topic}-bad")
        self.assert_released(sluice)

    def test_topic_that_is_forbidden_at_first(self):
        """By a rule; the others flow, and it does when the rule is gone."""
        self.broker.run("topic", f"{self.topic}-bad")
        self.may_write("--add", "--deny-principal", "User:agent")
        sluice = self.begin()
        self.assert_held(sluice, "TOPIC_AUTHORIZATION_FAILED")
        self.may_write("--remove", "--deny-principal", "User:agent")
        self.assert_released(sluice)


if __name__ == "__main__":
    unittest.main()
