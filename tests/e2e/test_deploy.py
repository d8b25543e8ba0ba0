"""The manifests in deploy/ say what they must, and their configuration is one the agent takes."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from programs import SLUICE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def load(name):
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


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
        configmap = load("configmap.yaml")
        (config,) = [v for v in self.pod["volumes"] if "configMap" in v]
        self.assertEqual(config["configMap"]["name"], configmap["metadata"]["name"])
        self.assertEqual(
            configmap["metadata"]["namespace"], load("daemonset.yaml")["metadata"]["namespace"]
        )
        self.assertIn("/etc/sluice/" + next(iter(configmap["data"])), self.container["args"])

    def test_probes_ask_where_the_agent_listens(self):
        config = yaml.safe_load(load("configmap.yaml")["data"]["sluice.yaml"])
        (port,) = self.container["ports"]
        self.assertEqual(config["admin"]["listen"], f":{port['containerPort']}")
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            self.assertEqual(
                self.container[probe]["httpGet"], {"path": path, "port": port["name"]}
            )

    def test_agent_takes_the_configmap(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(load("configmap.yaml")["data"]["sluice.yaml"])
            file.flush()
            check = subprocess.run(
                [SLUICE, "check", "-c", file.name],
                env={**os.environ, "NODE_NAME": "n1"},
                capture_output=True,
                text=True,
                check=False,
            )
        self.assertEqual((check.returncode, check.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
