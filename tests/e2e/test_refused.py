"""What a far end refuses, holds, or takes in halves: everything that was written is delivered, or a
dead letter, or still in its file. The far end is tests/plugin/output_scripted: records say what it does."""
import gzip
import json
import random
import re
import subprocess
import unittest
from pathlib import Path

import agent
from programs import SLUICE
from test_admin import LocalConnection, Metrics
from test_plugin_so import ROOT, build

WAITS = "container waits: its records are not taken; tries again slowly"
SCRIPTED = ROOT / "tests/plugin/output_scripted/output_scripted.c"


class Case(agent.Case):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.path, self.gate, self.fixed = (self.folder / n for n in ("taken", "gate", "fixed"))
        self.plugin = build(SCRIPTED, self.folder / "scripted.so", "-D_GNU_SOURCE")
        self.next = 0
        self.written = {}   # number of a line: (container, what it asks for)

    def sluice(self, **output):
        sluice = self.agent(output="scripted", plugins=[str(self.plugin)])
        sluice.outputs.update({"path": str(self.path), "gate": str(self.gate),
                               "fixed": str(self.fixed),
                               "retry": {"initial": "5ms", "max": "50ms"}, **output})
        return sluice

    def put(self, container, *asks):
        """A line for each, in one container's file."""
        folder = self.pods / f"shop_{container}-1_{container}-uid/{container}"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "0.log", "a", encoding="utf-8") as log:
            for ask in asks:
                self.written[self.next] = container, ask
                log.write(f"2026-11-23T04:29:00.{self.next:09d}Z stdout F line={self.next} do={ask}\n")
                self.next += 1

    def taken(self):
        """Numbers of the lines that the far end took, in its order."""
        if not self.path.exists():
            return []
        return [int(n) for n in re.findall(rb"line=(\d+) ", self.path.read_bytes())]

    def dead(self, output="out"):
        """Dead letters by number; the last line of a file may be torn."""
        found = {}
        for file in sorted((self.folder / "state/dead-letter" / output).glob("*.ndjson")):
            for line in file.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    entry = json.loads(line)
                    number = int(re.search(r"line=(\d+)", entry["message"]["message"])[1])
                    found.setdefault(number, []).append(entry)
        return found

    def ask(self, target, statuses=(200,)):
        """The running agent, through its socket."""
        connection = LocalConnection(self.folder / "state")
        self.addCleanup(connection.close)
        connection.request("GET", target)
        answer = connection.getresponse()
        self.assertIn(answer.status, statuses)
        return answer.read().decode()

    def assert_waiting(self, sluice, reason, pods):
        """These wait for that reason, as all who can be asked say; and the books are balanced."""
        metrics = Metrics(self.ask("/metrics"))
        self.assertEqual(metrics.sum("waiting_sources", reason=reason), len(pods))
        self.assertEqual(metrics.sum("waiting_sources"), len(pods))
        self.assertEqual(metrics.sum("read_bytes_total"), sum(
            metrics.sum(f"{what}_bytes_total") for what in
            ("delivered", "filtered", "dead_lettered", "dropped")) + metrics.sum("in_flight_bytes"))
        sources = json.loads(self.ask("/api/v1/sources"))["sources"]
        self.assertEqual({s["pod"] for s in sources
                          if s["outputs"]["out"].get("waiting") == reason}, set(pods))

    def numbers(self, *asks):
        return {n for n, (_, ask) in self.written.items() if ask in asks}

    def wait_settled(self, sluice, numbers=None):
        """Until each line is taken, or a dead letter."""
        numbers = set(self.written) if numbers is None else numbers
        agent.until("all lines", lambda: numbers <= set(self.taken()) | set(self.dead())
                    or sluice._ended(sluice.life))


