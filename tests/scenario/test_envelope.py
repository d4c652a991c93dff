#!/usr/bin/env python3
"""Connecting, and the envelope of every message."""

import base64
import json
import re

from client import BINARY, TEXT, Client, RawSocket, http, parse, raw_session, target_of
from fluxion_server import SECRET, FluxionServer
from harness import Suite, equal, expect

suite = Suite()

# target, further fields of the handshake
REFUSED = (
    ("no key", "/", {}),
    ("an empty query", "/?", {}),
    ("another parameter", "/?name=x", {}),
    ("an empty key", "/?api-key=", {}),
    ("no value", "/?api-key", {}),
    ("a wrong key", "/?api-key=wrong", {}),
    ("the start of the key", f"/?api-key={SECRET[:-1]}", {}),
    ("more than the key", f"/?api-key={SECRET}0", {}),
    ("the key in other letters", f"/?api-key={SECRET.upper()}", {}),
    ("the key with NUL behind", f"/?api-key={SECRET}%00", {}),
    ("bytes that are no UTF-8", "/?api-key=%ff%fe", {}),
    ("a wrong bearer", "/", {"Authorization": "Bearer wrong"}),
    ("an empty bearer", "/", {"Authorization": "Bearer "}),
    ("another scheme", "/", {"Authorization": f"Basic {SECRET}"}),
    ("a wrong key as subprotocol", "/",
     {"Sec-WebSocket-Protocol": "fluxion, fluxion.key.d3Jvbmc"}),
    ("an empty key as subprotocol", "/", {"Sec-WebSocket-Protocol": "fluxion, fluxion.key."}),
)

# message, the id of the reply, its code
BAD_MESSAGES = (
    ("no JSON", "hello", None, "bad_json"),
    ("nothing", "", None, "bad_json"),
    ("only space", "  ", None, "bad_json"),
    ("half an object", '{"id":"a"', None, "bad_json"),
    ("text behind", '{"id":"a","type":"cols"} x', None, "bad_json"),
    ("two objects", '{"id":"a","type":"cols"}{}', None, "bad_json"),
    ("a comma too much", '{"id":"a","type":"cols",}', None, "bad_json"),
    ("no colon", '{"id" "a"}', None, "bad_json"),
    ("single quotes", "{'id':'a'}", None, "bad_json"),
    ("a comment", '{"id":"a","type":"cols"/**/}', None, "bad_json"),
    ("a name that is no string", '{1:"a"}', None, "bad_json"),
    ("a lone high surrogate", r'{"id":"\ud800","type":"cols"}', None, "bad_json"),
    ("a lone low surrogate", r'{"id":"\udc00","type":"cols"}', None, "bad_json"),
    ("an unknown escape", r'{"id":"\x41","type":"cols"}', None, "bad_json"),
    ("a control character", '{"id":"a\n","type":"cols"}', None, "bad_json"),
    ("NaN", '{"id":"a","type":"cols","x":NaN}', None, "bad_json"),
    ("a number with a plus", '{"id":"a","type":"cols","x":+1}', None, "bad_json"),
    ("a number with a leading zero", '{"id":"a","type":"cols","x":01}', None, "bad_json"),
    ("a number without its fraction", '{"id":"a","type":"cols","x":1.}', None, "bad_json"),
    ("an array", "[]", None, "bad_request"),
    ("a string", '"x"', None, "bad_request"),
    ("a number", "1", None, "bad_request"),
    ("null", "null", None, "bad_request"),
    ("an empty object", "{}", None, "bad_request"),
    ("no id", '{"type":"cols"}', None, "bad_request"),
    ("id null", '{"id":null,"type":"cols"}', None, "bad_request"),
    ("id a number", '{"id":1,"type":"cols"}', None, "bad_request"),
    ("id a truth", '{"id":true,"type":"cols"}', None, "bad_request"),
    ("id an object", '{"id":{},"type":"cols"}', None, "bad_request"),
    ("id twice", '{"id":"a","id":"b","type":"cols"}', None, "bad_request"),
    ("no id and an unknown type", '{"type":"nope"}', None, "bad_request"),
    ("no type", '{"id":"a"}', "a", "bad_request"),
    ("type null", '{"id":"a","type":null}', "a", "bad_request"),
    ("type a number", '{"id":"a","type":7}', "a", "bad_request"),
    ("type twice", '{"id":"a","type":"cols","type":"cols"}', "a", "bad_request"),
    ("type empty", '{"id":"a","type":""}', "a", "unknown_type"),
    ("type unknown", '{"id":"a","type":"nope"}', "a", "unknown_type"),
    ("type in capitals", '{"id":"a","type":"COLS"}', "a", "unknown_type"),
    ("type with a space", '{"id":"a","type":"cols "}', "a", "unknown_type"),
    ("type with NUL", r'{"id":"a","type":"cols\u0000"}', "a", "unknown_type"),
    ("type auth, retired", '{"id":"a","type":"auth","data":"{}"}', "a", "unknown_type"),
    ("data twice", '{"id":"a","type":"cols","data":{},"data":{}}', "a", "bad_request"),
    ("data no JSON", '{"id":"a","type":"qry","data":"hello"}', "a", "bad_json"),
    ("data empty", '{"id":"a","type":"qry","data":""}', "a", "bad_json"),
    ("data half JSON", r'{"id":"a","type":"qry","data":"{\"col\":"}', "a", "bad_json"),
    ("data with a lone surrogate", r'{"id":"a","type":"gkeys","data":"{\"col\":\"\\ud800\"}"}',
     "a", "bad_json"),
    ("data absent", '{"id":"a","type":"qry"}', "a", "bad_request"),
    ("data null", '{"id":"a","type":"qry","data":null}', "a", "bad_request"),
    ("data a number", '{"id":"a","type":"qry","data":5}', "a", "bad_request"),
    ("data a string of a number", '{"id":"a","type":"qry","data":"5"}', "a", "bad_request"),
    ("data a string of a string", r'{"id":"a","type":"qry","data":"\"{}\""}', "a", "bad_request"),
    ("data an array for an object", '{"id":"a","type":"qry","data":[]}', "a", "bad_request"),
    ("data an object for an array", '{"id":"a","type":"ins","data":{}}', "a", "bad_request"),
    ("data an array for nothing", '{"id":"a","type":"cols","data":[]}', "a", "bad_request"),
    ("an array of numbers", '{"id":"a","type":"ins","data":[1]}', "a", "bad_request"),
    ("an array of arrays", '{"id":"a","type":"dmrec","data":[[]]}', "a", "bad_request"),
    ("a field twice", '{"id":"a","type":"gkeys","data":{"col":"x","col":"x"}}', "a", "bad_request"),
    ("a field twice, in a string", r'{"id":"a","type":"gkeys","data":"{\"col\":1,\"col\":\"x\"}"}',
     "a", "bad_request"),
    ("a field twice, once null", '{"id":"a","type":"gkeys","data":{"col":null,"col":"x"}}', "a",
     "bad_request"),
    ("a required field null", '{"id":"a","type":"gkeys","data":{"col":null}}', "a", "bad_request"),
)

