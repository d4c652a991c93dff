#!/usr/bin/env python3
"""API keys: who may do what, and what happens to open connections when that changes."""

import hashlib
import os
import re
import time

import websocket

from client import SECONDS, Client, Closed, RawSocket, expect_refused, target_of
from fluxion_server import SECRET, FluxionServer
from harness import Suite, equal, expect

suite = Suite()
NEEDS = {
    "ins": "write", "qry": "read", "cols": "read", "qdoc": "read", "ddoc": "delete",
    "dcol": "delete", "drec": "delete", "dmrec": "delete", "drrng": "delete", "sval": "write",
    "gval": "read", "gvalues": "read", "rval": "delete", "gvals": "read", "gkeys": "read",
    "keys": "master", "conn": "read",
}
ALLOWS = {
    "readonly": {"read"},
    "read_write": {"read", "write"},
    "read_write_delete": {"read", "write", "delete"},
    "master": {"read", "write", "delete", "master"},
}
GOOD = {
    "ins": [{"ts": 1, "doc": "d", "data": "x", "col": "c"}], "qry": {"col": "c", "ts": 1},
    "cols": {}, "qdoc": {"col": "c", "doc": "d", "to": 1}, "ddoc": {"doc": "d", "col": "c"},
    "dcol": {"col": "c"}, "drec": {"doc": "d", "col": "c", "ts": 1},
    "dmrec": [{"doc": "d", "col": "c", "ts": 1}],
    "drrng": {"doc": "d", "col": "c", "fromTs": 1, "toTs": 2},
    "sval": {"col": "c", "key": "k", "value": "v"}, "gval": {"col": "c", "key": "k"},
    "gvalues": {"col": "c"}, "rval": {"col": "c", "key": "k"}, "gvals": {"col": "c"},
    "gkeys": {"col": "c"}, "keys": {"action": "list"}, "conn": {},
}
# The data member as it stands in the message, and what an allowed one gets.
BAD = ((5, "bad_request"), ("not JSON", "bad_json"), ("5", "bad_request"), (True, "bad_request"))

SPELLINGS = (
    ("readonly", "readonly"), ("READONLY", "readonly"), ("read-only", "readonly"),
    ("Read Only", "readonly"), ("read_only", "readonly"), ("r,e,a,d only", "readonly"),
    ("read_write", "read_write"), ("readwrite", "read_write"), ("Read,Write", "read_write"),
    ("READ-WRITE", "read_write"), (" read write ", "read_write"),
    ("read_write_delete", "read_write_delete"), ("readWriteDelete", "read_write_delete"),
    ("read, write, delete", "read_write_delete"), ("READ-WRITE_DELETE", "read_write_delete"),
)
NO_SCOPES = ("", "read", "write", "delete", "master", "admin", "readonly!", "read.write",
             "write_read", "readwritedeleted", "read_write_delete_master", "readonlyreadonly",
             "re\tadonly", "réadonly", None, 1, ["readonly"], {"read": True})
LISTED = ("abcdefghijkl", "abcdefghijk", "x", "schlüßel-€-lang", "€€€€€€€€€€€€€")
CANARY = "canary-Key-5f0b7e3a91c2"


def add(client, key, scope):
    return client.call("keys", {"action": "add", "key": key, "scope": scope})


def remove(client, key):
    return client.call("keys", {"action": "remove", "key": key})


def key_list(client):
    return client.ok("keys", {"action": "list"})["keys"]


def matrix(server, master):
    for scope, allowed in ALLOWS.items():
        key = SECRET if scope == "master" else f"matrix-{scope}-0001"
        if scope != "master":
            expect(add(master, key, scope), {"status": "ok", "scope": scope})
        with Client(server, key) as client:
            with suite.case(f"{scope}: ready says so"):
                equal(client.ready["scope"], scope)
            for type, needs in NEEDS.items():
                may = needs in allowed
                with suite.case(f"{scope}: {type} is {'allowed' if may else 'forbidden'}"):
                    expect(client.call(type, GOOD[type]), {} if may else "forbidden")
                with suite.case(f"{scope}: {type} with a bad payload"):
                    for data, code in BAD:
                        expect(client.call(type, None, data=data), code if may else "forbidden")
    with suite.case("a refused write leaves nothing"):
        with Client(server, "matrix-readonly-0001") as reader:
            for type, payload in (("ins", [{**GOOD["ins"][0], "col": "refused"}]),
                                  ("sval", {"col": "refused", "key": "k", "value": "v"})):
                expect(reader.call(type, payload), "forbidden")
            assert "refused" not in reader.ok("cols")["collections"]


