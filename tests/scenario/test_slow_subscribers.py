#!/usr/bin/env python3
"""A thousand subscribers, half of which never read: memory, the others' latency, who is evicted.

Writes for a minute.
"""

import os
import re
import selectors
import socket
import time

from client import SECONDS, TEXT, RawSocket, parse
from fluxion_server import FluxionServer
from harness import Suite, equal

suite = Suite()
READERS = SLEEPERS = 500
WRITE_SECONDS = 60
BASE_SECONDS = 6
WRITES_A_SECOND = 20
VALUE_BYTES = 200  # of what all hear of
BULK_BYTES = 12000  # of what is written beside it; those who do not read subscribe to that, too
EVENT_MEMORY = 16 << 20
# Of one connection, before its events wait in the queue that is bounded, and the event beyond that.
PENDING_BYTES = (128 << 10) + BULK_BYTES
RECENT_BYTES = 8 << 20  # the last batches, kept for those who come from the log
SLEEPER_WINDOW = 65536  # of its socket
# With the sleepers the server feeds twice as many sockets, until theirs are full: twice the latency
# is what it may cost; on a quiet machine p99 is 10-20 ms. What must not be is a stall, as when a
# writer or a reader waits for a sleeper: that would last for ten minutes, its stall-timeout. The
# floor is for a machine that does something else for some seconds.
TIMES_SLOWER, FLOOR_SECONDS = 2, 3
GIVE_UP_SECONDS = 4 * SECONDS
SETTINGS = {"max-queue-events": 100, "max-event-memory": EVENT_MEMORY, "stall-timeout": "10min",
            "ping-interval": "10min"}
SENT = re.compile(rb'"value":"(\d+)')
SEQ = re.compile(rb'\{"seq":(\d+),"i":0')


def frames(raw):
    """The payloads of the whole frames that have come."""
    data, at = raw.pending, 0
    while len(data) >= at + 2:
        size, head = data[at + 1] & 0x7F, 2
        if size >= 126:
            head += 2 if size == 126 else 8
            size = int.from_bytes(data[at + 2:at + head], "big")
        if len(data) < at + head + size:
            break
        yield data[at + head:at + head + size]
        at += head + size
    raw.pending = data[at:]


class Slow:
    """A subscriber; reads only when told to."""

    def __init__(self, server, payload, window=None):
        raw = RawSocket.__new__(RawSocket)
        raw.pending = b""
        raw.socket = socket.socket()
        if window:
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        raw.socket.settimeout(SECONDS)
        raw.socket.connect(("127.0.0.1", server.port))
        status, _ = raw.upgrade()
        assert status == 101, status
        raw.read_frame()
        raw.send_frame(TEXT, f'{{"id":"s","type":"sub","data":{payload}}}')
        reply = parse(raw.read_frame()[2])
        assert "error" not in reply, reply
        self.raw, self.start = raw, reply["seq"]
        self.seqs = []
        self.end = None

    def note(self, frame):
        if b'"code":' in frame:
            self.end = parse(frame)
        self.seqs += [int(seq) for seq in SEQ.findall(frame)]

    def read(self):
        data = self.raw.socket.recv(1 << 16)
        assert data, "closed before its end"
        self.raw.pending += data
        for frame in frames(self.raw):
            self.note(frame)


def drain(sleepers):
    """Reads each to the end of its subscription."""
    with selectors.DefaultSelector() as selector:
        for sleeper in sleepers:
            # With the small window the kernels would wait for each other.
            sleeper.raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            selector.register(sleeper.raw.socket, selectors.EVENT_READ, sleeper)
        while selector.get_map():
            ready = selector.select(SECONDS)
            assert ready, f"{len(selector.get_map())} subscriptions without an end"
            for key, _ in ready:
                key.data.read()
                if key.data.end:
                    selector.unregister(key.fileobj)


