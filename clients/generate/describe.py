"""Reads `fluxion --describe`, and the little language in which it writes types.

    type   = single { "[]" }
    single = "map<" type ">" | "{" member { "," member } "}" | word { "|" word }
    member = name [ "?" ] ":" type
    word   = "string" | "integer" | "boolean" | "null" | "json"
"""

import dataclasses
import json
import re
import subprocess

WORDS = ("string", "integer", "boolean", "null", "json")
DESCRIBE_SECONDS = 30


class DescribeError(Exception):
    """What the binary said cannot be turned into types; the text says where."""


@dataclasses.dataclass(frozen=True)
class Words:
    """One of the words, or any of several: `string|null`."""
    names: tuple


@dataclasses.dataclass(frozen=True)
class List:
    item: object


@dataclasses.dataclass(frozen=True)
class Map:
    """Text to values of one type."""
    item: object


@dataclasses.dataclass(frozen=True)
class Member:
    """Of an object. Written `name?:type` where it may be absent."""
    name: str
    type: object
    required: bool = True


@dataclasses.dataclass(frozen=True)
class Object:
    """fields: Members in the order written."""
    fields: tuple


class _Reader:
    def __init__(self, text):
        self.text = text
        self.tokens = re.findall(r"\w+|\[\]|\S", text)

    def peek(self):
        return self.tokens[0] if self.tokens else ""

    def take(self, wanted=None):
        found = self.peek()
        if not found or (wanted and found != wanted):
            raise DescribeError(f"type {self.text!r}: {wanted or 'a type'} expected"
                                f" before {found or 'the end'!r}")
        return self.tokens.pop(0)

    def type(self):
        read = self.single()
        while self.peek() == "[]":
            self.take()
            read = List(read)
        return read

    def single(self):
        if self.peek() == "{":
            return self.object()
        word = self.take()
        if word == "map":
            self.take("<")
            item = self.type()
            self.take(">")
            return Map(item)
        names = [word]
        while self.peek() == "|":
            self.take()
            names.append(self.take())
        unknown = [name for name in names if name not in WORDS]
        if unknown:
            raise DescribeError(f"type {self.text!r}: {unknown[0]!r} is not known")
        return Words(tuple(names))

    def object(self):
        fields = []
        self.take("{")
        while not fields or self.peek() == ",":
            if fields:
                self.take(",")
            name = self.take()
            if not re.fullmatch(r"[A-Za-z]\w*", name):
                raise DescribeError(f"type {self.text!r}: {name!r} is no field's name")
            required = self.peek() != "?"
            if not required:
                self.take()
            self.take(":")
            fields.append(Member(name, self.type(), required))
        self.take("}")
        return Object(tuple(fields))


def parse_type(text):
    """The type that the text writes. DescribeError for what the language does not have."""
    reader = _Reader(text)
    read = reader.type()
    if reader.tokens:
        raise DescribeError(f"type {text!r}: {reader.peek()!r} after its end")
    return read


@dataclasses.dataclass(frozen=True)
class Field:
    name: str
    type: object
    required: bool
    pattern: bool
    meaning: str


@dataclasses.dataclass(frozen=True)
class Command:
    token: str
    permission: str
    summary: str
    shape: str  # of the payload: "object", "list" (of objects) or "none"
    request: tuple
    reply: tuple


@dataclasses.dataclass(frozen=True)
class Protocol:
    commands: tuple
    scopes: tuple
    permissions: tuple
    codes: tuple  # (code, meaning)


def _fields(rows):
    return tuple(Field(row["name"], parse_type(row["type"]), row["required"], row["pattern"],
                       row["meaning"]) for row in rows)


def _command(row):
    payload = row["payload"]
    if payload["shape"] not in ("object", "list", "none"):
        raise DescribeError(f"{row['type']}: payload of the unknown shape {payload['shape']!r}")
    return Command(row["type"], row["permission"], row["summary"], payload["shape"],
                   _fields(payload["fields"]), _fields(row["reply"]))


def parse(text):
    """The Protocol that the text of `--describe` holds. DescribeError if it is not understood."""
    try:
        told = json.loads(text)
        return Protocol(
            tuple(_command(row) for row in told["commands"]),
            tuple(row["scope"] for row in told["scopes"]),
            tuple(max((row["permissions"] for row in told["scopes"]), key=len)),
            tuple((row["code"], row["meaning"]) for row in told["codes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DescribeError(f"--describe is not as expected: {error!r}") from error


def load(binary):
    """Asks the binary. OSError or subprocess.SubprocessError when it cannot be asked."""
    asked = subprocess.run([binary, "--describe"], check=True, stdout=subprocess.PIPE,
                           timeout=DESCRIBE_SECONDS)
    return parse(asked.stdout.decode("utf-8"))