# message, what the reply must hold
GOOD_MESSAGES = (
    ("no data", '{"id":"a","type":"cols"}'),
    ("data null", '{"id":"a","type":"cols","data":null}'),
    ("data an empty string", '{"id":"a","type":"cols","data":""}'),
    ("data an object in a string", '{"id":"a","type":"cols","data":"{}"}'),
    ("data an object", '{"id":"a","type":"cols","data":{}}'),
    ("unknown fields in data", '{"id":"a","type":"cols","data":{"x":[1,{"y":2}]}}'),
    ("unknown fields beside it", '{"id":"a","type":"cols","x":1,"y":{"id":"b"},"z":[[]]}'),
    ("numbers beyond 64 bits where none is read",
     '{"id":"a","type":"cols","x":123456789012345678901234567890,"y":1e999}'),
    ("fields in another order", '{"data":"{}","type":"cols","id":"a"}'),
    ("space all over", ' \t\r\n{ "id" : "a" , "type" : "cols" , "data" : " {} " } \n'),
    ("escaped names", r'{"\u0069d":"a","t\u0079pe":"c\u006fls"}'),
)

IDS = ("a", " ", "0", "ä€😀", '"\\/', "a\nb\x00c\x7f", "x" * 10000, "null")


def nested(levels):
    return "[" * levels + "]" * levels


