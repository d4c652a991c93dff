#!/usr/bin/env python3
"""Writes the client types from what the server says of itself.

    generate.py BINARY            writes clients/node/src/protocol.ts and clients/go/protocol.go
    generate.py --check BINARY    writes nothing; names each file that is out of date, and exits 1

Exit code 2: the binary cannot be asked, or says what the generator does not understand.
"""

import argparse
import os
import subprocess
import sys

import describe
import golang
import typescript

CLIENTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = (("node/src/protocol.ts", typescript.write), ("go/protocol.go", golang.write))


def read(path):
    """The text, or nothing where there is no such file."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def out_of_date(protocol, root):
    """(path from the root, the text it should have) of each file that has another."""
    texts = ((path, write(protocol)) for path, write in FILES)
    return [(path, text) for path, text in texts if read(os.path.join(root, path)) != text]


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", default=CLIENTS, help="folder of node/ and go/")
    parser.add_argument("binary")
    given = parser.parse_args(arguments)
    try:
        changed = out_of_date(describe.load(given.binary), given.root)
    except (describe.DescribeError, OSError, subprocess.SubprocessError) as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 2
    for path, text in changed:
        if given.check:
            print(f"clients/{path} is out of date: run clients/generate/generate.py")
            continue
        os.makedirs(os.path.dirname(os.path.join(given.root, path)), exist_ok=True)
        with open(os.path.join(given.root, path), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        print(f"clients/{path} written")
    return 1 if given.check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
