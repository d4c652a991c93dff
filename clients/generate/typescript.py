"""Writes the protocol as TypeScript."""

from describe import DescribeError, List, Map, Object, Words
from naming import (FIRST_LINE, Entries, field_doc, inner_object, reply_name, request_name,
                    wrapped)

HEAD = """\
/** A signed 64-bit integer. Beyond 2^53 only a bigint is exact. */
export type Int64 = number | bigint;

/** `<log>:<seq>`, or a bare seq. */
export type Position = string | Int64;
"""


def _doc(text, indent=""):
    one = f"{indent}/** {text} */"
    if len(one) <= 100:
        return [one]
    return [f"{indent}/**", *wrapped(text, f"{indent} * "), f"{indent} */"]


class Writer:
    def __init__(self, protocol):
        self.protocol = protocol
        self.entries = Entries(protocol)

    def has_ts(self, kind):
        """Whether a timestamp is in it, and its type therefore takes <Ts>."""
        shape = inner_object(kind)
        return bool(shape) and any(member.name == "ts" for member in shape.fields)

    def reply_takes_ts(self, command):
        return any(field.name == "ts" or self.has_ts(field.type) for field in command.reply)

    def word(self, name, kind, in_request):
        if kind.names == ("string", "integer") and in_request:
            return "Position"
        if kind.names == ("string",) and name == "scope":
            return "Scope"
        integer = "Int64" if in_request else "Ts" if name == "ts" else "number"
        known = {"string": "string", "boolean": "boolean", "null": "null", "integer": integer,
                 "json": "unknown"}
        if "json" in kind.names and len(kind.names) > 1:
            raise DescribeError(f"{name}: json is every type already")
        try:
            return " | ".join(known[word] for word in kind.names)
        except KeyError as error:
            raise DescribeError(f"{name}: no TypeScript for {'|'.join(kind.names)}") from error

    def type(self, name, kind, in_request=False):
        if isinstance(kind, Words):
            return self.word(name, kind, in_request)
        if isinstance(kind, Object):
            passes = "<Ts>" if not in_request and self.has_ts(kind) else ""
            return self.entries.name_of(kind, in_request) + passes
        item = self.type(name, kind.item, in_request)
        if isinstance(kind, Map):
            return f"Record<string, {item}>"
        if isinstance(kind, List):
            return f"({item})[]" if " | " in item else f"{item}[]"
        raise DescribeError(f"{name}: no TypeScript for {kind}")

    def interface(self, doc, name, fields, in_request=False):
        out = [*_doc(doc), f"export interface {name} {{"]
        for field in fields:
            mark = "" if field.required else "?"
            out += _doc(field_doc(field), "  ")
            out.append(f"  {field.name}{mark}: {self.type(field.name, field.type, in_request)};")
        return [*out, "}", ""]

    def entry(self, named, in_request):
        takes = "<Ts = number>" if not in_request and self.has_ts(named.shape) else ""
        passes = "<Ts>" if takes else ""
        if named.alias_of:
            return [f"export type {named.name}{takes} = {named.alias_of}{passes};", ""]
        out = [f"export interface {named.name}{takes} {{"]
        for member in named.shape.fields:
            mark = "" if member.required else "?"
            out.append(f"  {member.name}{mark}: {self.type(member.name, member.type, in_request)};")
        return [*out, "}", ""]

    def command(self, command):
        kind = "One of the list that" if command.shape == "list" else "What"
        out = []
        for named in self.entries.in_requests[command.token]:
            out += self.entry(named, in_request=True)
        out += self.interface(f"{kind} `{command.token}` takes. {command.summary}",
                              request_name(command), command.request, in_request=True)
        for named in self.entries.in_replies[command.token]:
            out += self.entry(named, in_request=False)
        takes = "<Ts = number>" if self.reply_takes_ts(command) else ""
        return out + self.interface(f"What `{command.token}` answers.",
                                    reply_name(command) + takes, command.reply)

    def commands(self):
        out = [*_doc("Request and reply of every type. Ts: what a timestamp is in replies."),
               "export interface Commands<Ts = number> {"]
        for command in self.protocol.commands:
            request = request_name(command) + ("[]" if command.shape == "list" else "")
            takes = "<Ts>" if self.reply_takes_ts(command) else ""
            out.append(f"  {command.token}: "
                       f"{{ request: {request}; reply: {reply_name(command)}{takes} }};")
        out += ["}", "", "export type Token = keyof Commands;", ""]
        out += [*_doc("What a key's scope must allow for each type."),
                "export const PERMISSIONS: Readonly<Record<Token, Permission>> = {",
                *(f'  {command.token}: "{command.permission}",'
                  for command in self.protocol.commands), "};", ""]
        return out

    def codes(self):
        out = ["/** The `code` of an error reply. */", "export type ErrorCode ="]
        out += [f'  | "{code}"' for code, _ in self.protocol.codes]
        out[-1] += ";"
        out += ["", *_doc("Every code, and what it means."),
                "export const ERROR_CODES: Readonly<Record<ErrorCode, string>> = {"]
        for code, meaning in self.protocol.codes:
            line = f"  {code}: {_quoted(meaning)},"
            pieces = [_quoted(piece) for piece in wrapped(meaning, "", 88)]
            out += [line] if len(line) <= 100 else [
                f"  {code}:", *(f"    {piece[:-1]} \" +" for piece in pieces[:-1]),
                f"    {pieces[-1]},"]
        return [*out, "};", ""]


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _union(doc, name, words):
    return [*_doc(doc), f"export type {name} = " + " | ".join(f'"{w}"' for w in words) + ";", ""]


def write(protocol):
    """The text of protocol.ts."""
    writer = Writer(protocol)
    out = [f"// {FIRST_LINE}", "", *HEAD.splitlines(), ""]
    out += _union("What an API key may do.", "Scope", protocol.scopes)
    out += _union("What a message type needs.", "Permission", protocol.permissions)
    for command in protocol.commands:
        out += writer.command(command)
    out += writer.commands() + writer.codes()
    return "\n".join(out)
