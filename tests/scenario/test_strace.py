#!/usr/bin/env python3
"""What the kernel sees: no reply to a write, and no read of it, leaves before its log write, to a
file that was opened with O_DSYNC, returned."""

import os
import re
import shutil
import stat
import tempfile
import threading

import fluxion_server
from client import SECONDS, Client
from fluxion_server import FluxionServer
from harness import Suite, equal
from witness import wait_until

suite = Suite()

CLIENTS = 4
WRITES = 100  # of each client, in lots of 10
LOT = 10
# Each log write is made to take at least so long, so that others can gather meanwhile however fast
# the disk is.
LOG_WRITE_MICROSECONDS = 20000
MARK = re.compile(r"mark-\d{6}")
REPLY = re.compile(r'\\"id\\":\\"(ack-\d{6})\\"')

# One line of strace: a call from its start to its end, or one of the two alone, when calls of
# other threads came between. Lines stand in the order in which the kernel stopped at them.
LINE = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\()"
                  r"(?P<rest>.*)$")
RESULT = re.compile(r"\) += (-?\d+)[^=]*$")
SENDS = ("write", "writev", "sendto", "sendmsg")
LOG_WRITES = ("pwrite64", "pwritev", "pwritev2")


def calls(lines):
    """(call, arguments, result, line of its start, line of its end), in the order of their ends."""
    under_way = {}
    for number, line in enumerate(lines):
        found = LINE.match(line)
        if not found:
            continue
        thread, call, rest = found["thread"], found["call"], found["rest"]
        if call and rest.endswith("<unfinished ...>"):
            under_way[thread] = (call, rest, number)
            continue
        start, text = number, rest
        if found["resumed"]:
            call, before, start = under_way.pop(thread)
            text = before + rest
        result = RESULT.search(rest)
        if result:
            yield call, text, int(result[1]), start, number
    for call, text, start in under_way.values():
        yield call, text, None, start, len(lines)


class Trace:
    """Where, in a trace, writes became durable and where they were spoken of."""

    def __init__(self, lines):
        self.durable = {}  # mark -> line at which the log write that holds it had returned
        self.spoken = []  # (line at which a send began, its text)
        self.segments = 0  # opened
        self.group_sizes = []
        synced = set()
        for call, text, result, start, end in calls(lines):
            fd = text.split(",", 1)[0].rstrip(")")
            if call == "openat" and result is not None and result >= 0:
                synced.discard(str(result))
                if "O_DSYNC" in text:
                    synced.add(str(result))
                    self.segments += 1
            elif call == "close":
                synced.discard(fd.split(")")[0])
            elif call in LOG_WRITES and fd in synced and result is not None and result > 0:
                marks = set(MARK.findall(text))
                self.group_sizes.append(len(marks))
                for mark in marks:
                    self.durable.setdefault(mark, end)
            elif call in SENDS:
                self.spoken.append((start, text))

    def check(self, marks_by_id):
        """Asserts the order; how many replies and how many reads were seen."""
        replies, reads = set(), set()
        for start, text in self.spoken:
            for id in REPLY.findall(text):
                self._after(marks_by_id[id], start, f"the reply {id}")
                replies.add(id)
            for mark in MARK.findall(text):
                self._after(mark, start, "a read")
                reads.add(mark)
        return len(replies), len(reads)

    def _after(self, mark, start, what):
        assert mark in self.durable, f"{what} left, {mark} is in no synced log write"
        assert self.durable[mark] < start, \
            f"{what} of {mark} left at line {start}, its log write returned at {self.durable[mark]}"


def wrapper(folder, trace):
    """A program that is the server under strace; -D keeps the server's process id ours."""
    path = os.path.join(folder, "traced")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec strace -D -f -s 200000 -o '%s' -e signal=none "
                   "-e trace=openat,close,%s -e inject=%s:delay_exit=%d '%s' \"$@\"\n"
                   % (trace, ",".join(SENDS + LOG_WRITES), ",".join(LOG_WRITES),
                      LOG_WRITE_MICROSECONDS, os.path.abspath(fluxion_server.BINARY)))
    os.chmod(path, stat.S_IRWXU)
    return path


class Rounds:
    """Counts what a reader has done; others wait for it."""

    def __init__(self):
        self.count = 0
        self._changed = threading.Condition()

    def add(self):
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for_another(self):
        """One that begins after now."""
        with self._changed:
            wanted = self.count + 2
            assert self._changed.wait_for(lambda: self.count >= wanted, SECONDS), "no reader"


