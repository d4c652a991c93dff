#pragma once

// Reads the fields of one object of a payload. The first thing that is wrong is kept in status();
// reads after it yield empty values, so that a decoder reads all fields and asks once.

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/pattern.h"
#include "base/result.h"
#include "protocol/position.h"

namespace fluxion {

// Of a key, some 100 years: so far ahead no clock is wrong.
constexpr int64_t kMaxLifetimeMs = int64_t{100} * 366 * 24 * 60 * 60 * 1000;

// Bounds of what a request may hold; from the settings table.
struct RequestLimits {
    size_t maxNameBytes = 1024; // of `col`, `doc` and `key`
    PatternLimits pattern;
};

// Views live as long as the parsed text. Errors name the field: `records[3].ts: must be ...`.
class FieldReader {
  public:
    // The payload itself; must be an object.
    FieldReader(JsonValue object, const RequestLimits& limits);
    // Element `index` of a list, by default the payload; bad_request if it is no object.
    FieldReader(JsonValue element, const RequestLimits& limits, size_t index,
                std::string_view list = "records");

    // A name: a string, not empty, no NUL, at most maxNameBytes (too_large).
    std::string_view name(std::string_view field);
    // As name(), but empty when absent, null or "".
    std::string_view optionalName(std::string_view field);
    // Any string, NUL included; must be there.
    std::string_view text(std::string_view field);
    // As text(), not empty.
    std::string_view filledText(std::string_view field);
    int64_t integer(std::string_view field);
    // Nothing when absent or null.
    std::optional<int64_t> optionalInteger(std::string_view field);
    // The version that a key is to have; nothing when absent or null.
    std::optional<uint64_t> version(std::string_view field);
    // From 1 to `most`; the default when absent or null.
    uint64_t limit(std::string_view field, uint64_t byDefault, uint64_t most);
    // Milliseconds of life as microseconds; nothing when absent or null.
    std::optional<int64_t> lifetimeUs(std::string_view field);
    // An array; must be there.
    JsonValue list(std::string_view field);
    // The same, absent when absent or null.
    JsonValue optionalList(std::string_view field);
    // A place in a log; nothing when absent or null.
    std::optional<Position> position(std::string_view field);
    // False when absent or null.
    bool flag(std::string_view field);
    // Nothing when absent, null or ""; bad_regex. A literal follows the rules of name().
    std::optional<Pattern> namePattern(std::string_view field);
    // Nothing when absent, null or ""; bad_regex. A literal is any string.
    std::optional<Pattern> textPattern(std::string_view field);

    // Notes an error of `field`, unless there is one already.
    void fail(std::string_view field, std::string_view problem, Code code = Code::BadRequest);

    const Status& status() const { return m_status; }

  private:
    static constexpr size_t kNoIndex = static_cast<size_t>(-1);

    // The member of that name; a null or an error reads as absent.
    JsonValue find(std::string_view field);
    JsonValue findRequired(std::string_view field);
    std::string_view asText(std::string_view field, JsonValue value);
    JsonValue asList(std::string_view field, JsonValue value);
    void checkName(std::string_view field, std::string_view name);

    JsonValue m_object;
    const RequestLimits& m_limits;
    size_t m_index = kNoIndex;
    std::string_view m_list; // constant text
    Status m_status;
};

} // namespace fluxion
