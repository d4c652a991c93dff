#pragma once

// Histories with a fault in them, which check() must see, and sound ones that come close.

namespace fluxion::linear {

// How many were judged rightly, and wrongly (each said on standard output).
struct Tally {
    int passed = 0;
    int failed = 0;
    void count(bool good, const char* what, const char* more = "");
};

void checkPlanted(Tally& tally);

} // namespace fluxion::linear