def spellings(server, master):
    for spelling, scope in SPELLINGS:
        with suite.case(f"the scope {spelling!r}"):
            expect(add(master, "spelling-key-0001", spelling), {"status": "ok", "scope": scope})
            with Client(server, "spelling-key-0001") as client:
                equal(client.ready["scope"], scope)
    before = key_list(master)
    for bad in NO_SCOPES:
        with suite.case(f"no scope: {bad!r}"):
            expect(add(master, "spelling-key-0002", bad), "bad_request")
            expect(add(master, "spelling-key-0001", bad), "bad_request")
            equal(key_list(master), before)
            expect_refused(server, target_of("spelling-key-0002"))


def rules(server, master):
    table = (
        ("no action", {}, "bad_request"),
        ("an unknown action", {"action": "rotate"}, "bad_request"),
        ("action in capitals", {"action": "LIST"}, "bad_request"),
        ("action a number", {"action": 1}, "bad_request"),
        ("add without a key", {"action": "add", "scope": "readonly"}, "bad_request"),
        ("add of an empty key", {"action": "add", "key": "", "scope": "readonly"}, "bad_request"),
        ("add of a number", {"action": "add", "key": 7, "scope": "readonly"}, "bad_request"),
        ("add of a listed key", {"action": "add", "key": "abcd…01234567", "scope": "readonly"},
         "bad_request"),
        ("add without a scope", {"action": "add", "key": "rules-key-0001"}, "bad_request"),
        ("remove without a key", {"action": "remove"}, "bad_request"),
        ("remove of an empty key", {"action": "remove", "key": ""}, "bad_request"),
        ("remove of an unknown key", {"action": "remove", "key": "rules-key-0001"}, "not_found"),
        ("remove of a listed key", {"action": "remove", "key": "abcd…01234567"}, "not_found"),
        ("a field twice", None, "bad_request"),
        ("change of the master key", {"action": "add", "key": SECRET, "scope": "readonly"},
         "forbidden"),
        ("removal of the master key", {"action": "remove", "key": SECRET}, "forbidden"),
    )
    before = key_list(master)
    for name, payload, code in table:
        with suite.case(f"keys: {name}"):
            if payload is None:
                reply = master.raw('{"id":"a","type":"keys","data":'
                                   '{"action":"list","action":"list"}}')
            else:
                reply = master.call("keys", payload)
            expect(reply, code)
            equal(key_list(master), before)
    with suite.case("a removed key is unknown, and can be added again"):
        expect(add(master, "rules-key-0001", "readonly"), {"scope": "readonly"})
        first = [k["id"] for k in key_list(master)]
        expect(remove(master, "rules-key-0001"), {"status": "ok"})
        expect(remove(master, "rules-key-0001"), "not_found")
        expect_refused(server, target_of("rules-key-0001"))
        expect(add(master, "rules-key-0001", "read_write"), {"scope": "read_write"})
        with Client(server, "rules-key-0001") as client:
            equal(client.ready["scope"], "read_write")
        ids = [k["id"] for k in key_list(master)]
        equal(len(set(ids)), len(ids), "ids once each")
        assert max(ids) > max(first), "an id is never used again"
        expect(remove(master, "rules-key-0001"), {})
    with suite.case("what is awaited and what is not: keys follow the order sent"):
        requests, wanted = [], []
        for n in range(50):
            for action, code in (("add", {"status": "ok"}), ("remove", {"status": "ok"}),
                                 ("remove", "not_found")):
                requests.append(("keys", {"action": action, "key": f"order-key-{n:04}",
                                          "scope": "readonly"}))
                wanted.append(code)
        for reply, code in zip(master.pipeline(requests), wanted):
            expect(reply, code)


