#!/usr/bin/env python3
"""Measures the rules of this repository's style. Each rule first proves itself on a planted sample.

A rule takes a file's path (from the repository's root) and its lines, and yields (line, what is
wrong). To add one: write it, put it into RULES with a text that breaks it and one that does not.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# From the ground up: a folder includes itself and those before it. docs/architecture.md says why.
FOLDERS = ("base io config protocol log store live engine sql ingest auth api net shell "
           "server").split()
QT_FREE = FOLDERS[:FOLDERS.index("engine") + 1]

MAX_FILE_LINES, NOTED_FILE_LINES = 800, 400
MAX_FUNCTION_LINES = 70
MAX_TEST_LINES = 150  # a test's table of cases stands in its function
MAX_COLUMNS = 100

# Only src/io opens, writes and syncs files, so that faults can be put under everything else.
FILE_CALLS = re.compile(
    r"(?<![\w>])::(?:open|openat|creat|rename|unlink|pwrite|ftruncate|fallocate)\s*\("
    r"|\b(?:fopen|fsync|fdatasync)\s*\("
    r"|\bQ(?:Save|Temporary)?File\b"
    r"|\bstd::(?:[io]?fstream|filesystem)\b")
# The only exceptions: (file or folder, what it may use, why).
FILE_EXCEPTIONS = (
    ("src/sql/", "QFile", "SQLite opens its own files"),
    ("src/server/tls.cpp", "QFile", "reads the certificate and key of TLS, writes nothing"),
    ("src/server/main.cpp", "std::ifstream", "reads the settings' file before anything exists"),
)

CODE = (".h", ".cpp")
SCRIPTS = (".py", ".sh", ".pro", ".pri", ".ts", ".mjs")
LONGER = (".go",)  # gofmt indents with tabs and breaks no lines
SKIPPED_FOLDERS = {".git", "build", "tmp_data", "node_modules", "dist", "__pycache__", "assets",
                   "corpus"}
SKIPPED_FILES = {"LICENSE", "build.mk", ".qmake.stash", "fluxion"}


def folder_of(path):
    """The folder of src that a file is in, or nothing."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else ""


def without_comments(lines):
    """The lines with // and /* */ comments and the insides of string literals blanked."""
    inside = False
    for line in lines:
        line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line) if "#include" not in line else line
        out = ""
        while line:
            if inside:
                _, end, line = line.partition("*/")
                inside = not end
                continue
            mark = re.search(r"//|/\*", line)
            if not mark:
                out += line
                break
            out += line[:mark.start()]
            inside = mark.group() == "/*"
            line = line[mark.end():] if inside else ""
        yield out


def include_direction(path, lines):
    here = folder_of(path)
    if not path.endswith(CODE) or not here or path == "src/server/main.cpp":
        return
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if not found:
            continue
        there = found[1].split("/")[0]
        if there not in FOLDERS:
            yield number, f'"{found[1]}" does not begin with a folder of src'
        elif FOLDERS.index(there) > FOLDERS.index(here):
            yield number, f"{here} includes {there}, which stands above it"


def known_folder(path, lines):
    if path.endswith(CODE) and path.startswith("src/") and folder_of(path) not in FOLDERS:
        yield 1, "not in a folder that has a place in the order"


def free_of_qt(path, lines):
    if path.endswith(CODE) and folder_of(path) in QT_FREE:
        for number, line in enumerate(lines, 1):
            if re.match(r'\s*#\s*include\s*[<"]Q', line):
                yield number, f"{folder_of(path)} is free of Qt"


def file_access(path, lines):
    if not path.endswith(CODE) or not path.startswith("src/") or folder_of(path) == "io":
        return
    for number, line in enumerate(without_comments(lines), 1):
        for found in FILE_CALLS.findall(line):
            if not any(path.startswith(where) and what in found
                       for where, what, _ in FILE_EXCEPTIONS):
                yield number, f"{found.strip('( ')} outside src/io"


def file_length(path, lines):
    if path.endswith(CODE + SCRIPTS + LONGER) and len(lines) > MAX_FILE_LINES:
        yield len(lines), f"{len(lines)} lines, at most {MAX_FILE_LINES}"


def function_length(path, lines):
    """clang-format puts a function's braces, and only those, alone on their lines."""
    if not path.endswith(CODE):
        return
    limit = MAX_FUNCTION_LINES if path.startswith("src/") else MAX_TEST_LINES
    for start, line in enumerate(lines):
        if line.strip() != "{":
            continue
        end = next((i for i in range(start, len(lines))
                    if re.fullmatch(re.escape(line.replace("{", "}")) + ";?", lines[i])), start)
        if end - start + 1 > limit:
            yield start + 1, f"{end - start + 1} lines, at most {limit}"


