"""Runs an image's tree as an engine would: its user, environment, folder and entry point, in new
PID, mount, network, IPC and UTS namespaces, where the program is process 1. Root is needed."""

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import threading

import websocket

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 60  # for what takes an instant; a slow machine does not fail
STOP_SECONDS = 8  # engines kill after 10
KEY = "K"


class Image:
    """tree: folder of its files; config: what `buildah inspect` says of it."""

    def __init__(self, name):
        text = subprocess.run(["buildah", "inspect", "--type", "image", name], check=True,
                              capture_output=True, text=True).stdout
        self.config = json.loads(text)["Docker"]["config"]
        self.container = output("buildah", "from", "--pull-never", name)
        self.tree = output("buildah", "mount", self.container)

    def remove(self):
        output("buildah", "rm", self.container)


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


class Container:
    """user: "uid:gid" as for --user; flags: "ro" and "init" as --read-only and --init."""

    def __init__(self, image, data, arguments, user=None, flags="", variables=()):
        self.config = image.config
        self.user = (user or image.config["User"]).split(":")
        self.variables = [*image.config["Env"], *variables]
        self.lines, self.heard = [], queue.Queue()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child",
             os.path.join(HERE, "enter.sh"), image.tree, data, flags, *self.user,
             image.config["WorkingDir"], *self.variables, "--", *image.config["Entrypoint"],
             *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            self.heard.put(self.lines[-1])
        self.heard.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def text(self):
        return "\n".join(self.lines)

    def listening(self):
        """Waits until it says that it listens; returns the host's id of its process 1."""
        for line in iter(lambda: self.heard.get(timeout=SECONDS), None):
            if "listening on" in line:
                return self.first()
        raise AssertionError(f"it does not listen:\n{self.text()}")

    def first(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return int(file.read())

    def ended(self, seconds=SECONDS):
        """Waits for its end: exit code, all it said."""
        code = self.process.wait(seconds)
        for _ in iter(lambda: self.heard.get(timeout=SECONDS), None):
            pass
        return code, self.text()

    def stop(self):
        """As `docker stop`: the image's signal to process 1."""
        os.kill(self.first(), signal.Signals[self.config["StopSignal"]])
        return self.ended(STOP_SECONDS)

    def execute(self, *command):
        """As `docker exec`, as its user: exit code, output and errors."""
        done = subprocess.run(
            ["nsenter", f"--target={self.first()}", "--mount", "--pid", "--net", "--ipc", "--uts",
             "--root", "--wd", "setpriv", f"--reuid={self.user[0]}", f"--regid={self.user[1]}",
             "--clear-groups", "--bounding-set=-all", "--no-new-privs", "env", "-i",
             *self.variables, *command], capture_output=True, text=True, timeout=SECONDS)
        return done.returncode, done.stdout + done.stderr

    def health(self):
        """As an engine: the image's health check."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD", kind
        return self.execute(*command)

    @contextlib.contextmanager
    def network(self):
        """This thread's new sockets are the container's."""
        with open("/proc/self/ns/net", "rb") as ours, \
                open(f"/proc/{self.first()}/ns/net", "rb") as theirs:
            enter_network(theirs)
            try:
                yield
            finally:
                enter_network(ours)

    def ask(self, *requests, port=8080, scheme="ws"):
        """The replies to these (type, data), one after the other, on one connection."""
        replies = []
        with self.network():
            client = websocket.create_connection(
                f"{scheme}://127.0.0.1:{port}/?api-key={KEY}", timeout=SECONDS,
                sslopt={"cert_reqs": 0})
        with contextlib.closing(client):
            assert json.loads(client.recv())["type"] == "ready"
            for number, (kind, data) in enumerate(requests):
                client.send(json.dumps({"id": str(number), "type": kind, "data": data}))
                replies.append(json.loads(client.recv()))
        return replies


def enter_network(file):
    clone_newnet = 0x40000000
    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), clone_newnet) != 0:
        raise OSError(ctypes.get_errno(), "setns")
