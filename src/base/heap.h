#pragma once

// What the allocator keeps for itself.

#include <cstdint>

namespace fluxion {

// Gives free pages back to the system when at least `worthBytes` of the heap lie unused; glibc
// keeps them otherwise. Takes milliseconds a GiB, and other threads' allocations wait: for a
// background thread, now and then. Does nothing with another C library.
void returnFreeHeap(uint64_t worthBytes);

} // namespace fluxion
