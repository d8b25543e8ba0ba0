"""Output kafka on a real Apache Kafka: files of certificates, tokens and names in certificates, and what
happens when they are replaced."""
import base64
import json
import os
import shutil
import time
import unittest
from pathlib import Path

import kafka_server  # of this folder; it shows where the others are
import agent
from test_tail import Log


def said(sluice, words):
    return words in Path(sluice.life.log).read_text()


class Case(kafka_server.Case):
    def put(self, name, source):
        """Puts a file into the place of another, as a mounted secret changes."""
        path = self.folder / name
        shutil.copy(source, f"{path}.new")
        os.replace(f"{path}.new", path)
        return str(path)

    def write_file(self, name, text):
        path = self.folder / name
        Path(f"{path}.new").write_text(text)
        os.replace(f"{path}.new", path)
        return str(path)


class Certificates(Case):
    options = ("--tls", "--client-cert")

    def tls(self, ca="ca"):
        made = self.broker.folder / "tls"
        return {"ca_file": self.put("ca.crt", made / f"{ca}.crt"),
                "cert_file": self.put("client.crt", made / "client.crt"),
                "key_file": self.put("client.key", made / "client.key")}

    def test_t_kaf_16_certificates_are_replaced_under_load(self):
        """First the key alone, which fits no more: that is said, and the old one goes on. Then both."""
        self.broker.run("topic", self.topic, "partitions=6")
        sluice = self.sluice(tls=self.tls())
        sluice.start()
        writer = self.write("--containers", 10, "--rate", 200, "--lines", 6000, "--seconds", 600)
        self.wait(500)
        self.put("client.key", self.broker.folder / "tls/server.key")
        agent.until("that it does not fit", lambda: said(sluice, "ssl.key.location"))
        self.wait(self.broker.count(self.topic) + 200)
        self.assertFalse(said(sluice, "the producer is another one"))
        self.tls()
        agent.until("another producer", lambda: said(sluice, "the producer is another one"))
        messages = writer.wait()
        self.wait(messages)
        self.assert_stops(sluice)
        self.assert_once(writer, sluice, self.broker.read(self.topic))

    def test_authority_that_comes_later(self):
        """With the first one nothing can be sent."""
        self.broker.run("topic", self.topic)
        Log(self.pods).put("a", "b")
        sluice = self.sluice(tls=self.tls(ca="stranger"))
        sluice.start()
        agent.until("that it is not trusted", lambda: said(sluice, "certificate verify failed"))
        self.put("ca.crt", self.broker.folder / "tls/ca.crt")
        self.wait(2)
        self.assert_stops(sluice)
        self.assertEqual(len(self.consume()), 2)


class Names(Case):
    options = ("--tls", "--cert", "wronghost")

    def tls(self, name):
        return {"ca_file": str(self.broker.folder / "tls/ca.crt"), "server_name": name}

    def test_the_name_that_is_in_it(self):
        self.broker.run("topic", self.topic)
        Log(self.pods).put("a")
        sluice = self.sluice(tls=self.tls("elsewhere.example"))
        sluice.start()
        self.wait(1)
        self.assert_stops(sluice)

    def test_another_name(self):
        self.broker.run("topic", self.topic)
        Log(self.pods).put("a")
        sluice = self.sluice(tls=self.tls("localhost"))
        sluice.options["shutdown_timeout"] = "500ms"
        sluice.start()
        agent.until("that it is not for it", lambda: said(sluice, "certificate verify failed"))
        self.assertEqual(self.assert_stops(sluice)["delivered_bytes"], 0)


def token(seconds):
    """Unsecured, as a broker for tests takes it."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": "agent", "iat": now - 3600, "exp": now + seconds})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), ""])


class Tokens(Case):
    options = ("--sasl", "admin:admin", "--property", "sasl.enabled.mechanisms=OAUTHBEARER", "--property",
               "listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer."
               'OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";',
               "--property", "listener.name.client.oauthbearer.connections.max.reauth.ms=3000")

    def sluice(self, text, **output):
        return super().sluice(sasl={"mechanism": "OAUTHBEARER", "token_file": self.write_file("token", text)}, **output)

    def test_token_that_is_replaced(self):
        """The broker ends each connection after 3 s, and the first token does not live long."""
        self.broker.run("topic", self.topic)
        log, first = Log(self.pods), token(10)
        end = time.time() + 12
        log.put("0")
        sluice = self.sluice(first)
        sluice.start()
        self.wait(1)
        self.write_file("token", token(600))
        count = 1
        while time.time() < end:
            log.put(str(count))
            count += 1
            self.wait(count)
        self.assert_stops(sluice)
        self.assertEqual([json.loads(m["payload"])["message"] for m in self.consume()], list(map(str, range(count))))
        self.assertFalse(said(sluice, first))

    def test_token_that_is_too_old_at_first(self):
        self.broker.run("topic", self.topic)
        Log(self.pods).put("a")
        sluice = self.sluice(token(-60))
        sluice.start()
        agent.until("that it is too old", lambda: said(sluice, "sasl.token_file"))
        self.write_file("token", token(600))
        self.wait(1)
        self.assert_stops(sluice)


if __name__ == "__main__":
    unittest.main()
