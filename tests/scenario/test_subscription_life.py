#!/usr/bin/env python3
"""Subscriptions through their lives: snapshots, bookmarks, evictions, restarts, a short log."""

import socket
import threading
import time

from client import SECONDS, Client
from fluxion_server import FluxionServer
from harness import Suite, equal, expect
from subscriber import Stream, Subscriber, place

suite = Suite()
BOOKMARK_MS = 200
SHORT_LOG = {"log-retain-bytes": 0, "segment-size": "64KiB", "checkpoint-bytes": "64KiB",
             "close-timeout": "100ms"}


def fill(client, col, keys, size=10):
    """So many keys, named by number; the last seq."""
    replies = client.pipeline([("sval", {"col": col, "key": f"k{n:05}", "value": f"{n}" * size})
                               for n in range(keys)])
    return max(r["seq"] for r in replies)


def snapshot_of(client, payload):
    stream = client.sub({**payload, "snapshot": True})
    client.until(lambda: not stream.snapshot, "the end of the snapshot")
    return stream


# Snapshots.

def test_snapshot_of_keys(server):
    with Subscriber(server) as c:
        with suite.case("a snapshot of 20,000 keys while they are written, then the changes"):
            fill(c, "many", 20000)
            c.ok("rval", {"col": "many", "key": "k00499"})
            go_on = threading.Event()
            go_on.set()
            wrote = []

            def write():
                with Client(server) as writer:
                    while go_on.is_set():
                        round = len(wrote)
                        wrote.append(writer.pipeline(
                            [("sval", {"col": "many", "key": f"k{n:05}", "value": f"r{round}"})
                             for n in range(round % 499, 20000, 500)]))

            thread = threading.Thread(target=write, daemon=True)
            thread.start()
            try:
                streams = [snapshot_of(c, {"kind": "keys", "col": "many"}) for _ in range(3)]
            finally:
                go_on.clear()
                thread.join(SECONDS)
            last = c.ok("sval", {"col": "many", "key": "last", "value": "last"})["seq"]
            wanted = {k: (v, c_ver) for k, v, c_ver in current(c, "many")}
            for stream in streams:
                c.reach(stream, last)
                pieces = sum(1 for f in stream.frames if f.get("snapshot") and f.get("more"))
                assert pieces > 1, "20,000 keys in one piece"
                at = stream.frames[pieces]["seq"]
                assert all(e["op"] == "set" and e["i"] == 0 and 0 < e["seq"] <= at
                           for e in stream.state), "not the state at the mark"
                assert all(e["seq"] > at for e in stream.events), "a change before the mark"
                found = {}
                for event in stream.state:
                    assert event["key"] not in found, f"{event['key']} twice"
                    found[event["key"]] = (event["value"], event["ver"])
                assert "k00499" not in found, "a removed key"
                for event in stream.events:
                    if event["key"] in found:  # each change is the next after the state
                        equal(event["ver"], found[event["key"]][1] + 1, event["key"])
                    found[event["key"]] = (event["value"], event["ver"])
                equal(found, wanted, "state and changes together")
        with suite.case("a snapshot through filters, with fields"):
            c.ok("sval", {"col": "few", "key": "a", "value": "yes", "ttl": 3600000})
            c.ok("sval", {"col": "few", "key": "b", "value": "no"})
            c.ok("sval", {"col": "few", "key": "c", "value": "yes too"})
            c.ok("sval", {"col": "few", "key": "gone", "value": "yes", "ttl": 1})
            time.sleep(0.01)  # the time of a key's expiry must pass
            stream = snapshot_of(c, {"kind": "keys", "col": "few", "where": "yes",
                                     "match": "/a|c|gone/", "fields": ["expires"]})
            equal([(e["key"], e["ver"], "expires" in e, "value" in e) for e in stream.state],
                  [("a", 1, True, False), ("c", 1, False, False)], "state")
            c.ok("sval", {"col": "few", "key": "c", "value": "not any more"})
            c.until(lambda: any(e.get("key") == "c" for e in stream.events), "the change")
            change = next(e for e in stream.events if e["key"] == "c")
            assert change["left"] is True and change["ver"] == 2, change
        with suite.case("a snapshot of nothing: the end mark at once"):
            stream = snapshot_of(c, {"kind": "keys", "col": "nothing here"})
            equal((stream.state, len(stream.frames)), ([], 1), "state and frames")
            seq = c.ok("sval", {"col": "nothing here", "key": "k", "value": "v"})["seq"]
            equal([e["seq"] for e in c.reach(stream, seq)], [seq], "what follows")
        with suite.case("unsub within a snapshot: its seq is 0, the id is free"):
            id = c.send("sub", {"kind": "keys", "col": "many", "snapshot": True})
            stop = c.send("unsub", {"sub": id})
            stream = c.opened(id, {"snapshot": True})
            equal(c.reply_to(stop)["seq"], 0 if stream.snapshot else stream.position, "seq")
            assert "error" not in c.call("gval", {"col": "few", "key": "a"})
            stream = c.sub({"kind": "keys", "col": "nothing here", "snapshot": True}, id=id)
            c.until(lambda: not stream.snapshot, "the end of the snapshot")
            equal(len(stream.state), 1, "keys")