class Refused(Case):
    def test_refused_are_kept_and_others_flow(self):
        sluice = self.sluice()
        for n in range(20):
            self.put(f"app{n % 3}", *["ok", "reject", "ok", "now", "retry"])
        sluice.start()
        self.wait_settled(sluice)
        books = self.assert_stops(sluice)
        dead = self.dead()
        self.assertEqual(set(dead), self.numbers("reject"))
        self.assertEqual(sorted(self.taken()), sorted(self.numbers("ok", "now", "retry")))
        self.assertGreater(books["dead_lettered_bytes"], 0)
        self.assertEqual(books["in_flight_bytes"], 0)
        for number, entries in dead.items():
            entry = entries[0]
            container, _ = self.written[number]
            self.assertEqual(len(entries), 1)
            self.assertEqual((entry["output"], entry["reason"], entry["error"]),
                             ("out", "rejected", 'mapping: no "such" field'))
            self.assertEqual((entry["namespace"], entry["pod"], entry["container"]),
                             ("shop", f"{container}-1", container))
            self.assertEqual(entry["message"]["log"]["generation"], entry["generation"])
            self.assertEqual(entry["message"]["log"]["offset"], entry["offset"])
            self.assertEqual(entry["message"]["@timestamp"], entry["timestamp"])
        folder = self.folder / "state/dead-letter/out"
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual({f.stat().st_mode & 0o777 for f in folder.iterdir()}, {0o600})

    def test_nothing_is_created_without_a_refusal(self):
        sluice = self.sluice()
        self.put("app", *["ok"] * 10)
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertFalse((self.folder / "state/dead-letter").exists())

    def test_too_much_is_halved_down_to_one(self):
        sluice = self.sluice(most=7)
        self.put("app", *["ok"] * 100, "huge", *["ok"] * 50)
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(self.taken(), sorted(self.numbers("ok")))  # in order, once
        (entries,) = self.dead().values()
        self.assertEqual(entries[0]["reason"], "too_large")

    def test_a_record_has_so_many_tries(self):
        sluice = self.sluice(retry={"initial": "5ms", "max": "20ms", "limit": 3})
        self.put("app", "ok", "never", "retry", "ok")
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual({e[0]["reason"] for e in self.dead().values()}, {"retry_limit"})
        self.assertEqual(set(self.dead()), self.numbers("never"))

    def test_kept_elsewhere_needs_no_entry(self):
        sluice = self.sluice()
        self.put("app", "elsewhere", "ok")
        sluice.start()
        self.wait_settled(sluice, self.numbers("ok"))
        books = self.assert_stops(sluice)
        self.assertFalse(self.dead())
        self.assertGreater(books["dead_lettered_bytes"], 0)

    def test_payloads_are_gzip(self):
        sluice = self.sluice(gzip=1, batch={"max_bytes": "16KiB"})
        self.put("app", *["ok"] * 2000, "reject", *["retry"] * 5, *["ok"] * 2000)
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        packed = gzip.decompress(Path(f"{self.path}.gz").read_bytes())
        lines = [json.loads(line) for line in packed.splitlines()]
        sent = [int(re.search(r"line=(\d+)", line["message"])[1]) for line in lines]
        self.assertEqual(set(sent), set(self.written))
        self.assertEqual([n for n in self.taken() if n in self.numbers("ok")],
                         sorted(self.numbers("ok")))


class Known(Case):
    SAID = ("the far end had records already that cannot have been sent before: others stand in "
            "their places")

    def test_what_is_new_conflicts(self):
        sluice = self.sluice()
        self.put("app", "known", "ok", "known")
        sluice.start()
        self.wait_settled(sluice)
        self.put("app", "known")
        self.wait_settled(sluice)
        agent.until("the word", lambda: sluice.life.logged(self.SAID))
        self.assert_stops(sluice)

    def test_what_is_in_a_new_file_conflicts(self):
        """A pod that starts while we run: what it wrote before we saw it was never sent, either."""
        sluice = self.sluice()
        self.put("app", "ok")
        sluice.start()
        self.wait_settled(sluice)
        self.put("later", "known", "ok")
        self.wait_settled(sluice)
        agent.until("the word", lambda: sluice.life.logged(self.SAID))
        self.assert_stops(sluice)

    def test_what_was_there_at_the_start_may_have_been_sent(self):
        sluice = self.sluice()
        self.put("app", "known", "ok", "known")
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertFalse(sluice.life.logged(self.SAID))


