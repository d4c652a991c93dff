#!/usr/bin/env python3
"""Pipelined requests take effect in the order sent; an acknowledged write is seen by everyone.

FLUXION_SEED repeats a run.
"""

import os
import random
import threading
import time

from client import BINARY, SECONDS, TEXT, Client, Closed
from fluxion_server import FluxionServer
from harness import Suite, equal, expect
from model import Model, check_replies

suite = Suite()
SEED = int(os.environ.get("FLUXION_SEED", time.time_ns() % 10**9))


def mixed(model, generator, count, reads):
    return [model.random_read(generator) if generator.random() < reads
            else model.random_write(generator) for _ in range(count)]


def check_seqs(requests, replies):
    """Those of one connection's writes never fall, and rise where something surely changed."""
    last = 0
    for (type, payload, _), reply in zip(requests, replies):
        if "seq" not in reply:
            continue
        changes = type == "sval" or (type == "ins" and payload)
        assert reply["seq"] > last if changes else reply["seq"] >= last, (type, last, reply)
        last = reply["seq"]


def together(bodies):
    """Runs all at once, each in a thread; the first error of any is raised here."""
    errors, start = [], threading.Barrier(len(bodies))

    def run(body):
        try:
            start.wait(SECONDS)
            body()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(body,), daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 5 * SECONDS
    for thread in threads:
        thread.join(max(0.1, deadline - time.monotonic()))
    assert not any(t.is_alive() for t in threads), "not done in time"
    if errors:
        raise errors[0]


def one_connection(server):
    for kind, form, reads, count in ((TEXT, "string", 0.5, 6000), (BINARY, "inline", 0.1, 6000),
                                     (BINARY, "string", 0.9, 6000)):
        with suite.case(f"{count} pipelined requests, {reads:.0%} reads, seed {SEED}"):
            model, generator = Model(f"one{reads}-"), random.Random(f"{SEED}/{reads}")
            with Client(server, kind=kind, data=form) as client:
                requests = mixed(model, generator, count, reads)
                check_seqs(requests, check_replies(client, requests))
                model.check(client)
    with suite.case("a read sees the write just before it, 2,000 times, unawaited"):
        with Client(server) as client:
            requests = []
            for n in range(1000):
                requests.append(("sval", {"col": "rw", "key": "k", "value": str(n)}, {}))
                requests.append(("gval", {"col": "rw", "key": "k"}, {"value": str(n)}))
                requests.append(("ins", [{"col": "rw", "doc": "d", "ts": n, "data": str(n)}], {}))
                requests.append(("qry", {"col": "rw", "ts": n},
                                 {"records": {"d": {"ts": n, "data": str(n)}}}))
            check_replies(client, requests)
    with suite.case("a bad or refused request between them disturbs nothing"):
        with Client(server) as client:
            requests = []
            for n in range(300):
                requests += [("sval", {"col": "rw", "key": "k", "value": str(n)}, {}),
                             ("sval", {"col": "rw", "key": "k", "value": n}, "bad_request"),
                             ("nope", {}, "unknown_type"),
                             ("qry", {"col": "rw", "ts": 1, "doc": "/(/"}, "bad_regex"),
                             ("gval", {"col": "rw", "key": "k"}, {"value": str(n)})]
            check_replies(client, requests)


def in_one_piece(server):
    """Reads of keys that come together are looked up together; nothing else may change by that."""
    with suite.case(f"requests that come in one piece: effects in the order sent, seed {SEED}"):
        generator, keys = random.Random(f"{SEED}/piece"), [f"k{n}" for n in range(12)]
        with Client(server) as client:
            values = {}
            for size in [*range(1, 40), *(generator.randrange(1, 200) for _ in range(40))]:
                requests, wanted = [], []
                for _ in range(size):
                    key, dice = {"col": generator.choice("pq"), "key": generator.choice(keys)}, \
                        generator.random()
                    place = key["col"], key["key"]
                    if dice < 0.7:
                        requests.append(("gval", key))
                        wanted.append({"value": values.get(place, ""), "found": place in values})
                    elif dice < 0.85:
                        values[place] = str(generator.random()) * generator.choice((1, 1, 400))
                        requests.append(("sval", {**key, "value": values[place]}))
                        wanted.append({})
                    elif dice < 0.95:
                        values.pop(place, None)
                        requests.append(("rval", key))
                        wanted.append({})
                    else:
                        requests.append(("gval", {"col": "p"}))
                        wanted.append("bad_request")
                for id, reply in zip(client.send_at_once(requests), wanted):
                    expect(client.reply_to(id), reply)
    with suite.case("large values asked for at once, and a write behind them, unread for long"):
        with Client(server) as client:
            old, new = "o" * 1_000_000, "n" * 1_000_000
            client.ok("sval", {"col": "large", "key": "k", "value": old})
            get = ("gval", {"col": "large", "key": "k"})
            ids = client.send_at_once([get] * 60 + [("sval", {"col": "large", "key": "k",
                                                              "value": new}), get, get])
            with Client(server) as other:  # who gets an answer all the same
                equal(other.ok("gval", {"col": "large", "key": "none"})["found"], False)
            for id in ids[:60]:
                expect(client.reply_to(id), {"value": old, "ver": 1})
            expect(client.reply_to(ids[60]), {"ver": 2})
            for id in ids[61:]:
                expect(client.reply_to(id), {"value": new, "ver": 2})
    with suite.case("what was asked for before a close frame is answered before the close"):
        with Client(server) as client:
            client.ok("sval", {"col": "p", "key": "k", "value": "last"})
            ids = client.send_at_once([("gval", {"col": "p", "key": "k"})] * 5)
            client.ws.send_close()
            for id in ids:
                expect(client.reply_to(id), {"value": "last"})
            try:
                client.receive()
                raise AssertionError("no close")
            except Closed as closed:
                equal(closed.code, 1000)