def line_width(path, lines):
    if path.endswith(CODE + SCRIPTS) or path == "Makefile":
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                yield number, f"{len(line)} columns, at most {MAX_COLUMNS}"


def tabs(path, lines):
    if path.endswith(CODE + SCRIPTS):
        for number, line in enumerate(lines, 1):
            if "\t" in line:
                yield number, "a tab"


def pragma_once(path, lines):
    if path.endswith(".h"):
        first = next((line for line in lines if line.startswith("#")), "")
        if first != "#pragma once":
            yield 1, "its first directive is not #pragma once"


def file_name(path, lines):
    name = os.path.basename(path)
    if path.endswith(CODE) and not re.fullmatch(r"[a-z0-9_]+\.(h|cpp)", name):
        yield 1, "a file's name is lower_snake"
    if path.endswith(CODE) and re.search(r"manager|helper|util|stuff", name):
        yield 1, "a name that says nothing"


DIGIT_SEPARATOR = re.compile(r"\b\d[\da-fA-F]*'[\da-fA-F]")


def moc_scanner(path, lines):
    """qmake looks for what moc needs, and takes a digit separator for the start of a character."""
    if not path.endswith(CODE) or not any("Q_OBJECT" in line or ".moc" in line for line in lines):
        return
    for number, line in enumerate(without_comments(lines), 1):
        if DIGIT_SEPARATOR.search(line):
            yield number, "a digit separator in a file that moc reads: qmake may miss its includes"


KEEPS_ROOM = re.compile(r"\w = std::string\(\);")


def kept_room(path, lines):
    if path.endswith(CODE) and path.startswith("src/"):
        for number, line in enumerate(lines, 1):
            if KEEPS_ROOM.search(line):
                yield number, "keeps the string's memory: release() of base/release.h does not"


UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


def unfinished(path, lines):
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield number, "unfinished work is an issue, not a comment"


REGISTRIES = re.compile(
    r"https?://[^\s\"']*(?:deb\.debian|snapshot\.debian|pypi\.|pythonhosted|npmjs|yarnpkg|"
    r"nodesource|proxy\.golang|crates\.io|registry|artifact|pkg\.dev)", re.IGNORECASE)


def registry_address(path, lines):
    for number, line in enumerate(lines, 1):
        if REGISTRIES.search(line):
            yield number, "the address of a package registry: the machine's settings name it"


MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:work|home|root)/")


def machine_path(path, lines):
    for number, line in enumerate(lines, 1):
        if MACHINE_PATHS.search(line):
            yield number, "a path of one machine"


DEFINED_TYPE = re.compile(r"^(?:template <.*?> )?(?:class|struct|enum(?: class)?) "
                          r"(?:\[\[nodiscard\]\] )?(\w+)(?: final)?(?: :[^:].*)? \{", re.MULTILINE)


def types_of_one_name(files):
    """Two types of one name in one namespace: no compiler sees both, and the linker mixes them."""
    defined = {}
    for path, text in files:
        if not path.startswith("src/") or not path.endswith(".h"):
            continue
        space = re.search(r"^namespace ([\w:]+) \{", text, re.MULTILINE)
        for name in DEFINED_TYPE.findall(text) if space else ():
            first = defined.setdefault((space[1], name), path)
            if first != path:
                yield f"{path}: {name} is defined in {first}, too"


ONE_NAME = [("src/net/a.h", "namespace fluxion {\n\nenum class Kind { A };\n"),
            ("src/log/b.h", "namespace fluxion {\n\nenum class Kind : unsigned char { B };\n")]
TWO_NAMES = [("src/net/a.h", "namespace fluxion {\n\nclass Kind;\n"),
             ("src/log/b.h", "namespace fluxion {\n\nclass Kind : public Base {\n"),
             ("src/shell/c.h", "namespace fluxion::shell {\n\nstruct Kind {\n")]

LONG_BODY = "void f()\n{\n" + "    g();\n" * MAX_FUNCTION_LINES + "}\n"

