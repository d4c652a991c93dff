#!/usr/bin/env python3
"""Cuts that a client holds, and snapshots of all records, on the wire."""

import time

from client import SECONDS, Client
from export_folders import fill, held, insert
from fluxion_server import FluxionServer
from harness import Suite, equal, expect
from subscriber import Subscriber

suite = Suite()


def test_cuts():
    with FluxionServer(data=False) as server, Subscriber(server) as c:
        fill(c, "c", documents=5, records=2000, keys=600)
        state = held(c)["c"]
        cut = c.ok("cut", {})
        with suite.case("a cut says its position and its collections"):
            equal((cut["log"], cut["seq"], cut["collections"]),
                  (c.ready["log"], c.ok("stat")["seq"], ["c"]))
            equal(c.ok("cut", {"cut": cut["cut"]})["seq"], cut["seq"])
        c.ok("dcol", {"col": "c"})

        def read(**wanted):
            stream = c.opened(c.send("sub", {"col": "c", "cut": cut["cut"], **wanted}),
                              {"snapshot": True})
            c.until(lambda: not stream.snapshot, "the end")
            assert stream.done, "there is no word that nothing follows"
            equal(stream.position, cut["seq"], "position")
            return stream.state

        with suite.case("what was there at the cut is read, whatever became of it"):
            equal({e["key"]: e["value"] for e in read(kind="keys")}, state[1])
            latest = read(kind="docs")
            equal({e["doc"]: (e["ts"], e["data"]) for e in latest},
                  {doc: rows[-1] for doc, rows in state[0].items()})
        everything = read(kind="docs", history=True)
        with suite.case("history: all records of each document, in order"):
            found = {}
            for event in everything:
                found.setdefault(event["doc"], []).append((event["ts"], event["data"]))
            equal(found, state[0])
        with suite.case("start: from a key, a document, a record on"):
            keys = [e["key"] for e in read(kind="keys")]
            for at in (0, 1, 299, 599):
                equal([e["key"] for e in read(kind="keys", start=keys[at])], keys[at:])
            places = [(e["doc"], e["ts"]) for e in everything]
            for at in (0, 1, 1999, 2000, 5001, 9999):
                got = read(kind="docs", history=True, start=places[at][0], start_ts=places[at][1])
                equal([(e["doc"], e["ts"]) for e in got], places[at:])
        with suite.case("filters hold for it, too"):
            equal([e["ts"] for e in read(kind="docs", history=True, match="d1", where="/^7 /")],
                  [7])
        with suite.case("without a cut: a snapshot of history, then the changes"):
            insert(c, [{"col": "h", "doc": "d", "ts": t, "data": f"{t}"} for t in range(5)])
            stream = c.sub({"kind": "docs", "col": "h", "snapshot": True, "history": True})
            c.until(lambda: not stream.snapshot, "the end")
            equal([e["ts"] for e in stream.state], [0, 1, 2, 3, 4])
            assert not stream.done
            insert(c, [{"col": "h", "doc": "d", "ts": 9, "data": "x"}])
            equal([e["ts"] for e in c.count(stream, 1)], [9])
            c.unsub(stream)
        with suite.case("the id of a subscription that has ended is free again"):
            equal(c.code("unsub", {"sub": "no"}), "not_found")
            for _ in range(2):
                id = c._send_as("same", {"kind": "keys", "col": "c", "cut": cut["cut"]}, {})
                stream = c.opened(id, {"snapshot": True})
                c.until(lambda: not stream.snapshot, "the end")
            equal(c.code("unsub", {"sub": "same"}), "not_found")
        suite.scripts(c, [
            ("what cannot be", [
                ("sub", {"kind": "keys", "cut": "0" * 32}, "not_found"),
                ("cut", {"cut": "0" * 32}, "not_found"),
                ("cut", {"end": True}, "bad_request"),
                ("sub", {"kind": "keys", "cut": cut["cut"], "from": 1}, "bad_request"),
                ("sub", {"kind": "keys", "snapshot": True, "history": True}, "bad_request"),
                ("sub", {"kind": "docs", "history": True}, "bad_request"),
                ("sub", {"kind": "docs", "snapshot": True, "start": "d"}, "bad_request"),
                ("sub", {"kind": "docs", "cut": cut["cut"], "start": "d0", "start_ts": 1},
                 "bad_request")])])
        with suite.case("a start that is not there ends it"):
            stream = c.opened(c.send("sub", {"kind": "keys", "col": "c", "cut": cut["cut"],
                                             "start": "nobody"}), {"snapshot": True})
            equal(c.ended(stream)["code"], "not_found")
        with suite.case("there are eight at most; one that ends makes room"):
            names = [c.ok("cut", {})["cut"] for _ in range(7)]
            expect(c.call("cut", {}), "too_many")
            c.ok("cut", {"cut": names[0], "end": True})
            equal(c.code("cut", {"cut": names[0]}), "not_found")
            c.ok("cut", {})
        with suite.case("it can be read over another connection, and lives without any"):
            with Subscriber(server) as d:
                stream = d.opened(d.send("sub", {"kind": "keys", "cut": cut["cut"]}),
                                  {"snapshot": True})
                d.until(lambda: not stream.snapshot, "the end")
                equal(len(stream.state), 600)


def test_limits():
    key = "a-key-that-may-read-only"
    with FluxionServer(data=False, arguments=["--max-cuts", "3"]) as server, \
            Client(server) as master:
        master.ok("keys", {"action": "add", "key": key, "scope": "readonly"})
        with suite.case("one API key holds half of the cuts, and others have the rest"), \
                Client(server, key=key) as one, Client(server, key=key) as same:
            one.ok("cut", {})
            same.ok("cut", {})
            expect(one.call("cut", {}), "too_many")
            master.ok("cut", {})
            expect(master.call("cut", {}), "too_many")
    arguments = ["--max-cuts", "1", "--cut-idle-timeout", "1s"]
    with FluxionServer(data=False, arguments=arguments) as server, Client(server) as master:
        with suite.case("one that nobody asks for goes after --cut-idle-timeout"):
            name = master.ok("cut", {})["cut"]
            deadline = time.monotonic() + SECONDS
            while master.code("cut", {}) == "too_many":
                assert time.monotonic() < deadline
            equal(master.code("cut", {"cut": name}), "not_found")


if __name__ == "__main__":
    test_cuts()
    test_limits()
    suite.end()
