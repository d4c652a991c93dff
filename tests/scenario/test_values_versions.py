#!/usr/bin/env python3
"""Conditions on versions, merges, several keys at once and expiry, over the socket."""

import json
import threading
import time

from client import Client
from fluxion_server import FluxionServer
from harness import Suite, equal, expect

suite = Suite()
OK = {}
MAX_TTL = 100 * 366 * 24 * 60 * 60 * 1000
CLIENTS = 8
ROUNDS = 60  # increments of each client
LIFETIMES = (400, 3000, 20000)  # ms; the next one where the machine was too slow for the last


def sval(wanted, value="v", key="k", **more):
    return "sval", {"key": key, "value": value, **more}, wanted


def pval(wanted, patch, key="k", **more):
    text = patch if isinstance(patch, str) else json.dumps(patch)
    return "pval", {"key": key, "value": text, **more}, wanted


def rval(wanted, key="k", **more):
    return "rval", {"key": key, **more}, wanted


def gval(value, ver, key="k"):
    return "gval", {"key": key}, {"value": value, "found": True, "ver": ver}


def absent(ver, key="k"):
    return "gval", {"key": key}, {"value": "", "found": False, "ver": ver}


def mval(wanted, *writes):
    return "mval", {"writes": list(writes)}, wanted


def op(name, key="k", value=None, **more):
    return {"op": name, "key": key, **({} if value is None else {"value": value}), **more}


SCRIPTS = (
    ("set on condition", [
        sval({"ver": 1}, ver=0), sval("conflict", ver=0), sval({"ver": 2}, "w", ver=1),
        sval("conflict", ver=1), sval("conflict", ver=3), gval("w", 2)]),
    ("a version across a removal", [
        sval({"ver": 1}), rval({"ver": 2}), absent(2), sval("conflict", ver=1),
        sval({"ver": 3}, ver=2), rval({"ver": 4}, ver=3), sval({"ver": 5}, ver=0)]),
    ("a version across dcol", [
        sval({"ver": 1}), ("dcol", {}, OK), absent(2), sval("conflict", ver=1),
        sval({"ver": 3}, ver=2)]),
    ("remove on condition", [
        sval({"ver": 1}), rval("conflict", ver=2), rval("conflict", ver=0), gval("v", 1),
        rval({"ver": 2}, ver=1), rval("conflict", ver=1), rval(OK, ver=2), rval(OK, ver=0)]),
    ("merge", [
        pval({"ver": 1}, {"a": {"b": 1}}),
        pval({"ver": 2}, '{"a":{"c":12345678901234567890123},"d":1.50}'),
        gval('{"a":{"b":1,"c":12345678901234567890123},"d":1.50}', 2),
        pval({"ver": 3}, {"a": None}), gval('{"a":null,"d":1.50}', 3),
        pval({"ver": 4}, {"d": None, "a": {"x": None}}, delete_nulls=True), gval('{"a":{}}', 4),
        pval({"ver": 5}, "[1]"), pval({"ver": 6}, {"z": 1}), gval('{"z":1}', 6),
        pval("conflict", {"z": 2}, ver=5), pval({"ver": 7}, {"z": 2}, ver=6)]),
    ("a merge that cannot be changes nothing", [
        sval({"ver": 1}, "{broken"), pval("bad_request", {"a": 1}), gval("{broken", 1),
        sval({"ver": 2}, "{}"), pval("bad_request", "{broken"), pval("bad_request", ""),
        pval("bad_request", "{} {}"), gval("{}", 2), ("pval", {"key": "k"}, "bad_request"),
        ("pval", {"key": "k", "value": {"a": 1}}, "bad_request"),
        pval("bad_request", {}, delete_nulls=1), gval("{}", 2)]),
    ("bad conditions and lifetimes", [
        *[sval("bad_request", ver=bad) for bad in (-1, 1.5, True, [], {}, "x", 2 ** 63)],
        *[rval("bad_request", ver=bad) for bad in (-1, 1.5, True, 2 ** 63)],
        *[pval("bad_request", {}, ver=bad) for bad in (-1, "x", 2 ** 63)],
        *[sval("bad_request", ttl=bad) for bad in (-1, 1.5, True, "x", MAX_TTL + 1, 2 ** 63)],
        *[pval("bad_request", {}, ttl=bad) for bad in (-1, MAX_TTL + 1, [])],
        *[mval("bad_request", op("set", value="v", **{f: -1})) for f in ("ver", "ttl")],
        ("gkeys", {}, {"keys": []}),
        sval({"ver": 1}, ver=None, ttl=None), sval({"ver": 2}, ttl=MAX_TTL),
        sval({"ver": 3}, ttl=0), gval("v", 3)]),
    ("several at once", [
        sval({"ver": 1}, "old", "r"), sval({"ver": 1}, '{"a":1}', "p"),
        mval({"vers": {"k": 1, "p": 2, "r": 2, "c": 0}}, op("set", value="v", ver=0),
             op("patch", "p", '{"b":2}', ver=1), op("remove", "r"), op("check", "c", ver=0)),
        gval("v", 1), gval('{"a":1,"b":2}', 2, "p"), absent(2, "r"), absent(0, "c")]),
    ("several at once, one refused: nothing", [
        sval({"ver": 1}),
        mval("conflict", op("set", "a", "1"), op("check", ver=2)),
        mval("conflict", op("set", "a", "1"), op("remove", ver=2)),
        mval("conflict", op("set", "a", "1"), op("patch", value="{}", ver=0)),
        mval("bad_request", op("set", "a", "1"), op("patch", value="{}")),
        mval("bad_request", op("set", "a", "1"), op("patch", "b", "{broken")),
        ("gvals", {}, {"values": {"k": "v"}}), absent(0, "a")]),
    ("several at once, badly said", [
        mval("bad_request"), mval("bad_request", op("set")), mval("bad_request", op("check")),
        mval("bad_request", op("set", value="1"), op("remove")),
        mval("bad_request", op("other", value="1")), mval("bad_request", {"op": "set"}),
        mval("bad_request", op("set", "", "1")), mval("bad_request", 1),
        ("mval", {}, "bad_request"), ("mval", {"writes": {}}, "bad_request"),
        ("gkeys", {}, {"keys": []})]),
)


