#!/usr/bin/env python3
"""Bad messages: each costs its own request and nothing else."""

import json
import subprocess
import time

from client import BINARY, TEXT, Client, check_error
from fluxion_server import BINARY as PROGRAM
from fluxion_server import FluxionServer
from harness import Suite, equal
from json_texts import BAD, GOOD
from witness import Witness

suite = Suite()

# Backtracking would take for ever. The largest that is let through takes 20 us a byte, 2 s for
# these 100 kB; a busy machine takes ten times as long.
PATTERN_SECONDS = 60
ANSWER_SECONDS = 20  # the same; the worst takes a moment, most a millisecond
GROWTH = 64 << 20  # bytes that one round of all this may leave behind


def quoted(text):
    """These bytes as a JSON string; bytes that are not UTF-8 stay what they are."""
    out = bytearray(b'"')
    for byte in text:
        if byte < 0x20 or byte in b'"\\':
            out += b"\\u%04x" % byte
        else:
            out.append(byte)
    return bytes(out + b'"')


def test_json(server, client, witness):
    """Every text as a message, as the text of `data`, and the good ones as a value besides."""
    for wanted, texts in (("bad_request", GOOD), ("bad_json", BAD)):
        for name, text in texts:
            with suite.case(f"JSON, {name}"):
                begun = time.monotonic()
                reply = client.raw(text, BINARY)
                equal((check_error(reply), reply["id"]), (wanted, None), "as a message")
                reply = client.raw(b'{"id":"x","type":"gkeys","data":%s}' % quoted(text), BINARY)
                equal(check_error(reply), wanted, "in `data`")
                if texts is GOOD:
                    reply = client.raw(b'{"id":"x","type":"cols","more":%s}' % text, BINARY)
                    equal((check_error(reply), reply["id"]), (None, "x"), "as an unknown field")
                took = time.monotonic() - begun
                assert took < ANSWER_SECONDS, f"the answers took {took:.2f} s"
                witness.look()


def test_depth(server, client, witness):
    for depth, wanted in ((62, None), (63, None), (64, "bad_json"), (1000, "bad_json")):
        for left, right in (("[", "]"), ('{"a":', "}")):
            with suite.case(f"nesting {depth} below the envelope with {left}"):
                nested = left * depth + "1" + right * depth
                equal(check_error(client.raw('{"id":"x","type":"cols","more":%s}' % nested)),
                      wanted, "code")
                witness.look()
    with suite.case("too many names and values"):
        reply = client.raw('{"id":"x","type":"cols","more":[' + "1," * 4200000 + "1]}")
        equal(check_error(reply), "too_many", "code")
        witness.look()


# A value of each field that is right, so that only what a case changes is wrong.
RIGHT = {"col": "c", "doc": "d", "ts": 1, "data": "x", "key": "k", "value": "7", "from": 1,
         "ver": None, "ttl": 60000, "delete_nulls": True, "before": 1, "gt": 1, "gte": 1, "lt": 9,
         "lte": 9, "writes": [{"op": "set", "key": "k", "value": "7"}],
         "to": 2, "fromTs": 1, "toTs": 2, "limit": 1, "reverse": True, "where": "a",
         "filter": "b", "action": "add", "scope": "readonly", "min_seq": 0,
         "live": False}

WRONG = {
    "string": ["1", "-1.5", "true", "false", "[]", "{}", '["a"]', '{"a":"b"}'],
    "integer": ['"x"', '""', '" 1"', '"1 "', '"0x1"', '"1.5"', "1.5", "-0.5", "true", "[]", "{}",
                "[1]", "9223372036854775808", "-9223372036854775809", "1e19", "1e400", "-1e400",
                "1e-400", '"9223372036854775808"', '"1e400"', "1" * 1000],
    "[]": ["1", "true", "{}", '"x"', "[1]", '["x"]', "[[]]"],
    "boolean": ['"true"', '""', "1", "0", "[]", "{}"],
    "string|integer": ["true", "[]", "{}", "1.5", "-1", '"x"', '"a:b"', '":1"', '"1:"',
                       "99999999999999999999"],
}


def payload_text(command, values):
    text = "{" + ",".join(f'"{name}":{value}' for name, value in values) + "}"
    return f"[{text}]" if command["payload"]["shape"] == "list" else text


