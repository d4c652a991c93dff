#!/usr/bin/env python3
"""Runs the suites of a table, shows what each said when it ends, and sums up.

    run_suites.py TABLE [NAME...]      the suites named, or all of them

A line of the table is `name | cores | seconds | command`; # begins a comment. Suites run side by
side as long as their cores add up to the machine's. A suite passes if it ends in time, with exit
code 0, and its last line is `N passed, 0 failed` with N above 0: a suite that ran nothing failed.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOTALS = re.compile(r"(\d+) passed, (\d+) failed")
FAILURE = re.compile(r"ERROR|FAIL|WARNING: ThreadSanitizer|Traceback|Error:|^not ok|✖")


class Suite:
    def __init__(self, name, cores, seconds, command):
        self.name, self.cores, self.limit_s, self.command = name, cores, seconds, command

    def start(self):
        self.output = tempfile.TemporaryFile()
        self.begun = time.monotonic()
        # A group of its own, so that what it leaves behind can be ended with it.
        self.process = subprocess.Popen(["/bin/bash", "-c", self.command], cwd=ROOT,
                                        stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def ended(self):
        """Whether it is over; ends it if its time is."""
        self.took_s = time.monotonic() - self.begun
        late = self.process.poll() is None and self.took_s > self.limit_s
        if self.process.poll() is None and not late:
            return False
        self.end_group()
        self.verdict = f"not done after {self.limit_s} s" if late else self.judge()
        return True

    def end_group(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def text(self):
        self.output.seek(0)
        return self.output.read().decode("utf-8", "replace").rstrip()

    def failures(self):
        """The lines that say what went wrong, or else the last ones."""
        lines = self.text().splitlines()
        said = [i for i, line in enumerate(lines) if FAILURE.search(line)]
        around = sorted({n for i in said for n in range(max(0, i - 3), i + 3) if n < len(lines)})
        return "\n".join([lines[n] for n in around][:40] or lines[-20:])

    def judge(self):
        """Empty if it passed, else why not."""
        self.passed = self.failed = 0
        lines = self.text().splitlines()
        totals = TOTALS.fullmatch(lines[-1].strip()) if lines else None
        if not totals:
            return f"no totals on its last line, exit code {self.process.returncode}"
        self.passed, self.failed = int(totals[1]), int(totals[2])
        if self.failed:
            return f"{self.failed} failed"
        if self.process.returncode:
            return f"exit code {self.process.returncode}"
        return "" if self.passed else "nothing was tested"


def read_table(path):
    suites = []
    with open(path, encoding="utf-8") as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                name, cores, seconds, command = (f.strip() for f in line.split("|", 3))
                suites.append(Suite(name, int(cores), int(seconds), command))
    return suites


def run(suites, cores):
    waiting, running = list(suites), []
    try:
        while waiting or running:
            free = cores - sum(s.cores for s in running)
            # The first that fits; one that wants more than there is runs alone.
            fits = next((s for s in waiting if s.cores <= free or not running), None)
            if fits:
                waiting.remove(fits)
                fits.start()
                running.append(fits)
                continue
            time.sleep(0.05)
            for suite in [s for s in running if s.ended()]:
                running.remove(suite)
                print(f"=== {suite.name}: {suite.command}\n{suite.text()}\n", flush=True)
    finally:
        for suite in running:
            suite.end_group()


def main():
    suites = read_table(sys.argv[1])
    wanted = sys.argv[2:]
    unknown = set(wanted) - {s.name for s in suites}
    if unknown:
        sys.exit(f"no such suite: {', '.join(sorted(unknown))}")
    suites = [s for s in suites if not wanted or s.name in wanted]
    begun = time.monotonic()
    run(suites, os.cpu_count() or 1)
    # Once more at the end, where whoever sees only that finds it.
    for s in suites:
        if s.verdict:
            print(f"=== {s.name} failed, in short\n{s.failures()}\n")
    print(f"=== all suites, {time.monotonic() - begun:.0f} s")
    for s in suites:
        print(f"{s.name:12} {s.took_s:7.1f} s   {s.verdict or 'passed'}")
    bad = sum(1 for s in suites if s.verdict)
    print(f"{len(suites) - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
