#include "base/json.h"
#include "base/plain_json.h"

#include <vector>

#include <simdjson.h>

namespace fluxion {

namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;

constexpr size_t kMaxTextBytes = size_t{1} << 30; // sizes and counts fit 32 bits

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

// RFC 8259 section 6. On-demand hands out numbers without looking at them.
bool isNumber(std::string_view s)
{
    size_t i = 0;
    const auto digits = [&] {
        const size_t start = i;
        while (i < s.size() && isDigit(s[i]))
            ++i;
        return i > start;
    };
    if (i < s.size() && s[i] == '-')
        ++i;
    if (i < s.size() && s[i] == '0')
        ++i;
    else if (!digits())
        return false;
    if (i < s.size() && s[i] == '.') {
        ++i;
        if (!digits())
            return false;
    }
    if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
        ++i;
        if (i < s.size() && (s[i] == '+' || s[i] == '-'))
            ++i;
        if (!digits())
            return false;
    }
    return i == s.size();
}

std::string_view withoutTrailingSpace(std::string_view s)
{
    while (!s.empty() &&
           (s.back() == ' ' || s.back() == '\n' || s.back() == '\r' || s.back() == '\t'))
        s.remove_suffix(1);
    return s;
}

Error describe(error_code error)
{
    switch (error) {
    case simdjson::UTF8_ERROR:
        return {Code::BadJson, "not valid JSON: invalid UTF-8"};
    case simdjson::UNESCAPED_CHARS:
        return {Code::BadJson, "not valid JSON: unescaped control character in a string"};
    case simdjson::UNCLOSED_STRING:
        return {Code::BadJson, "not valid JSON: a string without an end"};
    case simdjson::STRING_ERROR:
        return {Code::BadJson, "not valid JSON: bad escape or lone surrogate in a string"};
    case simdjson::NUMBER_ERROR:
        return {Code::BadJson, "not valid JSON: malformed number"};
    case simdjson::DEPTH_ERROR:
        return {Code::BadJson,
                "not valid JSON: nested deeper than " + std::to_string(kMaxJsonDepth) + " levels"};
    case simdjson::CAPACITY:
        return {Code::TooMany, "the JSON text holds more than " + std::to_string(kMaxJsonNodes) +
                                   " names and values"};
    case simdjson::MEMALLOC:
        return {Code::Internal, "no memory to parse the message"};
    default:
        return {Code::BadJson, "not valid JSON: syntax error"};
    }
}

} // namespace

struct JsonReader::State {
    od::parser parser;
    std::string source; // the text in brackets, with simdjson's padding behind it
    std::vector<JsonNode> nodes;

    error_code walk(od::value value, size_t depth);
    error_code walkArray(od::value& value, size_t depth);
    error_code walkObject(od::value& value, size_t depth);
    error_code walkText(std::string_view text);

    void add(JsonKind kind, std::string_view text);
    size_t open(JsonKind kind);
    void close(size_t index, size_t count);
};

void JsonReader::State::add(JsonKind kind, std::string_view text)
{
    JsonNode& node = nodes.emplace_back();
    node.kind = kind;
    node.text = text.data();
    node.size = static_cast<uint32_t>(text.size());
}

size_t JsonReader::State::open(JsonKind kind)
{
    add(kind, {});
    return nodes.size() - 1;
}

void JsonReader::State::close(size_t index, size_t count)
{
    nodes[index].extent = nodes.size() - index;
    nodes[index].size = static_cast<uint32_t>(count);
}

error_code JsonReader::State::walkArray(od::value& value, size_t depth)
{
    if (depth > kMaxJsonDepth)
        return simdjson::DEPTH_ERROR;
    od::array array;
    if (const auto error = value.get_array().get(array))
        return error;
    const size_t index = open(JsonKind::Array);
    size_t count = 0;
    for (auto element : array) {
        od::value inner;
        if (const auto error = element.get(inner))
            return error;
        if (const auto error = walk(inner, depth + 1))
            return error;
        ++count;
    }
    close(index, count);
    return simdjson::SUCCESS;
}

