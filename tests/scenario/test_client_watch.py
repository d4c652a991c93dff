#!/usr/bin/env python3
"""`fluxion watch`, against a scripted server and a real one; and replies of many shapes."""

import json
import os
import queue
import signal
import subprocess
import threading
import time

from client import Client
from fake_server import FakeServer
from fluxion_server import BINARY, FluxionServer, lasting_port
from harness import Suite, equal
from terminal import Terminal, environment_for, run_client

suite = Suite()

SECONDS = 60


class Lines:
    """What comes out of a pipe, line by line, read as it comes."""

    def __init__(self, pipe):
        self._lines = queue.Queue()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                self._lines.put(line)
        self._lines.put("")

    def next(self):
        """Empty at the end."""
        try:
            line = self._lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError("no further line came") from None
        if not line:
            self._lines.put("")
        return line

    def rest(self):
        return "".join(iter(self.next, ""))


class Running:
    """A command that runs beside the test."""

    def __init__(self, server, *arguments, stdout=subprocess.PIPE):
        self.process = subprocess.Popen([BINARY, *arguments], env=environment_for(server),
                                        stdin=subprocess.DEVNULL, stdout=stdout,
                                        stderr=subprocess.PIPE, text=True)
        if stdout == subprocess.PIPE:
            self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()

    def line(self):
        return self.out.next()

    def said(self):
        return self.err.next()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def ends(self, code, out="", words=()):
        """Ends by itself with this exit code, and no more than this on stdout."""
        rest, err = self.out.rest(), self.err.rest()
        equal((self.process.wait(SECONDS), rest), (code, out), f"exit code and rest ({err})")
        for word in words:
            assert word in err, f"`{word}` is not in: {err}"
        equal(err == "", not words, f"says nothing: {err}")


def event(seq, i=0, **fields):
    return {"seq": seq, "i": i, "op": "set", "col": "c", "key": f"k{seq}.{i}", "ver": 1,
            "value": "v", **fields}


def line(seq, i=0):
    return f"{seq}\tset\tc\tk{seq}.{i}\t1\tv\n"


def frame(sub, seq, *events, **fields):
    return {"type": "evt", "sub": sub, "seq": seq, "events": list(events), **fields}


def accept_watch(server, wanted, seq=0, log="L", greeting="L"):
    """A client that subscribes with this payload, and the subscription's id."""
    connection = server.accept(greeting)
    id, payload = connection.expect("sub")
    equal(payload, wanted, "payload")
    reply = {"id": id, "seq": seq}
    connection.send({**reply, "log": log} if log else reply)
    return connection, id


KEYS = {"kind": "keys", "col": "default"}


def test_events():
    with FakeServer() as server:
        with suite.case("watch: a line for each event; other messages are none of its business"), \
                Running(server, "watch", "--limit", "3") as watch:
            connection, sub = accept_watch(server, KEYS, 5)
            assert "fluxion" not in connection.fields["authorization"]
            connection.send(frame("another", 6, event(6)))
            connection.send({"id": "x"})
            connection.send(frame(sub, 6))
            connection.send(frame(sub, 7, event(6), event(7)))
            equal((watch.line(), watch.line()), (line(6), line(7)))
            connection.send(frame(sub, 9, event(8), event(9)))
            watch.ends(0, line(8))
        with suite.case("watch --json: each event as it was sent"), \
                Running(server, "watch", "--json", "--limit", "1", "--kind", "docs", "--col", "",
                        "--match", "/a/", "--where", "w", "--filter", "f") as watch:
            connection, sub = accept_watch(server, {"kind": "docs", "match": "/a/", "where": "w",
                                                    "filter": "f"})
            sent = {"seq": 1, "i": 0, "op": "inserted", "col": "c", "doc": "d",
                    "ts": 9007199254740993, "data": '{"a":1.50}'}
            connection.send(frame(sub, 1, sent))
            watch.ends(0, json.dumps(sent, separators=(",", ":")) + "\n")
        with suite.case("watch: Ctrl-C ends it with exit code 0"), \
                Running(server, "watch", "/k/", "--previous") as watch:
            connection, sub = accept_watch(
                server, {**KEYS, "match": "/k/", "fields": ["value", "previous", "expires"]})
            connection.send(frame(sub, 1, event(1)))
            equal(watch.line(), line(1))
            watch.interrupt()
            watch.ends(0)
        with suite.case("watch | head: its reader goes, and it ends"):
            reading, writing = os.pipe()
            with os.fdopen(writing, "w") as pipe, Running(server, "watch", stdout=pipe) as watch:
                connection, sub = accept_watch(server, KEYS)
                os.close(reading)
                connection.send(frame(sub, 1, event(1)))
                equal(watch.process.wait(SECONDS), 0, "exit code")
        with suite.case("watch on a terminal"), Terminal(["watch"], server) as terminal:
            connection, sub = accept_watch(server, KEYS)
            terminal.wait_for("watching")
            connection.send(frame(sub, 1, event(1, key="\x1b[2Jk")))
            terminal.wait_for(r"c/\\x1b\[2Jk")
            terminal.send("\x03")
            equal(terminal.wait_for_end(), 0, "exit code")