def conflicts(client):
    def refused(type, payload, wanted):
        reply = expect(client.call(type, {"col": "conflicts", **payload}), "conflict")
        for name, value in wanted.items():
            equal(reply.get(name), value, f"field `{name}`")
        return reply

    with suite.case("a conflict says how the key is"):
        for type, payload in (("sval", {"value": "v"}), ("pval", {"value": "{}"}), ("rval", {})):
            key = {"key": type}
            gone = {"ver": 0, "found": False, "value": ""}
            reply = refused(type, {**key, **payload, "ver": 7}, gone)
            assert "key" not in reply, reply
            client.ok("sval", {"col": "conflicts", **key, "value": "\u20ac \x00"})
            refused(type, {**key, **payload, "ver": 7},
                    {"ver": 1, "found": True, "value": "\u20ac \x00"})
            client.ok("rval", {"col": "conflicts", **key})
            refused(type, {**key, **payload, "ver": 7}, {**gone, "ver": 2})
    with suite.case("that of mval also which one"):
        client.ok("sval", {"col": "conflicts", "key": "b", "value": "v"})
        refused("mval", {"writes": [op("set", "a", "1"), op("check", "b", ver=2),
                                    op("check", "c", ver=2)]},
                {"key": "b", "ver": 1, "found": True, "value": "v"})


def permissions(server):
    with suite.case("mval by a key that may not delete"), Client(server) as master:
        master.ok("keys", {"action": "add", "key": "writer-key-0123456789",
                           "scope": "read_write"})
        master.ok("keys", {"action": "add", "key": "reader-key-0123456789",
                           "scope": "readonly"})
        with Client(server, key="writer-key-0123456789") as writer:
            call = {"col": "permitted", "writes": [op("set", "a", "1"), op("patch", "b", "{}"),
                                                   op("check", "c", ver=0)]}
            expect(writer.call("mval", call), {"vers": {"a": 1, "b": 1, "c": 0}})
            call["writes"].append(op("remove", "d"))
            expect(writer.call("mval", call), "forbidden")
            expect(writer.call("rval", {"col": "permitted", "key": "a"}), "forbidden")
            expect(writer.call("gval", {"col": "permitted", "key": "a"}), {"ver": 1})
        with Client(server, key="reader-key-0123456789") as reader:
            for type, payload in (("mval", {"writes": [op("check", "a", ver=1)]}),
                                  ("pval", {"key": "a", "value": "{}"})):
                expect(reader.call(type, {"col": "permitted", **payload}), "forbidden")


