#pragma once

// Seeds of the randomised tests: printed, and repeatable with FLUXION_SEED=<number>.

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include "base/random.h"

namespace fluxion {

inline std::mt19937_64 seededRandom(const char* what)
{
    const char* fixed = std::getenv("FLUXION_SEED");
    const uint64_t seed = fixed ? std::strtoull(fixed, nullptr, 10) : randomU64();
    MESSAGE(std::string(what), ": seed ", seed);
    return std::mt19937_64(seed);
}

} // namespace fluxion