def listing(server, master):
    with suite.case("list: a key's first four characters, if it has twelve, and a hash"):
        for key in LISTED:
            expect(add(master, key, "read_write"), {})
        entries = key_list(master)
        for entry in entries:
            equal(sorted(entry), ["deletable", "id", "key", "scope"])
            assert re.fullmatch("(.{4})?…[0-9a-f]{8}", entry["key"]), entry
            equal(type(entry["id"]), int)
        equal([e["scope"] for e in entries if not e["deletable"]], ["master"])
        hints = [e["key"].split("…")[0] for e in entries]
        equal(hints.count("abcd"), 1, "twelve characters are enough, eleven are not")
        equal((hints.count("schl"), hints.count("€€€€"), hints[0]), (1, 1, SECRET[:4]))
        text = str(entries)
        for key in ("abcdefghijkl", "abcdefghijk", SECRET, SECRET[:5]):
            assert key not in text, key
        for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):  # keyed, not plain
            assert digest(b"abcdefghijkl").hexdigest()[:8] not in text
        for key in LISTED:
            expect(remove(master, key), {"status": "ok"})


def open_connections(server, master):
    with suite.case("a changed scope acts on open connections at once"):
        expect(add(master, "changing-key-0001", "readonly"), {})
        with Client(server, "changing-key-0001") as one, Client(server, "changing-key-0001") as two:
            for scope in ("read_write", "readonly", "read_write_delete", "read_write", "readonly"):
                for _ in range(10):
                    expect(add(master, "changing-key-0001", scope), {})
                    for client in (one, two):
                        for type in ("sval", "rval", "gval", "keys"):
                            may = NEEDS[type] in ALLOWS[scope]
                            expect(client.call(type, GOOD[type]), {} if may else "forbidden")
    with suite.case("removing a key closes its connections with 4401, and no other"):
        expect(add(master, "going-key-000001", "read_write"), {})
        expect(add(master, "staying-key-0001", "read_write"), {})
        going = [Client(server, "going-key-000001") for _ in range(8)]
        with Client(server, "staying-key-0001") as staying:
            expect(remove(master, "going-key-000001"), {"status": "ok"})
            for client in going:
                equal(client.closed(), 4401)
            expect(staying.call("sval", GOOD["sval"]), {})
            expect(master.call("cols"), {})
        expect_refused(server, target_of("going-key-000001"))
    with suite.case("nothing of a removed key is accepted after the removal is acknowledged"):
        for n in range(30):
            key = f"racing-key-{n:05}"
            expect(add(master, key, "read_write"), {})
            racing = Client(server, key)
            expect(remove(master, key), {})
            codes = set()
            try:
                racing.send("sval", {"col": "late", "key": key, "value": "v"})
                while True:
                    codes.add(racing.receive().get("code"))
            except Closed as closed:
                equal(closed.code, 4401)
            except (OSError, websocket.WebSocketException):
                pass  # its close frame was overtaken by the end of the connection
            assert codes <= {"unauthorized"}, codes
        expect(master.call("gkeys", {"col": "late"}), {"keys": []})


def connections(server):
    with suite.case("conn"):
        plain = Client(server)
        named = Client(server, name="Wärme & Co + 1")
        empty = Client(server, name="")
        odd = Client(server, target=target_of() + "&name=%ff")
        begun = time.monotonic()
        found = named.ok("conn")["connections"]
        equal(len(found), 4)
        for entry in found:
            equal(sorted(entry), ["ip", "name", "self", "since"])
            equal((entry["ip"], type(entry["since"])), ("127.0.0.1", int))
            assert 0 <= entry["since"] < 60000, entry
        equal([e["name"] for e in found if e["self"]], ["Wärme & Co + 1"])
        equal([e["name"] for e in found].count(None), 2, "of those without a name")
        equal([e["self"] for e in plain.ok("conn")["connections"]].count(True), 1)
        since = [e["since"] for e in plain.ok("conn")["connections"] if e["self"]][0]
        while plain.ok("conn")["connections"] and time.monotonic() < begun + 0.05:
            pass  # asked until 50 ms have gone by
        later = [e["since"] for e in plain.ok("conn")["connections"] if e["self"]][0]
        assert since + 20 <= later < 60000, (since, later)
        for client in (plain, empty, odd):
            client.close()
        deadline = time.monotonic() + SECONDS
        while len(named.ok("conn")["connections"]) > 1 and time.monotonic() < deadline:
            pass
        equal(len(named.ok("conn")["connections"]), 1, "connections after three have left")
        named.close()


