"""Looks on while a server is ill-treated: another client must not notice, nothing may pile up."""

import os
import threading
import time

from client import SECONDS, Client
from harness import equal

# For three answers, which take milliseconds, on a machine that does something else most of the
# time. A server that waits for a client which does not read waits for stall-timeout: 30 s.
CALM_SECONDS = 20


class Witness:
    """A client of its own that asks the same thing again and again, and what the process holds.

    steady: it also asks all the time, in a thread, from start to stop().
    """

    def __init__(self, server):
        self.server = server
        self.client = Client(server)
        self.slowest = 0.0
        self.asked = 0
        self._writes = 0
        self._thread = None
        self.client.ok("sval", {"col": "witness", "key": "k", "value": "right"})
        self.look()
        self.base_descriptors = self.descriptors()
        self.base_memory = self.memory()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self._thread:
            self._running = False
            self._thread.join(SECONDS)
        self.client.drop()

    def look(self, seconds=CALM_SECONDS):
        """One read and one write, which must be right and quick."""
        assert self.server.alive, self.server.log_text()
        begun = time.monotonic()
        reply = self.client.ok("gval", {"col": "witness", "key": "k"})
        equal(reply["value"], "right", "what the witness reads")
        self._writes += 1
        self.client.ok("sval", {"col": "witness", "key": "n", "value": str(self._writes)})
        reply = self.client.ok("gval", {"col": "witness", "key": "n"})
        equal(reply["value"], str(self._writes), "what the witness wrote")
        took = time.monotonic() - begun
        self.slowest = max(self.slowest, took)
        self.asked += 1
        assert took < seconds, f"the witness waited {took:.2f} s"

    def start(self):
        """Looks on in a thread, until stop()."""
        self.slowest, self.asked, self._running, self._trouble = 0.0, 0, True, []

        def run():
            try:
                while self._running:
                    self.look()
            except Exception as error:
                self._trouble.append(error)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def stop(self):
        """The longest that three requests took, in seconds."""
        self._running = False
        self._thread.join(SECONDS)
        self._thread = None
        assert not self._trouble, f"the witness saw: {self._trouble[0]}"
        assert self.asked > 0, "the witness was never answered"
        return self.slowest

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def settled(self, seconds=SECONDS):
        """Waits until only the witness's own connection is left."""
        wait_until(lambda: self.descriptors() <= self.base_descriptors, seconds,
                   lambda: f"{self.descriptors()} descriptors, at first {self.base_descriptors}")

    def not_grown(self, bytes):
        grown = self.memory() - self.base_memory
        assert grown <= bytes, f"grew by {grown >> 20} MiB, more than {bytes >> 20} MiB"


def wait_until(condition, seconds, text):
    """Until condition() holds. text: what to say if it does not, or what makes it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(text() if callable(text) else text)
        time.sleep(0.01)