def resident(server):
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Run:
    """Writes at a steady rate while the readers read; latencies from write to event, and memory."""

    def __init__(self, server, readers):
        self.server, self.readers = server, readers
        self.writer = RawSocket(server)
        self.writer.upgrade()
        self.writer.read_frame()
        self.latencies, self.peak = [], 0
        self.seqs, self.all_seqs = [], []  # of the small writes, of all

    def write(self):
        for col, size in (("bulk", BULK_BYTES), ("slow", VALUE_BYTES)):
            value = f"{time.monotonic_ns()} ".ljust(size, "v")
            self.writer.send_frame(TEXT, f'{{"id":"{col}","type":"sval","data":{{"col":"{col}",'
                                         f'"key":"k","value":"{value}"}}}}')

    def serve(self, reader):
        data = reader.raw.socket.recv(1 << 16)
        assert data, f"a reader was cut off: {self.server.log_text()[-500:]}"
        now = time.monotonic_ns()
        reader.raw.pending += data
        for frame in frames(reader.raw):
            self.latencies += [now - int(sent) for sent in SENT.findall(frame)]
            reader.note(frame)

    def go(self, seconds):
        """p99 in seconds."""
        self.latencies = []
        with selectors.DefaultSelector() as selector:
            for reader in self.readers:
                reader.raw.socket.setblocking(False)
                selector.register(reader.raw.socket, selectors.EVENT_READ, reader)
            writes, answered = int(seconds * WRITES_A_SECOND), 0
            selector.register(self.writer.socket, selectors.EVENT_READ, None)
            begun, sent = time.monotonic(), 0
            give_up = begun + seconds + GIVE_UP_SECONDS
            wanted = writes * len(self.readers)
            while len(self.latencies) < wanted or answered < writes:
                assert time.monotonic() < give_up, \
                    f"{len(self.latencies)} events of {wanted}, {answered} writes of {writes}"
                due = begun + sent / WRITES_A_SECOND
                if sent < writes and time.monotonic() >= due:
                    self.write()
                    sent += 1
                    self.peak = max(self.peak, resident(self.server))
                for key, _ in selector.select(max(0, min(0.05, due - time.monotonic()))):
                    if key.data is not None:
                        self.serve(key.data)
                        continue
                    self.writer.pending += self.writer.socket.recv(1 << 16)
                    for frame in frames(self.writer):
                        reply = parse(frame)
                        self.all_seqs.append(reply["seq"])
                        if reply["id"] == "slow":
                            self.seqs.append(reply["seq"])
                            answered += 1
        ordered = sorted(self.latencies)
        return ordered[len(ordered) * 99 // 100] / 1e9


def main():
    with FluxionServer(settings=SETTINGS) as server:
        readers = [Slow(server, '{"kind":"keys","col":"slow"}') for _ in range(READERS)]
        run = Run(server, readers)
        with suite.case("a thousand subscribers, half of which never read"):
            base = run.go(BASE_SECONDS)
            alone = len(run.all_seqs)
            sleepers = [Slow(server, '{"kind":"keys"}', SLEEPER_WINDOW)
                        for _ in range(SLEEPERS)]
            before = run.peak = resident(server)
            slow = run.go(WRITE_SECONDS)
            grown = run.peak - before
            # On a busy machine events wait for the readers, too.
            cap = EVENT_MEMORY + RECENT_BYTES + (SLEEPERS + READERS) * PENDING_BYTES
            print(f"p99 {base * 1e3:.1f} ms with {READERS} readers, {slow * 1e3:.1f} ms beside "
                  f"{SLEEPERS} that do not read; memory {before >> 20} MiB, and up to "
                  f"{grown >> 20} of {cap >> 20} MiB more")
            written = len(run.all_seqs) - alone
            assert written // 2 * BULK_BYTES * SLEEPERS > 2 * cap, "too little to need a limit"
        if suite.failed:
            return
        with suite.case("memory stays under its limits"):
            assert grown <= cap * 1.1, f"{grown >> 20} MiB more, not {cap >> 20} + 10 %"
        with suite.case("the readers' p99"):
            assert slow <= TIMES_SLOWER * base + FLOOR_SECONDS, f"{slow:.3f} s, alone {base:.3f} s"
        with suite.case("no reader is evicted, and all have it all"):
            for reader in readers:
                equal((reader.end, reader.seqs), (None, run.seqs), "a reader's end and seqs")
        with suite.case("those who do not read are all evicted, at a place to resume from"):
            drain(sleepers)
            for sleeper in sleepers:
                equal(sleeper.end["code"], "evicted", "code")
                assert sleeper.seqs and len(sleeper.seqs) < written
                equal(sleeper.seqs, run.all_seqs[alone:][:len(sleeper.seqs)], "a sleeper's seqs")
                equal(sleeper.end["seq"], sleeper.seqs[-1], "its last position")
        for subscriber in readers + sleepers:
            subscriber.raw.socket.close()


main()
suite.end()
