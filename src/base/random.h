#pragma once

// Unpredictable bytes from the operating system: epochs, ids, secrets.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace fluxion {

// Aborts if the system has no randomness to give: nothing safe can follow.
void randomBytes(void* out, size_t size);
uint64_t randomU64();

// Lower-case hexadecimal.
std::string toHex(std::string_view bytes);

} // namespace fluxion
