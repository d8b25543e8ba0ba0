#!/usr/bin/env python3
"""check.py BIN - proves that what `bare` calls work is work: every record of every file, compared with what
this second, slow implementation makes of the same bytes. BIN is the folder that holds mix and bare."""
import base64, glob, gzip, hashlib, json, os, subprocess, sys, tempfile

NODE = "ip-10-12-33-171.eu-central-1.compute.internal"
INDEX = "logs-kubernetes-default"
DATA_STREAM = {"type": "logs", "dataset": "kubernetes", "namespace": "default"}
LABELS = {"name": "cart", "instance": "cart-eu", "version": "2026.11.1", "component": "backend", "part-of": "shop",
          "managed-by": "argocd", "team": "storefront", "tier": "critical"}
MAX_RECORD = 512 << 10
T = b"2026-11-23T04:29:00"
ODD_LINES = [b"not a CRI line", b"", T + b".1+09:00 stdout F elsewhere", T + b".1Z stdin F no such stream",
             T + b".1Z stdout X no such tag", T[:-1] + b"x.123456789Z stdout F no such second"]
NASTY_LINES = [
    T + b".123456789Z stdout F ", T + b".123456789Z stdout F", T + b"Z stderr F no fraction at all",
    T + b".5Z stdout F one digit", T + b".1234567891234Z stdout F too many digits", T + b".12345678Z stdout F:tag:tag tags",
    T + b".123456789Z stdout F quotes \" and \\ and \x00\x01\x1f\x7f\t\b\f\r" + b'"' * 40,
    "…Z stderr F Łukasz 李雷 😀 \u2028".encode().replace("…".encode(), T + b".000000001"),
    T + b".2Z stdout P first, ", T + b".3Z stderr P of the other stream, ", T + b".4Z stdout P second, ",
    T + b".5Z stderr F last", T + b".6Z stdout F third", T + b".7Z stdout P never finished",
] + [T + b".2Z stdout F bad " + bad + b" end" for bad in (
    b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"J\xfcrgen", b"\xe2\x28\xa1", bytes(range(128, 256)))] + [T + b".2Z stdout F cut short \xf0\x9f"]
LONG_LINES = [T + b".3Z stderr P " + b'"' * 16384] * 40 + [T + b".3Z stderr F end of what is too long"]


def records(path):
    """What the contract makes of one file: (its name, records by offset, number of odd lines)."""
    pod_dir, container, file = path.split("/")[-3:]
    namespace, pod, uid = pod_dir.split("_")
    attempt = int(file.split(".")[0])
    data = open(path, "rb").read()
    digest = 0x6c62272e07bb014262b821756295c58d
    for byte in b"%s/%s/%s/%d\n" % (namespace.encode(), uid.encode(), container.encode(), attempt) + data.split(b"\n")[0]:
        digest = (digest ^ byte) * ((1 << 88) + 0x13b) % (1 << 128)
    name = base64.urlsafe_b64encode(digest.to_bytes(16, "big")).decode().rstrip("=")
    constant = {"kubernetes": {"namespace": namespace, "node": {"name": NODE}, "pod": {"name": pod, "uid": uid},
                               "container": {"name": container}},
                "host": {"name": NODE}, "agent": {"name": NODE, "type": "sluice", "version": "1.0.0"},
                "ecs": {"version": "8.11.0"}, "sluice": {"restart": attempt}}
    made, odd, offset, parts = {}, 0, 0, {}
    for line in data.split(b"\n")[:-1]:
        here, offset = offset, offset + len(line) + 1
        words = line.split(b" ", 3) + [b""]
        time = words[0].decode("ascii", "replace")
        if (len(words) < 4 or not time.endswith("Z") or not time[:19].replace("-", "").replace(":", "").replace("T", "").isdigit()
                or words[1] not in (b"stdout", b"stderr") or words[2].split(b":")[0] not in (b"P", b"F")):
            odd += 1
            continue
        time = "%s.%sZ" % (time[:19], (time[20:-1] + "0" * 9)[:9])
        stream = words[1].decode()
        first_time, first, text = parts.pop(stream, (time, here, b""))
        text += words[3]
        if words[2][:1] == b"P":
            parts[stream] = first_time, first, text
            continue
        made[first] = dict(constant, **{"@timestamp": first_time, "message": text[:MAX_RECORD].decode("utf-8", "replace"),
                                        "stream": stream, "log": {"generation": name, "offset": first}})
    return name, made, odd