def current(client, col):
    values = client.ok("gvals", {"col": col})["values"]
    replies = client.pipeline([("gval", {"col": col, "key": key}) for key in values])
    return [(key, r["value"], r["ver"]) for key, r in zip(values, replies)]


def test_snapshot_of_documents(server):
    with Subscriber(server) as c:
        with suite.case("a snapshot of documents: the latest record of each"):
            rows = [{"col": "docs", "doc": f"d{n % 300}", "ts": (n * 7919) % 2000, "data": f"v{n}"}
                    for n in range(6000)]
            latest = {}
            for row in rows:
                if row["ts"] >= latest.get(row["doc"], row)["ts"]:
                    latest[row["doc"]] = row
            for at in range(0, len(rows), 1000):
                c.ok("ins", rows[at:at + 1000])
            c.ok("ddoc", {"col": "docs", "doc": "d5"})
            del latest["d5"]
            c.ok("drec", {"col": "docs", "doc": "d6", "ts": latest["d6"]["ts"]})
            stream = snapshot_of(c, {"kind": "docs", "col": "docs"})
            wanted = c.ok("qry", {"col": "docs", "ts": 1 << 40})["records"]
            assert len(wanted) == 299 and wanted["d7"]["data"] == latest["d7"]["data"]
            equal({e["doc"]: {"ts": e["ts"], "data": e["data"]} for e in stream.state}, wanted,
                  "state")
            equal(len(stream.state), len(wanted), "events")
            assert all((e["op"], *place(e)) == ("inserted", 0, 0) for e in stream.state)
            seq = c.ok("ins", [{"col": "docs", "doc": "d5", "ts": 1, "data": "back"}])["seq"]
            equal([e["data"] for e in c.reach(stream, seq)], ["back"], "what follows")
        with suite.case("where looks at the latest record only"):
            c.ok("ins", [{"col": "w", "doc": doc, "ts": ts, "data": data} for doc, ts, data in
                         [("a", 1, "yes"), ("a", 2, "no"), ("b", 1, "no"), ("b", 2, "yes")]])
            stream = snapshot_of(c, {"kind": "docs", "col": "w", "where": "yes"})
            equal([(e["doc"], e["ts"]) for e in stream.state], [("b", 2)], "state")


# The frames.

def test_bookmarks(server):
    with Subscriber(server) as c:
        with suite.case("bookmarks: an idle subscription follows the log"):
            begun = time.monotonic()
            idle = c.sub({"kind": "keys", "col": "never", "from": 0})
            for _ in range(3):
                seq = c.ok("sval", {"col": "always", "key": "k", "value": "v"})["seq"]
                seen = idle.bookmarks
                c.until(lambda: idle.position >= seq, "a bookmark at the last seq")
                assert idle.bookmarks > seen and not idle.events
            quiet = idle.bookmarks
            c.until(lambda: idle.bookmarks >= quiet + 3, "three more bookmarks")
            took = time.monotonic() - begun
            # They may wait for us, but not come more often.
            assert idle.bookmarks <= took * 1000 / BOOKMARK_MS + 1, \
                f"{idle.bookmarks} bookmarks within {took:.2f} s, not every {BOOKMARK_MS} ms"
            assert idle.position == seq, "nothing was written: the position stays"


