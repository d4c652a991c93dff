#!/usr/bin/env python3
"""Every limit: its code, the name of the limit in the answer, and nothing lost beside it."""

import json
import resource
import select
import time

from client import BINARY, CONTINUATION, SECONDS, TEXT, Client, RawSocket, parse, raw_session
from fluxion_server import FluxionServer
from harness import Suite, equal
from witness import Witness, wait_until

suite = Suite()

MIB = 1 << 20


def refused(reply, code, *words):
    """An error with this code whose text names the limit."""
    equal(reply.get("code"), code, "code")
    for word in words:
        assert word in reply["error"], f"`{word}` is not named: {reply}"


def raise_descriptors(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_connections():
    with FluxionServer(data=False, settings={"max-connections": 5}) as server:
        with suite.case("max-connections: one more gets 503, and who is in is served"):
            inside = [Client(server) for _ in range(5)]
            for _ in range(20):
                with RawSocket(server) as raw:
                    status, _, body = raw.read_answer()
                    equal(status, 503, "status")
                    refused(parse(body.decode()), "too_many", "max-connections")
            for client in inside:
                client.ok("cols")
        with suite.case("max-connections: who leaves makes room"):
            inside.pop().close()
            late = []

            def let_in():
                try:
                    late.append(Client(server))
                except Exception:
                    return False
                return True

            wait_until(let_in, SECONDS, "there is no room")
            late[0].ok("cols")
        with suite.case("max-connections: plain HTTP counts as well, and is given back"):
            inside.pop().close()
            for _ in range(50):
                wait_until(lambda: health(server) == 200, SECONDS, "no room for a health check")


def health(server):
    try:
        with RawSocket(server) as raw:
            raw.send("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            return raw.read_answer()[0]
    except OSError:
        return None


def test_many_connections(count=2000):
    with suite.case(f"{count} connections at once"):
        assert raise_descriptors(count + 200) >= count + 200, "too few file descriptors here"
        with FluxionServer(data=False, settings={"ping-interval": "1h"}) as server, \
                Witness(server) as witness:
            witness.start()
            begun = time.monotonic()
            crowd = [raw_session(server) for _ in range(count)]
            opened = time.monotonic() - begun
            slowest = witness.stop()
            each = (witness.memory() - witness.base_memory) / count
            assert each < 64 << 10, f"{each / 1024:.0f} KiB for one idle connection"
            equal(len(witness.client.ok("conn")["connections"]), count + 1, "connections")
            busy = time.monotonic()
            for _ in range(300):
                witness.look()
            rate = 900 / (time.monotonic() - busy)
            # All of them are alive.
            for raw in crowd:
                raw.send_frame(TEXT, '{"id":"x","type":"gval","data":{"col":"witness","key":"k"}}')
            for raw in crowd:
                equal(parse(raw.read_frame()[2])["value"], "right", "what each reads")
            print(f"{count} connections in {opened:.1f} s, {each / 1024:.1f} KiB each; beside them "
                  f"{rate:.0f} requests/s one after the other, "
                  f"three took at most {slowest * 1000:.0f} ms while they came")
            for raw in crowd:
                raw.socket.close()
            witness.settled(2 * SECONDS)


def test_sizes():
    settings = {"max-collections": 3, "max-name-bytes": 10, "max-pattern-bytes": 20, "max-keys": 2,
                "max-message": "2KiB", "max-pattern-steps": 50}
    with FluxionServer(data=False, settings=settings) as server, Client(server) as client:
        with suite.case("max-collections: the fourth is refused, the three go on"):
            for col in "abc":
                client.ok("sval", {"col": col, "key": "k", "value": "v"})
            refused(client.call("sval", {"col": "d", "key": "k", "value": "v"}), "too_many",
                    "collections", "3")
            refused(client.call("ins", [{"col": "a", "doc": "x", "ts": 1, "data": "v"},
                                        {"col": "d", "doc": "x", "ts": 1, "data": "v"}]),
                    "too_many", "collections", "3")
            equal(client.ok("qry", {"col": "a", "ts": 9})["records"], {}, "nothing was inserted")
            client.ok("sval", {"col": "a", "key": "k2", "value": "v"})
            client.ok("dcol", {"col": "b"})
            client.ok("sval", {"col": "d", "key": "k", "value": "v"})
        long = "n" * 11
        for type, payload in (("sval", {"col": long, "key": "k", "value": "v"}),
                              ("sval", {"col": "a", "key": long, "value": "v"}),
                              ("gval", {"col": "a", "key": long}), ("dcol", {"col": long}),
                              ("ddoc", {"doc": long}), ("ddoc", {"doc": "d", "col": long}),
                              ("ins", [{"col": "a", "doc": long, "ts": 1, "data": "v"}]),
                              ("dmrec", [{"col": "a", "doc": long, "ts": 1}]),
                              ("qry", {"col": "a", "doc": long, "ts": 1}),
                              ("gvalues", {"col": "a", "key": long}), ("gkeys", {"col": long}),
                              ("keys", {"action": "remove", "key": long})):
            with suite.case(f"max-name-bytes: {type} {json.dumps(payload)[:60]}"):
                refused(client.call(type, payload), "too_large", "10 bytes")
        with suite.case("max-name-bytes: counted in bytes, and ten are enough"):
            client.ok("sval", {"col": "a", "key": "é" * 5, "value": "v"})
            refused(client.call("sval", {"col": "a", "key": "é" * 5 + "x", "value": "v"}),
                    "too_large")
        for type, payload in (("qry", {"col": "a", "ts": 1}), ("gvalues", {"col": "a"}),
                              ("qdoc", {"col": "a", "doc": "d", "to": 1})):
            field = "key" if type == "gvalues" else "where"
            with suite.case(f"max-pattern-bytes: {type}"):
                client.ok(type, {**payload, field: "/" + "a" * 18 + "/"})
                refused(client.call(type, {**payload, field: "/" + "a" * 19 + "/"}), "bad_regex",
                        "21 bytes", "limit of 20")
            with suite.case(f"max-pattern-steps: {type}"):
                refused(client.call(type, {**payload, field: "/a{100}/"}), "bad_regex",
                        "steps", "limit of 50")
        with suite.case("max-keys: the third is refused, a change and a removal are not"):
            for key in ("key-one", "key-two"):
                client.ok("keys", {"action": "add", "key": key, "scope": "readonly"})
            refused(client.call("keys", {"action": "add", "key": "key-three", "scope": "readonly"}),
                    "too_many", "2")
            client.ok("keys", {"action": "add", "key": "key-one", "scope": "read_write"})
            client.ok("keys", {"action": "remove", "key": "key-two"})
            client.ok("keys", {"action": "add", "key": "key-three", "scope": "readonly"})
        for kind in (TEXT, BINARY):
            with suite.case(f"max-message: 1009, frame kind {kind}"):
                with Client(server) as other:
                    message = '{"id":"x","type":"cols"}'
                    equal(other.raw(message.ljust(2048), kind)["id"], "x", "one that just fits")
                    other.send_raw(message.ljust(2049), kind)
                    equal(other.closed(), 1009, "close code")
                client.ok("cols")


def test_in_flight():
    with FluxionServer(settings={"max-in-flight": 4, "io-threads": 1}) as server, \
            Witness(server) as witness, Client(server) as client:
        with suite.case("max-in-flight: more at once are slowed, and all are answered in order"):
            requests = []
            for number in range(500):
                requests.append(("sval", {"col": "c", "key": "k", "value": str(number)}))
                requests.append(("gval", {"col": "c", "key": "k"}))
            replies = client.pipeline(requests)
            for number in range(500):
                equal(replies[2 * number + 1]["value"], str(number), "a read after its write")
            witness.look()
        with suite.case("max-in-flight: reads that wait for a seq to come"):
            ids = [client.send("cols", {"min_seq": 1 << 40}) for _ in range(5)]
            refused(client.reply_to(ids[4]), "too_many", "4 requests")
            for id in ids[:4]:
                refused(client.reply_to(id), "timeout", "min_seq")


ALL = '{"id":"big","type":"gvals","data":{"col":"big"}}'


def read_message(raw):
    """One message: its number of frames, and its bytes."""
    frames, parts = 0, []
    final = False
    while not final:
        opcode, final, payload = raw.read_frame()
        equal(opcode, CONTINUATION if frames else BINARY, "opcode")
        assert len(payload) <= 2 * MIB, f"a frame of {len(payload)} bytes"
        frames += 1
        parts.append(payload)
    return frames, b"".join(parts)


def test_large_answer(size=200 * MIB, piece=100 * 1024):
    with FluxionServer(data=False, settings={"io-threads": 1}) as server:
        with Client(server, kind=BINARY, data="inline") as client:
            ids = [client.send("sval", {"col": "big", "key": f"k{i:05}",
                                        "value": f"{i:08}" * (piece // 8)})
                   for i in range(size // piece)]
            for id in ids:
                client.reply_to(id)
        with suite.case(f"an answer of {size // MIB} MiB: whole, in pieces, beside others"), \
                Witness(server) as witness:
            witness.start()
            with raw_session(server) as raw:
                raw.send_frame(BINARY, ALL)
                begun = time.monotonic()
                frames, reply = read_message(raw)
                took = time.monotonic() - begun
                raw.send_frame(BINARY, '{"id":"after","type":"cols"}')
                equal(parse(read_message(raw)[1])["id"], "after", "the next reply")
            slowest = witness.stop()
            grown = witness.memory() - witness.base_memory
            values = parse(reply)["values"]
            equal(len(values), size // piece, "values")
            for i in range(size // piece):
                assert values[f"k{i:05}"] == f"{i:08}" * (piece // 8), f"value {i} is not right"
            assert frames >= size // (2 * MIB), f"{frames} frames"
            assert grown < 64 * MIB, f"the server grew by {grown >> 20} MiB"
            print(f"{len(reply) >> 20} MiB in {frames} frames in {took:.1f} s, "
                  f"{witness.asked} looks beside it, the longest {slowest * 1000:.0f} ms, "
                  f"the server grew by {grown >> 20} MiB")
        with suite.case("three such answers asked for at once, and a small one in between"), \
                raw_session(server) as raw:
            for message in (ALL, ALL, '{"id":"small","type":"cols"}', ALL):
                raw.send_frame(BINARY, message)
            sizes = [len(read_message(raw)[1]) for _ in range(4)]
            equal(sizes, [len(reply), len(reply), sizes[2], len(reply)], "sizes")
            assert sizes[2] < 100, sizes


def test_pending():
    settings = {"max-pending-bytes": "64KiB", "io-threads": 1}
    with FluxionServer(data=False, settings=settings) as server, Client(server) as client:
        client.ok("sval", {"col": "c", "key": "k", "value": "v" * MIB})
        with suite.case("max-pending-bytes: one answer above it still comes"):
            for _ in range(3):
                equal(len(client.ok("gval", {"col": "c", "key": "k"})["value"]), MIB, "length")
        with suite.case("max-pending-bytes: many such answers at once come to whoever reads"):
            for reply in client.pipeline([("gval", {"col": "c", "key": "k"})] * 200):
                equal(len(reply["value"]), MIB, "length")
        with suite.case("max-pending-bytes: who does not read is not read from"), \
                Witness(server) as witness, raw_session(server) as raw:
            message = b'{"id":"x","type":"gval","data":{"col":"c","key":"k"}}'
            frame = bytes([0x80 | BINARY, 0x80 | len(message)]) + b"\0\0\0\0" + message
            raw.socket.setblocking(False)
            sent = 0
            while sent < 100 * MIB and select.select([], [raw.socket], [], 1.5)[1]:
                try:
                    sent += raw.socket.send(frame * 1000)
                except OSError:
                    break
            assert sent < 100 * MIB, "it was read from all the time"
            witness.not_grown(16 * MIB)
            witness.look()


for test in (test_connections, test_sizes, test_in_flight, test_pending, test_large_answer,
             test_many_connections):
    begun = time.monotonic()
    with suite.case(f"{test.__name__} runs to its end"):
        test()
    print(f"{test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
suite.end()
