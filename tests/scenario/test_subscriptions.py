#!/usr/bin/env python3
"""Subscriptions: what is told, from where on, in which frames, and how they end."""

import itertools
import json
import time

from client import BINARY, TEXT, Client, parse, raw_session
from fluxion_server import FluxionServer
from harness import Suite, equal, expect, shown
from subscriber import Subscriber, place

suite = Suite()
_columns = itertools.count(1)


def new_col(name="s"):
    return f"{name}{next(_columns)}"


def bare(events, *also):
    """Without their places, and without `also`."""
    return [{k: v for k, v in e.items() if k not in ("seq", "i", *also)} for e in events]


def sync(client, stream, kind="keys", col=None):
    """Everything that was written before: a last change that this stream sees marks the end."""
    payload = {"col": col or "sync", "key": "sync", "value": "sync"}
    if kind == "keys":
        seq = client.ok("sval", payload)["seq"]
    else:
        seq = client.ok("ins", [{"col": payload["col"], "doc": "sync", "ts": 0,
                                 "data": "sync"}])["seq"]
    events = client.reach(stream, seq)
    return [e for e in events if e.get("key", e.get("doc")) != "sync"]


def record(col, doc, ts, data):
    return {"col": col, "doc": doc, "ts": ts, "data": data}


# What each kind of change says.

def test_key_operations(server):
    col = new_col()
    with Subscriber(server) as c, suite.case("every operation on keys, its seq and its version"):
        stream = c.sub({"kind": "keys", "col": col})
        wanted = []

        def wrote(type, payload, *events):
            seq = c.ok(type, {"col": col, **payload})["seq"]
            wanted.extend({"seq": seq, "i": i, "col": col, **e} for i, e in enumerate(events))

        wrote("sval", {"key": "a", "value": "1"},
              {"op": "set", "key": "a", "ver": 1, "value": "1"})
        wrote("sval", {"key": "a", "value": ""}, {"op": "set", "key": "a", "ver": 2, "value": ""})
        wrote("rval", {"key": "a"}, {"op": "removed", "key": "a", "ver": 3})
        wrote("sval", {"key": "a", "value": '{"x":1}'},
              {"op": "set", "key": "a", "ver": 4, "value": '{"x":1}'})
        wrote("pval", {"key": "a", "value": '{"y":[9007199254740993]}'},
              {"op": "set", "key": "a", "ver": 5, "value": '{"x":1,"y":[9007199254740993]}'})
        wrote("mval", {"writes": [{"op": "set", "key": "b", "value": "B"},
                                  {"op": "check", "key": "zz", "ver": 0},
                                  {"op": "patch", "key": "a", "value": '{"x":null}'},
                                  {"op": "remove", "key": "gone"},
                                  {"op": "set", "key": "c", "value": "\u20ac\u0000\"\\"}]},
              {"op": "set", "key": "b", "ver": 1, "value": "B"},
              {"op": "set", "key": "a", "ver": 6, "value": '{"x":null,"y":[9007199254740993]}'},
              {"op": "set", "key": "c", "ver": 1, "value": "\u20ac\u0000\"\\"})
        expect(c.call("sval", {"col": col, "key": "a", "value": "no", "ver": 1}), "conflict")
        c.ok("rval", {"col": col, "key": "never"})  # nothing changes: nothing is told
        wrote("mval", {"writes": [{"op": "remove", "key": "b"}]},
              {"op": "removed", "key": "b", "ver": 2})
        c.ok("ins", [record(col, "d", 1, "records are none of it")])
        wrote("dcol", {}, {"op": "dropped"})
        wrote("sval", {"key": "a", "value": "new"},
              {"op": "set", "key": "a", "ver": 8, "value": "new"})
        equal(c.reach(stream, wanted[-1]["seq"]), wanted, "events")


def test_expiry(server):
    col = new_col()
    with Subscriber(server) as c, suite.case("expiry is told once, with its version"):
        stream = c.sub({"kind": "keys", "col": col, "fields": ["value", "expires", "previous"]})
        other = c.sub({"kind": "keys", "col": "long" + col})
        c.ok("sval", {"col": "long" + col, "key": "k", "value": "v", "ttl": 3600000})
        equal(c.ok("gval", {"col": "long" + col, "key": "k"})["expires"],
              c.count(other, 1)[0]["expires"], "expires, asked for and told")
        before = int(time.time() * 1000)
        c.ok("sval", {"col": col, "key": "k", "value": "v", "ttl": 300})
        first = c.count(stream, 1)[0]
        assert before + 200 <= first["expires"] <= int(time.time() * 1000) + 400, first
        events = c.count(stream, 2)
        assert int(time.time() * 1000) >= first["expires"], "it expired before its time"
        equal(bare(events)[1], {"op": "expired", "col": col, "key": "k", "ver": 2,
                                "previous": "v"}, "the event")
        c.ok("sval", {"col": col, "key": "k", "value": "v", "ttl": 3600000})
        c.ok("sval", {"col": col, "key": "k", "value": "v"})
        assert "expires" in c.count(stream, 3)[2]
        assert "expires" not in c.count(stream, 4)[3], "without a ttl it expires no more"


