"""The manifests in deploy/ say what they must, and their configuration is one the agent takes."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from programs import SLUICE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONFIGMAPS = ("configmap.yaml", "elasticsearch.yaml", "kafka.yaml")
BASE = ("libc6", "libgcc", "libasan", "libubsan", "libtsan")  # of the system, or of a build for tests


def configuration(name):
    return yaml.safe_load(load(name)["data"]["sluice.yaml"])


def load(name):
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def check(path):
    """Whether it is right, but for secrets that are only there where the agent runs."""
    done = subprocess.run(
        [SLUICE, "check", "-c", path],
        env={**os.environ, "NODE_NAME": "n1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.sub(r".*: No such file or directory; the agent does not start without it\n.*\n.*\n", "", done.stderr)
    return done.returncode, said


class Deploy(unittest.TestCase):
    def setUp(self):
        self.pod = load("daemonset.yaml")["spec"]["template"]["spec"]
        (self.container,) = self.pod["containers"]

    def test_agent_has_no_right_that_it_does_not_need(self):
        context = self.container["securityContext"]
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertNotIn("privileged", context)
        self.assertEqual(self.pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
        self.assertIs(self.pod["automountServiceAccountToken"], False)
        for right in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(right, self.pod)

    def test_only_state_is_writable_and_every_mount_has_its_volume(self):
        writable = {m["mountPath"] for m in self.container["volumeMounts"] if not m.get("readOnly")}
        self.assertEqual(writable, {"/var/lib/sluice"})
        self.assertEqual(
            {m["name"] for m in self.container["volumeMounts"]},
            {v["name"] for v in self.pod["volumes"]},
        )

    def test_selector_matches_the_pods(self):
        daemonset = load("daemonset.yaml")
        labels = daemonset["spec"]["template"]["metadata"]["labels"]
        self.assertEqual(daemonset["spec"]["selector"]["matchLabels"], labels)

    def test_configmap_is_the_one_that_is_mounted(self):
        for name in CONFIGMAPS:
            with self.subTest(name):
                self.assert_mounted(load(name))

    def assert_mounted(self, configmap):
        (config,) = [v for v in self.pod["volumes"] if "configMap" in v]
        self.assertEqual(config["configMap"]["name"], configmap["metadata"]["name"])
        self.assertEqual(
            configmap["metadata"]["namespace"], load("daemonset.yaml")["metadata"]["namespace"]
        )
        self.assertIn("/etc/sluice/" + next(iter(configmap["data"])), self.container["args"])

    def test_secrets_are_files_where_the_configuration_looks_for_them(self):
        (volume,) = [v for v in self.pod["volumes"] if "secret" in v]
        self.assertIs(volume["secret"]["optional"], True)  # without one, the others work
        (mount,) = [m for m in self.container["volumeMounts"] if m["name"] == volume["name"]]
        for name, section, option in (
            ("elasticsearch.yaml", "auth", "api_key_file"),
            ("kafka.yaml", "sasl", "password_file"),
        ):
            (output,) = configuration(name)["outputs"]
            folder, key = os.path.split(output[section][option])
            self.assertEqual(folder, mount["mountPath"])
            text = (DEPLOY / name).read_text(encoding="utf-8")
            secret = volume["secret"]["secretName"]
            self.assertIn(f"secret generic {secret} --from-literal={key}=", text)

    def test_probes_ask_where_the_agent_listens(self):
        (port,) = self.container["ports"]
        for name in CONFIGMAPS:
            self.assertEqual(configuration(name)["admin"]["listen"], f":{port['containerPort']}")
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            self.assertEqual(
                self.container[probe]["httpGet"], {"path": path, "port": port["name"]}
            )

    def test_agent_takes_the_configmap(self):
        for name in CONFIGMAPS:
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(load(name)["data"]["sluice.yaml"])
                file.flush()
                self.assertEqual(check(file.name), (0, ""))

    def test_agent_takes_every_example(self):
        root = DEPLOY.parent
        examples = [*root.glob("conf/**/*.yaml"), *root.glob("plugins/*/example.conf")]
        self.assertGreater(len(examples), 8)
        for path in examples:
            with self.subTest(path.relative_to(root)):
                self.assertEqual(check(path), (0, ""))


class Image(unittest.TestCase):
    def setUp(self):
        self.text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

    def test_every_library_is_in_it(self):
        """Whatever the program and its modules ask the loader for."""
        files = [SLUICE, *(Path(SLUICE).parent / "modules").glob("*.so")]
        self.assertGreater(len(files), 1)
        said = subprocess.run(
            ["readelf", "-d", *files], capture_output=True, text=True, check=True
        ).stdout
        names = set(re.findall(r"Shared library: \[(.+?)\]", said))
        for name in sorted(names):
            owner = subprocess.run(
                ["dpkg", "-S", f"*/{name}"], capture_output=True, text=True, check=True
            ).stdout.split(":")[0]
            if not owner.startswith(BASE):
                self.assertIn(f" {owner} ", self.text.replace("\n", " "), name)

    def test_modules_are_where_the_agent_looks(self):
        self.assertIn("-DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib ", self.text)
        self.assertIn("COPY --from=build /image/usr/lib/sluice /usr/lib/sluice", self.text)
        self.assertIn("COPY --from=build /image/usr/bin/sluice /usr/bin/sluice", self.text)


if __name__ == "__main__":
    unittest.main()
