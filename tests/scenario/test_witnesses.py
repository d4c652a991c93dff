#!/usr/bin/env python3
"""Fifty subscribers as witnesses: cut off, resumed from where they once were, the server killed.

What each one saw, put together, is the log filtered: every event once, in order, word for word, and
whatever is told a second time is told the same way. FLUXION_SEED repeats the choices.
"""

import bisect
import json
import os
import random
import re
import selectors
import threading
import time

from client import BINARY, SECONDS, TEXT, Client, RawSocket, is_the_end, parse
from fluxion_server import FluxionServer
from harness import Suite, equal, shown
from subscriber import FIELDS, place, read_all

suite = Suite()
SEED = int(os.environ.get("FLUXION_SEED", time.time_ns() % 10**9))
HOSTS, WITNESSES = 10, 5  # connections, and subscriptions on each
WRITERS = 3
WRITES = 9000  # acknowledged
KILLS = 3
MIN_CUTS, MIN_CUT_FRAMES, MIN_REPEATED = 100, 20, 10000  # or the run shows little
COLS = ("c0", "c1", "c2", "deep/col")
KEYS = [f"k{n}" for n in range(24)]
DOCS = [f"d{n}" for n in range(6)]
TAGS = ("red", "green", "blue", "grey")
SETTINGS = {"bookmark-interval": "200ms", "segment-size": "1MiB", "checkpoint-bytes": "256KiB",
            "checkpoint-interval": "1s"}
CLOSED_PORT = 1
HEAD_BYTES = {126: 2, 127: 8}


# Writers.

class Writer:
    """Random writes of every kind; keeps what was acknowledged."""

    def __init__(self, number):
        self.random = random.Random(SEED * 31 + number)
        self.number, self.count = number, 0
        self.acknowledged = []  # (type, payload, reply)
        self.failure = None

    def value(self):
        self.count += 1
        return json.dumps({"n": self.count, "by": self.number, "tag": self.random.choice(TAGS),
                           "pad": "x" * self.random.choice((0, 10, 300))})

    def patch(self):
        self.count += 1
        return json.dumps({"tag": self.random.choice(TAGS), "by": self.number,
                           f"p{self.random.randrange(3)}": self.count})

    def records(self, size):
        return [{"col": self.random.choice(COLS), "doc": self.random.choice(DOCS),
                 "ts": self.random.randrange(100), "data": self.value()} for _ in range(size)]

    def keys_at_once(self):
        writes = []
        for key in self.random.sample(KEYS, self.random.randrange(1, 6)):
            op = self.random.choice(("set", "set", "patch", "remove"))
            value = {"set": self.value, "patch": self.patch}.get(op)
            writes.append({"op": op, "key": key} | ({"value": value()} if value else {}))
        return writes

    def next_write(self):
        col, key = self.random.choice(COLS), self.random.choice(KEYS)
        doc, chance = self.random.choice(DOCS), self.random.random()
        ttl = {"ttl": self.random.randrange(1, 400)} if self.random.random() < 0.1 else {}
        low = self.random.randrange(100)
        for share, type, payload in (
                (0.40, "sval", {"col": col, "key": key, "value": self.value(), **ttl}),
                (0.08, "pval", {"col": col, "key": key, "value": self.patch(), **ttl}),
                (0.08, "mval", {"col": col, "writes": self.keys_at_once()}),
                (0.10, "rval", {"col": col, "key": key}),
                (0.26, "ins", self.records(self.random.choice((1, 1, 2, 5, 60)))),
                (0.02, "drec", {"col": col, "doc": doc, "ts": low}),
                (0.02, "dmrec", [{k: r[k] for k in ("col", "doc", "ts")}
                                 for r in self.records(4)]),
                (0.02, "drrng", {"col": col, "doc": doc, "fromTs": low, "toTs": low + 10}),
                (0.01, "ddoc", {"doc": doc} | ({"col": col} if low % 2 else {})),
                (1.00, "dcol", {"col": col})):
            if chance < share:
                return type, payload
            chance -= share

    def run(self, server, stop):
        while not stop.is_set():
            try:
                with Client(server.port or CLOSED_PORT) as client:
                    while not stop.is_set():
                        self.burst(client)
                        time.sleep(self.random.random() * 0.03)
            except Exception as error:
                if not is_the_end(error):
                    self.failure = error
                    return
                time.sleep(0.01)  # the server is down: it is tried again

    def burst(self, client):
        writes = [self.next_write() for _ in range(self.random.randrange(1, 40))]
        ids = [client.send(type, payload) for type, payload in writes]
        for id, (type, payload) in zip(ids, writes):
            reply = client.reply_to(id)
            assert "error" not in reply, (type, payload, reply)
            self.acknowledged.append((type, payload, reply))


