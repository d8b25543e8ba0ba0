"""Outputs in .so files: built by one line of shell, with <sluice/plugin.h> alone, as anybody would."""
import os
import re
import shlex
import shutil
import socket
import subprocess
import threading
import unittest
from pathlib import Path

import agent
from programs import BUILD, SLUICE

ROOT = Path(__file__).resolve().parents[2]
TCP_LINES = ROOT / "tests/plugin/output_tcp_lines/output_tcp_lines.c"
BAD = ROOT / "tests/plugin/bad.c"
CC = os.environ.get("CC", "cc")
STRICT = "-std=gnu11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Werror"


def build(source, out, *flags, include=ROOT / "include"):
    """The shell line of plugins/README.md, with warnings. Not with the agent's sanitizers: an agent
    that has them takes plugins without, which is what its users will have."""
    subprocess.run([CC, *STRICT.split(), "-O2", "-fPIC", "-shared", "-I", include, *flags,
                    "-o", out, source], check=True)
    return out


class FarEnd:
    """What output_tcp_lines talks to: keeps a batch's lines if it takes them, and says so."""

    def __init__(self, path):
        self.path = path    # of the lines that were taken
        self.answers = []   # of the next batches: b"+", b"-", b"" (hang up), None (say nothing)
        self.batches = 0
        self.seen = None    # a set: lines that came before are not kept again, as their place is known
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return  # closed
            with line:
                try:
                    self._talk(line)
                except OSError:
                    pass  # the agent hung up

    def _talk(self, line):
        data = b""
        while more := line.recv(1 << 16):
            data += more
            if not data.endswith(b"\n\n"):
                continue
            answer = self.answers.pop(0) if self.answers else b"+"
            if answer == b"":
                self.batches += 1
                return
            if answer == b"+":
                self._keep(data[:-1].splitlines(keepends=True))
            if answer:
                line.sendall(answer)
            self.batches += 1
            data = b""

    def _keep(self, lines):
        if self.seen is not None:
            lines = [line for line in lines if line not in self.seen]
            self.seen.update(lines)
        with open(self.path, "ab") as out:
            out.write(b"".join(lines))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Case(agent.Case):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)

    def build(self, source, name, *flags, **how):
        return build(source, self.folder / name, *flags, **how)

    def bad(self, name, *flags, **how):
        return self.build(BAD, name, "-Wno-unused-function", "-Wno-missing-prototypes", *flags, **how)

    def sluice(self, plugin, **output):
        """An agent whose only output is of that plugin."""
        sluice = self.agent(output=plugin.stem, plugins=[str(plugin)])
        sluice.outputs.update(output)
        return sluice

    def ask(self, *words, program=SLUICE):
        return subprocess.run([program, *map(str, words)], capture_output=True, text=True,
                              timeout=agent.PATIENCE, check=False)

    def check(self, plugins, outputs="[{type: 'null'}]", program=SLUICE, verbose=()):
        path = self.folder / "sluice.yaml"
        path.write_text(f"inputs: [{{type: kubernetes}}]\nplugins: [{plugins}]\noutputs: {outputs}\n")
        return self.ask("check", *verbose, "-c", path, program=program)

    def assert_refused(self, plugin, what):
        """At its place in the file, in words, without a crash."""
        done = self.check(plugin)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(f"sluice.yaml:2:11: plugins: {plugin}: ", done.stderr)
        self.assertIn(what, done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)


