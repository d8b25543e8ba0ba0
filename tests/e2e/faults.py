"""faults.py - the faults of a sick node, switched on and off while the agent runs: see faults.c.

    faults = Faults(folder)
    sluice = self.agent(launcher=faults.launcher)
    with faults.on("write", "*/state/*", errno=ENOSPC) as full:
        ...
        until("it was refused", lambda: full.hits)
"""
import mmap
import os
import struct
from contextlib import contextmanager

from programs import BUILD

LIBRARY = os.environ.get("FAULTS", str(BUILD / "tests" / "libfaults.so"))
RULES, SIZE, PATTERN = 16, 256, 208
CALLS = ["", "open", "read", "write", "sync", "rename", "link", "cut", "watch", "clock"]
ACTS = ["", "errno", "short", "wait_ms", "kill", "overflow", "step_ns"]
HEAD = struct.Struct("<iiiiqqqq")  # on, call, act, reserved, value, skip, hits, most
SKIP, HITS = 24, 32


class Fault:
    def __init__(self, rules, place):
        self.rules, self.place = rules, place

    @property
    def hits(self):
        """How often it was at work."""
        return struct.unpack_from("<q", self.rules, self.place + HITS)[0]

    def off(self):
        struct.pack_into("<i", self.rules, self.place, 0)


class Faults:
    def __init__(self, folder):
        path = folder / "faults"
        path.write_bytes(bytes(RULES * SIZE))
        with open(path, "r+b") as f:
            self.rules = mmap.mmap(f.fileno(), RULES * SIZE)
        options = os.environ.get("ASAN_OPTIONS", "")
        self.launcher = ["env", f"LD_PRELOAD={LIBRARY}", f"SLUICE_FAULTS={path}",
                         f"ASAN_OPTIONS={options}:verify_asan_link_order=0"]
        self.used = 0

    def start(self, call, pattern="*", skip=0, most=0, **act):
        """act: one of errno=N, short=BYTES, wait_ms=N, kill=True, overflow=True, step_ns=N.
        skip: so many such calls go well first; most: so many are hit, 0 all."""
        (name, value), = act.items()
        place, self.used = self.used * SIZE, self.used + 1
        assert self.used <= RULES, "no rule is left"
        HEAD.pack_into(self.rules, place, 0, CALLS.index(call), ACTS.index(name), 0, int(value),
                       skip, 0, most)
        struct.pack_into(f"{PATTERN}s", self.rules, place + HEAD.size, pattern.encode())
        struct.pack_into("<i", self.rules, place, 1)
        return Fault(self.rules, place)

    @contextmanager
    def on(self, call, pattern="*", **how):
        fault = self.start(call, pattern, **how)
        try:
            yield fault
        finally:
            fault.off()

    def clear(self):
        """All are off, and their places free."""
        self.rules[:] = bytes(len(self.rules))
        self.used = 0
