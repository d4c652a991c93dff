#!/usr/bin/env python3
"""Tests the Go client: format, vet, its tests under the race detector, the examples, and a program
in a module of its own. Ends with `N passed, N failed`.

FLUXION_BIN is the server (default: ./fluxion of the repository), GO the go command. Needs no
network: the one dependency must be in the module cache (`go mod download`, here, once).
"""

import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.path.abspath(os.environ.get("FLUXION_BIN", os.path.join(HERE, "..", "..", "fluxion")))
GO = os.environ.get("GO", "go")
SECONDS = 1600
LISTENING = re.compile(rb"listening on ws://(.*:\d+)$")
ENVIRONMENT = {**os.environ, "FLUXION_BIN": BINARY, "GOTOOLCHAIN": "local", "GOPROXY": "off",
               "GOFLAGS": "-buildvcs=false"}

EXAMPLE_PRINTS = """\
5 rooms; room-3: {"temperature":23.4}
1700000004 {"temperature":23.4}
1700000003 {"temperature":23.3}
refused: not_found
"""
WATCH_PRINTS = """\
now:
oven = 190
changes:
oven = 200
oven = 210
oven = 220
oven is gone
"""
OWN_MODULE = """\
module program

go 1.19

require fluxion/clients/go v0.0.0

replace fluxion/clients/go => %s
"""
OWN_PROGRAM = """\
package main

import (
    "context"
    "fmt"
    "os"

    fluxion "fluxion/clients/go"
)

func main() {
    client := fluxion.NewClient(os.Args[1], os.Args[2])
    defer client.Close()
    fmt.Println(client.FetchCollections(context.Background()))
}
"""


def run(*command, cwd=HERE, quiet=False):
    """What it prints; stderr goes to ours. AssertionError if it fails."""
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
                          timeout=SECONDS, check=False)
    if done.returncode and not quiet:
        raise AssertionError(f"{' '.join(command)} exits {done.returncode}:\n{done.stdout}")
    return done.stdout


def formatted():
    root = run(GO, "env", "GOROOT").strip()
    unformatted = run(os.path.join(root, "bin", "gofmt"), "-l", ".")
    assert not unformatted, f"not formatted:\n{unformatted}"


def vetted():
    run(GO, "vet", "./...")


class Server:
    """In memory, on a port of its own, for a `with`."""

    def __enter__(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FLUXION_")}
        environment["FLUXION_SECRET_KEY"] = "dev"
        self.process = subprocess.Popen([BINARY, "--port", "0"], env=environment,
                                        stderr=subprocess.PIPE)
        for line in self.process.stderr:
            found = LISTENING.search(line.rstrip())
            if found:
                return "ws://" + found[1].decode()
        raise AssertionError("the server did not start")

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def example():
    with Server() as url:
        for program, prints in (("./example", EXAMPLE_PRINTS), ("./example/watch", WATCH_PRINTS)):
            printed = run(GO, "run", program, url, "dev")
            assert printed == prints, printed


def own_module():
    with tempfile.TemporaryDirectory(prefix="fluxion-go-") as folder, Server() as url:
        for name, text in (("go.mod", OWN_MODULE % HERE), ("main.go", OWN_PROGRAM),
                           ("go.sum", open(os.path.join(HERE, "go.sum"), encoding="utf-8").read())):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        run(GO, "mod", "tidy", cwd=folder)
        printed = run(GO, "run", ".", url, "dev", cwd=folder)
    assert printed == "[] <nil>\n", printed


def go_tests():
    """(passed, failed) of the Go tests; a test that is skipped has failed."""
    passed = failed = 0
    output = {}
    printed = run(GO, "test", "-race", "-count=1", "-timeout", "25m", "-json", "./...", quiet=True)
    for line in printed.splitlines():
        if not line.startswith("{"):  # a build that failed, as older versions of go say it
            print(line)
            failed += "FAIL" in line
            continue
        event = json.loads(line)
        test = event.get("Test")
        key = (event.get("Package"), test)
        if event["Action"] == "output":
            output[key] = output.get(key, "") + event["Output"]
        elif event["Action"] == "pass" and test:
            passed += 1
            print(f"ok      {test} {event['Elapsed']:.2f} s")
        elif test and event["Action"] in ("fail", "skip"):
            failed += 1
            print(f"FAILED  {test}\n{output.get(key, '')}")
        elif event["Action"] == "fail" and not failed:  # it did not build, or crashed
            failed += 1
            print(f"FAILED  {test or event.get('Package')}\n{output.get(key, '')}")
    return passed, failed


def main():
    passed = failed = 0
    print(run(GO, "version").strip())
    for check in (formatted, vetted, example, own_module):
        try:
            check()
            passed += 1
            print(f"ok      {check.__name__}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {check.__name__}: {error}", flush=True)
    tests = go_tests()
    if not tests[0]:
        failed += 1
        print("FAILED  no Go test passed")
    print(f"{passed + tests[0]} passed, {failed + tests[1]} failed")
    return 1 if failed + tests[1] else 0


if __name__ == "__main__":
    sys.exit(main())
