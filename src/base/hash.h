#pragma once

// 64-bit hashes (XXH3): for tables (with a seed a client cannot guess) and for comparing content.

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace fluxion {

inline uint64_t hash64(std::string_view bytes, uint64_t seed = 0)
{
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// Random, the same for the life of the process.
uint64_t tableSeed();

} // namespace fluxion
