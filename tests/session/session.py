#!/usr/bin/env python3
"""A session as a user would have it: the server, the shell, a watcher with each SDK; the network is
cut twice and the server killed once while others write. Prints what is done, and at the end
whether both watchers saw every event that the log holds, once and in order.

FLUXION_BIN is the server, GO the go command. Ends with `N passed, N failed`.
"""

import json
import os
import select
import socket
import subprocess
import sys
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenario"))

from client import Client, is_the_end  # noqa: E402
from fluxion_server import SECRET, FluxionServer  # noqa: E402
from harness import Suite, equal, shown  # noqa: E402
from subscriber import Subscriber, place, read_all  # noqa: E402
from terminal import Terminal  # noqa: E402

SECONDS = 120  # for what takes moments on a machine that is not busy
BURST = 200  # writes in flight at a time
CONNECTIONS = 3  # through the network: two watchers and the shell
suite = Suite()
begun = time.monotonic()


def say(text):
    print(f"{time.monotonic() - begun:6.2f} s  {text}", flush=True)


class Network:
    """A way to the server that can be cut. Where the server is, it looks up for each connection."""

    scheme = "ws"

    def __init__(self, server):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs = set()
        self.is_down = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            try:
                if self.is_down:
                    raise ConnectionRefusedError
                port = self._server.port
                pair = client, socket.create_connection(("127.0.0.1", port or 1))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair):
        try:
            while True:
                for ready in select.select(pair, [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready is pair[0]].sendall(data)
        except (OSError, ValueError):
            pass  # cut
        finally:
            with self._lock:
                self._pairs.discard(pair)
            for end in pair:
                end.close()

    def cut(self, at_least):
        """Ends every connection in mid-air, once there are so many; how many there were."""
        deadline = time.monotonic() + SECONDS
        while len(self._pairs) < at_least:
            assert time.monotonic() < deadline, f"only {len(self._pairs)} connections"
            time.sleep(0.005)
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return len(pairs)


class Watcher:
    """A program that prints the events it sees."""

    def __init__(self, name, command, network, position):
        self.name, self.events = name, []
        self._process = subprocess.Popen(
            [*command, f"ws://127.0.0.1:{network.port}", SECRET, position],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            if "op" in said:
                self.events.append(said)

    def sees(self, number):
        """Waits until it has seen so many events."""
        deadline = time.monotonic() + SECONDS
        while len(self.events) < number:
            assert self._process.poll() is None, f"{self.name} ended"
            assert time.monotonic() < deadline, f"{self.name} saw only {len(self.events)} events"
            time.sleep(0.01)

    def end(self):
        """Waits until it ends by itself."""
        equal(self._process.wait(SECONDS), 0, f"{self.name}: exit code")
        self._reader.join(SECONDS)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Writer:
    """Writes without a pause, and keeps what was acknowledged."""

    def __init__(self, server):
        self._server = server
        self._stop = threading.Event()
        self.acknowledged = []  # seqs
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._stop.is_set():
            try:
                with Client(self._server.port or 1) as client:
                    while not self._stop.is_set():
                        number += 1
                        self._burst(client, number)
            except Exception as error:
                if not is_the_end(error):
                    self.failure = error
                    return
                time.sleep(0.01)  # the server is being killed or started: it is tried again

    def _burst(self, client, number):
        ids = []
        for n in range(BURST):
            if n % 4 == 3:
                record = {"col": "sensors", "doc": f"device-{n}", "ts": number * BURST + n,
                          "data": f'{{"t":{n}}}'}
                ids.append(client.send("ins", [record]))
            else:
                ids.append(client.send("sval", {"col": "state", "key": f"k{n}",
                                                "value": f"{number}.{n}"}))
        for id in ids:
            reply = client.reply_to(id)
            assert "error" not in reply, reply
            self.acknowledged.append(reply["seq"])

    def more(self, number):
        """Waits for so many further acknowledgements."""
        wanted = len(self.acknowledged) + number
        deadline = time.monotonic() + SECONDS
        while len(self.acknowledged) < wanted:
            assert self.failure is None, f"the writer failed: {self.failure!r}"
            assert time.monotonic() < deadline, "the writer does not get on"
            time.sleep(0.005)

    def stop(self):
        self._stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the writer does not end"


class Shell(Terminal):
    def __init__(self, network, folder):
        super().__init__(["shell"], network, {"NO_COLOR": "1", "XDG_STATE_HOME": folder})
        self.wait_for("default> ", SECONDS)

    def does(self, line, answer):
        say(f"shell    {line}")
        self.send(line + "\r")
        self.wait_for(r"\r\n" + answer, SECONDS)
        self.wait_for(r"\r\n[^\r\n]*> ", SECONDS)


def as_watched(event):
    """An event of `read_all` without the fields that the watchers do not ask for."""
    return {k: v for k, v in event.items() if k not in ("time", "previous")}


def same(watcher, wanted):
    """What it saw is what the log holds, in the log's order for keys and for documents."""
    for kind, name in (("keys", "key"), ("documents", "doc")):
        expected = [as_watched(e) for e in wanted if name in e]
        got = [e for e in watcher.events if name in e]
        for number, (a, b) in enumerate(zip(got, expected)):
            assert a == b, f"{watcher.name}: event {number} of {kind}: {shown(a)}, not {shown(b)}"
        equal(len(got), len(expected), f"{watcher.name}: events of {kind}")
    equal(len(watcher.events), len(wanted), f"{watcher.name}: events")


def build_watchers(folder):
    node = ["node", os.path.join(HERE, "watcher.mjs")]
    go = os.path.join(folder, "watcher")
    subprocess.run([os.environ.get("GO", "go"), "build", "-o", go, "."], check=True,
                   cwd=os.path.join(HERE, "watcher"), timeout=600,
                   env={**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local",
                        "GOFLAGS": "-buildvcs=false"})
    return {"Node": node, "Go": [go]}


def disturb(server, network, shell, writer, watchers):
    """The session itself."""
    shell.does('SET a "hello"', r"OK  \(version 1\)")
    shell.does("GET a", r'"hello"  \(version 1\)')
    shell.does('SET profile {"name":"Ada"}', "OK")
    shell.does('PATCH profile {"age":21}', "OK")
    shell.does("GET profile", r'{"name":"Ada","age":21}')
    shell.does("DELETE a", "OK")
    shell.does('INS log {"said":"hello"}', "OK")
    for watcher in watchers:
        watcher.sees(100)

    writer.more(10 * BURST)
    say(f"network  cut: {network.cut(CONNECTIONS)} connections are gone, writes go on")
    writer.more(10 * BURST)
    shell.does('SET user "after the first cut"', "OK")

    writer.more(10 * BURST)
    network.is_down = True
    say(f"network  away: {network.cut(CONNECTIONS)} connections are gone, new ones are refused")
    writer.more(50 * BURST)
    network.is_down = False
    say("network  back")
    writer.more(10 * BURST)
    shell.does("GET user", '"after the first cut"')

    writer.more(10 * BURST + BURST // 2)  # in the midst of a burst
    server.kill()
    say(f"server   killed with SIGKILL; {len(writer.acknowledged)} writes were acknowledged")
    server.start()
    say("server   started again on its data")
    writer.more(20 * BURST)
    shell.does("CHECKPOINT", ".")
    shell.does("GET user", '"after the first cut"')
    writer.stop()


def session(server, folder):
    commands = build_watchers(folder)
    network = Network(server)
    say(f"server   on port {server.port}, data in a folder of its own, every write synced")
    with Client(server) as client:
        start = f"{client.ready['log']}:{client.ready['seq']}"
    watchers = [Watcher(name, command, network, start) for name, command in commands.items()]
    writer = Writer(server)
    last = 0
    try:
        with suite.case("a session with two cuts and a kill"), Shell(network, folder) as shell:
            disturb(server, network, shell, writer, watchers)
            with Client(server) as client:
                client.ok("ins", [{"col": "sensors", "doc": "end", "ts": 1, "data": "end"}])
                last = client.ok("sval", {"col": "state", "key": "end", "value": "end"})["seq"]
            for watcher in watchers:
                watcher.end()
        events = read_all(server, last)
        with suite.case("what was acknowledged is in the log"):
            missing = set(writer.acknowledged) - {e["seq"] for e in events}
            assert writer.acknowledged and not missing, f"{len(missing)} are missing"
        for watcher in watchers:
            with suite.case(f"{watcher.name}: every event, once and in order"):
                same(watcher, events)
                say(f"{watcher.name:8} saw all {len(events)} events, once and in order")
    finally:
        writer.stop()
        for watcher in watchers:
            watcher.kill()


def main():
    with tempfile.TemporaryDirectory(prefix="fluxion-session-") as folder, \
            FluxionServer() as server:
        session(server, folder)
    suite.end()


if __name__ == "__main__":
    main()
