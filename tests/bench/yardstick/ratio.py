#!/usr/bin/env python3
"""ratio.py - the agent's speed as a share of the bare work's, on the same tree, core and minute.

  ratio.py [options] WORK DIR -- AGENT ARGUMENT...

Runs `bare WORK DIR` and the agent in turn, five pairs, every other pair the other way round, each pinned to one
core. A pair's ratio is bare's CPU time over the agent's: 0.6 means that the agent gets 60 % of the bare speed.
The agent's CPU time is that of its whole process tree, from start to exit. In its arguments, {dir} becomes the
tree and {tmp} a new empty folder, so that each run starts without state.

The tree does not grow, so the agent never ends by itself: when its CPU time has stood still for 0.6 s it is idle,
and gets SIGTERM. Then its books, one line of JSON in its log, must say that it read and delivered the whole
tree; so its log has to be JSON.
Prints one line of JSON for each pair, and one for all."""
import argparse, json, os, signal, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
POLL_S, IDLE_S = 0.05, 0.6


def cpu_ticks(pid):
    """User and system time of a process, all its threads, in clock ticks."""
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def peak_rss_kib(pid):
    """Of the process alone; ru_maxrss would not do: a child inherits its parent's."""
    return int(open("/proc/%d/status" % pid).read().split("VmHWM:")[1].split()[0])


def books(log):
    """What the agent says it has done, or None."""
    for line in reversed(open(log, errors="replace").read().splitlines()):
        if '"books"' in line:
            return json.loads(line)
    return None


def fail(log, why):
    sys.stderr.write(open(log, errors="replace").read()[-4000:])
    sys.exit("ratio.py: " + why)


class Idle:
    """True once the process has worked and then done nothing for IDLE_S."""

    def __init__(self, pid):
        self.pid, self.ticks, self.since = pid, 0, time.monotonic()

    def __call__(self):
        ticks, now = cpu_ticks(self.pid), time.monotonic()
        if ticks != self.ticks:
            self.ticks, self.since = ticks, now
        return self.ticks > 0 and now - self.since >= IDLE_S


def run_bare(args):
    command = ["taskset", "-c", args.core, args.bare, args.work, args.dir, "--meta", args.meta, "--repeat", "1"]
    if args.brokers:
        command += ["--brokers", args.brokers]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_agent(args, raw_bytes):
    """CPU seconds of the whole tree of processes; seconds from start to idle; peak RSS in KiB."""
    with tempfile.TemporaryDirectory() as tmp:
        log_path = args.log or tmp + "/agent.log"
        command = [a.replace("{dir}", args.dir).replace("{tmp}", tmp) for a in args.agent]
        start = time.monotonic()
        with open(log_path, "wb") as log:
            agent = subprocess.Popen(["taskset", "-c", args.core] + command, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        idle, wall, rss = Idle(agent.pid), None, 0
        while True:
            pid, status, usage = os.wait4(agent.pid, os.WNOHANG)  # counts the children that it waited for, too
            if pid:
                break
            if time.monotonic() - start > args.limit:
                os.killpg(agent.pid, signal.SIGKILL)
                os.wait4(agent.pid, 0)
                fail(log_path, "the agent was not done after %g s" % args.limit)
            if wall is None and idle():
                wall, rss = idle.since - start, peak_rss_kib(agent.pid)
                agent.send_signal(signal.SIGTERM)
            time.sleep(POLL_S)
        agent.returncode = os.waitstatus_to_exitcode(status)
        if agent.returncode != 0 or wall is None:
            fail(log_path, "the agent ended %s, with %d" % ("early" if wall is None else "badly", agent.returncode))
        said = books(log_path)
        if not said or {int(said["read_bytes"]), int(said["delivered_bytes"])} != {raw_bytes}:
            fail(log_path, "the tree has %d bytes, and the agent's books say %s" % (raw_bytes, said))
        return usage.ru_utime + usage.ru_stime, wall, rss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK")
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("agent", nargs="+", metavar="AGENT")
    parser.add_argument("--name", default="", help="of this comparison, for the reader")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--core", default="1")
    parser.add_argument("--bare", default=os.path.join(HERE, "bare"), metavar="PROGRAM")
    parser.add_argument("--meta", default="path", metavar="path|labels", help="what bare's records say of a pod")
    if args.brokers:
        command += ["--brokers", args.brokers]
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="for one run of the agent")
    parser.add_argument("--log", metavar="FILE", help="keep the agent's stderr of the last run")
    parser.add_argument("--at-least", type=float, metavar="RATIO", help="exit 1 if the median is below")
    args = parser.parse_args()
    args.dir = os.path.abspath(args.dir)
    ratios, speeds, rates = [], [], []
    said = run_bare(args)  # warms the page cache, and counts
    for pair in range(args.pairs):
        if pair % 2 == 0:
            said = run_bare(args)
        cpu, wall, rss = run_agent(args, said["raw_bytes"])
        if pair % 2:
            said = run_bare(args)
        ratios.append(said["cpu_s"] / cpu)
        speeds.append(said["raw_bytes"] / cpu / 1e6)
        rates.append(said["raw_bytes"] / wall / 1e6)
        print(json.dumps({"pair": pair + 1, "bare_cpu_s": said["cpu_s"], "agent_cpu_s": round(cpu, 4), "agent_wall_s": round(wall, 2),
                          "agent_ns_per_line": round(cpu * 1e9 / said["lines"], 1), "agent_raw_MBps_per_core": round(speeds[-1], 1),
                          "agent_rss_kib": rss, "ratio": round(ratios[-1], 3)}), flush=True)
    median = statistics.median(ratios)
    print(json.dumps({"bench": "ratio", "name": args.name, "work": args.work, "pairs": args.pairs, "raw_MBps_per_core": round(statistics.median(speeds), 1),
                      "cpu_s_per_GB": round(1000 / statistics.median(speeds), 2), "raw_MBps": round(statistics.median(rates), 1),
                      "ratio_min": round(min(ratios), 3), "ratio_median": round(median, 3), "ratio_max": round(max(ratios), 3)}))
    sys.exit(args.at_least is not None and median < args.at_least)


main()