def connecting(server):
    for name, target, fields in REFUSED:
        with suite.case(f"refused before the upgrade: {name}"), RawSocket(server) as raw:
            status, head = raw.upgrade(target, fields)
            body = raw.read_exactly(int(head["content-length"]))
            equal(status, 401)
            equal(head["content-type"].split(";")[0], "application/json")
            assert "upgrade" not in head and "sec-websocket-accept" not in head, head
            equal(parse(body.decode())["code"], "unauthorized")
            assert parse(body.decode())["error"], body
            equal(raw.read_to_end(), b"", "what follows")
    for path in ("/x", "/ws", "//", "/health/live", "/index.html"):
        with suite.case(f"no upgrade at {path}"), RawSocket(server) as raw:
            status, head = raw.upgrade(target_of(path=path))
            equal(status, 404)
            body = raw.read_exactly(int(head["content-length"])).decode()
            equal(parse(body)["code"], "not_found")
    for method, target, status in (("GET", "/", 404), ("GET", target_of(), 404),
                                   ("GET", "/nothing", 404), ("POST", "/", 404),
                                   ("GET", "/health/live", 200), ("GET", "/health/ready", 200)):
        with suite.case(f"plain {method} {target[:14]}: {status}"):
            got, head, body = http(server, target, method)
            equal((got, head["content-type"]), (status, "application/json"))
            equal("error" in parse(body.decode()), status == 404)


def ways_to_show_a_key(server):
    keys = {"plus+in+the+key": "read_write", "spaces in the key": "readonly",
            "100%&all=of/these?#ü€": "read_write_delete", "short": "readonly"}
    with Client(server) as master:
        for key, scope in keys.items():
            expect(master.call("keys", {"action": "add", "key": key, "scope": scope}), {})

    def opens(name, scope, **how):
        with suite.case(f"a key {name}"), Client(server, **how) as client:
            equal(client.ready["scope"], scope)

    def token(key):
        return "fluxion.key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")

    for key, scope in {**keys, SECRET: "master"}.items():
        opens(f"percent-encoded: {key}", scope, key=key)
        opens(f"as subprotocol: {key}", scope, target="/", subprotocols=["fluxion", token(key)])
    opens("with + as itself", "read_write", target="/?api-key=plus+in+the+key")
    opens("with + as a space", "readonly", target="/?api-key=spaces+in+the+key")
    opens("behind the name", "readonly", target="/?name=x&api-key=short")
    opens("twice encoded letters", "readonly", target="/?api-key=%73hort")
    opens("as bearer", "readonly", target="/", header=["Authorization: Bearer spaces in the key"])
    opens("as bearer, small letters", "master", target="/",
          header=[f"authorization: bearer {SECRET}"])
    opens("from any origin", "master", header=["Origin: http://elsewhere.example"])
    with suite.case("the subprotocol chosen is fluxion, never the key"):
        with RawSocket(server) as raw:
            status, head = raw.upgrade("/", {"Sec-WebSocket-Protocol":
                                             f"fluxion, {token(SECRET)}"})
            equal((status, head["sec-websocket-protocol"]), (101, "fluxion"))


def origins():
    good, other = "https://good.example", "http://other.example:8080"
    with FluxionServer(data=False, settings={"allow-origins": f"{good}, {other}"}) as server:
        for origin, target, status in (
                (good, target_of(), 101), (other, target_of(), 101), (None, target_of(), 101),
                ("https://bad.example", target_of(), 403), ("null", target_of(), 403),
                ("", target_of(), 403), (good + ".bad.example", target_of(), 403),
                ("http://good.example", target_of(), 403), (good + ":8080", target_of(), 403),
                (good, target_of("wrong"), 401), ("https://bad.example", target_of("wrong"), 401)):
            with suite.case(f"origin {origin}: {status}"), RawSocket(server) as raw:
                got, head = raw.upgrade(target, {} if origin is None else {"Origin": origin})
                equal(got, status)
                if status == 403:
                    body = raw.read_exactly(int(head["content-length"])).decode()
                    equal(parse(body)["code"], "forbidden")


def the_ready_frame(server):
    with suite.case("ready: first, once, a text frame, with all fields"):
        with Client(server, kind=BINARY) as client:
            ready = client.ready
            equal(sorted(ready), sorted(["type", "message", "version", "log", "seq", "scope",
                                         "durable"]))
            equal((ready["type"], ready["message"]), ("ready", "Authentication successful"))
            equal((ready["scope"], ready["durable"]), ("master", True))
            assert re.fullmatch("[0-9a-f]{32}", ready["log"]), ready
            assert re.fullmatch(r"\d+\.\d+\.\d+.*", ready["version"]), ready
            equal(type(ready["seq"]), int)
            for n in range(3):
                equal(client.raw(f'{{"id":"{n}","type":"cols"}}')["id"], str(n))
            seq = client.ok("sval", {"col": "ready", "key": "k", "value": "v"})["seq"]
            assert seq > ready["seq"], (seq, ready)
        with Client(server) as client:
            equal((client.ready["seq"], client.ready["log"]), (seq, ready["log"]))
    with suite.case("ready is a text frame"), RawSocket(server) as raw:
        raw.upgrade()
        equal(raw.read_frame()[:2], (TEXT, True))


