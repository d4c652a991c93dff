#pragma once

// A second, plain reader of JSON (RFC 8259) that shares nothing with the first: says whether a
// text is JSON, and what it says, as text in one normal form.

#include <optional>
#include <string>
#include <string_view>

namespace fluxion::fuzz {

// In the form that appendJson() writes: no white space, few escapes, numbers as they came.
struct StrictJson {
    std::string text;
    size_t depth = 0; // arrays and objects inside each other
};

// Nothing if it is not one JSON value, or nested deeper than `maxDepth`.
std::optional<StrictJson> readStrictJson(std::string_view text, size_t maxDepth);

// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool isStrictUtf8(std::string_view bytes);

} // namespace fluxion::fuzz