class TcpLines(Case):
    """A connection, answers, and a far end that fails in every way."""

    def start(self, *answers, **output):
        sluice = self.sluice(self.build(TCP_LINES, "tcp_lines.so"), retry={"initial": "10ms"})
        self.far = FarEnd(self.folder / "out-0.jsonl")
        self.addCleanup(self.far.close)
        self.far.answers = list(answers)
        sluice.outputs.update(port=self.far.port, **output)
        sluice.start()
        return sluice

    def run_whole(self, sluice):
        writer = self.write("--containers", 4, "--lines", 500, "--stderr", 0.3, "--seconds", 2)
        sluice.wait_records(writer.wait())
        books = self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)
        self.assertEqual(books["delivered_bytes"], books["read_bytes"])

    def test_delivers_each_line_once(self):
        self.run_whole(self.start())

    def test_sends_again_what_a_dying_peer_did_not_take(self):
        sluice = self.start(b"", b"+", b"", b"", b"x", timeout="1h")
        self.run_whole(sluice)
        self.assertFalse(self.far.answers, "the far end did not get to fail")
        said = sluice.life.logged("cannot deliver, tries again")
        self.assertEqual(said[0]["output"], "out")

    def test_sends_again_what_nobody_answered(self):
        """An answer that comes too late for a slow machine makes a duplicate: the place tells."""
        sluice = self.start(None, b"+", None, timeout="300ms")
        self.far.seen = set()
        self.run_whole(sluice)
        self.assertFalse(self.far.answers, "the far end did not get to be silent")

    def test_counts_what_was_refused(self):
        sluice = self.start(b"-")
        writer = self.write("--containers", 2, "--lines", 200, "--seconds", 2)
        messages = writer.wait()
        agent.until("the rest", lambda: not self.far.answers and self.far.batches > 1)
        sluice.wait_quiet(1)
        books = self.assert_stops(sluice)
        self.assertLess(sluice.life.records(), messages)
        self.assertEqual(books["in_flight_bytes"], 0)

    def test_t_shut_stop_cancels_what_is_out(self):
        sluice = self.start(None, timeout="1h")
        writer = self.write("--containers", 1, "--lines", 100, "--seconds", 1)
        messages = writer.wait()
        agent.until("a batch that nobody answers", lambda: self.far.batches)
        books = self.assert_stops(sluice)
        self.assertGreater(books["in_flight_bytes"], 0)
        self.far.path = self.folder / "out-1.jsonl"
        sluice.start()
        sluice.wait_records(messages)
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)

    def test_starts_without_a_far_end(self):
        sluice = self.sluice(self.build(TCP_LINES, "tcp_lines.so"), port=1,
                             retry={"initial": "10ms", "max": "50ms"})
        sluice.start()
        self.write("--containers", 1, "--lines", 10, "--seconds", 0.1).wait()
        agent.until("it says so", lambda: sluice._ended(sluice.life) or
                    sluice.life.logged("cannot deliver, tries again"))
        self.assert_stops(sluice)

    def test_open_that_fails_ends_the_start(self):
        sluice = self.sluice(self.build(TCP_LINES, "tcp_lines.so"), port=1, address="nowhere")
        sluice.start()
        self.assertEqual(sluice.life.wait(), 1)
        self.assertIn("no IPv4 address", Path(sluice.life.log).read_text())


