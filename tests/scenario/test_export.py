#!/usr/bin/env python3
"""`fluxion export` and `fluxion import`: round trips, one state, errors."""

import fcntl
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time

from client import SECONDS, Client
from export_folders import LEAST, MOST, Writer, exported, fails, fill, held, insert, run, same
from fluxion_server import BINARY, FluxionServer
from harness import Suite, equal
from terminal import Terminal, environment_for, run_client, run_in_terminal

suite = Suite()

FOLDER = tempfile.mkdtemp(prefix="fluxion-export-")


def path(name):
    return os.path.join(FOLDER, name)


ODD_NAMES = ["plain", "With Upper", "with upper", "a/b", "..", ".", ".hidden", "%41", "A", "a%2Fb",
             "key_value.json", "key_value", "x.jsonl", "x.jsonl.part", "ü", "\u202ertl", "日本語",
             "quote\"s", "back\\slash", "line\nfeed", "tab\t", " ", "x" * 300, "x" * 301, "ü" * 200,
             "con", "-dash", "*", "🎈", "y" * 240, "y" * 241, "ü" * 40, "ü" * 40 + "x", "~", "%~"]
ODD_TEXTS = ["x", "\"quoted\"", "back\\slash", "line\nfeed\r\n", "\x01\x02\x1f\x7f", "ü日本語🎈",
             "\u2028\u2029\ufeff", "{\"a\":[1,2,{}]}", "]", "],", "[", "  spaces  ", "\x80\xff",
             "y" * 300_000]
ODD_TIMES = [LEAST, LEAST + 1, -1, 0, 1, 2**53 + 1, MOST - 1, MOST]


def fill_odd(client):
    for col in ("data", *ODD_NAMES[:12], "y" * 400):
        insert(client, [{"ts": ts, "doc": doc, "col": col, "data": ODD_TEXTS[i % len(ODD_TEXTS)]}
                        for i, (doc, ts) in enumerate((d, t) for d in ODD_NAMES[:99 if col == "data"
                                                                               else 3]
                                                      for t in ODD_TIMES)], 40)
        for i, key in enumerate(ODD_NAMES):
            client.ok("sval", {"col": col, "key": key, "value": ODD_TEXTS[i % len(ODD_TEXTS)]})
    client.ok("sval", {"col": "data", "key": "empty", "value": ""})
    client.ok("sval", {"col": "only keys", "key": "k", "value": "1"})
    insert(client, [{"ts": 1, "doc": "d", "col": "only records", "data": "x"}])
    for _ in range(3):
        client.ok("sval", {"col": "gone", "key": "k", "value": "1"})
        client.ok("rval", {"col": "gone", "key": "k"})


def test_round_trip(source, target):
    with Client(source) as client, Client(target) as other:
        fill_odd(client)
        state = held(client)
        with suite.case("an export holds every name and value there is, one file a document"):
            figures = run(source, "export", path("odd"))
            same(exported(path("odd")), state, "export")
            equal((figures["collections"], figures["records"], figures["keys"]),
                  (len(state), sum(len(r) for docs, _ in state.values() for r in docs.values()),
                   sum(len(keys) for _, keys in state.values())))
            equal(figures["seq"], client.ok("stat")["seq"])
            equal(os.stat(path("odd")).st_mode & 0o077, 0, "rights of others")
        with suite.case("its import is the same"):
            imported = run(target, "import", path("odd"))
            same(held(other), state, "import")
            for name in ("records", "keys", "documents", "collections"):
                equal(imported[name], figures[name], name)
            assert not os.path.exists(path("odd/.fluxion-import.json")), "its progress stays"
        with suite.case("an import again changes nothing but versions"):
            run(target, "import", path("odd"))
            same(held(other), state, "import")
            equal(other.ok("gval", {"col": "data", "key": "empty"})["ver"], 2)
        with suite.case("an export of one collection, of two, of one that is not there"):
            run(source, "export", path("one"), "--col", "only keys")
            same(exported(path("one")), {"only keys": state["only keys"]}, "one collection")
            run(source, "export", path("two"), "--col", "a/b", "--col=data", "--col", "a/b")
            same(exported(path("two")), {c: state[c] for c in ("a/b", "data")}, "two")
            fails(source, 1, ["not_found", "nope"], "export", path("three"), "--col", "nope")
            assert not os.path.exists(path("three/.fluxion-export.json")) or \
                not json.load(open(path("three/.fluxion-export.json")))["done"]
        with suite.case("an import of one collection of several"):
            other.ok("dcol", {"col": "data"})
            other.ok("dcol", {"col": "a/b"})
            run(target, "import", path("two"), "--col", "a/b")
            same(held(other, ["a/b"]), {"a/b": state["a/b"]}, "one")
            assert "data" not in other.ok("cols")["collections"]
            fails(target, 2, ["only keys"], "import", path("two"), "--col", "only keys")


