"""Dead letters that a running agent sends once more, beside what its lane sends. The far end is
tests/plugin/output_scripted."""
import gzip
import json
import random
import subprocess
import unittest
from pathlib import Path

import agent
from programs import SLUICE
from test_admin import LocalConnection
from test_refused import Commands


class Live(Commands):
    """`sluice dead-letter redrive` while the agent runs."""

    def fill_with(self, count, **output):
        """So many refused ones, which would be taken now."""
        sluice = self.sluice(reject_storm="continue", **output)
        self.put("app", *["reject"] * count)
        sluice.start()
        self.wait_settled(sluice)
        self.assertEqual(len(self.dead()), count)
        self.fixed.touch()
        return sluice

    def begin(self):
        """The command, beside all else."""
        return subprocess.Popen([SLUICE, "dead-letter", "redrive", "out", "-c",
                                 self.folder / "sluice.yaml"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def is_done(self):
        """Once more; has all been taken?"""
        command = self.begin()
        command.communicate(timeout=agent.PATIENCE)
        return command.returncode == 0

    def test_agent_sends_once_more_what_was_refused(self):
        sluice = self.fill()
        (said,) = self.objects("redrive", "out", code=1)  # nothing was mended
        self.assertEqual((said["delivered"], said["left"]), (0, 9))
        self.assertRegex(self.said, 'not all were taken: (mapping: no "such" field|413: too long)\n')
        self.assertEqual(len(self.dead()), 9)
        self.fixed.touch()
        self.assertEqual(self.dead_letter("redrive", "out", "--reason", "rejected"),
                         'output "out": 8 delivered, 0 left\n')
        self.assertEqual(sorted(self.taken()), sorted(self.numbers("ok", "reject")))
        self.assertEqual([g["reason"] for g in self.objects("ls")], ["too_large"])
        self.put("app", "huge", "ok", "huge")  # into a new file
        self.wait_settled(sluice)
        (said,) = self.objects("redrive", "out", code=1)
        self.assertEqual((said["delivered"], said["left"], said["twice"]), (0, 3, 0))
        books = self.assert_stops(sluice)
        self.assertEqual(set(self.dead()), self.numbers("huge"))
        self.assertEqual([len(e) for e in self.dead().values()], [1, 1, 1])
        self.assertEqual(books["dead_lettered_bytes"] + books["delivered_bytes"],
                         books["read_bytes"])
        (said,) = self.objects("redrive", "out", code=1)  # and without the agent
        self.assertEqual(said["left"], 3)

    def test_neither_holds_up_the_other(self):
        sluice = self.fill_with(3000, batch={"max_records": 10}, max_in_flight=1, gzip=1)
        command = self.begin()
        for n in range(3000, 3400, 20):
            self.put("app", *["ok"] * 20)
            agent.until("the new ones", lambda n=n: len(self.taken()) > n - 3000)
        said, complaint = command.communicate(timeout=agent.PATIENCE)
        self.assertEqual((said, complaint), ('output "out": 3000 delivered, 0 left\n', ""))
        self.wait_settled(sluice)
        self.assert_stops(sluice)
        self.assertEqual(sorted(self.taken()), sorted(self.written))
        self.assertEqual(gzip.decompress(Path(f"{self.path}.gz").read_bytes()).count(b"do=reject"),
                         6000)  # once when they were refused

    def test_twice_is_once_and_what_is_damaged_stays(self):
        sluice = self.fill_with(8)
        (file,) = (self.folder / "state/dead-letter/out").iterdir()
        text = file.read_bytes()
        file.write_bytes(text + text.splitlines(keepends=True)[-1] + b"{damaged}\n")
        (said,) = self.objects("redrive", "out")
        self.assertEqual((said["delivered"], said["twice"], said["damaged"]), (8, 1, 1))
        self.assertIn("1 damaged", self.said)
        self.assertEqual(file.read_bytes(), b"{damaged}\n")
        self.assert_stops(sluice)
        self.assertEqual(self.taken(), sorted(self.written))

    def test_a_lane_that_fails_does_not_fail_it(self):
        sluice = self.fill_with(20, max_in_flight=1)
        self.put("other", "never")
        agent.until("a complaint", lambda: sluice.life.logged("cannot deliver, tries again"))
        agent.until("all of them", self.is_done)  # between two of the lane's tries
        self.assertEqual(self.taken(), sorted(self.numbers("reject")))
        sluice.kill()

    def test_what_fails_again_is_tried_and_stays(self):
        sluice = self.fill_with(20)
        (file,) = (self.folder / "state/dead-letter/out").iterdir()
        file.write_bytes(file.read_bytes().replace(b"do=reject", b"do=never "))
        (said,) = self.objects("redrive", "out", code=1)
        self.assertEqual((said["delivered"], said["left"]), (0, 20))
        self.assertIn("not all were taken: not now", self.said)
        self.put("app", "ok")
        agent.until("the new one", lambda: self.taken() == [20])
        self.assertEqual(sluice.life.logged("cannot deliver, tries again"), [])
        self.assert_stops(sluice)
        self.assertEqual(len(self.dead()), 20)

    def test_its_target_takes_nothing(self):
        sluice = self.fill_with(20)
        (file,) = (self.folder / "state/dead-letter/out").iterdir()
        file.write_bytes(file.read_bytes().replace(b"do=reject", b"do=hold  ", 5))
        (said,) = self.objects("redrive", "out", code=1)
        self.assertEqual((said["delivered"], said["left"]), (15, 5))
        self.assertIn("no such index", self.said)
        self.put("app", "ok")  # its container does not wait
        agent.until("the new one", lambda: 20 in self.taken())
        self.assert_waiting(sluice, "index", set())
        self.assert_stops(sluice)

    def test_a_stop_ends_it_and_the_rest_stays(self):
        sluice = self.fill_with(3000, batch={"max_records": 10}, max_in_flight=1)
        command = self.begin()
        agent.until("some of it", self.taken)
        self.assert_stops(sluice)
        command.communicate(timeout=agent.PATIENCE)
        taken = self.taken()
        self.assertEqual(len(set(taken)), len(taken))
        self.assertEqual(set(taken) | set(self.dead()), set(self.written))
        self.assertFalse(set(taken) & set(self.dead()))

    def test_killed_in_the_middle_nothing_is_lost(self):
        rng = random.Random(3)
        sluice = self.fill_with(3000, batch={"max_records": 10}, max_in_flight=1)
        for life in range(1, 4):
            seen = len(self.taken())
            command = self.begin()
            some = rng.randrange(1, 500)
            agent.until("some of it", lambda seen=seen, some=some: len(self.taken()) > seen + some
                        or command.poll() is not None)
            sluice.kill()
            command.communicate(timeout=agent.PATIENCE)
            taken = self.taken()
            self.assertEqual(set(taken) | set(self.dead()), set(self.written))
            self.assertLessEqual(max(taken.count(n) for n in rng.sample(taken, 50)),
                                 life + 1)  # once by the lane, if its checkpoint was older
            sluice.start()
            agent.until("the agent to hold the lock", lambda: any(
                "state in" in line["message"] for line in sluice.life.logged()))
        agent.until("the rest", self.is_done)
        self.assert_stops(sluice)
        self.assertEqual(set(self.taken()), set(self.written))
        self.assertFalse(self.dead())

    def test_who_may_ask_and_for_what(self):
        sluice = self.fill_with(1)
        connection = LocalConnection(self.folder / "state")
        self.addCleanup(connection.close)
        for method, target, status in (("GET", "?output=out", 404), ("POST", "?output=none", 404),
                                       ("GET", "", 404), ("PUT", "?output=out", 405),
                                       ("POST", "?output=out&reason=rejected", 202)):
            connection.request(method, "/api/v1/dead-letter/redrive" + target)
            answer = connection.getresponse()
            said = answer.read().decode()
            self.assertEqual(answer.status, status, said)
            connection.close()
        agent.until("the end", lambda: self.taken() and json.loads(
            self.ask("/api/v1/dead-letter/redrive?output=out", (200, 202)))["over"])
        self.assert_stops(sluice)


if __name__ == "__main__":
    unittest.main()
