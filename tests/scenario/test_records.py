#!/usr/bin/env python3
"""Time series: ins, qry, qdoc, cols and the deletes, with exactly the meaning of the contract."""

import random

from client import BINARY, TEXT, Client
from fluxion_server import FluxionServer
from harness import Suite, equal, expect

suite = Suite()
OK = {}
MIN, MAX, ODD = -2**63, 2**63 - 1, 2**53 + 1


def rec(ts, data="x", doc="a", **more):
    return {"ts": ts, "doc": doc, "data": data, **more}


def ins(*records, wanted=OK):
    return "ins", list(records), wanted


def shows(*pairs):
    """The reply of qdoc: (ts, data) in this order."""
    return {"records": [{"ts": ts, "data": data} for ts, data in pairs]}


def latest(**docs):
    """The reply of qry: doc=(ts, data)."""
    return {"records": {doc: {"ts": ts, "data": data} for doc, (ts, data) in docs.items()}}


def qdoc(wanted, **fields):
    return "qdoc", {"doc": "a", "from": MIN, "to": MAX, **fields}, wanted


def qry(wanted, **fields):
    return "qry", {"ts": MAX, **fields}, wanted


FIVE = ins(*(rec(t, f"v{t}") for t in (3, 1, 5, 2, 4)))
THREE_DOCS = ins(rec(10, "red 1", "alpha"), rec(20, "blue 2", "alpha"), rec(15, "red 3", "beta"),
                 rec(30, "green", "Gamma"))

INSERTS = (
    ("an insert of nothing", [ins(), ("gkeys", {}, {"keys": []})]),
    ("one record", [ins(rec(1)), qdoc(shows((1, "x")))]),
    ("out of order", [FIVE, qdoc(shows(*((t, f"v{t}") for t in range(1, 6))))]),
    ("the same timestamp replaces", [ins(rec(1, "old"), rec(2)), ins(rec(1, "new")),
                                     qdoc(shows((1, "new"), (2, "x")))]),
    ("the last of one message wins", [ins(rec(1, "p"), rec(1, "q"), rec(1, "r")),
                                      qdoc(shows((1, "r")))]),
    ("documents are apart", [ins(rec(1, "p"), rec(1, "q", "b")), qdoc(shows((1, "p"))),
                             qdoc(shows((1, "q")), doc="b")]),
    ("one message, several collections",
     [ins(rec(1, "p"), rec(1, "q", col="mix1"), rec(2, "r", col="mix2"), rec(2, "s", col="mix1")),
      qdoc(shows((1, "p"))), qdoc(shows((1, "q"), (2, "s")), col="mix1"),
      qdoc(shows((2, "r")), col="mix2")]),
    ("case counts in names", [ins(rec(1, doc="A"), rec(2, doc="a")), qdoc(shows((2, "x")))]),
    ("unknown fields are ignored", [ins(rec(1, x=[1], value="v")), qdoc(shows((1, "x")))]),
)

# What makes a record bad; it stands between two good ones, of which none may be inserted.
BAD_RECORDS = (
    ("no ts", {"doc": "a", "data": "x"}),
    ("ts null", rec(None)),
    ("ts a fraction", rec(1.5)),
    ("ts a word", rec("now")),
    ("ts an empty string", rec("")),
    ("ts a string of a fraction", rec("1.5")),
    ("ts a string with a space", rec(" 1")),
    ("ts a truth", rec(True)),
    ("ts too large", rec(2**63)),
    ("ts too small", rec(-2**63 - 1)),
    ("ts a string too large", rec(str(2**63))),
    ("ts far too large", rec(10**30)),
    ("ts 1e19", rec(1e19)),
    ("no doc", {"ts": 1, "data": "x"}),
    ("doc empty", rec(1, doc="")),
    ("doc null", rec(1, doc=None)),
    ("doc a number", rec(1, doc=1)),
    ("doc with NUL", rec(1, doc="a\x00b")),
    ("no data", {"ts": 1, "doc": "a"}),
    ("data empty", rec(1, "")),
    ("data null", rec(1, None)),
    ("data a number", rec(1, 5)),
    ("data an object", rec(1, {"t": 1})),
    ("col empty", rec(1, col="")),
    ("col null", rec(1, col=None)),
    ("col a number", rec(1, col=7)),
    ("col with NUL", rec(1, col="c\x00")),
)