class Held(Case):
    def test_its_container_waits_in_order_and_the_others_flow(self):
        sluice = self.sluice(batch={"max_records": 20})
        self.put("held", *["ok"] * 10, *["hold"] * 200)
        self.put("free", *["ok"] * 500)
        sluice.start()
        free = {n for n, (container, _) in self.written.items() if container == "free"}
        held = [n for n, (container, _) in self.written.items() if container == "held"]
        self.wait_settled(sluice, free | set(held[:10]))
        said = agent.until("that it waits", lambda: sluice.life.logged(WAITS))
        self.assertEqual([(s["pod"], s["reason"], s["error"]) for s in said],
                         [("held-1", "index", "no such index")])
        self.assertFalse(set(self.taken()) & set(held[10:]))
        self.assert_waiting(sluice, "index", {"held-1"})
        self.put("held", *["hold"] * 100)
        held = [n for n, (container, _) in self.written.items() if container == "held"]
        self.put("free", "ok")
        self.wait_settled(sluice, {self.next - 1})
        self.gate.touch()
        self.wait_settled(sluice)
        self.assertEqual([n for n in self.taken() if n in set(held)], held)
        agent.until("the word", lambda: sluice.life.logged("container flows again"))
        self.assert_waiting(sluice, "index", set())
        books = self.assert_stops(sluice)
        self.assertEqual(books["in_flight_bytes"], 0)

    def test_what_is_held_at_a_stop_stays_in_its_file(self):
        sluice = self.sluice()
        self.put("held", "ok", "hold", "hold")
        self.put("free", *["ok"] * 50)
        sluice.start()
        self.wait_settled(sluice, {n for n in self.written if n not in (1, 2)})
        agent.until("that it waits", lambda: sluice.life.logged(WAITS))
        books = self.assert_stops(sluice)
        self.assertGreater(books["in_flight_bytes"], 0)
        self.gate.touch()
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(sorted(self.taken()), sorted(self.written))  # nothing twice

    def test_memory_is_flat_with_many_held(self):
        """What is held goes back to its file: all others flow to their ends, through any number of trials,
        a SIGKILL and a stop; and each line comes once, in its container's order."""
        sluice = self.sluice(batch={"max_bytes": "64KiB"})
        sluice.options["memory_limit"] = "2MiB"
        for n in range(60):
            self.put(f"held{n}", *["hold" + "." * 900] * 300)
        sluice.start()
        held = {f"held{n}-1" for n in range(60)}
        for how in (sluice.kill, lambda: self.assert_stops(sluice), None):
            self.put("free", *["ok" + "." * 900] * 3000)
            self.wait_settled(sluice, {n for n, (c, _) in self.written.items() if c == "free"})
            agent.until("that they wait", lambda: len(sluice.life.logged(WAITS)) == 60)
            for _ in range(20):   # trials meanwhile
                self.assert_waiting(sluice, "index", held)
            if not self.is_sanitized():
                self.assertLess(sluice.life.peak_rss(), 24 << 20)
            if how:
                how()
                sluice.start()
        self.gate.touch()
        self.wait_settled(sluice)
        agent.until("all flow", lambda: Metrics(self.ask("/metrics")).sum("waiting_sources") == 0)
        books = self.assert_stops(sluice)
        self.assertEqual(books["in_flight_bytes"], 0)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])
        by_container = {}
        for n in self.taken():
            by_container.setdefault(self.written[n][0], []).append(n)
        for name, numbers in by_container.items():
            own = [n for n, (container, _) in self.written.items() if container == name]
            self.assertEqual(numbers if name != "free" else sorted(set(numbers)), own)
        self.assertEqual(len(by_container), 61)


