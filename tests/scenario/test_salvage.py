#!/usr/bin/env python3
"""Damaged data folders: `fluxion verify` finds it, a start refuses, `--salvage` goes on with what
is whole, keeps the rest, and is needed once."""

import os
import shutil
import struct
import subprocess
import tempfile

from client import Client
from fluxion_server import BINARY, FluxionServer, START_SECONDS
from harness import Suite, equal

suite = Suite()
FOLDER = tempfile.mkdtemp(prefix="fluxion-salvage-")
KEYS = 60
BYTES = 300  # of a value: some ten entries fill a segment
SETTINGS = {"segment-size": "4KiB", "durability": "always"}
HEADER, BATCH = 512, struct.Struct("<4sIQQIIIIQ")  # as in docs/log-format.md


def verify(folder):
    """Exit code and lines."""
    done = subprocess.run([BINARY, "verify", folder], capture_output=True, text=True,
                          timeout=START_SECONDS, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.splitlines(), done.stderr


def value_of(seq):
    return f"{seq}:" + chr(ord("a") + seq % 26) * BYTES


def content(folder):
    files = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            files[name] = file.read()
    return files


def make(name, hard):
    """A folder with the keys 1 to KEYS, each written with the seq of its name."""
    folder = os.path.join(FOLDER, name)
    with FluxionServer(data=folder, settings=SETTINGS) as server:
        with Client(server) as client:
            for seq in range(1, KEYS + 1):
                equal(client.ok("sval", {"col": "c", "key": str(seq),
                                         "value": value_of(seq)})["seq"], seq, "seq")
            log = client.ready["log"]
        code, lines, error = verify(folder)
        with suite.case(f"{name}: verify refuses a folder in use"):
            equal((code, lines), (2, []))
            assert f"in use by process {server.process.pid}" in error, error
        server.kill() if hard else server.stop()
    return folder, log


def segments(folder):
    return sorted(n for n in os.listdir(folder) if n.endswith(".seg"))


def segment_of(folder, seq):
    return [n for n in segments(folder) if int(n[:20]) <= seq][-1]


def flip(folder, seq):
    """One bit, in the payload of this entry."""
    path = os.path.join(folder, segment_of(folder, seq))
    with open(path, "r+b") as file:
        data, at = bytearray(file.read()), HEADER
        while True:
            magic, _, _, first, count, length, _, _, _ = BATCH.unpack_from(data, at)
            equal(magic, b"FLXB", "magic")
            if first + count > seq:
                break
            at += (BATCH.size + length + 7) // 8 * 8
        data[at + BATCH.size + 40] ^= 4
        file.seek(0)
        file.write(data)
    return seq - 1


def without_segment(folder, seq):
    name = segment_of(folder, seq)
    os.remove(os.path.join(folder, name))
    return int(name[:20]) - 1


def cut_short(folder, _):
    """Less than the clean stop says: neither its checkpoint nor the last segments."""
    for name in os.listdir(folder):
        if name.startswith("checkpoint-"):
            os.remove(os.path.join(folder, name))
    return without_segment(folder, KEYS)


def check_keys(server, last, log, written):
    """Exactly the keys up to `last`, and those written since."""
    with Client(server) as client:
        assert client.ready["log"] != log, "the history kept its name"
        got = client.ok("gvals", {"col": "c"})["values"]
        equal(sorted(got, key=int), [str(n) for n in range(1, last + 1)] + written, "keys")
        for key, value in got.items():
            equal(value, value_of(int(key)), f"value of {key}")
        return client.ready["log"]


def check(what, folder, log, harm, seq):
    copy = os.path.join(FOLDER, "copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    last = harm(copy, seq)
    damaged = content(copy)
    with suite.case(f"{what}: verify finds it and changes nothing"):
        code, lines, error = verify(copy)
        equal((code, error), (1, ""))
        assert lines[-1].endswith((" fault", " faults")), lines
        assert any("damaged at offset" in line or "missing" in line for line in lines), lines
        equal(content(copy), damaged, "files")
    with suite.case(f"{what}: a start refuses"):
        server = FluxionServer(data=copy, settings=SETTINGS, start=False)
        server.spawn()
        equal(server.wait(START_SECONDS), 1, "exit code")
        assert "damaged at offset" in server.log_text() or "missing" in server.log_text()
    with suite.case(f"{what}: --salvage goes on after seq {last}"):
        with FluxionServer(data=copy, settings=SETTINGS, arguments=["--salvage"]) as server:
            new = check_keys(server, last, log, [])
            text = server.log_text()
            assert f"goes on after seq {last}" in text, text
            assert f"lost: seqs {last + 1} to {KEYS}" in text, text
            with Client(server) as client:
                equal(client.ok("sval", {"col": "c", "key": "1000",
                                         "value": value_of(1000)})["seq"], last + 1, "seq")
            server.stop()
    with suite.case(f"{what}: what was cut is kept"):
        kept = content(copy)
        for name, data in damaged.items():
            if name.endswith(".seg") or name.startswith("checkpoint-"):
                assert any(n.startswith("salvaged-") and n.endswith("Z-" + name) and d == data
                           for n, d in kept.items()), f"{name} is not among {sorted(kept)}"
    with suite.case(f"{what}: no salvage is needed any more"):
        equal(verify(copy)[0], 0, "verify")
        with FluxionServer(data=copy, settings=SETTINGS) as server:
            equal(check_keys(server, last, log, ["1000"]), new, "history")
            assert "salvage: " not in server.log_text()
            server.stop()


def usage():
    with suite.case("verify: wants one folder that can be read"):
        for arguments in ([], ["a", "b"], ["--data"], [os.path.join(FOLDER, "missing")]):
            done = subprocess.run([BINARY, "verify", *arguments], capture_output=True, text=True,
                                  timeout=START_SECONDS, stdin=subprocess.DEVNULL)
            equal((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1))
        empty = os.path.join(FOLDER, "empty")
        os.mkdir(empty)
        code, lines, error = verify(empty)
        equal((code, lines, os.listdir(empty)), (2, [], []), error)


def main():
    usage()
    for name, hard in (("killed", True), ("stopped", False)):
        folder, log = make(name, hard)
        before = content(folder)
        with suite.case(f"{name}: verify finds nothing and changes nothing"):
            code, lines, error = verify(folder)
            equal((code, lines[-1], error), (0, "ok", ""), str(lines))
            assert len(lines) == len(before), lines  # the lock has no line, the verdict has
            equal(content(folder), before, "files")
        with suite.case(f"{name}: --salvage does nothing to whole data"):
            copy = os.path.join(FOLDER, "whole")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            with FluxionServer(data=copy, settings=SETTINGS, arguments=["--salvage"]) as server:
                with Client(server) as client:
                    equal(client.ready["log"], log, "history")
                assert "salvage: " not in server.log_text()
        if hard:
            check("a flipped bit", folder, log, flip, 33)
            check("a missing segment", folder, log, without_segment, 33)
        else:
            check("an end before the clean stop", folder, log, cut_short, KEYS)


try:
    main()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
suite.end()