# ts as it is sent (JSON text), as it is stored
INTEGERS = (
    ("0", 0), ("-0", 0), ("-1", -1), ("1.7e9", 1700000000), ("1.0", 1), ("-2.50e1", -25),
    ("1e18", 10**18), ("120E-1", 12), ("0e5", 0), ('"17"', 17), ('"-17"', -17),
    (str(ODD), ODD), (str(-ODD), -ODD), (f'"{ODD}"', ODD), (str(MAX), MAX), (str(MIN), MIN),
    (f'"{MAX}"', MAX), (f'"{MIN}"', MIN), ("9007199254740993.0", ODD),
    ("9.223372036854775807e18", MAX), ("1700000000123456789", 1700000000123456789),
)
NO_INTEGERS = ("1.5", "1e-1", "1e19", "9.223372036854775808e18", "-9.3e18", "1e400", "1e-400",
               '"1.5"', '"1e3x"', '"0x10"', '" 1"', '"1 "', '"+"', '"-"', "true", "[]", "{}",
               "9007199254740993.5")

LATEST = (
    ("latest of each document", [THREE_DOCS, qry(latest(alpha=(20, "blue 2"), beta=(15, "red 3"),
                                                        Gamma=(30, "green")))]),
    ("as of a time", [THREE_DOCS, qry(latest(alpha=(10, "red 1"), beta=(15, "red 3")), ts=19)]),
    ("at the time exactly", [THREE_DOCS, qry(latest(alpha=(10, "red 1")), ts=10)]),
    ("before everything", [THREE_DOCS, qry(latest(), ts=9)]),
    ("a negative time", [ins(rec(-5)), qry(latest(a=(-5, "x")), ts=-1), qry(latest(), ts=-6)]),
    ("from drops what is older", [THREE_DOCS, qry(latest(alpha=(20, "blue 2"),
                                                         Gamma=(30, "green")), **{"from": 16})]),
    ("from is included", [THREE_DOCS, qry(latest(Gamma=(30, "green")), **{"from": 30})]),
    ("from 0 is none", [ins(rec(-5)), qry(latest(a=(-5, "x")), **{"from": 0})]),
    ("from negative", [ins(rec(-5), rec(-9, doc="b")), qry(latest(a=(-5, "x")), **{"from": -6})]),
    ("from after ts finds nothing", [THREE_DOCS, qry(latest(), ts=20, **{"from": 21})]),
    ("where does not fall back", [THREE_DOCS, qry(latest(beta=(15, "red 3")), where="red")]),
    ("filter does not fall back", [THREE_DOCS, qry(latest(beta=(15, "red 3"), Gamma=(30, "green")),
                                                   filter="blue")]),
    ("from does not fall back", [ins(rec(1), rec(50)), qry(latest(a=(1, "x")), ts=40),
                                 qry(latest(), ts=40, **{"from": 2})]),
    ("where and filter", [THREE_DOCS, qry(latest(Gamma=(30, "green")), where="e",
                                          filter="/[0-9]/")]),
    ("one document", [THREE_DOCS, qry(latest(beta=(15, "red 3")), doc="beta")]),
    ("part of a name is another name", [THREE_DOCS, qry(latest(), doc="bet")]),
    ("a missing document", [THREE_DOCS, qry(latest(), doc="nope")]),
    ("a missing collection", [qry(latest()), qry(latest(), doc="a"), qry(latest(), doc="/a/")]),
    ("doc empty or null is all", [ins(rec(1)), qry(latest(a=(1, "x")), doc=""),
                                  qry(latest(a=(1, "x")), doc=None)]),
    ("where, filter, from empty or null", [
        ins(rec(1)), qry(latest(a=(1, "x")), where="", filter="", **{"from": None}),
        qry(latest(a=(1, "x")), where=None, filter=None)]),
    ("doc a pattern, not anchored", [THREE_DOCS, qry(latest(alpha=(20, "blue 2"),
                                                            Gamma=(30, "green")), doc="/a.*a/")]),
    ("doc a pattern, anchored", [THREE_DOCS, qry(latest(beta=(15, "red 3")), doc="/^b/")]),
    ("doc a pattern, no case", [THREE_DOCS, qry(latest(Gamma=(30, "green")), doc="/^g/i"),
                                qry(latest(), doc="/^g/")]),
    ("doc an empty pattern", [ins(rec(1)), qry(latest(a=(1, "x")), doc="//")]),
    ("every field at once", [THREE_DOCS, qry(latest(alpha=(20, "blue 2")), doc="/a/", ts=25,
                                             where="/BLUE/i", filter="red", **{"from": 20})]),
)