# Witnesses.

class Pattern:
    """A literal or /regex/i, as the wire has them; of names the whole, of values a part."""

    def __init__(self, text):
        self.text = text
        found = re.fullmatch(r"/(.*)/(i?)", text)
        self.regex = re.compile(found[1], re.I if found[2] else 0) if found else None

    def name(self, name):
        return bool(self.regex.search(name)) if self.regex else name == self.text

    def value(self, value):
        return bool(self.regex.search(value)) if self.regex else self.text in value


MATCHES = {"keys": ("k1", "/^k1/", "/[02468]$/", "/K(2|3)/i"), "docs": ("d1", "/[345]/", "/D0/i")}
VALUES = ("red", "green", '/"n": ?\\d*7[,}]/', "/GR(EEN|EY)/i", '"by": 1', "xxx")


class Witness:
    """One subscription, over all the connections it has had."""

    def __init__(self, number, chance):
        self.id = f"w{number}"
        self.kind = kind = chance.choice(("keys", "keys", "docs"))
        self.payload = {"kind": kind}
        if chance.random() < 0.5:
            self.payload["col"] = chance.choice(COLS)
        if chance.random() < 0.5:
            self.payload["match"] = chance.choice(MATCHES[kind])
        if chance.random() < 0.4:
            self.payload["where"] = chance.choice(VALUES)
        if chance.random() < 0.3:
            self.payload["filter"] = chance.choice(VALUES)
        if chance.random() < 0.6:
            self.payload["fields"] = [f for f in FIELDS[kind] if chance.random() < 0.5]
        self.fields = set(self.payload.get("fields", ("value", "expires", "data")))
        self.patterns = {k: Pattern(self.payload[k]) for k in ("match", "where", "filter")
                         if k in self.payload}
        self.start = 0 if chance.random() < 0.8 else None  # None: from now on
        self.position = self.at = 0  # where this subscription began, and where it is
        self.positions = [] if self.start is None else [0]  # that it has had
        self.events, self.places = [], []
        self.open = self.subscribed = False
        self.repeated = self.resumed = self.evicted = 0
        self.goal = 0

    @property
    def at_end(self):
        return self.subscribed and self.at >= self.goal

    def request(self, chance, log):
        """The `sub` that goes on from some position it has had."""
        self.open, self.subscribed = True, False
        payload = dict(self.payload)
        if self.positions:
            at = self.positions[-1] if chance.random() < 0.5 else \
                chance.choice(self.positions[-60:])
            self.at = self.position = at
            payload["from"] = chance.choice((at, str(at), f"{log}:{at}"))
        self.resumed += 1
        return payload

    def opened(self, reply):
        assert "error" not in reply, f"{self.id} from {self.positions[-3:]}: {reply}"
        if not self.positions:
            self.start = reply["seq"]
            self.positions.append(self.start)
            self.at = self.position = self.start
        equal(reply["seq"], self.position, "the seq of the reply to sub")
        self.subscribed = True
        # What comes next must be what came after that position the first time.
        self.next = bisect.bisect_right(self.places, (self.position, 1 << 60))

    def take(self, frame):
        assert self.subscribed, f"{self.id}: a frame before the reply to sub, or after unsub"
        if "code" in frame:
            equal(frame["code"], "evicted", f"the end of {self.id}")
            self.evicted += 1
            self.open = self.subscribed = False
        for event in frame["events"]:
            at = place(event)
            if self.next < len(self.events):
                if event != self.events[self.next]:
                    raise AssertionError(f"{self.id} {self.payload}, resumed from {self.position}"
                                         f":\n  first {shown(self.events[self.next])}"
                                         f"\n  now   {shown(event)}")
                self.repeated += 1
            else:
                assert not self.places or at > self.places[-1], (self.places[-1], event)
                self.events.append(event)
                self.places.append(at)
            self.next += 1
        # None of what it was told before lies at or before this position and did not come again.
        assert self.next == len(self.places) or self.places[self.next][0] > frame["seq"], \
            f"{self.id}: position {frame['seq']} without {self.places[self.next]}"
        assert frame["seq"] >= self.at, f"{self.id}: position {frame['seq']} after {self.at}"
        if frame["seq"] != self.at:
            self.at = frame["seq"]
            self.positions.append(self.at)

    def would_hear(self, event, before):
        """The event as this one is told of it, from that of one without filters; or nothing.
        before: the value that the key had."""
        if self.payload.get("col", event["col"]) != event["col"]:
            return None
        op = event["op"]
        if op != "dropped":
            name = event.get("key" if self.kind == "keys" else "doc")
            if name is None or ("match" in self.patterns
                                and not self.patterns["match"].name(name)):
                return None
        more = {}
        if self.kind == "keys" and op != "dropped":
            was = before is not None and self.passes(before)
            if op == "set" and not self.passes(event["value"]):
                more = {"left": True}
            elif op == "set" and not was and self.has_value_filter():
                more = {"entered": True}
            if not was and (op != "set" or "left" in more):
                return None
        elif op == "inserted" and not self.passes(event["data"]):
            return None
        kept = {k: v for k, v in event.items()
                if k not in ("value", "expires", "previous", "time", "data") or k in self.fields}
        if "left" in more:
            kept.pop("value", None)
            kept.pop("expires", None)
        return kept | more

    def has_value_filter(self):
        return "where" in self.patterns or "filter" in self.patterns

    def passes(self, value):
        where, without = self.patterns.get("where"), self.patterns.get("filter")
        return (where is None or where.value(value)) and not (without and without.value(value))


