#pragma once

// The cuts that snapshots read. A cut keeps the pages of its moment in memory while writes go on,
// so that one serves all for whom it is new enough, and those that are open are counted.

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "live/live_source.h"

namespace fluxion {

using SharedCut = std::shared_ptr<const Cut>;

class CutShare {
  public:
    // Both outlive it, and it outlives its cuts.
    CutShare(LiveSource& source, Clock& clock) : m_source(source), m_clock(clock) {}
    CutShare(const CutShare&) = delete;
    CutShare& operator=(const CutShare&) = delete;

    // The views at `seq` or later. May wait for the commit thread. Null once the engine is
    // stopping.
    SharedCut open(uint64_t seq);

    // Any thread.
    struct Summary {
        uint64_t count = 0;   // open ones
        int64_t oldestUs = 0; // the age of the oldest; 0: there is none
    };
    Summary summary() const;

  private:
    LiveSource& m_source;
    Clock& m_clock;
    mutable std::mutex m_mutex; // guards what follows
    std::weak_ptr<const Cut> m_newest;
    std::multiset<int64_t> m_openedUs; // steady
};

} // namespace fluxion
