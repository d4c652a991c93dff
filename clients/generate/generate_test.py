#!/usr/bin/env python3
"""Tests the generator: its reading of types, what it writes, and that --check finds a change."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import describe
import generate
import golang
import typescript
from describe import DescribeError, List, Map, Member, Object, Words, parse_type

BINARY = os.environ.get("FLUXION_BIN", os.path.join(generate.CLIENTS, "..", "fluxion"))
STRING, INTEGER = Words(("string",)), Words(("integer",))
RECORD = Object((Member("ts", INTEGER), Member("data", STRING)))

TYPES = (
    ("string", STRING),
    ("string|null", Words(("string", "null"))),
    ("string|integer", Words(("string", "integer"))),
    ("string[]", List(STRING)),
    ("integer[][]", List(List(INTEGER))),
    ("map<string>", Map(STRING)),
    ("map<string[]>", Map(List(STRING))),
    ("map<map<integer>>[]", List(Map(Map(INTEGER)))),
    ("{ts:integer,data:string}", RECORD),
    ("map<{ts:integer,data:string}>", Map(RECORD)),
    ("{ts:integer,data:string}[]", List(RECORD)),
    ("{a:{b:string|null}[]}",
     Object((Member("a", List(Object((Member("b", Words(("string", "null"))),)))),))),
    ("{op:string,ver?:integer}[]",
     List(Object((Member("op", STRING), Member("ver", INTEGER, required=False))))),
    ("{names?:string[]}", Object((Member("names", List(STRING), required=False),))),
)
BAD_TYPES = ("", "float", "string|", "|string", "string[", "string]", "map", "map<", "map<string",
             "map<>", "{", "{}", "{a}", "{a:}", "{a:string", "{a:string,}", "{1:string}",
             "{a?}", "{a?:}", "{?a:string}", "{?:string}", "{a??:string}", "{a:?string}",
             "{a:string?}", "string?", "string string", "string|float", "any", "map<float>",
             "{a:any}[]")

# (reply type, field name, TypeScript, Go)
WRITTEN = (
    ("integer", "seq", "number", "int64"),
    ("integer", "ts", "Ts", "int64"),
    ("string|null", "name", "string | null", "*string"),
    ("integer[]", "ts", "Ts[]", "[]int64"),
    ("json", "entry", "unknown", "json.RawMessage"),
    ("json[]", "entries", "unknown[]", "[]json.RawMessage"),
    ("map<string[]>", "names", "Record<string, string[]>", "map[string][]string"),
    ("string", "scope", "Scope", "Scope"),
    ("{ver:integer}[]", "versions", "NamesEntry[]", "[]NamesEntry"),
)

# (type of a request's field, whether required, name, TypeScript, Go, what follows it in Go's tag)
TAKEN = (
    ("string", False, "match", "string", "string", ",omitempty"),
    ("boolean", False, "snapshot", "boolean", "*bool", ",omitempty"),
    ("string|integer", False, "after", "Position", "Position", ",omitempty"),
    ("string[]", False, "fields", "string[]", "[]string", ",omitzero"),
    ("string[]", True, "fields", "string[]", "[]string", ""),
    ("{key:string}[]", True, "writes", "NamesWrite[]", "[]NamesWrite", ""),
    ("{key:string}[]", False, "writes", "NamesWrite[]", "[]NamesWrite", ",omitzero"),
    ("{key:string}", True, "start", "NamesStart", "NamesStart", ""),
)

WRITES = "{op:string,key:string,value?:string,ver?:integer,delete_nulls?:boolean}[]"
VERSIONS = "{ver:integer,op:string,value?:string,expires?:integer}[]"


def told(reply_type="string[]", name="names", token="names"):
    """What a server with one command would print."""
    return {"commands": [{
        "type": token, "permission": "read", "summary": "Some names.",
        "payload": {"shape": "object", "fields": [
            {"name": "limit", "type": "integer", "required": False, "pattern": False,
             "meaning": "At most so many."},
            {"name": "from", "type": "integer", "required": False, "pattern": False,
             "meaning": "The first."}]},
        "reply": [{"name": name, "type": reply_type, "required": True, "pattern": False,
                   "meaning": "Names."}]}],
        "scopes": [{"scope": "readonly", "permissions": ["read"]}],
        "codes": [{"code": "busy", "meaning": "Try again."}]}


def protocol(*arguments):
    return describe.parse(json.dumps(told(*arguments)))


def taking(kind, name, required=True):
    """A protocol whose one command takes that field."""
    row = told()
    row["commands"][0]["payload"]["fields"][0] = {
        "name": name, "type": kind, "required": required, "pattern": False, "meaning": "Given."}
    return describe.parse(json.dumps(row))


class Types(unittest.TestCase):
    def test_types_are_read(self):
        for text, wanted in TYPES:
            with self.subTest(text):
                self.assertEqual(parse_type(text), wanted)

    def test_other_types_are_refused(self):
        for text in BAD_TYPES:
            with self.subTest(text), self.assertRaises(DescribeError):
                parse_type(text)


class Descriptions(unittest.TestCase):
    def test_what_is_not_a_description_is_refused(self):
        no_codes = {k: v for k, v in told().items() if k != "codes"}
        odd_shape = told()
        odd_shape["commands"][0]["payload"]["shape"] = "tree"
        for text in ("", "[]", "{}", json.dumps(no_codes), json.dumps(odd_shape)):
            with self.subTest(text[:20]), self.assertRaises(DescribeError):
                describe.parse(text)


class Writing(unittest.TestCase):
    def test_reply_types(self):
        for text, name, in_typescript, in_go in WRITTEN:
            with self.subTest(text):
                read = protocol(text, name)
                self.assertIn(f"  {name}: {in_typescript};\n", typescript.write(read))
                self.assertIn(f'\t{golang.public(name)} {in_go} `json:"{name}"`\n',
                              golang.write(read))

    def test_request_types(self):
        for text, required, name, in_typescript, in_go, absent in TAKEN:
            with self.subTest(f"{name}: {text}, required: {required}"):
                read = taking(text, name, required)
                mark = "" if required else "?"
                self.assertIn(f"  {name}{mark}: {in_typescript};\n", typescript.write(read))
                self.assertIn(f'\t{golang.public(name)} {in_go} `json:"{name}{absent}"`\n',
                              golang.write(read))

    def test_objects_in_requests(self):
        read = taking(WRITES, "writes")
        self.assertIn("""export interface NamesWrite {
  op: string;
  key: string;
  value?: string;
  ver?: Int64;
  delete_nulls?: boolean;
}

