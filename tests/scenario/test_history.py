#!/usr/bin/env python3
"""hval: the versions of a key, newest first, as the log holds them."""

import time

from client import SECONDS, Client
from fluxion_server import FluxionServer
from harness import Suite, equal, expect
from subscriber import Subscriber

suite = Suite()


def versions(client, key, col="h", **more):
    reply = client.ok("hval", {"col": col, "key": key, **more})
    assert set(reply) == {"id", "versions", "more"}, reply
    return reply["versions"], reply["more"]


def bare(found):
    return [{k: v for k, v in version.items() if k not in ("seq", "time")} for version in found]


def the_life_of_a_key(client):
    """Writes one of each kind; the history that follows, oldest first, with its seqs."""
    wanted = []

    def wrote(seq, op, **more):
        wanted.append({"ver": len(wanted) + 1, "op": op, "seq": seq, **more})

    def ok(type, **payload):
        return client.ok(type, {"col": "h", "key": "k", **payload})["seq"]

    wrote(ok("sval", value="one"), "set", value="one")
    wrote(ok("sval", value=""), "set", value="")
    wrote(ok("rval"), "removed")
    ok("rval")  # nothing to remove
    wrote(ok("pval", value='{"a":1}'), "set", value='{"a":1}')
    wrote(ok("pval", value='{"b":"\\u0000\u20ac"}'), "set", value='{"a":1,"b":"\\u0000\u20ac"}')
    expect(client.call("sval", {"col": "h", "key": "k", "value": "no", "ver": 1}), "conflict")
    seq = client.ok("mval", {"col": "h", "writes": [
        {"op": "set", "key": "beside", "value": "x"}, {"op": "set", "key": "k", "value": "m"},
        {"op": "check", "key": "none", "ver": 0}]})["seq"]
    wrote(seq, "set", value="m")
    seq = ok("sval", value="short", ttl=100)
    wrote(seq, "set", value="short", expires=None)
    deadline = time.monotonic() + SECONDS
    while len(versions(client, "k")[0]) < 8:
        assert time.monotonic() < deadline, "it does not expire"
        time.sleep(0.02)
    wrote(None, "expired")
    wrote(ok("sval", value="last"), "set", value="last")
    return wanted


def check_life(client, wanted):
    found, more = versions(client, "k")
    equal(more, False, "more")
    for version, want in zip(reversed(found), wanted):
        want = dict(want)
        if want["seq"] is None:
            want["seq"] = version["seq"]
        if "expires" in want:
            want["expires"] = version["expires"]
            assert 99 <= version["expires"] - version["time"] <= 101, version
        equal({k: v for k, v in version.items() if k != "time"}, want, "version")
    equal(len(found), len(wanted), "versions")
    for name in ("seq", "time"):
        column = [v[name] for v in found]
        equal(column, sorted(column, reverse=True), name)
    assert abs(found[0]["time"] - time.time() * 1000) < 60000, found[0]


def test_life(server):
    with Client(server) as c, suite.case("every kind of version, and after each restart"):
        wanted = the_life_of_a_key(c)
        check_life(c, wanted)
        if server.data:
            server.restart(hard=True)
            with Client(server) as again:
                check_life(again, wanted)
            server.restart()
            with Client(server) as again:
                check_life(again, wanted)