def run(bare, work, tree, *options):
    return json.loads(subprocess.run([bare, work, tree, "--repeat", "1", *options], check=True, capture_output=True, text=True).stdout)


def check_json(bare, tree, files):
    out = os.path.join(os.path.dirname(tree), "out")
    said = run(bare, "json", tree, "--out", out)
    seen, odd, expected = 0, 0, {}
    for path in files:
        name, expected[name], odd_here = records(path)
        odd += odd_here
    with open(out, encoding="utf-8", newline="\n") as lines:  # strict
        for line in lines:
            got = json.loads(line)
            want = expected[got["log"]["generation"]].pop(got["log"]["offset"])  # a KeyError: not there, or twice
            assert got == want, (got, want)
            seen += 1
    assert not any(expected.values()), "records are missing"
    assert (said["records"], said["odd"]) == (seen, odd), said
    print("json: %d records are as the contract says, %d odd lines left out" % (seen, odd))


def check_bulk(bare, work, tree, files, meta):
    """Records are those of `json`, each behind its action, and with the fields of a data stream."""
    out = os.path.join(os.path.dirname(tree), "out.gz")
    said = run(bare, work, tree, "--meta", meta, "--out", out)
    expected = {name: made for name, made, _ in map(records, files)}
    with gzip.open(out, "rt", encoding="utf-8", newline="\n") as lines:
        seen = 0
        for action in lines:
            got = json.loads(next(lines))
            name, offset = got["log"]["generation"], got["log"]["offset"]
            assert json.loads(action) == {"create": {"_index": INDEX, "_id": "%s-%d" % (name, offset)}}, action
            assert got.pop("data_stream") == DATA_STREAM, got
            assert got["kubernetes"].pop("labels", {}) == (LABELS if meta == "labels" else {}), got
            assert got == expected[name].pop(offset), got
            seen += 1
    assert not any(expected.values()), "records are missing"
    assert said["records"] == seen and said["out_bytes"] == os.path.getsize(out), said
    print("%s, meta %s: %d records and their actions" % (work, meta, seen))


def digest_of(tree):
    return [hashlib.sha256(open(p, "rb").read()).hexdigest() for p in sorted(glob.glob(tree + "/*/*/*.log"))]


def main():
    mix, bare = (os.path.join(sys.argv[1], name) for name in ("mix", "bare"))
    with tempfile.TemporaryDirectory() as scratch:
        tree, again = scratch + "/logs", scratch + "/again"
        for folder in (tree, again):
            subprocess.run([mix, folder, "--containers", "32", "--mib", "8"], check=True)
        assert digest_of(tree) == digest_of(again), "one seed gave two trees"
        odd = tree + "/shop_nasty-5e634f7ab-2ae44_db3257c7-5896-4e77-886e-1db8a8e23214/nasty/"
        os.makedirs(odd)
        for number, lines in enumerate((NASTY_LINES + ODD_LINES, LONG_LINES, [])):
            with open(odd + "%d.log" % number, "wb") as f:
                f.write(b"".join(line + b"\n" for line in lines) + b"no newline yet")
        files = sorted(glob.glob(tree + "/*/*/*.log"))
        check_json(bare, tree, files)
        for work in ("es-igzip", "es-zlib"):
            if "not built in" in subprocess.run([bare, work, tree, "--repeat", "1"], capture_output=True, text=True).stderr:
                print(work + " is not built in")
            else:
                for meta in ("path", "labels"):
                    check_bulk(bare, work, tree, files, meta)
        said = run(bare, "read", tree)
        assert said["raw_bytes"] and said["cpu_s"] > 0, said
        print("read runs")


main()
