"""Writes the protocol as Go, formatted as gofmt does."""

import re

from describe import DescribeError, List, Map, Object, Words
from naming import (FIRST_LINE, Entries, field_doc, reply_name, request_name, wrapped)

INITIALISMS = {"api", "id", "io", "ip", "json", "sql", "ts", "ttl"}
COUNTS = {"limit"}  # never beyond what fits an int
BASIC = {"string": "string", "integer": "int64", "boolean": "bool",
         "json": "json.RawMessage"}

HEAD = """\
package fluxion

import "encoding/json"

// Position is `<log>:<seq>`, or a bare seq in decimal digits.
type Position string

// Scope is what an API key may do.
type Scope string
"""


def public(name):
    """`min_seq` -> `MinSeq`, `fromTs` -> `FromTS`."""
    parts = re.findall(r"[A-Z]?[a-z0-9]+", name)
    return "".join(p.upper() if p.lower() in INITIALISMS else p[:1].upper() + p[1:]
                   for p in parts)


def _doc(text, indent=""):
    return wrapped(text, f"{indent}// ", 96)


class Writer:
    def __init__(self, protocol):
        self.protocol = protocol
        self.entries = Entries(protocol)

    def word(self, name, kind, in_request):
        if kind.names == ("string", "integer") and in_request:
            return "Position"
        if kind.names == ("string",) and name == "scope":
            return "Scope"
        one = [word for word in kind.names if word != "null"]
        if len(one) != 1 or one[0] not in BASIC or (one == ["json"] and len(kind.names) > 1):
            raise DescribeError(f"{name}: no Go for {'|'.join(kind.names)}")
        return ("*" if "null" in kind.names else "") + BASIC[one[0]]

    def type(self, name, kind, in_request=False):
        if isinstance(kind, Words):
            return self.word(name, kind, in_request)
        if isinstance(kind, Object):
            return self.entries.name_of(kind, in_request)
        if isinstance(kind, Map):
            return "map[string]" + self.type(name, kind.item, in_request)
        if isinstance(kind, List):
            return "[]" + self.type(name, kind.item, in_request)
        raise DescribeError(f"{name}: no Go for {kind}")

    def field(self, field, in_request):
        # An empty text means absent everywhere; 0 and false do not.
        written, tag = self.field_type(field, in_request, pointers=("int64", "bool"))
        return f"\t{public(field.name)} {written} {tag}"

    def field_type(self, field, in_request, pointers):
        """The type and the tag; optional fields of requests are pointers if of those types."""
        written = self.type(field.name, field.type, in_request)
        absent = ""
        if not field.required:
            absent = ",omitempty"
            if in_request and field.name in COUNTS:
                written = "*int"
            elif in_request and written in pointers:
                written = "*" + written
            elif in_request and written.startswith("[]"):
                absent = ",omitzero"  # an empty list is not an absent one
        return written, f'`json:"{field.name}{absent}"`'

    def struct(self, doc, name, fields, in_request=False):
        out = [*_doc(doc), f"type {name} struct {{"]
        for field in fields:
            out += [*_doc(field_doc(field), "\t"), self.field(field, in_request)]
        return [*out, "}", ""]

    def entry(self, token, named, in_request):
        about = f"// {named.name} is one entry of what `{token}` " + (
            "takes." if in_request else "answers.")
        if named.alias_of:
            return [about, f"type {named.name} = {named.alias_of}", ""]
        # Here an empty text is one: the value of a key may be empty.
        rows = [(public(member.name),
                 *self.field_type(member, in_request, pointers=("int64", "bool", "string")))
                for member in named.shape.fields]
        wide = [max(len(row[i]) for row in rows) for i in (0, 1)]
        return [about, f"type {named.name} struct {{",
                *(f"\t{a:<{wide[0]}} {b:<{wide[1]}} {c}" for a, b, c in rows), "}", ""]

    def command(self, command):
        one, kind = request_name(command), "what"
        if command.shape == "list":
            kind = "one of the list that"
        out = self.struct(f"{one} is {kind} `{command.token}` takes. {command.summary}"
                          f" Needs the permission {command.permission}.",
                          one, command.request, in_request=True)
        for named in self.entries.in_requests[command.token]:
            out += self.entry(command.token, named, in_request=True)
        for named in self.entries.in_replies[command.token]:
            out += self.entry(command.token, named, in_request=False)
        reply = reply_name(command)
        return out + self.struct(f"{reply} is what `{command.token}` answers.", reply,
                                 command.reply)

    def scopes(self):
        names = [("Scope" + public(scope), scope) for scope in self.protocol.scopes]
        wide = max(len(name) for name, _ in names)
        return ["// The scopes; the master key is the server's own and cannot be added.", "const (",
                *(f'\t{name:<{wide}} Scope = "{scope}"' for name, scope in names), ")", ""]

    def codes(self):
        out = ["// The codes of the server's errors: errors.Is(err, fluxion.ErrNotFound).",
               "const ("]
        for code, meaning in self.protocol.codes:
            name = "Err" + public(code)
            out += [*_doc(f"{name}: {meaning}", "\t"), f'\t{name} ErrorCode = "{code}"']
        return [*out, ")", ""]


def write(protocol):
    """The text of protocol.go."""
    writer = Writer(protocol)
    # Go's tools know a generated file by a line of this form.
    out = [f"// {FIRST_LINE}", "", "// Code generated by clients/generate. DO NOT EDIT.", "",
           *HEAD.splitlines(), "", *writer.scopes(), *writer.codes()]
    for command in protocol.commands:
        out += writer.command(command)
    return "\n".join(out)