def test_pages(server):
    with Client(server) as c:
        c.pipeline([("sval", {"col": "h", "key": "many", "value": str(n)})
                    for n in range(1, 251)])
        for more, vers, left in [({}, range(250, 150, -1), True),
                                 ({"limit": 250}, range(250, 0, -1), False),
                                 ({"limit": 249}, range(250, 1, -1), True),
                                 ({"limit": 10000}, range(250, 0, -1), False),
                                 ({"limit": 1}, [250], True),
                                 ({"limit": 3, "before": 100}, [99, 98, 97], True),
                                 ({"limit": 3, "before": 4}, [3, 2, 1], False),
                                 ({"before": 2}, [1], False), ({"before": 1}, [], False),
                                 ({"before": 1000, "limit": 2}, [250, 249], True),
                                 ({"limit": None, "before": None}, range(250, 150, -1), True)]:
            with suite.case(f"hval {more}"):
                found, held = versions(c, "many", **more)
                equal([v["ver"] for v in found], list(vers), "versions")
                equal([v["value"] for v in found], [str(n) for n in vers], "values")
                equal(held, left, "more")
        with suite.case("page by page it is the same"):
            found, before = [], None
            while True:
                page, held = versions(c, "many", limit=7, before=before)
                found += page
                if not held:
                    break
                before = page[-1]["ver"]
            equal(found, versions(c, "many", limit=10000)[0], "all")
        for payload in ({"col": "h"}, {"key": "k"}, {"col": "", "key": "k"},
                        {"col": "h", "key": ""},
                        {"col": "h", "key": "k", "limit": 0}, {"col": "h", "key": "k", "limit": -1},
                        {"col": "h", "key": "k", "limit": 10001},
                        {"col": "h", "key": "k", "limit": 1.5},
                        {"col": "h", "key": "k", "before": -1},
                        {"col": "h", "key": "k", "before": "x"}):
            with suite.case(f"hval {payload} is bad_request"):
                expect(c.call("hval", payload), "bad_request")
        for name in ("never", "many"):
            with suite.case(f"a key that never was: {name}"):
                equal(versions(c, name, col="h" if name == "never" else "no such"), ([], False),
                      "history")
        with suite.case("large versions come in pages"):
            for n in range(6):
                c.ok("sval", {"col": "h", "key": "large", "value": str(n) * (1 << 20)})
            first, held = versions(c, "large")
            assert held and 1 <= len(first) < 6, len(first)
            rest, held = versions(c, "large", before=first[-1]["ver"])
            equal([v["value"][0] for v in first + rest], list("543210"), "values")
            equal(held, False, "more")


def test_drops(server):
    with Client(server) as c:
        with suite.case("a dropped collection ends the history; versions go on above"):
            for value in "ab":
                c.ok("sval", {"col": "d", "key": "k", "value": value})
            c.ok("sval", {"col": "d", "key": "gone", "value": "x"})
            c.ok("rval", {"col": "d", "key": "gone"})
            c.ok("ins", [{"col": "d", "doc": "x", "ts": 1, "data": "y"}])
            seq = c.ok("dcol", {"col": "d"})["seq"]
            found, more = versions(c, "k", col="d")
            equal((bare(found)[0], found[0]["seq"], more),
                  ({"ver": 3, "op": "dropped"}, seq, False), "the newest")
            equal([v["op"] for v in versions(c, "gone", col="d")[0]], ["removed", "set"],
                  "a key that was gone before")
            c.ok("sval", {"col": "d", "key": "k", "value": "new"})
            c.ok("sval", {"col": "d", "key": "gone", "value": "new"})
            found, more = versions(c, "k", col="d")
            equal(bare(found)[:2], [{"ver": 4, "op": "set", "value": "new"},
                                    {"ver": 3, "op": "dropped"}], "history")
            equal([v["ver"] for v in versions(c, "gone", col="d")[0]], [3, 2, 1], "of the other")
    with Subscriber(server) as c, suite.case("hval tells what the subscriber was told"):
        stream = c.sub({"kind": "keys", "col": "s", "fields": ["value", "time", "expires"]})
        for n in range(50):
            c.ok("sval", {"col": "s", "key": "k", "value": str(n)} |
                 ({"ttl": 3600000} if n % 3 else {}))
            if n % 7 == 0:
                c.ok("rval", {"col": "s", "key": "k"})
        seq = c.ok("sval", {"col": "s", "key": "k", "value": "end"})["seq"]
        told = [{k: v for k, v in e.items() if k not in ("i", "col", "key")}
                for e in c.reach(stream, seq)]
        equal(list(reversed(versions(c, "k", col="s")[0])), told, "versions")


for data in (True, False):
    with FluxionServer(data=data) as fluxion:
        for test in (test_life, test_pages, test_drops):
            with suite.case(f"{test.__name__}, {'on disk' if data else 'in memory'}"):
                test(fluxion)
suite.end()
