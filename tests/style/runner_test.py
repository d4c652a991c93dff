#!/usr/bin/env python3
"""run_suites.py must not take a suite that failed, crashed, hung or ran nothing for a good one."""

import os
import re
import subprocess
import sys
import tempfile

RUNNER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run_suites.py")

# name, cores, seconds, command, the verdict it must get
CASES = (
    ("good", 1, 60, 'echo words; echo "3 passed, 0 failed"', "passed"),
    ("greedy", 99, 60, 'echo "3 passed, 0 failed"', "passed"),
    ("one-failed", 1, 60, 'echo "3 passed, 1 failed"', "1 failed"),
    ("exit-code", 1, 60, 'echo "3 passed, 0 failed"; exit 4', "exit code 4"),
    ("crashed", 1, 60, 'echo "3 passed, 0 failed"; kill -SEGV $$', "exit code -11"),
    ("empty", 1, 60, 'echo "0 passed, 0 failed"', "nothing was tested"),
    ("mute", 1, 60, "true", "no totals on its last line, exit code 0"),
    ("more-after", 1, 60, 'echo "3 passed, 0 failed"; echo x',
     "no totals on its last line, exit code 0"),
    ("late", 1, 1, "sleep 60 & wait", "not done after 1 s"),
)


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as table:
        for name, cores, seconds, command, _ in CASES:
            table.write(f"{name} | {cores} | {seconds} | {command}\n")
        table.flush()
        result = subprocess.run([sys.executable, RUNNER, table.name], capture_output=True,
                                text=True)
        single = subprocess.run([sys.executable, RUNNER, table.name, "good"], capture_output=True)
    passed = failed = 0
    verdicts = dict(re.findall(r"^(\S+) +[\d.]+ s   (.*)$", result.stdout, re.MULTILINE))
    checks = [(f"{name}: {verdicts.get(name)!r}, not {wanted!r}", verdicts.get(name) == wanted)
              for name, _, _, _, wanted in CASES]
    checks.append((f"exit code {result.returncode} with failed suites", result.returncode == 1))
    checks.append((f"exit code {single.returncode} with a good one", single.returncode == 0))
    for complaint, good in checks:
        passed, failed = passed + good, failed + (not good)
        if not good:
            print(complaint)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
