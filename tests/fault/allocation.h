#pragma once

// Watches operator new of the whole program.

#include <cstddef>

namespace fluxion {

// The largest single allocation since the start or the reset, in bytes. Any thread.
size_t largestAllocation();
void resetLargestAllocation();

} // namespace fluxion
