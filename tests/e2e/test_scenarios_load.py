"""Many files, long files, two outputs, nothing to do: see T-TAIL, T-RES and T-ROUTE of
tests/README.md."""
import json
import os
import time
import unittest
from pathlib import Path

import agent
from test_scenarios_life import Scenario, cpu_ticks


class Large(Scenario):
    def test_tail_14_beyond_two_and_four_gib(self):
        """T-TAIL-14: a line that begins before 2 GiB, or 4, and ends behind it; a restart there; then
        the file is cut to nothing, and written again."""
        for limit in (1 << 31, 1 << 32):
            with self.subTest(limit=limit):
                pod = f"at-{limit >> 30}"
                sluice, log = self.agent(start_at="end"), self.log_of(pod)
                os.truncate(log.folder / "0.log", limit - 100)  # a hole, of no size on the disk
                log.write(b"\n")
                sluice.inputs["select"] = {"pods": [pod]}
                sluice.options["state_dir"] = str(self.folder / f"state-{pod}")
                sluice.outputs["path"] = str(self.folder / f"{pod}.jsonl")
                life = sluice.start()
                self.wait_said(life, ["follows"])
                texts = [f"{i} " + "x" * 40 for i in range(5)]
                log.put(*texts)
                sluice.wait_records(5)
                self.assert_stops(sluice)
                log.put("after the restart")
                sluice.start()
                sluice.wait_records(6)
                os.truncate(log.folder / "0.log", 0)
                log.put("from the start")
                sluice.wait_records(7)
                self.assert_stops(sluice)
                records = [json.loads(line) for line in
                           Path(sluice.life.output).read_bytes().splitlines()]
                self.assertEqual([r["message"] for r in records],
                                 [*texts, "after the restart", "from the start"])
                length = len(log.line(texts[0]))
                self.assertEqual([r["log"]["offset"] for r in records],
                                 [*(limit - 99 + i * length for i in range(6)), 0])

    def test_res_03_many_files(self):
        """T-RES-03, T-TAIL-10: with less descriptors than files at the soft limit, which is raised; each
        line of each comes, before a restart, after it, and while it is down."""
        count = 5000 if agent.LONG else 1000
        logs = []
        for i in range(count):
            log = self.log_of(f"p{i}")
            os.close(log.fd)
            logs.append(log)

        def put(text):
            for log in logs:
                with open(log.folder / "0.log", "ab") as f:
                    f.write(log.line(text))
        put("1")
        sluice = self.agent(launcher=["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh"])
        sluice.start()
        self.wait(sluice, count)
        put("2")
        self.wait(sluice, 2 * count)
        self.assert_stops(sluice)
        put("3")
        sluice.start()
        self.wait(sluice, 3 * count)
        put("4")
        self.wait(sluice, 4 * count)
        self.assert_stops(sluice)
        self.assertEqual(self.messages(sluice), {f"p{i}": list("1234") for i in range(count)})

    def test_res_06_idle_files_cost_nothing(self):
        """T-RES-06: a hundred files that do not grow: no wake-up, no time."""
        for i in range(100):
            self.log_of(f"p{i}").put("x")
        sluice = self.agent()
        life = sluice.start()
        self.wait(sluice, 100)

        def switches():
            text = Path(f"/proc/{life.process.pid}/status").read_text()
            return int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0])
        agent.until("all are silent", lambda: life.watches() >= 100 + 201)
        agent.until("it sleeps", lambda: [switches(), time.sleep(1), switches()][::2] ==
                    [switches()] * 2)
        before, ticks = switches(), cpu_ticks(life)
        time.sleep(5)
        self.assertLess(switches() - before, 10)
        self.assertLessEqual(cpu_ticks(life) - ticks, 1)
        self.assert_stops(sluice)


class Outputs(Scenario):
    def two(self, first, second):
        """An agent with two outputs that select; returns what came at each."""
        sluice = self.agent()
        other = self.folder / "other.jsonl"
        sluice.outputs.update(first)
        sluice.more["outputs"] = [{"name": "other", "type": "file", "path": str(other), **second}]
        sluice.start()
        return sluice, other

    @staticmethod
    def came(path):
        return sorted(json.loads(line)["message"]
                      for line in Path(path).read_bytes().splitlines()) if Path(path).exists() else []

    def test_route_02_once_for_each_output_that_wants_it(self):
        """T-ROUTE-02: what both want comes to both, once; what one wants to that one; the rest nowhere."""
        rows = [({"select": {"pods": ["a", "both"]}}, {"select": {"pods": ["b", "both"]}}),
                ({"select": {"namespaces": ["shop"]}, "exclude": {"pods": ["b", "none"]}},
                 {"select": {"pods": ["*", "!a", "!none"]}})]
        for first, second in rows:
            with self.subTest(first=first):
                sluice, other = self.two(first, second)
                for pod in ("a", "b", "both", "none"):
                    self.log_of(pod).put(f"{pod} 1", f"{pod} 2") if not (
                        self.pods / f"shop_{pod}_uid-{pod}").exists() else None
                agent.until("both", lambda: len(self.came(sluice.life.output)) == 4
                            and len(self.came(other)) == 4)
                sluice.wait_quiet(0.5)
                self.assertEqual(sluice.stop(), 0)
                self.assertEqual(self.came(sluice.life.output), ["a 1", "a 2", "both 1", "both 2"])
                self.assertEqual(self.came(other), ["b 1", "b 2", "both 1", "both 2"])
                (self.folder / "out-0.jsonl").unlink()
                other.unlink()
                for path in (self.folder / "state").iterdir():
                    path.unlink()


if __name__ == "__main__":
    unittest.main()
