#!/usr/bin/env python3
"""`--data DIR`: the client on a data folder itself, without a server."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile

from client import SECONDS, Client
from export_folders import exported, fill, held, same
from fluxion_server import BINARY, FluxionServer
from harness import Suite, equal
from terminal import Terminal

suite = Suite()

FOLDER = tempfile.mkdtemp(prefix="fluxion-shell-data-")
DATA = os.path.join(FOLDER, "data")
RUN_SECONDS = 60


def path(name):
    return os.path.join(FOLDER, name)


def environment():
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLUXION_")}
    # A server that is not there must not matter, nor a key.
    return {**clean, "LC_ALL": "C.UTF-8", "FLUXION_URL": "ws://127.0.0.1:1"}


def run(*arguments, stdin=None, data=DATA):
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run([BINARY, *arguments, "--data", data], env=environment(),
                          capture_output=True, text=True, timeout=RUN_SECONDS, **given)
    return done.returncode, done.stdout, done.stderr


def prints(wanted, *arguments, **more):
    equal(run(*arguments, **more), (0, wanted, ""), " ".join(arguments))


def refuses(code, words, *arguments, **more):
    got, out, err = run(*arguments, **more)
    equal((got, out, len(err.splitlines())), (code, "", 1), f"exit code, stdout, lines of: {err}")
    for word in words:
        assert word in err, f"`{word}` is not in: {err}"


def files_of(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def with_server(act):
    with FluxionServer(data=DATA) as server:
        with Client(server) as client:
            out = act(client)
        server.stop()
    return out


def test_refusals():
    with suite.case("a folder that is not there is not made"):
        refuses(2, [path("none")], "get", "a", data=path("none"))
        assert not os.path.exists(path("none"))
    with suite.case("an empty folder, and one of somebody else, stay as they are"):
        os.mkdir(path("empty"))
        refuses(2, ["no data folder of Fluxion"], "get", "a", data=path("empty"))
        equal(os.listdir(path("empty")), [])
        with open(path("empty/mine"), "w", encoding="utf-8") as file:
            file.write("x")
        refuses(2, ["no data folder of Fluxion"], "shell", data=path("empty"), stdin="EXIT\n")
        equal(os.listdir(path("empty")), ["mine"])
        refuses(2, ["mine"], "get", "a", data=path("empty/mine"))
    with suite.case("not with a server's address, key or certificates"):
        for other in (["--url", "ws://x"], ["--key", "k"], ["--ca", "f"]):
            refuses(2, ["--data is without a server"], "get", "a", *other)
        refuses(2, ["--data is without a server"], "shell", "ws://x")
        refuses(2, ["--data needs"], "get", "a", data="")
    with suite.case("a folder that a server uses: one line, and the server goes on"):
        with FluxionServer(data=DATA) as server, Client(server) as client:
            client.ok("sval", {"col": "default", "key": "a", "value": '"of the server"'})
            refuses(2, ["in use by process", str(server.process.pid)], "get", "a")
            refuses(2, ["in use by process"], "set", "a", "1")
            refuses(2, ["in use by process"], "shell", stdin="GET a\n")
            refuses(2, ["in use by process"], "export", path("used"))
            equal(client.ok("gval", {"col": "default", "key": "a"})["ver"], 1)
            server.stop()
        assert not os.path.exists(path("used"))
    with suite.case("a damaged folder: exit code 1, and nothing is changed"):
        shutil.copytree(DATA, path("damaged"))
        with open(path("damaged/identity"), "r+b") as file:
            file.seek(8)
            file.write(b"\xff\xff\xff\xff")
        before = files_of(path("damaged"))
        refuses(1, ["damaged"], "get", "a", data=path("damaged"))
        after = files_of(path("damaged"))
        del before["lock"], after["lock"]
        equal(after, before)


def test_commands():
    with suite.case("values, records and lists, and what a server then finds"):
        prints('"of the server"\n', "get", "a")
        prints("2\n", "set", "a", "1")
        prints("1\n", "patch", "b", '{"x":1}')
        prints("3\n", "del", "a")
        equal(run("ins", "s", "d", "text", "--ts", "5")[0], 0)
        prints("2\n", "ins", "s", "d", stdin='{"ts":6,"data":"x"}\n{"ts":7,"data":"y"}\n')
        prints("5\ttext\n6\tx\n7\ty\n", "qdoc", "s", "d")
        prints("b\n", "keys")
        prints("default\ns\n", "cols")
        state = with_server(held)
        equal(state, {"default": ({}, {"b": '{"x":1}'}),
                      "s": ({"d": [(5, "text"), (6, "x"), (7, "y")]}, {})})
    with suite.case("versions and history go on over both"):
        rows = run("history", "a")[1].splitlines()
        equal([row.split("\t")[:2] for row in rows],
              [["3", "removed"], ["2", "set"], ["1", "set"]])
        with_server(lambda c: c.ok("sval", {"col": "default", "key": "a", "value": "4"}))
        equal(run("get", "a", "--json")[1].count('"ver":4'), 1)
    with suite.case("the log that a server keeps is not cut"):
        oldest = with_server(lambda c: c.ok("stat")["oldest_seq"])
        for n in range(3):
            equal(run("snap")[0], 0)
        equal(json.loads(run("stat", "--json")[1])["oldest_seq"], oldest)
    with suite.case("an error reply is exit code 1"):
        refuses(1, ["error: conflict: "], "set", "b", "1", "--ver", "9")
        refuses(1, ["error: bad_regex: "], "keys", "/(/")
    with suite.case("conn and stat"):
        row = run("conn")[1].split("\t")
        equal((row[0], len(row)), ("local", 4))
        stat = json.loads(run("stat", "--json")[1])
        equal((stat["durable"], stat["connections"]), (True, 1))
    with suite.case("a watch of the snapshot"):
        code, out, err = run("watch", "--snapshot", "--limit", "2")
        equal((code, err), (0, ""))
        equal(sorted(line.split("\t")[3] for line in out.splitlines()), ["a", "b"])


def test_shell():
    with suite.case("a shell from a pipe: every command, over a checkpoint"):
        code, out, err = run("shell", stdin='SET k {"n":1}\nPATCH k {"m":2}\nGET k\nUSE other\n'
                             'INS d 7\nQRY\nCHECKPOINT\nCOLS\nEXIT\n')
        equal((code, err), (0, ""))
        for word in ('{"n":1,"m":2}', "version 2", "default", "other"):
            assert word in out, out
        equal(with_server(lambda c: c.ok("gval", {"col": "default", "key": "k"})["value"]),
              '{"n":1,"m":2}')
    with suite.case("a shell in a terminal; nobody can reach it, nor open its folder"):
        server = type("None", (), {"scheme": "ws", "port": 1})
        with Terminal(["shell", "--data", DATA], server) as terminal:
            terminal.wait_for("Opened .*data")
            terminal.send("GET k\n")
            terminal.wait_for(r"version 2")
            refuses(2, ["in use by process", str(terminal.pid)], "get", "k")
            equal(sockets_of(terminal.pid), [], "sockets that listen or are connected")
            terminal.send("WATCH\n")
            terminal.wait_for("Ctrl-C ends it")
            terminal.send("\x03")
            terminal.wait_for("default> ")
            terminal.send("GET \t")
            terminal.wait_for("k")
            terminal.send("k\n")
            terminal.wait_for("version")
            terminal.send("EXIT\n")
            equal(terminal.wait_for_end(), 0)
    with suite.case("an ended shell has made a checkpoint: nothing is replayed"):
        names = os.listdir(DATA)
        assert "closed" in names and any("checkpoint" in n for n in names), names


def sockets_of(pid):
    """Sockets of the internet that the process has."""
    owned = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            owned.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="utf-8") as file:
            found += [line for line in file.read().splitlines()[1:]
                      if f"socket:[{line.split()[9]}]" in owned]
    return found


def test_killed():
    with suite.case("killed after each acknowledged write: all are there"):
        for n in range(5):
            process = subprocess.Popen([BINARY, "shell", "--data", DATA, "--json"],
                                       env=environment(), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
            process.stdin.write(f"SET n {n}\n")
            process.stdin.flush()
            reply = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            process.wait(SECONDS)
            process.stdin.close()
            process.stdout.close()
            assert "error" not in reply, reply
            equal(run("get", "n")[:2], (0, f"{n}\n"))  # stderr says that it was not closed
    with suite.case("Ctrl-C ends a watch, and the folder is closed in order"):
        process = subprocess.Popen([BINARY, "watch", "--snapshot", "--data", DATA],
                                   env=environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        process.stdout.readline()
        assert "closed" not in os.listdir(DATA), "it is open"
        process.send_signal(signal.SIGINT)
        equal(process.wait(SECONDS), 0)
        process.stdout.close()
        assert "closed" in os.listdir(DATA), "not closed in order"
    with suite.case("so it is when nobody reads what is printed"):
        process = subprocess.Popen([BINARY, "keys", "--data", DATA], env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.close()
        equal(process.wait(SECONDS), 0)
        assert "closed" in os.listdir(DATA), "not closed in order"


def test_transfer():
    with suite.case("export and import without a server"):
        state = with_server(lambda c: fill(c, "big", documents=50, records=200, keys=300) or
                            held(c))
        figures = json.loads(run("export", path("out"), "--json")[1])
        equal(figures["records"], 10_000 + 3 + 1)
        same(exported(path("out")), state, "export")
        with FluxionServer(data=path("other")) as server:
            server.stop()
        code, out, err = run("import", path("out"), data=path("other"))
        equal((code, err), (0, ""))
        with FluxionServer(data=path("other")) as server, Client(server) as client:
            same(held(client), state, "import")


def test_long_names():
    settings = {"max-name-bytes": 4000}
    col, name = "c" * 3000, "n" * 4000
    with FluxionServer(data=path("long"), settings=settings) as server, Client(server) as client:
        client.ok("sval", {"col": col, "key": name, "value": "1"})
        client.ok("ins", [{"col": col, "doc": name, "ts": 1, "data": "x"}])
        state = held(client)
        server.stop()
    with suite.case("names as long as the folder's server allows"):
        prints("1\n", "get", name, "--col", col, data=path("long"))
        equal(run("export", path("long-out"), data=path("long"))[0], 0)
        same(exported(path("long-out")), state, "export")


def main():
    try:
        os.mkdir(DATA)
        test_refusals()
        test_commands()
        test_shell()
        test_killed()
        test_transfer()
        test_long_names()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    suite.end()


if __name__ == "__main__":
    main()
