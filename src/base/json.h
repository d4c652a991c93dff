#pragma once

// JSON text in and out, strict (RFC 8259).
//
// In: JsonReader checks a whole text before anything of it is seen: UTF-8, escapes, surrogate
// pairs, control characters, numbers' grammar, one value and nothing behind it, nesting. Numbers
// keep the text they came as, so that a number too large for 64 bits is an error of its field and
// not of the message, and nothing is ever rounded. simdjson does the parsing (its on-demand
// front end, walked from end to end: its DOM refuses a text for one number beyond 64 bits), except
// of short plain texts (base/plain_json).
//
// Out: plain appends to a string.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fluxion {

// Arrays and objects inside each other; one more is bad_json.
inline constexpr size_t kMaxJsonDepth = 64;

// Buffers above this size (bytes of text) are given back by JsonReader::trim().
inline constexpr size_t kKeptJsonBytes = 1024 * 1024;

// Names and values in one text; more are too_many. Bounds the memory that a text of many tiny
// values takes.
inline constexpr size_t kMaxJsonNodes = 4 * 1024 * 1024;

enum class JsonKind : uint8_t { Null, Bool, Number, String, Array, Object };

// One parsed value. Built by JsonReader in document order: an object's members are a String node
// (the name) followed by the value's.
struct JsonNode {
    union {
        const char* text; // Number: as written; String: unescaped
        uint64_t extent;  // Array, Object: nodes of the whole value, this one included
    };
    uint32_t size = 0; // bytes of text, elements or members; of a Bool: 0 or 1
    JsonKind kind = JsonKind::Null;
};

struct JsonMember;

// A value of a parsed text, or nothing at all (an absent member). Two words, copied freely; lives,
// with every view taken from it, until its JsonReader parses again, is trimmed or destroyed.
class JsonValue {
  public:
    JsonValue() = default;
    explicit JsonValue(const JsonNode* node) : m_node(node) {}

    // False for an absent member; a null that is written exists.
    bool exists() const { return m_node != nullptr; }
    bool isNull() const { return is(JsonKind::Null); }
    bool isBool() const { return is(JsonKind::Bool); }
    bool isNumber() const { return is(JsonKind::Number); }
    bool isString() const { return is(JsonKind::String); }
    bool isArray() const { return is(JsonKind::Array); }
    bool isObject() const { return is(JsonKind::Object); }
    // Absent or null, which mean the same for an optional field.
    bool isNothing() const { return !exists() || isNull(); }

    // Only of a Bool.
    bool boolean() const { return m_node->size != 0; }
    // Of a String the unescaped bytes (valid UTF-8, may hold NUL), of a Number its source text.
    std::string_view text() const { return {m_node->text, m_node->size}; }
    // The exact integer: of a Number with an integral value (1.7e9 and 100e-2 are), or of a String
    // of decimal digits with an optional minus. Nothing for all else and beyond 64 bits.
    std::optional<int64_t> asInt64() const;

    // Elements of an Array, members of an Object.
    size_t size() const { return m_node->size; }

    template <class Item> class Range;
    // Iterates JsonValue; only of an Array.
    Range<JsonValue> elements() const;
    // Iterates JsonMember {name, value} in the order written, duplicates included; only of an
    // Object.
    Range<JsonMember> members() const;
    // The member of that name, absent if there is none; bad_request if it is given twice. Only of
    // an Object. Linear in the number of members.
    Result<JsonValue> findUnique(std::string_view name) const;

  private:
    bool is(JsonKind kind) const { return m_node && m_node->kind == kind; }

    const JsonNode* m_node = nullptr;
};

struct JsonMember {
    std::string_view name;
    JsonValue value;
};

// Elements or members, for range-for.
template <class Item> class JsonValue::Range {
  public:
    class Iterator {
      public:
        explicit Iterator(const JsonNode* at) : m_at(at) {}
        Item operator*() const;
        Iterator& operator++()
        {
            m_at = after(valueNode());
            return *this;
        }
        bool operator!=(const Iterator& other) const { return m_at != other.m_at; }

      private:
        const JsonNode* valueNode() const;
        static const JsonNode* after(const JsonNode* node)
        {
            const bool container = node->kind == JsonKind::Array || node->kind == JsonKind::Object;
            return node + (container ? node->extent : 1);
        }

        const JsonNode* m_at;
    };

    explicit Range(const JsonNode* node) : m_node(node) {}
    Iterator begin() const { return Iterator(m_node + 1); }
    Iterator end() const { return Iterator(m_node + m_node->extent); }

  private:
    const JsonNode* m_node;
};

template <> inline const JsonNode* JsonValue::Range<JsonValue>::Iterator::valueNode() const
{
    return m_at;
}
template <> inline const JsonNode* JsonValue::Range<JsonMember>::Iterator::valueNode() const
{
    return m_at + 1;
}
template <> inline JsonValue JsonValue::Range<JsonValue>::Iterator::operator*() const
{
    return JsonValue(m_at);
}
template <> inline JsonMember JsonValue::Range<JsonMember>::Iterator::operator*() const
{
    return {{m_at->text, m_at->size}, JsonValue(m_at + 1)};
}
inline JsonValue::Range<JsonValue> JsonValue::elements() const
{
    return Range<JsonValue>(m_node);
}
inline JsonValue::Range<JsonMember> JsonValue::members() const
{
    return Range<JsonMember>(m_node);
}

// Parses one text at a time and owns what came of it. Keep one per thread (and a second for a text
// inside a text), since its buffers are reused. One thread at a time.
class JsonReader {
  public:
    JsonReader();
    ~JsonReader();
    JsonReader(JsonReader&&) noexcept;
    JsonReader& operator=(JsonReader&&) noexcept;

    // The value of `text`, which is copied and may be gone afterwards. bad_json says what is wrong
    // with it; too_large above 1 GiB, too_many above kMaxJsonNodes. Ends the life of what was
    // parsed before, also on error. Memory: 7 times the text, and at most 96 MiB for the nodes.
    Result<JsonValue> parse(std::string_view text);

    // Gives back buffers that a text above kKeptJsonBytes has left; to be called when a message is
    // dealt with. Ends the life of what was parsed.
    void trim();

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

// `text` must be valid UTF-8. Appends it in quotes; escapes the quote, the backslash and all below
// U+0020, NUL included; everything else stays as it is.
void appendJsonString(std::string& out, std::string_view text);
void appendJsonInt(std::string& out, int64_t value);
void appendJsonUint(std::string& out, uint64_t value);
// ,"name":value of an object that is under way. The name is ours and needs no escape.
void appendJsonMember(std::string& out, std::string_view name, std::string_view value);
void appendJsonMember(std::string& out, std::string_view name, int64_t value);
// The value again, without white space; numbers in the text they came as.
void appendJson(std::string& out, JsonValue value);

// The integer of a JSON number's or decimal string's text: see JsonValue::asInt64().
std::optional<int64_t> parseJsonInteger(std::string_view number);
std::optional<int64_t> parseDecimalInteger(std::string_view digits);

} // namespace fluxion
