#include "protocol/field_reader.h"

#include "base/clock.h"

namespace fluxion {

FieldReader::FieldReader(JsonValue object, const RequestLimits& limits)
    : m_object(object), m_limits(limits)
{
}

FieldReader::FieldReader(JsonValue element, const RequestLimits& limits, size_t index,
                         std::string_view list)
    : m_object(element), m_limits(limits), m_index(index), m_list(list)
{
    if (!element.isObject())
        fail({}, "must be an object");
}

void FieldReader::fail(std::string_view field, std::string_view problem, Code code)
{
    if (!m_status)
        return;
    std::string text;
    if (m_index != kNoIndex) {
        text = std::string(m_list) + "[" + std::to_string(m_index) + "]";
        if (!field.empty())
            text += '.';
    }
    text.append(field).append(": ").append(problem);
    m_status = Status(code, std::move(text));
}

JsonValue FieldReader::find(std::string_view field)
{
    if (!m_status)
        return {};
    JsonValue found;
    for (const JsonMember member : m_object.members()) {
        if (member.name != field)
            continue;
        if (found.exists()) {
            fail(field, "is given twice");
            return {};
        }
        found = member.value;
    }
    return found.isNothing() ? JsonValue() : found;
}

JsonValue FieldReader::findRequired(std::string_view field)
{
    const JsonValue value = find(field);
    if (!value.exists())
        fail(field, "is missing");
    return value;
}

std::string_view FieldReader::asText(std::string_view field, JsonValue value)
{
    if (!value.exists())
        return {};
    if (!value.isString()) {
        fail(field, "must be a string");
        return {};
    }
    return value.text();
}

void FieldReader::checkName(std::string_view field, std::string_view name)
{
    if (name.size() > m_limits.maxNameBytes)
        fail(field, "is longer than " + std::to_string(m_limits.maxNameBytes) + " bytes",
             Code::TooLarge);
    else if (name.find('\0') != std::string_view::npos)
        fail(field, "must not contain NUL");
}

std::string_view FieldReader::name(std::string_view field)
{
    const std::string_view value = filledText(field);
    checkName(field, value);
    return value;
}

std::string_view FieldReader::optionalName(std::string_view field)
{
    const std::string_view value = asText(field, find(field));
    checkName(field, value);
    return value;
}

std::string_view FieldReader::text(std::string_view field)
{
    return asText(field, findRequired(field));
}

std::string_view FieldReader::filledText(std::string_view field)
{
    const std::string_view value = text(field);
    if (value.empty())
        fail(field, "must not be empty");
    return value;
}

int64_t FieldReader::integer(std::string_view field)
{
    const auto value = optionalInteger(field);
    if (!value)
        fail(field, "is missing");
    return value.value_or(0);
}

std::optional<int64_t> FieldReader::optionalInteger(std::string_view field)
{
    const JsonValue value = find(field);
    if (!value.exists())
        return std::nullopt;
    const auto integer = value.asInt64();
    if (!integer)
        fail(field, "must be an integer of 64 bits");
    return integer;
}

std::optional<uint64_t> FieldReader::version(std::string_view field)
{
    const auto value = optionalInteger(field);
    if (value && *value < 0)
        fail(field, "must not be negative");
    return value ? std::optional(static_cast<uint64_t>(*value)) : std::nullopt;
}

uint64_t FieldReader::limit(std::string_view field, uint64_t byDefault, uint64_t most)
{
    const auto value = optionalInteger(field);
    if (!value)
        return byDefault;
    if (*value < 1 || static_cast<uint64_t>(*value) > most)
        fail(field, "must be from 1 to " + std::to_string(most));
    return static_cast<uint64_t>(*value);
}

std::optional<int64_t> FieldReader::lifetimeUs(std::string_view field)
{
    const auto ms = optionalInteger(field);
    if (ms && (*ms < 0 || *ms > kMaxLifetimeMs))
        fail(field, "must be from 0 to " + std::to_string(kMaxLifetimeMs) + " milliseconds");
    return ms && m_status ? std::optional(*ms * kUsPerMs) : std::nullopt;
}

JsonValue FieldReader::list(std::string_view field)
{
    return asList(field, findRequired(field));
}

JsonValue FieldReader::optionalList(std::string_view field)
{
    return asList(field, find(field));
}

JsonValue FieldReader::asList(std::string_view field, JsonValue value)
{
    if (value.exists() && !value.isArray())
        fail(field, "must be an array");
    return value.isArray() ? value : JsonValue();
}

std::optional<Position> FieldReader::position(std::string_view field)
{
    const JsonValue value = find(field);
    if (!value.exists())
        return std::nullopt;
    auto position = parsePosition(value);
    if (!position)
        fail(field, "must be a position: <log>:<seq>, or a seq");
    return position;
}

bool FieldReader::flag(std::string_view field)
{
    const JsonValue value = find(field);
    if (!value.exists())
        return false;
    if (!value.isBool()) {
        fail(field, "must be true or false");
        return false;
    }
    return value.boolean();
}

std::optional<Pattern> FieldReader::textPattern(std::string_view field)
{
    const std::string_view text = asText(field, find(field));
    if (text.empty())
        return std::nullopt;
    auto pattern = Pattern::parse(text, m_limits.pattern);
    if (!pattern) {
        fail(field, pattern.error().text, pattern.error().code);
        return std::nullopt;
    }
    return std::move(pattern.value());
}

std::optional<Pattern> FieldReader::namePattern(std::string_view field)
{
    auto pattern = textPattern(field);
    if (pattern && !pattern->isRegex())
        checkName(field, pattern->literal());
    return pattern;
}

} // namespace fluxion
