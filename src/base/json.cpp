#include "base/json.h"

#include <charconv>
#include <cstring>
#include <limits>

namespace fluxion {

namespace {

constexpr uint64_t kMaxMagnitude = uint64_t{1} << 63; // of a negative number

std::optional<int64_t> withSign(uint64_t magnitude, bool negative)
{
    if (negative) {
        if (magnitude > kMaxMagnitude)
            return std::nullopt;
        return static_cast<int64_t>(~magnitude + 1);
    }
    if (magnitude >= kMaxMagnitude)
        return std::nullopt;
    return static_cast<int64_t>(magnitude);
}

// A decimal number taken apart: digits without leading or trailing zeros, times ten to the power.
struct Decimal {
    std::string_view whole, fraction;
    int64_t exponent = 0;
};

Decimal split(std::string_view number)
{
    Decimal parts;
    const size_t e = number.find_first_of("eE");
    std::string_view mantissa = number.substr(0, e);
    if (e != std::string_view::npos) {
        // Beyond this no text of digits can bring the value back into range.
        constexpr int64_t kFarExponent = 1'000'000'000'000;
        size_t i = e + 1;
        const bool negative = number[i] == '-';
        if (number[i] == '-' || number[i] == '+')
            ++i;
        for (; i < number.size() && parts.exponent < kFarExponent; ++i)
            parts.exponent = parts.exponent * 10 + (number[i] - '0');
        if (negative)
            parts.exponent = -parts.exponent;
    }
    const size_t dot = mantissa.find('.');
    parts.whole = mantissa.substr(0, dot);
    if (dot != std::string_view::npos)
        parts.fraction = mantissa.substr(dot + 1);
    return parts;
}

} // namespace

std::optional<int64_t> parseJsonInteger(std::string_view number)
{
    const bool negative = number.starts_with('-');
    if (negative)
        number.remove_prefix(1);
    Decimal parts = split(number);
    // Digits that matter: leading and trailing zeros only move the exponent.
    while (!parts.fraction.empty() && parts.fraction.back() == '0')
        parts.fraction.remove_suffix(1);
    int64_t power = parts.exponent - static_cast<int64_t>(parts.fraction.size());
    if (parts.fraction.empty()) {
        while (!parts.whole.empty() && parts.whole.back() == '0') {
            parts.whole.remove_suffix(1);
            ++power;
        }
    }
    uint64_t magnitude = 0;
    for (const std::string_view part : {parts.whole, parts.fraction}) {
        for (const char c : part) {
            if (magnitude > (std::numeric_limits<uint64_t>::max() - 9) / 10)
                return std::nullopt;
            magnitude = magnitude * 10 + static_cast<uint64_t>(c - '0');
        }
    }
    if (magnitude == 0)
        return 0;
    if (power < 0)
        return std::nullopt; // the last digit is not zero: a fraction
    for (; power > 0; --power) {
        if (magnitude > std::numeric_limits<uint64_t>::max() / 10)
            return std::nullopt;
        magnitude *= 10;
    }
    return withSign(magnitude, negative);
}

std::optional<int64_t> parseDecimalInteger(std::string_view digits)
{
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
        return std::nullopt;
    return value;
}

std::optional<int64_t> JsonValue::asInt64() const
{
    if (isString())
        return parseDecimalInteger(text());
    if (!isNumber())
        return std::nullopt;
    // Nearly every number is plain digits.
    if (const auto plain = parseDecimalInteger(text()))
        return plain;
    return parseJsonInteger(text());
}

Result<JsonValue> JsonValue::findUnique(std::string_view name) const
{
    JsonValue found;
    for (const JsonMember member : members()) {
        if (member.name != name)
            continue;
        if (found.exists())
            return {Code::BadRequest, std::string(name) + ": is given twice"};
        found = member.value;
    }
    return found;
}

namespace {

bool needsEscape(char c)
{
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Whether any of eight bytes needs an escape: the usual tricks for "has a byte below n" and "has a
// zero byte". May say yes for a byte from 0x80 up, never no for one that needs it.
bool mayNeedEscape(uint64_t word)
{
    constexpr uint64_t kOnes = 0x0101010101010101;
    constexpr uint64_t kHighs = 0x8080808080808080;
    const auto hasZero = [](uint64_t x) { return (x - kOnes) & ~x & kHighs; };
    const uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
    return (control | hasZero(word ^ (kOnes * '"')) | hasZero(word ^ (kOnes * '\\'))) != 0;
}

size_t cleanPrefix(std::string_view text)
{
    size_t i = 0;
    for (; i + 8 <= text.size(); i += 8) {
        uint64_t word;
        std::memcpy(&word, text.data() + i, sizeof word);
        if (mayNeedEscape(word))
            break;
    }
    while (i < text.size() && !needsEscape(text[i]))
        ++i;
    return i;
}

void appendEscape(std::string& out, char c)
{
    switch (c) {
    case '"':
        out.append("\\\"");
        return;
    case '\\':
        out.append("\\\\");
        return;
    case '\n':
        out.append("\\n");
        return;
    case '\r':
        out.append("\\r");
        return;
    case '\t':
        out.append("\\t");
        return;
    default:
        break;
    }
    static constexpr char kDigits[] = "0123456789abcdef";
    out.append("\\u00");
    out.push_back(kDigits[(c >> 4) & 15]);
    out.push_back(kDigits[c & 15]);
}

template <class Integer> void appendNumber(std::string& out, Integer value)
{
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, end);
}

} // namespace

void appendJsonString(std::string& out, std::string_view text)
{
    out.push_back('"');
    while (true) {
        const size_t clean = cleanPrefix(text);
        out.append(text.substr(0, clean));
        if (clean == text.size())
            break;
        appendEscape(out, text[clean]);
        text.remove_prefix(clean + 1);
    }
    out.push_back('"');
}

void appendJsonInt(std::string& out, int64_t value)
{
    appendNumber(out, value);
}

void appendJsonUint(std::string& out, uint64_t value)
{
    appendNumber(out, value);
}

void appendJsonMember(std::string& out, std::string_view name, std::string_view value)
{
    out.append(",\"").append(name).append("\":");
    appendJsonString(out, value);
}

void appendJsonMember(std::string& out, std::string_view name, int64_t value)
{
    out.append(",\"").append(name).append("\":");
    appendJsonInt(out, value);
}

void appendJson(std::string& out, JsonValue value)
{
    char separator = 0;
    const auto separate = [&] {
        if (separator)
            out.push_back(separator);
        separator = ',';
    };
    if (value.isArray()) {
        out.push_back('[');
        for (const JsonValue element : value.elements()) {
            separate();
            appendJson(out, element);
        }
        out.push_back(']');
    } else if (value.isObject()) {
        out.push_back('{');
        for (const JsonMember member : value.members()) {
            separate();
            appendJsonString(out, member.name);
            out.push_back(':');
            appendJson(out, member.value);
        }
        out.push_back('}');
    } else if (value.isString()) {
        appendJsonString(out, value.text());
    } else if (value.isNumber()) {
        out.append(value.text());
    } else if (value.isBool()) {
        out.append(value.boolean() ? "true" : "false");
    } else {
        out.append("null");
    }
}

} // namespace fluxion
