#!/usr/bin/env python3
"""kill -9 under load, again and again: what was acknowledged is there, and nothing else is.

Segments and checkpoints are as small as they may be, so that segments are filled, recycled and
dropped, and checkpoints written, while the server dies. 50 rounds; FLUXION_TORTURE=1: 500.
"""

import faulthandler
import os
import random
import threading
import time

from client import Client, Closed
from fluxion_server import FluxionServer
from harness import Suite, equal

suite = Suite()
if os.environ.get("FLUXION_TORTURE"):
    faulthandler.cancel_dump_traceback_later()  # it takes as long as it takes

ROUNDS = 500 if os.environ.get("FLUXION_TORTURE") else 50
CLIENTS = 8
IN_FLIGHT = 32
MIN_ACKNOWLEDGED = 100  # a round with fewer says nothing, and is repeated
MOST_REPEATED = ROUNDS
KEYS = 40  # of each client
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
SETTINGS = {"segment-size": "64KiB", "checkpoint-bytes": "64KiB", "checkpoint-interval": "1s",
            "log-retain-bytes": "256KiB"}

GONE = (OSError, Closed)


def is_the_end(error):
    return isinstance(error, GONE) or type(error).__module__.startswith("websocket")


class Writer:
    """One client, alone on its collection. It knows, for each key and record, what was acknowledged
    last and what was sent after that: one of these must be found."""

    def __init__(self, number):
        self.col = f"w{number}"
        self.random = random.Random(SEED + number)
        self.count = 0  # of all values ever, so that each is written once
        self.settled = {}  # place -> value as acknowledged, or None where it was deleted
        self.open = {}  # place -> values sent and not acknowledged, oldest first
        self.acknowledged = 0

    def next_write(self):
        """(type, payload, {place: value})."""
        self.count += 1
        draw = self.random.random()
        if draw < 0.45:
            key = f"k{self.random.randrange(KEYS)}"
            value = f"{self.col}-{self.count}-" + "v" * self.random.randrange(400)
            return "sval", {"col": self.col, "key": key, "value": value}, {("key", key): value}
        if draw < 0.55:
            key = f"k{self.random.randrange(KEYS)}"
            return "rval", {"col": self.col, "key": key}, {("key", key): None}
        places = {(f"d{self.random.randrange(5)}", self.random.randrange(200))
                  for _ in range(self.random.randrange(1, 12))}
        if draw < 0.92:
            value = f"{self.col}-{self.count}-" + "r" * self.random.randrange(100)
            return "ins", [{"col": self.col, "doc": doc, "ts": ts, "data": value}
                           for doc, ts in places], dict.fromkeys(places, value)
        if draw < 0.96:
            return "dmrec", [{"col": self.col, "doc": doc, "ts": ts} for doc, ts in places], \
                dict.fromkeys(places)
        doc, ts = next(iter(places))
        return "drrng", {"col": self.col, "doc": doc, "fromTs": ts, "toTs": ts + 5}, \
            {(doc, at): None for at in range(ts, ts + 6)}

    def run(self, server, enough):
        """Writes until the server dies. enough(1) after each acknowledgement."""
        self.acknowledged = 0
        waiting = {}
        try:
            client = Client(server)
            while True:
                while len(waiting) < IN_FLIGHT:
                    type, payload, effect = self.next_write()
                    for place, value in effect.items():
                        self.open.setdefault(place, []).append(value)
                    waiting[client.send(type, payload)] = effect
                reply = client.receive()
                assert "error" not in reply, reply
                for place, value in waiting.pop(reply["id"]).items():
                    # In order: what was sent to this place before is decided, too.
                    del self.open[place][:self.open[place].index(value) + 1]
                    self.settled[place] = value
                self.acknowledged += 1
                enough()
        except Exception as error:
            if not is_the_end(error):
                raise

    def check(self, client):
        """Compares with what is there after the start; what is found is settled from now on."""
        found = {("key", key): value
                 for key, value in client.ok("gvals", {"col": self.col})["values"].items()}
        for doc in range(5):
            for record in client.ok("qdoc", {"col": self.col, "doc": f"d{doc}",
                                             "to": 1 << 40})["records"]:
                found[(f"d{doc}", record["ts"])] = record["data"]
        for place in found.keys() | self.settled.keys() | self.open.keys():
            value = found.get(place)
            may_be = [self.settled.get(place), *self.open.get(place, [])]
            if value not in may_be:
                kind = "phantom" if value is not None else "lost"
                raise AssertionError(f"{kind}: {self.col} {place} is {value!r:.60}, "
                                     f"and may be one of {[str(v)[:30] for v in may_be]}")
        self.settled = found
        self.open = {}


def one_round(server, writers, chance):
    """Starts 8 writers, kills the server in their midst; how many writes were acknowledged."""
    target = chance.randrange(MIN_ACKNOWLEDGED, 1500)
    reached = threading.Event()
    lock = threading.Lock()
    count = 0
    failures = []

    def enough():
        nonlocal count
        with lock:
            count += 1
            if count >= target:
                reached.set()

    def write(writer):
        try:
            writer.run(server, enough)
        except Exception as error:
            failures.append(error)
            reached.set()

    threads = [threading.Thread(target=write, args=(w,), daemon=True) for w in writers]
    for thread in threads:
        thread.start()
    assert reached.wait(180), f"only {count} writes in three minutes"
    server.kill()
    for thread in threads:
        thread.join(180)
    assert not any(thread.is_alive() for thread in threads), "a writer does not notice the end"
    assert not failures, failures
    return sum(w.acknowledged for w in writers)


def main():
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    writers = [Writer(number) for number in range(CLIENTS)]
    counted = repeated = acknowledged = 0
    segments, slowest_start = set(), 0.0
    begun = time.monotonic()
    with FluxionServer(settings=SETTINGS) as server:
        while counted < ROUNDS and repeated <= MOST_REPEATED:
            with suite.case(f"round {counted + 1} (SEED={SEED})"):
                done = one_round(server, writers, chance)
                segments |= set(files_below(server.data))
                start = time.monotonic()
                server.start()
                slowest_start = max(slowest_start, time.monotonic() - start)
                with Client(server) as client:
                    for writer in writers:
                        writer.check(client)
                if done < MIN_ACKNOWLEDGED:
                    repeated += 1
                    continue
                acknowledged += done
            counted += 1
            if suite.failed:
                break
        with suite.case("enough rounds counted"):
            equal(counted, ROUNDS, "rounds")
        with suite.case("segments and checkpoints came and went"):
            names = {os.path.basename(name) for name in segments}
            print(f"{len(names)} names of files seen in the data folder")
            assert len(names) > ROUNDS, sorted(names)[:40]
            size = sum(os.path.getsize(name) for name in files_below(server.data))
            assert size < 32 << 20, f"the data folder holds {size >> 20} MiB: nothing is dropped"
        with suite.case("a clean stop and start on the same data"):
            server.restart()
            with Client(server) as client:
                for writer in writers:
                    writer.check(client)
    print(f"{counted} rounds, {repeated} not counted, {acknowledged} acknowledged writes, "
          f"{'not all found' if suite.failed else '0 lost'}; "
          f"slowest start {slowest_start:.2f} s; {time.monotonic() - begun:.1f} s")


def files_below(folder):
    return [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]


main()
suite.end()
