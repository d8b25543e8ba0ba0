"""`sluice state rewind` and `rename` while the agent runs: what comes again, what does not, and that
the books are closed in every scrape meanwhile."""
import json
import threading
import unittest
from collections import Counter

import agent
from test_admin import BOOKS, LocalConnection, Metrics
from test_state_cmd import Command

GZ = "0.log.20231114-221320"


class Scrapes:
    """Of the running agent, one after the other, until the block ends: P3 holds in each, and no
    counter falls."""

    def __init__(self, case, sluice):
        self.case, self.sluice = case, sluice
        self.over = threading.Event()
        self.wrong, self.count = [], 0
        self.thread = threading.Thread(target=self._scrape)

    def metrics(self):
        c = LocalConnection(self.sluice.options["state_dir"])
        try:
            c.request("GET", "/metrics")
            return Metrics(c.getresponse().read().decode())
        finally:
            c.close()

    def _look(self, before):
        m = self.metrics()
        for output, namespace in m.groups():
            of = {"output": output, "namespace": namespace}
            rest = sum(m.sum(f"{what}_bytes_total", **of) for what in BOOKS)
            if m.sum("read_bytes_total", **of) != rest + m.sum("in_flight_bytes", **of):
                self.wrong.append((of, m.text))
        if before:
            self.wrong += [key for key, value in before.counters().items() if m[key] < value]
        return m

    def _scrape(self):
        before = None
        while not self.over.is_set():
            try:
                before = self._look(before)
                self.count += 1
            except Exception as error:  # the main thread says it
                self.wrong.append(error)
            self.over.wait(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.case.assertEqual(self.wrong[:1], [])
        self.case.assertGreater(self.count, 0)


class Live(Command):
    def running(self, **options):
        """As delivered(), and started again."""
        sluice, log = self.delivered(**options)
        self.start(sluice)
        return sluice, log

    def start(self, sluice, rate=None):
        sluice.start(rate)
        agent.until("a checkpoint of that life",
                    lambda: (self.checkpoint.exists() and self.checkpoint.stat().st_mtime_ns
                             > sluice.life.start) or sluice._ended(sluice.life))

    def again(self, sluice, expected, *words, lane="one"):
        """What comes to that lane after the command; the others get nothing."""
        before = {name: sluice.count(name) for name in sluice.lanes}
        said = self.state("rewind", lane, *words)
        self.wait(sluice, **{lane: before[lane] + len(expected)})
        sluice.wait_quiet(0.5)
        self.assertEqual(sluice.messages(lane)[before[lane]:], expected)
        for name in sluice.lanes:
            if name != lane:
                self.assertEqual(sluice.count(name), before[name], f"{name} gets nothing again")
        return said


class Rewind(Live):
    def test_to_the_beginning_through_files_that_were_let_go(self):
        sluice, log = self.running()
        with Scrapes(self, sluice):
            said = self.again(sluice, ["a", "b"])
            self.assertEqual(said, 'output "one" goes back in 1 of 1 containers\n')
            log.put("c")
            self.wait(sluice, one=5, two=3)
            self.again(sluice, ["a", "b", "c"], "shop/app/main", "--to", "beginning")
        books = self.stop(sluice)
        records = sluice.records("one")
        self.assertEqual([r["log"] for r in records[:2]], [r["log"] for r in records[2:4]])
        self.assertEqual(books["one"]["read_bytes"], books["one"]["delivered_bytes"])
        self.assertEqual(books["two"]["read_bytes"], len(log.line("c")))

    def test_to_a_record_and_to_a_time(self):
        sluice, log = self.running()
        log.put("c", "d")
        self.wait(sluice, one=4, two=4)
        records = sluice.records("one")
        at = records[2]["log"]
        place = f"{at['generation']}:{at['offset']}"
        with Scrapes(self, sluice):
            self.again(sluice, ["c", "d"], "--to", place)
            self.again(sluice, ["c", "d"], "shop/app", "--to", place)
            self.again(sluice, ["b", "c", "d"], "--to", records[1]["@timestamp"])
            self.again(sluice, ["b", "c", "d"], "--to", "1h")  # all of it is older
            self.again(sluice, ["a", "b", "c", "d"], "--to", "1999-01-01T00:00:00+02:00")
        self.stop(sluice)

    def test_never_forward(self):
        """What is unread is not skipped, and nothing comes again."""
        sluice, log = self.running()
        records = sluice.records("two")
        at = records[1]["log"]
        end = f"{at['generation']}:{(log.folder / '0.log').stat().st_size}"
        self.assertIn("in 0 of 1 containers", self.again(sluice, [], "--to", end))
        log.put("c")
        self.wait(sluice, one=3, two=3)
        self.stop(sluice)
        self.assertEqual(sluice.messages("one"), ["a", "b", "c"])

    def test_into_a_file_that_was_compressed_meanwhile(self):
        sluice, log = self.delivered()
        log.squeeze(GZ)
        self.start(sluice)
        with Scrapes(self, sluice):
            self.again(sluice, ["a", "b"])
        self.stop(sluice)
        records = sluice.records("one")
        self.assertEqual([r["log"] for r in records[:2]], [r["log"] for r in records[2:]])

    def test_what_was_deleted_does_not_come(self):
        """All that is still there, and nothing is called lost."""
        sluice, log = self.running()
        (log.folder / GZ).unlink()
        agent.until("it is known to be gone", lambda: len(
            self.objects("show", "shop/app")[0]["generations"]) == 1)
        self.again(sluice, ["b"])
        self.assertEqual(self.stop(sluice)["one"]["lost_bytes"], 0)

    def test_in_the_middle_of_a_record_in_parts(self):
        """Its parts are dropped and read again: the record comes whole, once."""
        sluice, log = self.running()
        log.put("head-", tag="P")
        log.put("other", stream="stderr")
        self.wait(sluice, one=3, two=3)
        with Scrapes(self, sluice) as scrapes:
            self.again(sluice, ["a", "b", "other"])
            self.assertGreater(scrapes.metrics().sum("in_flight_bytes", output="one"), 0)
            log.put("tail")
            self.wait(sluice, one=7, two=4)
            self.again(sluice, ["a", "b", "other", "head-tail"])
        books = self.stop(sluice)
        self.assertEqual(sluice.messages("one"), ["a", "b", "other"] * 2 + ["head-tail", "a", "b",
                                                                           "other", "head-tail"])
        self.assertEqual(books["one"]["in_flight_bytes"], 0)
        self.assertFalse(any(r["log"].get("flags") for r in sluice.records("one")))

    def test_while_the_output_stands_still(self):
        """It is saved at once, and takes effect when what is out was answered for."""
        sluice = self.lanes({"fast": {}, "slow": {"type": "stdout"}}, memory_limit="8MiB")
        writer = self.write("--containers", 2, "--hot", 2, "--lines", 20000, "--line", 500,
                            "--seconds", 30)
        messages = writer.wait()
        self.start(sluice, rate=0)
        self.wait(sluice, fast=messages)
        with Scrapes(self, sluice):
            agent.until("to stand still", lambda: all(
                o["in_flight_bytes"] for o in self.outputs(sluice, "slow")))
            sluice.life.drain.rate = None
            self.wait(sluice, slow=1000)
            sluice.life.drain.rate = 0
            sluice.wait_quiet(1)
            said = self.state("rewind", "slow")
            self.assertIn("goes back in 2 of 2 containers\n2 of them begin when", said)
            self.assertEqual([doc["position"]["offset"] for doc in self.objects("ls")
                              if doc["output"] == "slow"], [0, 0])
            self.assertIn("in 0 of 2", self.state("rewind", "slow"), "it is back there already")
            before = sluice.count("slow")
            sluice.life.drain.rate = None
            self.wait(sluice, slow=messages + before)
        sluice.wait_quiet(1)
        books = self.stop(sluice)
        self.assertEqual(sluice.count("fast"), messages)
        self.assertEqual(books["slow"]["read_bytes"], books["slow"]["delivered_bytes"])
        self.assert_runs_twice(sluice.records("slow"), messages)

    def outputs(self, sluice, name):
        c = LocalConnection(sluice.options["state_dir"])
        try:
            c.request("GET", "/api/v1/sources")
            return [s["outputs"][name] for s in json.loads(c.getresponse().read())["sources"]]
        finally:
            c.close()

    def assert_runs_twice(self, records, messages):
        """Each container's records come in order, start anew once, and then all of them come."""
        times = Counter()
        last, restarts = {}, Counter()
        for r in records:
            stream = (*self.place(r)[:2], r["stream"])
            at = r["@timestamp"], r["log"]["offset"]
            restarts[stream] += at <= last.get(stream, ("", -1))
            last[stream] = at
            times[self.place(r)] += 1
        self.assertEqual(len(times), messages, "nothing is missing")
        self.assertLessEqual(max(times.values()), 2)
        self.assertEqual(set(restarts.values()), {1}, restarts)

    def test_under_load(self):
        """Rotated, compressed and read again, while it is written. Each line from the beginning of
        what is there comes once more, nothing else does."""
        sluice = self.lanes({"one": {}, "two": {}})
        self.start(sluice)
        writer = self.write("--containers", 4, "--hot", 2, "--hot-rate", 1e6, "--rate", 200,
                            "--line", "100-700", "--stderr", 0.3, "--long", 0.01, "--rotate", 1,
                            "--max-size", 100000, "--max-files", 100, "--seconds", 6)
        with Scrapes(self, sluice):
            self.wait(sluice, one=5000)
            self.state("rewind", "one")
            messages = writer.wait()
            self.wait(sluice, two=messages)
            again = sluice.count("one")
            agent.until("all of it, again", lambda: sluice.count("one") > messages
                        and not sum(o["unread_bytes"] + o["in_flight_bytes"]
                                    for o in self.outputs(sluice, "one")))
            self.assertGreater(again, 5000)
        self.stop(sluice)
        self.assertEqual(sluice.count("two"), messages)
        self.assert_runs_twice(sluice.records("one"), messages)
        self.assert_lane(writer, sluice, "two")

    def test_under_load_and_killed_at_once(self):
        """The next life begins where the answer said, in files that this one had let go of, too."""
        sluice = self.lanes({"one": {}, "two": {}}, checkpoint_interval="100ms")
        self.start(sluice)
        writer = self.write("--containers", 3, "--hot", 1, "--hot-rate", 1e6, "--rate", 200,
                            "--line", "100-700", "--stderr", 0.3, "--long", 0.01, "--rotate", 0.5,
                            "--max-size", 50000, "--max-files", 100, "--seconds", 6)
        self.wait(sluice, one=4000)
        before = sluice.count("one")
        self.state("rewind", "one")
        sluice.kill()
        self.start(sluice)
        messages = writer.wait()
        agent.until("all of it", lambda: self.is_whole(sluice, "two", messages) and not sum(
            o["unread_bytes"] + o["in_flight_bytes"] for name in ("one", "two")
            for o in self.outputs(sluice, name)), pause=0.2)
        self.stop(sluice)
        came = {self.place(r) for r in sluice.records("one")[before:]}
        self.assertEqual(len(came), messages, "each line has come since the command")
        self.assert_lane(writer, sluice, "two")

    def test_of_an_input_of_files(self):
        """Plain lines, in a file that was renamed and in the one that follows it."""
        logs = self.folder / "logs"
        logs.mkdir()
        sluice = self.lanes({"one": {}, "two": {}})
        sluice.inputs = {"type": "file", "paths": [f"{logs}/*.log"], "pin": {"min_free": "0%"}}
        (logs / "app.log").write_text("a\nb\n")
        self.start(sluice)
        self.wait(sluice, one=2, two=2)
        (logs / "app.log").rename(logs / "app.log.1")
        (logs / "app.log").write_text("c\n")
        self.wait(sluice, one=3, two=3)
        with Scrapes(self, sluice):
            self.again(sluice, ["a", "b", "c"])
            at = sluice.records("one")[1]["log"]
            self.again(sluice, ["b", "c"], "--to", f"{at['generation']}:{at['offset']}")
        self.stop(sluice)
        self.stop_and_start_finds_nothing(sluice)

    def stop_and_start_finds_nothing(self, sluice):
        before = sluice.count("one")
        self.start(sluice)
        sluice.wait_quiet(0.5)
        self.stop(sluice)
        self.assertEqual(sluice.count("one"), before)

    @staticmethod
    def place(r):
        return (r["kubernetes"]["pod"]["name"], r["kubernetes"]["container"]["name"],
                r["log"]["generation"], r["log"]["offset"])

    def is_whole(self, sluice, name, messages):
        return sluice.count(name) >= messages and \
            len({self.place(r) for r in sluice.records(name)}) == messages

    def test_killed_after_the_answer(self):
        """What was said to be done is done in the next life, where it was not in this one: it stands
        still."""
        sluice = self.lanes({"slow": {"type": "stdout"}}, memory_limit="8MiB")
        writer = self.write("--containers", 2, "--hot", 2, "--lines", 10000, "--line", 500,
                            "--seconds", 30)
        messages = writer.wait()
        self.start(sluice)
        self.wait(sluice, slow=messages)
        sluice.wait_quiet(1)
        self.assertEqual(self.stop(sluice)["slow"]["in_flight_bytes"], 0)
        self.start(sluice, rate=0)
        self.state("rewind", "slow")
        sluice.kill()
        self.start(sluice)
        self.wait(sluice, slow=2 * messages)
        self.stop(sluice)
        came = set()
        for life in sluice.lives[1:]:
            with open(life.output, "rb") as f:
                whole = [json.loads(line) for line in f.read().split(b"\n")[:-1]]
            came |= {self.place(r) for r in whole}
        self.assertEqual(len(came), messages)

    def test_what_cannot_be_done(self):
        sluice, _ = self.running()
        self.assertIn('no output "onne" has positions here, did you mean "one"?',
                      self.state("rewind", "onne", code=1))
        for which in ("shop/x", "shop/app&output=two", "shop/app%2Fx", "shop/\u00e4+ #?"):
            with self.subTest(which):
                self.assertIn(f"nothing is known of {which};",
                              self.state("rewind", "one", which, code=1))
        self.state("rewind", "one", "--to", "yesterday", code=2)
        for target, status in (("rewind?output=one&to=end", 400), ("rewind", 404),
                               ("rewind?output=", 404), ("rename", 400),
                               ("rename?old=one&new=", 400),
                               ("rename?old=one&new=a%20b", 400)):
            with self.subTest(target):
                c = LocalConnection(sluice.options["state_dir"])
                c.request("POST", f"/api/v1/state/{target}")
                self.assertEqual(c.getresponse().status, status)
                c.close()
        self.stop(sluice)
        self.assertEqual(sluice.count("one"), 2)


class Rename(Live):
    def test_kept_for_the_next_life(self):
        sluice, log = self.running()
        self.assertIn("did you mean \"one\"", self.state("rename", "onne", "x", code=1))
        self.assertIn("would be lost", self.state("rename", "one", "two", code=1))
        said = self.state("rename", "one", "eins")
        self.assertIn('the positions of output "one" are those of "eins" now\n', said)
        self.assertIn('an output "one" would be a new one', said)
        self.state("rename", "eins", "uno")
        self.assertIn("would be lost", self.state("rename", "two", "one", code=1))
        log.put("c")
        self.wait(sluice, one=3, two=3)
        agent.until("saved", lambda: {doc["output"] for doc in self.objects("ls")}
                    == {"uno", "two"})
        self.assertEqual(set(self.stop(sluice)), {"one", "two"}, "its name in this life")
        log.put("d")
        sluice.lanes = {"uno": {}, "two": {}}
        sluice.start()
        self.wait(sluice, uno=1, two=4)
        self.stop(sluice)
        self.assertEqual(sluice.messages("uno"), ["d"])
        self.assertEqual(sluice.messages("one"), ["a", "b", "c"])
        self.assertFalse(any("is new" in doc["message"] for doc in sluice.life.logged()))

    def test_killed_after_the_answer(self):
        sluice, log = self.running()
        self.state("rename", "one", "uno")
        sluice.kill()
        log.put("c")
        sluice.lanes = {"uno": {}, "two": {}}
        sluice.start()
        self.wait(sluice, uno=1, two=3)
        self.stop(sluice)
        self.assertEqual(sluice.messages("uno"), ["c"])
        self.assertEqual(sluice.messages("two"), ["a", "b", "c"])


if __name__ == "__main__":
    unittest.main()