def test_refusals():
    with FakeServer() as server:
        for name, reply, words in (
                ("a type it does not know", {"error": "no", "code": "unknown_type"},
                 ["error: unknown_type: no"]),
                ("compacted", {"error": "too old", "code": "compacted", "oldest": "L:7"},
                 ["error: compacted: too old", "L:7"])):
            with suite.case(f"watch: the server refuses: {name}"), \
                    Running(server, "watch", "--from", "L:5") as watch:
                connection = server.accept()
                id, payload = connection.expect("sub")
                equal(payload["from"], "L:5")
                connection.send({"id": id, **reply})
                watch.ends(1, "", words)
        with suite.case("watch: the server ends the subscription: compacted"), \
                Running(server, "watch") as watch:
            connection, sub = accept_watch(server, KEYS)
            connection.send(frame(sub, 3, event(3), code="compacted", error="too far behind"))
            watch.ends(1, line(3), ["error: compacted: too far behind"])
        with suite.case("watch: evicted: it says so and goes on after the last frame"), \
                Running(server, "watch", "--limit", "2") as watch:
            connection, sub = accept_watch(server, KEYS)
            connection.send(frame(sub, 3, event(3)))
            connection.send(frame(sub, 4, code="evicted", error="slow"))
            id, payload = connection.expect("sub")
            equal(payload, {**KEYS, "from": "L:4"}, "payload")
            connection.send({"id": id, "seq": 4, "log": "L"})
            connection.send(frame(id, 5, event(5)))
            watch.ends(0, line(3) + line(5), ["too slow", "L:4"])
        with suite.case("watch: the key is removed meanwhile: exit code 3"), \
                Running(server, "watch") as watch:
            connection, sub = accept_watch(server, KEYS)
            connection.close(4401, "the key was removed")
            watch.ends(3, "", ["unauthorized"])


def test_resuming():
    with FakeServer() as server:
        with suite.case("watch: goes on after a lost connection, from the last frame's seq"), \
                Running(server, "watch", "--limit", "5") as watch:
            connection, sub = accept_watch(server, KEYS, 5)
            connection.drop()
            assert "lost" in watch.said()
            # Nothing came yet: after the seq of the reply.
            connection, sub = accept_watch(server, {**KEYS, "from": "L:5"}, 5)
            equal(watch.said(), "connected again; going on after L:5\n")
            connection.send(frame(sub, 7, event(7)))
            connection.send(frame(sub, 9))
            # Of seq 10 two events come before the connection is lost, and then again.
            connection.send(frame(sub, 9, event(10), event(10, 1), more=True))
            equal([watch.line() for _ in range(3)], [line(7), line(10), line(10, 1)])
            connection.close(1001, "going away")
            connection, sub = accept_watch(server, {**KEYS, "from": "L:9"}, 9)
            connection.send(frame(sub, 10, event(10), event(10, 1), event(10, 2)))
            connection.send(frame(sub, 11, event(11)))
            watch.ends(0, line(10, 2) + line(11), ["lost", "going on after L:9"])
        with suite.case("watch: without `log` in the reply, that of `ready` counts"), \
                Running(server, "watch", "--limit", "1") as watch:
            connection, sub = accept_watch(server, KEYS, 5, log=None, greeting="OLD")
            connection.drop()
            connection, sub = accept_watch(server, {**KEYS, "from": "OLD:5"}, 5)
            assert "lost" in watch.said()
            equal(watch.said(), "connected again; going on after OLD:5\n")
            watch.interrupt()
            watch.ends(0)
        with suite.case("watch: another history after the loss: compacted, exit code 1"), \
                Running(server, "watch") as watch:
            connection, sub = accept_watch(server, KEYS, 5)
            connection.drop()
            connection = server.accept("M")
            id, payload = connection.expect("sub")
            equal(payload["from"], "L:5")
            connection.send({"id": id, "error": "another history", "code": "compacted",
                             "oldest": "M:0"})
            watch.ends(1, "", ["lost", "compacted: another history", "M:0"])
        with suite.case("watch --snapshot: what there is; lost in the midst, it begins anew"), \
                Running(server, "watch", "--snapshot", "--limit", "4") as watch:
            wanted = {**KEYS, "snapshot": True}
            connection, sub = accept_watch(server, wanted)
            connection.send(frame(sub, 0, event(4), event(2), snapshot=True, more=True))
            equal((watch.line(), watch.line()), (line(4), line(2)))
            connection.drop()
            connection, sub = accept_watch(server, wanted)
            connection.send(frame(sub, 0, event(4), snapshot=True, more=True))
            connection.send(frame(sub, 6, snapshot=True))
            equal(watch.line(), line(4))
            connection.drop()
            connection, sub = accept_watch(server, {**KEYS, "from": "L:6"}, 6)
            connection.send(frame(sub, 7, event(7)))
            watch.ends(0, line(7), ["the snapshot begins anew", "going on after L:6"])
        with suite.case("watch: Ctrl-C between two attempts"), Running(server, "watch") as watch:
            connection, sub = accept_watch(server, KEYS)
            server.__exit__()
            connection.drop()
            assert "lost" in watch.said()
            watch.interrupt()
            watch.ends(0)
    with suite.case("watch: keeps trying while nobody is there"):
        with FakeServer(lasting_port()) as server, \
                Running(server, "watch", "--limit", "1") as watch:
            connection, sub = accept_watch(server, KEYS)
            server.__exit__()
            connection.drop()
            assert "lost" in watch.said()
            time.sleep(1)  # some attempts in vain
            with FakeServer(server.port) as again:
                again.refuse("503 Service Unavailable")
                connection, sub = accept_watch(again, {**KEYS, "from": "L:0"})
                connection.send(frame(sub, 1, event(1)))
                watch.ends(0, line(1), ["connected again"])
    with suite.case("watch: a silent server is pinged; without an answer it counts as lost"):
        with FakeServer() as server, Running(server, "watch", "--timeout", "4") as watch:
            connection, sub = accept_watch(server, KEYS)
            connection.answer_pings(2)
            assert "no sign of life" in watch.said()
            watch.interrupt()
            watch.ends(0)