RANGES = (
    ("both ends are included", [FIVE, qdoc(shows((2, "v2"), (3, "v3"), (4, "v4")),
                                           **{"from": 2, "to": 4})]),
    ("a single moment", [FIVE, qdoc(shows((3, "v3")), **{"from": 3, "to": 3})]),
    ("nothing there", [FIVE, qdoc(shows(), **{"from": 6, "to": 9})]),
    ("no from", [FIVE, ("qdoc", {"doc": "a", "to": 2}, shows((1, "v1"), (2, "v2")))]),
    ("from null", [FIVE, qdoc(shows((1, "v1")), **{"from": None, "to": 1})]),
    ("reverse", [FIVE, qdoc(shows((4, "v4"), (3, "v3")), reverse=True, **{"from": 3, "to": 4})]),
    ("reverse false or null", [FIVE, qdoc(shows((1, "v1")), reverse=False, to=1),
                               qdoc(shows((1, "v1")), reverse=None, to=1)]),
    ("limit", [FIVE, qdoc(shows((1, "v1"), (2, "v2")), limit=2)]),
    ("limit in reverse", [FIVE, qdoc(shows((5, "v5"), (4, "v4")), limit=2, reverse=True)]),
    ("limit 0, below 0, null", [FIVE, qdoc(shows((1, "v1"), (2, "v2")), limit=0, to=2),
                                qdoc(shows((1, "v1"), (2, "v2")), limit=-1, to=2),
                                qdoc(shows((1, "v1"), (2, "v2")), limit=None, to=2)]),
    ("limit above what is there", [FIVE, qdoc(shows((5, "v5")), limit=MAX, **{"from": 5})]),
    ("limit after where", [FIVE, qdoc(shows((3, "v3"), (4, "v4")), limit=2, where="/[345]/")]),
    ("limit after filter", [FIVE, qdoc(shows((1, "v1"), (3, "v3")), limit=2, filter="2")]),
    ("limit after both, reverse", [FIVE, qdoc(shows((4, "v4"), (2, "v2")), limit=2, reverse=True,
                                              where="v", filter="/[35]/")]),
    ("from after to", [FIVE, qdoc("bad_request", **{"from": 2, "to": 1}),
                       qdoc("bad_request", doc="nope", **{"from": MAX, "to": MIN})]),
    ("to is required", [FIVE, ("qdoc", {"doc": "a", "from": 1}, "bad_request"),
                        qdoc("bad_request", to=None)]),
    ("a missing document or collection", [qdoc(shows()), ins(rec(1)), qdoc(shows(), doc="b")]),
    ("doc is literal", [ins(rec(1, doc="/a/")), qdoc(shows((1, "x")), doc="/a/"), qdoc(shows())]),
    ("the ends of 64 bits", [ins(rec(MIN, "first"), rec(MAX, "last"), rec(ODD, "odd"), rec(0)),
                             qdoc(shows((MIN, "first"), (0, "x"), (ODD, "odd"), (MAX, "last"))),
                             qdoc(shows((MAX, "last")), **{"from": MAX}),
                             qdoc(shows((MIN, "first")), to=MIN),
                             qry(latest(a=(MIN, "first")), ts=-1), qry(latest(a=(ODD, "odd")),
                                                                       ts=MAX - 1)]),
    ("bad fields", [FIVE, qdoc("bad_request", reverse="true"), qdoc("bad_request", reverse=1),
                    qdoc("bad_request", limit=1.5), qdoc("bad_request", limit="many"),
                    qdoc("bad_request", where=1), qdoc("bad_request", filter=[]),
                    qdoc("bad_request", doc=""), qdoc("bad_request", doc=None),
                    qdoc("bad_request", col=""), qry("bad_request", ts=None),
                    qry("bad_request", doc=1), qry("bad_request", col=""),
                    ("qry", {}, "bad_request"), qry("bad_request", **{"from": "x"})]),
)