def test_document_operations(server):
    col, other = new_col(), new_col()
    with Subscriber(server) as c, suite.case("every operation on documents"):
        stream = c.sub({"kind": "docs"})
        wanted = []

        def wrote(type, payload, *events):
            seq = c.ok(type, payload)["seq"]
            wanted.extend({"seq": seq, "i": i, **e} for i, e in enumerate(events))

        def inserted(col, doc, ts, data):
            return {"op": "inserted", **record(col, doc, ts, data)}

        def deleted(col, doc, low, high):
            return {"op": "deleted", "col": col, "doc": doc, "from": low, "to": high}

        least = -(1 << 63)
        rows = [(col, "a", 3, "x"), (col, "b", least, "y"), (col, "a", 1, "z")]
        wrote("ins", [record(*r) for r in rows], *(inserted(*r) for r in rows))
        rows = [(other, "a", 1 << 60, "w"), (other, "a", 2, "q"), (other, "b", 2, "p")]
        wrote("ins", [record(*r) for r in rows], *(inserted(*r) for r in rows))
        wrote("ins", [record(col, "a", 3, "again")], inserted(col, "a", 3, "again"))
        wrote("drec", {"col": col, "doc": "a", "ts": 3}, deleted(col, "a", 3, 3))
        c.ok("drec", {"col": col, "doc": "a", "ts": 3})  # there is none any more
        c.ok("sval", {"col": col, "key": "a", "value": "keys are none of it"})
        wrote("drrng", {"col": col, "doc": "b", "fromTs": least, "toTs": 7},
              deleted(col, "b", least, 7))
        wrote("ins", [record(col, "m", t, "m") for t in (1, 2)],
              inserted(col, "m", 1, "m"), inserted(col, "m", 2, "m"))
        wrote("dmrec", [{"col": col, "doc": "m", "ts": 1}, {"col": other, "doc": "b", "ts": 2}],
              deleted(col, "m", 1, 1), deleted(other, "b", 2, 2))
        wrote("ddoc", {"col": col, "doc": "m"}, {"op": "deleted", "col": col, "doc": "m"})
        wrote("dcol", {"col": col}, {"op": "dropped", "col": col})
        wrote("dcol", {"col": other}, {"op": "dropped", "col": other})
        c.ok("dcol", {"col": other})
        equal(c.reach(stream, wanted[-1]["seq"]), wanted, "events")
    with Subscriber(server) as c, suite.case("a document deleted everywhere: one seq, each told"):
        cols = sorted(new_col("everywhere") for _ in range(5))
        c.ok("ins", [record(name, "only-here", 1, "x") for name in cols])
        stream = c.sub({"kind": "docs", "match": "only-here"})
        seq = c.ok("ddoc", {"doc": "only-here"})["seq"]
        events = c.reach(stream, seq)
        equal(sorted(e["col"] for e in events), cols, "collections")
        equal([place(e) for e in events], [(seq, i) for i in range(5)], "places")


# Filters.

