#!/usr/bin/env python3
"""What was acknowledged is there again: after SIGTERM, after kill -9, and what each start says.

FLUXION_SEED repeats a run.
"""

import os
import random
import time

import websocket

from client import BINARY, Client, Closed
from fluxion_server import SECRET, STOP_SECONDS, FluxionServer
from harness import Suite, equal, expect
from model import Model, check_replies

suite = Suite()
SEED = int(os.environ.get("FLUXION_SEED", time.time_ns() % 10**9))
ODD = 2**53 + 1
# So small that segments fill, are recycled, and checkpoints overtake them.
SMALL = {"segment-size": "16KiB", "checkpoint-bytes": "64KiB", "checkpoint-interval": "1s",
         "log-retain-bytes": "256KiB"}
READS = (
    ("qry", {"col": "all", "ts": 2**62}), ("qry", {"col": "all", "ts": 2, "doc": "/a/"}),
    ("qdoc", {"col": "all", "doc": "äöü", "to": 2**63 - 1, "from": -2**63}),
    ("qdoc", {"col": "all", "doc": "a", "to": 10}), ("gval", {"col": "all", "key": "k"}),
    ("gval", {"col": "all", "key": "gone"}), ("gval", {"col": "all", "key": "empty"}),
    ("gvals", {"col": "all"}), ("gkeys", {"col": "all"}), ("cols", {}),
    ("keys", {"action": "list"}), ("gvals", {"col": "dropped"}),
)


def fill(client):
    """Something of everything."""
    client.ok("ins", [{"col": "all", "doc": "äöü", "ts": ts, "data": f"\x00{ts}€😀"}
                      for ts in (-2**63, -1, 0, ODD, 2**63 - 1)])
    client.ok("ins", [{"col": "all", "doc": "a", "ts": n % 97, "data": f"v{n}"}
                      for n in range(1000)])
    client.ok("drrng", {"col": "all", "doc": "a", "fromTs": 3, "toTs": 5})
    client.ok("drec", {"col": "all", "doc": "a", "ts": 7})
    for value in ("1", "2", "\x00€"):
        client.ok("sval", {"col": "all", "key": "k", "value": value})
    client.ok("sval", {"col": "all", "key": "empty", "value": ""})
    client.ok("sval", {"col": "all", "key": "gone", "value": "x"})
    client.ok("rval", {"col": "all", "key": "gone"})
    client.ok("sval", {"col": "dropped", "key": "k", "value": "x"})
    client.ok("dcol", {"col": "dropped"})
    for n, scope in enumerate(("readonly", "read_write", "read_write_delete")):
        client.ok("keys", {"action": "add", "key": f"stored-key-{n:04}", "scope": scope})
    client.ok("keys", {"action": "remove", "key": "stored-key-0001"})
    client.ok("keys", {"action": "add", "key": "stored-key-0002", "scope": "read_write"})


def picture(server):
    """Every read's reply without its id, the log id and the seq."""
    with Client(server) as client:
        replies = [client.ok(type, payload) for type, payload in READS]
        return ([{k: v for k, v in reply.items() if k != "id"} for reply in replies],
                client.ready["log"], client.ready["seq"])


def everything(server, label):
    with Client(server) as client:
        fill(client)
    before = picture(server)
    equal(len(before[0][4]["value"]), 2, "the value of k")
    for number, hard in enumerate((False, True, True, False, False, True)):
        with suite.case(f"{label}: start {number + 2}, after {'kill -9' if hard else 'SIGTERM'}"):
            server.restart(hard)
            after = picture(server)
            for (type, payload), was, found in zip(READS, *(p[0] for p in (before, after))):
                equal(found, was, f"{type} {payload}")
            equal(after[1:], before[1:], "log and seq")
            with Client(server, "stored-key-0000") as client:
                equal((client.ready["scope"], client.ready["durable"]), ("readonly", True))
            with Client(server, "stored-key-0002") as client:
                equal(client.ready["scope"], "read_write")
    with suite.case(f"{label}: versions and seqs go on where they were"):
        with Client(server) as client:
            seq = client.ready["seq"]
            expect(client.call("sval", {"col": "all", "key": "k", "value": "v"}),
                   {"ver": 4, "seq": seq + 1})
            expect(client.call("sval", {"col": "all", "key": "gone", "value": "v"}),
                   {"ver": 3, "seq": seq + 2})
            expect(client.call("sval", {"col": "dropped", "key": "k", "value": "v"}),
                   {"ver": 3, "seq": seq + 3})
            expect(client.call("gval", {"col": "all", "key": "k"},
                               min_seq=f"{before[1]}:{seq}"), {"value": "v"})