DELETES = (
    ("drec", [FIVE, ("drec", {"doc": "a", "ts": 3}, OK),
              qdoc(shows((1, "v1"), (2, "v2"), (4, "v4"), (5, "v5")))]),
    ("drec of the latest uncovers the one before", [FIVE, ("drec", {"doc": "a", "ts": 5}, OK),
                                                    qry(latest(a=(4, "v4")))]),
    ("a deleted record can be inserted again", [FIVE, ("drec", {"doc": "a", "ts": 5}, OK),
                                                ins(rec(5, "again")), qry(latest(a=(5, "again")))]),
    ("dmrec", [FIVE, ("dmrec", [{"doc": "a", "ts": 1}, {"doc": "a", "ts": "5"},
                                {"doc": "b", "ts": 2}, {"doc": "a", "ts": 9}], OK),
               qdoc(shows((2, "v2"), (3, "v3"), (4, "v4")))]),
    ("dmrec of nothing", [FIVE, ("dmrec", [], OK), qdoc(shows((1, "v1")), to=1)]),
    ("dmrec names one twice", [FIVE, ("dmrec", [{"doc": "a", "ts": 1}] * 2, OK),
                               qdoc(shows((2, "v2")), to=2)]),
    ("dmrec with one bad item deletes nothing", [
        FIVE, ("dmrec", [{"doc": "a", "ts": 1}, {"doc": "a"}], "bad_request"),
        ("dmrec", [{"doc": "a", "ts": 1}, {"doc": "", "ts": 1}], "bad_request"),
        qdoc(shows((1, "v1")), to=1)]),
    ("drrng includes both ends", [FIVE, ("drrng", {"doc": "a", "fromTs": 2, "toTs": 4}, OK),
                                  qdoc(shows((1, "v1"), (5, "v5")))]),
    ("drrng of one moment", [FIVE, ("drrng", {"doc": "a", "fromTs": 2, "toTs": 2}, OK),
                             qdoc(shows((1, "v1"), (3, "v3")), to=3)]),
    ("drrng of everything", [FIVE, ("drrng", {"doc": "a", "fromTs": MIN, "toTs": MAX}, OK),
                             qdoc(shows()), qry(latest())]),
    ("drrng from after to", [FIVE, ("drrng", {"doc": "a", "fromTs": 4, "toTs": 2}, "bad_request"),
                             qdoc(shows((2, "v2")), **{"from": 2, "to": 2})]),
    ("drrng needs both ends", [("drrng", {"doc": "a", "fromTs": 1}, "bad_request"),
                               ("drrng", {"doc": "a", "toTs": 1}, "bad_request")]),
    ("ddoc in one collection", [
        ins(rec(1), rec(1, doc="b"), rec(1, "else", col="ddoc1")), ("ddoc", {"doc": "a"}, OK),
        qry(latest(b=(1, "x"))), qdoc(shows((1, "else")), col="ddoc1")]),
    ("ddoc is literal", [ins(rec(1), rec(1, doc="/a/")), ("ddoc", {"doc": "/a/"}, OK),
                         qry(latest(a=(1, "x")))]),
    ("deletes of nothing succeed", [
        ("drec", {"doc": "a", "ts": 1}, OK), ("dmrec", [{"doc": "a", "ts": 1}], OK),
        ("drrng", {"doc": "a", "fromTs": 1, "toTs": 2}, OK), ("ddoc", {"doc": "a"}, OK),
        ("dcol", {}, OK), ("rval", {"key": "k"}, OK), FIVE, ("drec", {"doc": "a", "ts": 9}, OK),
        ("drec", {"doc": "b", "ts": 1}, OK), ("ddoc", {"doc": "b"}, OK),
        ("drrng", {"doc": "a", "fromTs": 6, "toTs": 9}, OK),
        qdoc(shows((5, "v5")), **{"from": 5})]),
    ("empty and missing names", [
        ("ddoc", {"doc": ""}, "bad_request"), ("ddoc", {}, "bad_request"),
        ("drec", {"doc": "", "ts": 1}, "bad_request"), ("drec", {"doc": "a"}, "bad_request"),
        ("drec", {"doc": "a", "ts": 1, "col": ""}, "bad_request"),
        ("drec", {"doc": "a", "ts": 1.5}, "bad_request"),
        ("drrng", {"doc": "", "fromTs": 1, "toTs": 2}, "bad_request"),
        ("drrng", {"doc": "a", "fromTs": 1, "toTs": 2, "col": ""}, "bad_request"),
        ("dcol", {"col": ""}, "bad_request"), ("dcol", {"col": None}, "bad_request")]),
    ("dcol takes records and keys", [
        FIVE, ("sval", {"key": "k", "value": "v"}, OK), ("dcol", {}, OK), qry(latest()),
        qdoc(shows()), ("gvals", {}, {"values": {}}), ins(rec(7)), qdoc(shows((7, "x")))]),
)