def test_expiry(source, target):
    with Client(source) as client, Client(target) as other, \
            suite.case("keys that expire keep what is left of their time; those that are over "
                       "are left out"):
        client.ok("sval", {"col": "brief", "key": "long", "value": "v", "ttl": 7200_000})
        client.ok("sval", {"col": "brief", "key": "soon", "value": "v", "ttl": 600_000})
        client.ok("sval", {"col": "brief", "key": "ever", "value": "v"})
        run(source, "export", path("brief"), "--col", "brief")
        equal(sorted(exported(path("brief"))["brief"][1]), ["ever", "long", "soon"])
        file = path("brief/brief/key_value.json")
        with open(file, encoding="utf-8") as text:
            entries = json.load(text)
        next(e for e in entries if e["key"] == "soon")["expires"] = 1  # as if it had waited
        with open(file, "w", encoding="utf-8") as text:
            text.write("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")
        figures = run(target, "import", path("brief"))
        equal((figures["keys"], figures["expired"]), (2, 1))
        equal(other.ok("gval", {"col": "brief", "key": "soon"})["found"], False)
        was = client.ok("gval", {"col": "brief", "key": "long"})["expires"]
        now = other.ok("gval", {"col": "brief", "key": "long"})["expires"]
        assert abs(now - was) < 600_000, (was, now)
        assert "expires" not in other.ok("gval", {"col": "brief", "key": "ever"})


# Writes while it is exported.

def test_one_state(source):
    with Client(source) as client:
        fill(client, "busy")
        begin = held(client, ["busy"])["busy"]
        with suite.case("what is exported while it is written is the state at its seq, exactly"), \
                Writer(source, "busy") as writer:
            figures = []
            for n in range(3):
                reached = len(writer.wrote)
                deadline = time.monotonic() + SECONDS
                while len(writer.wrote) < reached + 200:
                    assert time.monotonic() < deadline, "nothing is written"
                    time.sleep(0.01)
                figures.append(run(source, "export", path(f"busy{n}"), "--col", "busy"))
        assert len({f["seq"] for f in figures}) == 3, "no writes in between"
        for n, figure in enumerate(figures):
            with suite.case(f"and so is number {n} of them"):
                records, keys = writer.state_at(figure["seq"], begin)
                same(exported(path(f"busy{n}")), {"busy": (records, keys)}, "export")
        with suite.case("writes went on meanwhile"):
            assert writer.wrote[-1][0] > figures[-1]["seq"] - 1, "none after the last cut"


# What can go wrong.