error_code JsonReader::State::walkObject(od::value& value, size_t depth)
{
    if (depth > kMaxJsonDepth)
        return simdjson::DEPTH_ERROR;
    od::object object;
    if (const auto error = value.get_object().get(object))
        return error;
    const size_t index = open(JsonKind::Object);
    size_t count = 0;
    for (auto member : object) {
        od::field field;
        if (const auto error = std::move(member).get(field))
            return error;
        std::string_view name;
        if (const auto error = field.unescaped_key().get(name))
            return error;
        add(JsonKind::String, name);
        if (const auto error = walk(field.value(), depth + 1))
            return error;
        ++count;
    }
    close(index, count);
    return simdjson::SUCCESS;
}

error_code JsonReader::State::walk(od::value value, size_t depth)
{
    if (nodes.size() >= kMaxJsonNodes)
        return simdjson::CAPACITY;
    od::json_type type;
    if (const auto error = value.type().get(type))
        return error;
    switch (type) {
    case od::json_type::array:
        return walkArray(value, depth);
    case od::json_type::object:
        return walkObject(value, depth);
    case od::json_type::string: {
        std::string_view text;
        if (const auto error = value.get_string().get(text))
            return error;
        add(JsonKind::String, text);
        return simdjson::SUCCESS;
    }
    case od::json_type::number: {
        const std::string_view number = withoutTrailingSpace(value.raw_json_token());
        if (!isNumber(number))
            return simdjson::NUMBER_ERROR;
        // The token stays unread: the loop that got this value steps over it. Reading it as a
        // number would fail beyond 64 bits.
        add(JsonKind::Number, number);
        return simdjson::SUCCESS;
    }
    case od::json_type::boolean: {
        bool truth = false;
        if (const auto error = value.get_bool().get(truth))
            return error;
        add(JsonKind::Bool, {});
        nodes.back().size = truth ? 1 : 0;
        return simdjson::SUCCESS;
    }
    case od::json_type::null: {
        bool isNull = false;
        if (const auto error = value.is_null().get(isNull))
            return error;
        if (!isNull)
            return simdjson::N_ATOM_ERROR;
        add(JsonKind::Null, {});
        return simdjson::SUCCESS;
    }
    default:
        return simdjson::TAPE_ERROR;
    }
}

// The text is walked in brackets, as the only element of an array, so that a lone number or string
// takes the same way as everything else and a byte behind it is a syntax error.
error_code JsonReader::State::walkText(std::string_view text)
{
    source.clear();
    source.reserve(text.size() + 2 + simdjson::SIMDJSON_PADDING);
    source.push_back('[');
    source.append(text);
    source.push_back(']');
    const size_t length = source.size();
    source.append(simdjson::SIMDJSON_PADDING, '\0');
    nodes.clear();

    od::document document;
    if (const auto error =
            parser.iterate(source.data(), length, length + simdjson::SIMDJSON_PADDING)
                .get(document))
        return error;
    od::array array;
    if (const auto error = document.get_array().get(array))
        return error;
    size_t count = 0;
    for (auto element : array) {
        od::value value;
        if (const auto error = element.get(value))
            return error;
        if (const auto error = walk(value, 1))
            return error;
        ++count;
    }
    // There is no location left once every token is read.
    const bool atEnd = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return count == 1 && atEnd ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

JsonReader::JsonReader() : m_state(std::make_unique<State>()) {}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

Result<JsonValue> JsonReader::parse(std::string_view text)
{
    if (text.size() > kMaxTextBytes)
        return {Code::TooLarge, "a JSON text is larger than 1 GiB"};
    if (text.size() <= kPlainJsonBytes && readPlainJson(text, m_state->source, m_state->nodes))
        return JsonValue(m_state->nodes.data());
    // Some versions of simdjson skip a byte order mark; RFC 8259 section 8.1 forbids sending one.
    if (text.starts_with("\xef\xbb\xbf"))
        return {Code::BadJson, "not valid JSON: it starts with a byte order mark"};
    if (const auto error = m_state->walkText(text)) {
        m_state->nodes.clear();
        return describe(error);
    }
    return JsonValue(m_state->nodes.data());
}

void JsonReader::trim()
{
    const bool large = m_state->source.capacity() > kKeptJsonBytes + simdjson::SIMDJSON_PADDING ||
                       m_state->nodes.capacity() > kKeptJsonBytes / 2;
    if (large)
        m_state = std::make_unique<State>();
}

} // namespace fluxion