LINES = ins(rec(1, "one\ntwo"), rec(2, "a/b"), rec(3, "TWO"), rec(4, "/var/log/x"), rec(5, "(x"))
PATTERNS = (
    ("where is text", [LINES, qdoc(shows((2, "a/b")), where="a/b")]),
    ("text is not a pattern", [LINES, qdoc(shows((5, "(x")), where="(x"),
                               qdoc(shows(), where=".")]),
    ("a path is text", [LINES, qdoc(shows((4, "/var/log/x")), where="/var/log/x"),
                        qdoc(shows((4, "/var/log/x")), where="/var/log")]),
    ("one slash is text", [LINES, qdoc(shows((2, "a/b"), (4, "/var/log/x")), where="/")]),
    ("an escaped slash ends nothing", [LINES, qdoc(shows(), where="/b\\/")]),
    ("other flags make it text", [LINES, *(qdoc(shows(), where=f"/two/{flags}")
                                           for flags in ("x", "I", " ", "g", "ix", "/"))]),
    ("a pattern", [LINES, qdoc(shows((1, "one\ntwo")), where="/t.o/")]),
    ("an escaped slash", [LINES, qdoc(shows((2, "a/b")), where="/a\\/b/")]),
    ("i", [LINES, qdoc(shows((1, "one\ntwo"), (3, "TWO")), where="/two/i")]),
    ("m", [LINES, qdoc(shows(), where="/^two/"), qdoc(shows((1, "one\ntwo")), where="/^two/m")]),
    ("s", [LINES, qdoc(shows(), where="/one.two/"),
           qdoc(shows((1, "one\ntwo")), where="/one.two/s")]),
    ("all flags, one twice", [LINES, qdoc(shows((1, "one\ntwo")), where="/ONE.^T/imsi")]),
    ("an empty pattern matches all", [FIVE, qdoc(shows((1, "v1")), where="//", to=1),
                                      qdoc(shows(), filter="//")]),
    ("alternatives keep their flags", [LINES, qdoc(shows((2, "a/b"), (3, "TWO")),
                                                   where="/^(?:A|two$)/i")]),
    ("a document that looks like a path", [
        ins(rec(1, doc="/var/log/x"), rec(1, doc="var")), qry({"records": {
            "/var/log/x": {"ts": 1, "data": "x"}}}, doc="/var/log/x"),
        qry({"records": {"/var/log/x": {"ts": 1, "data": "x"}}}, doc="/^\\/var\\/log/")]),
)
BAD_PATTERNS = ("/(/", "/[/", "/a)/", "/)(/", "/*/", "/a**/", "/(?=a)/", "/(?!a)/",
                "/(?<=a)b/", "/(?<!a)b/", "/(a)\\1/", "/(?P<n>a)(?P=n)/", "/a{1001}/", "/[z-a]/",
                "/(?x)a/", "/" + "a" * 1000 + "/", "/((a{100}){100}){100}/", "/\\p{Nope}/")

