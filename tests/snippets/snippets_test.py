#!/usr/bin/env python3
"""Runs the README's programs for Node and Go exactly as printed, and compares what they print.

    snippets_test.py [README]

A section `## From Node` (`## From Go`) has one block marked js (go), the program, and after the
line `It prints:` a block with its output. The Go section also has a block with the lines of
go.mod, `replace` among them. Each program finds a new server at ws://localhost:8080 with the key
`dev`: in a network namespace of its own, so that the port is free and nothing else is reachable.
What needs the compiler or the packages is prepared before.

FLUXION_BIN is the server. Needs root, or leave to make user namespaces. Ends with
`N passed, N failed`.
"""

import difflib
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("FLUXION_BIN", os.path.join(ROOT, "fluxion")))
LANGUAGES = {"Node": "js", "Go": "go"}
URL, KEY = "ws://localhost:8080", "dev"
RUN_SECONDS, BUILD_SECONDS = 120, 600
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Snippet:
    """What one section prints. AssertionError where a part is missing or there twice."""

    def __init__(self, readme, name):
        sections = re.findall(rf"^## From {name}\n(.*?)(?=^## |\Z)", readme,
                              re.MULTILINE | re.DOTALL)
        assert len(sections) == 1, f"{len(sections)} sections `## From {name}`"
        language = LANGUAGES[name]
        programs = [text for mark, text in BLOCK.findall(sections[0]) if mark == language]
        assert len(programs) == 1, f"From {name}: {len(programs)} blocks marked {language}"
        printed = re.findall(r"^It prints:\n\n```\w*\n(.*?)^```$", sections[0],
                             re.MULTILINE | re.DOTALL)
        assert len(printed) == 1, f"From {name}: {len(printed)} blocks after `It prints:`"
        assert URL in programs[0] and f'"{KEY}"' in programs[0].replace("'", '"'), \
            f"From {name}: the program does not use {URL} and the key {KEY}"
        modules = [text for _, text in BLOCK.findall(sections[0]) if "\nreplace " in "\n" + text]
        assert len(modules) == (name == "Go"), f"From {name}: {len(modules)} blocks for go.mod"
        self.name, self.program, self.printed = name, programs[0], printed[0]
        self.module = modules[0] if modules else ""


def write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def run(*command, cwd, seconds, environment=None):
    """What it prints. AssertionError if it fails."""
    done = subprocess.run(command, cwd=cwd, env=environment, timeout=seconds, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, \
        f"{' '.join(command)} exits {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def prepare_node(snippet, scratch):
    """Installs the packed package beside the program. Returns the command."""
    folder = os.path.join(scratch, "node")
    write(folder, "program.mjs", snippet.program)
    package = os.path.join(ROOT, "clients", "node")
    run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, cwd=package,
        seconds=BUILD_SECONDS)
    packed, = (name for name in os.listdir(folder) if name.endswith(".tgz"))
    modules = os.path.join(folder, "node_modules")
    with tarfile.open(os.path.join(folder, packed)) as archive:
        archive.extractall(modules)
    os.rename(os.path.join(modules, "package"), os.path.join(modules, "fluxion-client"))
    shutil.copytree(os.path.join(package, "node_modules", "ws"), os.path.join(modules, "ws"))
    return ["node", os.path.join(folder, "program.mjs")]


def prepare_go(snippet, scratch):
    """Builds the program in a module beside a folder `fluxion`, the checkout. Its command."""
    os.symlink(ROOT, os.path.join(scratch, "fluxion"))
    folder = os.path.join(scratch, "program")
    write(folder, "main.go", snippet.program)
    write(folder, "go.mod", "module program\n\ngo 1.19\n\n" + snippet.module)
    shutil.copy(os.path.join(ROOT, "clients", "go", "go.sum"), folder)
    go = os.environ.get("GO", "go")
    environment = {**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-buildvcs=false"}
    run(go, "mod", "tidy", cwd=folder, seconds=BUILD_SECONDS, environment=environment)
    run(go, "build", "-o", "program", ".", cwd=folder, seconds=BUILD_SECONDS,
        environment=environment)
    return [os.path.join(folder, "program")]


PREPARE = {"Node": prepare_node, "Go": prepare_go}


def raise_loopback():
    """A new namespace has a loopback device, but it is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, name))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def inside(command):
    """In the namespace: starts the server, runs the command, returns its exit code."""
    raise_loopback()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FLUXION_")}
    server = subprocess.Popen([BINARY, "--port", "8080"], stderr=subprocess.PIPE, text=True,
                              env={**environment, "FLUXION_SECRET_KEY": KEY})
    try:
        said = ""
        for line in server.stderr:
            said += line
            if "listening on" in line:
                return subprocess.run(command, env=environment, timeout=RUN_SECONDS,
                                      check=False).returncode
        print(f"the server did not start:\n{said}", file=sys.stderr)
        return 1
    finally:
        server.kill()
        server.wait()


def in_namespace(command):
    """What the command prints beside a server, and nothing else, at localhost:8080."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-rn"]
    return run(*unshare, sys.executable, os.path.abspath(__file__), "--inside", *command,
               cwd=os.path.dirname(command[-1]), seconds=2 * RUN_SECONDS,
               environment={**os.environ, "FLUXION_BIN": BINARY})


def compare(printed, got):
    """AssertionError with the difference, if there is one."""
    difference = difflib.unified_diff(printed.splitlines(True), got.splitlines(True),
                                      "README.md", "printed")
    assert printed == got, "".join(difference)


def check(readme, name, scratch):
    snippet = Snippet(readme, name)
    compare(snippet.printed, in_namespace(PREPARE[name](snippet, scratch)))


PLANTED = """\
## From Go

```
require fluxion/clients/go v0.0.0

replace fluxion/clients/go => ../fluxion/clients/go
```

```go
package main // ws://localhost:8080 "dev"
```

It prints:

```
one
```
"""


def check_itself():
    """What is missing or different in a README must be found."""
    snippet = Snippet(PLANTED, "Go")
    compare(snippet.printed, "one\n")
    faults = [lambda: compare(snippet.printed, other) for other in ("", "two\n", "one\none\n")]
    for old, new in (("## From Go", "## From Gone"), ("```go", "```c"), ("It prints", "Prints"),
                     ("\nreplace", "\nrequire"), ("8080", "8081"), ('"dev"', '"key"')):
        faults.append(lambda old=old, new=new: Snippet(PLANTED.replace(old, new), "Go"))
    faults.append(lambda: Snippet(PLANTED + PLANTED, "Go"))
    for number, fault in enumerate(faults):
        try:
            fault()
        except AssertionError:
            continue
        raise AssertionError(f"planted fault {number} was not found")


def main():
    if sys.argv[1:2] == ["--inside"]:
        return inside(sys.argv[2:])
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "README.md")
    with open(path, encoding="utf-8") as file:
        readme = file.read()
    checks = [("the planted faults are found", check_itself)]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="fluxion-snippets-") as scratch:
        for name in LANGUAGES:
            checks.append((f"From {name} prints what it says",
                           lambda name=name: check(readme, name, scratch)))
        for what, test in checks:
            try:
                test()
                passed += 1
                print(f"ok      {what}", flush=True)
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAILED  {what}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
