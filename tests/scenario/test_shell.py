#!/usr/bin/env python3
"""`fluxion shell`: lines from a pipe, and a session on a terminal."""

import os
import re
import shutil
import signal
import stat
import tempfile
import termios

from client import Client
from fake_server import FakeServer
from fluxion_server import SECRET, FluxionServer, lasting_port
from harness import Suite, equal
from terminal import Terminal, run_client

suite = Suite()

FOLDER = tempfile.mkdtemp(prefix="fluxion-shell-")
STATE = os.path.join(FOLDER, "state")
HISTORY = os.path.join(STATE, "fluxion", "history")
PLAIN = {"NO_COLOR": "1", "XDG_STATE_HOME": STATE}


def piped(server, *lines, arguments=(), **more):
    return run_client(["shell", *arguments], server, stdin="\n".join(lines) + "\n", **more)


def test_pipe(server):
    with suite.case("from a pipe: no prompt, the commands as typed, in any case"):
        equal(piped(server, 'SET a "hello"', "GET a", "get A", "", 'set obj {"b": [1, 2]}',
                    "Get obj", "DELETE a", "GET a"),
              (0, 'OK  (version 1)\n"hello"  (version 1)\n(none)\nOK  (version 1)\n'
                  '{"b": [1, 2]}  (version 1)\nOK  (version 2)\n(none)\n', ""))
    with suite.case("USE changes the collection; --col counts for one line"):
        equal(piped(server, "USE other", "SET x 1", "KEYS", "GET x --col default", "COLS"),
              (0, "OK  (version 1)\nx\n(none)\ndefault\nother\n", ""))
    with suite.case("INS, QRY, QDOC"):
        code, out, err = piped(server, "USE recs", 'INS d {"t": 1}', "QRY", "QDOC d", "QRY nope")
        equal((code, err), (0, ""))
        assert re.fullmatch(r'OK  \(seq \d+\)\nd  \d{13}  {"t": 1}\n\d{13}  {"t": 1}\n'
                            r'\(none\)\n', out), out
    with suite.case("names with spaces, in quotes"):
        equal(piped(server, 'SET "a key" 5', 'GET "a key"', 'del "a key"', 'del "a key"')[1],
              "OK  (version 1)\n5  (version 1)\nOK  (version 2)\n(none)\n")
    for line, words in (("SET bad hello", ["not valid JSON", '"hello"']),
                        ('SET bad {"a":}', ["not valid JSON"]),
                        ("INS d hello", ["not valid JSON"]),
                        ("SET bad", ["VALUE is missing", "SET KEY VALUE"]),
                        ("NOPE", ["no command NOPE", "HELP"]),
                        ("KEYS /(/", ["bad_regex"]),
                        ('GET "a', ["in quotes"]),
                        ("COLS x", ["unexpected argument"]),
                        ('USE ""', ["not empty"])):
        with suite.case(f"a line that fails: {line}: exit code 1, and the next ones go on"):
            code, out, err = piped(server, line, "GET bad")
            equal((code, out, len(err.splitlines())), (1, "(none)\n", 1), err)
            assert err.startswith("error: "), err
            for word in words:
                assert word in err, err
    with suite.case("EXIT and QUIT end it, and so does the end without a line feed"):
        equal(piped(server, "exit", "NOPE"), (0, "", ""))
        equal(piped(server, "Quit", "NOPE"), (0, "", ""))
        equal(run_client(["shell"], server, stdin="SET last 1\nGET last"),
              (0, "OK  (version 1)\n1  (version 1)\n", ""))
    with suite.case("HELP, of all and of one"):
        out = piped(server, "help")[1]
        for word in ("SET KEY VALUE", "DELETE", "CHECKPOINT", "USE COL", "QUIT", "WATCH [PATTERN]"):
            assert word in out, out
        out = piped(server, "HELP qdoc")[1]
        assert out.startswith("QDOC DOC [OPTION...]\n") and "--reverse" in out, out
        out = piped(server, "HELP set")[1]
        assert out.startswith("SET [OPTION...] KEY VALUE\n") and "--ttl" in out, out
    with suite.case("SET, PATCH and INS have their options before the name"):
        equal(piped(server, 'SET --ver 0 opt {"a": 1}', 'PATCH --delete-nulls opt {"a":null}',
                    "GET opt", 'SET "--ver" 1', 'GET "--ver"')[:2],
              (0, "OK  (version 1)\nOK  (version 2)\n{}  (version 2)\nOK  (version 1)\n"
                  "1  (version 1)\n"))
        out = piped(server, "INS --ts -5 optdoc 1", "QDOC optdoc")[1]
        assert out.startswith("OK") and out.endswith("\n-5  1\n"), out
        out = piped(server, "SET --ttl 600000 opt 2", "GET opt")[1]
        assert "2  (version 3, expires " in out, out
        code, out, err = piped(server, "SET opt 3 --ttl 5", "GET opt")
        assert code == 1 and "options stand before" in err and "version 3" in out, (out, err)
    with suite.case("REQUEST: any type of the protocol; what it subscribed to goes with it"):
        code, out, err = piped(server, 'REQUEST gval {"col":"default","key":"opt"}',
                               'REQUEST sub {"kind":"keys"}', "SET afterwards 1", "STAT",
                               "REQUEST gval {")
        assert out.startswith('{"id":"1","value":"2","found":true,"ver":3,'), out
        assert re.search(r"^subscriptions +0$", out, re.M), out
        equal(code, 1)
        assert "not valid JSON" in err, err
    with suite.case("--json: each reply as it came"):
        out = piped(server, "SET j 1", "GET j", arguments=["--json"])[1].splitlines()
        equal(out[1], '{"id":"2","value":"1","found":true,"ver":1}')
    with suite.case("the URL as argument; nobody there: exit code 3; a wrong key: 3"):
        url = f"ws://127.0.0.1:{server.port}"
        elsewhere = {"FLUXION_URL": "ws://127.0.0.1:1"}
        equal(piped(server, "GET j", arguments=[url], environment=elsewhere)[0], 0)
        equal(piped(server, "GET j", environment=elsewhere)[0], 3)
        equal(piped(server, "GET j", arguments=[url, "--url", url])[0], 2)
        code, _, err = piped(server, "GET j", key="wrong")
        equal(code, 3)
        assert "does not accept the key" in err, err
    with suite.case("a line of 20 MiB: the server closes; the next line works again"):
        code, out, err = piped(server, f'SET large "{"x" * (20 << 20)}"', "GET j")
        equal((code, out), (1, "1  (version 1)\n"), err)


