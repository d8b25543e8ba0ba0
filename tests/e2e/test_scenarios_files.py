"""What becomes of files and folders, while the agent looks and while it does not: T-ROT, T-DISC and
T-CKPT of tests/README.md, played once with inotify and once with polling."""
import gzip
import os
import shutil
import unittest

import scenes

ROTATED = "0.log.20231114-2213{:02}"


def another(log, container):
    """A container of the same pod."""
    return type(log)(log.folder.parents[1], log.folder.parent.name.split("_")[1], container)


def partial(text):
    return {"message": text, "flags": ["partial"]}


# --- rotation ---

def scene_rot_03_ten_rotations_with_delayed_compression(log):
    """T-ROT-03: a thousand lines between two, all but the newest compressed at once."""
    yield []
    expected = []
    for i in range(10):
        texts = [f"{i} {n}" for n in range(1000)]
        log.write(b"".join(map(log.line, texts)))
        os.close(log.rotate(ROTATED.format(i)))
        expected += texts
        if i > 0:
            log.squeeze(ROTATED.format(i - 1))
    log.put("end")
    yield [*expected, "end"]
    yield []
    yield []


def three_rotations(log):
    """T-ROT-07: three containers, each three times in a phase, with ten lines between."""
    yield []
    for phase in range(3):
        texts = []
        for turn in range(3):
            lines = [f"{phase} {turn} {n}" for n in range(10)]
            log.put(*lines)
            texts += lines
            os.close(log.rotate(ROTATED.format(10 * phase + turn)))
        yield texts


scene_rot_07_rotates = scene_rot_07_rotates_too = scene_rot_07_rotates_as_well = three_rotations


def scene_rot_09_known_under_its_new_name(log):
    """T-ROT-09: the rotated name is looked at before anything new is in its place, and after."""
    log.put("1")
    yield ["1"]
    for i in range(2):
        log.put(f"2 {i}")
        name = log.folder / "0.log"
        os.rename(name, log.folder / ROTATED.format(i))
        os.close(log.fd)
        if i:
            (log.folder / "unrelated").touch()
        log.create()
        log.put(f"3 {i}")
    yield ["2 0", "3 0", "2 1", "3 1"]


def scene_rot_11_renamed_and_nothing_new(log):
    """T-ROT-11: its writer goes on."""
    log.put("a")
    yield ["a"]
    os.rename(log.folder / "0.log", log.folder / ROTATED.format(0))
    log.put("b", "c")
    yield ["b", "c"]
    log.put("d")
    yield ["d"]


def scene_rot_14b_truncated_under_a_writer_without_append(log):
    """T-ROT-14b: a hole where the old bytes were. It is not shipped as such."""
    log.put("a", "b", "c")
    yield ["a", "b", "c"]
    end = os.lseek(log.fd, 0, os.SEEK_END)
    os.close(log.fd)
    log.fd = os.open(log.folder / "0.log", os.O_WRONLY)
    os.lseek(log.fd, end, os.SEEK_SET)
    os.truncate(log.folder / "0.log", 0)
    log.put("d", "e")
    yield ["d", "e"]


def scene_rot_16_truncated_to_less(log):
    """T-ROT-16: the file ends before our position, and not at its beginning: what is appended comes."""
    log.put("a", "b", "c", "d")
    yield ["a", "b", "c", "d"]
    os.truncate(log.folder / "0.log", 2 * len(log.line("a")))
    log.put("e")
    yield ["a", "b", "e"]
    log.put("f")
    yield ["f"]


def scene_rot_20_truncated_then_longer(log):
    """T-ROT-20: at once more than there was before; then, when it has been silent, less."""
    log.put("a", "b")
    yield ["a", "b"]
    os.truncate(log.folder / "0.log", 0)
    texts = [f"longer {i}" for i in range(50)]
    log.put(*texts)
    yield texts
    os.truncate(log.folder / "0.log", 0)
    log.put("shorter")
    yield ["shorter"]
    os.truncate(log.folder / "0.log", 0)
    log.put("x")
    yield ["x"]


def scene_rot_22_replaced_by_its_own_copy_and_more(log):
    """T-ROT-22: written aside and renamed over it, with one line more: that line alone."""
    log.put("a", "b")
    yield ["a", "b"]
    replace(log, (log.folder / "0.log").read_bytes() + log.line("c"))
    yield ["c"]
    replace(log, (log.folder / "0.log").read_bytes() + log.line("d"))
    yield ["d"]