class Full(Case):
    def test_wait_holds_the_container_and_flows_when_there_is_room(self):
        sluice = self.sluice(dead_letter={"max_bytes": "2KiB"})
        self.put("bad", *["reject"] * 20, "ok")
        self.put("good", *["ok"] * 20)
        sluice.start()
        self.wait_settled(sluice, {n for n, (c, _) in self.written.items() if c == "good"})
        agent.until("that it is full", lambda: any(
            "dead letters are full" in line["message"] for line in sluice.life.logged()))
        self.assert_waiting(sluice, "dead_letter", {"bad-1"})
        self.assertLessEqual(sum(f.stat().st_size for f in
                                 (self.folder / "state/dead-letter/out").iterdir()), 2048)
        self.assertGreater(len(self.dead()), 0)   # what there was room for
        books = self.assert_stops(sluice)
        self.assertGreater(books["in_flight_bytes"], 0)
        sluice.outputs["dead_letter"] = {"max_bytes": "1MiB"}
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(set(self.dead()), self.numbers("reject"))

    def test_drop_counts_what_has_no_room(self):
        sluice = self.sluice(dead_letter={"max_bytes": "1KiB", "when_full": "drop"})
        self.put("bad", *["reject"] * 20, "ok")
        sluice.start()
        self.wait_settled(sluice, {20})
        books = self.assert_stops(sluice)
        self.assertGreater(books["dropped_bytes"], 0)
        self.assertEqual(books["in_flight_bytes"], 0)
        self.assertEqual(set(self.dead()), {0})   # what there was room for

    def test_a_folder_that_cannot_be_made_holds_the_container(self):
        (self.folder / "state").mkdir(exist_ok=True)
        (self.folder / "state/dead-letter").write_text("in the way")
        sluice = self.sluice()
        self.put("bad", "reject", "ok")
        self.put("good", *["ok"] * 20)
        sluice.start()
        self.wait_settled_by_taken(sluice, {n for n, (c, _) in self.written.items() if c == "good"})
        (self.folder / "state/dead-letter").unlink()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(set(self.dead()), self.numbers("reject"))

    def wait_settled_by_taken(self, sluice, numbers):
        agent.until("those lines", lambda: numbers <= set(self.taken())
                    or sluice._ended(sluice.life))


class Storm(Case):
    MESSAGE = ("waits: most of the last 1,000 records were refused for one reason "
               "(reject_storm: wait); tries again slowly")

    def test_waits_when_most_is_refused_and_never_before_a_thousand(self):
        sluice = self.sluice(batch={"max_records": 100})
        self.put("app", *["reject"] * 900)
        sluice.start()
        self.wait_settled(sluice)
        self.assertFalse(sluice.life.logged(self.MESSAGE))
        self.put("app", *["reject"] * 300)
        agent.until("the storm", lambda: sluice.life.logged(self.MESSAGE))
        self.assertLess(len(self.dead()), 1100)
        self.assert_waiting(sluice, "reject_storm", {"app-1"})
        books = self.assert_stops(sluice, patience=60)
        self.assertGreater(books["in_flight_bytes"], 0)

    def test_continue_does_not_mind(self):
        sluice = self.sluice(batch={"max_records": 100}, reject_storm="continue")
        self.put("app", *["reject"] * 2500)
        sluice.start()
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(len(self.dead()), 2500)


class Commands(Case):
    """`sluice dead-letter`."""

    def dead_letter(self, *words, code=0):
        done = subprocess.run([SLUICE, "dead-letter", *words, "-c", self.folder / "sluice.yaml"],
                              capture_output=True, text=True, timeout=agent.PATIENCE, check=False)
        self.assertEqual(done.returncode, code, done)
        self.said = done.stderr
        return done.stdout

    def objects(self, *words, **how):
        return [json.loads(line) for line in self.dead_letter(*words, "--json", **how).splitlines()]

    def fill(self):
        """Nine entries of two reasons; the agent runs."""
        sluice = self.sluice(most=7)
        self.put("app", "ok", "huge", *["reject"] * 8, "ok")
        sluice.start()
        self.wait_settled(sluice)
        return sluice


