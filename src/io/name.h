#pragma once

// What may stand as a name in a Directory: one plain path component.

#include <string_view>

namespace fluxion {

inline bool isPlainName(std::string_view name)
{
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

} // namespace fluxion
