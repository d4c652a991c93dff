#!/usr/bin/env python3
"""Bytes that break the rules of HTTP (RFC 9112) and of WebSocket frames (RFC 6455)."""

import os
import struct
import time

from client import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawSocket, parse, raw_session,
                    target_of)
from fluxion_server import SECRET, FluxionServer
from harness import Suite, equal
from witness import Witness

suite = Suite()

GROWTH = 64 << 20  # bytes that all this may leave behind
MESSAGE = '{"id":"a","type":"cols"}'
MAX_MESSAGE = 1 << 20  # of the server here


def close_body(code, text=b""):
    return struct.pack(">H", code) + text


# name, frames (opcode, payload, further arguments), the close code that answers them
def one(opcode, payload=b"", **more):
    return [(opcode, payload, more)]


PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1002, 1007, 1009

VIOLATIONS = (
    *((f"RSV bits {bits:03b}", one(TEXT, MESSAGE, rsv=bits), PROTOCOL_ERROR)
      for bits in range(1, 8)),
    *((f"RSV bits {bits:03b} on a ping", one(PING, rsv=bits), PROTOCOL_ERROR)
      for bits in (1, 2, 4)),
    *((f"reserved opcode {code}", one(code, b"x"), PROTOCOL_ERROR)
      for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *((f"control frame {code} in fragments", one(code, close_body(1000), fin=False), PROTOCOL_ERROR)
      for code in (CLOSE, PING, PONG)),
    *((f"control frame {code} of {size} bytes", one(code, close_body(1000) + b"a" * (size - 2)),
       PROTOCOL_ERROR) for code in (CLOSE, PING, PONG) for size in (126, 127, 70000)),
    ("a length of 2^63", one(TEXT, length=1 << 63), PROTOCOL_ERROR),
    ("a length of 2^64 - 1", one(TEXT, length=(1 << 64) - 1), PROTOCOL_ERROR),
    ("a length of 2^63 - 1", one(BINARY, length=(1 << 63) - 1), TOO_BIG),
    ("a length of 2^32", one(BINARY, length=1 << 32), TOO_BIG),
    ("a frame one byte over the limit", one(BINARY, length=MAX_MESSAGE + 1), TOO_BIG),
    ("a text frame one byte over the limit", one(TEXT, length=MAX_MESSAGE + 1), TOO_BIG),
    ("fragments over the limit",
     [(BINARY if i == 0 else CONTINUATION, b"x" * 65536, {"fin": False}) for i in range(17)],
     TOO_BIG),
    ("text fragments over the limit",
     [(TEXT if i == 0 else CONTINUATION, b"x" * 65536, {"fin": False}) for i in range(17)],
     TOO_BIG),
    ("a continuation of nothing", one(CONTINUATION, b"x"), PROTOCOL_ERROR),
    ("an open continuation of nothing", one(CONTINUATION, b"x", fin=False), PROTOCOL_ERROR),
    ("a message within a message",
     [(TEXT, b"x", {"fin": False}), (TEXT, b"x", {})], PROTOCOL_ERROR),
    ("a binary message within a text message",
     [(TEXT, b"x", {"fin": False}), (BINARY, b"x", {"fin": False})], PROTOCOL_ERROR),
    ("a continuation after the end",
     [(TEXT, b"{}", {"fin": False}), (CONTINUATION, b"", {}), (CONTINUATION, b"", {})],
     PROTOCOL_ERROR),
    ("a close body of one byte", one(CLOSE, b"\x03"), PROTOCOL_ERROR),
    ("a close reason that is no UTF-8", one(CLOSE, close_body(1000, b"\xff\xfe")), BAD_TEXT),
    *((f"the reserved close code {code}", one(CLOSE, close_body(code)), PROTOCOL_ERROR)
      for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535)),
    *((f"text with the bytes {bytes.hex()}", one(TEXT, b'{"id":"' + bytes + b'"}'), BAD_TEXT)
      for bytes in (b"\xff", b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf",
                    b"\xc1\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
                    b"\xf8\x88\x80\x80\x80",
                    b"\xfc\x84\x80\x80\x80\x80", b"\xe2\x28\xa1", b"\xf0\x28\x8c\xbc", b"\xfe")),
    ("text that ends inside a character", one(TEXT, b"\xe2\x82"), BAD_TEXT),
    ("bad text in the second fragment",
     [(TEXT, b"ab", {"fin": False}), (CONTINUATION, b"\xff", {})], BAD_TEXT),
)

