#pragma once

// Bytes as a test writes them down: "46 4c 58" and how they came out.

#include <cctype>
#include <string>
#include <string_view>

#include "base/random.h"

namespace fluxion {

inline int hexDigit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

// Pairs of lower-case hex digits; blanks and line ends between them do not count.
inline std::string bytesOf(std::string_view text)
{
    std::string digits;
    for (const char c : text) {
        if (std::isxdigit(static_cast<unsigned char>(c)))
            digits += c;
    }
    std::string bytes;
    for (size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(hexDigit(digits[i]) * 16 + hexDigit(digits[i + 1]));
    return bytes;
}

inline std::string filled(std::string bytes, size_t size)
{
    bytes.resize(size, '\0');
    return bytes;
}

} // namespace fluxion