def test_replies():
    """What only a scripted server says the same way each time."""
    table = (
        (["stat"], "stat", None, {"seq": 5, "memory": {"series": 10}},
         "seq\t5\nmemory.series\t10\n"),
        (["snap"], "snap", None, {"seq": 5, "bytes": 9, "ms": 2, "pause_ms": 0.5},
         "seq\t5\nbytes\t9\nms\t2\npause_ms\t0.5\n"),
        (["history", "k", "--limit", "2", "--before", "9"], "hval",
         {"col": "default", "key": "k", "limit": 2, "before": 9},
         {"versions": [{"ver": 2, "op": "removed", "seq": 9, "time": 1700000000000},
                       {"ver": 1, "op": "set", "value": "v", "seq": 8, "time": 5}], "more": True},
         "2\tremoved\t1700000000000\t\n1\tset\t5\tv\n"),
        (["patch", "k", '{"a":1}', "--ver", "3", "--ttl", "0", "--delete-nulls"], "pval",
         {"col": "default", "key": "k", "value": '{"a":1}', "ver": 3, "ttl": 0,
          "delete_nulls": True}, {"seq": 1, "ver": 4}, "4\n"),
        (["set", "k", "v", "--ver", "0", "--ttl", "50"], "sval",
         {"col": "default", "key": "k", "value": "v", "ver": 0, "ttl": 50},
         {"seq": 1, "ver": 1}, "1\n"),
        (["del", "k", "--ver", "7"], "rval", {"col": "default", "key": "k", "ver": 7},
         {"seq": 1, "ver": 8}, "8\n"))
    with FakeServer() as server:
        for arguments, type, payload, reply, out in table:
            with suite.case(f"{' '.join(arguments)}"), Running(server, *arguments) as command:
                connection = server.accept()
                id, got = connection.expect(type)
                equal(got, payload, "payload")
                connection.send({"id": id, **reply})
                command.ends(0, out)
        with suite.case("a conflict: exit code 1"), \
                Running(server, "set", "k", "v", "--ver", "1", "--json") as command:
            connection = server.accept()
            id, _ = connection.expect("sval")
            reply = {"id": id, "error": "has version 2", "code": "conflict", "ver": 2}
            connection.send(reply)
            command.ends(1, json.dumps(reply, separators=(",", ":")) + "\n",
                         ["error: conflict: has version 2"])
        with suite.case("no reply in time: exit code 3, and the outcome is not known"), \
                Running(server, "set", "k", "v", "--timeout", "5") as command:
            connection = server.accept()
            connection.expect("sval")
            command.ends(3, "", ["timeout", "not known"])
        with suite.case("the connection is lost before the reply: exit code 3"), \
                Running(server, "set", "k", "v") as command:
            connection = server.accept()
            connection.expect("sval")
            connection.drop()
            command.ends(3, "", ["io_error", f"ws://127.0.0.1:{server.port}"])
        with suite.case("a reply that is no JSON: exit code 3"), \
                Running(server, "get", "k") as command:
            connection = server.accept()
            connection.expect("gval")
            connection._send_frame(1, b"{oops")
            command.ends(3, "", ["not a message"])


