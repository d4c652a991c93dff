#pragma once

// A clock that stands still until told otherwise.

#include <atomic>

#include "base/clock.h"

namespace fluxion {

// Any thread.
class SimClock : public Clock {
  public:
    explicit SimClock(int64_t wallUs = 1'700'000'000'000'000) : m_wallUs(wallUs) {}

    int64_t wallUs() override { return m_wallUs.load(); }
    int64_t steadyUs() override { return m_steadyUs.load(); }

    // Time passes, on both scales. Not negative.
    void advanceUs(int64_t us)
    {
        m_steadyUs += us;
        m_wallUs += us;
    }
    // Someone sets the wall clock, forward or back.
    void setWallUs(int64_t us) { m_wallUs = us; }

  private:
    std::atomic<int64_t> m_wallUs;
    std::atomic<int64_t> m_steadyUs{0};
};

} // namespace fluxion