def test_errors(source, target):
    with Client(source) as client:
        client.ok("sval", {"col": "small", "key": "k", "value": "v"})
        insert(client, [{"col": "small", "doc": "d", "ts": t, "data": "x" * 1000}
                        for t in range(3000)])
        with suite.case("a folder that cannot be used: exit code 2, one line, nothing changed"):
            fails(source, 2, ["cannot create /proc/no"], "export", "/proc/no")
            fails(source, 2, ["cannot create"], "export", path("no/such/parent"))
            with open(path("file"), "w", encoding="utf-8") as file:
                file.write("mine")
            fails(source, 2, ["is no folder"], "export", path("file"))
            os.mkdir(path("mine"))
            shutil.copy(path("file"), path("mine/file"))
            fails(source, 2, ["is not empty"], "export", path("mine"))
            equal(os.listdir(path("mine")), ["file"])
            fails(source, 2, ["complete export"], "export", path("odd"))
            fails(source, 2, ["DIR is missing"], "export")
        with suite.case("two exports into one folder at a time"):
            held_open = os.open(path("mine"), os.O_RDONLY)
            fcntl.flock(held_open, fcntl.LOCK_EX)
            fails(source, 2, ["in use"], "export", path("mine"))
            os.close(held_open)
        with suite.case("a full disk: exit code 1, and it goes on when there is room"):
            folder = path("full")
            arguments = [BINARY, "export", folder, "--col", "small"]
            done = subprocess.run(arguments, env=environment_for(source), capture_output=True,
                                  text=True, timeout=SECONDS * 2, restore_signals=False,
                                  preexec_fn=lambda: resource.setrlimit(
                                      resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)))
            equal((done.returncode, done.stdout), (1, ""), done.stderr)
            assert "error: storage_full: cannot write " in done.stderr, done.stderr
            run(source, "export", folder, "--col", "small")
            same(exported(folder), held(client, ["small"]), "export")
        with suite.case("a key that may not read or write"):
            client.ok("keys", {"action": "add", "key": "reads-only-0123", "scope": "readonly"})
            run_client(["export", path("readonly"), "--col", "small"], source,
                       key="reads-only-0123")
            same(exported(path("readonly")), held(client, ["small"]), "export")
            fails(source, 1, ["error: forbidden: ", "key_value.json, line"], "import",
                  path("readonly"), key="reads-only-0123")
            fails(source, 3, ["unauthorized"], "export", path("unknown"), key="nobody")
        with suite.case("a folder without an export"):
            fails(target, 2, ["no folder"], "import", path("nowhere"))
            os.mkdir(path("empty"))
            fails(target, 2, ["nothing to import"], "import", path("empty"))
            os.mkdir(path("empty/photos %"))
            fails(target, 2, ["nothing to import"], "import", path("empty"))
        with suite.case("folders with nothing to import are none of its collections"):
            os.makedirs(path("beside/col"))
            os.mkdir(path("beside/photos %"))
            with open(path("beside/col/d.jsonl"), "w", encoding="utf-8") as file:
                file.write('{"ts":1,"doc":"d","data":"x"}\n')
            equal(run(target, "import", path("beside"))["collections"], 1)
        with suite.case("what an empty server holds: nothing, and its import is no error"), \
                FluxionServer(data=False) as nothing:
            run(nothing, "export", path("of-nothing"))
            equal(run(target, "import", path("of-nothing"))["records"], 0)


def test_bad_lines(target):
    lines = [('{"ts":1,"doc":"d","data":"x"}\n{"ts":2,"doc":"d"', "d.jsonl, line 2: "),
             ('{"ts":1,"doc":"d","data":"x"}\n\n\n{"ts":2,"doc":"d"}\n',
              "line 4: `data` is missing"),
             ('{"doc":"d","data":"x"}\n', "line 1: `ts` is missing"),
             ('{"ts":1.5,"doc":"d","data":"x"}\n', "line 1: `ts` must be"),
             ('{"ts":1,"doc":7,"data":"x"}\n', "line 1: `doc` must be a text"),
             ('[]\n', "line 1: a record is a JSON object")]
    for n, (text, word) in enumerate(lines):
        with suite.case(f"a bad line is named with its file: {word}"):
            folder = path(f"bad{n}")
            os.makedirs(f"{folder}/bad")
            with open(f"{folder}/bad/d.jsonl", "w", encoding="utf-8") as file:
                file.write(text)
            fails(target, 2, [word, f"{folder}/bad/d.jsonl"], "import", folder)
    with Client(target) as client, \
            suite.case("what stands before it is stored; put right, it begins anew"):
        equal(client.ok("qdoc", {"col": "bad", "doc": "d", "from": 1, "to": 1})["records"],
              [{"ts": 1, "data": "x"}])
        with open(path("bad0/bad/d.jsonl"), "w", encoding="utf-8") as file:
            file.write('{"ts":1,"doc":"d","data":"y"}\n{"ts":2,"doc":"e","data":{"n": 1}}')
        code, out, err = run_client(["import", path("bad0")], target)
        equal((code, dict(line.split("\t") for line in out.splitlines())["records"]), (0, "2"), err)
        assert "begins anew" in err, err
        equal(client.ok("qdoc", {"col": "bad", "doc": "e", "to": 9})["records"],
              [{"ts": 2, "data": '{"n":1}'}])
    for text, word in (('[\n{"key":"a","value":"1"},\n{"key":"b"}\n]\n', "line 3: `value`"),
                       ('[{"key":"","value":"1"}]', "line 1: `key` must not be empty"),
                       ('{"a":"b"}', "line 1: `key`"),
                       ('[{"key":"a","value":"1","expires":"x"}]', "line 1: `expires`")):
        with suite.case(f"a bad key: {word}"):
            folder = tempfile.mkdtemp(dir=FOLDER)
            os.mkdir(f"{folder}/bad keys")
            with open(f"{folder}/bad keys/key_value.json", "w", encoding="utf-8") as file:
                file.write(text)
            fails(target, 2, [word], "import", folder)
    with Client(target) as client, suite.case("a key twice: the last one counts"):
        folder = tempfile.mkdtemp(dir=FOLDER)
        os.mkdir(f"{folder}/twice")
        with open(f"{folder}/twice/key_value.json", "w", encoding="utf-8") as file:
            json.dump([{"key": "a", "value": "1"}], file)
            file.write("\n")
            file.write(',\n{"key":"a","value":"2"}\n]\n')
        run(target, "import", folder)
        equal(client.ok("gvals", {"col": "twice"})["values"], {"a": "2"})
    with suite.case("where progress cannot be kept: --progress FILE"):
        folder = path("bad0")
        fails(target, 2, ["--progress FILE"], "import", folder, "--progress", path("no/such/file"))
        run(target, "import", folder, "--progress", path("elsewhere"))
        assert not os.path.exists(path("elsewhere"))