def together(server, work):
    """Runs work(number, client) by CLIENTS threads, each with a client; what they raised."""
    errors = []

    def run(number):
        try:
            with Client(server) as client:
                work(number, client)
        except BaseException as error:  # noqa: told by the caller
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def counters(server):
    def by_sval(number, client):
        for _ in range(ROUNDS):
            state = client.ok("gval", {"col": "count", "key": "sval"})
            while True:
                reply = client.call("sval", {"col": "count", "key": "sval", "ver": state["ver"],
                                             "value": str(int(state["value"] or 0) + 1)})
                if "error" not in reply:
                    break
                state = expect(reply, "conflict")

    def by_mval(number, client):
        mine = f"mval{number}"
        for done in range(ROUNDS):
            ver, value = 0, ""
            while True:
                reply = client.call("mval", {"col": "count", "writes": [
                    op("set", "mval", str(int(value or 0) + 1), ver=ver),
                    op("set", mine, str(done + 1), ver=done)]})
                if "error" not in reply:
                    break
                equal(expect(reply, "conflict")["key"], "mval")
                ver, value = reply["ver"], reply["value"]

    def by_pval(number, client):
        for done in range(ROUNDS):
            client.ok("pval", {"col": "count", "key": "pval", "value": json.dumps(
                {f"c{number}": {"n": done + 1, f"f{done}": 0}})})

    total = CLIENTS * ROUNDS
    with suite.case(f"{CLIENTS} clients count one key up on condition: none is lost"):
        together(server, by_sval)
        with Client(server) as client:
            expect(client.call("gval", {"col": "count", "key": "sval"}),
                   {"value": str(total), "ver": total})
    with suite.case(f"{CLIENTS} clients count one key up by mval, each with one of its own"):
        together(server, by_mval)
        with Client(server) as client:
            wanted = {"mval": str(total), **{f"mval{n}": str(ROUNDS) for n in range(CLIENTS)}}
            expect(client.call("gvalues", {"col": "count", "key": "/^mval/"}), {"values": wanted})
    with suite.case(f"{CLIENTS} clients merge into one key: all is there in the end"):
        together(server, by_pval)
        with Client(server) as client:
            reply = client.ok("gval", {"col": "count", "key": "pval"})
            equal(reply["ver"], total)
            fields = {f"f{n}": 0 for n in range(ROUNDS)}
            equal(json.loads(reply["value"]),
                  {f"c{n}": {"n": ROUNDS, **fields} for n in range(CLIENTS)})


def halves(server):
    with suite.case("what mval writes is seen whole or not at all"):
        done = threading.Event()

        def work(number, client):
            if number == 0:
                try:
                    for n in range(300):
                        client.ok("mval", {"col": "halves", "writes": [
                            op("set", f"key{k}", str(n)) for k in range(40)]})
                finally:
                    done.set()
            while not done.is_set():
                seen = client.ok("gvals", {"col": "halves"})["values"]
                equal(len(set(seen.values())) <= 1 and len(seen) in (0, 40), True, str(seen))

        together(server, work)


def expiring(client):
    col = {"col": "expiring"}

    def places(key):
        """Where the key is found, asked before the moment given and after it."""
        begun = time.time()
        found = [client.ok("gval", {**col, "key": key})["found"],
                 key in client.ok("gkeys", col)["keys"],
                 key in client.ok("gvals", col)["values"],
                 key in client.ok("gvalues", {**col, "key": key})["values"],
                 key in client.ok("gvalues", {**col, "key": "/./"})["values"]]
        return begun * 1000, found, time.time() * 1000

    with suite.case("a key is there until it expires, and nowhere after"):
        client.ok("sval", {**col, "key": "stays", "value": "v"})
        assert "expires" not in client.ok("gval", {**col, "key": "stays"})

        def lives_and_expires(key, ttl):
            """False if it took us too long to see it alive."""
            begun = time.time() * 1000
            expect(client.call("sval", {**col, "key": key, "value": "v", "ttl": ttl}), {"ver": 1})
            ended = time.time() * 1000
            reply = client.ok("gval", {**col, "key": key})
            if not reply["found"]:
                return False
            expires = reply["expires"]
            assert begun + ttl - 1 <= expires <= ended + ttl + 1, (begun, ended, reply)
            before = after = 0
            while after < 20:
                begun, found, ended = places(key)
                if ended < expires:
                    equal(found, [True] * 5, "before it expires")
                    before += 1
                if begun >= expires + 1:  # its moment is told in whole milliseconds
                    equal(found, [False] * 5, "once it has expired")
                    after += 1
            return before > 0

        key = next((f"k{ttl}" for ttl in LIFETIMES if lives_and_expires(f"k{ttl}", ttl)), None)
        assert key, "none was seen alive"
        reply = expect(client.call("gval", {**col, "key": key}), {"value": "", "ver": 2})
        assert "expires" not in reply
        expect(client.call("sval", {**col, "key": key, "value": "v", "ver": 1}), "conflict")
        expect(client.call("sval", {**col, "key": key, "value": "v", "ver": 0}), {"ver": 3})
        expect(client.call("gkeys", col), OK)
    with suite.case("what ends an expiry, and what keeps it"):
        def kept_and_ended(ttl):
            """False if one of them expired before we had changed it."""
            for key in ("ended", "kept", "stopped"):
                client.ok("sval", {**col, "key": f"{key}{ttl}", "value": "{}", "ttl": ttl})
            begun = client.ok("gval", {**col, "key": f"kept{ttl}"})
            client.ok("sval", {**col, "key": f"ended{ttl}", "value": "v"})
            client.ok("pval", {**col, "key": f"kept{ttl}", "value": '{"a":1}'})
            client.ok("pval", {**col, "key": f"stopped{ttl}", "value": '{"a":1}', "ttl": 0})
            reply = client.ok("gval", {**col, "key": f"kept{ttl}"})
            if not begun["found"] or time.time() * 1000 >= begun["expires"] - ttl / 2:
                return False
            expires = begun["expires"]
            equal(reply["expires"], expires, "when it expires")
            for key in ("ended", "stopped"):
                assert "expires" not in client.ok("gval", {**col, "key": f"{key}{ttl}"})
            while time.time() * 1000 < expires + 1:
                time.sleep(0.01)
            for key, wanted in (("kept", {"found": False, "ver": 3}),
                                ("ended", {"found": True, "ver": 2}),
                                ("stopped", {"found": True, "ver": 2})):
                expect(client.call("gval", {**col, "key": f"{key}{ttl}"}), wanted)
            return True

        assert any(kept_and_ended(ttl) for ttl in LIFETIMES), "they all expired too early"
    with suite.case("a lifetime among several writes"):
        client.ok("mval", {**col, "writes": [op("set", "m", "v", ttl=60000), op("set", "n", "v")]})
        assert "expires" in client.ok("gval", {**col, "key": "m"})
        assert "expires" not in client.ok("gval", {**col, "key": "n"})


