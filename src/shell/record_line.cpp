#include "shell/record_line.h"

#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

// The text of a member, or what stands for it.
Result<std::string> textOr(JsonValue object, std::string_view name, const std::string& otherwise)
{
    const auto found = object.findUnique(name);
    if (!found)
        return {Code::Usage, found.error().text};
    if (found.value().isNothing() && !otherwise.empty())
        return otherwise;
    if (!found.value().isString())
        return {Code::Usage, "`" + std::string(name) + "` must be a text"};
    return std::string(found.value().text());
}

} // namespace

Result<std::string> readRecord(JsonReader& reader, std::string_view line,
                               const RecordDefaults& defaults)
{
    const auto parsed = reader.parse(line);
    if (!parsed)
        return {Code::Usage, parsed.error().text};
    const JsonValue record = parsed.value();
    if (!record.isObject())
        return {Code::Usage, "a record is a JSON object"};
    const auto col = textOr(record, "col", defaults.col);
    if (!col)
        return col.error();
    const auto doc = textOr(record, "doc", defaults.doc);
    if (!doc)
        return doc.error();
    std::optional<int64_t> ts = defaults.ts;
    if (const JsonValue given = member(record, "ts"); !given.isNothing()) {
        const auto number = given.asInt64();
        if (!number)
            return {Code::Usage, "`ts` must be a whole number of 64 bits"};
        ts = *number;
    }
    if (!ts)
        return {Code::Usage, "`ts` is missing"};
    const JsonValue data = member(record, "data");
    if (!data.exists())
        return {Code::Usage, "`data` is missing"};
    std::string text;
    if (data.isString())
        text = data.text();
    else
        appendJson(text, data);

    std::string out = "{\"ts\":" + std::to_string(*ts) + ",\"col\":";
    appendJsonString(out, col.value());
    appendJsonString(out.append(",\"doc\":"), doc.value());
    appendJsonString(out.append(",\"data\":"), text);
    return out += '}';
}

Result<KeyLine> readKey(JsonReader& reader, std::string_view line)
{
    const auto parsed = reader.parse(line);
    if (!parsed)
        return {Code::Usage, parsed.error().text};
    const JsonValue entry = parsed.value();
    if (!entry.isObject())
        return {Code::Usage, "a key is a JSON object in a line of its own"};
    const auto key = textOr(entry, "key", "");
    if (!key)
        return key.error();
    const auto value = textOr(entry, "value", "");
    if (!value)
        return value.error();
    if (key.value().empty())
        return {Code::Usage, "`key` must not be empty"};
    KeyLine out{key.value(), value.value(), {}};
    if (const JsonValue given = member(entry, "expires"); !given.isNothing()) {
        out.expiresMs = given.asInt64();
        if (!out.expiresMs)
            return {Code::Usage, "`expires` must be milliseconds since 1970"};
    }
    return out;
}

} // namespace fluxion::shell