def message_text(type, text, inline):
    data = text if inline else json.dumps(text)
    return f'{{"id":"x","type":"{type}","data":{data}}}'


def variants(command):
    """(what, payload, wanted code or None) around a right payload."""
    fields = command["payload"]["fields"]
    right = [(f["name"], json.dumps(RIGHT[f["name"]])) for f in fields]
    yield "right", payload_text(command, right), None
    yield "unknown fields", payload_text(command, right + [("zz", "[1]"), ("", "null")]), None
    for place, field in enumerate(fields):
        name, kind = field["name"], field["type"]
        needed = field["required"] or command["type"] == "keys"

        def put(value):
            return payload_text(command, right[:place] + [(name, value)] + right[place + 1:])

        for value in WRONG["[]" if kind.endswith("[]") else kind]:
            yield f"{name} = {value[:30]}", put(value), "bad_request"
        yield f"{name} twice", payload_text(command, right + [right[place]]), "bad_request"
        if RIGHT[name] is None:
            continue
        yield f"{name} = null", put("null"), "bad_request" if needed else None
        yield (f"no {name}", payload_text(command, right[:place] + right[place + 1:]),
               "bad_request" if needed else None)
        if kind == "string":
            yield f"{name} = lone surrogate", put(r'"\ud800"'), "bad_json"
            yield f"{name} = bad escape", put(r'"\x"'), "bad_json"
            if name in ("col", "doc", "key") and not field["pattern"]:
                yield f"{name} with NUL", put(r'"a\u0000b"'), "bad_request"
                yield f"{name} too long", put('"' + "n" * 1025 + '"'), "too_large"
            if field["pattern"]:
                yield f"{name} bad pattern", put('"/(/"'), "bad_regex"
            if needed and name != "value":
                yield f"{name} empty", put('""'), "bad_request"


def shapes(command):
    shape = command["payload"]["shape"]
    wrong = {"none": ["[]", "1", '"x"', "true"], "object": ["[]", "1", '"x"', "true", "null"],
             "list": ["{}", "1", '"x"', "true", "null", "[1]", "[null]", '["x"]', "[[]]"]}
    for text in wrong[shape]:
        yield f"payload {text}", text, "bad_request"


def test_types(server, client, witness):
    described = json.loads(subprocess.run([PROGRAM, "--describe"], check=True,
                                          capture_output=True).stdout)
    equal(len(described["commands"]), 26, "commands")
    for command in described["commands"]:
        type = command["type"]
        # Subscriptions and cuts have tests of their own; without a folder there is no checkpoint
        # to make.
        if type in ("sub", "unsub", "cut", "snap"):
            continue
        for what, text, wanted in [*variants(command), *shapes(command)]:
            for inline in (False, True):
                if inline and text == '"x"':
                    wanted = "bad_json"  # the text of `data`, which is none
                with suite.case(f"{type}, {what}{', inline' if inline else ''}"):
                    reply = client.raw(message_text(type, text, inline))
                    equal(check_error(reply), wanted, "code")
                    if wanted != "bad_json":
                        equal(reply["id"], "x", "id")
        with suite.case(f"{type}, what is around it is well"):
            witness.look()


# Values that are taken, and what comes back.
INTEGERS = (
    ("9223372036854775807", 9223372036854775807), ("-9223372036854775808", -9223372036854775808),
    ('"9223372036854775807"', 9223372036854775807), ('"-9223372036854775808"', -(1 << 63)),
    ("9007199254740993", 9007199254740993), ("1.7e9", 1700000000), ("1700000000.0", 1700000000),
    ("-0", 0), ("0e5", 0), ("9.223372036854775807e18", 9223372036854775807), ("10e-1", 1),
)


