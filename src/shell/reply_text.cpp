#include "shell/reply_text.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "shell/table_text.h"

namespace fluxion::shell {

namespace {

// Milliseconds since 1970, as text, in words: "2026-01-31 12:00:00.250 UTC".
std::string timeText(std::string_view milliseconds)
{
    const auto ms = parseDecimalInteger(milliseconds);
    if (!ms || *ms < 0)
        return std::string(milliseconds);
    const auto seconds = static_cast<time_t>(*ms / 1000);
    tm parts{};
    std::array<char, 64> text{};
    if (!gmtime_r(&seconds, &parts) ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        return std::string(milliseconds);
    std::array<char, 16> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03d UTC", static_cast<int>(*ms % 1000));
    return std::string(text.data()) + fraction.data();
}

std::string timeField(std::string_view milliseconds, const Style& style)
{
    return style.human() ? timeText(milliseconds) : std::string(milliseconds);
}

void appendNote(std::string& out, const Style& style, std::string_view line)
{
    appendText(out, style, Paint::Note, line);
    out += '\n';
}

// "(version 3)" behind a value.
void appendVersion(std::string& out, JsonValue reply, const Style& style)
{
    std::string note = "(version " + std::string(memberText(reply, "ver"));
    if (const auto expires = memberText(reply, "expires"); !expires.empty())
        note += ", expires " + timeText(expires);
    appendText(out, style, Paint::Note, note + ")");
}

void appendValue(std::string& out, JsonValue reply, const Style& style)
{
    const bool found = memberIsTrue(reply, "found");
    if (!found) {
        if (style.human())
            appendNote(out, style, "(none)");
        return;
    }
    appendText(out, style, Paint::Value, memberText(reply, "value"), true);
    if (style.human()) {
        out += "  ";
        appendVersion(out, reply, style);
    }
    out += '\n';
}

// On a terminal silence is no answer.
void appendNoneIf(bool isEmpty, std::string& out, const Style& style)
{
    if (isEmpty && style.human())
        appendNote(out, style, "(none)");
}

// Of a write: what there is now to refer to it.
void appendDone(std::string& out, JsonValue reply, const Style& style)
{
    const std::string_view name = member(reply, "ver").exists() ? "ver" : "seq";
    const std::string_view number = memberText(reply, name);
    if (!style.human()) {
        if (!number.empty())
            out.append(number).append("\n");
        return;
    }
    out.append("OK");
    if (!number.empty())
        appendText(out, style, Paint::Note,
                   (name == "ver" ? "  (version " : "  (seq ") + std::string(number) + ")");
    out += '\n';
}

// A reply without a version says that there was no such key.
void appendRemoved(std::string& out, JsonValue reply, const Style& style)
{
    if (member(reply, "ver").exists())
        appendDone(out, reply, style);
    else
        appendNoneIf(true, out, style);
}

void appendNames(std::string& out, JsonValue names, const Style& style)
{
    const size_t before = out.size();
    const auto line = [&](std::string_view name) {
        appendText(out, style, Paint::Name, name);
        out += '\n';
    };
    if (names.isArray()) {
        for (const JsonValue name : names.elements())
            line(name.isString() ? name.text() : "");
    } else if (names.isObject()) {
        for (const JsonMember entry : names.members())
            line(entry.name);
    }
    appendNoneIf(out.size() == before, out, style);
}

void appendRecords(std::string& out, JsonValue records, const Style& style)
{
    TableText table(style);
    const auto row = [&](std::vector<Field> fields, JsonValue record) {
        fields.push_back({std::string(memberText(record, "ts")), Paint::Note});
        fields.push_back({std::string(memberText(record, "data")), Paint::Value});
        table.add(std::move(fields));
    };
    if (records.isArray()) {
        for (const JsonValue record : records.elements())
            row({}, record);
    } else if (records.isObject()) {
        for (const JsonMember entry : records.members())
            row({{std::string(entry.name), Paint::Name}}, entry.value);
    }
    table.write(out);
    appendNoneIf(table.empty(), out, style);
}

void appendVersions(std::string& out, JsonValue reply, const Style& style)
{
    const JsonValue versions = member(reply, "versions");
    if (!versions.isArray())
        return;
    TableText table(style);
    for (const JsonValue version : versions.elements()) {
        table.add({{std::string(memberText(version, "ver")), Paint::Note},
                   {std::string(memberText(version, "op")), Paint::None},
                   {timeField(memberText(version, "time"), style), Paint::Note},
                   {std::string(memberText(version, "value")), Paint::Value}});
    }
    table.write(out);
    appendNoneIf(table.empty(), out, style);
    if (style.human() && memberIsTrue(reply, "more"))
        appendNote(out, style, "(there are older ones: --before)");
}

void appendConnections(std::string& out, JsonValue connections, const Style& style)
{
    if (!connections.isArray())
        return;
    TableText table(style);
    for (const JsonValue connection : connections.elements()) {
        std::string since(memberText(connection, "since"));
        if (const auto ms = parseDecimalInteger(since); style.human() && ms)
            since = std::to_string(*ms / 1000) + " s";
        const bool self = memberIsTrue(connection, "self");
        table.add({{std::string(memberText(connection, "ip")), Paint::Name},
                   {since, Paint::None},
                   {std::string(memberText(connection, "name")), Paint::None},
                   {self ? "self" : "", Paint::Note}});
    }
    table.write(out);
}

// Figures in objects inside each other: "memory.series  1234".
void addFigures(TableText& table, const std::string& prefix, JsonValue object)
{
    for (const JsonMember entry : object.members()) {
        const std::string name = prefix + std::string(entry.name);
        if (prefix.empty() && entry.name == "id")
            continue;
        if (entry.value.isObject()) {
            addFigures(table, name + ".", entry.value);
            continue;
        }
        std::string text;
        if (entry.value.isString())
            text = entry.value.text();
        else
            appendJson(text, entry.value);
        table.add({{name, Paint::Name}, {text, Paint::Value}});
    }
}

} // namespace

JsonValue member(JsonValue object, std::string_view name)
{
    if (!object.isObject())
        return {};
    const auto found = object.findUnique(name);
    return found ? found.value() : JsonValue();
}

std::string_view memberText(JsonValue object, std::string_view name)
{
    const JsonValue value = member(object, name);
    return value.isString() || value.isNumber() ? value.text() : std::string_view();
}

bool memberIsTrue(JsonValue object, std::string_view name)
{
    const JsonValue value = member(object, name);
    return value.isBool() && value.boolean();
}

void appendReply(std::string& out, const Invocation& invocation, JsonValue reply,
                 const Style& style)
{
    switch (invocation.command->verb) {
    case Verb::Get:
        return appendValue(out, reply, style);
    case Verb::Set:
    case Verb::Patch:
    case Verb::Ins:
        return appendDone(out, reply, style);
    case Verb::Del:
        return appendRemoved(out, reply, style);
    case Verb::Keys: {
        const JsonValue keys = member(reply, "keys");
        return appendNames(out, keys.exists() ? keys : member(reply, "values"), style);
    }
    case Verb::Cols:
        return appendNames(out, member(reply, "collections"), style);
    case Verb::History:
        return appendVersions(out, reply, style);
    case Verb::Qry:
    case Verb::Qdoc:
        return appendRecords(out, member(reply, "records"), style);
    case Verb::Conn:
        return appendConnections(out, member(reply, "connections"), style);
    case Verb::Stat:
    case Verb::Snap: {
        TableText table(style);
        addFigures(table, "", reply);
        return table.write(out);
    }
    case Verb::Request: // as it came
        break;
    case Verb::Watch:
    case Verb::Export:
    case Verb::Import:
    case Verb::Shell:
    case Verb::Use:
    case Verb::Help:
    case Verb::Exit:
        break;
    }
}

void appendEvent(std::string& out, JsonValue event, const Style& style)
{
    const auto text = [&](std::string_view name) { return std::string(memberText(event, name)); };
    const bool isKey = member(event, "key").exists();
    const bool isDoc = member(event, "doc").exists();
    const std::string op = memberIsTrue(event, "entered") ? "entered"
                           : memberIsTrue(event, "left")  ? "left"
                                                          : text("op");
    const std::string name = isKey ? text("key") : text("doc");
    const bool isRange = isDoc && op == "deleted";
    const std::string number = text(isKey ? "ver" : isRange ? "from" : "ts");
    const std::string content = text(isKey ? "value" : isRange ? "to" : "data");
    TableText table(style);
    std::vector<Field> row = {{text("seq"), Paint::Note}, {op, Paint::None}};
    if (!style.human()) {
        row.push_back({text("col")});
        if (isKey || isDoc) {
            row.push_back({name});
            row.push_back({number});
            row.push_back({content});
        }
        if (member(event, "previous").exists())
            row.push_back({text("previous")});
    } else {
        row.push_back({text("col") + (isKey || isDoc ? "/" + name : ""), Paint::Name});
        if (isKey)
            row.push_back({"(version " + number + ")", Paint::Note});
        else if (isRange && !number.empty())
            row.push_back({number + " to " + content, Paint::Note});
        else if (!isRange && isDoc)
            row.push_back({number, Paint::Note});
        if (!isRange && !content.empty())
            row.push_back({content, Paint::Value});
        if (const std::string before = text("previous"); !before.empty())
            row.push_back({"(was " + before + ")", Paint::Note});
    }
    table.add(std::move(row));
    table.write(out);
}

} // namespace fluxion::shell
