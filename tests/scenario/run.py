#!/usr/bin/env python3
"""Runs the modules test_*.py beside it, two at a time: run.py [NAME...]. Ends with the totals.

A module that says nothing at its end, fails to count or exits with another code than its count
asks for is a failure.
"""

import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
AT_A_TIME = 2
SECONDS = 800
TOTALS = re.compile(r"(\d+) passed, (\d+) failed")


def run(path):
    begun = time.monotonic()
    try:
        result = subprocess.run([sys.executable, path], capture_output=True, text=True,
                                errors="replace", timeout=SECONDS, stdin=subprocess.DEVNULL)
        output, code = result.stdout + result.stderr, result.returncode
        lines = result.stdout.splitlines()
    except subprocess.TimeoutExpired as late:
        output, code, lines = (late.stdout or b"").decode("utf-8", "replace"), "none in time", []
    found = TOTALS.fullmatch(lines[-1]) if lines else None
    passed, failed = (int(found[1]), int(found[2])) if found else (0, 1)
    if found and (code != 0) != (failed > 0):
        failed += 1
    if passed + failed == 0:
        failed = 1
    print(f"--- {os.path.basename(path)}, {time.monotonic() - begun:.1f} s, exit code {code}\n"
          f"{output.rstrip()}\n", flush=True)
    return passed, failed


def main():
    paths = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
    wanted = sys.argv[1:]
    if wanted:
        paths = [p for p in paths if os.path.basename(p)[len("test_"):-len(".py")] in wanted]
    if not paths or (wanted and len(paths) != len(set(wanted))):
        sys.exit(f"no such modules: {wanted}")
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        counts = list(pool.map(run, paths))
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