def test_values(server, client, witness):
    for text, value in INTEGERS:
        with suite.case(f"integer {text}"):
            reply = client.raw('{"id":"x","type":"ins","data":[{"col":"int","doc":%s,"ts":%s,'
                               '"data":"v"}]}' % (json.dumps(text), text))
            equal(check_error(reply), None, "code")
            reply = client.ok("qdoc", {"col": "int", "doc": text, "from": value, "to": value})
            equal(reply["records"], [{"ts": value, "data": "v"}], "records")
    for name, text in (("NUL", "a\0b\0"), ("only NUL", "\0"),
                       ("controls", "".join(map(chr, range(32)))),
                       ("noncharacters", "\ufffe\uffff\U0010ffff"), ("quotes", '"\\/"'),
                       ("1 MiB", "é" * (1 << 19)), ("line separators", "\u2028\u2029\x7f")):
        for kind in (TEXT, BINARY):
            with suite.case(f"text comes back byte for byte: {name}, frame kind {kind}"):
                client.kind = kind
                client.ok("sval", {"col": "text", "key": "k", "value": text})
                equal(client.ok("gval", {"col": "text", "key": "k"})["value"], text)
                witness.look()
    client.kind = TEXT


BAD_PATTERNS = ("(", ")", "[", "[b-a]", "*", "+", "?", "a**", "a{2,1}", "a{1001}", "(?=a)", "(?!a)",
                "(?<=a)", "(?<!a)", r"\1", r"(a)\1", r"\k<n>", "(?P<n",
                "(?<n>", "(?z)", r"\p{Nope}", r"\q", "[[:nope:]]", r"a\\\\(", "(?P=n)", r"\Z",
                r"\x{110000}", "((a{100}){100}){100}", "(((a{30}){30}){30}){30}",
                "(" * 600 + "a" + ")" * 300, "(a{500}){500}", r"(\pL{200}){9}",
                "a" * 1100, "(a{0,30}){20}b")

HEAVY = ("(a+)+$", "(a*)*$", "(a|aa)+$", "(a|a?)+$", "(.*)*b", "(x+x+)+y", "(.*a){12}b",
         "^(([a-z])+.)+[A-Z]([a-z])+$", "(a+){10}b", "a*a*a*a*a*a*a*a*b", "(?i)(A+)+$",
         r"(\w+\s?)*$", "([a-zA-Z]+)*!", "^(a?){50}a{50}$")


def test_patterns(server, client, witness):
    places = (("qry", "doc"), ("qry", "where"), ("qry", "filter"), ("qdoc", "where"),
              ("qdoc", "filter"), ("gvalues", "key"))
    for pattern in BAD_PATTERNS:
        with suite.case(f"pattern that cannot be: {pattern[:40]}"):
            for type, field in places:
                payload = {"col": "p", "doc": "d", "ts": 1, "to": 1}
                if (type, field) == ("gvalues", "key"):
                    payload = {"col": "p"}
                payload[field] = f"/{pattern}/"
                equal(client.code(type, payload), "bad_regex", f"{type} {field}")
            witness.look()
    text = "a" * 100000 + "!"
    client.ok("ins", [{"col": "p", "doc": "d", "ts": 1, "data": text}])
    client.ok("sval", {"col": "p", "key": "k", "value": text})
    for pattern in HEAVY:
        with suite.case(f"pattern in linear time: {pattern}"):
            begun = time.monotonic()
            for field in ("where", "filter"):
                reply = client.call("qdoc", {"col": "p", "doc": "d", "to": 1,
                                             field: f"/{pattern}/"})
                equal(check_error(reply), None, "code")
            took = time.monotonic() - begun
            assert took < PATTERN_SECONDS, f"took {took:.2f} s"
            witness.look()


def test_flood(server, client, witness):
    with suite.case("10,000 bad messages at once"):
        bad = ['{"id":"x"', "[]", '{"id":"x","type":"nope"}', '{"type":"cols"}',
               '{"id":"x","type":"qry","data":"{"}']
        wanted = ["bad_json", "bad_request", "unknown_type", "bad_request", "bad_json"]
        witness.start()
        for _ in range(10):
            for number in range(1000):
                client.send_raw(bad[number % len(bad)])
            got = [check_error(client.receive()) for _ in range(1000)]
            equal(got, wanted * 200, "codes")
        witness.stop()


with FluxionServer(data=False, settings={"io-threads": 1}) as server:
    with Witness(server) as witness, Client(server) as client:
        for test in (test_json, test_depth, test_types, test_values, test_patterns, test_flood):
            with suite.case(f"{test.__name__} runs to its end"):
                test(server, client, witness)
        with suite.case("the same connection still answers, nothing is left behind"):
            equal(client.ok("gval", {"col": "text", "key": "k"})["found"], True)
            client.close()
            witness.settled()
            witness.not_grown(GROWTH)
suite.end()