# What a peer may do at any time: the close code comes back.
ORDERLY = (
    ("a close without a body", b"", 1000), ("a close with 1000", close_body(1000), 1000),
    ("a close with 1001", close_body(1001), 1001), ("a close with a reason",
                                                    close_body(1000, "grüß".encode()), 1000),
    ("a close with 3000", close_body(3000), 3000), ("a close with 4999", close_body(4999), 4999),
    ("a close with the longest reason", close_body(1000, b"r" * 123), 1000),
)


def answered(raw):
    """Whether the session is alive: a request is answered."""
    raw.send_frame(TEXT, '{"id":"alive","type":"cols"}')
    opcode, _, payload = raw.read_frame()
    equal((opcode, parse(payload)["id"]), (TEXT, "alive"), "a session that goes on")


def test_violations(server, witness):
    for name, frames, wanted in VIOLATIONS:
        with suite.case(f"{name}: closed with {wanted}"), raw_session(server) as raw:
            for opcode, payload, more in frames:
                raw.send_frame(opcode, payload, **more)
            equal(raw.close_code(), wanted, "close code")
            witness.look()
    for name, body, wanted in ORDERLY:
        with suite.case(name), raw_session(server) as raw:
            raw.send_frame(CLOSE, body)
            equal(raw.close_code(), wanted, "close code")
            equal(raw.read_to_end(), b"", "after the close")


def masked(payload):
    return bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload


def test_odd_but_right(server, witness):
    with suite.case("100,000 empty fragments"), raw_session(server) as raw:
        raw.send_frame(TEXT, b"", fin=False)
        empty = bytes([CONTINUATION]) + masked(b"")
        for _ in range(100):
            raw.send(empty * 1000)
        raw.send_frame(CONTINUATION, MESSAGE)
        equal(parse(raw.read_frame()[2])["id"], "a")
        witness.look()
    with suite.case("100,000 empty messages, answered each"), raw_session(server) as raw:
        for _ in range(100):
            raw.send((bytes([0x80 | BINARY]) + masked(b"")) * 1000)
            for _ in range(1000):
                equal(parse(raw.read_frame()[2])["code"], "bad_json")
        witness.look()
    with suite.case("10,000 pings between the parts of a message"), raw_session(server) as raw:
        for number, byte in enumerate(MESSAGE.encode()):
            raw.send_frame(CONTINUATION if number else TEXT, bytes([byte]), fin=False)
            raw.send((bytes([0x80 | PING]) + masked(b"hi")) * 400)
            for _ in range(400):
                equal(raw.read_frame(), (PONG, True, b"hi"))
        raw.send_frame(CONTINUATION, b"")
        equal(parse(raw.read_frame()[2])["id"], "a")
        witness.look()
    with suite.case("unasked pongs"), raw_session(server) as raw:
        raw.send((bytes([0x80 | PONG]) + masked(b"x" * 125)) * 1000)
        answered(raw)
    with suite.case("frames behind a close are not looked at"), raw_session(server) as raw:
        raw.send((bytes([0x80 | CLOSE]) + masked(close_body(1000))) +
                 (bytes([0x80 | TEXT]) + masked(MESSAGE.encode())) * 10)
        equal(raw.read_frame()[0], CLOSE, "opcode")
        equal(raw.read_to_end(), b"", "after the close")
    with suite.case("the largest message there may be"), raw_session(server) as raw:
        message = MESSAGE + " " * (MAX_MESSAGE - len(MESSAGE))
        for opcode in (TEXT, BINARY):
            raw.send_frame(opcode, message)
            equal(raw.read_frame()[0], opcode, "kind")
    with suite.case("an unmasked frame: 1002"), raw_session(server) as raw:
        raw.send_frame(TEXT, MESSAGE, mask=False)
        equal(raw.close_code(), PROTOCOL_ERROR, "close code")
        witness.look()
    requests = ['{"id":"1","type":"sval","data":{"col":"close","key":"a","value":"1"}}',
                '{"id":"2","type":"gval","data":{"col":"close","key":"a"}}',
                '{"id":"3","type":"sval","data":{"col":"close","key":"b","value":"1"}}']
    with suite.case("a close behind requests: they are done first"), raw_session(server) as raw:
        raw.send(b"".join(bytes([0x80 | TEXT]) + masked(r.encode()) for r in requests) +
                 bytes([0x80 | CLOSE]) + masked(close_body(1000)))
        equal([parse(raw.read_frame()[2])["id"] for _ in requests], ["1", "2", "3"], "replies")
        equal(raw.close_code(), 1000, "close code")
    with suite.case("a message over the limit, sent to its end"), raw_session(server) as raw:
        raw.send_frame(BINARY, b"x" * (MAX_MESSAGE * 8))
        equal(raw.close_code(), TOO_BIG, "close code")
    with suite.case("text cut inside a character"), raw_session(server) as raw:
        raw.send_frame(TEXT, b'{"id":"\xc3', fin=False)
        raw.send_frame(CONTINUATION, b'\xa4","type":"cols"}')
        equal(parse(raw.read_frame()[2])["id"], "\u00e4", "id")