def random_rounds(server):
    model, generator = Model("random-"), random.Random(SEED)
    for number in range(8):
        hard = number % 2 == 0
        with suite.case(f"random round {number}, {'kill -9' if hard else 'SIGTERM'}, seed {SEED}"):
            with Client(server, kind=BINARY) as client:
                check_replies(client, [model.random_write(generator) for _ in range(1500)])
            server.restart(hard)
            with Client(server) as client:
                model.check(client)
    with suite.case("segments were recycled, checkpoints made"):
        sizes = sum(os.path.getsize(os.path.join(base, name))
                    for base, _, names in os.walk(server.data) for name in names)
        print(f"12000 random writes, segments of 16 KiB: {sizes} bytes in the data folder")
        assert sizes < 8 * 1024 * 1024, sizes
        names = sorted(n for n in os.listdir(server.data) if n.endswith(".seg"))
        assert int(names[0].split(".")[0]) > 1, f"the first segment is still there: {names}"


def killed_under_load(server):
    """Nothing waits for the end of the writes: the kill falls into the midst of them."""
    for number in range(5):
        with suite.case(f"killed in the midst of pipelined writes, round {number}"):
            col, acknowledged = f"load{number}", {}
            client = Client(server)
            ids = {}
            for n in range(3000):
                ids[client.send("sval", {"col": col, "key": f"k{n}", "value": f"v{n}"})] = n
                if n == 1000:  # so that there is something to lose
                    acknowledged[ids[client.receive()["id"]]] = True
            server.process.kill()
            try:
                while True:
                    reply = client.receive()
                    expect(reply, {})
                    acknowledged[ids[reply["id"]]] = True
            except (Closed, OSError, websocket.WebSocketException):
                pass
            server.restart(hard=True)
            with Client(server) as client:
                found = client.ok("gvals", {"col": col})["values"]
            missing = [n for n in acknowledged if found.get(f"k{n}") != f"v{n}"]
            assert not missing, f"{len(missing)} acknowledged writes are lost: {missing[:10]}"
            equal(sorted(int(k[1:]) for k in found), list(range(len(found))),
                  "what is there is a prefix of what was sent")
            print(f"round {number}: {len(acknowledged)} acknowledged, {len(found)} there")


def atomic_inserts(server):
    """An insert over several collections and documents is there whole or not at all."""
    for number in range(5):
        with suite.case(f"killed in the midst of large inserts, round {number}"):
            cols = [f"whole{number}-{c}" for c in range(3)]
            client = Client(server, kind=BINARY, data="inline")
            ids = {client.send("ins", [{"col": col, "doc": f"d{d}", "ts": n, "data": f"v{n}"}
                                       for col in cols for d in range(10)]): n for n in range(600)}
            acknowledged = [ids[client.receive()["id"]] for _ in range(50)]
            server.process.kill()
            try:
                while True:
                    acknowledged.append(ids[client.receive()["id"]])
            except (Closed, OSError, websocket.WebSocketException):
                pass
            server.restart(hard=True)
            with Client(server) as client:
                times = {tuple(r["ts"] for r in client.ok("qdoc", {
                    "col": col, "doc": f"d{d}", "from": 0, "to": 600})["records"])
                         for col in cols for d in range(10)}
            equal(len(times), 1, "different contents of 30 documents written together")
            found = list(times.pop())
            equal(found, list(range(len(found))), "a prefix of what was sent")
            assert set(acknowledged) <= set(found), "acknowledged inserts are lost"


