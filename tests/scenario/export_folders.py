"""Exports: what a folder holds against what a server held, writes meanwhile, the programs."""

import hashlib
import json
import os
import random
import subprocess
import threading
import urllib.parse

from client import SECONDS, Client
from fluxion_server import BINARY
from harness import equal
from terminal import environment_for, run_client

LEAST, MOST = -2**63, 2**63 - 1
ANY_TIME = {"from": LEAST, "to": MOST}


def run(server, *arguments, **more):
    """Exit code 0; what --json says."""
    code, out, err = run_client([*arguments, "--json"], server, **more)
    equal(code, 0, f"exit code ({err})")
    return json.loads(out)


def fails(server, code, words, *arguments, **more):
    got, out, err = run_client(arguments, server, **more)
    equal((got, out), (code, ""), f"exit code and stdout ({err})")
    for word in words:
        assert word in err, f"`{word}` is not in: {err}"
    return err


# What a server holds, and what a folder holds, in the same shape:
# {collection: ({document: [(ts, data)]}, {key: value})}.

def held(client, collections=None):
    state = {}
    for col in collections or client.ok("cols")["collections"]:
        names = client.ok("qry", {"col": col, "ts": MOST})["records"]
        asked = client.pipeline([("qdoc", {"col": col, "doc": doc, **ANY_TIME}) for doc in names])
        records = {doc: [(r["ts"], r["data"]) for r in reply["records"]]
                   for doc, reply in zip(names, asked)}
        state[col] = (records, client.ok("gvals", {"col": col})["values"])
    return state


def exported(folder):
    state = {}
    for name in os.listdir(folder):
        if name.startswith("."):
            continue
        records, keys, col = {}, {}, None
        for file in os.listdir(os.path.join(folder, name)):
            where = os.path.join(folder, name, file)
            assert len(os.fsencode(file)) <= 255 and not file.endswith(".part"), file
            if file == "key_value.json":
                with open(where, encoding="utf-8") as text:
                    for entry in json.load(text):
                        assert entry["key"] not in keys and entry["ver"] >= 1, entry
                        keys[entry["key"]] = entry["value"]
            elif file == ".collection.json":
                with open(where, encoding="utf-8") as text:
                    col = json.load(text)["collection"]
            else:
                assert file.endswith(".jsonl"), file
                with open(where, encoding="utf-8", newline="\n") as text:
                    lines = [json.loads(line) for line in text.read().split("\n")[:-1]]
                assert all(list(line) == ["ts", "doc", "data"] for line in lines), file
                assert len({line["doc"] for line in lines}) == 1, f"{file}: of one document"
                assert lines[0]["doc"] not in records, f"{lines[0]['doc']} in two files"
                records[lines[0]["doc"]] = [(line["ts"], line["data"]) for line in lines]
        if col is None:
            col = urllib.parse.unquote(name, errors="strict")
        state[col] = (records, keys)
    return state


def digest(state):
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def same(got, wanted, what):
    if digest(got) == digest(wanted):
        return
    equal(sorted(got), sorted(wanted), f"{what}: collections")
    for col, (records, keys) in wanted.items():
        equal(sorted(got[col][0]), sorted(records), f"{what}: documents of {col}")
        for doc in records:
            equal(got[col][0][doc], records[doc], f"{what}: {col}/{doc}")
        equal(got[col][1], keys, f"{what}: keys of {col}")


def insert(client, records, batch=500):
    for at in range(0, len(records), batch):
        client.ok("ins", records[at:at + batch])


def fill(client, col, documents=40, records=1000, keys=400, size=50):
    insert(client, [{"col": col, "doc": f"d{d}", "ts": t, "data": f"{t} " + "x" * size}
                    for t in range(records) for d in range(documents)], 1000)
    client.pipeline([("sval", {"col": col, "key": f"k{k}", "value": f"{k} " + "v" * size})
                     for k in range(keys)])


def start(server, *arguments):
    return subprocess.Popen([BINARY, *arguments], env=environment_for(server),
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


class Writer:
    """Writes records and keys, and knows what there was after each seq."""

    def __init__(self, server, col):
        self.server, self.col, self.wrote = server, col, []
        self.going = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.going.set()
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.going.clear()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()

    def _run(self):
        numbers = random.Random(7)
        with Client(self.server) as client:
            while self.going.is_set():
                requests = [self._any(numbers) for _ in range(50)]
                self.wrote += [(reply["seq"], request) for request, reply
                               in zip(requests, client.pipeline(requests))]

    def _any(self, numbers):
        where = {"col": self.col}
        key, doc = f"k{numbers.randrange(400)}", f"d{numbers.randrange(40)}"
        ts = numbers.randrange(1000)
        kind = numbers.randrange(10)
        if kind < 5:
            return "ins", [{**where, "doc": doc, "ts": ts, "data": f"new {numbers.random()}"}]
        if kind < 6:
            return "drec", {**where, "doc": doc, "ts": ts}
        if kind < 9:
            return "sval", {**where, "key": key, "value": f"new {numbers.random()}"}
        return "rval", {**where, "key": key}

    def state_at(self, seq, begin):
        records = {doc: dict(rows) for doc, rows in begin[0].items()}
        keys = dict(begin[1])
        for at, (type, data) in self.wrote:
            if at > seq:
                break
            if type == "ins":
                records.setdefault(data[0]["doc"], {})[data[0]["ts"]] = data[0]["data"]
            elif type == "drec":
                records.get(data["doc"], {}).pop(data["ts"], None)
            elif type == "sval":
                keys[data["key"]] = data["value"]
            else:
                keys.pop(data["key"], None)
        return {doc: sorted(rows.items()) for doc, rows in records.items() if rows}, keys
