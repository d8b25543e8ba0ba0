"""Configurations through the two commands that read one, and what a terminal shows: T-CFG of
tests/README.md. Texts of single mistakes are in tests/unit/test_config.c; here it is that a user
sees them, that nothing was touched, and that right ones mean what they say."""
import json
import os
import pty
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import agent
from programs import SLUICE
from test_tail import Log

CA = Path(__file__).resolve().parents[1] / "servers" / "ca.sh"
IN = "inputs: [{type: kubernetes}]\n"
OUT = 'outputs: [{type: "null"}]\n'


class Config(agent.Case):
    def command(self, name, text, *more, env=None):
        path = self.folder / "sluice.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return subprocess.run(
            [SLUICE, name, "-c", path, *more], capture_output=True, timeout=agent.PATIENCE,
            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})

    def assert_refused(self, text, *words, env=None):
        """By `check` and by `run` in the same words, and nothing was made or moved."""
        text, said = text.replace("STATE", str(self.folder / "state")), None
        for name in ("check", "run"):  # not run, if it would be accepted
            answer = self.command(name, text, env=env)
            self.assertEqual(answer.returncode, 2, answer.stderr.decode())
            self.assertEqual(answer.stdout, b"")
            said = said or answer.stderr.decode()
            self.assertEqual(answer.stderr.decode(), said)
        self.assertTrue(said.endswith("\n"))
        for word in ("sluice.yaml", *words):
            self.assertIn(word, said)
        self.assertEqual(sorted(os.listdir(self.folder)), ["pods", "sluice.yaml"])

    def assert_means(self, text, **values):
        """`check -v` prints them."""
        answer = self.command("check", text, "-v")
        self.assertEqual(answer.returncode, 0, answer.stderr.decode())
        for name, value in values.items():
            self.assertRegex(answer.stdout.decode(), rf"(?m)^\s*{name}: {re.escape(value)}\s*$")

    def test_cfg_01_every_mistake_at_once(self):
        """T-CFG-01: unknown key, wrong type, unknown value, missing component, one that is twice."""
        for text, words in (
                (IN + OUT + "memry_limit: 1MiB\nstate_dir: STATE\n",
                 (":3:1:", "memry_limit", "memory_limit")),
                (IN + "outputs:\n  - type: fil\n    path: STATE/x\n", (":3:11:", "fil", '"file"')),
                (IN + "outputs:\n  - type: file\n    pth: STATE/x\n    sync: maybe\n",
                 (":3:5:", "path: is missing", ":4:5:", "pth", ":5:11:", "maybe")),
                (IN + OUT + "log: {level: loud}\ncheckpoint_interval: soon\n",
                 (":3:14:", "loud", "error, warn, info, debug", ":4:22:", "soon")),
                (IN + OUT + "node: a\nnode: b\n", (":4:1:", "node")),
                (IN + "outputs:\n  - {type: stdout, name: a}\n  - {type: stdout, name: a}\n",
                 (":4:",)),
                (IN, ("outputs",)),
                ("inputs: []\noutputs: []\n", ("inputs", "outputs"))):
            with self.subTest(text):
                self.assert_refused(text, *words)

    def test_cfg_02_what_is_no_document(self):
        """T-CFG-02: cut, nested without end, binary, with anchors, tags and tabs: a place, no crash."""
        whole = IN + OUT
        for text in (
                "inputs: [", "inputs:\n\t- a", "{", "- a\n- b\n", "just words", "a: b: c", ": x",
                "inputs: &a [1]\noutputs: *a\n", "inputs: !!map {}\n", "%YAML 9.9\n---\n" + whole,
                whole + "---\n" + whole, "[" * 5000, "{a: " * 5000, b"\xff\xfe\x00\x01", b"\0" * 64,
                whole + "node: \"\\x00\"\n", whole + "? [a]\n: b\n", "a" * (1 << 20),
                *(whole[:n] for n in (5, 20, 31, 45, 52))):
            with self.subTest(text[:60]):
                answer = self.command("check", text)
                self.assertEqual(answer.returncode, 2, answer.stderr[-2000:])
                self.assertRegex(answer.stderr.decode(errors="replace"), r"sluice\.yaml(:\d+:\d+)?: .")
                self.assertLess(len(answer.stderr), 100_000)

    def test_cfg_04_values_are_data(self):
        """T-CFG-04: what the environment or a file holds is never read as YAML."""
        odd = "a\"b': {c: [d]} # no comment\n- e: *f"
        (self.folder / "secret").write_text("from a file\n")
        Log(self.pods).put("x")
        sluice = self.agent(fields={
            "is": "${env:SET}", "empty": "[${env:EMPTY}]", "default": "${env:UNSET:-other}",
            "empty_default": "[${env:UNSET:-}]", "odd": "${env:ODD}",
            "file": "${file:" + str(self.folder / "secret") + "}", "two": "${env:SET}-${env:SET}"},
            launcher=["env", "SET=value", "EMPTY=", f"ODD={odd}"])
        sluice.start()
        sluice.wait_records(1)
        self.assert_stops(sluice)
        record = json.loads(Path(sluice.life.output).read_text())
        self.assertEqual({name: record.get(name) for name in (
            "is", "empty", "default", "empty_default", "odd", "file", "two")}, {
            "is": "value", "empty": "[]", "default": "other", "empty_default": "[]", "odd": odd,
            "file": "from a file", "two": "value-value"})

    def test_cfg_04_what_is_not_there(self):
        """T-CFG-04: without a default it is a mistake, with the name of the variable or the file."""
        for value, word in (("${env:SL_NOT_SET}", "SL_NOT_SET"), ("${file:/not/there}", "/not/there"),
                            ("${file:relative}", "relative"), ("${env:}", "env:"),
                            ("${env:A", "${env:A"), ("${what:A}", "what")):
            with self.subTest(value):
                self.assert_refused(IN + OUT + f'node: "{value}"\n', ":3:7:", word)

    def assert_file(self, kind, section, option, why, away=False):
        """`run` refuses it at its place; `check` does so if the file is there, else it warns."""
        text = IN + f"outputs:\n  - type: {kind}\n" + ("    hosts: [http://localhost:1]\n" if kind == "elasticsearch"
                                                       else "    brokers: ['localhost:1']\n")
        text += f"    {section}:\n      {option}\n" + f"state_dir: {self.folder}/state\n"
        with self.subTest((kind, option, why)):
            run, check = self.command("run", text), self.command("check", text)
            self.assertEqual((run.returncode, check.returncode), (2, 0 if away else 2), run.stderr + check.stderr)
            for answer in run, check:
                self.assertRegex(answer.stderr.decode(), rf"sluice\.yaml:6:\d+: output .*: {why}")
            self.assertEqual(b"; the agent does not start without it" in check.stderr, away)
            self.assertFalse((self.folder / "state").exists())

    def test_t_cfg_13_files_of_tls(self):
        """T-CFG-13: not there, no PEM, a key without its certificate, another one's, a locked one."""
        ca = self.folder / "ca"
        subprocess.run([CA, ca], check=True)
        (ca / "text").write_text("hello\n")
        subprocess.run(["openssl", "ec", "-in", ca / "client.key", "-out", ca / "locked.key", "-aes256",
                        "-passout", "pass:x"], check=True, capture_output=True)
        for kind in ("elasticsearch", "kafka"):
            for option, why, away in (
                    ("ca_file: /none", r"tls\.ca_file: /none: No such file", True),
                    (f"ca_file: {ca}/text", rf"tls\.ca_file: {ca}/text: holds no certificate", False),
                    (f"ca_file: {ca}", r"tls\.ca_file: .*: holds no certificate", False),
                    ("cert_file: /none", r"tls\.cert_file: /none: No such file", True),
                    (f"cert_file: {ca}/client.crt", r"tls\.cert_file: .*name the file .* tls\.key_file", False),
                    (f"{{cert_file: {ca}/client.crt, key_file: /none}}", r"tls\.key_file: /none: No such file", True),
                    (f"{{cert_file: {ca}/client.crt, key_file: {ca}/text}}", r"tls\.key_file: .*holds no key", False),
                    (f"{{cert_file: {ca}/client.crt, key_file: {ca}/locked.key}}",
                     r"tls\.key_file: .*no tls\.key_password", False),
                    (f"{{cert_file: {ca}/client.crt, key_file: {ca}/server.key}}",
                     r"tls\.key_file: .*another key .*tls\.cert_file", False)):
                self.assert_file(kind, "tls", option, why, away)
            right = [f"ca_file: {ca}/ca.crt, ", f"cert_file: {ca}/client.pem",
                     f"cert_file: {ca}/client.crt, key_file: {ca}/locked.key, key_password: x"]
            for tls in (right[0] + right[1], right[0] + right[2]):
                answer = self.command("check", IN + f"outputs: [{{type: {kind}, tls: {{{tls}}}, "
                                      + ("hosts: ['http://a']" if kind == "elasticsearch" else "brokers: [a]") + "}]")
                self.assertEqual((answer.returncode, answer.stderr), (0, b""))

    def test_t_cfg_13_files_of_secrets(self):
        (self.folder / "empty").write_text("\n")
        for option in ("bearer_file: /none", "api_key_file: /none", "{user: u, password_file: /none}"):
            self.assert_file("elasticsearch", "auth", option, r"auth\..*_file: /none: No such file", True)
        self.assert_file("elasticsearch", "auth", f"bearer_file: {self.folder}/empty", r".*it is empty")
        for option in ("{mechanism: PLAIN, user: u, password_file: /none}",
                       "{mechanism: OAUTHBEARER, token_file: /none}"):
            self.assert_file("kafka", "sasl", option, r"sasl\..*_file: /none: No such file", True)
        self.assert_file("kafka", "sasl", f"{{mechanism: OAUTHBEARER, token_file: {self.folder}/empty}}",
                         r".*it is empty")

    def test_cfg_05_nothing_in_it(self):
        """T-CFG-05: never a silent agent that does nothing."""
        for text in ("", "\n", "# only a comment\n", "---\n", "inputs:\noutputs:\n", "{}", "~"):
            with self.subTest(text):
                self.assert_refused(text)

    def test_cfg_06_sizes_and_durations(self):
        """T-CFG-06, T-CFG-14: what they mean; what is too large is refused, and does not wrap."""
        self.assert_means(IN + OUT + "memory_limit: 16777216\nshutdown_timeout: 90s\n",
                          memory_limit="16MiB", shutdown_timeout="90s")
        self.assert_means(IN + OUT + "memory_limit: 100MB\nshutdown_timeout: 1500ms\n",
                          memory_limit="100000000", shutdown_timeout="1500ms")
        for size in ("2K", "5.7263KB", "-1MiB", "16 MiB", "16mib", "18446744073709551617",
                     "9223372036854775808GiB", "0x1000", "1e9", "10m", '""', "0"):
            with self.subTest(size):
                self.assert_refused(IN + OUT + f"memory_limit: {size}\n", ":3:15:", "memory_limit")
        for time in ("10", "-1s", "1.5s", "1 s", "10min", "99999999999999999999s", "10MiB", '""'):
            with self.subTest(time):
                self.assert_refused(IN + OUT + f"shutdown_timeout: {time}\n", ":3:19:",
                                    "shutdown_timeout")

    def test_cfg_08_check_beside_a_running_agent(self):
        """T-CFG-08: nothing is created, moved or taken."""
        Log(self.pods).put("a")
        sluice = self.agent()
        sluice.start()
        sluice.wait_records(1)
        agent.until("a checkpoint", (self.folder / "state" / "checkpoint").exists)
        sluice.wait_quiet(0.7)
        path = sluice.configuration(self.folder / "other.jsonl")

        def everything():
            return sorted((str(p), p.stat().st_mtime_ns, p.stat().st_ino)
                          for p in self.folder.rglob("*"))
        before = everything()
        answer = subprocess.run([SLUICE, "check", "-c", path], capture_output=True)
        self.assertEqual((answer.returncode, answer.stderr), (0, b""))
        self.assertEqual(everything(), before)
        self.assert_stops(sluice)

    def test_cfg_10_patterns(self):
        """T-CFG-10: globs that match nothing are refused with their place; expressions are not built
        yet, and are refused by name; a hostile glob takes no time."""
        for text, words in (
                ("select: {namespaces: [\"**\"]}", ("namespaces", "**")),
                ("exclude: {pods: [a/b]}", ("pods", "a/b")),
                ("select: {containers: []}", ("containers",)),
                ("select: {labels: \"app=(a\"}", ("labels", "not built")),
                ("multiline: {start: \"(a+)+$\"}", ("multiline",)),
                ("multiline: java", ("multiline",))):
            with self.subTest(text):
                self.assert_refused(f"inputs:\n  - {text}\n" + OUT, ":2:", *words)
        hostile = "*a" * 60 + "b"
        for pod in ("a" * 100, "a" * 60 + "b"):
            Log(self.pods, pod).put("x")
        sluice = self.agent(select={"pods": [hostile]})
        sluice.start()
        sluice.wait_records(1)
        self.assert_stops(sluice)
        self.assertEqual(sluice.life.records(), 1)

    def test_what_is_not_built_is_refused_by_name(self):
        for text, word in (("metadata: {source: api}", "metadata"), ("filters: [{type: grep}]", "filters"),
                           ("reload: {on_change: true}", "reload")):
            with self.subTest(text):
                self.assert_refused(IN + OUT + text + "\n", ":3:", word, "not built")