def histories():
    def log_after(server, hard):
        with Client(server) as client:
            old = client.ready["log"]
            seq = client.ok("sval", {"col": "h", "key": "k", "value": "v"})["seq"]
        server.restart(hard)
        with Client(server) as client:
            new = client.ready["log"]
            expect(client.call("cols", {}, min_seq=f"{old}:{seq}"),
                   {} if new == old else "compacted")
        return new == old, client.ready["durable"]

    # durability, then: is `log` the same after SIGTERM, after kill -9; what `durable` says
    for durability, soft, hard, durable in (("always", True, True, True),
                                            ("interval", True, False, False),
                                            ("none", True, False, False)):
        with FluxionServer(settings={"durability": durability}) as server:
            for kill, same in ((False, soft), (True, hard), (False, soft), (True, hard)):
                with suite.case(f"durability {durability}, {'kill -9' if kill else 'SIGTERM'}: "
                                f"{'the same' if same else 'a new'} history"):
                    equal(log_after(server, kill), (same, durable))
    with suite.case("data written under interval and ended in order is there under always"):
        with FluxionServer(settings={"durability": "interval"}) as server:
            with Client(server) as client:
                fill(client)
            before = picture(server)
            server.stop()
            server.settings["durability"] = "always"
            server.start()
            equal(picture(server), before)
            server.restart(hard=True)
            equal(picture(server), before)
    with suite.case("two data folders are two histories"):
        with FluxionServer() as one, FluxionServer() as two:
            assert picture_log(one) != picture_log(two)


def picture_log(server):
    with Client(server) as client:
        return client.ready["log"]


def in_memory():
    with FluxionServer(data=False) as server:
        with suite.case("without a data folder: it says so, and works"):
            server.wait_for_line("memory")
            with Client(server) as client:
                equal(client.ready["durable"], False)
                fill(client)
            equal(picture(server)[0][4]["found"], True)
        with suite.case("without a data folder: every start is a new history without data"):
            logs = set()
            for hard in (False, True, False):
                logs.add(picture_log(server))
                server.restart(hard)
                with Client(server) as client:
                    equal(client.ready["seq"], 0)
                    expect(client.call("cols"), {"collections": []})
                    equal(len(client.ok("keys", {"action": "list"})["keys"]), 1)
            equal(len(logs), 3)


def other_secret():
    with suite.case("another master key: the data and the API keys stay, the old one is refused"):
        with FluxionServer() as server:
            with Client(server) as client:
                fill(client)
            before = picture(server)
            server.stop()
            server.secret = "Another-Secret-98765"
            server.start()
            with Client(server, "Another-Secret-98765") as client:
                equal(client.ready["log"], before[1])
                equal(client.ok("gval", {"col": "all", "key": "k"})["value"], "\x00€")
                equal([k["id"] for k in client.ok("keys", {"action": "list"})["keys"]],
                      [k["id"] for k in before[0][10]["keys"]])
            with Client(server, "stored-key-0000") as client:
                equal(client.ready["scope"], "readonly")
            try:
                Client(server, SECRET)
            except websocket.WebSocketBadStatusException as refused:
                equal(refused.status_code, 401)
            else:
                raise AssertionError("the old master key still opens the door")


def shutdown():
    with suite.case("SIGTERM: open clients get 1001, what was acknowledged is there"):
        with FluxionServer() as server:
            clients = [Client(server) for _ in range(20)]
            clients[0].ok("sval", {"col": "s", "key": "k", "value": "v"})
            server.process.terminate()
            for client in clients:
                equal(client.closed(), 1001)
            equal(server.wait(STOP_SECONDS), 0, "exit code")
            server.start()
            with Client(server) as client:
                expect(client.call("gval", {"col": "s", "key": "k"}), {"value": "v", "ver": 1})
    with suite.case("SIGTERM in the midst of pipelined writes: it ends in time, nothing is lost"):
        with FluxionServer() as server:
            client = Client(server)
            ids = [client.send("sval", {"col": "s", "key": f"k{n}", "value": "v"})
                   for n in range(2000)]
            client.receive()
            server.process.terminate()
            count = 1
            try:
                while True:
                    expect(client.receive(), {})
                    count += 1
            except Closed as closed:
                equal(closed.code, 1001)
            equal(server.wait(STOP_SECONDS), 0, "exit code")
            server.start()
            with Client(server) as client:
                found = len(client.ok("gkeys", {"col": "s"})["keys"])
            assert count <= found <= len(ids), (count, found)
    with suite.case("SIGINT ends it in order, too"):
        with FluxionServer() as server:
            server.process.send_signal(2)
            equal(server.wait(STOP_SECONDS), 0, "exit code")


def main():
    print(f"seed {SEED}")
    with FluxionServer() as server:
        everything(server, "large segments")
        killed_under_load(server)
        atomic_inserts(server)
    with FluxionServer(settings=SMALL) as server:
        everything(server, "small segments")
        random_rounds(server)
    histories()
    in_memory()
    other_secret()
    shutdown()
    suite.end()


main()
