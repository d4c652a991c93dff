#pragma once

// Time as a parameter, so that tests own it.

#include <cstdint>

namespace fluxion {

constexpr int64_t kUsPerMs = 1000;

class Clock {
  public:
    virtual ~Clock() = default;
    // Microseconds since 1970 UTC; may jump either way.
    virtual int64_t wallUs() = 0;
    // Microseconds since some fixed moment; never goes back.
    virtual int64_t steadyUs() = 0;
};

// The machine's clock. Any thread.
Clock& systemClock();

} // namespace fluxion