def many_connections(server):
    with suite.case(f"8 connections at once, 1,000 requests each, seed {SEED}"):
        models = [Model(f"many{n}-") for n in range(8)]

        def body(n):
            with Client(server, kind=(TEXT, BINARY)[n % 2]) as client:
                requests = mixed(models[n], random.Random(f"{SEED}/{n}"), 1000, 0.4)
                check_seqs(requests, check_replies(client, requests))

        together([lambda n=n: body(n) for n in range(8)])
        with Client(server) as client:
            for model in models:
                model.check(client)
    with suite.case("8 connections raise one key: every version once, the last is what stays"):
        versions, lock = {}, threading.Lock()

        def raise_it(n):
            with Client(server) as client:
                requests = [("sval", {"col": "race", "key": "k", "value": f"{n}/{i}"})
                            for i in range(200)]
                replies = client.pipeline(requests)
                mine = [r["ver"] for r in replies]
                assert mine == sorted(mine), "versions out of the order sent"
                with lock:
                    versions.update({(r["ver"], r["seq"]): q[1]["value"]
                                     for r, q in zip(replies, requests)})

        together([lambda n=n: raise_it(n) for n in range(8)])
        ordered = sorted(versions)
        equal([v for v, _ in ordered], list(range(1, 1601)), "versions")
        seqs = [s for _, s in ordered]
        equal(seqs, sorted(set(seqs)), "seqs rise with the versions")
        with Client(server) as client:
            expect(client.call("gval", {"col": "race", "key": "k"}),
                   {"value": versions[ordered[-1]], "ver": 1600})
    with suite.case("an insert into one collection is seen whole or not at all"):
        stop = threading.Event()

        def write():
            try:
                with Client(server) as client:
                    for n in range(1, 400):
                        client.ok("ins", [{"col": "whole", "doc": f"d{d}", "ts": n, "data": str(n)}
                                          for d in range(20)])
            finally:
                stop.set()

        def read():
            with Client(server) as client:
                seen = 0
                while not stop.is_set():
                    for n in range(20):  # one document: exact; its time never goes back
                        found = client.ok("qry", {"col": "whole", "ts": 10**6, "doc": f"d{n}"})
                        if found["records"]:
                            ts = found["records"][f"d{n}"]["ts"]
                            assert ts >= seen, f"d{n} is at {ts} after another was at {seen}"
                            seen = ts

        together([write, read, read])


def across_connections(server):
    with suite.case("what is acknowledged on A is seen on B at once, 500 times"):
        with Client(server) as a:
            others = [Client(server, kind=(TEXT, BINARY)[n % 2]) for n in range(5)]
            for n in range(500):
                other = others[n % len(others)]
                seq = a.ok("sval", {"col": "ab", "key": "k", "value": str(n)})["seq"]
                expect(other.call("gval", {"col": "ab", "key": "k"}), {"value": str(n)})
                a.ok("ins", [{"col": "ab", "doc": "d", "ts": n, "data": str(n)}])
                expect(other.call("qdoc", {"col": "ab", "doc": "d", "from": n, "to": n},
                                  min_seq=seq), {"records": [{"ts": n, "data": str(n)}]})
                if n % 50 == 49:
                    a.ok("dcol", {"col": "ab"})
                    assert "ab" not in other.ok("cols")["collections"]
            for other in others:
                other.close()
    with suite.case("seq rises over all connections in the order of the replies"):
        last = 0
        clients = [Client(server) for _ in range(4)]
        for n in range(400):
            seq = clients[n % 4].ok("sval", {"col": "seq", "key": f"k{n % 7}", "value": ""})["seq"]
            assert seq > last, (seq, last)
            last = seq
        with Client(server) as late:
            equal(late.ready["seq"], last)
        for client in clients:
            client.close()
    with suite.case("a delete of nothing leaves no entry"):
        with Client(server) as client:
            seq = client.ready["seq"]
            for type, payload in (("rval", {"col": "no", "key": "k"}), ("dcol", {"col": "no"}),
                                  ("ddoc", {"doc": "no"}), ("dmrec", []), ("ins", []),
                                  ("drec", {"col": "no", "doc": "d", "ts": 1})):
                equal(client.ok(type, payload)["seq"], seq, type)
            with Client(server) as other:
                equal(other.ready["seq"], seq)


def many_writers(server):
    # That they share their log writes: test_strace.py.
    with suite.case("32 pipelined writers: one seq for each write"):
        seqs, lock = [], threading.Lock()

        def write(n):
            with Client(server) as client:
                replies = client.pipeline([
                    ("sval", {"col": "group", "key": str(n), "value": str(i)})
                    for i in range(100)])
                with lock:
                    seqs.extend(r["seq"] for r in replies)

        together([lambda n=n: write(n) for n in range(32)])
        seqs.sort()
        equal(seqs, list(range(seqs[0], seqs[0] + 3200)), "one seq for each write")
        with Client(server) as client:
            expect(client.call("gvals", {"col": "group"}), {"values": {str(n): "99"
                                                                       for n in range(32)}})


def main():
    print(f"seed {SEED}")
    with FluxionServer() as server:
        one_connection(server)
        in_one_piece(server)
        many_connections(server)
        across_connections(server)
        many_writers(server)
        with suite.case("stops in order"):
            server.stop()
    suite.end()


main()
