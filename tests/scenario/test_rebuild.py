#!/usr/bin/env python3
"""Checkpoints of another version of the server: a view that this one does not read is rebuilt from
the log, it alone, and said so; where the log does not reach back, there is no start, and nothing
changes."""

import os
import re
import shutil
import struct
import subprocess
import tempfile

from client import Client
from fluxion_server import BINARY, FluxionServer, SECRET, START_SECONDS
from harness import Suite, equal

suite = Suite()
FOLDER = tempfile.mkdtemp(prefix="fluxion-rebuild-")
HEAD = struct.Struct("<III")  # of a frame: kind, length, CRC; as in docs/log-format.md
VIEW, BLOCK = 2, 3
FOREIGN = 7
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def plant(path, view):
    """Gives this view another version, and blocks that nobody can read."""
    with open(path, "rb") as file:
        data = file.read()
    out, at, number, foreign, planted = b"", 0, 0, False, 0
    while at < len(data):
        kind, length, _ = HEAD.unpack_from(data, at)
        payload = data[at + HEAD.size:at + HEAD.size + length]
        at += HEAD.size + length
        if kind == VIEW:
            foreign = payload[1:1 + payload[0]] == view.encode()
            if foreign:
                payload = payload[:-4] + struct.pack("<I", FOREIGN)
                planted += 1
        elif kind == BLOCK and foreign:
            payload = b"\xee" * length
        crc = crc32c(struct.pack("<QII", number, kind, length) + payload)
        out += HEAD.pack(kind, length, crc) + payload
        number += 1
    equal(planted, 1, "views planted")
    with open(path, "wb") as file:
        file.write(out)


def checkpoints(folder):
    return [os.path.join(folder, n) for n in sorted(os.listdir(folder))
            if n.startswith("checkpoint-")]


def content(folder):
    files = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            files[name] = file.read()
    return files


def fill(client, keys):
    for n in range(keys):
        client.ok("sval", {"col": "c", "key": f"k{n % 20}", "value": f"{n}" + "v" * 200})
    client.ok("rval", {"col": "c", "key": "k3"})
    client.ok("ins", [{"ts": n, "doc": f"d{n % 3}", "col": "c", "data": str(n)}
                      for n in range(50)])
    client.ok("keys", {"action": "add", "key": "a-key-of-some-length", "scope": "read_only"})


def state(server):
    with Client(server) as client:
        keys = [client.ok("gval", {"col": "c", "key": f"k{n}"}) for n in range(20)]
        documents = [client.ok("qdoc", {"col": "c", "doc": f"d{n}", "from": 0,
                                      "to": 100}) for n in range(3)]
        listed = client.ok("keys", {"action": "list"})
    return [{k: v for k, v in reply.items() if k not in ("id", "seq")}
            for reply in [*keys, *documents, listed]]


for view in ("series", "values", "keys"):
    with suite.case(f"{view} of another version: rebuilt from the log, once"):
        folder = os.path.join(FOLDER, view)
        with FluxionServer(data=folder) as server:
            with Client(server) as client:
                fill(client, 60)
            before = state(server)
            server.stop()
        for path in checkpoints(folder):
            plant(path, view)
        with FluxionServer(data=folder) as server:
            log = server.log_text()
            assert f"does not read {view} of version {FOREIGN}: rebuilding {view} from the log, " \
                   "seqs 1 to " in log, log
            found = re.search(rf"rebuilt {view}: (\d+) entries", log)
            equal(int(found[1]), {"values": 61, "series": 1, "keys": 1}[view], "entries")
            equal(state(server), before, "what is there")
            server.kill()
        with FluxionServer(data=folder) as server:
            equal(state(server), before, "what is there after a kill")
            server.stop()
        with FluxionServer(data=folder) as server:
            assert "rebuil" not in server.log[-1], server.log
            equal(state(server), before, "what is there in the end")

with suite.case("where the log does not reach back: exit code 2, one line, nothing changed"):
    folder = os.path.join(FOLDER, "unreachable")
    settings = {"segment-size": "4KiB", "log-retain-bytes": 0}
    with FluxionServer(data=folder, settings=settings) as server:
        with Client(server) as client:
            for _ in range(3):
                fill(client, 40)
                client.ok("snap", {})
        before = state(server)
        server.stop()
    good = content(folder)
    for path in checkpoints(folder):
        plant(path, "values")
    planted = content(folder)
    for more in ([], ["--salvage"]):
        done = subprocess.run([BINARY, "--data", folder, "--port", "0", *more],
                              env={"PATH": os.environ["PATH"], "FLUXION_SECRET_KEY": SECRET},
                              capture_output=True, text=True, timeout=START_SECONDS,
                              stdin=subprocess.DEVNULL)
        lines = done.stderr.splitlines()
        equal((done.returncode, done.stdout, len(lines)), (2, "", 1), f"outcome ({lines})")
        assert f"does not read values of version {FOREIGN}" in lines[0], lines
        assert "nothing was changed" in lines[0], lines
        lock = {"lock": None}  # holds the process id
        equal({**content(folder), **lock}, {**planted, **lock}, "files")
    for name, data in good.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    with FluxionServer(data=folder, settings=settings) as server:
        equal(state(server), before, "what the version that wrote it finds")

shutil.rmtree(FOLDER, ignore_errors=True)
suite.end()
