#pragma once

// JSON text changed in a few places at random, with what its readers look at.

#include <cstdint>
#include <random>
#include <string>

namespace fluxion {

inline std::string changedAtRandom(std::string text, std::mt19937_64& random)
{
    constexpr char kPieces[] = "\"\\/{}[]:, \n-019eutnx\x7f\xc3\x1f.";
    for (uint64_t changes = random() % 4; changes > 0; --changes) {
        const size_t at = random() % text.size();
        const char c = kPieces[random() % (sizeof kPieces - 1)];
        switch (random() % 3) {
        case 0:
            text[at] = c;
            break;
        case 1:
            text.insert(at, random() % 3 + 1, c);
            break;
        default:
            text.erase(at, 1);
        }
    }
    return text;
}

} // namespace fluxion