class Session(Terminal):
    """The shell on a terminal, at its first prompt."""

    def __init__(self, server, environment=None, **more):
        super().__init__(["shell"], server, {**PLAIN, **(environment or {})}, **more)
        self.wait_for(r"HELP lists the commands\.\r\n")
        self.wait_for("default> ")
        # Whatever is typed at a prompt, however fast, is libedit's: the terminal's own line editing
        # is off before the prompt is seen.
        assert not termios.tcgetattr(self.fd)[3] & termios.ICANON, "the prompt came too early"

    def does(self, line, pattern):
        """Types a line; this comes out, then a prompt."""
        self.send(line + "\r")
        found = self.wait_for(r"\r\n" + pattern)
        self.wait_for(r"\r\n[^\r\n]*> ")
        return found

    def completes(self, typed, shown):
        """Types this and Tab, until it is shown. On a busy machine the shell may give up waiting
        for the names, with a beep; the line stays."""
        self.send(typed)
        for _ in range(20):
            self.send("\t")
            if self.wait_for(f"\x07|{shown}").group() != "\x07":
                return
        raise AssertionError(f"Tab does not complete {typed}")


def test_terminal(server):
    with Session(server) as shell:
        with suite.case("on a terminal: SET, GET as typed, in any case, with the version"):
            shell.does('SET greeting "hello"', r"OK  \(version 1\)")
            shell.does("get greeting", r'"hello"  \(version 1\)')
            shell.does("GET nobody", r"\(none\)")
            shell.does("DELETE greeting", r"OK  \(version 2\)")
            shell.does('SET ü "größe €"', r"OK")
            shell.does("GET ü", '"größe €"')
        with suite.case("on a terminal: USE changes the prompt"):
            shell.send("USE sensors\r")
            shell.wait_for("\nsensors> ")
            shell.send("use default\r")
            shell.wait_for("\ndefault> ")
        with suite.case("on a terminal: invalid JSON is refused, and nothing is stored"):
            shell.does("SET wrong hello", "error: not valid JSON")
            shell.does("GET wrong", r"\(none\)")
        with suite.case("on a terminal: Tab completes commands, collections, keys, options"):
            shell.does('SET user:1 "one"', "OK")
            shell.does('SET user:22 "two"', "OK")
            shell.does('SET "with space" "three"', "OK")
            shell.does("COL\t", "default")
            shell.completes("ge\tuser:2", "2 ")  # what is new of the line
            shell.does("", '"two"')
            shell.completes('GET "wi', "space")
            shell.does("", '"three"')
            shell.completes("GET us", "er:")
            shell.completes("", r"\r\nuser:1\r\nuser:22\r\n")
            shell.does("1", '"one"')
            shell.does('INS tab {"t":5}', "OK")
            shell.does("QDOC tab --rev\t", r'\d+  {"t":5}')
            shell.completes("USE def", "ault")
            shell.send("\r")
            shell.wait_for(r"\ndefault> ")
            shell.does("BOGUS\t", "error: there is no command BOGUS")
        with suite.case("on a terminal: the arrow up brings back the last line"):
            shell.does('SET up "down"', "OK")
            shell.does("GET up", '"down"')
            shell.does("\x1b[A\x1b[A\x05\x7fx\x22", "OK")
            shell.does("GET up", '"downx"')
        with suite.case("on a terminal: Ctrl-C cancels the line, Ctrl-D leaves"):
            shell.send("DELETE up")
            shell.wait_for("DELETE up")
            shell.send("\x03")
            shell.wait_for(r"\r\ndefault> ")
            shell.does("GET up", '"downx"')
            shell.send("\x04")
            equal(shell.wait_for_end(), 0, "exit code")
    with suite.case("the history: a file of its owner alone; another session has it"):
        equal(stat.S_IMODE(os.stat(HISTORY).st_mode), 0o600, "mode")
        equal(stat.S_IMODE(os.stat(os.path.dirname(HISTORY)).st_mode), 0o700, "mode of the folder")
        with open(HISTORY, encoding="utf-8") as file:
            text = file.read()
        assert "GET\\040up" in text and SECRET not in text, text
        with Session(server) as shell:
            shell.does("\x1b[A", '"downx"')
            shell.send("exit\r")
            equal(shell.wait_for_end(), 0, "exit code")
    with suite.case("without XDG_STATE_HOME: below ~/.local/state; without a home: none"):
        for environment in ({"XDG_STATE_HOME": "", "HOME": FOLDER},
                            {"XDG_STATE_HOME": "", "HOME": ""}):
            with Session(server, environment) as shell:
                shell.does("GET up", '"downx"')
                shell.send("quit\r")
                equal(shell.wait_for_end(), 0, "exit code")
        assert os.path.exists(os.path.join(FOLDER, ".local/state/fluxion/history"))
    with suite.case("on a terminal: colours, and none with NO_COLOR"):
        with Session(server, {"NO_COLOR": ""}) as shell:
            shell.does("GET up", "\x1b\\[32m\"downx\"\x1b\\[0m")
    with suite.case("what is stored cannot steer the terminal"):
        with Client(server) as client:
            client.ok("sval", {"col": "default", "key": "esc", "value": "\x1b]0;title\x07"})
        with Session(server) as shell:
            shell.does("GET esc", r"\\x1b\]0;title\\x07")
    with suite.case("an answer for Tab that is too large is let go"):
        with Client(server) as client:
            client.pipeline([("sval", {"col": "wide", "key": f"{n:04}" + "k" * 1000, "value": "v"})
                             for n in range(4500)])
        with Session(server) as shell:
            shell.send("USE wide\r")
            shell.wait_for("\nwide> ")
            shell.send("GET 0000\t")
            shell.wait_for("\x07")
            shell.does("", r"\(none\)")
    with suite.case("an answer for Tab that does not come is let go"), Session(server) as shell:
        server.suspend()
        try:
            shell.send("GET up\t")
            shell.wait_for("\x07")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        shell.does("", '"downx"')