def scene_rot_22_replaced_by_something_else(log):
    """T-ROT-22: all of what is new."""
    log.put("a", "b")
    yield ["a", "b"]
    replace(log, log.line("c") + log.line("d"))
    yield ["c", "d"]
    replace(log, log.line("e"))
    yield ["e"]


def replace(log, data):
    (log.folder / "new").write_bytes(data)
    os.rename(log.folder / "new", log.folder / "0.log")


def scene_rot_17_truncated_elsewhere(log):
    """T-ROT-17: moved away, truncated there, moved back."""
    log.put("a", "b")
    yield ["a", "b"]
    name, away = log.folder / "0.log", log.folder / "elsewhere"
    os.rename(name, away)
    os.truncate(away, 0)
    os.rename(away, name)
    log.put("c", "d")
    yield ["c", "d"]


def scene_rot_26_deleted_without_its_newline(log):
    """T-ROT-26: what is there is delivered when the file is given up."""
    log.put("a")
    log.write(log.line("half")[:-1])
    yield ["a"]
    shutil.rmtree(log.folder.parent)
    os.close(log.fd)
    yield [partial("half")]


def scene_rot_28_gz_that_nobody_knew(log):
    """T-ROT-28: there at the first start, of several members: read once, to its end; with CRLF the CR
    stays, as in any other file."""
    members = [log.line("a"), log.line("b") + log.line("half")[:-3], b"lf\n", log.line("c\r")]
    with open(log.folder / (ROTATED.format(0) + ".gz"), "wb") as out:
        for member in members:
            out.write(gzip.compress(member))
    os.utime(log.folder / (ROTATED.format(0) + ".gz"), (1e9, 1e9))
    log.put("live")
    yield ["a", "b", "half", "c\r", "live"]
    yield []
    yield []
    log.put("more")
    yield ["more"]


def scene_rot_40_the_oldest_of_three_is_deleted(log):
    """T-ROT-40: while nobody has read them: what is deleted is gone, and the others come, in order."""
    log.put("0")
    yield ["0"]
    yield []
    for i in range(3):
        log.put(f"{i} a", f"{i} b")
        os.close(log.rotate(ROTATED.format(i)))
    log.put("live")
    (log.folder / ROTATED.format(1)).unlink()
    yield ["0 a", "0 b", "2 a", "2 b", "live"]
    log.put("end")
    yield ["end"]


def scene_rot_33_rotated_while_down(log):
    """T-ROT-33, T-CKPT-04"""
    log.put("a", "b")
    yield ["a", "b"]
    log.put("c")
    yield ["c"]
    log.put("d")
    old = log.rotate(ROTATED.format(0))
    log.put("f")
    log.put("e", fd=old)
    os.close(old)
    yield ["d", "e", "f"]
    log.put("g")
    yield ["g"]


def scene_rot_34_moved_out_of_sight(log):
    """T-ROT-34: its writer goes on there."""
    log.put("a")
    yield ["a"]
    os.rename(log.folder / "0.log", log.folder.parents[2] / f"{log.folder.parent.name}.moved")
    log.put("b")
    yield ["b"]


def scene_rot_41_written_and_deleted(log):
    """T-ROT-41: the last line, and the pod is gone."""
    log.put("a")
    yield ["a"]
    log.put("b")
    shutil.rmtree(log.folder.parent)
    log.put("c")
    os.close(log.fd)
    yield ["b", "c"]


def scene_rot_41_restarted_under_the_same_name(log):
    """T-ROT-41: 0.log ends, 1.log begins, 0.log is deleted."""
    log.put("a")
    yield ["a"]
    log.put("b")
    os.close(log.fd)
    log.create("1.log")
    log.put("c")
    (log.folder / "0.log").unlink()
    log.put("d")
    yield [{"message": "b", "restart": 0}, *({"message": text, "restart": 1} for text in "cd")]


# --- discovery ---