class Host:
    """One connection with its witnesses; reads frame by frame, and stops at any byte."""

    def __init__(self, server, witnesses, chance):
        self.server, self.witnesses, self.chance = server, witnesses, chance
        self.socket = None
        self.cuts = self.cut_frames = 0

    def connect(self):
        if self.server.port is None:
            raise ConnectionRefusedError("the server is down")
        raw = RawSocket(self.server)
        try:
            status, _ = raw.upgrade()
            assert status == 101, status
            ready = parse(raw.read_frame()[2])
        except (ConnectionError, TimeoutError):
            raw.socket.close()
            raise
        self.raw, self.log = raw, ready["log"]
        self.socket = raw.socket
        self.budget = self.chance.choice((200, 5000, 100000, 400000)) * (
            1 + self.chance.random())
        self.unsubs = {}
        for witness in self.witnesses:
            self.subscribe(witness)
        self.socket.setblocking(False)

    def subscribe(self, witness):
        self.ask(witness.id, "sub", witness.request(self.chance, self.log))

    def ask(self, id, type, payload):
        self.socket.setblocking(True)
        self.raw.send_frame(self.chance.choice((TEXT, BINARY)),
                            json.dumps({"id": id, "type": type, "data": payload}))
        self.socket.setblocking(False)

    def close(self):
        self.socket.close()
        self.socket = None
        for witness in self.witnesses:
            witness.open = witness.subscribed = False

    def cut(self):
        self.cuts += 1
        self.cut_frames += bool(self.raw.pending)
        self.close()

    def readable(self, may_cut):
        size = 65536 if not may_cut else max(1, min(65536, int(self.budget)))
        try:
            data = self.socket.recv(size)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            return self.close()
        self.raw.pending += data
        self.budget -= len(data)
        self.take_frames()
        if may_cut and self.budget <= 0:
            self.cut()

    def take_frames(self):
        data, at = self.raw.pending, 0
        while len(data) >= at + 2:
            size, head = data[at + 1] & 0x7F, 2
            if size in HEAD_BYTES:
                head += HEAD_BYTES[size]
                size = int.from_bytes(data[at + 2:at + head], "big")
            if len(data) < at + head or len(data) < at + head + size:
                break
            assert data[at] in (0x80 | TEXT, 0x80 | BINARY, 0x89, 0x88), f"frame {data[at]:#x}"
            if data[at] in (0x80 | TEXT, 0x80 | BINARY):
                self.take(json.loads(data[at + head:at + head + size]))
            at += head + size
        self.raw.pending = data[at:]

    def take(self, message):
        if message.get("type") == "evt":
            witness = next(w for w in self.witnesses if w.id == message["sub"])
            witness.take(message)
            if not witness.open:
                self.subscribe(witness)
            return
        witness = self.unsubs.pop(message["id"], None)
        if witness is None:
            next(w for w in self.witnesses if w.id == message["id"]).opened(message)
        elif "error" not in message:  # it may have been evicted before
            assert message["seq"] >= witness.at, (message, witness.at)
            witness.positions.append(message["seq"])
            self.subscribe(witness)

    def change_mind(self):
        """Ends one subscription in order, and begins it again."""
        witness = self.chance.choice(self.witnesses)
        if witness.subscribed:
            id = f"u{witness.id}"
            if id not in self.unsubs:
                self.unsubs[id] = witness
                self.ask(id, "unsub", {"sub": witness.id})


