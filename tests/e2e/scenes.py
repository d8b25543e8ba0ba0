"""scenes.py - many small stories, played at the same time on one agent: a container each.

A scene is a generator with a log folder to write to. The agent is down when it begins; then each
`yield` starts or stops it, and names the messages that must come before the next step:

    def ckpt_06_half_a_line(log):
        log.write(half)
        yield []                  # down -> up: nothing yet
        yield []                  # up -> down
        log.write(other_half)
        yield ["the line"]        # down -> up

A message is its text; or a dict of the fields that matter, as they are in the record, with "flags"
for those of `log`. Who gives only a text says that there are no flags.
"""
import json
import sys
from collections import defaultdict

import agent
from test_tail import Log

PHASES = 4  # written while down, while up, while down, while up


def fields(record, wanted):
    """What the record says to that."""
    have = {**record, **record["log"], **record["sluice"]}
    return {name: have.get(name) for name in wanted}


def as_dict(message):
    wanted = message if isinstance(message, dict) else {"message": message}
    return {"flags": None, **wanted}


class Records:
    """All that came in all lives, by pod, in its order."""

    def __init__(self, sluice):
        self.sluice, self.of, self.at = sluice, defaultdict(list), {}

    def read(self):
        for life in self.sluice.lives:
            with open(life.output, "rb") as output:
                output.seek(self.at.get(life.output, 0))
                for line in output:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    record = json.loads(line)
                    self.of[record["kubernetes"]["pod"]["name"]].append(record)
                    self.at[life.output] = self.at.get(life.output, 0) + len(line)


class Scene:
    def __init__(self, pods, name, story):
        self.pod = name.replace("_", "-")
        self.log = Log(pods, self.pod)
        self.story = story(self.log)
        self.expected = []

    def step(self):
        self.expected += map(as_dict, next(self.story, []))

    def judge(self, test, records):
        got = [fields(record, wanted) for record, wanted in zip(records, self.expected)]
        got += [fields(record, ("message", "flags")) for record in records[len(self.expected):]]
        test.assertEqual(got, self.expected)


class Stage(agent.Case):
    """All scenes of a class are played once; a test for each says how it went."""
    options = {}
    stories = {}

    def setUp(self):
        """All is done: the tests only judge."""

    @classmethod
    def setUpClass(cls):
        case = agent.Case()
        cls.addClassCleanup(case.doCleanups)
        case.setUp()
        cls.scenes = {name: Scene(case.pods, name, story) for name, story in cls.stories.items()}
        sluice = case.agent(**cls.options)
        cls.records = Records(sluice)
        patience = agent.PATIENCE
        for phase in range(PHASES):
            for scene in cls.scenes.values():
                scene.step()
            if phase % 2 == 0:
                sluice.start()
            try:
                agent.until("the records", cls.have_come, patience)
            except TimeoutError:
                patience = 1  # some are missing: each scene's own test says which
            sluice.wait_quiet(0.3)  # and no more than these
            if phase % 2:
                case.assert_stops(sluice)
        cls.records.read()

    @classmethod
    def have_come(cls):
        cls.records.read()
        return all(len(cls.records.of[scene.pod]) >= len(scene.expected)
                   for scene in cls.scenes.values())

    def judge_scene(self, name):
        scene = self.scenes[name]
        scene.judge(self, self.records.of[scene.pod])


def scenes_of(module):
    """All scenes of a module: its functions named scene_ID."""
    return {name.removeprefix("scene_"): story
            for name, story in vars(sys.modules[module]).items() if name.startswith("scene_")}


def stage(module, name, stories, **options):
    """A class with a test for each story, for one agent with these options."""
    tests = {}
    for story_name, story in stories.items():
        def test(self, name=story_name):
            self.judge_scene(name)
        test.__doc__ = story.__doc__
        tests[f"test_{story_name}"] = test
    return type(name, (Stage,), {
        "__module__": module, "stories": stories, "options": options, **tests})
