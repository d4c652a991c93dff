#!/usr/bin/env python3
"""Builds the fuzz targets and runs them, two at a time: run.py [--seconds N] [TARGET...].

Each starts from its inputs in corpus/TARGET and from those that earlier runs on this machine found
interesting (build/fuzz/corpus). An input that breaks a target is kept in build/fuzz/found, and is
shown; `build/fuzz/TARGET FILE` runs it again. A target that hardly runs, or reaches hardly any
code, has failed too: it would find nothing. Ends with the totals.

    run.py --minimise     chooses the inputs of corpus/ anew, from all there are
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.environ.get("OUT", os.path.join(ROOT, "build", "fuzz"))
AT_A_TIME = 2
LEAST_PER_SECOND = 10  # executions; below it a target is as good as not run
LEAST_FEATURES = 100
KILL_AFTER_S = 120  # beyond its time: it hangs where its own time limit does not reach
SHOWN_HEX_BYTES = 512
MAX_SHOWN = 20000
PROGRESS = re.compile(r"#\d+\s|\s+NEW_FUNC|INFO: |stat::")

# Input size in bytes; the default is enough for the others.
MAX_BYTES = {"http": 20000, "log": 8192, "checkpoint": 8192, "pattern": 1500}
DEFAULT_MAX_BYTES = 4096
DICTIONARIES = {"envelope": "requests", "payload": "requests", "insert": "requests",
                "http": "http", "pattern": "pattern"}
# A corpus kept in the repository: so many inputs at most, of at most so many bytes.
MAX_KEPT_INPUTS = 120
MAX_KEPT_BYTES = 1024

ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="allow_addr2line=1:detect_stack_use_after_return=1",
                   UBSAN_OPTIONS="print_stacktrace=1")


def build():
    command = ["make", "--no-print-directory", "-f", os.path.join(HERE, "Makefile"),
               f"-j{AT_A_TIME}", f"OUT={OUT}"]
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    if subprocess.run(command, env=environment).returncode:
        sys.exit("the fuzz targets do not build\n0 passed, 1 failed")


def all_targets():
    return sorted(os.path.basename(path)[:-len("_target.cpp")]
                  for path in glob.glob(os.path.join(HERE, "*_target.cpp")))


def kept(target):
    return os.path.join(HERE, "corpus", target)


def grown(target):
    folder = os.path.join(OUT, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    return folder


def options(target):
    found = ["-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=256",
             f"-max_len={MAX_BYTES.get(target, DEFAULT_MAX_BYTES)}"]
    if target in DICTIONARIES:
        found.append(f"-dict={os.path.join(HERE, DICTIONARIES[target])}.dict")
    return found


def show_found(prefix, before):
    for path in sorted(set(glob.glob(prefix + "*")) - before):
        with open(path, "rb") as file:
            content = file.read()
        more = " ..." if len(content) > SHOWN_HEX_BYTES else ""
        print(f"found: {path} ({len(content)} bytes)\n"
              f"  {content[:SHOWN_HEX_BYTES].hex(' ')}{more}\n"
              f"  again: {os.path.join(OUT, os.path.basename(path).split('-')[0])} {path}")


def last_number(pattern, text):
    numbers = re.findall(pattern, text)
    return int(numbers[-1]) if numbers else 0


def fuzz(target, seconds):
    """Whether it passed, and a line of the table."""
    prefix = os.path.join(OUT, "found", target + "-")
    before = set(glob.glob(prefix + "*"))
    command = [os.path.join(OUT, target), *options(target), f"-artifact_prefix={prefix}",
               f"-max_total_time={seconds}", "-print_final_stats=1", grown(target), kept(target)]
    begun = time.monotonic()
    try:
        result = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=seconds + KILL_AFTER_S)
        log, code = result.stdout.decode("utf-8", "replace"), result.returncode
    except subprocess.TimeoutExpired as late:
        log, code = (late.stdout or b"").decode("utf-8", "replace"), "none in time"
    took = time.monotonic() - begun
    executions = last_number(r"stat::number_of_executed_units:\s*(\d+)", log)
    features = last_number(r"\bft: (\d+)", log)
    coverage = last_number(r"\bcov: (\d+)", log)
    inputs = last_number(r"\bcorp: (\d+)", log)
    wrong = ""
    if code != 0:
        wrong = f"exit code {code}"
    elif executions < LEAST_PER_SECOND * seconds:
        wrong = f"fewer than {LEAST_PER_SECOND * seconds} executions"
    elif features < LEAST_FEATURES:
        wrong = f"fewer than {LEAST_FEATURES} features"
    if wrong:
        said = [line for line in log.splitlines() if not PROGRESS.match(line)]
        print(f"--- {target}: {wrong}\n" + "\n".join(said)[-MAX_SHOWN:], flush=True)
        show_found(prefix, before)
    return not wrong, (f"{target:12} {executions:12,} {executions / max(took, 0.1):9,.0f} "
                       f"{coverage:9,} {features:9,} {inputs:7,} {took:7.1f}  {wrong or 'ok'}")


def merge(target, into, sources):
    command = [os.path.join(OUT, target), *options(target), "-merge=1", into, *sources]
    done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{target}: merging failed\n{done.stdout.decode('utf-8', 'replace')[-4000:]}")


def minimise(target, seeds):
    """corpus/target from: fresh seeds, what is kept, what grew here. What was found once stays."""
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        chosen = os.path.join(folder, "chosen")
        os.makedirs(chosen)
        merge(target, chosen, [path for path in (os.path.join(seeds, target), kept(target),
                                                 grown(target)) if os.path.isdir(path)])
        # Seeds first, since they have shape; then what is small, evenly over the sizes.
        names = [name for name in os.listdir(chosen)
                 if os.path.getsize(os.path.join(chosen, name)) <= MAX_KEPT_BYTES]
        names.sort(key=lambda name: (os.path.getsize(os.path.join(chosen, name)), name))
        step = max(1, -(-len(names) // MAX_KEPT_INPUTS))
        os.makedirs(kept(target), exist_ok=True)
        for path in glob.glob(os.path.join(kept(target), "*")):
            if not os.path.basename(path).startswith("found-"):
                os.remove(path)
        for name in names[step - 1::step]:
            shutil.copy(os.path.join(chosen, name), kept(target))
        for path in glob.glob(os.path.join(seeds, target, "*")):
            shutil.copy(path, kept(target))
    print(f"{target}: {len(os.listdir(kept(target)))} inputs", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--minimise", action="store_true", help="choose the kept inputs anew")
    parser.add_argument("targets", nargs="*", help="all, if none is named")
    wanted = parser.parse_args()
    unknown = set(wanted.targets) - set(all_targets())
    if unknown:
        sys.exit(f"no such targets: {' '.join(sorted(unknown))}")
    targets = wanted.targets or all_targets()
    build()
    os.makedirs(os.path.join(OUT, "found"), exist_ok=True)
    if wanted.minimise:
        with tempfile.TemporaryDirectory(dir=OUT) as seeds:
            subprocess.run([os.path.join(OUT, "seeds"), seeds], env=ENVIRONMENT, check=True)
            for target in targets:
                minimise(target, seeds)
        return
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        results = list(pool.map(lambda target: fuzz(target, wanted.seconds), targets))
    print(f"{'target':12} {'executions':>12} {'a second':>9} {'coverage':>9} {'features':>9} "
          f"{'inputs':>7} {'seconds':>7}")
    for _, line in results:
        print(line)
    passed = sum(good for good, _ in results)
    print(f"{passed} passed, {len(results) - passed} failed", flush=True)
    sys.exit(1 if passed < len(results) else 0)


if __name__ == "__main__":
    main()