def put(client, key, value="v", **more):
    return client.ok("sval", {"col": "default", "key": key, "value": value, **more})


def test_real_server():
    with FluxionServer() as server, Client(server) as client:
        with suite.case("a real server: keys, from the beginning"):
            for number in range(3):
                put(client, "a", str(number))
            client.ok("rval", {"col": "default", "key": "a"})
            with Running(server, "watch", "--from", "0", "--limit", "4") as watch:
                watch.ends(0, "1\tset\tdefault\ta\t1\t0\n2\tset\tdefault\ta\t2\t1\n"
                              "3\tset\tdefault\ta\t3\t2\n4\tremoved\tdefault\ta\t4\t\n")
        with suite.case("a real server: documents"):
            client.ok("ins", [{"col": "s", "doc": "d", "ts": 7, "data": "x"}])
            client.ok("drrng", {"col": "s", "doc": "d", "fromTs": 1, "toTs": 9})
            with Running(server, "watch", "--kind", "docs", "--col", "s", "/d/", "--from", "0",
                         "--limit", "2") as watch:
                watch.ends(0, "5\tinserted\ts\td\t7\tx\n6\tdeleted\ts\td\t1\t9\n")
        with suite.case("a real server: --snapshot, then what is new; only what matches"), \
                Running(server, "watch", "/^b/", "--snapshot", "--limit", "2") as watch:
            put(client, "b1", "1")
            equal(watch.line().split("\t")[3], "b1")
            put(client, "a", "1")
            put(client, "b2", "1")
            watch.ends(0, "9\tset\tdefault\tb2\t1\t1\n")
        with suite.case("a real server: --from and --snapshot together are refused"), \
                Running(server, "watch", "--from", "1", "--snapshot") as watch:
            watch.ends(1, "", ["error: bad_request"])
        with suite.case("a real server: its key is removed: exit code 3"):
            key = "a-key-for-one-watcher"
            client.ok("keys", {"action": "add", "key": key, "scope": "readonly"})
            with Running(server, "watch", "--key", key, "--from", "9") as watch:
                put(client, "c")
                assert watch.line()
                client.ok("keys", {"action": "remove", "key": key})
                watch.ends(3, "", ["does not accept the key"])
        with suite.case("a real server: `stat` tells where it stands, for --from"):
            lines = run_client(["stat"], server)[1].splitlines()
            figures = dict(line.split("\t") for line in lines)
            put(client, "d")
            with Running(server, "watch", "--from", f"{figures['log']}:{figures['seq']}",
                         "--limit", "1") as watch:
                watch.ends(0, f"{int(figures['seq']) + 1}\tset\tdefault\td\t1\tv\n")
    resume_after_kill()
    with suite.case("a real server that forgets everything: compacted, exit code 1"), \
            FluxionServer(data=False, settings={"port": lasting_port()}) as server:
        with Running(server, "watch", "--from", "0") as watch:
            with Client(server) as client:
                put(client, "a")
            assert watch.line()
            server.restart(hard=True)
            watch.ends(1, "", ["lost", "error: compacted"])


def resume_after_kill():
    """Killed twice in the midst of writes: the watcher saw each of them, once and in order."""
    with suite.case("a real server, killed and started again: no event is lost or repeated"), \
            FluxionServer(settings={"port": lasting_port()}) as server:
        with Running(server, "watch", "--from", "0", "--limit", "600") as watch:
            rows = []
            for part in range(3):
                with Client(server) as client:
                    for number in range(200):
                        put(client, f"k{part * 200 + number}")
                rows.append(watch.line())  # it is connected
                if part < 2:
                    server.restart(hard=True)
            rows += watch.out.rest().splitlines()
            err = watch.err.rest()
            equal(watch.process.wait(SECONDS), 0, "exit code")
        equal([row.split("\t")[3] for row in rows], [f"k{n}" for n in range(600)])
        assert "lost" in err and "going on after" in err, err


for test in (test_events, test_refusals, test_resuming, test_replies, test_real_server):
    with suite.case(f"{test.__name__} runs to its end"):
        test()
suite.end()