def test_names(server):
    a, b = new_col("n"), new_col("n")
    names = ["k1", "k2", "K1", "other", "/k1", "\u20ac"]
    cases = [
        ({"col": a}, [(a, n) for n in names]),
        ({"match": "k1"}, [(a, "k1"), (b, "k1")]),
        ({"col": b, "match": "k1"}, [(b, "k1")]),
        ({"col": b, "match": "/^k\\d$/"}, [(b, "k1"), (b, "k2")]),
        ({"col": b, "match": "/^K\\d$/i"}, [(b, "k1"), (b, "k2"), (b, "K1")]),
        ({"match": "/^\\/k1$/"}, [(a, "/k1"), (b, "/k1")]),
        ({"col": a, "match": "/k1"}, [(a, "/k1")]),
        ({"col": a, "match": "\u20ac"}, [(a, "\u20ac")]),
        ({"col": a, "match": "no such"}, []),
        ({"col": f"/{a}/"}, []),  # a literal: `col` takes no pattern
        ({"col": a, "match": ""}, [(a, n) for n in names]),
        ({"col": "", "match": None}, [(x, n) for x in (a, b) for n in names]),
    ]
    for kind in ("keys", "docs"):
        with Subscriber(server) as c:
            streams = [c.sub({"kind": kind, **payload}) for payload, _ in cases]
            everything = c.sub({"kind": kind})
            for col in (a, b):
                for name in names:
                    if kind == "keys":
                        c.ok("sval", {"col": col, "key": name, "value": "v"})
                    else:
                        c.ok("ins", [record(col, name, 1, "v")])
            sync(c, everything, kind)
            late = [c.sub({"kind": kind, **payload, "from": 0}) for payload, _ in cases]
            for (payload, wanted), stream, resumed in zip(cases, streams, late):
                with suite.case(f"{kind}: {payload}"):
                    field = "key" if kind == "keys" else "doc"
                    c.until(lambda s=stream, w=wanted: len(s.events) >= len(w),
                            f"{len(wanted)} events")
                    got = [(e["col"], e[field]) for e in stream.events if e["col"] in (a, b)]
                    equal(got, wanted, "names")
                    c.until(lambda r=resumed, n=len(wanted): sum(
                        e["col"] in (a, b) for e in r.events) >= n, "the same from the log")
                    equal([e for e in resumed.events if e["col"] in (a, b)],
                          [e for e in stream.events if e["col"] in (a, b)],
                          "the same from the log")


# (filters, [(value or None to remove, the event without names and version; None: no event)])
VALUE_CASES = [
    ({"where": "on"}, [
        ("off", None),
        ("on", {"op": "set", "value": "on", "entered": True}),
        ("still on", {"op": "set", "value": "still on"}),
        ("off", {"op": "set", "left": True}),
        ("off again", None),
        ("on", {"op": "set", "value": "on", "entered": True}),
        (None, {"op": "removed"}),
        ("off", None),
        (None, None),
        ("on", {"op": "set", "value": "on", "entered": True})]),
    ({"filter": "secret"}, [
        ("plain", {"op": "set", "value": "plain", "entered": True}),
        ("secret", {"op": "set", "left": True}),
        (None, None),
        ("plain", {"op": "set", "value": "plain", "entered": True}),
        (None, {"op": "removed"})]),
    ({"where": "/^\\{.*\"t\":\\s*[5-9]\\d/", "filter": "/bad/i"}, [
        ('{"t":40}', None),
        ('{"t":55}', {"op": "set", "value": '{"t":55}', "entered": True}),
        ('{"t":56,"x":"BAD"}', {"op": "set", "left": True}),
        ('{"t": 57}', {"op": "set", "value": '{"t": 57}', "entered": True})]),
]


