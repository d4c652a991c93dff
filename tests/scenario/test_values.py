#!/usr/bin/env python3
"""Keys and values: sval, gval, gvalues, gvals, gkeys, rval, and dcol over both."""

import json
import random

from client import BINARY, TEXT, Client, parse, raw_session
from fluxion_server import FluxionServer
from harness import Suite, equal, expect

suite = Suite()
OK = {}


def sval(value, ver, key="k"):
    return "sval", {"key": key, "value": value}, {"ver": ver}


def found(value, ver, key="k"):
    return "gval", {"key": key}, {"value": value, "found": True, "ver": ver}


def absent(key="k"):
    return "gval", {"key": key}, {"value": "", "found": False}


def rval(key="k", wanted=OK):
    return "rval", {"key": key}, wanted


def values(wanted, **fields):
    return "gvalues", fields, {"values": wanted}


FOUR = [sval("1", 1, "sensor.a"), sval("2", 1, "sensor.b"), sval("3", 1, "Sensor.c"),
        sval("", 1, "/etc/x")]
ALL = {"sensor.a": "1", "sensor.b": "2", "Sensor.c": "3", "/etc/x": ""}

SCRIPTS = (
    ("set and get", [sval("v", 1), found("v", 1)]),
    ("an absent key is an empty value, not found", [absent(), sval("v", 1), absent("K"),
                                                    absent("k ")]),
    ("an empty value is stored and found", [
        sval("", 1), found("", 1), ("gvals", {}, {"values": {"k": ""}}),
        ("gkeys", {}, {"keys": ["k"]}), values({"k": ""}, key="k")]),
    ("the version rises with every change", [sval("a", 1), sval("b", 2), sval("b", 3),
                                             found("b", 3)]),
    ("the version rises across a removal", [sval("a", 1), rval(), absent(), sval("b", 3),
                                            found("b", 3)]),
    ("removing what is not there changes nothing", [rval(), rval(), sval("a", 1), rval(), rval(),
                                                    sval("b", 3)]),
    ("the version rises across dcol", [sval("a", 1), ("dcol", {}, OK), absent(), sval("b", 3),
                                       ("dcol", {}, OK), ("dcol", {}, OK), sval("c", 5)]),
    ("versions are by key", [sval("a", 1), sval("a", 2), sval("b", 1, "j"), rval("j"),
                             sval("a", 3), sval("b", 3, "j")]),
    ("a removed key is nowhere", [*FOUR, rval("sensor.a"), absent("sensor.a"),
                                  values({}, key="sensor.a"),
                                  values({"sensor.b": "2"}, key="/^sensor/"),
                                  ("gvals", {}, {"values": {k: v for k, v in ALL.items()
                                                            if k != "sensor.a"}})]),
    ("gvals shows all", [*FOUR, ("gvals", {}, {"values": ALL})]),
    ("gvals, gkeys, gvalues of a missing collection", [
        ("gvals", {}, {"values": {}}), ("gkeys", {}, {"keys": []}), values({}), values({}, key="k"),
        values({}, key="/k/")]),
    ("gvalues without key, key empty or null: all", [*FOUR, values(ALL), values(ALL, key=""),
                                                     values(ALL, key=None)]),
    ("gvalues of a literal key", [*FOUR, values({"sensor.a": "1"}, key="sensor.a"),
                                  values({"/etc/x": ""}, key="/etc/x")]),
    ("gvalues of a literal that is absent", [*FOUR, values({}, key="nope"),
                                             values({}, key="sensor"),
                                             values({}, key="sensor..")]),
    ("gvalues of a pattern", [*FOUR, values({"sensor.a": "1", "sensor.b": "2"}, key="/^sensor\\./"),
                              values({k: v for k, v in ALL.items() if k != "/etc/x"},
                                     key="/^sensor/i"),
                              values({"/etc/x": ""}, key="/^\\/etc\\//"), values({}, key="/zzz/"),
                              values(ALL, key="//")]),
    ("gvalues of a bad pattern", [*FOUR, ("gvalues", {"key": "/(/"}, "bad_regex")]),
    ("keys are literal elsewhere", [sval("v", 1, "/k/"), sval("w", 1), found("v", 1, "/k/"),
                                    rval("/k/"), found("w", 1)]),
    ("records and keys live side by side", [
        ("ins", [{"ts": 1, "doc": "k", "data": "record"}], OK), sval("value", 1), found("value", 1),
        ("gkeys", {}, {"keys": ["k"]}),
        ("qry", {"ts": 9}, {"records": {"k": {"ts": 1, "data": "record"}}}),
        ("ddoc", {"doc": "k"}, OK), found("value", 1), ("qry", {"ts": 9}, {"records": {}}),
        ("ins", [{"ts": 1, "doc": "k", "data": "record"}], OK), rval(),
        ("qry", {"ts": 9}, {"records": {"k": {"ts": 1, "data": "record"}}}), absent(),
        sval("again", 3), ("dcol", {}, OK), absent(), ("qry", {"ts": 9}, {"records": {}})]),
    ("unknown fields are ignored", [("sval", {"key": "k", "value": "v", "x": 1}, {"ver": 1})]),
    ("bad fields", [
        ("sval", {"key": "k"}, "bad_request"), ("sval", {"key": "k", "value": None}, "bad_request"),
        ("sval", {"key": "k", "value": 1}, "bad_request"),
        ("sval", {"key": "k", "value": {}}, "bad_request"), ("sval", {"value": "v"}, "bad_request"),
        ("sval", {"key": "", "value": "v"}, "bad_request"),
        ("sval", {"key": "k", "value": "v", "col": ""}, "bad_request"),
        ("sval", {"key": "a\x00b", "value": "v"}, "bad_request"),
        ("sval", {"key": 1, "value": "v"}, "bad_request"),
        ("gval", {"key": ""}, "bad_request"), ("gval", {}, "bad_request"),
        ("gval", {"key": None}, "bad_request"), ("gval", {"key": "k", "col": ""}, "bad_request"),
        ("gval", {"key": "a\x00"}, "bad_request"), ("gval", {"key": ["k"]}, "bad_request"),
        rval("", "bad_request"), ("rval", {}, "bad_request"),
        ("gvalues", {"key": 1}, "bad_request"), ("gvalues", {"col": ""}, "bad_request"),
        ("gvals", {"col": ""}, "bad_request"), ("gkeys", {"col": ""}, "bad_request"),
        ("gkeys", {"col": 1}, "bad_request"), absent(), ("gkeys", {}, {"keys": []})]),
)

