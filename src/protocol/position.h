#pragma once

// A place in a log: `<log>:<seq>`, or a bare seq, which means this server's log.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace fluxion {

struct Position {
    std::string log; // empty: this history
    uint64_t seq = 0;

    friend bool operator==(const Position&, const Position&) = default;
};

// A log id is 1 to 64 letters, digits, `-` and `_`; a seq is at most 2^63-1. Nothing when
// malformed.
std::optional<Position> parsePosition(std::string_view text);
// A number, a string of digits, or `<log>:<seq>` in a string.
std::optional<Position> parsePosition(JsonValue value);

// `<log>:<seq>`.
std::string formatPosition(std::string_view log, uint64_t seq);

} // namespace fluxion