def look_on(hosts, chance, may_cut, done):
    """Serves all connections until done(); connects those that have none."""
    deadline = time.monotonic() + 4 * SECONDS
    while not done():
        if time.monotonic() > deadline and not may_cut:
            raise AssertionError("not at the end: " + ", ".join(
                f"{w.id} at {w.at} {'open' if w.subscribed else 'asked' if w.open else 'gone'}"
                for h in hosts for w in h.witnesses if not w.at_end))
        with selectors.DefaultSelector() as selector:
            for host in hosts:
                if host.socket is None:
                    try:
                        host.connect()
                    except (ConnectionError, TimeoutError):
                        continue
                selector.register(host.socket, selectors.EVENT_READ, host)
            ready = selector.select(0.02)
        for key, _ in ready:
            key.data.readable(may_cut)
        if may_cut and chance.random() < 0.1:
            host = chance.choice(hosts)
            if host.socket is not None:
                try:
                    host.change_mind()
                except ConnectionError:
                    host.close()


# What must have been seen.

def with_before(events):
    """(event, the value that its key had); checks `previous`, versions, and that it makes sense."""
    values, versions = {}, {}
    for event in events:
        before = None
        if event["op"] == "dropped":
            for name in [n for n in values if n[0] == event["col"]]:
                del values[name]
                versions[name] += 1
        elif "key" in event:
            name = event["col"], event["key"]
            before = values.pop(name, None)
            equal(event.get("previous"), before, f"previous in {shown(event)}")
            versions[name] = versions.get(name, 0) + 1
            equal(event["ver"], versions[name], f"the version in {shown(event)}")
            if event["op"] == "set":
                values[name] = event["value"]
            else:
                assert before is not None, f"{event['op']} of nothing: {event}"
        yield event, before


def histories_of(events):
    """(col, key): [(seq, live, version)] of its changes, in order."""
    found = {}
    for event in events:
        if event["op"] == "dropped":
            for (col, _), changes in found.items():
                if col == event["col"] and changes[-1][1]:
                    changes.append((event["seq"], False, changes[-1][2] + 1))
        elif "key" in event:
            changes = found.setdefault((event["col"], event["key"]), [])
            changes.append((event["seq"], event["op"] == "set", event["ver"]))
    return found


def state_at(changes, seq):
    """(live, version) after `seq`."""
    before = [c for c in changes if c[0] <= seq]
    return before[-1][1:] if before else (False, 0)


def check_acknowledged(events, writers):
    """Each acknowledged write is in the log as it was sent."""
    by_seq = {}
    for event in events:
        by_seq.setdefault(event["seq"], []).append(event)
    histories = histories_of(events)
    for writer in writers:
        for type, payload, reply in writer.acknowledged:
            there = by_seq.get(reply["seq"], [])
            if type == "sval":
                equal([(e["op"], e["col"], e["key"], e["value"], e["ver"]) for e in there],
                      [("set", payload["col"], payload["key"], payload["value"], reply["ver"])],
                      "an acknowledged sval")
            elif type == "pval":
                equal([(e["op"], e["key"], e["ver"]) for e in there],
                      [("set", payload["key"], reply["ver"])], "an acknowledged pval")
                merged, patch = json.loads(there[0]["value"]), json.loads(payload["value"])
                assert merged.items() >= patch.items(), (merged, patch)
            elif type == "rval" and "ver" in reply:
                equal([(e["op"], e["key"], e["ver"]) for e in there],
                      [("removed", payload["key"], reply["ver"])], "an acknowledged rval")
            elif type == "rval":  # there was nothing to remove
                name = payload["col"], payload["key"]
                live, _ = state_at(histories.get(name, []), reply["seq"])
                equal(live, False, f"{name} after an rval that removed nothing: live")
            elif type == "ins":  # told collection by collection
                equal(sorted([{k: e[k] for k in ("col", "doc", "ts", "data")} for e in there],
                             key=lambda r: r["col"]),
                      sorted(payload, key=lambda r: r["col"]), "an acknowledged ins")
            elif type == "mval":
                told = {e["key"]: e["ver"] for e in there if "key" in e}
                wanted = {w["key"] for w in payload["writes"] if w["op"] != "remove"}
                assert not wanted or wanted <= set(told), (payload, there)
                for key in wanted:
                    equal(told[key], reply["vers"][key], "the version in an acknowledged mval")


