#!/usr/bin/env python3
"""Clients that are slow, silent or gone: they are let go in time, and cost the others nothing."""

import json
import os
import select
import socket
import time

from client import BINARY, SECONDS, Client, RawSocket, raw_session, target_of
from fluxion_server import FluxionServer
from harness import Suite, equal
from witness import Witness, wait_until

suite = Suite()

MIB = 1 << 20


HEAD_SECONDS = 2  # header-timeout. The witness, too, must come in within it.
PONG_SECONDS = 5  # pong-timeout. Whoever answers must do so within it.
STALL_SECONDS = 4  # stall-timeout. Whoever is only slow must take something within it.

SLOW_STARTS = (
    ("nothing", b""),
    ("one byte", b"G"),
    ("half a head", b"GET / HTTP/1.1\r\nHost: x\r\n"),
    ("a head without its last byte",
     f"GET {target_of()} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r".encode()),
)


def test_slow_heads():
    with FluxionServer(data=False, settings={"io-threads": 1, "header-timeout": f"{HEAD_SECONDS}s",
                                             "close-timeout": "1s"}) as server, \
            Witness(server) as witness:
        for name, start in SLOW_STARTS:
            begun = time.monotonic()
            with suite.case(f"a head that does not come: {name}"), RawSocket(server) as raw:
                raw.send(start)
                said = raw.read_to_end()
                took = time.monotonic() - begun
                assert took > 0.9 * HEAD_SECONDS, f"closed after {took:.2f} s"
                assert said.startswith(b"HTTP/1.1 408 "), said
                equal(json.loads(said.split(b"\r\n\r\n", 1)[1])["code"], "timeout", "code")
                witness.look()
        begun = time.monotonic()
        with suite.case("a head one byte at a time: the deadline is for all of it"), \
                RawSocket(server) as raw:
            ended = False
            while not ended:
                assert time.monotonic() - begun < SECONDS, "the deadline was put off"
                try:
                    raw.send("G")
                except OSError:
                    break
                ended = bool(select.select([raw.socket], [], [], 0.1)[0])
            assert time.monotonic() - begun > 0.9 * HEAD_SECONDS, "too early"
        with suite.case("500 slow heads at once: others are served, all are let go"):
            witness.start()
            slow = [RawSocket(server) for _ in range(500)]
            for raw in slow:
                try:
                    raw.send("GET / HTTP/1.1\r\nX: ")
                except OSError:
                    pass  # its time was over before the last had come
            for raw in slow:
                raw.read_to_end()
                raw.socket.close()
            witness.stop()
            witness.settled()
        with suite.case("an answer that is never taken away: the socket is closed all the same"):
            lazy = [RawSocket(server) for _ in range(20)]
            for raw in lazy:
                raw.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            witness.settled()
            for raw in lazy:
                raw.socket.close()


def test_half_open():
    settings = {"io-threads": 1, "ping-interval": "300ms", "pong-timeout": f"{PONG_SECONDS}s"}
    with FluxionServer(data=False, settings=settings) as server:
        with suite.case("who does not answer pings is let go, who does stays"), \
                Client(server) as faithful, Witness(server) as witness:
            dead = [raw_session(server) for _ in range(20)]
            # This one only answers pings, which receiving does by itself.
            wait_until(lambda: not witness.look() and answer_pings(faithful) and
                       witness.descriptors() <= witness.base_descriptors, SECONDS,
                       lambda: f"{witness.descriptors()} descriptors")
            for raw in dead:
                opcodes = opcodes_to_end(raw)
                assert 9 in opcodes, f"it was never pinged: {opcodes}"
                raw.socket.close()
            equal(len(faithful.ok("conn")["connections"]), 2, "connections that are left")
        with suite.case("a session that dies without a word leaves the list of connections"), \
                Witness(server) as witness:
            for _ in range(20):
                raw_session(server).socket.close()
            wait_until(lambda: len(witness.client.ok("conn")["connections"]) == 1, SECONDS,
                       "they are still listed")
            witness.settled()


def answer_pings(client):
    """Takes what has come, answering pings; True."""
    if select.select([client.ws.sock], [], [], 0)[0]:
        client.ws.settimeout(SECONDS)
        frame = client.ws.recv_frame()
        equal(frame.opcode, 9, "opcode")
        client.ws.pong(frame.data)
    return True


def opcodes_to_end(raw):
    found = []
    try:
        while True:
            found.append(raw.read_frame()[0])
    except OSError:
        return found