def test_large_inserts(server):
    with Subscriber(server) as c:
        with suite.case("one insert of 3 MB spans frames, live and from the log"):
            start = c.ok("sval", {"col": "x", "key": "k", "value": "v"})["seq"]
            live = c.sub({"kind": "docs", "col": "big"})
            rows = [{"col": "big", "doc": f"d{n % 7}", "ts": n, "data": str(n % 10) * 1000}
                    for n in range(3000)]
            seq = c.ok("ins", rows)["seq"]
            c.ok("ins", [{"col": "big", "doc": "after", "ts": 1, "data": "x"}])
            for stream in (live, c.sub({"kind": "docs", "col": "big", "from": start})):
                c.count(stream, 3001)
                equal([place(e) for e in stream.events],
                      [(seq, i) for i in range(3000)] + [(seq + 1, 0)], "places")
                equal([(e["doc"], e["ts"], e["data"]) for e in stream.events[:-1]],
                      [(r["doc"], r["ts"], r["data"]) for r in rows], "records")
                more = [f for f in stream.frames if f.get("more")]
                assert len(more) >= 2, f"{len(more)} frames with `more`"
                equal({f["seq"] for f in more}, {seq - 1}, "their seq: the one before")
    with Subscriber(server) as c, suite.case("resumed after a part of a seq"):
        stream = c.sub({"kind": "docs", "col": "big", "from": start})
        c.until(lambda: stream.frames, "one frame")
        equal((stream.position, stream.frames[-1]["more"]), (seq - 1, True), "its position")
        c.drop()
    with Subscriber(server) as c, suite.case("and all of it comes again"):
        stream = c.sub({"kind": "docs", "col": "big", "from": seq - 1})
        equal([place(e) for e in c.count(stream, 3001)][:3000], [(seq, i) for i in range(3000)],
              "places")


# Ends.

class Sleeper(Subscriber):
    """Takes nothing from its socket until it is asked, and the kernel little."""

    def __init__(self, server):
        super().__init__(server)
        self.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)


