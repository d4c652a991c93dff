"""A WebSocket server whose connections a test answers by hand."""

import base64
import hashlib
import json
import socket
import struct

SECONDS = 60
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
CLOSE, PING, PONG = 8, 9, 10


class FakeServer:
    scheme = "ws"

    def __init__(self, port=0):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen()
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def accept(self, log="L", seq=0):
        """The next client, greeted."""
        self.socket.settimeout(SECONDS)
        connection = FakeConnection(self.socket.accept()[0])
        connection.send({"type": "ready", "message": "Authentication successful", "log": log,
                         "seq": seq})
        return connection

    def refuse(self, status):
        """Answers the next client with this line instead."""
        self.socket.settimeout(SECONDS)
        connection = self.socket.accept()[0]
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        connection.close()


class FakeConnection:
    def __init__(self, connection):
        self.socket, self.pending = connection, b""
        connection.settimeout(SECONDS)
        while b"\r\n\r\n" not in self.pending:
            self._more()
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        self.fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        self.fields = {name.lower(): value for name, value in self.fields.items()}
        key = self.fields["sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        connection.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
                           .encode())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.drop()

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("the client has gone")
        self.pending += data

    def _take(self, size):
        while len(self.pending) < size:
            self._more()
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def _frame(self):
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        mask = self._take(4)
        payload = self._take(size)
        return first & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(payload))

    def receive(self):
        """The next message of the client, parsed; pings are answered on the way."""
        while True:
            opcode, payload = self._frame()
            if opcode == PING:
                self._send_frame(PONG, payload)
            elif opcode == CLOSE:
                raise ConnectionResetError("the client has closed")
            else:
                return json.loads(payload)

    def expect(self, type):
        """The next message, which must be of this type; its (id, payload)."""
        message = self.receive()
        assert message["type"] == type, message
        return message["id"], message.get("data")

    def answer_pings(self, count):
        """Reads so many pings and nothing else."""
        for _ in range(count):
            opcode, payload = self._frame()
            assert opcode == PING, opcode
            self._send_frame(PONG, payload)

    def ping(self, payload):
        """What stands in the pong, which must be the next frame."""
        self._send_frame(PING, payload)
        opcode, answer = self._frame()
        assert opcode == PONG, opcode
        return answer

    def _send_frame(self, opcode, payload):
        size = len(payload)
        head = bytes([0x80 | opcode])
        head += bytes([size]) if size < 126 else bytes([126]) + struct.pack(">H", size)
        self.socket.sendall(head + payload)

    def send(self, message):
        self._send_frame(1, json.dumps(message, separators=(",", ":")).encode())

    def close(self, code, reason=""):
        self._send_frame(CLOSE, struct.pack(">H", code) + reason.encode())
        self.drop()

    def drop(self):
        self.socket.close()