class Command(Commands):
    def test_ls_and_show(self):
        sluice = self.fill()
        said = {group["reason"]: group for group in self.objects("ls")}
        self.assertEqual({reason: group["records"] for reason, group in said.items()},
                         {"rejected": 8, "too_large": 1})
        self.assertEqual(said["rejected"]["example"], 'mapping: no "such" field')
        self.assertGreater(said["rejected"]["bytes"], 8 * 100)
        self.assertLessEqual(said["rejected"]["first"], said["rejected"]["last"])
        self.assertEqual(self.objects("ls", "out"), self.objects("ls"))
        self.assertEqual(self.objects("ls", "other", code=1), [])
        self.assertIn("has no output other", self.said)
        self.assertEqual(self.objects("ls", "--reason", "too_big", code=2), [])
        self.assertIn('no reason "too_big"', self.said)
        self.assertRegex(self.dead_letter("ls"), r"(?m)^out +rejected +8 +\d+  2")
        self.assertEqual(len(self.objects("show", "out")), 9)
        (entry,) = self.objects("show", "out", "--reason", "too_large")
        self.assertIn("do=huge", entry["message"]["message"])
        self.assertIn("shop/app-1/app", self.dead_letter("show", "out"))
        self.assert_stops(sluice)

    def test_redrive_sends_once_more_what_was_refused(self):
        self.assert_stops(self.fill())
        (said,) = self.objects("redrive", "out", code=1)  # nothing was mended
        self.assertEqual((said["delivered"], said["left"]), (0, 9))
        self.assertIn("such", self.said)
        self.fixed.touch()
        self.assertEqual(len(self.taken()), 2)
        (said,) = self.objects("redrive", "out", "--reason", "rejected")
        self.assertEqual((said["delivered"], said["left"]), (8, 0))
        self.assertEqual(sorted(self.taken()), sorted(self.numbers("ok", "reject")))
        self.assertEqual([g["reason"] for g in self.objects("ls")], ["too_large"])
        self.assertEqual(self.objects("redrive", "out", "--reason", "rejected")[0]["delivered"], 0)
        taken = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        self.assertEqual(len({(t["log"]["generation"], t["log"]["offset"]) for t in taken}), 10)

    def test_damaged_are_skipped_and_twice_is_once(self):
        self.assert_stops(self.fill())
        (file,) = (self.folder / "state/dead-letter/out").iterdir()
        text = file.read_bytes()
        lines = text.splitlines(keepends=True)
        file.write_bytes(text + lines[-1] + b"{damaged}\n" + lines[0][:50])
        self.fixed.touch()
        self.assertEqual(sum(g["records"] for g in self.objects("ls")), 10)
        self.assertIn("1 damaged", self.said)
        (said,) = self.objects("redrive", "out", "--reason", "rejected")
        self.assertEqual((said["delivered"], said["twice"], said["damaged"]), (8, 1, 1))
        self.assertEqual(sorted(self.taken()), sorted(self.numbers("ok", "reject")))
        self.assertEqual(sum(g["records"] for g in self.objects("ls")), 1)

    def test_a_torn_line_is_cut_off_when_the_file_is_continued(self):
        sluice = self.fill()
        self.assert_stops(sluice)
        (file,) = (self.folder / "state/dead-letter/out").iterdir()
        file.write_bytes(file.read_bytes() + b'{"time":"2026')
        sluice.start()
        self.put("app", "reject")
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(len(file.read_bytes().splitlines()), 10)
        for line in file.read_bytes().splitlines():
            json.loads(line)

    def test_usage(self):
        self.assert_stops(self.fill())
        for words in ((), ("show",), ("redrive",), ("lose", "out"), ("show", "../out"),
                      ("ls", "out", "more")):
            self.dead_letter(*words, code=2)
        self.dead_letter("redrive", "other", code=1)
        self.assertIn("no output other", self.said)


class Killed(Case):
    def test_no_line_is_lost_wherever_it_is_killed(self):
        """Some are entries twice: the same place tells so."""
        rng = random.Random(7)
        sluice = self.sluice(batch={"max_records": 50}, most=30, reject_storm="continue")
        for life in range(8):
            for n in range(6):
                self.put(f"app{n}", *rng.choices(["ok", "reject", "retry", "now", "hold", "huge"],
                                                 [30, 5, 1, 1, 1, 1], k=150))
            if life == 5:
                self.gate.touch()
            sluice.start()
            seen = len(self.taken())
            agent.until("some of it", lambda: len(self.taken()) > seen + rng.randrange(1, 100)
                        or life > 0 and sluice._ended(sluice.life)
                        or rng.random() < 0.01)
            sluice.kill()
        sluice.start()
        self.wait_settled(sluice)
        books = self.assert_stops(sluice)
        self.assertEqual(books["in_flight_bytes"], 0)
        dead = self.dead()
        self.assertEqual(set(dead), self.numbers("reject", "huge"))
        self.assertFalse(set(self.taken()) & set(dead))
        for entries in dead.values():
            self.assertEqual(len({(e["generation"], e["offset"]) for e in entries}), 1)


if __name__ == "__main__":
    unittest.main()