def test_splits(server, witness):
    """A session in pieces: the cut at every byte, and one byte at a time."""
    head = ("\r\n".join([f"GET {target_of()} HTTP/1.1", "Host: x", "Upgrade: websocket",
                         "Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                         "Sec-WebSocket-Version: 13", "", ""])).encode()
    first = bytes([0x80 | TEXT]) + masked(MESSAGE.encode())
    second = bytes([0x80 | BINARY, 0x80 | 126]) + struct.pack(">H", 300) + b"\1\2\3\4" + bytes(
        byte ^ (place % 4 + 1) for place, byte in enumerate(MESSAGE.encode().ljust(300)))
    frames = first + second

    def ready(raw):
        equal(raw.read_head()[0], 101, "status")
        equal(parse(raw.read_frame()[2])["type"], "ready")

    def replies(raw):
        for kind in (TEXT, BINARY):
            opcode, _, payload = raw.read_frame()
            equal((opcode, parse(payload)["id"]), (kind, "a"), "reply")

    with suite.case("frames before the answer to the handshake"), RawSocket(server) as raw:
        raw.send(head + frames)
        ready(raw)
        replies(raw)
    with suite.case("both messages in one piece"), RawSocket(server) as raw:
        raw.send(head)
        ready(raw)
        raw.send(frames)
        replies(raw)
    with suite.case("cut at every byte"):
        for cut in range(1, max(len(head), len(frames))):
            with RawSocket(server) as raw:
                raw.send(head[:cut % len(head)])
                witness.look()  # so that the server has seen the first part alone
                raw.send(head[cut % len(head):])
                ready(raw)
                raw.send(frames[:cut % len(frames)])
                witness.look()
                raw.send(frames[cut % len(frames):])
                replies(raw)
    with suite.case("one byte at a time"), RawSocket(server) as raw:
        for byte in head:
            raw.send(bytes([byte]))
            witness.look()
        ready(raw)
        for byte in frames:
            raw.send(bytes([byte]))
            witness.look()
        replies(raw)


LINE = "GET /health/live HTTP/1.1\r\n"
HOST = "Host: x\r\n"
UPGRADE = (f"GET {target_of()} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\n")
KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

# name, bytes, status of the answer
HEADS = (
    ("a good one", LINE + HOST + "\r\n", 200),
    ("two equal Content-Length",
     LINE + HOST + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    ("two Content-Length", LINE + HOST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ("Content-Length with a list", LINE + HOST + "Content-Length: 1, 1\r\n\r\na", 400),
    ("Content-Length and Transfer-Encoding",
     LINE + HOST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("Transfer-Encoding and Content-Length",
     LINE + HOST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    ("two Transfer-Encoding", LINE + HOST + "Transfer-Encoding: chunked\r\n" * 2 + "\r\n", 400),
    ("Transfer-Encoding xchunked", LINE + HOST + "Transfer-Encoding: xchunked\r\n\r\n", 400),
    ("Transfer-Encoding chunked, identity",
     LINE + HOST + "Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    ("Transfer-Encoding identity", LINE + HOST + "Transfer-Encoding: identity\r\n\r\n", 400),
    ("a folded Transfer-Encoding", LINE + HOST + "Transfer-Encoding:\r\n chunked\r\n\r\n", 400),
    ("a negative Content-Length", LINE + HOST + "Content-Length: -1\r\n\r\n", 400),
    ("Content-Length with a plus", LINE + HOST + "Content-Length: +1\r\n\r\na", 400),
    ("Content-Length in hex", LINE + HOST + "Content-Length: 0x1\r\n\r\na", 400),
    ("Content-Length beyond 64 bits",
     LINE + HOST + "Content-Length: 99999999999999999999\r\n\r\n", 400),
    ("an empty Content-Length", LINE + HOST + "Content-Length:\r\n\r\n", 400),
    ("a folded line, space", LINE + HOST + "X: a\r\n b\r\n\r\n", 400),
    ("a folded line, tab", LINE + HOST + "X: a\r\n\tb\r\n\r\n", 400),
    ("a folded first line", LINE + " " + HOST + "\r\n", 400),
    ("no Host", LINE + "\r\n", 400),
    ("two Host", LINE + HOST + "Host: y\r\n\r\n", 400),
    ("two equal Host in other letters", LINE + HOST + "hOST: x\r\n\r\n", 400),
    ("a space before the colon", LINE + HOST + "X : a\r\n\r\n", 400),
    ("a space in a name", LINE + HOST + "X Y: a\r\n\r\n", 400),
    ("no colon", LINE + HOST + "XY\r\n\r\n", 400),
    ("an empty name", LINE + HOST + ": a\r\n\r\n", 400),
    ("NUL in a value", LINE + HOST + "X: a\0b\r\n\r\n", 400),
    ("NUL in a name", LINE + HOST + "X\0: a\r\n\r\n", 400),
    ("NUL in the target", "GET /health\0/live HTTP/1.1\r\n" + HOST + "\r\n", 400),
    ("a control byte in a value", LINE + HOST + "X: a\x01b\r\n\r\n", 400),
    ("a bare LF", LINE + "Host: x\nX: b\r\n\r\n", 400),
    ("a bare CR", LINE + "Host: x\rX: b\r\n\r\n", 400),
    ("a head of 64 kB", LINE + HOST + "X: " + "a" * 65536 + "\r\n\r\n", 431),
    ("a head of 64 kB in small fields", LINE + HOST + "X: abcdefgh\r\n" * 5000 + "\r\n", 431),
    ("a target of 64 kB", "GET /" + "a" * 65536 + " HTTP/1.1\r\n" + HOST + "\r\n", 431),
    ("a target without an end", "GET /" + "a" * 65536, 431),
    ("a method of 64 kB", "G" * 65536, 431),
    ("a method without letters", "G=T / HTTP/1.1\r\n" + HOST + "\r\n", 400),
    ("a method in small letters", "get / HTTP/1.1\r\n" + HOST + "\r\n", 400),
    ("an unknown method", "BREW /health/live HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("POST where there is GET", "POST /health/live HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("CONNECT", "CONNECT x:1 HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("OPTIONS of everything", "OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("a whole URL as target", "GET http://x/health/live HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("another path", "GET /health/live/x HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("dots in the path", "GET /x/../health/live HTTP/1.1\r\n" + HOST + "\r\n", 404),
    ("two spaces", "GET  /health/live HTTP/1.1\r\n" + HOST + "\r\n", 400),
    ("a space in the target", "GET /health /live HTTP/1.1\r\n" + HOST + "\r\n", 400),
    ("no version", "GET /health/live\r\n" + HOST + "\r\n", 400),
    ("version 2.0", "GET /health/live HTTP/2.0\r\n" + HOST + "\r\n", 400),
    ("version 1.2", "GET /health/live HTTP/1.2\r\n" + HOST + "\r\n", 400),
    ("another protocol", "GET /health/live ICAP/1.1\r\n" + HOST + "\r\n", 400),
    ("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("empty lines in front", "\r\n\r\n" + LINE + HOST + "\r\n", 400),
    ("two requests: the first is answered", (LINE + HOST + "\r\n") * 2, 200),
    ("TLS", bytes.fromhex("1603010200010001fc0303") + bytes(500), 400),
    ("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n", 400),
    ("all bytes there are", bytes(range(256)) * 100, 400),
    ("100,000 NUL", bytes(100000), 400),
    ("upgrade without a key", UPGRADE + "\r\n", 400),
    ("upgrade with an empty key", UPGRADE + "Sec-WebSocket-Key:\r\n\r\n", 400),
    ("upgrade with a short key", UPGRADE + "Sec-WebSocket-Key: AAAA\r\n\r\n", 400),
    ("upgrade with a key that is no base64",
     UPGRADE + "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n\r\n", 400),
    ("upgrade with a body", UPGRADE + KEY + "Content-Length: 5\r\n\r\nhello", 400),
    ("upgrade with chunks", UPGRADE + KEY + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("upgrade by POST", UPGRADE.replace("GET", "POST") + KEY + "\r\n", 400),
    ("upgrade in HTTP/1.0", UPGRADE.replace("HTTP/1.1", "HTTP/1.0") + KEY + "\r\n", 404),
    ("upgrade of version 8", UPGRADE.replace("13", "8") + KEY + "\r\n", 426),
    ("upgrade to something else", UPGRADE.replace("websocket", "h2c") + KEY + "\r\n", 404),
    ("upgrade that the connection does not name",
     UPGRADE.replace("Connection: Upgrade", "Connection: close") + KEY + "\r\n", 404),
    ("upgrade on another path", UPGRADE.replace("GET /?", "GET /x?") + KEY + "\r\n", 404),
    ("upgrade with two Host", UPGRADE + HOST + KEY + "\r\n", 400),
    ("upgrade with a folded key", UPGRADE + KEY.replace(": ", ":\r\n ") + "\r\n", 400),
)

CODES = {400: "bad_request", 404: "not_found", 426: "bad_request", 431: "too_large"}


def test_heads(server, witness):
    for name, data, wanted in HEADS:
        with suite.case(f"head, {name}: {wanted}"), RawSocket(server) as raw:
            raw.send(data)
            status, fields, body = raw.read_answer()
            equal(status, wanted, "status")
            equal(fields["connection"], "close", "Connection")
            answer = parse(body.decode())
            equal(answer.get("code"), CODES.get(wanted), "code")
            assert SECRET not in body.decode(), "the answer shows the key"
            if wanted == 431:
                assert "16384" in answer["error"], f"the limit is not named: {answer}"
            equal(raw.read_to_end(), b"", "behind the answer")  # one answer, and the end
            witness.look()
    with suite.case("HEAD has no body"), RawSocket(server) as raw:
        raw.send("HEAD /health/live HTTP/1.1\r\n" + HOST + "\r\n")
        equal(raw.read_head()[0], 200, "status")
        equal(raw.read_to_end(), b"", "body")
    with suite.case("100 lots of random bytes"):
        for _ in range(100):
            with RawSocket(server) as raw:
                raw.send(os.urandom(1000) + b"\r\n\r\n")
                raw.read_to_end()
        witness.look()
    with suite.case("1,000 that come and go"):
        begun = time.monotonic()
        for number in range(1000):
            with RawSocket(server) as raw:
                raw.send((LINE + HOST)[:number % 40])
        witness.look()
        print(f"1,000 short connections in {time.monotonic() - begun:.2f} s")


with FluxionServer(data=False, settings={"io-threads": 1, "max-message": MAX_MESSAGE}) as server:
    with Witness(server) as witness:
        for test in (test_violations, test_odd_but_right, test_splits, test_heads):
            with suite.case(f"{test.__name__} runs to its end"):
                test(server, witness)
        with suite.case("nothing is left behind"):
            witness.settled()
            witness.not_grown(GROWTH)
suite.end()