TEXTS = (
    ("NUL", "a\x00b\x00"), ("only NUL", "\x00"),
    ("control characters", "".join(map(chr, range(32)))),
    ("quotes and slashes", '"\\/\b\f\n\r\t'), ("DEL and C1", "\x7f\x80\x9f"),
    ("two bytes", "äöüß"), ("three bytes", "€漢字"), ("four bytes", "😀𝄞\U0010ffff"),
    ("joined and right to left", "\U0001f469\u200d\U0001f467 \u05e9\u05dc"),
    ("line separators", "\u2028\u2029"),
    ("noncharacters", "\ufffe\uffff\ufdd0"), ("a byte order mark", "\ufeffx\ufeff"),
    ("JSON", '{"t":22.5,"n":null,"s":"\\u0000"}'), ("spaces", "  x  "), ("like escapes", "\\u0041"),
    ("decomposed", "a\u0308"), ("a hundred kB", "0123456789" * 10000),
    ("three MB of anything", "".join(random.Random(1).choices("abc \"\\\x00\n€😀", k=1500000))),
)


def bad_records(client, label):
    for number, (name, bad) in enumerate(BAD_RECORDS):
        col = f"atomic{number}"
        with suite.case(f"a bad record inserts none: {name}{label}"):
            batch = [{"col": col, **r} for r in (rec(1, "first"), bad, rec(2, "last"))]
            expect(client.call("ins", batch), "bad_request")
            expect(client.call("qdoc", {"col": col, "doc": "a", "to": MAX}), shows())
            assert col not in client.ok("cols")["collections"]