def test_values(server):
    for number, (filters, steps) in enumerate(VALUE_CASES):
        col = new_col("v")
        with Subscriber(server) as c, suite.case(f"values: {filters}"):
            start = c.ok("sval", {"col": "start", "key": "k", "value": "v"})["seq"]
            live = c.sub({"kind": "keys", "col": col, **filters})
            wanted, version = [], 0
            for value, event in steps:
                if value is None:
                    c.ok("rval", {"col": col, "key": "k"})
                else:
                    c.ok("sval", {"col": col, "key": "k", "value": value})
                version += 1
                if event:
                    wanted.append({"col": col, "key": "k", "ver": version, **event})
            c.ok("ins", [record(col, "d", 1, "x")])
            c.ok("dcol", {"col": col})  # deletes of everything are always told
            wanted.append({"op": "dropped", "col": col})
            equal(bare(c.count(live, len(wanted))), wanted, "events")
            again = c.sub({"kind": "keys", "col": col, **filters, "from": start})
            equal(c.count(again, len(wanted)), live.events, "the same from the log")
            # Halfway: what the key was is looked up before the position.
            half = live.events[len(wanted) // 2]["seq"]
            tail = c.sub({"kind": "keys", "col": col, **filters, "from": half})
            equal(c.count(tail, 1), [e for e in live.events if e["seq"] > half], "from halfway")
    col = new_col("v")
    with Subscriber(server) as c, suite.case("documents: where and filter on data, deletes always"):
        live = c.sub({"kind": "docs", "col": col, "where": "yes", "filter": "/n[o0]/"})
        c.ok("ins", [record(col, "d", t, v) for t, v in
                     enumerate(["yes", "maybe", "yes no", "oh yes", "yes n0"])])
        c.ok("drec", {"col": col, "doc": "d", "ts": 1})
        c.ok("ddoc", {"col": col, "doc": "d"})
        events = c.count(live, 4)
        equal([(e["op"], e.get("data"), e["i"]) for e in events],
              [("inserted", "yes", 0), ("inserted", "oh yes", 3), ("deleted", None, 0),
               ("deleted", None, 0)], "events")
    col = new_col("v")
    with Subscriber(server) as c, suite.case("expiry outside the filter is not told"):
        live = c.sub({"kind": "keys", "col": col, "where": "in"})
        plain = c.sub({"kind": "keys", "col": col})
        c.ok("sval", {"col": col, "key": "a", "value": "out", "ttl": 50})
        c.ok("sval", {"col": col, "key": "b", "value": "in", "ttl": 50})
        c.count(plain, 4)
        equal([(e["op"], e["key"]) for e in c.count(live, 2)], [("set", "b"), ("expired", "b")],
              "events")
        seq = c.ok("sval", {"col": col, "key": "c", "value": "in"})["seq"]
        equal([e["key"] for e in c.reach(live, seq)], ["b", "b", "c"], "keys")


FIELDS = [
    # fields, what a second `set` of "2" over "1" says besides its names and version
    (None, {"value", "expires"}), ([], set()), (["value"], {"value"}), (["expires"], {"expires"}),
    (["previous"], {"previous"}), (["time"], {"time"}),
    (["value", "previous", "time", "expires"], {"value", "previous", "time", "expires"}),
    (["time", "time"], {"time"}),
]


def test_fields(server):
    col = new_col("f")
    with Subscriber(server) as c:
        payloads = [{"kind": "keys", "col": col} | ({} if f is None else {"fields": f})
                    for f, _ in FIELDS]
        streams = [c.sub(p) for p in payloads]
        start = streams[0].position
        before = int(time.time() * 1000)
        c.ok("sval", {"col": col, "key": "k", "value": "1"})
        c.ok("sval", {"col": col, "key": "k", "value": "2", "ttl": 3600000})
        c.ok("rval", {"col": col, "key": "k"})
        after = int(time.time() * 1000)
        again = [c.sub({**p, "from": start}) for p in payloads]
        names = {"seq", "i", "op", "col", "key", "ver"}
        for (fields, wanted), stream, resumed in zip(FIELDS, streams, again):
            with suite.case(f"fields of keys: {fields}"):
                first, second, removed = c.count(stream, 3)
                equal(set(first), names | wanted - {"previous", "expires"}, "of the first set")
                equal(set(second), names | wanted, "of the second")
                equal(set(removed), names | wanted - {"value", "expires"}, "of the removal")
                equal(second.get("value", "2"), "2", "value")
                equal(second.get("previous", "1"), "1", "previous")
                equal(removed.get("previous", "2"), "2", "previous of the removal")
                assert before - 1 <= second.get("time", before) <= after + 1, second
                equal(c.count(resumed, 3), stream.events, "the same from the log")
    col = new_col("f")
    with Subscriber(server) as c:
        for fields, wanted in [(None, {"data"}), ([], set()), (["data"], {"data"}),
                               (["data", "time"], {"data", "time"}), (["time"], {"time"})]:
            with suite.case(f"fields of documents: {fields}"):
                stream = c.sub({"kind": "docs", "col": col}
                               | ({} if fields is None else {"fields": fields}))
                c.ok("ins", [record(col, "d", 1, "x")])
                c.ok("ddoc", {"col": col, "doc": "d"})
                inserted, deleted = c.count(stream, 2)
                names = {"seq", "i", "op", "col", "doc"}
                equal(set(inserted), names | {"ts"} | wanted, "of an insert")
                equal(set(deleted), names | wanted - {"data"}, "of a delete")


# Positions.

def test_from(server):
    with Subscriber(server) as c:
        log = c.ready["log"]
        seqs = [c.ok("sval", {"col": "p", "key": f"k{n}", "value": "v"})["seq"]
                for n in range(10)]
        newest = seqs[-1]
        for position, wanted in [(seqs[4], 5), (str(seqs[4]), 5), (f"{log}:{seqs[4]}", 5),
                                 (seqs[0] - 1, 10), (0, 10), ("0", 10), (f"{log}:0", 10),
                                 (newest, 0), (f"{log}:{newest}", 0)]:
            with suite.case(f"from {type(position).__name__} {str(position)[-12:]}"):
                stream = c.sub({"kind": "keys", "col": "p", "from": position})
                equal(stream.start, int(str(position).rpartition(":")[2]), "the reply's seq")
                more = c.ok("sval", {"col": "p", "key": "next", "value": "v"})["seq"]
                seqs.append(more)
                after = [seq for seq in seqs if seq > stream.start]
                equal([e["seq"] for e in c.reach(stream, more)], after, "seqs")
                assert len(after) >= wanted + 1, after
                equal(c.unsub(stream), more, "the position of unsub")
        other = f"{'0' * 31}{'1' if log[-1] == '0' else '0'}"
        for position in (f"{other}:0", f"{other}:{newest}", seqs[-1] + 1, str(seqs[-1] + 1),
                         f"{log}:{seqs[-1] + 1}", (1 << 63) - 1):
            with suite.case(f"from {str(position)[-12:]}: compacted, with the oldest"):
                reply = expect(c.call("sub", {"kind": "keys", "from": position}), "compacted")
                equal(reply["oldest"], f"{log}:0", "oldest")
                stream = c.sub({"kind": "keys", "col": "p", "from": reply["oldest"]})
                equal([e["seq"] for e in c.reach(stream, seqs[-1])], seqs, "from the oldest")
    with Subscriber(server) as c, suite.case("from the log into the news while writes go on"):
        with Client(server) as writer:
            col, wanted = new_col("p"), []
            streams = [c.sub({"kind": "keys", "col": col, "from": 0})]
            for _ in range(40):
                replies = writer.pipeline([("sval", {"col": col, "key": "k", "value": "v" * 200})
                                           for _ in range(50)])
                wanted += [r["seq"] for r in replies]
                streams.append(c.sub({"kind": "keys", "col": col, "from": wanted[-25]}))
            for number, stream in enumerate(streams):
                c.reach(stream, wanted[-1])
                first = 0 if number == 0 else 50 * number - 24
                equal([e["seq"] for e in stream.events], wanted[first:], f"stream {number}")
                equal([e["ver"] for e in stream.events], list(range(first + 1, 2001)), "versions")


# Requests.

def test_requests(server):
    with Subscriber(server) as c:
        for payload, code in [
                ({}, "bad_request"), ({"kind": "tables"}, "bad_request"),
                ({"kind": 1}, "bad_request"), ([], "bad_request"), ("x", "bad_json"),
                ({"kind": "keys", "match": "/(/"}, "bad_regex"),
                ({"kind": "keys", "where": "/(?=a)/"}, "bad_regex"),
                ({"kind": "keys", "filter": "/[/"}, "bad_regex"),
                ({"kind": "keys", "match": 1}, "bad_request"),
                ({"kind": "keys", "col": ["a"]}, "bad_request"),
                ({"kind": "keys", "from": -1}, "bad_request"),
                ({"kind": "keys", "from": 1.5}, "bad_request"),
                ({"kind": "keys", "from": "x:1"}, "compacted"),
                ({"kind": "keys", "from": "1x"}, "bad_request"),
                ({"kind": "keys", "from": ":1"}, "bad_request"),
                ({"kind": "keys", "from": True}, "bad_request"),
                ({"kind": "keys", "from": 1, "snapshot": True}, "bad_request"),
                ({"kind": "keys", "from": 0, "snapshot": True}, "bad_request"),
                ({"kind": "keys", "snapshot": "yes"}, "bad_request"),
                ({"kind": "keys", "fields": "value"}, "bad_request"),
                ({"kind": "keys", "fields": ["values"]}, "bad_request"),
                ({"kind": "keys", "fields": [1]}, "bad_request"),
                ({"kind": "keys", "fields": {}}, "bad_request")]:
            with suite.case(f"sub {shown(payload)} is {code}"):
                if payload == "x":
                    reply = c.raw('{"id":"bad","type":"sub","data":"x"}')
                else:
                    reply = c.call("sub", payload)
                expect(reply, code)
        with suite.case("optional fields as null, and from:null beside snapshot"):
            nothing = dict.fromkeys(("col", "match", "where", "filter", "from", "fields"))
            c.unsub(c.sub({"kind": "keys", "snapshot": False, **nothing}))
        with suite.case("an id longer than a name may be"):
            c.send_raw(c.encode("sub", {"kind": "keys"}, "i" * 1025))
            expect(c.reply_to("i" * 1025), "too_large")
        with suite.case("a sub without an id, and one twice in use"):
            expect(c.raw('{"type":"sub","data":{"kind":"keys"}}'), "bad_request")
            stream = c.sub({"kind": "keys"}, id="mine")
            c.send_raw(c.encode("sub", {"kind": "docs"}, "mine"))
            expect(c.reply_to("mine"), "bad_request")
            seq = c.ok("sval", {"col": new_col(), "key": "k", "value": "v"})["seq"]
            c.reach(stream, seq)
        with suite.case("unsub: no frame follows its reply, its seq resumes, the id is free"):
            col = new_col()
            c.ok("sval", {"col": col, "key": "k", "value": "1"})
            stopped = c.unsub(stream)
            wanted = [c.ok("sval", {"col": col, "key": "k", "value": v})["seq"] for v in "234"]
            stream = c.sub({"kind": "keys", "col": col, "from": stopped}, id="mine")
            assert stream.position == stopped, (stream.position, stopped)
            c.reach(stream, wanted[-1])
            equal([e["seq"] for e in stream.events if e["seq"] >= wanted[0]], wanted, "seqs")
        for payload, code in [({"sub": "nobody"}, "not_found"), ({}, "bad_request"),
                              ({"sub": ""}, "bad_request"), ({"sub": 1}, "bad_request"),
                              ({"sub": "mine"}, None), ({"sub": "mine"}, "not_found")]:
            with suite.case(f"unsub {payload}: {code}"):
                equal(c.code("unsub", payload), code, "code")
        with suite.case("unsub of another connection's subscription is not_found"):
            with Subscriber(server) as other:
                stream = other.sub({"kind": "keys"}, id="theirs")
                expect(c.call("unsub", {"sub": "theirs"}), "not_found")
                other.unsub(stream)
    with suite.case("frames come in the kind of the request"):
        with raw_session(server) as raw:
            for kind, name in ((BINARY, "b"), (TEXT, "t")):
                raw.send_frame(kind, json.dumps({"id": name, "type": "sub",
                                                 "data": {"kind": "keys"}}))
                equal(raw.read_frame()[0], kind, "the reply's kind")
            raw.send_frame(TEXT, json.dumps({"id": "w", "type": "sval", "data":
                                             {"col": "kinds", "key": "k", "value": "v"}}))
            kinds = {}
            while len(kinds) < 3:
                kind, _, message = raw.read_frame()
                message = parse(message)
                kinds[message.get("sub", message.get("id"))] = kind
            equal(kinds, {"b": BINARY, "t": TEXT, "w": TEXT}, "kinds")


def test_rights(server):
    with Subscriber(server) as master:
        for scope, may in (("readonly", False), ("read_write", True)):
            key = f"subscriber-with-{scope}-key"
            master.ok("keys", {"action": "add", "key": key, "scope": scope})
            with suite.case(f"{scope} may subscribe"), Subscriber(server, key=key) as c:
                stream = c.sub({"kind": "keys", "snapshot": True})
                equal(c.code("sval", {"col": "r", "key": "k", "value": "v"}),
                      None if may else "forbidden", "its write")
                c.until(lambda: not stream.snapshot, "the end of the snapshot")
                seq = master.ok("sval", {"col": "r", "key": "k", "value": "w"})["seq"]
                equal(c.reach(stream, seq)[-1]["value"], "w", "what it sees")
                master.ok("keys", {"action": "remove", "key": key})
                equal(c.closed(), 4401, "the code when the key is removed")
    with FluxionServer(data=False, settings={"max-subscriptions": 3}) as small:
        with Subscriber(small) as c, Subscriber(small) as other:
            with suite.case("too many subscriptions of one connection"):
                streams = [c.sub({"kind": "keys"}) for _ in range(3)]
                expect(c.call("sub", {"kind": "keys"}), "too_many")
                other.sub({"kind": "keys"})
                c.unsub(streams[1])
                c.sub({"kind": "docs"})
                expect(c.call("sub", {"kind": "docs"}), "too_many")
    with FluxionServer(data=False, settings={"max-subscriptions": 0}) as none:
        with Client(none) as c, suite.case("no subscriptions at all"):
            expect(c.call("sub", {"kind": "keys"}), "too_many")


with FluxionServer() as fluxion:
    test_from(fluxion)  # the first, while the log holds little
    for test in (test_key_operations, test_expiry, test_document_operations, test_names,
                 test_values, test_fields, test_requests, test_rights):
        with suite.case(test.__name__):
            test(fluxion)
suite.end()