def write_marks(server, number, rounds, failures):
    try:
        with Client(server) as client:
            for lot in range(WRITES // LOT):
                ids = []
                for place in range(LOT):
                    serial = f"{number * WRITES + lot * LOT + place:06}"
                    ids.append(f"ack-{serial}")
                    client.send_raw(client.encode("sval", {
                        "col": "c", "key": f"k{number}", "value": f"mark-{serial}"}, ids[-1]))
                for id in ids:
                    client.reply_to(id)
                rounds.wait_for_another()
    except Exception as error:
        failures.append(error)


def read_marks(server, done, rounds, failures):
    """Looks at all the keys again and again: nothing may be seen too early."""
    try:
        with Client(server) as client:
            while not done.is_set():
                client.ok("gvals", {"col": "c"})
                rounds.add()
    except Exception as error:
        failures.append(error)


def content(path):
    with open(path, encoding="latin-1") as file:
        return file.read()


def traced(settings):
    """Runs writers and a reader; the lines of the trace."""
    folder = tempfile.mkdtemp(prefix="fluxion-strace-")
    plain = fluxion_server.BINARY
    trace = os.path.join(folder, "trace")
    try:
        fluxion_server.BINARY = wrapper(folder, trace)
        failures, done, rounds = [], threading.Event(), Rounds()
        with FluxionServer(settings=settings) as server:
            reader = threading.Thread(target=read_marks, args=(server, done, rounds, failures))
            writers = [threading.Thread(target=write_marks, args=(server, n, rounds, failures))
                       for n in range(CLIENTS)]
            for thread in (reader, *writers):
                thread.start()
            for thread in writers:
                thread.join()
            done.set()
            reader.join()
            pid = server.process.pid
            server.process.terminate()
            server.wait(60)
        # The tracer is a process of its own and has yet to write its last line.
        wait_until(lambda: re.search(rf"^{pid} +\+\+\+ exited", content(trace), re.M), 60,
                   "the trace has no end")
        assert not failures, failures
        return content(trace).splitlines()
    finally:
        fluxion_server.BINARY = plain
        shutil.rmtree(folder, ignore_errors=True)


IDS = {f"ack-{serial:06}": f"mark-{serial:06}" for serial in range(CLIENTS * WRITES)}

# Traces that must be refused: the checker would see it.
GOOD = ['1 openat(AT_FDCWD, "/d/s1", O_RDWR|O_DSYNC|O_CLOEXEC) = 9',
        '1 pwrite64(9, "..mark-000001..", 100, 0) = 100',
        r'2 sendto(5, "{\"id\":\"ack-000001\",\"ver\":1}", 30, 0, NULL, 0) = 30']
FORGED = (
    ("the reply before the log write", [GOOD[0], GOOD[2], GOOD[1]]),
    ("the reply while the log write is under way",
     [GOOD[0], '1 pwrite64(9, "..mark-000001..", 100, 0 <unfinished ...>', GOOD[2],
      "1 <... pwrite64 resumed>) = 100"]),
    ("no log write", [GOOD[0], GOOD[2]]),
    ("a log write that failed", [GOOD[0], GOOD[1].replace("= 100", "= -1 EIO (error)"), GOOD[2]]),
    ("a file without O_DSYNC", [GOOD[0].replace("|O_DSYNC", ""), GOOD[1], GOOD[2]]),
    ("a file that was closed and opened again without",
     [GOOD[0], "1 close(9) = 0", GOOD[0].replace("|O_DSYNC", ""), GOOD[1], GOOD[2]]),
    ("another mark in the log write", [GOOD[0], GOOD[1].replace("001", "002"), GOOD[2]]),
    ("a read before the log write",
     [GOOD[0], r'2 sendto(5, "{\"value\":\"mark-000001\"}", 9, 0, NULL, 0) = 9', GOOD[1]]),
)


def test_checker():
    with suite.case("the checker passes a right trace"):
        equal(Trace(GOOD).check(IDS), (1, 0))
    for name, lines in FORGED:
        with suite.case(f"the checker refuses: {name}"):
            try:
                Trace(lines).check(IDS)
            except AssertionError:
                continue
            raise AssertionError("it passed")


def test_server():
    with suite.case("no reply and no read before its log write returned"):
        trace = Trace(traced({"segment-size": "8KiB", "io-threads": 2}))
        replies, reads = trace.check(IDS)
        equal(replies, CLIENTS * WRITES, "replies seen")
        equal(len(trace.durable), CLIENTS * WRITES, "writes seen in the log")
        # A read after each lot sees the last one of it.
        assert reads >= CLIENTS * WRITES // LOT, f"only {reads} values were read"
        assert trace.segments > 2, f"{trace.segments} segments"
        print(f"{replies} replies and {reads} values read, each after its log write; "
              f"{len(trace.group_sizes)} log writes, the largest of {max(trace.group_sizes)}, "
              f"in {trace.segments} segments")
    with suite.case("writes that wait for a log write share the next one"):
        # Ten that come together need two log writes: one for the first, one for the others.
        used = len(trace.group_sizes)
        assert used <= CLIENTS * WRITES // 3, f"{used} log writes for {CLIENTS * WRITES} writes"
    with suite.case("with --durability none the same check fails"):
        trace = Trace(traced({"durability": "none"}))
        try:
            trace.check(IDS)
        except AssertionError:
            pass
        else:
            raise AssertionError("it passed without O_DSYNC")


test_checker()
test_server()
suite.end()