def count_cuts(hosts, witnesses):
    """Cuts, cuts within a frame, and events told again."""
    return (sum(h.cuts for h in hosts), sum(h.cut_frames for h in hosts),
            sum(w.repeated for w in witnesses))


def is_enough(counts):
    return all(count >= least
               for count, least in zip(counts, (MIN_CUTS, MIN_CUT_FRAMES, MIN_REPEATED)))


def kill_and_restart(server, writers, hosts, witnesses, stop, failures):
    """Kills the server now and then; ends when enough was written, and enough was seen of it."""
    try:
        for number in range(1, KILLS + 2):
            deadline = time.monotonic() + 3 * SECONDS
            while sum(len(w.acknowledged) for w in writers) < WRITES * number // (KILLS + 1):
                assert not any(w.failure for w in writers), [w.failure for w in writers]
                assert time.monotonic() < deadline, "the writers get nowhere"
                time.sleep(0.01)
            if number <= KILLS:
                server.kill()
                server.start()
        deadline = time.monotonic() + 3 * SECONDS
        while not is_enough(count_cuts(hosts, witnesses)) and time.monotonic() < deadline:
            time.sleep(0.01)
    except Exception as error:
        failures.append(error)
    finally:
        stop.set()


def main():
    print(f"FLUXION_SEED={SEED}")
    chance = random.Random(SEED)
    witnesses = [Witness(n, chance) for n in range(HOSTS * WITNESSES)]
    writers = [Writer(n) for n in range(WRITERS)]
    begun = time.monotonic()
    with FluxionServer(settings=SETTINGS) as server:
        hosts = [Host(server, witnesses[n::HOSTS], chance) for n in range(HOSTS)]
        stop, failures = threading.Event(), []
        threads = [threading.Thread(target=w.run, args=(server, stop), daemon=True)
                   for w in writers]
        threads.append(threading.Thread(target=kill_and_restart, daemon=True,
                                        args=(server, writers, hosts, witnesses, stop,
                                              failures)))
        for thread in threads:
            thread.start()
        with suite.case(f"witnesses while the server is written to and killed (SEED {SEED})"):
            try:
                look_on(hosts, chance, True, stop.is_set)
            finally:
                stop.set()
                for thread in threads:
                    thread.join(SECONDS)
            assert not failures, failures
            assert not any(w.failure for w in writers), [w.failure for w in writers]
        if suite.failed:
            return
        with suite.case("they all get to the end"):
            with Client(server) as client:
                seq = client.ok("sval", {"col": "end", "key": "end", "value": "end"})["seq"]
            for witness in witnesses:
                witness.goal = seq
            look_on(hosts, chance, False, lambda: all(w.at_end for w in witnesses))
        if suite.failed:
            return
        log = [(event, before) for event, before in with_before(read_all(server, seq))]
        with suite.case("the acknowledged writes are in the log"):
            check_acknowledged([event for event, _ in log], writers)
        for witness in witnesses:
            with suite.case(f"{witness.id} {witness.payload} from {witness.start}, SEED {SEED}"):
                wanted = [told for event, before in log
                          if event["seq"] > witness.start
                          and (told := witness.would_hear(event, before)) is not None]
                seen = [event for event in witness.events if event["seq"] <= seq]
                for number, (got, want) in enumerate(zip(seen, wanted)):
                    equal(got, want, f"event {number}")
                equal(len(seen), len(wanted), "events")
        with suite.case("there was enough to see"):
            counts = cuts, cut_frames, repeated = count_cuts(hosts, witnesses)
            ops = {e["op"] for e, _ in log}
            print(f"{len(log)} events, {sum(len(w.events) for w in witnesses)} seen by "
                  f"{len(witnesses)} witnesses, {repeated} a second time; {cuts} cuts, "
                  f"{cut_frames} within a frame, {sum(w.resumed for w in witnesses)} resumes, "
                  f"{sum(w.evicted for w in witnesses)} evictions, {KILLS} kills; "
                  f"{time.monotonic() - begun:.1f} s")
            equal(ops, {"set", "removed", "expired", "inserted", "deleted", "dropped"}, "ops")
            assert is_enough(counts), counts
        for host in hosts:
            if host.socket is not None:
                host.close()


main()
suite.end()
