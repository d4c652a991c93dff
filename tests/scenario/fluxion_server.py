"""The server as a process of its own: started, stopped, killed and started again on its data."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("FLUXION_BIN", os.path.join(HERE, "..", "..", "fluxion"))
SECRET = "Top-secret-0123456789-key"
START_SECONDS = 60  # a busy machine; a start takes some 50 ms
STOP_SECONDS = 60  # the same; with clients that do not answer it takes the close-timeout, 5 s
LISTENING = re.compile(r"listening on (wss?)://.*:(\d+)$")
LOWEST_PORT, LEAST_PORTS = 10000, 1000  # below it are ports of well-known services


def lasting_port():
    """A free port that nobody else gets by asking for any: for a server that comes back to it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        end = int(file.read().split()[0])
    if end < LOWEST_PORT + LEAST_PORTS:
        end = 1 << 16  # here there is no such port, and chance must do
    for _ in range(100):
        port = random.randrange(LOWEST_PORT, end)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


class FluxionServer:
    """One server. Use it with `with`: nothing stays behind, neither process nor data.

    data: True: a new temporary folder; False: in memory; or the path of a folder, which is kept.
    settings: name -> value, given as FLUXION_... environment variables ("min-seq-timeout": "1s").
    """

    def __init__(self, data=True, secret=SECRET, arguments=(), settings=None, start=True):
        self.secret, self.arguments = secret, list(arguments)
        self.settings = dict(settings or {})
        self._own_folder = None
        if data is True:
            self._own_folder = tempfile.mkdtemp(prefix="fluxion-scenario-")
            data = os.path.join(self._own_folder, "data")
        self.data = data or None
        self.process, self.port = None, None
        self.log = []  # every line of stderr, of all starts
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def spawn(self):
        """Starts the process and waits for nothing."""
        # A setting of whoever runs the tests must not change what is tested.
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("FLUXION_") and k != "SECRET_KEY"}
        settings = dict(self.settings)
        if self.secret is not None:
            settings.setdefault("secret-key", self.secret)
        settings.setdefault("port", 0)
        # Whoever looks away for long, as on a busy machine, shall not find pings among the replies,
        # nor be taken for dead.
        settings.setdefault("ping-interval", "1h")
        if self.data:
            settings.setdefault("data", self.data)
        for name, value in settings.items():
            environment["FLUXION_" + name.upper().replace("-", "_")] = str(value)
        self.port, self.scheme = None, None
        self._ready = threading.Event()
        self.process = subprocess.Popen([BINARY, *self.arguments], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._collect, args=(self.process,), daemon=True)
        self._reader.start()

    def start(self):
        self.spawn()
        if not self._ready.wait(START_SECONDS) or self.port is None:
            self.kill()
            raise AssertionError("the server did not start:\n" + self.log_text())

    def _collect(self, process):
        for line in process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self.log.append(text)
            found = LISTENING.search(text)
            if found:
                self.scheme, self.port = found[1], int(found[2])
                self._ready.set()
        process.stderr.close()
        self._ready.set()

    def log_text(self):
        return "\n".join(self.log)

    def wait_for_line(self, pattern, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if re.search(pattern, self.log_text()):
                return
            time.sleep(0.01)
        raise AssertionError(f"no line {pattern!r} in:\n{self.log_text()}")

    def wait(self, seconds):
        """The exit code, once it has ended by itself."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self):
        """SIGTERM; it must end in order, and in time. Returns the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not stop within {STOP_SECONDS} s:\n{self.log_text()}")
        took = time.monotonic() - begun
        assert code == 0, f"exit code {code} after SIGTERM:\n{self.log_text()}"
        return took

    def suspend(self):
        """SIGSTOP, until every thread stands still: before that one of them may answer."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = f"/proc/{self.process.pid}/task"
        deadline = time.monotonic() + STOP_SECONDS
        while not all(self._is_stopped(f"{tasks}/{task}/stat") for task in os.listdir(tasks)):
            assert time.monotonic() < deadline, "it does not stand still"
            time.sleep(0.001)

    @staticmethod
    def _is_stopped(path):
        with open(path, encoding="ascii", errors="replace") as file:
            return ") T " in file.read()

    def kill(self):
        """kill -9, as far as it still runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.wait(START_SECONDS)

    def restart(self, hard=False):
        self.kill() if hard else self.stop()
        self.start()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None
