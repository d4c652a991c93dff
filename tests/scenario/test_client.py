#!/usr/bin/env python3
"""The command line client: `fluxion get` and its like, against a real server."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from client import Client
from fluxion_server import SECRET, FluxionServer
from harness import Suite, equal
from terminal import Terminal, run_client, run_in_terminal

suite = Suite()

FOLDER = tempfile.mkdtemp(prefix="fluxion-client-")
OTHER_KEY = "a-key-for-reading"


def path(name):
    return os.path.join(FOLDER, name)


class Commands:
    """Runs commands against one server."""

    def __init__(self, server):
        self.server = server

    def __call__(self, *arguments, **more):
        return run_client(arguments, self.server, **more)

    def prints(self, wanted, *arguments, **more):
        """Exit code 0, exactly this on stdout, nothing on stderr."""
        equal(self(*arguments, **more), (0, wanted, ""), " ".join(arguments))

    def fails(self, code, words, *arguments, **more):
        """This exit code, and one line on stderr with these words."""
        got, out, err = self(*arguments, **more)
        equal((got, len(err.splitlines())), (code, 1), f"exit code, lines of: {err}")
        for word in words:
            assert word in err, f"`{word}` is not in: {err}"
        assert SECRET not in err + out, "it shows the key"
        return out


def test_values(fluxion):
    with suite.case("set prints the version, get the value, byte for byte"):
        fluxion.prints("1\n", "set", "a", '"hello"')
        fluxion.prints('"hello"\n', "get", "a")
        fluxion.prints("2\n", "set", "a", "any text: ü\x1b")
        fluxion.prints("any text: ü\x1b\n", "get", "a")
        fluxion.prints("1\n", "set", "empty", "")
        fluxion.prints("\n", "get", "empty")
    with suite.case("a key that is not there prints nothing"):
        fluxion.prints("", "get", "nope")
    with suite.case("the value from standard input, less one line feed"):
        fluxion.prints("1\n", "set", "in", stdin='{"b": 1}\n\n')
        fluxion.prints('{"b": 1}\n\n', "get", "in")
        large = json.dumps("x" * 3_000_000)
        fluxion.prints("2\n", "set", "in", stdin=large)
        fluxion.prints(large + "\n", "get", "in")
    with suite.case("--col, and default without it"):
        fluxion.prints("1\n", "set", "--col", "c2", "a", "other")
        fluxion.prints("other\n", "get", "a", "--col=c2")
        fluxion.prints("c2\ndefault\n", "cols")
    with suite.case("keys: all, one, those that match; in one collection"):
        equal(sorted(fluxion("keys")[1].split()), ["a", "empty", "in"])
        equal(sorted(fluxion("keys", "/^(a|in)$/")[1].split()), ["a", "in"])
        fluxion.prints("a\n", "keys", "a")
        fluxion.prints("", "keys", "none")
        fluxion.prints("a\n", "keys", "--col", "c2")
    with suite.case("a key that looks like an option, behind --"):
        fluxion.prints("1\n", "set", "--col", "c2", "--", "--help", "-1")
        fluxion.prints("-1\n", "get", "--col", "c2", "--", "--help")
    with suite.case("del prints the version, too"):
        fluxion.prints("2\n", "del", "empty")
        fluxion.prints("", "get", "empty")
    with suite.case("del of a key that is not there prints nothing, and is no error"):
        fluxion.prints("", "del", "empty")
        fluxion.prints("", "del", "never")


def test_documents(fluxion):
    """Versions, merges, expiry, history."""
    with suite.case("patch merges, from an argument and from standard input"):
        fluxion.prints("1\n", "set", "doc", '{"a":{"b":1},"n":12345678901234567890}')
        fluxion.prints("2\n", "patch", "doc", '{"a":{"c":null}}')
        fluxion.prints("3\n", "patch", "doc", stdin='{"d":[]}\n')
        out = fluxion("get", "doc")[1]
        equal(json.loads(out), {"a": {"b": 1, "c": None}, "n": 12345678901234567890, "d": []})
        fluxion.prints("4\n", "patch", "doc", "--delete-nulls", '{"a":null,"d":null}')
        fluxion.prints('{"n":12345678901234567890}\n', "get", "doc")
        fluxion.fails(1, ["error: bad_request: "], "patch", "doc", "{oops")
    with suite.case("--ver: only if it is the version; a conflict is exit code 1"):
        fluxion.prints("1\n", "set", "cas", "one", "--ver", "0")
        fluxion.fails(1, ["error: conflict: "], "set", "cas", "two", "--ver", "0")
        fluxion.prints("2\n", "set", "cas", "two", "--ver", "1")
        fluxion.fails(1, ["error: conflict: "], "del", "cas", "--ver", "1")
        out = fluxion.fails(1, ["error: conflict: "], "patch", "cas", "{}", "--ver", "7", "--json")
        equal({k: json.loads(out)[k] for k in ("ver", "found", "value")},
              {"ver": 2, "found": True, "value": "two"})
        fluxion.prints("3\n", "del", "cas", "--ver", "2")
    with suite.case("--ttl: the key expires"):
        fluxion.prints("1\n", "set", "brief", "v", "--ttl", "1")
        until(lambda: fluxion("get", "brief")[1] == "", "it does not expire")
        fluxion.prints("1\n", "set", "later", "v", "--ttl", "3600000")
        assert "expires" in run_in_terminal(["get", "later"], fluxion.server)
    with suite.case("history, newest first"):
        code, out, err = fluxion("history", "cas")
        equal((code, err), (0, ""))
        rows = [line.split("\t") for line in out.splitlines()]
        equal([(row[0], row[1], row[3]) for row in rows],
              [("3", "removed", ""), ("2", "set", "two"), ("1", "set", "one")])
        out = fluxion("history", "cas", "--before", "3", "--limit", "1")[1]
        equal(out.split("\t")[0], "2")
        fluxion.prints("", "history", "nobody")


def until(condition, text, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, text
        time.sleep(0.01)


def test_records(fluxion):
    with suite.case("ins, qry, qdoc"):
        for ts in (1, 2, 3):
            equal(fluxion("ins", "s", "d1", f'{{"t":{ts}}}', "--ts", str(ts))[0], 0)
        fluxion.prints('d1\t3\t{"t":3}\n', "qry", "s")
        fluxion.prints('d1\t2\t{"t":2}\n', "qry", "s", "--ts", "2", "--doc", "/d/")
        fluxion.prints("", "qry", "s", "--where", '"t":9')
        fluxion.prints('1\t{"t":1}\n2\t{"t":2}\n', "qdoc", "s", "d1", "--to", "2")
        fluxion.prints('3\t{"t":3}\n', "qdoc", "s", "d1", "--reverse", "--limit", "1")
    with suite.case("ins without --ts: now, in milliseconds"):
        equal(fluxion("ins", "now", "d", "x")[0], 0)
        ts = int(fluxion("qdoc", "now", "d")[1].split("\t")[0])
        assert 1_700_000_000_000 < ts < 10_000_000_000_000, ts
    with suite.case("ins: 2,500 lines from a pipe, with what they leave out"):
        lines = "".join(json.dumps({"ts": n, "doc": f"d{n % 7}", "data": {"n": n}}) + "\n"
                        for n in range(2500))
        fluxion.prints("2500\n", "ins", "bulk", stdin=lines)
        equal(len(fluxion("qdoc", "bulk", "d0")[1].splitlines()), 358)
        fluxion.prints('2499\t{"n":2499}\n', "qdoc", "bulk", "d0", "--from", "2499")
        fluxion.prints("2\n", "ins", "bulk", "e", "--ts", "7", stdin='{"data":"x"}\n\n'
                       '{"data":"y","col":"other"}')
        fluxion.prints("7\tx\n", "qdoc", "bulk", "e")
        fluxion.prints("7\ty\n", "qdoc", "other", "e")
        fluxion.prints("0\n", "ins", "bulk", stdin="")
    with suite.case("ins: a bad line stops it; what came before is there, and it says so"):
        code, out, err = fluxion("ins", "half", "d", stdin='{"data":"x","ts":1}\n{"data"\n{}\n')
        equal((code, out), (2, ""))
        assert "line 2: " in err and "inserted before: 1 record\n" in err, err
        fluxion.prints("1\tx\n", "qdoc", "half", "d")
    with suite.case("ins: what the server refuses stops it"):
        code, out, err = fluxion("ins", "half", stdin='{"data":"","doc":"d","ts":1}\n')
        equal((code, out), (1, ""))
        assert "error: bad_request: " in err and "inserted before: 0 records" in err, err


def test_json(fluxion):
    with suite.case("--json: the reply as the server sent it, in one line"):
        with Client(fluxion.server) as client:
            client.ok("sval", {"col": "j", "key": "k", "value": '{"a":1.50}'})
            client.ok("ins", [{"col": "j", "doc": "d", "ts": 1, "data": "x\n"}])
        fluxion.prints('{"id":"1","value":"{\\"a\\":1.50}","found":true,"ver":1}\n',
                       "get", "--json", "--col", "j", "k")
        fluxion.prints('{"id":"1","keys":["k"]}\n', "keys", "--col", "j", "--json")
        fluxion.prints('{"id":"1","records":[{"ts":1,"data":"x\\n"}]}\n',
                       "qdoc", "j", "d", "--json")
        code, out, err = fluxion("set", "k", "v", "--json")
        equal((code, err), (0, ""))
        equal(sorted(json.loads(out)), ["id", "seq", "ver"])
        equal(len(fluxion("ins", "j", "--json",
                          stdin='{"doc":"d","data":"x"}\n' * 1500)[1].splitlines()), 2)
    with suite.case("--json: an error reply on stdout, and the error on stderr; exit code 1"):
        out = fluxion.fails(1, ["error: bad_regex: "], "keys", "/(/", "--json")
        equal(json.loads(out)["code"], "bad_regex")


def test_failures(fluxion):
    with suite.case("an error reply: its code and text, exit code 1"):
        fluxion.fails(1, ["error: bad_regex: "], "keys", "/(/")
        fluxion.fails(1, ["error: bad_request: "], "get", "")
        with Client(fluxion.server) as client:
            client.ok("keys", {"action": "add", "key": OTHER_KEY, "scope": "readonly"})
        fluxion.fails(1, ["error: forbidden: "], "set", "a", "b", key=OTHER_KEY)
    for name, words, arguments in (
            ("no key", ["KEY is missing", "fluxion get --help"], ["get"]),
            ("too much", ["unexpected argument \"b\""], ["get", "a", "b"]),
            ("an unknown option", ["--nope"], ["get", "a", "--nope"]),
            ("a value that is no number", ["--limit"], ["qdoc", "c", "d", "--limit", "x"]),
            ("not a URL", ["ws://"], ["get", "a", "--url", "http://x/"]),
            ("not a URL, with a key", ["ws://"], ["get", "a", "--url", f"x://y?api-key={SECRET}"]),
            ("certificates that are not there", ["--ca"], ["get", "a", "--ca", path("none")]),
            ("not UTF-8", ["UTF-8"], ["get", b"\xff"])):
        with suite.case(f"usage, exit code 2: {name}"):
            equal(fluxion.fails(2, words, *arguments), "")
    with suite.case("usage, exit code 2: the client's commands are in small letters"):
        code, out, err = fluxion("GET", "a")
        equal((code, out), (2, ""), err)
    with suite.case("nobody listens: exit code 3"):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            fluxion.fails(3, [f"ws://127.0.0.1:{port}", "refused"], "get", "a",
                          environment={"FLUXION_URL": f"ws://127.0.0.1:{port}/?api-key={SECRET}"})
    with suite.case("a server that says nothing: exit code 3 after --timeout"):
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            fluxion.fails(3, ["within 1 s"], "get", "a", "--timeout", "1", "--url",
                          f"ws://127.0.0.1:{mute.getsockname()[1]}")
    with suite.case("another kind of server: exit code 3"):
        with other_server() as port:
            fluxion.fails(3, [f"127.0.0.1:{port}"], "get", "a", "--url", f"ws://127.0.0.1:{port}")
    with suite.case("a wrong key, or none: exit code 3, and it says so"):
        fluxion.fails(3, ["unauthorized", "does not accept the key"], "get", "a", key="wrong")
        fluxion.fails(3, ["unauthorized", "FLUXION_KEY"], "get", "a", key=None)
    with suite.case("output that cannot be written: exit code 1; a reader that has gone: 0"):
        with open("/dev/full", "w", encoding="ascii") as full:
            code, _, err = fluxion("get", "a", stdout=full)
            equal(code, 1)
            assert "cannot write" in err, err
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as gone:
            equal(fluxion("get", "a", stdout=gone)[::2], (0, ""))


class other_server:
    """Answers each connection with a page."""

    def __enter__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        threading.Thread(target=self.answer, daemon=True).start()
        return self.socket.getsockname()[1]

    def answer(self):
        connection, _ = self.socket.accept()
        connection.recv(10000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        connection.close()

    def __exit__(self, *unused):
        self.socket.close()


def test_where_and_how(fluxion):
    server = fluxion.server
    url = f"ws://127.0.0.1:{server.port}"
    nowhere = {"FLUXION_URL": "ws://127.0.0.1:1"}
    fluxion("set", "where", "here")
    with suite.case("the address: --url before FLUXION_URL; ws:// may be left out"):
        fluxion.prints("here\n", "get", "where", "--url", url, environment=nowhere)
        fluxion.prints("here\n", "get", "where", "--url", f"127.0.0.1:{server.port}",
                       environment=nowhere)
        fluxion.prints("here\n", "get", "where", "--url", f"{url}/?api-key={SECRET}", key=None,
                       environment=nowhere)
    with suite.case("the key: --key before FLUXION_KEY, before the URL's"):
        fluxion.prints("here\n", "get", "where", "--key", SECRET, key="wrong")
        fluxion.prints("here\n", "get", "where", "--key=" + SECRET, "--url", f"{url}?api-key=x")
    with suite.case("a key in an argument is not in the list of processes"):
        reading, writing = os.pipe()
        with os.fdopen(reading) as stdin:
            process = run_client(["ins", "c", "--key", SECRET, "--url",
                                  f"{url}/?api-key={SECRET}&name=x"], server, start_only=stdin)
            with Client(server) as client:
                while not any(c["name"] == "x" for c in client.ok("conn")["connections"]):
                    pass
            with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as file:
                line = file.read()
            os.close(writing)
            equal(process.wait(60), 0, "exit code")
        assert SECRET not in line and "name=x" in line, line
    with suite.case("snap and stat: a figure in each line; --json as it came"):
        for command, names in (("snap", ["seq", "bytes", "ms"]), ("stat", ["seq", "connections"])):
            code, out, err = fluxion(command)
            equal((code, err), (0, ""))
            figures = dict(line.split("\t") for line in out.splitlines())
            for name in names:
                assert figures[name].isdigit(), f"{command}: {name} in {out}"
            equal(sorted(json.loads(fluxion(command, "--json")[1])), sorted([*figures, "id"]))
    with suite.case("request: any type of the protocol, the reply as it came"):
        fluxion("ins", "req", "d", "x", "--ts", "1")
        reply = json.loads(fluxion("request", "qdoc", '{"col":"req","doc":"d","to":5}')[1])
        equal(reply, {"id": "1", "records": [{"ts": 1, "data": "x"}]})
        code, out, _ = fluxion("request", "dcol", '{"col":"req"}')
        equal((code, sorted(json.loads(out))), (0, ["id", "seq"]))
        assert "req" not in json.loads(fluxion("request", "cols")[1])["collections"]
        for arguments, words in ((["nope"], "error: unknown_type: "),
                                 (["dcol"], "error: bad_request: data: is missing"),
                                 (["dcol", "{"], "error: bad_json: data: ")):
            code, out, err = fluxion("request", *arguments)
            equal((code, out), (1, ""))
            assert err.startswith(words), err
    with suite.case("conn: the client has a name, and marks itself"):
        code, out, _ = fluxion("conn")
        equal(code, 0)
        row = out.splitlines()[-1].split("\t")
        equal((row[0], row[2:]), ("127.0.0.1", ["fluxion conn", "self"]))
    with suite.case("a terminal: colours and the version; NO_COLOR and TERM=dumb: no colours"):
        fluxion("set", "esc", '"\x1b[2J"')
        fluxion("set", "where", "here")
        out = run_in_terminal(["get", "where"], server)
        assert re.fullmatch(r"\x1b\[32mhere\x1b\[0m  \x1b\[2m\(version \d+\)\x1b\[0m\r\n", out), out
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            out = run_in_terminal(["get", "where"], server, environment)
            assert re.fullmatch(r"here  \(version \d+\)\r\n", out), repr(out)
        equal(run_in_terminal(["get", "nope"], server, {"NO_COLOR": "1"}), "(none)\r\n")
        assert "\x1b[2J" not in run_in_terminal(["get", "esc"], server), "it clears the screen"
        equal(run_in_terminal(["get", "esc", "--json"], server)[:5], '{"id"')
    for arguments, words in ((["set", "typed"], "reading the value; Ctrl-D ends it"),
                             (["ins", "typed"], "reading records, a JSON object in each line")):
        with suite.case(f"a terminal: {arguments[0]} that waits for input says so"), \
                Terminal(arguments, server) as terminal:
            terminal.wait_for(words)
            terminal.send('{"doc":"d","data":"x"}\r')
            terminal.send("\x04")
            equal(terminal.wait_for_end(), 0, "exit code")
    with suite.case("the help: of all commands, and of each"):
        code, out, err = run_client(["--help"], server)
        equal((code, err), (0, ""))
        names = re.findall(r"^  fluxion (\w+)", out, re.MULTILINE)
        for name in "get set patch del keys history cols ins qry qdoc conn stat snap".split():
            assert name in names, f"{name} is not in {names}"
        for name in names:
            code, out, err = run_client([name, "--help"], server)
            equal((code, err), (0, ""))
            assert out.startswith(f"fluxion {name}") and "--timeout" in out, out


def test_tls():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-out", path("cert.pem"), "-keyout", path("key.pem")],
                   check=True, capture_output=True)
    settings = {"tls-cert": path("cert.pem"), "tls-key": path("key.pem")}
    with FluxionServer(data=False, settings=settings) as server:
        fluxion = Commands(server)
        with suite.case("wss, with a certificate that is trusted by --ca"):
            fluxion.prints("1\n", "set", "k", "v", "--ca", path("cert.pem"))
            fluxion.prints("v\n", "get", "k", "--ca", path("cert.pem"))
        with suite.case("a certificate that nobody trusts: exit code 3, and no key is sent"):
            fluxion.fails(3, ["certificate"], "get", "k")
        with suite.case("ws where wss is spoken: exit code 3"):
            fluxion.fails(3, [f"ws://127.0.0.1:{server.port}"], "get", "k", "--url",
                          f"ws://127.0.0.1:{server.port}")


try:
    with FluxionServer() as shared:
        commands = Commands(shared)
        for test in (test_values, test_documents, test_records, test_json, test_failures,
                     test_where_and_how):
            with suite.case(f"{test.__name__} runs to its end"):
                test(commands)
    with suite.case("test_tls runs to its end"):
        test_tls()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
suite.end()