def test_terminal(source, target):
    with Client(source) as client:
        fill(client, "long", documents=300, records=300, keys=4000, size=80)
        fill(client, "short", documents=1, records=4, keys=0)
    with suite.case("on a terminal: how far it is, and a sentence at the end"):
        seen = run_in_terminal(["export", path("seen"), "--col", "long"], source)
        shown = re.findall(r"exported [\d,]+ records, [\d,]+ keys, [^\r]*", seen)
        assert shown, seen
        for line in shown[1:]:  # on a fast machine there is only the first
            assert "/s" in line, seen
        assert "90,000 records of 300 documents and 4,000 keys of 1 collection" in seen, seen
        seen = run_in_terminal(["import", path("seen")], target)
        assert "imported 90,000 records of 300 documents and 4,000 keys" in seen, seen
    with suite.case("not so with --json, nor from a pipe"):
        seen = run_in_terminal(["export", path("seen2"), "--col", "long", "--json"], source)
        equal(len(seen.strip().splitlines()), 1, seen)
        code, out, err = run_client(["export", path("seen3"), "--col", "short"], source)
        equal((code, err), (0, ""))
        equal([line.split("\t")[0] for line in out.splitlines()],
              ["seq", "collections", "documents", "records", "keys", "bytes"])
    with suite.case("Ctrl-C stops it, and it goes on"):
        with Terminal(["export", path("stopped"), "--col", "long"], source) as terminal:
            deadline = time.monotonic() + SECONDS
            while not os.path.exists(path("stopped/long")) and time.monotonic() < deadline:
                time.sleep(0.001)
            terminal.send("\x03")
            code = terminal.wait_for_end()
        assert code == 0 or (code == 1 and "goes on" in terminal.seen), terminal.seen
        if code == 1:
            run(source, "export", path("stopped"), "--col", "long")
        equal(len(exported(path("stopped"))["long"][0]), 300)
    with suite.case("EXPORT and IMPORT in the shell"):
        lines = f'EXPORT {path("shell")} --col short\nimport {path("shell")}\nGET nothing\n'
        code, out, err = run_client(["shell"], source, stdin=lines)
        equal((code, err), (0, ""), "exit code")
        assert "exported 4 records" in out and "imported 4 records" in out, out


def main():
    try:
        with FluxionServer() as source, FluxionServer(data=False) as target:
            test_round_trip(source, target)
            test_expiry(source, target)
            test_one_state(source)
            test_errors(source, target)
            test_bad_lines(target)
            test_terminal(source, target)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    suite.end()


if __name__ == "__main__":
    main()