def messages(server):
    client = Client(server)

    def usable(kind):
        expect(client.raw('{"id":"still","type":"cols"}', kind), {"id": "still"})

    for kind, label in ((TEXT, "text"), (BINARY, "binary")):
        for name, message, id, code in BAD_MESSAGES:
            with suite.case(f"{label}: {name}"):
                equal(expect(client.raw(message, kind), code)["id"], id, "id")
                usable(kind)
        for name, message in GOOD_MESSAGES:
            with suite.case(f"{label}: {name}"):
                reply = expect(client.raw(message, kind), {"id": "a"})
                equal(type(reply["collections"]), list)
        for id in IDS:
            with suite.case(f"{label}: the id {id[:10]!r} comes back"):
                expect(client.raw(json.dumps({"id": id, "type": "cols"}), kind), {"id": id})
                equal(expect(client.raw(json.dumps({"id": id, "type": "nope"}), kind),
                             "unknown_type")["id"], id)
        with suite.case(f"{label}: an empty id"):
            expect(client.raw('{"id":"","type":"cols"}', kind), "bad_request")
        for levels, code in ((63, None), (64, "bad_json"), (5000, "bad_json")):
            with suite.case(f"{label}: an object around {levels} arrays"):
                outer = f'{{"id":"a","type":"cols","x":{nested(levels)}}}'
                inner = json.dumps({"id": "a", "type": "cols",
                                    "data": f'{{"x":{nested(levels)}}}'})
                for message, id in ((outer, None), (inner, "a")):
                    reply = expect(client.raw(message, kind), code or {"id": "a"})
                    equal(reply["id"], id if code else "a")
                usable(kind)
        with suite.case(f"{label}: the reply comes in the same kind"):
            for message in ('{"id":"a","type":"cols"}', "x", '{"id":"a","type":"nope"}',
                            '{"id":"a","type":"sval","data":{"col":"c","key":"k","value":"v"}}',
                            '{"id":"a","type":"gvals","data":{"col":"c"}}',
                            '{"id":"a","type":"rval","data":{"col":1}}'):
                client.send_raw(message, kind)
                equal(client.receive_frame()[0], kind, message)
    with suite.case("a byte order mark is bad_json"):
        # A byte order mark is no JSON, whatever the frame.
        for kind in (TEXT, BINARY):
            expect(client.raw('\ufeff{"id":"a","type":"cols"}', kind), "bad_json")
    with suite.case("binary frames that are no UTF-8 are bad_json"):
        expect(client.raw(b'{"id":"\xff","type":"cols"}', BINARY), "bad_json")
        expect(client.raw(bytes(range(256)), BINARY), "bad_json")
        usable(BINARY)
    with suite.case("the error for auth names the parameter"):
        reply = client.raw('{"id":"a","type":"auth","data":"{\\"key\\":\\"x\\"}"}')
        assert "api-key" in reply["error"], reply
    with suite.case("both forms of data mean the same"):
        record = {"ts": 2**53 + 1, "doc": 'd"\\é', "data": '{"a":"\\u0000\x00"}', "col": "forms"}
        for form in ("string", "inline"):
            client.data = form
            client.ok("ins", [record])
            expect(client.call("qry", {"col": "forms", "ts": 2**60}),
                   {"records": {record["doc"]: {"ts": record["ts"], "data": record["data"]}}})
            client.ok("dcol", {"col": "forms"})
    # Text is split between characters here; test_hostile_bytes.py splits it inside one.
    for kind, id in ((TEXT, "abc"), (BINARY, "ä€😀")):
        name = f"a message in frames of one byte, kind {kind}"
        with suite.case(name), raw_session(server) as raw:
            message = json.dumps({"id": id, "type": "cols"}, ensure_ascii=False).encode()
            for n, byte in enumerate(message):
                raw.send_frame(kind if n == 0 else 0, bytes([byte]), n == len(message) - 1)
            answer = raw.read_frame()
            equal(answer[0], kind)
            expect(parse(answer[2].decode()), {"id": id})
    client.close()


