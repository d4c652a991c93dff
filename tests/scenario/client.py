"""A small client: messages through `websocket`, and a raw socket for what no client would send."""

import base64
import itertools
import json
import os
import socket
import struct
import threading
import time
import urllib.parse

import websocket

from fluxion_server import SECRET

SECONDS = 60  # to wait for an answer; a failing test ends, a slow machine does not fail
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Closed(Exception):
    """The server closed the connection."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class Refused(Exception):
    """An error reply. code: its stable token; reply: all of it."""

    def __init__(self, reply):
        super().__init__(json.dumps(reply))
        self.code, self.reply = reply.get("code"), reply


def is_the_end(error):
    """Whether it says that the connection is gone."""
    return isinstance(error, (OSError, Closed)) or type(error).__module__.startswith("websocket")


class _WebSocket(websocket.WebSocket):
    def send_close(self, *arguments, **more):
        try:
            super().send_close(*arguments, **more)
        except OSError:
            pass  # the other side is gone already; what its close frame said still counts


def _no_name_twice(pairs):
    found = dict(pairs)
    assert len(found) == len(pairs), f"a name twice in one object: {[k for k, _ in pairs]}"
    return found


def parse(text):
    return json.loads(text, object_pairs_hook=_no_name_twice)


def target_of(key=SECRET, name=None, path="/"):
    query = {k: v for k, v in (("api-key", key), ("name", name)) if v is not None}
    return path + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
                   if query else "")


class Client:
    """One connection. `data`: "string" (the classic double encoding) or "inline"."""

    _numbers = itertools.count(1)

    def __init__(self, server, key=SECRET, name=None, kind=TEXT, data="string", target=None,
                 header=(), subprotocols=None, timeout=SECONDS):
        port = server if isinstance(server, int) else server.port
        self.kind, self.data = kind, data
        self.ws = websocket.create_connection(
            f"ws://127.0.0.1:{port}{target if target is not None else target_of(key, name)}",
            timeout=timeout, header=list(header), subprotocols=subprotocols,
            skip_utf8_validation=True, enable_multithread=True, class_=_WebSocket,
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)])
        self._stray = {}
        self.ready = parse(self.receive_frame()[1])

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.ws.close(timeout=5)

    def drop(self):
        """Goes away without a word."""
        self.ws.shutdown()

    # Sending.

    def send_raw(self, message, kind=None):
        if isinstance(message, str):
            message = message.encode()
        self.ws.send(message, self.kind if kind is None else kind)

    def encode(self, type, payload=None, id=None, **more):
        """A message; `more`: further members beside id, type and data."""
        message = {"id": id, "type": type}
        if payload is not None:
            message["data"] = json.dumps(payload) if self.data == "string" else payload
        message.update(more)
        return json.dumps(message)

    def send(self, type, payload=None, **more):
        """Sends and does not wait; returns the id."""
        id = f"r{next(self._numbers)}"
        self.send_raw(self.encode(type, payload, id, **more))
        return id

    # Receiving.

    def receive_frame(self, timeout=SECONDS):
        """(kind, bytes) of the next message, put together from its frames."""
        self.ws.settimeout(timeout)
        kind, data = self.ws.recv_data()
        if kind == CLOSE:
            code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else None
            raise Closed(code, data[2:].decode("utf-8", "replace"))
        return kind, data

    def receive(self, timeout=SECONDS):
        kind, data = self.receive_frame(timeout)
        return parse(data.decode("utf-8"))  # strictly: what is not UTF-8 is an error of the server

    def reply_to(self, id, timeout=SECONDS):
        """The reply with this id; those to others are kept until asked for."""
        deadline = time.monotonic() + timeout
        while id not in self._stray:
            reply = self.receive(max(0.01, deadline - time.monotonic()))
            assert reply["id"] not in self._stray, f"two replies to {reply['id']}"
            self._stray[reply["id"]] = reply
        return self._stray.pop(id)

    def closed(self, timeout=SECONDS):
        """Waits for the server to close; the code."""
        try:
            while True:
                self.receive_frame(timeout)
        except Closed as closed:
            return closed.code

    # Both.

    def call(self, type, payload=None, **more):
        """The reply, whatever it says."""
        return self.reply_to(self.send(type, payload, **more))

    def ok(self, type, payload=None, **more):
        """The reply, which must not be an error."""
        reply = self.call(type, payload, **more)
        if "error" in reply or "code" in reply:
            raise Refused(reply)
        return reply

    def code(self, type, payload=None, **more):
        """The error code, or None for a success."""
        return check_error(self.call(type, payload, **more))

    def raw(self, message, kind=None):
        """Sends this text or these bytes; the next reply, whatever its id."""
        self.send_raw(message, kind)
        return self.receive()

    def send_at_once(self, requests):
        """Sends all (type, payload) as one piece, so that the server reads several; their ids."""
        ids = [f"r{next(self._numbers)}" for _ in requests]
        frames = [websocket.ABNF.create_frame(self.encode(type, payload, id), self.kind).format()
                  for id, (type, payload) in zip(ids, requests)]
        self.ws.sock.sendall(b"".join(frames))
        return ids

    def pipeline(self, requests):
        """Sends all (type, payload), reading at the same time; the replies in that order."""
        ids = [f"r{next(self._numbers)}" for _ in requests]
        failures = []

        def send_all():
            try:
                for id, (type, payload) in zip(ids, requests):
                    self.send_raw(self.encode(type, payload, id))
            except Exception as error:  # shown by whoever waits for the replies
                failures.append(error)

        sender = threading.Thread(target=send_all, daemon=True)
        sender.start()
        try:
            return [self.reply_to(id) for id in ids]
        finally:
            sender.join(SECONDS)
            assert not failures, failures


def check_error(reply):
    """The code of an error reply, whose shape it checks; None of a success."""
    if "error" not in reply and "code" not in reply:
        return None
    assert isinstance(reply["error"], str) and reply["error"], reply
    assert isinstance(reply["code"], str) and reply["code"], reply
    return reply["code"]


class RawSocket:
    """Bytes to the port and back: broken handshakes, odd frames, silence."""

    def __init__(self, server, timeout=SECONDS):
        port = server if isinstance(server, int) else server.port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def _more(self):
        data = self.socket.recv(65536)
        self.pending += data
        return bool(data)

    def read_exactly(self, size):
        while len(self.pending) < size:
            if not self._more():
                raise ConnectionResetError(f"the end after {len(self.pending)} of {size} bytes")
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def read_head(self):
        """(status, {lower-case name: value}) of an HTTP answer."""
        while b"\r\n\r\n" not in self.pending:
            if not self._more():
                raise ConnectionResetError(f"no whole HTTP head: {self.pending!r}")
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.split(":", 1) for line in lines)
        return int(first.split()[1]), {k.lower(): v.strip() for k, v in fields.items()}

    def read_answer(self):
        """(status, fields, body) of an HTTP answer with a Content-Length."""
        status, fields = self.read_head()
        return status, fields, self.read_exactly(int(fields.get("content-length", "0")))

    def read_to_end(self):
        """All that comes until the server closes; a reset counts as the end."""
        try:
            while self._more():
                pass
        except ConnectionResetError:
            pass
        taken, self.pending = self.pending, b""
        return taken

    def upgrade(self, target=None, fields=None, without=()):
        """Sends a handshake; (status, fields). `without`: names of standard fields left out."""
        key = base64.b64encode(os.urandom(16)).decode()
        all_fields = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade",
                      "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **(fields or {})}
        lines = [f"{k}: {v}" for k, v in all_fields.items() if k not in without]
        target = target_of() if target is None else target
        self.send("\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]))
        return self.read_head()

    def send_frame(self, opcode, payload=b"", fin=True, mask=True, rsv=0, length=None):
        """One frame. `length`: what its head claims, where that is not the payload's."""
        payload = payload.encode() if isinstance(payload, str) else payload
        size = len(payload) if length is None else length
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        marked = 0x80 if mask else 0
        if size < 126:
            head = struct.pack(">BB", first, marked | size)
        elif size < 65536:
            head = struct.pack(">BBH", first, marked | 126, size)
        else:
            head = struct.pack(">BBQ", first, marked | 127, size)
        if mask:
            key = os.urandom(4)
            stretched = (key * (len(payload) // 4 + 1))[:len(payload)]
            payload = (int.from_bytes(payload, "big") ^
                       int.from_bytes(stretched, "big")).to_bytes(len(payload), "big")
            head += key
        self.send(head + payload)

    def read_frame(self):
        """(opcode, fin, payload)."""
        first, second = self.read_exactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self.read_exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.read_exactly(8))[0]
        assert not second & 0x80, "a server must not mask its frames"
        return first & 0x0F, bool(first & 0x80), self.read_exactly(size)

    def close_code(self):
        """The code of the close frame, after whatever else comes; None if it just goes."""
        try:
            while True:
                opcode, _, payload = self.read_frame()
                if opcode == CLOSE:
                    return struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
        except (ConnectionResetError, BrokenPipeError):
            return None


def raw_session(server, key=SECRET):
    """A raw socket after its handshake and ready frame."""
    raw = RawSocket(server)
    status, _ = raw.upgrade(target_of(key))
    assert status == 101, status
    assert parse(raw.read_frame()[2])["type"] == "ready"
    return raw


def expect_refused(server, target, statuses=frozenset({401})):
    """A handshake with this target must get one of these HTTP answers."""
    with RawSocket(server) as raw:
        status, _ = raw.upgrade(target)
        assert status in statuses, f"the handshake was answered {status}, not {set(statuses)}"


def http(server, target, method="GET", fields=None):
    """(status, fields, body) of one plain HTTP request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1",
             *(f"{k}: {v}" for k, v in (fields or {}).items()), "", ""]
    with RawSocket(server) as raw:
        raw.send("\r\n".join(lines))
        return raw.read_answer()
