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

constexpr size_t kMaxHeldCuts = 8;                             // of all clients together
constexpr int64_t kHeldCutIdleUs = 10 * 60 * int64_t{1000000}; // without a reader or a word

// Any thread. Times are of the steady clock.
class HeldCuts {
  public:
    // Its name, which nobody can guess. Code::TooMany.
    Result<std::string> add(uint32_t tenant, SharedCut cut, int64_t nowUs);
    // Null when there is none; else it is held for as long again.
    SharedCut find(uint32_t tenant, std::string_view name, int64_t nowUs);
    // Lets it go; readers keep it until they are done. Null when there is none.
    SharedCut remove(uint32_t tenant, std::string_view name);
    // Those whose time is over. What they hold is freed with the last reference, which takes time.
    std::vector<SharedCut> takeExpired(int64_t nowUs);

  private:
    struct Held {
        uint32_t tenant = 0;
        SharedCut cut;
        int64_t usedUs = 0;
    };
    using Map = std::map<std::string, Held, std::less<>>;

    Map::iterator findLocked(uint32_t tenant, std::string_view name);

    std::mutex m_mutex;
    Map m_cuts;
};

} // namespace fluxion