def min_seq(server):
    writer, reader = Client(server), Client(server)
    log = writer.ready["log"]
    seq = writer.ok("sval", {"col": "m", "key": "k", "value": "1"})["seq"]
    far = seq + 1000000
    read = {"col": "m", "key": "k"}
    table = (
        ("reached", seq, {"value": "1"}),
        ("long reached", 0, {"value": "1"}),
        ("as a string", str(seq), {"value": "1"}),
        ("as a position", f"{log}:{seq}", {"value": "1"}),
        ("null", None, {"value": "1"}),
        ("beyond the end", far, "timeout"),
        ("a position beyond the end", f"{log}:{far}", "timeout"),
        ("the greatest", 2**63 - 1, "timeout"),
        ("another history", f"{'0' * 32}:{seq}", "compacted"),
        ("another history, at 0", "x:0", "compacted"),
        ("negative", -1, "bad_request"),
        ("a fraction", 1.5, "bad_request"),
        ("too large", 2**63, "bad_request"),
        ("a truth", True, "bad_request"),
        ("an object", {}, "bad_request"),
        ("an empty string", "", "bad_request"),
        ("no seq", f"{log}:", "bad_request"),
        ("no history", f":{seq}", "bad_request"),
        ("a word", "latest", "bad_request"),
        ("two colons", f"{log}:1:1", "bad_request"),
    )
    for name, value, wanted in table:
        with suite.case(f"min_seq {name}"):
            expect(reader.call("gval", {**read, "min_seq": value}), wanted)
            expect(reader.call("gval", read, min_seq=value), wanted)
            expect(reader.call("gval", read), {"value": "1"})
    with suite.case("min_seq given twice"):
        expect(reader.call("gval", {**read, "min_seq": 1}, min_seq=1), "bad_request")
    with suite.case("min_seq on every type that reads"):
        for type, payload in (("qry", {"col": "m", "ts": 1}), ("cols", {}), ("gkeys", {"col": "m"}),
                              ("qdoc", {"col": "m", "doc": "d", "to": 1}), ("gvals", {"col": "m"}),
                              ("gvalues", {"col": "m"}), ("conn", {})):
            expect(reader.call(type, payload, min_seq=f"{log}:{seq}"), {})
            expect(reader.call(type, payload, min_seq="x:1"), "compacted")
    writer.close()
    reader.close()


def min_seq_waits(server):
    writer, reader = Client(server), Client(server)
    with suite.case("min_seq waits for a write on another connection; others overtake it"):
        seq = writer.ok("sval", {"col": "w", "key": "k", "value": "0"})["seq"]
        for n in range(1, 50):
            waiting = reader.send("gval", {"col": "w", "key": "k"}, min_seq=seq + 1)
            expect(reader.call("cols"), {})
            seq = writer.ok("sval", {"col": "w", "key": "k", "value": str(n)})["seq"]
            expect(reader.reply_to(waiting), {"value": str(n)})
    with suite.case("a connection may have some requests waiting, not any amount"):
        padding = "x" * 1000000
        waiting = [reader.send("cols", {}, min_seq=seq + 1, padding=padding) for _ in range(20)]
        refused = []
        while not refused or refused[-1] != waiting[-1]:
            reply = reader.receive()
            expect(reply, "too_many")
            refused.append(reply["id"])
        assert 10 <= len(refused) <= 18, f"{len(refused)} of 20 requests of 1 MB were refused"
        expect(reader.call("cols"), {})
        seq = writer.ok("sval", {"col": "w", "key": "k", "value": "some"})["seq"]
        for id in waiting[:len(waiting) - len(refused)]:
            expect(reader.reply_to(id), {})
        last = reader.send("cols", {}, min_seq=seq + 1)  # there is room again
        seq = writer.ok("sval", {"col": "w", "key": "k", "value": "more"})["seq"]
        expect(reader.reply_to(last), {})
    with suite.case("a connection may go while it waits"):
        for _ in range(20):
            leaving = Client(server)
            leaving.send("cols", {}, min_seq=seq + 1)
            expect(leaving.call("cols"), {})
            leaving.drop()
        writer.ok("sval", {"col": "w", "key": "k", "value": "last"})
        expect(reader.call("gval", {"col": "w", "key": "k"}), {"value": "last"})
    writer.close()
    reader.close()


with FluxionServer(settings={"min-seq-timeout": "100ms"}) as short_waits:
    connecting(short_waits)
    ways_to_show_a_key(short_waits)
    the_ready_frame(short_waits)
    messages(short_waits)
    min_seq(short_waits)
    with suite.case("stops in order"):
        short_waits.stop()
origins()
with FluxionServer(settings={"min-seq-timeout": "60s"}) as long_waits:
    min_seq_waits(long_waits)
    with suite.case("stops in order"):
        long_waits.stop()
suite.end()