def integers(client):
    def call(type, **fields):
        body = ",".join(f'"{k}":{v}' for k, v in fields.items())
        return client.raw(f'{{"id":"i","type":"{type}","data":'
                          f'{f"[{{{body}}}]" if type == "ins" else f"{{{body}}}"}}}')

    names = {"col": '"integers"', "doc": '"d"'}
    for text, stored in INTEGERS:
        with suite.case(f"the integer {text} is {stored}"):
            expect(call("ins", ts=text, data='"x"', **names), OK)
            raw = {"ts": stored, "data": "x"}
            expect(client.call("qdoc", {"col": "integers", "doc": "d", "to": MAX}),
                   {"records": [raw]})
            expect(call("qdoc", to=text, **{"from": text}, limit=text, **names),
                   {"records": [raw]})
            expect(call("qry", ts=text, **{"from": text}, **names), {"records": {"d": raw}})
            expect(call("drrng", fromTs=text, toTs=text, **names), OK)
            expect(call("qdoc", to=str(MAX), **names), {"records": []})
            expect(call("ins", ts=text, data='"x"', **names), OK)
            expect(call("drec", ts=text, **names), OK)
            expect(call("qry", ts=str(MAX), **names), {"records": {}})
    for text in NO_INTEGERS:
        with suite.case(f"{text} is no integer"):
            expect(call("ins", ts=text, data='"x"', **names), "bad_request")
            expect(call("qry", ts=text, **names), "bad_request")
            expect(call("qdoc", to=text, **names), "bad_request")
            expect(call("drec", ts=text, **names), "bad_request")
            expect(call("drrng", fromTs=text, toTs=text, **names), "bad_request")
    with suite.case("2^53+1 and the ends stand in the reply as they are"):
        for ts in (ODD, MAX, MIN):
            client.ok("ins", [rec(ts, col="digits", doc=f"d{ts}")])
            client.send("qry", {"col": "digits", "ts": ts, "doc": f"d{ts}"})
            assert f'"ts":{ts},'.encode() in client.receive_frame()[1]


def texts(client, label):
    for number, (name, text) in enumerate(TEXTS):
        with suite.case(f"data byte for byte: {name}{label}"):
            col = f"texts{number}"
            client.ok("ins", [rec(1, text, col=col), rec(2, "y" + text, "b", col=col)])
            expect(client.call("qdoc", {"col": col, "doc": "a", "to": 9}), shows((1, text)))
            expect(client.call("qry", {"col": col, "ts": 1}), latest(a=(1, text)))
            if len(text) < 100:
                expect(client.call("qry", {"col": col, "ts": 9, "where": "y" + text}),
                       latest(b=(2, "y" + text)))
            client.ok("dcol", {"col": col})
        if "\x00" not in text and len(text.encode()) <= 1024:
            with suite.case(f"names byte for byte: {name}{label}"):
                client.ok("ins", [rec(1, doc=text, col=text)])
                assert text in client.ok("cols")["collections"]
                expect(client.call("qry", {"col": text, "ts": 1}), latest(**{text: (1, "x")}))
                expect(client.call("qdoc", {"col": text, "doc": text, "to": 1}), shows((1, "x")))
                client.ok("ddoc", {"doc": text})
                assert text not in client.ok("cols")["collections"]


def collections(client):
    def listed():
        found = client.ok("cols")["collections"]
        equal(len(found), len(set(found)), "names listed once")
        return {name for name in found if name.startswith("life")}

    with suite.case("a collection is there while it has a record or a key"):
        client.ok("ins", [rec(1, col="life1"), rec(2, col="life1"), rec(1, doc="b", col="life2")])
        client.ok("sval", {"col": "life1", "key": "k", "value": ""})
        client.ok("sval", {"col": "life3", "key": "k", "value": ""})
        equal(listed(), {"life1", "life2", "life3"})
        client.ok("drec", {"col": "life1", "doc": "a", "ts": 1})
        client.ok("drrng", {"col": "life1", "doc": "a", "fromTs": 0, "toTs": 5})
        equal(listed(), {"life1", "life2", "life3"})
        client.ok("rval", {"col": "life1", "key": "k"})
        equal(listed(), {"life2", "life3"})
        client.ok("dmrec", [{"col": "life2", "doc": "b", "ts": 1}])
        equal(listed(), {"life3"})
        client.ok("dcol", {"col": "life3"})
        equal(listed(), set())
    with suite.case("a read of what is not there makes no collection"):
        client.ok("qry", {"col": "life4", "ts": 1})
        client.ok("gval", {"col": "life4", "key": "k"})
        client.ok("dcol", {"col": "life4"})
        equal(listed(), set())
    with suite.case("ddoc without col, col empty or null: every collection"):
        for col in ({}, {"col": ""}, {"col": None}):
            client.ok("ins", [rec(1, col=f"life{n}") for n in range(5)])
            client.ok("ins", [rec(1, doc="b", col="life0")])
            client.ok("ddoc", {"doc": "a", **col})
            equal(listed(), {"life0"})
            client.ok("ddoc", {"doc": "b", **col})
            equal(listed(), set())