def scene_disc_15_what_else_lies_there(log):
    """T-DISC-15: neither a .tmp, nor the .gz of a file that is there too, nor any other name."""
    first = {name: log.line(name) for name in ("gz", "tmp", "rotated")}
    with gzip.open(log.folder / (ROTATED.format(2) + ".gz"), "wb") as packed:
        packed.write(first["gz"])
    (log.folder / (ROTATED.format(1) + ".tmp")).write_bytes(first["tmp"])
    (log.folder / "0.log.tmp").write_bytes(first["tmp"])
    (log.folder / "core.1234").write_bytes(first["tmp"])
    (log.folder / ROTATED.format(2)).write_bytes(first["rotated"])
    log.put("live")
    yield ["rotated", "live"]
    (log.folder / (ROTATED.format(3) + ".tmp")).write_bytes(first["tmp"])
    log.put("more")
    yield ["more"]


def scene_disc_13_a_fifo_is_no_log(log):
    """T-DISC-13: nor does opening it hold anything up."""
    in_place_of_the_log(log, os.mkfifo)
    yield []
    (log.folder / "0.log").unlink()
    log.create()
    log.put("a file now")
    yield ["a file now"]


def scene_disc_13_a_folder_is_no_log(log):
    """T-DISC-05, T-DISC-13"""
    in_place_of_the_log(log, os.mkdir)
    yield []
    (log.folder / "0.log").rmdir()
    log.create()
    log.put("a file now")
    yield ["a file now"]


def scene_disc_13_a_device_is_no_log(log):
    """T-DISC-13: where making one is allowed."""
    try:
        in_place_of_the_log(log, lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)))
    except PermissionError:
        return
    yield []


def scene_disc_13_a_link_is_not_followed(log):
    """T-DISC-13: least of all out of the tree."""
    def link(path):
        target = log.folder.parents[2] / "secret"
        target.write_bytes(log.line("a secret"))
        os.symlink(target, path)
    in_place_of_the_log(log, link)
    yield []
    yield []
    (log.folder / "0.log").unlink()
    log.create()
    log.put("a file now")
    yield ["a file now"]


def in_place_of_the_log(log, make):
    os.close(log.fd)
    (log.folder / "0.log").unlink()
    make(log.folder / "0.log")


# --- positions ---

def scene_ckpt_01_all_four(log):
    """T-CKPT-01: short and long lines, written while down and while up, twice."""
    for i in range(scenes.PHASES):
        texts = [f"{i} {n} {'x' * length}" for n in range(20) for length in (20, 2000)]
        log.put(*texts)
        yield texts


def scene_ckpt_06_half_a_line(log):
    """T-CKPT-06: read and not delivered, then stopped; its rest comes while down."""
    line = log.line("partial")
    log.put("first")
    yield ["first"]
    log.write(line[:-4])
    yield []
    log.write(line[-4:])
    yield ["partial"]


def scene_ckpt_06_half_a_record(log):
    """T-CKPT-06: the same, of two parts; what the other stream says is not repeated."""
    log.put("par", tag="P")
    log.put("error", stream="stderr")
    yield ["error"]
    yield []
    log.put("tial")
    yield ["partial"]


def scene_ckpt_10_equal_until_the_restart(log):
    """T-CKPT-10: one of two equal files is deleted before they differ."""
    other = another(log, "other")
    same = log.line("same")
    log.write(same)
    other.write(same)
    yield ["same", "same"]
    shutil.rmtree(other.folder)
    yield []
    log.put("different")
    yield ["different"]


def scene_ckpt_12_gone_while_down(log):
    """T-CKPT-12: what the state still knows; another pod's file has its inode, perhaps."""
    log.put("a")
    yield ["a"]
    yield []
    shutil.rmtree(log.folder.parent)
    os.close(log.fd)
    yield []
    log.folder.mkdir(parents=True)
    log.create()
    log.put("b")
    yield ["b"]


def scene_ckpt_18_renamed_and_nothing_else(log):
    """T-CKPT-18"""
    log.put("a", "b")
    yield ["a", "b"]
    yield []
    os.rename(log.folder / "0.log", log.folder / ROTATED.format(0))
    yield []
    log.put("c")
    yield ["c"]


STORIES = scenes.scenes_of(__name__)
Watched = scenes.stage(__name__, "Watched", STORIES)
Polled = scenes.stage(__name__, "Polled", STORIES, follow="poll")


if __name__ == "__main__":
    unittest.main()