class Readme(Case):
    """plugins/README.md cannot rot: its example is built with its own shell line, and works."""

    def setUp(self):
        super().setUp()
        text = (ROOT / "plugins/README.md").read_text()
        self.source, *_ = re.findall(r"```c\n(.*?)```", text, re.S)
        (self.shell,) = re.findall(r"```sh\n(.*?)```", text, re.S)
        (self.yaml,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
        (self.folder / "output_udp.c").write_text(self.source)
        (self.folder / "include").symlink_to(ROOT / "include")
        subprocess.run(shlex.split(self.shell), cwd=self.folder, check=True)
        self.plugin = self.folder / "udp.so"

    def test_example_has_no_warning(self):
        self.build(self.folder / "output_udp.c", "strict.so")

    def test_configuration_is_right(self):
        path = self.folder / "x.yaml"
        path.write_text(self.yaml.replace("/usr/local/lib/sluice/udp.so", str(self.plugin)))
        done = self.ask("check", "-v", "-c", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"# output type udp: each record is one datagram ({self.plugin})", done.stdout)
        done = self.ask("options", "udp", "-c", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"From {self.plugin}\n", done.stdout)
        self.assertRegex(done.stdout, r"\n  port +number +\(required\) +where to\n")

    def test_example_sends_each_record(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(agent.PATIENCE)
            sluice = self.sluice(self.plugin, port=far.getsockname()[1])
            sluice.start()
            messages = self.write("--containers", 1, "--lines", 20, "--seconds", 0.5).wait()
            for _ in range(messages):
                self.assertRegex(far.recv(1 << 16), rb'^\{"@timestamp":.*\}$')
            self.assertEqual(self.assert_stops(sluice)["in_flight_bytes"], 0)


class Versions(Case):
    """Plugins that were built with another header."""

    def header(self, **tails):
        """Ours, with one more member at the end of these structs."""
        folder = self.folder / "include" / "sluice"
        folder.mkdir(parents=True)
        text = (ROOT / "include/sluice/plugin.h").read_text()
        for name, member in tails.items():
            head, end = re.split(rf"(?=^}} {name};$)", text, maxsplit=1, flags=re.M)
            text = f"{head}    {member}\n{end}"
        (folder / "plugin.h").write_text(text)
        return folder.parent

    def newer(self):
        return self.header(sl_item="uint64_t later[40];", sl_answer="uint64_t later[3];",
                           sl_option="uint64_t later[2];", sl_output_ops="void (*later)(void);")

    def test_newer_one_that_asks_for_nothing_new_works(self):
        plugin = self.build(TCP_LINES, "tcp_lines.so", include=self.newer())
        sluice = self.sluice(plugin)
        far = FarEnd(self.folder / "out-0.jsonl")
        self.addCleanup(far.close)
        sluice.outputs["port"] = far.port
        sluice.start()
        writer = self.write("--containers", 1, "--lines", 100, "--seconds", 0.5)
        sluice.wait_records(writer.wait())
        self.assert_stops(sluice)
        self.assert_right(writer, sluice, repeats=False)

    def test_newer_one_that_asks_for_more_is_refused(self):
        include = self.newer()
        for name, flag in (("ops", "-DOPS=.max_in_flight=1,.later=(void(*)(void))bad_send"),
                           ("row", '-DROW=.name="text",.later={0,1}')):
            with self.subTest(name):
                self.assert_refused(self.bad(f"{name}.so", flag, include=include),
                                    "was built for a newer sluice, and asks for what this one does "
                                    "not have: update sluice")

    def test_zero_sizes_are_those_of_the_first_version(self):
        plugin = self.bad("bad.so", "-DSIZE=0", "-DOPTION_SIZE=0")
        self.assertEqual(self.check(plugin).returncode, 0)


class Refusals(Case):
    """Each with its place and a remedy, and never a crash."""

    FLAGS = (
        ("-DABI=2", "was built for plugin ABI 2, this sluice has 1: update sluice"),
        ("-DABI=0", "was built for plugin ABI 0, this sluice has 1: build it again"),
        ("-DNO_SYMBOL", "holds no plugin: it exports no `sl_plugin`"),
        ("-DFUNCTION", "its `sl_plugin` is no constant of type sl_plugin"),
        ("-DNUMBER", "its `sl_plugin` is no constant of type sl_plugin"),
        ("-DCALLS_NOBODY", "undefined symbol: nobody_has_this"),
        ("-DSIZE=8", "has impossible sizes"),
        ("-DSIZE=4000", "has impossible sizes"),
        ("-DSIZE=~(size_t)0", "has impossible sizes"),
        ("-DOPTION_SIZE=1", "has impossible sizes"),
        ("-DOPTION_SIZE=sizeof(sl_option)+1", "has impossible sizes"),
        ("-DNAME=0", "has no right name"),
        ("-DNAME=\"file\"", 'its name, "file", is that of an output of sluice itself'),
        ("-DKIND=SL_FILTER", "is no output"),
        ("-DOPEN=0", "has no open()"),
        ("-DROW=.name=\"text\",.type=SL_SIZE,.fallback=\"much\"",
         'its default: text: "much" is not a size'),
    )

    def test_each_mistake_of_the_constant(self):
        self.assertEqual(self.check(self.bad("good.so")).returncode, 0)
        for i, (flag, what) in enumerate(self.FLAGS):
            with self.subTest(flag):
                self.assert_refused(self.bad(f"bad-{i}.so", flag), what)

    def test_files_that_are_no_library(self):
        text, empty = self.folder / "text.so", self.folder / "empty.so"
        text.write_text("this is not a library\n" * 100)
        empty.touch()
        os.mkfifo(self.folder / "fifo.so", 0o600)
        (self.folder / "folder.so").mkdir(mode=0o755)
        elf = self.bad("x.so").read_bytes()
        (self.folder / "other.so").write_bytes(elf[:18] + b"\x16\x00" + elf[20:])  # an s390's
        for name, what in (("text", "cannot be loaded: invalid ELF header"),
                           ("empty", "cannot be loaded: file too short"),
                           ("other", "cannot be loaded: "),
                           ("fifo", "is not a regular file"), ("folder", "is not a regular file"),
                           ("none", "no such file or directory")):
            with self.subTest(name):
                self.assert_refused(self.folder / f"{name}.so", what)
        self.assert_refused("relative.so", "is not an absolute path")
        done = self.check(f"'${{file:{self.folder}/text.so}}'")
        self.assertIn("plugins: ***: takes a path, not what a file holds\n", done.stderr)

    def test_what_others_could_change(self):
        inside = self.folder / "lib"
        inside.mkdir()
        plugin = build(BAD, inside / "bad.so")
        (self.folder / "link.so").symlink_to(plugin)
        (self.folder / "linked").symlink_to(inside)
        self.assert_refused(self.folder / "link.so", "is a symbolic link")
        self.assert_refused(self.folder / "linked" / "bad.so", "is a symbolic link")
        for path, mode in ((plugin, 0o666), (plugin, 0o664), (inside, 0o777), (inside, 0o1777),
                           (self.folder, 0o775)):
            with self.subTest(f"{path.name} {mode:o}"):
                before = path.stat().st_mode
                path.chmod(mode)
                self.assert_refused(plugin, f"{path} can be written by others")
                path.chmod(before)
        self.assertEqual(self.check(plugin).returncode, 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_what_belongs_to_somebody_else(self):
        plugin = self.bad("bad.so")
        os.chown(plugin, 1, 1)
        self.assert_refused(plugin, f"{plugin} belongs to user 1")

    def test_same_name_twice_and_the_missing_type(self):
        one, two = self.bad("one.so"), self.bad("two.so")
        done = self.check(f"{one}, {two}")
        self.assertIn(f'{two}: its name, "bad", is that of {one}', done.stderr)
        done = self.check("/none.so", "[{type: bad}]")
        self.assertEqual(done.stderr.count("sluice.yaml:"), 1, "one mistake is said once")


class Modules(Case):
    """sluice-output-NAME.so in ../lib/sluice of the program: found by the type's name alone."""

    def setUp(self):
        super().setUp()
        self.program = self.folder / "bin" / "sluice"
        self.modules = self.folder / "lib" / "sluice"
        for folder in (self.program.parent, self.modules):
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        self.folder.joinpath("lib").chmod(0o755)
        shutil.copy(SLUICE, self.program)
        shutil.copy(BUILD / "tests/e2e/sluice-output-tcp_lines.so", self.modules)

    def use(self, kind):
        return self.check("", f"[{{type: {kind}, port: 5}}]", program=self.program, verbose=["-v"])

    def test_is_found_by_its_type(self):
        done = self.use("tcp_lines")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"({self.modules}/sluice-output-tcp_lines.so)\n", done.stdout)
        done = self.ask("options", program=self.program)
        self.assertRegex(done.stdout, r"\n  tcp_lines +lines over TCP, .*\.so\)\n")
        self.assertEqual(self.ask("options", "tcp_lines", program=self.program).returncode, 0)

    def test_is_loaded_only_when_asked_for(self):
        (self.modules / "sluice-output-broken.so").write_text("not a library")
        done = self.check("", program=self.program, verbose=["-v"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(str(self.modules), done.stdout)
        done = self.use("broken")
        self.assertEqual(done.returncode, 2)
        self.assertIn("outputs.0: type: ", done.stderr)
        self.assertIn("cannot be loaded: ", done.stderr)
        self.assertIn("is none of stdout, file, null, broken, tcp_lines", self.use("brken").stderr)

    def test_is_checked_like_any_other(self):
        self.modules.chmod(0o777)
        self.assertIn("can be written by others", self.use("tcp_lines").stderr)

    def test_holds_what_it_is_called_by(self):
        (self.modules / "sluice-output-tcp_lines.so").rename(
            self.modules / "sluice-output-other.so")
        self.assertIn('holds an output "tcp_lines"', self.use("other").stderr)

    def test_no_variable_leads_elsewhere(self):
        done = subprocess.run(
            [SLUICE, "options", "tcp_lines"], capture_output=True, text=True, check=False,
            env={**os.environ, "LD_LIBRARY_PATH": str(self.modules), "PATH": str(self.program.parent)})
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
