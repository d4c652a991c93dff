"""Subscriptions of one connection: every frame is checked for its shape and order."""

import time

from client import SECONDS, Client
from harness import equal

FRAME = {"type", "sub", "seq", "events", "more", "snapshot", "end", "code", "error", "oldest"}

# All that an event can tell.
FIELDS = {"keys": ("value", "expires", "previous", "time"), "docs": ("data", "time")}


def place(event):
    return event["seq"], event.get("i", 0)  # an entry of the log is the only one of its seq


def is_integer(value):
    return type(value) is int and value >= 0


class Stream:
    """What one subscription has said so far."""

    def __init__(self, id, position, snapshot=False):
        self.id, self.start, self.position = id, position, position
        self.snapshot = snapshot  # still under way
        self.state = []  # events of the snapshot
        self.events = []  # the changes
        self.end = None  # the frame that ended it before it was done
        self.done = False  # it has all that it asked for
        self.frames = []  # without their events
        self.last = (0, -1)

    def take(self, frame):
        assert set(frame) <= FRAME and frame["sub"] == self.id, frame
        assert self.end is None and not self.done, f"after the end: {frame}"
        assert frame.get("end", True) is True, frame
        self.done = "end" in frame
        events, seq = frame["events"], frame["seq"]
        assert is_integer(seq) and isinstance(events, list), frame
        self.frames.append({**frame, "events": len(events)})
        if "code" in frame:
            assert not events and frame["error"] and seq >= self.position, frame
            assert (frame["code"] == "compacted") == ("oldest" in frame), frame
            self.end = frame
        elif frame.get("snapshot"):
            self._take_state(frame)
        else:
            self._take_changes(frame)

    def _take_state(self, frame):
        assert self.snapshot, f"a snapshot that nobody wanted, or after its end: {self.frames[-1]}"
        if frame.get("more"):
            assert frame["seq"] == 0 and frame["events"], self.frames[-1]
            self.state += frame["events"]
            return
        assert not frame["events"], self.frames[-1]
        self.snapshot = False
        self.position = frame["seq"]

    def _take_changes(self, frame):
        events, seq, more = frame["events"], frame["seq"], frame.get("more")
        assert not self.snapshot, f"a change within the snapshot: {frame}"
        assert seq >= self.position, f"{self.position}, then {self.frames[-1]}"
        for event in events:
            at = place(event)
            assert at > self.last and event["seq"] > self.position, \
                f"{event} after {self.last} and position {self.position}"
            self.last = at
        if more:
            assert more is True and events and seq == self.last[0] - 1, self.frames[-1]
        else:
            assert seq >= self.last[0], self.frames[-1]
        self.position = seq
        self.events += events

    @property
    def bookmarks(self):
        return sum(f["events"] == 0 and "code" not in f and "snapshot" not in f
                   for f in self.frames)


class Subscriber(Client):
    """A client that takes the frames of its subscriptions as they come."""

    def __init__(self, *arguments, **more):
        self.streams = {}
        super().__init__(*arguments, **more)

    def receive(self, timeout=SECONDS):
        """The next message that belongs to no subscription."""
        deadline = time.monotonic() + timeout
        while True:
            message = super().receive(max(0.01, deadline - time.monotonic()))
            if message.get("type") != "evt":
                return message
            self._event(message)

    def _event(self, message):
        # The first frames may follow the reply at once, but never go before it.
        assert message["sub"] in self.streams, f"a frame of no subscription: {message}"
        self.streams[message["sub"]].take(message)

    def sub(self, payload, **more):
        """The new stream; the request must not be refused."""
        id = more.pop("id", None)
        id = self.send("sub", payload, **more) if id is None else self._send_as(id, payload, more)
        return self.opened(id, payload)

    def _send_as(self, id, payload, more):
        self.send_raw(self.encode("sub", payload, id, **more))
        return id

    def opened(self, id, payload):
        reply = self.reply_to(id)
        assert "error" not in reply, reply
        assert is_integer(reply["seq"]) and reply["log"] == self.ready["log"], reply
        stream = Stream(id, reply["seq"], bool(payload.get("snapshot")))
        assert not stream.snapshot or reply["seq"] == 0, reply
        self.streams[id] = stream
        return stream

    def step(self, timeout=SECONDS):
        """Takes one frame of a subscription."""
        message = super().receive(timeout)
        assert message.get("type") == "evt", f"not an event: {message}"
        self._event(message)

    def until(self, condition, what="the condition", seconds=SECONDS):
        """Takes frames until condition()."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{what} did not come about")
            self.step(left)

    def reach(self, stream, seq, seconds=SECONDS):
        """Everything up to `seq`; needs an event at or after it, or a bookmark."""
        self.until(lambda: stream.position >= seq or stream.end, f"seq {seq}", seconds)
        return stream.events

    def count(self, stream, number):
        """Waits for so many events and takes what came with them."""
        self.until(lambda: len(stream.events) >= number or stream.end, f"{number} events")
        return stream.events

    def ended(self, stream, seconds=SECONDS):
        self.until(lambda: stream.end, "the end of the subscription", seconds)
        return stream.end

    def unsub(self, stream):
        reply = self.ok("unsub", {"sub": stream.id})
        del self.streams[stream.id]  # a frame that still came would be of no subscription
        return reply["seq"]


def read_all(server, seq):
    """Every event up to `seq`, of keys and of documents, as one without filters is told."""
    with Subscriber(server) as c:
        keys = c.sub({"kind": "keys", "from": 0, "fields": list(FIELDS["keys"])})
        docs = c.sub({"kind": "docs", "from": 0, "fields": list(FIELDS["docs"])})
        c.reach(keys, seq)
        c.reach(docs, seq)
    drops = [[e for e in s.events if e["op"] == "dropped" and e["seq"] <= seq]
             for s in (keys, docs)]
    equal(drops[0], drops[1], "drops, told of keys and of documents")
    both = keys.events + [e for e in docs.events if e["op"] != "dropped"]
    return sorted((e for e in both if e["seq"] <= seq), key=place)
