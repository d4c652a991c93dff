#!/usr/bin/env python3
"""log: the entries themselves, asked for by range, and followed while they come."""

import os
import re
import threading

from client import Client
from fluxion_server import FluxionServer
from harness import Suite, equal, expect
from subscriber import Subscriber

suite = Suite()


def write_everything(c):
    """One entry of each type that a client can write, from seq 1 on; what `log` must say of it."""
    c.ok("ins", [{"col": "s", "doc": "d", "ts": t, "data": f"v{t}"} for t in (1, 2, 3)])
    c.ok("sval", {"col": "k", "key": "a", "value": "1", "ttl": 3_600_000})
    c.ok("rval", {"col": "k", "key": "a"})
    c.ok("mval", {"col": "k", "writes": [{"op": "set", "key": "b", "value": "2"}]})
    c.ok("drec", {"col": "s", "doc": "d", "ts": 1})
    c.ok("drrng", {"col": "s", "doc": "d", "fromTs": 0, "toTs": 2})
    c.ok("ddoc", {"doc": "d"})
    c.ok("keys", {"action": "add", "key": "reader-0123456789", "scope": "readonly"})
    c.ok("keys", {"action": "remove", "key": "reader-0123456789"})
    c.ok("dcol", {"col": "k"})
    return ["inserted", "key_set", "key_removed", "keys_written", "records_deleted",
            "range_deleted", "document_deleted", "api_key_set", "api_key_removed",
            "collection_dropped"]