def restarts(server):
    with suite.case("versions and expiries across kill -9"):
        col = {"col": "restarts"}
        with Client(server) as client:
            for key in ("removed", "dropped"):
                client.ok("sval", {**col, "key": key, "value": "v"})
            client.ok("rval", {**col, "key": "removed"})
            client.ok("dcol", col)
            client.ok("sval", {**col, "key": "soon", "value": "v", "ttl": 50})
            client.ok("sval", {**col, "key": "late", "value": "v", "ttl": 3600000})
            client.ok("mval", {**col, "writes": [op("set", "several", "v", ver=0)]})
            client.ok("sval", {**col, "key": "several", "value": "1", "ver": 1})
            expires = client.ok("gval", {**col, "key": "late"})["expires"]
            soon = time.time() * 1000 + 51
        for hard in (True, False, True):
            server.restart(hard=hard)
            while time.time() * 1000 < soon:
                time.sleep(0.01)
            with Client(server) as client:
                for key, state in (("removed", {"found": False, "ver": 2}),
                                   ("dropped", {"found": False, "ver": 2}),
                                   ("soon", {"found": False, "ver": 2}),
                                   ("several", {"found": True, "ver": 2, "value": "1"}),
                                   ("late", {"found": True, "ver": 1, "expires": expires})):
                    expect(client.call("gval", {**col, "key": key}), state)
                equal(sorted(client.ok("gkeys", col)["keys"]), ["late", "several"])
                expect(client.call("sval", {**col, "key": "removed", "value": "v", "ver": 1}),
                       "conflict")
        with Client(server) as client:
            expect(client.call("sval", {**col, "key": "removed", "value": "v", "ver": 2}),
                   {"ver": 3})


def flood():
    """Thousands of conflicts about one large value, none of whose replies is read."""
    with FluxionServer(data=False) as server, Client(server) as client:
        with suite.case("conflicts of a large value do not pile up in memory"):
            ref = {"col": "flood", "key": "k"}
            client.ok("sval", {**ref, "value": "v" * 4000000})
            for number in range(2000):
                client.send_raw(client.encode("sval", {**ref, "value": "w", "ver": 999},
                                              f"f{number}"))
            sizes = []
            for number in range(2000):
                reply = expect(client.reply_to(f"f{number}"), "conflict")
                sizes.append(len(reply.get("value", "")))
            equal(set(sizes) <= {0, 4000000}, True, "whole values or none")
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
            assert peak < 400 * 1024, f"the server grew to {peak} KiB"


def nothing_removed(client):
    with suite.case("a removal says its version, and none where there was nothing to remove"):
        for key, before in (("never", 0), ("gone", 2)):
            ref = {"col": "removals", "key": key}
            if before:
                client.ok("sval", {**ref, "value": "v"})
                equal(client.ok("rval", ref)["ver"], before, "the version of the removal")
            assert "ver" not in client.ok("rval", ref), "nothing was removed"
            equal(client.ok("gval", ref)["ver"], before, "the key's version")
            assert "ver" not in client.ok("rval", {**ref, "ver": before}), "nothing was removed"


def main():
    flood()
    with FluxionServer() as server:
        with Client(server) as client:
            suite.scripts(client, SCRIPTS)
            conflicts(client)
            nothing_removed(client)
            expiring(client)
        permissions(server)
        counters(server)
        halves(server)
        restarts(server)
        with suite.case("stops in order"):
            server.stop()
    suite.end()


main()