def lasting(server):
    with suite.case("keys, scopes and listing survive a restart, a kill, and two more starts"):
        with Client(server) as master:
            for n, scope in enumerate(("readonly", "read_write", "read_write_delete")):
                expect(add(master, f"lasting-key-{n:04}", scope), {})
            expect(add(master, "lasting-key-gone", "readonly"), {})
            expect(remove(master, "lasting-key-gone"), {})
            before = key_list(master)
        for hard in (False, True, True, False):
            server.restart(hard)
            with Client(server) as master:
                equal(key_list(master), before)
            for n, scope in enumerate(("readonly", "read_write", "read_write_delete")):
                with Client(server, f"lasting-key-{n:04}") as client:
                    equal(client.ready["scope"], scope)
            expect_refused(server, target_of("lasting-key-gone"))


def secrets(server):
    with suite.case("no key in the server's log, in its command line or in its data"):
        with Client(server) as master:
            expect(add(master, CANARY, "read_write"), {})
            with Client(server, CANARY, name="n") as client:
                client.raw(f'{{"id":"{CANARY}","type":"{CANARY}"')
                client.raw(f'{{"id":"a","type":"{CANARY}","data":"{CANARY}"}}')
                client.raw(f'{{"id":"a","type":"auth","data":{{"key":"{CANARY}"}}}}')
                client.raw(f'{{"id":"a","type":"keys","data":{{"key":"{CANARY}"}}}}')
            for target in (f"/?api-key={CANARY}x", f"/{CANARY}?api-key={CANARY}",
                           f"/?key={CANARY}", f"/?api-key=%{CANARY}"):
                expect_refused(server, target, {401, 404})
            for fields in ({"Authorization": f"Bearer {CANARY}x"}, {"Authorization": CANARY},
                           {"Cookie": CANARY}, {"Sec-WebSocket-Protocol": CANARY},
                           {"Sec-WebSocket-Protocol": f"fluxion, fluxion.key.{CANARY}"}):
                with RawSocket(server) as raw:
                    equal(raw.upgrade("/", fields)[0], 401)
            for line in (f"GET /?api-key={CANARY} HTTP/9.9\r\n\r\n", f"{CANARY}\r\n\r\n",
                         f"GET /?api-key={CANARY}\r\nBad {CANARY}\r\n\r\n"):
                with RawSocket(server) as raw:
                    raw.send(line)
                    raw.read_to_end()
            expect(add(master, CANARY + CANARY, "nope"), "bad_request")
            with Client(server, CANARY) as client:
                expect(remove(master, CANARY), {})
                equal(client.closed(), 4401)
            expect(add(master, CANARY, "readonly"), {})
        with open(f"/proc/{server.process.pid}/cmdline", "rb") as file:
            assert SECRET.encode() not in file.read()
        server.stop()
        for secret in (CANARY, SECRET):
            assert secret not in server.log_text(), server.log_text()
            for path, data in all_files(server.data):
                assert secret.encode() not in data, f"{secret} in {path}"
        server.start()


def all_files(folder):
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                yield path, file.read()


def main():
    with FluxionServer() as server:
        with Client(server) as master:
            matrix(server, master)
            spellings(server, master)
            rules(server, master)
            listing(server, master)
            open_connections(server, master)
        lasting(server)
        secrets(server)
        with suite.case("stops in order"):
            server.stop()
    with FluxionServer(data=False) as server:
        connections(server)
    with FluxionServer(secret=None, arguments=["--secret-key", SECRET], data=False) as server:
        with suite.case("a secret on the command line is overwritten there"):
            with open(f"/proc/{server.process.pid}/cmdline", "rb") as file:
                shown = file.read()
            assert SECRET.encode() not in shown and b"--secret-key" in shown, shown
            with Client(server) as client:
                equal(client.ready["scope"], "master")
    suite.end()


main()