/** What `names` takes. Some names. */
""", typescript.write(read))
        self.assertIn("""
// NamesWrite is one entry of what `names` takes.
type NamesWrite struct {
\tOp          string  `json:"op"`
\tKey         string  `json:"key"`
\tValue       *string `json:"value,omitempty"`
\tVer         *int64  `json:"ver,omitempty"`
\tDeleteNulls *bool   `json:"delete_nulls,omitempty"`
}
""", golang.write(read))

    def test_objects_in_replies(self):
        read = protocol(VERSIONS, "versions")
        self.assertIn("""export interface NamesEntry {
  ver: number;
  op: string;
  value?: string;
  expires?: number;
}
""", typescript.write(read))
        self.assertIn("""
// NamesEntry is one entry of what `names` answers.
type NamesEntry struct {
\tVer     int64  `json:"ver"`
\tOp      string `json:"op"`
\tValue   string `json:"value,omitempty"`
\tExpires int64  `json:"expires,omitempty"`
}
""", golang.write(read))

    def test_one_shape_in_a_request_and_a_reply_is_two_types(self):
        row = told("{ts:integer,ver?:integer}[]", "versions")
        row["commands"][0]["payload"]["fields"][0] = {
            "name": "versions", "type": "{ts:integer,ver?:integer}[]", "required": True,
            "pattern": False, "meaning": "Versions."}
        read = describe.parse(json.dumps(row))
        text = typescript.write(read)
        self.assertIn("export interface NamesVersion {\n  ts: Int64;\n  ver?: Int64;\n}\n", text)
        self.assertIn("export interface NamesEntry<Ts = number> {\n  ts: Ts;\n  ver?: number;\n}\n",
                      text)
        self.assertIn("  versions: NamesVersion[];\n", text)
        self.assertIn("  versions: NamesEntry<Ts>[];\n", text)
        self.assertIn("type NamesVersion struct {\n\tTS  int64  `", golang.write(read))
        self.assertIn("type NamesEntry struct {\n\tTS  int64 `", golang.write(read))

    def test_a_reply_type_without_a_counterpart_is_an_error(self):
        for text in ("string|json", "map<json|null>"):
            for write in (typescript.write, golang.write):
                with self.subTest(text), self.assertRaises(DescribeError):
                    write(protocol(text))
        with self.assertRaises(DescribeError):
            golang.write(protocol("string|integer"))

    def test_optional_integers_can_be_absent_or_zero(self):
        self.assertIn("  limit?: Int64;\n", typescript.write(protocol()))
        self.assertIn('\tLimit *int `json:"limit,omitempty"`\n', golang.write(protocol()))
        self.assertIn('\tFrom *int64 `json:"from,omitempty"`\n', golang.write(protocol()))

    def test_names(self):
        for name, wanted in (("id", "ID"), ("ts", "TS"), ("fromTs", "FromTS"), ("ip", "IP"),
                             ("min_seq", "MinSeq"), ("bad_json", "BadJSON"), ("ttl", "TTL"),
                             ("col", "Col")):
            with self.subTest(name):
                self.assertEqual(golang.public(name), wanted)


class Check(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="fluxion-generate-")
        self.addCleanup(shutil.rmtree, self.root)

    def run_generator(self, *arguments):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = generate.main([*arguments, "--root", self.root, BINARY])
        return code, said.getvalue()

    def test_check_finds_every_changed_file_and_writes_nothing(self):
        code, said = self.run_generator("--check")
        self.assertEqual((code, said.count("out of date")), (1, 2))
        self.assertEqual(os.listdir(self.root), [])
        self.assertEqual(self.run_generator()[0], 0)
        self.assertEqual(self.run_generator("--check"), (0, ""))
        for changed, _ in generate.FILES:
            path = os.path.join(self.root, changed)
            text = generate.read(path)
            for other in (text + "\n", text.replace("Collection.", "Collektion.", 1),
                          text.replace("\n", "\r\n")):
                with self.subTest(changed), open(path, "w", encoding="utf-8", newline="") as file:
                    file.write(other)
                code, said = self.run_generator("--check")
                self.assertEqual(code, 1)
                self.assertEqual(said.count("out of date"), 1)
                self.assertIn(changed, said)
                self.assertEqual(generate.read(path), other)
            self.assertEqual(self.run_generator(), (0, f"clients/{changed} written\n"))
            self.assertEqual(generate.read(path), text)

    def test_a_binary_that_cannot_be_asked_exits_2(self):
        global BINARY
        kept = BINARY
        for BINARY in ("/nonexistent/fluxion", "/bin/false", "/bin/true"):
            self.assertEqual(self.run_generator("--check")[0], 2)
        BINARY = kept

    def test_the_first_line_says_where_it_is_from(self):
        self.run_generator()
        for path, _ in generate.FILES:
            first = generate.read(os.path.join(self.root, path)).split("\n")[0]
            self.assertEqual(first, "// generated by clients/generate from "
                                    "`fluxion --describe`: do not edit")

    def test_the_files_of_the_repository_are_up_to_date(self):
        asked = subprocess.run([sys.executable, os.path.join(generate.CLIENTS, "generate",
                                                             "generate.py"), "--check", BINARY],
                               stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual((asked.returncode, asked.stdout), (0, ""))


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len({str(test).split(" (")[0] for test, _ in result.failures + result.errors})
    sys.stderr.flush()
    print(f"{result.testsRun - failed} passed, {failed} failed", flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