def bounds(client):
    with suite.case("names of 1024 bytes, and no more"):
        name = "ä" * 512
        client.ok("ins", [rec(1, doc=name, col=name)])
        expect(client.call("ins", [rec(1, doc=name + "x", col="c")]), "too_large")
        expect(client.call("ins", [rec(1, col=name + "x")]), "too_large")
        expect(client.call("sval", {"col": "c", "key": name + "x", "value": ""}), "too_large")
        expect(client.call("qry", {"col": name, "ts": 1}), latest(**{name: (1, "x")}))
        client.ok("dcol", {"col": name})
    with suite.case("a document of 20,000 records, in random order, in pieces"):
        order = list(range(20000))
        random.Random(2).shuffle(order)
        for start in range(0, len(order), 1000):
            client.ok("ins", [rec(t * 10, f"v{t}", "big", col="bounds")
                              for t in order[start:start + 1000]])
        expect(client.call("qdoc", {"col": "bounds", "doc": "big", "to": MAX}),
               shows(*((t * 10, f"v{t}") for t in range(20000))))
        expect(client.call("qdoc", {"col": "bounds", "doc": "big", "from": 55, "to": 99999,
                                    "reverse": True, "limit": 700}),
               shows(*((t * 10, f"v{t}") for t in range(9999, 9299, -1))))
        for ts, t in ((-1, None), (0, 0), (9, 0), (10, 1), (123456, 12345), (MAX, 19999)):
            expect(client.call("qry", {"col": "bounds", "ts": ts}),
                   latest() if t is None else latest(big=(t * 10, f"v{t}")))
        client.ok("drrng", {"col": "bounds", "doc": "big", "fromTs": 1000, "toTs": 198990})
        expect(client.call("qdoc", {"col": "bounds", "doc": "big", "to": MAX}),
               shows(*((t * 10, f"v{t}") for t in (*range(100), *range(19900, 20000)))))
    with suite.case("3,000 documents"):
        client.ok("ins", [rec(n, f"v{n}", f"d{n:04}", col="many") for n in range(3000)])
        expect(client.call("qry", {"col": "many", "ts": MAX}),
               {"records": {f"d{n:04}": {"ts": n, "data": f"v{n}"} for n in range(3000)}})
        expect(client.call("qry", {"col": "many", "ts": MAX, "doc": "/99$/", "from": 1000}),
               {"records": {f"d{n:04}": {"ts": n, "data": f"v{n}"}
                            for n in range(1099, 3000, 100)}})


def main():
    with FluxionServer() as server:
        for kind, form, label in ((TEXT, "string", ", text"), (BINARY, "inline", ", binary")):
            with Client(server, kind=kind, data=form) as client:
                for table in (INSERTS, LATEST, RANGES, DELETES, PATTERNS):
                    suite.scripts(client, table, label)
                bad_records(client, label)
                texts(client, label)
                for col in ("mix1", "mix2", "ddoc1"):
                    client.ok("dcol", {"col": col})
        with Client(server) as client:
            for pattern in BAD_PATTERNS:
                suite.scripts(client, [(f"a bad pattern: {pattern[:30]}", [
                    FIVE, *(qdoc("bad_regex", **{f: pattern}) for f in ("where", "filter")),
                    *(qry("bad_regex", **{f: pattern}) for f in ("doc", "where", "filter")),
                    ("gvalues", {"key": pattern}, "bad_regex"), qdoc(shows((1, "v1")), to=1)])])
            integers(client)
            collections(client)
            bounds(client)
        with suite.case("stops in order"):
            server.stop()
    suite.end()


main()