class Text(agent.Case):
    """Encoding `text`, for people."""
    LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} shop/(\S+) main (stdout|stderr|raw)\| (.*)")

    def setUp(self):
        super().setUp()
        self.log = Log(self.pods, "cart")
        self.log.put("hello")
        self.log.put("oh no", stream="stderr")
        self.log.write(b"2023-11-14T22:13:20.5Z stdout F at half past\n")
        self.log.put("caf\u00e9 \x1b[31mred\x1b[0m")

    def show(self, terminal, lines=4, encoding="text", **env):
        """What the agent shows on a terminal, or in a pipe."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        sluice = self.agent(output="stdout")
        if encoding:
            sluice.outputs["encoding"] = encoding
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        near, far = pty.openpty() if terminal else os.pipe()
        with subprocess.Popen([SLUICE, "run", "-c", sluice.configuration(None)], stdout=far,
                              stderr=subprocess.DEVNULL, env={**environment, **env}) as process:
            os.close(far)
            shown = b""
            try:
                while shown.count(b"\n") < lines and (data := os.read(near, 4096)):
                    shown += data
            finally:
                process.terminate()
                process.wait(agent.PATIENCE)
                os.close(near)
        return shown.decode().replace("\r\n", "\n")

    def assert_plain(self, shown, red):
        rows = [self.LINE.fullmatch(line) for line in shown.splitlines()]
        self.assertTrue(all(rows), shown)
        self.assertEqual([row.groups() for row in rows], [
            ("cart", "stdout", "hello"), ("cart", "stderr", "oh no"),
            ("cart", "stdout", "at half past"), ("cart", "stdout", red)])
        self.assertTrue(shown.splitlines()[2].startswith("22:13:20.500 shop/cart main stdout| at"))

    def test_text_in_a_pipe_has_no_colour(self):
        """Bytes are what they were."""
        self.assert_plain(self.show(False), "caf\u00e9 \x1b[31mred\x1b[0m")

    def test_text_on_a_terminal_has_colour(self):
        """By container, and by nothing else: what a line holds cannot reach the terminal."""
        other = Log(self.pods, "other")
        other.put("x")
        shown = self.show(True, 5)
        colours = re.findall(r"(\x1b\[\d+(?:;\d+)*m)shop/(cart|other) main\x1b\[0?m ", shown)
        self.assertEqual(len(colours), 5, shown)
        self.assertEqual(len(set(colours)), 2, "one colour a container")
        plain = re.sub(r"\x1b\[\d*(?:;\d+)*m", "", re.sub(r"(?m)^.*other.*\n", "", shown))
        self.assert_plain(plain, "caf\u00e9 \\x1b[31mred\\x1b[0m")
        self.assertEqual(len(re.findall("\x1b", shown)), 10, "two for each label")

    def test_text_on_a_terminal_with_no_color(self):
        """No colour of ours, nor one of the line's."""
        self.assert_plain(self.show(True, NO_COLOR="1"), "caf\u00e9 \\x1b[31mred\\x1b[0m")

    def test_text_is_the_default_on_a_terminal_alone(self):
        self.assertRegex(self.show(True, encoding=None), r"\| hello\n")
        for line in self.show(False, encoding=None).splitlines():
            json.loads(line)


if __name__ == "__main__":
    unittest.main()