def documented():
    """type -> its row of the table in docs/live.md."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "live.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    rows = re.search(r"\| `type` \|.*?\n\n", text, re.S)[0].splitlines()[2:]
    return {name: row for row in rows if row
            for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def fields(value):
    """The names of all members, in whatever depth."""
    if isinstance(value, list):
        return set().union(*map(fields, value))
    if isinstance(value, dict):
        return set(value) | fields(list(value.values()))
    return set()


def follow(c, **payload):
    return c.opened(c.send("log", {"live": True, **payload}), {})


def seqs(entries):
    return [e["seq"] for e in entries]


def test_ranges():
    with FluxionServer(data=False) as server, Client(server) as c:
        types = write_everything(c)
        n = len(types)
        whole = c.ok("log", {})
        with suite.case("all entries, each with seq, time, actor and what it says"):
            equal([e["type"] for e in whole["entries"]], types)
            equal(seqs(whole["entries"]), list(range(1, n + 1)))
            equal((whole["more"], whole["oldest"]), (False, f"{c.ready['log']}:0"))
            first = whole["entries"][0]
            equal(first["records"][1], {"col": "s", "doc": "d", "ts": 2, "data": "v2"})
            assert all(e["time"] > 1_600_000_000_000 and e["actor"] == 0
                       for e in whole["entries"])
        with suite.case("docs/live.md says of each type what is in its entries"):
            rows = documented()
            for entry in whole["entries"]:
                said = rows.get(entry["type"], "") + rows["key_set"] * ("writes" in entry)
                for name in fields(entry) - {"seq", "time", "actor", "type"}:
                    assert f"`{name}`" in said, f"{name} of {entry['type']}: {said}"
            equal(set(types) | {"key_expired", "keys_forgotten"}, set(rows), "types in the table")
        with suite.case("no entry shows a key, nor its hash"):
            added = whole["entries"][types.index("api_key_set")]
            equal(sorted(added), ["actor", "key_id", "scope", "seq", "time", "type"])
        for payload, wanted, more in (
                ({"gt": 3}, range(4, n + 1), False), ({"gte": 3}, range(3, n + 1), False),
                ({"lt": 3}, range(1, 3), False), ({"lte": 3}, range(1, 4), False),
                ({"gt": 2, "gte": 5, "lt": 9, "lte": 7}, range(5, 8), False),
                ({"limit": 2}, range(1, 3), True), ({"gt": 4, "limit": 2}, range(5, 7), True),
                ({"reverse": True}, range(n, 0, -1), False),
                ({"reverse": True, "limit": 3}, range(n, n - 3, -1), True),
                ({"reverse": True, "lt": 6, "gt": 2}, range(5, 2, -1), False),
                ({"gt": n}, range(0), False), ({"lt": 1}, range(0), False)):
            with suite.case(f"{payload}"):
                reply = c.ok("log", payload)
                equal((seqs(reply["entries"]), reply["more"]), (list(wanted), more))
        suite.scripts(c, [("what cannot be", [
            ("log", {"gt": "x"}, "bad_request"), ("log", {"limit": 0}, "bad_request"),
            ("log", {"limit": 10001}, "bad_request"),
            ("log", {"live": True, "reverse": True}, "bad_request"),
            ("log", {"live": True, "limit": 0}, "bad_request"),
            ("log", {"live": True, "gt": 5, "lt": 6}, "bad_request"),
            ("log", {"live": True, "lt": 1}, "bad_request"),
            ("log", {"live": True, "gt": n + 1}, "compacted")])])


def test_live():
    with FluxionServer(data=False) as server, Subscriber(server) as c:
        types = write_everything(c)
        n = len(types)
        with suite.case("live: what `log` says of each, then each as it comes"):
            stream = follow(c)
            equal(stream.start, 0)
            c.reach(stream, n)
            equal(stream.events, c.ok("log", {})["entries"])
            write_everything(c)
            c.reach(stream, 2 * n)
            equal(stream.events, c.ok("log", {})["entries"])
            assert not stream.done
            equal(c.unsub(stream), 2 * n)
        with suite.case("live, from a seq on, and from now on"):
            late, now = follow(c, gt=n + 2), follow(c, gt=2 * n)
            c.ok("sval", {"col": "k", "key": "z", "value": "1"})
            c.reach(late, 2 * n + 1)
            c.reach(now, 2 * n + 1)
            equal(seqs(late.events), list(range(n + 3, 2 * n + 2)))
            equal(seqs(now.events), [2 * n + 1])
        with suite.case("live, up to a seq or a number: a word that nothing follows"):
            some, few, soon = follow(c, gte=3, lte=5), follow(c, limit=2), \
                follow(c, gt=2 * n + 1, limit=2)
            for stream, wanted in ((some, [3, 4, 5]), (few, [1, 2])):
                c.until(lambda s=stream: s.done, "the end")
                equal(seqs(stream.events), wanted)
                equal(stream.position, wanted[-1])
                equal(c.code("unsub", {"sub": stream.id}), "not_found")
            for _ in range(3):
                assert not soon.done
                c.ok("sval", {"col": "k", "key": "z", "value": "1"})
                if len(c.count(soon, 1)) == 2:
                    break
            c.until(lambda: soon.done, "the end")
            equal(seqs(soon.events), [2 * n + 2, 2 * n + 3])
        with suite.case("its id is taken as that of any subscription, and counts as one"):
            expect(c.raw(c.encode("log", {"live": True}, late.id)), "bad_request")
            expect(c.raw(c.encode("sub", {"kind": "keys"}, late.id)), "bad_request")
            equal(c.ok("stat")["subscriptions"], 2)
        with suite.case("what the log holds no longer is compacted, with the oldest position"):
            for _ in range(20):  # in memory it keeps 64 MiB
                c.ok("sval", {"col": "big", "key": "k", "value": "v" * 4_000_000})
            reply = expect(c.call("log", {"live": True, "gt": 0}), "compacted")
            oldest = int(reply["oldest"].split(":")[1])
            assert oldest > 0
            equal(follow(c, limit=1).start, oldest)
            expect(c.call("log", {"live": True, "lte": oldest}), "compacted")
    with FluxionServer(data=False, settings={"max-subscriptions": "1"}) as server, \
            Subscriber(server) as c:
        with suite.case("and is refused where there are enough"):
            follow(c)
            equal(c.code("log", {"live": True}), "too_many")


def test_kill():
    """A view outside: follows the log through kill -9, and has every entry once."""
    with FluxionServer(settings={"checkpoint-bytes": "1MiB"}) as server:
        entries, acknowledged, stop = [], [], threading.Event()

        def write():
            try:
                with Client(server) as writer:
                    while not stop.is_set():
                        acknowledged.append(writer.ok(
                            "sval", {"col": "c", "key": "k", "value": str(len(acknowledged))}))
            except Exception:
                pass  # killed: the entries that count are those acknowledged

        for _ in range(3):
            writer = threading.Thread(target=write)
            with Subscriber(server) as c:
                log = c.ready["log"]
                stream = follow(c, gt=len(entries))
                writer.start()
                c.count(stream, 200)
                server.kill()
                writer.join()
                entries += stream.events
            server.start()
        with suite.case("kill -9: the entries seen and those after them are the log, each once"):
            with Subscriber(server) as c:
                equal(c.ready["log"], log)
                end = c.ready["seq"]
                stream = follow(c, gt=len(entries))
                c.reach(stream, end)
                entries += stream.events
                equal(seqs(entries), list(range(1, end + 1)))
                for i, reply in enumerate(acknowledged):
                    equal(entries[reply["seq"] - 1]["value"], str(i))
                whole, at = [], 0
                while at < end:
                    page = c.ok("log", {"gt": at})["entries"]
                    whole += page
                    at = page[-1]["seq"]
                equal(entries, whole)
        stop.set()


if __name__ == "__main__":
    test_ranges()
    test_live()
    test_kill()
    suite.end()