def test_lost():
    with FakeServer() as server, Terminal(["shell"], server, PLAIN) as shell, \
            suite.case("while nobody types, the server's pings are answered"):
        connection = server.accept()
        shell.wait_for("default> ")
        for number in range(3):
            equal(connection.ping(b"%d" % number), b"%d" % number, "the pong")
    with FluxionServer(settings={"port": lasting_port()}) as server, Session(server) as shell, \
            suite.case("the server is gone: an error; it is back: the next line works"):
        shell.does("SET k 1", "OK")
        server.kill()
        shell.does("GET k", "error: io_error: no connection")
        server.start()
        shell.does("GET k", r"1  \(version 1\)")


def test_watch():
    with FakeServer() as server:
        with Terminal(["shell"], server, PLAIN) as shell:
            connection = server.accept()
            shell.wait_for("default> ")
            with suite.case("WATCH until Ctrl-C, then the next command"):
                shell.send("WATCH /k/ --kind docs\r")
                id, payload = connection.expect("sub")
                equal(payload, {"kind": "docs", "col": "default", "match": "/k/"}, "payload")
                connection.send({"id": id, "seq": 3, "log": "L"})
                shell.wait_for("watching; Ctrl-C ends it")
                connection.send({"type": "evt", "sub": id, "seq": 4, "events": [
                    {"seq": 4, "i": 0, "op": "inserted", "col": "default", "doc": "k", "ts": 9,
                     "data": "x"}]})
                shell.wait_for(r"4  inserted  default/k  9  x\r\n")
                shell.send("\x03")
                shell.wait_for("default> ")
                shell.send("GET k\r")
                connection = server.accept()
                id, _ = connection.expect("gval")
                connection.send({"id": id, "value": "1", "found": True, "ver": 2})
                shell.wait_for(r"1  \(version 2\)")
            with suite.case("Ctrl-C ends the wait for a reply"):
                shell.send("CHECKPOINT\r")
                connection.expect("snap")
                shell.send("\x03")
                shell.wait_for("timeout: cancelled: whether it was done is not known")
                shell.wait_for("default> ")
            with suite.case("a late reply is none to the next request"):
                shell.send("GET k\r")
                id, _ = connection.expect("gval")
                connection.send({"id": str(int(id) - 1), "seq": 1, "bytes": 2})
                connection.send({"id": id, "value": "5", "found": True, "ver": 3})
                shell.wait_for(r"5  \(version 3\)")


def test_gone():
    with FluxionServer(settings={"port": lasting_port()}) as server, Session(server) as shell, \
            suite.case("a server that is gone: why this attempt failed, not how the last ended"):
        shell.does("SET a 1", r"OK  \(version 1\)")
        for end in (server.stop, server.kill, server.stop):
            end()
            shell.does("GET a", "error: io_error: ")  # maybe it hears only now of the end
            shell.does("GET a", "error: io_error: no connection to .*: Connection refused")
            server.start()
            shell.does("GET a", r"1  \(version 1\)")
        server.suspend()
        shell.send("GET a\r")
        shell.wait_for("GET a\r\n")
        server.kill()
        shell.wait_for("error: io_error: no connection to ")


try:
    with FluxionServer(data=False) as shared:
        for test in (test_pipe, test_terminal):
            with suite.case(f"{test.__name__} runs to its end"):
                test(shared)
    for test in (test_lost, test_gone, test_watch):
        with suite.case(f"{test.__name__} runs to its end"):
            test()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
suite.end()