# rule, a (path, text) that breaks it, a (path, text) that comes close and does not.
RULES = (
    (include_direction, ("src/log/a.cpp", '#include "engine/engine.h"'),
     ("src/engine/a.cpp", '#include "log/log.h"\n#include "engine/engine.h"')),
    (include_direction, ("src/log/a.cpp", '#include "batch.h"'),
     ("src/server/main.cpp", '#include "anything.h"')),
    (known_folder, ("src/tools/a.cpp", ""), ("tests/unit/a.cpp", "")),
    (free_of_qt, ("src/store/a.h", "#include <QString>"), ("src/net/a.h", "#include <QString>")),
    (file_access, ("src/log/a.cpp", "int fd = ::open(name, 0);"),
     ("src/io/a.cpp", "int fd = ::open(name, 0);")),
    (file_access, ("src/api/a.cpp", "std::ofstream out(name);"),
     ("src/api/a.cpp", "// std::ofstream would not sync")),
    (file_access, ("src/server/main.cpp", "std::ofstream out(name);"),
     ("src/server/main.cpp", "std::ifstream in(name);")),
    (file_access, ("src/server/a.cpp", "QSaveFile file(name);"),
     ("src/sql/a.cpp", "QFile file(name);")),
    (file_access, ("src/engine/a.cpp", "fdatasync(fd);"),
     ("src/engine/a.cpp", "auto log = FileLog::open(folder);")),
    (file_length, ("src/base/a.cpp", "int x;\n" * (MAX_FILE_LINES + 1)),
     ("src/base/a.cpp", "int x;\n" * MAX_FILE_LINES)),
    (function_length, ("src/base/a.cpp", LONG_BODY),
     ("src/base/a.cpp", LONG_BODY.replace("    g();\n", "", 2))),
    (function_length, ("tests/unit/a.cpp", LONG_BODY.replace("    g();\n", "    g();\n" * 3)),
     ("tests/unit/a.cpp", LONG_BODY)),
    (line_width, ("src/base/a.cpp", "x" * (MAX_COLUMNS + 1)), ("Makefile", "x" * MAX_COLUMNS)),
    (tabs, ("src/base/a.cpp", "\tint x;"), ("Makefile", "\techo")),
    (pragma_once, ("src/base/a.h", "// A.\n#include <string>\n#pragma once"),
     ("src/base/a.h", "// A.\n#pragma once\n#include <string>")),
    (file_name, ("src/base/FileLog.h", ""), ("src/base/file_log.h", "")),
    (file_name, ("src/base/log_manager.h", ""), ("src/base/log_sink.h", "")),
    (file_length, ("clients/go/a.go", "\n" * (MAX_FILE_LINES + 1)), ("a.md", "\n" * 9999)),
    (kept_room, ("src/net/a.cpp", "m_in = std::string();"),
     ("src/net/a.cpp", "const auto text = std::string(n, ' ');")),
    (moc_scanner, ("tests/a.cpp", "int x = 10'000;\n#include \"a.moc\""),
     ("tests/a.cpp", "int x = 10'000;")),
    (unfinished, ("docs/a.md", "TO" "DO: all of it"), ("docs/a.md", "nothing to do")),
    (registry_address, ("docs/a.md", "see https://" "registry.example.org/x"),
     ("docs/a.md", "see https://www.debian.org/")),
    (machine_path, ("docs/a.md", "look into /" "work/main"), ("docs/a.md", "tests/work/main")),
)


def violations(rule, path, text):
    return list(rule(path, text.splitlines()))


def repository_files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in sorted(set(names) - SKIPPED_FILES):
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            try:
                with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                    yield path, file.read()
            except UnicodeDecodeError:
                pass  # not a text


def main():
    passed = failed = 0

    def count(good, complaint):
        nonlocal passed, failed
        passed, failed = passed + bool(good), failed + (not good)
        if not good:
            print(complaint)

    for rule, bad, good in RULES:
        count(violations(rule, *bad), f"{rule.__name__}: does not fire on {bad[0]}: {bad[1][:50]}")
        count(not violations(rule, *good), f"{rule.__name__}: fires on {good[0]}: {good[1][:50]}")

    files = list(repository_files())
    count(sum(path.endswith(CODE) for path, _ in files) > 50, "the sources were not found")
    for rule in dict.fromkeys(rule for rule, _, _ in RULES):
        found = [f"{path}:{line}: {rule.__name__}: {what}"
                 for path, text in files for line, what in violations(rule, path, text)]
        count(not found, "\n".join(found))
    count(list(types_of_one_name(ONE_NAME)), "types_of_one_name: does not fire")
    for some in (TWO_NAMES, files):
        found = list(types_of_one_name(some))
        count(not found, "\n".join(found))
    for path, text in files:
        if path.endswith(CODE) and text.count("\n") > NOTED_FILE_LINES:
            print(f"note: {path} has {text.count(chr(10))} lines; around 120 is the aim")

    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