def wait_for(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def test_eviction():
    with FluxionServer(settings={"max-queue-events": 200}) as server, \
            Sleeper(server) as slow, Subscriber(server) as quick, Client(server) as writer:
        with suite.case("who does not read is evicted alone, and resumes exactly"):
            sleepy = slow.sub({"kind": "keys", "col": "evict"}, id="sleepy")
            filtered = slow.sub({"kind": "keys", "col": "evict", "match": "quiet"}, id="filtered")
            awake = quick.sub({"kind": "keys", "col": "evict"})
            wanted = []
            for _ in range(80):
                replies = writer.pipeline(
                    [("sval", {"col": "evict", "key": f"k{n}", "value": "e" * 4000})
                     for n in range(50)])
                wanted += [r["seq"] for r in replies]
                quick.reach(awake, wanted[-1])
            equal([e["seq"] for e in awake.events], wanted, "what the other saw")
            wait_for(lambda: writer.ok("stat")["evictions"] == 1, "the eviction")
            end = slow.ended(sleepy)
            equal(end["code"], "evicted", "code")
            assert 0 < len(sleepy.events) < len(wanted), f"{len(sleepy.events)} events"
            equal(end["seq"], sleepy.events[-1]["seq"], "its last position")
            assert filtered.end is None, "nothing waited for this one"
            again = slow.sub({"kind": "keys", "col": "evict", "from": end["seq"]}, id="sleepy")
            slow.reach(again, wanted[-1])
            equal(sleepy.events + again.events, awake.events, "before and after together")
            seq = writer.ok("sval", {"col": "evict", "key": "quiet", "value": "v"})["seq"]
            equal([e["seq"] for e in slow.reach(filtered, seq)], [seq], "the filtered one")


def test_more_than_a_queue():
    with FluxionServer(settings={"max-queue-events": 200, "slow-subscriber-timeout": "60s"}) \
            as server, Subscriber(server) as c, Client(server) as writer:
        with suite.case("more at once than a queue holds: who reads gets all, then the news"):
            records = c.sub({"kind": "docs", "col": "much"})
            keys = c.sub({"kind": "keys", "col": "much", "fields": ["value", "previous"]})
            rows = [{"col": "much", "doc": f"d{n % 7}", "ts": n, "data": f"v{n}"}
                    for n in range(20000)]
            wanted = []
            for _ in range(3):
                seq = writer.ok("ins", rows)["seq"]
                wanted += [(seq, i) for i in range(len(rows))]
                replies = writer.pipeline([("sval", {"col": "much", "key": f"k{n % 100}",
                                                     "value": str(n)}) for n in range(1000)])
            c.reach(records, wanted[-1][0])
            equal([place(e) for e in records.events], wanted, "records")
            c.count(keys, 3000)
            equal([e["value"] for e in keys.events], [str(n) for n in range(1000)] * 3, "values")
            equal([e.get("previous") for e in keys.events],
                  [None] * 100 + ([str(n) for n in range(1000)] * 3)[:-100], "values before")
            stat = writer.ok("stat")
            equal(stat["evictions"], 0, "evictions")
            assert stat["fell_behind"] > 0, stat
            seq = writer.ok("sval", {"col": "much", "key": "k", "value": "v"})["seq"]
            c.reach(keys, seq)
            equal((records.end, keys.end), (None, None), "ends")


def test_stalled_snapshots():
    with FluxionServer(settings={"catch-up-stall-timeout": "500ms"}) as server, \
            Sleeper(server) as slow, Subscriber(server) as quick, Client(server) as writer:
        with suite.case("snapshots of which nothing is taken end, and what they kept is let go"):
            fill(writer, "large", 3000, 2000)
            equal(writer.ok("stat")["snapshots"], 0, "snapshots")
            streams = [slow.sub({"kind": "keys", "col": "large", "snapshot": True})
                       for _ in range(3)]
            seen = []

            def all_ended():
                stat = writer.ok("stat")
                seen.append((stat["snapshots"], stat["oldest_snapshot_ms"]))
                return stat["evictions"] == 3

            wait_for(all_ended, "the end of all three")
            assert any(count > 0 and age > 0 for count, age in seen), seen
            assert max(count for count, _ in seen) <= 3, seen
            wait_for(lambda: writer.ok("stat")["snapshots"] == 0, "the last snapshot's end")
            equal(writer.ok("stat")["oldest_snapshot_ms"], 0, "the age of none")
            for stream in streams:
                equal((slow.ended(stream)["code"], stream.snapshot), ("evicted", True), "the end")
            equal(len(snapshot_of(quick, {"kind": "keys", "col": "large"}).state), 3000, "keys")


# Restarts and a log that does not hold everything.

def test_restart():
    for hard in (False, True):
        with FluxionServer(settings={"close-timeout": "100ms"}) as server, \
                suite.case(f"a restart by {'kill -9' if hard else 'stop'}"):
            with Subscriber(server) as c:
                log = c.ready["log"]
                stream = c.sub({"kind": "keys", "previous": True})
                seqs = [c.ok("sval", {"col": "r", "key": "k", "value": str(n)})["seq"]
                        for n in range(20)]
                c.reach(stream, seqs[9])
                server.restart(hard)
            with Subscriber(server) as c:
                equal(c.ready["log"], log, "the history")
                silent = c.sub({"kind": "keys", "from": seqs[-1]})
                whole = c.sub({"kind": "keys", "from": f"{log}:0"})
                half = c.sub({"kind": "keys", "from": f"{log}:{seqs[9]}"})
                seqs.append(c.ok("sval", {"col": "r", "key": "k", "value": "20"})["seq"])
                for stream, first in ((silent, 20), (whole, 0), (half, 10)):
                    c.reach(stream, seqs[-1])
                    equal([(e["seq"], e["value"], e["ver"]) for e in stream.events],
                          [(seqs[n], str(n), n + 1) for n in range(first, 21)], "events")
    with FluxionServer(data=False) as server, suite.case("in memory: after it, another history"):
        with Subscriber(server) as c:
            c.ok("sval", {"col": "r", "key": "k", "value": "v"})
            old = c.ready["log"]
        server.restart()
        with Subscriber(server) as c:
            for seq in (0, 1):
                reply = expect(c.call("sub", {"kind": "keys", "from": f"{old}:{seq}"}), "compacted")
                equal(reply["oldest"], f"{c.ready['log']}:0", "oldest")
            expect(c.call("sub", {"kind": "keys", "from": 1}), "compacted")
            stream = c.sub({"kind": "keys", "from": 0})
            seq = c.ok("sval", {"col": "r", "key": "k", "value": "v"})["seq"]
            equal([place(e) for e in c.reach(stream, seq)], [(seq, 0)], "events")


def write_until_compacted(server, client):
    """Writes 10 KB values until the log no longer holds its first entries; the seqs written."""
    seqs = []
    deadline = time.monotonic() + 3 * SECONDS
    while time.monotonic() < deadline:
        replies = client.pipeline([("sval", {"col": "c", "key": f"k{n}", "value": "c" * 10000})
                                   for n in range(20)])
        seqs += [r["seq"] for r in replies]
        if not is_held(client, 0):
            return seqs
    raise AssertionError("the log still holds everything")


def is_held(client, seq):
    """Whether one can still go on after it."""
    reply = client.call("sub", {"kind": "keys", "from": seq})
    if "code" in reply:
        expect(reply, "compacted")
        return False
    client.ok("unsub", {"sub": reply["id"]})
    return True


def from_oldest(client):
    """A stream from the oldest position there is, which a checkpoint under way may still move."""
    reply = expect(client.call("sub", {"kind": "keys", "from": 0}), "compacted")
    for _ in range(100):
        log, _, oldest = reply["oldest"].partition(":")
        equal(log, client.ready["log"], "the history")
        payload = {"kind": "keys", "from": reply["oldest"]}
        id = client.send("sub", payload)
        reply = client.reply_to(id)
        if "code" not in reply:
            stream = Stream(id, reply["seq"])
            equal(stream.start, int(oldest), "the reply's seq")
            client.streams[id] = stream
            return stream
        expect(reply, "compacted")
    raise AssertionError("the oldest position is never one that can be had")


def all_from_oldest(client, last):
    """A stream of all from the oldest position up to `last`, which a checkpoint under way may still
    take away before it is read."""
    for _ in range(100):
        stream = from_oldest(client)
        client.reach(stream, last)
        if not stream.end:
            return stream
        equal(stream.end["code"], "compacted", "the code of an early end")
    raise AssertionError("the log never stays as it is")


class Unwatched(Subscriber):
    """Forgets what comes for subscriptions that it does not follow."""

    def _event(self, message):
        if message["sub"] in self.streams:
            super()._event(message)


def test_short_log():
    with FluxionServer(settings=SHORT_LOG) as server, Unwatched(server) as c:
        log = c.ready["log"]
        with suite.case("what the log no longer holds is compacted, and the oldest position works"):
            seqs = write_until_compacted(server, c)
            stream = all_from_oldest(c, seqs[-1])
            oldest = stream.start
            assert 0 < oldest < seqs[-1], f"oldest {oldest} of {seqs[-1]}"
            expect(c.call("sub", {"kind": "keys", "from": oldest - 1}), "compacted")
            equal([e["seq"] for e in stream.events], list(range(oldest + 1, seqs[-1] + 1)),
                  "every seq after the oldest")
        with suite.case("hval: versions that the log has let go are not there, and no `more`"):
            # Of what was written last the log holds what the older checkpoint has not.
            c.ok("sval", {"col": "c", "key": "k3", "value": "last"})
            found = c.ok("hval", {"col": "c", "key": "k3"})
            gval = c.ok("gval", {"col": "c", "key": "k3"})
            vers = [v["ver"] for v in found["versions"]]
            equal(found["more"], False, "more")
            equal(vers, list(range(gval["ver"], gval["ver"] - len(vers), -1)), "versions")
            assert 0 < len(vers) < gval["ver"], vers
            assert all(v["seq"] > oldest for v in found["versions"])
        with suite.case("the same after a restart"):
            server.restart()
            with Unwatched(server) as again:
                seq = again.ok("sval", {"col": "c", "key": "k0", "value": "v"})["seq"]
                stream = all_from_oldest(again, seq)
                equal([e["seq"] for e in stream.events],
                      list(range(stream.start + 1, seq + 1)), "seqs")


def test_overtaken():
    settings = {**SHORT_LOG, "log-retain-bytes": "8MiB", "segment-size": "1MiB",
                "checkpoint-bytes": "1MiB"}
    with FluxionServer(settings=settings) as server, Sleeper(server) as c:
        with suite.case("a reader of the log that its end overtakes: compacted, and no gap before"):
            with Unwatched(server) as writer:
                seqs = write_until_compacted(server, writer)
                first, start = seqs[0], seqs[-400]  # half of what is kept
                stream = c.sub({"kind": "keys", "from": start})
                # As much again as is kept, twice, and until c has not had what the log still has.
                deadline = time.monotonic() + 3 * SECONDS
                newest = seqs[-1]
                while newest < seqs[-1] + 1600 or is_held(writer, start + 1000):
                    assert time.monotonic() < deadline, "the log does not let go"
                    replies = writer.pipeline(
                        [("sval", {"col": "c", "key": f"k{n}", "value": "c" * 10000})
                         for n in range(20)])
                    newest = max(r["seq"] for r in replies)
            end = c.ended(stream)
            equal(end["code"], "compacted", "code")
            seqs = [e["seq"] for e in stream.events]
            equal(seqs, list(range(start + 1, start + 1 + len(seqs))), "events before the end")
            assert first < start < end["seq"] < newest, (first, start, end, newest)
            equal(end["seq"], seqs[-1], "the position at the end")
            assert int(end["oldest"].partition(":")[2]) > end["seq"], end
            again = all_from_oldest(c, newest)
            equal([e["seq"] for e in again.events], list(range(again.start + 1, newest + 1)),
                  "from the oldest on")


with FluxionServer(settings={"bookmark-interval": f"{BOOKMARK_MS}ms"}) as fluxion:
    for test in (test_snapshot_of_keys, test_snapshot_of_documents, test_bookmarks,
                 test_large_inserts):
        with suite.case(test.__name__):
            test(fluxion)
for test in (test_eviction, test_more_than_a_queue, test_stalled_snapshots, test_restart,
             test_short_log, test_overtaken):
    with suite.case(test.__name__):
        test()
suite.end()
