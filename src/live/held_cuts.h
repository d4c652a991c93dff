#pragma once

// Cuts that clients hold, to read them in several subscriptions, over several connections: all of
// an export is of one state. A cut that is held keeps what was changed since in memory as it was,
// so there are few, and one that nobody reads or asks for goes after a while.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "live/cut_share.h"

namespace fluxion {

struct HeldCutLimits {
    size_t max = 8;                              // of all clients together
    int64_t idleUs = 10 * 60 * int64_t{1000000}; // without a reader or a word
};

// Any thread. Times are of the steady clock.
class HeldCuts {
  public:
    explicit HeldCuts(HeldCutLimits limits = {}) : m_limits(limits) {}

    // Its name, which nobody can guess. One API key (0: the master key, which may have all) holds
    // half of them at most. Code::TooMany.
    Result<std::string> add(uint32_t tenant, uint32_t keyId, SharedCut cut, int64_t nowUs);
    // Null when there is none; else it is held for as long again.
    SharedCut find(uint32_t tenant, std::string_view name, int64_t nowUs);
    // Lets it go; readers keep it until they are done. Null when there is none.
    SharedCut remove(uint32_t tenant, std::string_view name);
    // Those whose time is over. What they hold is freed with the last reference, which takes time.
    std::vector<SharedCut> takeExpired(int64_t nowUs);

  private:
    struct Held {
        uint32_t tenant = 0;
        uint32_t keyId = 0;
        SharedCut cut;
        int64_t usedUs = 0;
    };
    using Map = std::map<std::string, Held, std::less<>>;

    Map::iterator findLocked(uint32_t tenant, std::string_view name);

    const HeldCutLimits m_limits;
    std::mutex m_mutex;
    Map m_cuts;
};

} // namespace fluxion
