"""Running the command line client: to its end, or in a terminal of its own."""

import codecs
import os
import pty
import re
import select
import signal
import subprocess
import time

from fluxion_server import BINARY, SECRET

SECONDS = 60


def environment_for(server, key=SECRET, environment=None):
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith("FLUXION_") and k not in ("NO_COLOR", "XDG_STATE_HOME")}
    clean.update({"TERM": "xterm", "LC_ALL": "C.UTF-8",
                  "FLUXION_URL": f"{server.scheme}://127.0.0.1:{server.port}"})
    if key is not None:
        clean["FLUXION_KEY"] = key
    return {**clean, **(environment or {})}


def run_client(arguments, server, key=SECRET, stdin=None, environment=None, stdout=None,
               start_only=None):
    """(exit code, stdout, stderr); with `start_only`, a file for its stdin, the process."""
    command, env = [BINARY, *arguments], environment_for(server, key, environment)
    if start_only is not None:
        return subprocess.Popen(command, env=env, stdin=start_only, stdout=subprocess.DEVNULL)
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin.encode()}
    done = subprocess.run(command, env=env, stdout=stdout or subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=SECONDS, **given)
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode("utf-8", "replace")


class Terminal:
    """A program in a terminal of its own; `seen` is all that it wrote."""

    def __init__(self, arguments, server, environment=None, key=SECRET):
        self.seen = ""
        self._from = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # reads cut characters
        env = environment_for(server, key, environment)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, *arguments], env)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def send(self, text):
        os.write(self.fd, text.encode())

    def _more(self, deadline):
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"it did not come; all there was:\n{self.seen!r}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the program has ended
            return False
        self.seen += self._decoder.decode(data)
        return bool(data)

    def wait_for(self, pattern, seconds=SECONDS):
        """What came since the last wait, up to the end of this pattern; the match."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.compile(pattern).search(self.seen, self._from)
            if found:
                self._from = found.end()
                return found
            if not self._more(deadline):
                raise AssertionError(f"ended without {pattern!r}:\n{self.seen!r}")

    def wait_for_end(self, seconds=SECONDS):
        """The exit code."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)


def run_in_terminal(arguments, server, environment=None):
    """All that it writes to a terminal."""
    with Terminal(arguments, server, environment) as terminal:
        terminal.wait_for_end()
        return terminal.seen