def fill(client, size=20 * MIB, piece=256 * 1024):
    """Keys in collection `big` whose values are `size` bytes together."""
    text = "v" * piece
    ids = [client.send("sval", {"col": "big", "key": f"k{i:05}", "value": text})
           for i in range(size // piece)]
    for id in ids:
        client.reply_to(id)


REQUESTS = {
    "gvals, a large answer made piece by piece": ("gvals", {"col": "big"}),
    "gval, 256 KiB each": ("gval", {"col": "big", "key": "k00000"}),
    "cols, a small answer": ("cols", {}),
    "a request that is refused": ("nope", {}),
}


def push_until_stuck(raw, frames, most):
    """Sends until the server takes no more; the bytes it took, at most `most`."""
    raw.socket.setblocking(False)
    sent, place = 0, 0
    while sent < most:
        if not select.select([], [raw.socket], [], 1.5)[1]:
            break
        try:
            done = raw.socket.send(frames[place:])
        except BlockingIOError:
            continue
        except OSError:
            break  # cut off: as good
        sent += done
        place = (place + done) % len(frames)
    return sent


def test_never_reads():
    settings = {"io-threads": 1, "stall-timeout": "30s"}
    with FluxionServer(data=False, settings=settings) as server, Client(server) as client:
        fill(client)
        for name, (type, payload) in REQUESTS.items():
            with suite.case(f"a client that never reads: {name}"), Witness(server) as witness:
                with raw_session(server) as raw:
                    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                    message = json.dumps({"id": "x", "type": type, "data": payload}).encode()
                    frame = bytes([0x80 | BINARY, 0x80 | len(message)]) + b"\0\0\0\0" + message
                    witness.start()
                    sent = push_until_stuck(raw, frame * 1000, 200 * MIB)
                    slowest = witness.stop()
                    assert sent < 200 * MIB, "the server took all that was sent"
                    # What the connection may hold: 2 MiB of output, a piece in the making, and
                    # what was already read of its requests.
                    witness.not_grown(24 * MIB)
                    print(f"{name}: took {sent >> 10} KiB, grew by "
                          f"{witness.memory() - witness.base_memory >> 10} KiB, "
                          f"another client waited at most {slowest * 1000:.0f} ms")
                witness.settled()
        with suite.case("20 clients that never read"), Witness(server) as witness:
            raws = [raw_session(server) for _ in range(20)]
            for raw in raws:
                raw.send_frame(BINARY, json.dumps({"id": "x", "type": "gvals",
                                                   "data": {"col": "big"}}) )
            witness.start()
            for raw in raws:
                raw.read_frame()  # the first piece of 20, of 1 MiB
            witness.stop()
            witness.not_grown(20 * 4 * MIB)
            for raw in raws:
                raw.socket.close()
            witness.settled()


def test_stalled():
    settings = {"io-threads": 1, "stall-timeout": f"{STALL_SECONDS}s", "ping-interval": "1h"}
    with FluxionServer(data=False, settings=settings) as server, Client(server) as client:
        fill(client, 40 * MIB)
        with suite.case("a client that takes no byte of its answer is let go"), \
                Witness(server) as witness, raw_session(server) as raw:
            raw.send_frame(BINARY, '{"id":"x","type":"gvals","data":{"col":"big"}}')
            raw.socket.recv(1)
            witness.settled()
            witness.look()
        with suite.case("a client that takes its answer slowly is not"), raw_session(server) as raw:
            raw.send_frame(BINARY, '{"id":"x","type":"gvals","data":{"col":"big"}}')
            size, final = 0, False
            begun = time.monotonic()
            while not final:
                _, final, payload = raw.read_frame()
                size += len(payload)
                # 40 pieces of 1 MiB over 6 s, more than the deadline; none is long in coming.
                select.select([], [], [], 0.15)
            assert size > 40 * MIB, size
            assert time.monotonic() - begun > STALL_SECONDS, "it was not slower than the deadline"


def test_files():
    """Each descriptor that a reader of the log keeps is one that nobody can connect with."""
    def open_files():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    requests = ({"type": "sub", "data": {"kind": "keys", "from": 0}},
                {"type": "log", "data": {"live": True, "gte": 1}})
    settings = {"stall-timeout": "10min", "catch-up-stall-timeout": "10min"}
    with FluxionServer(settings=settings) as server, Client(server) as client:
        fill(client, 20 * MIB)
        for request in requests:
            before, raws = open_files(), []
            with suite.case(f"who reads the log and stands still keeps no file: {request['type']}"):
                for _ in range(20):
                    raws.append(raw_session(server))
                    for name in "abcd":
                        raws[-1].send_frame(BINARY, json.dumps({"id": name, **request}))
                for raw in raws:
                    raw.read_exactly(100)
                wait_until(lambda: client.ok("stat")["queued_events"] > 40, SECONDS,
                           "too few subscriptions wait for their client")
                wait_until(lambda: open_files() < before + 30, SECONDS,
                           lambda: f"{open_files()} open files, {before} before")
            for raw in raws:
                raw.socket.close()
            wait_until(lambda: client.ok("stat")["connections"] == 1, SECONDS,
                       "connections that were closed are still there")


for test in (test_slow_heads, test_half_open, test_never_reads, test_stalled, test_files):
    with suite.case(f"{test.__name__} runs to its end"):
        test()
suite.end()