TEXTS = ("a\x00b", "\x00", "".join(map(chr, range(32))), '"\\/', "ä€😀", "\u2028\ufeff\uffff",
         '{"a":[1,2.50,null]}', " ", "null", "x" * 1000000, "€\x00" * 200000)


def texts(client, label):
    for number, text in enumerate(TEXTS):
        with suite.case(f"value {number} byte for byte{label}"):
            key = text if len(text.encode()) <= 1024 and "\x00" not in text else "k"
            client.ok("sval", {"col": "texts", "key": key, "value": text})
            expect(client.call("gval", {"col": "texts", "key": key}),
                   {"value": text, "found": True})
            expect(client.call("gvals", {"col": "texts"}), {"values": {key: text}})
            expect(client.call("gvalues", {"col": "texts", "key": key}), {"values": {key: text}})
            expect(client.call("gkeys", {"col": "texts"}), {"keys": [key]})
            client.ok("rval", {"col": "texts", "key": key})


def fragments(server):
    text = "a" + "€" * 1000000  # no multiple of three stands at a power of two

    def frames(kind, message):
        with raw_session(server) as raw:
            raw.send_frame(kind, message)
            found = [raw.read_frame()]
            while not found[-1][1]:
                found.append(raw.read_frame())
            equal([opcode for opcode, _, _ in found], [kind] + [0] * (len(found) - 1))
            return [payload for _, _, payload in found]

    with Client(server) as client:
        client.ok("ins", [{"col": "large", "doc": "d", "ts": 1, "data": text}])
        client.ok("sval", {"col": "large", "key": "k", "value": text})
    for type, payload in (("gval", {"key": "k"}), ("gvals", {}), ("gvalues", {"key": "k"}),
                          ("qry", {"ts": 1}), ("qry", {"ts": 1, "doc": "d"}),
                          ("qdoc", {"doc": "d", "to": 1})):
        message = json.dumps({"id": "a", "type": type, "data": {"col": "large", **payload}})
        with suite.case(f"{type} {payload} of 3 MB: fragments, of text between characters"):
            expect(parse("".join(p.decode("utf-8") for p in frames(TEXT, message))), {"id": "a"})
            whole = b"".join(frames(BINARY, message))
            expect(parse(whole.decode("utf-8")), {"id": "a"})
            assert text.encode() in whole


def many(client):
    with suite.case("5,000 keys, in random order, half of them removed"):
        names = [f"key{n:05}" for n in range(5000)]
        shuffled = random.Random(3).sample(names, len(names))
        replies = client.pipeline([("sval", {"col": "many", "key": k, "value": f"v{k}"})
                                   for k in shuffled])
        for reply in replies:
            expect(reply, {"ver": 1})
        expect(client.call("gvals", {"col": "many"}), {"values": {k: f"v{k}" for k in names}})
        for reply in client.pipeline([("rval", {"col": "many", "key": k})
                                      for k in shuffled[:2500]]):
            expect(reply, OK)
        left = sorted(shuffled[2500:])
        equal(sorted(client.ok("gkeys", {"col": "many"})["keys"]), left)
        expect(client.call("gvalues", {"col": "many", "key": "/7$/"}),
               {"values": {k: f"v{k}" for k in left if k.endswith("7")}})
        for reply in client.pipeline([("sval", {"col": "many", "key": k, "value": "again"})
                                      for k in shuffled[:100]]):
            expect(reply, {"ver": 3})
        client.ok("dcol", {"col": "many"})
        expect(client.call("gkeys", {"col": "many"}), {"keys": []})
        expect(client.call("sval", {"col": "many", "key": shuffled[0], "value": ""}), {"ver": 5})


def main():
    with FluxionServer() as server:
        for kind, form, label in ((TEXT, "string", ", text"), (BINARY, "inline", ", binary")):
            with Client(server, kind=kind, data=form) as client:
                suite.scripts(client, SCRIPTS, label)
                texts(client, label)
        with Client(server) as client:
            many(client)
        fragments(server)
        with suite.case("stops in order"):
            server.stop()
    suite.end()


main()
