#pragma once

// What a reply says of itself.

#include <cstdint>
#include <string_view>

#include "bench/request.h"

namespace fluxion::bench {

// The number that a WebSocket reply's id carries. Throws std::runtime_error when there is none.
uint64_t idOf(std::string_view reply);

bool isError(Wire wire, std::string_view reply);

// Throws std::runtime_error.
[[noreturn]] void answersNothing(std::string_view reply);

} // namespace fluxion::bench
