#pragma once

// When the free heap is worth giving back to the system. What writes leave behind (pages that grew,
// chunks that were compressed) are holes, which later writes use: so when few of these come.

#include <cstdint>

namespace fluxion {

class HeapReturn {
  public:
    // Some times a second. `written`: bytes so far; `merging`: chunks are being compressed, and
    // more of them wait. True once for what there was.
    bool isDue(uint64_t written, bool merging, int64_t nowUs);

  private:
    int64_t m_lookedUs = 0;
    uint64_t m_seenBytes = 0;     // written at the last look
    uint64_t m_returnedBytes = 0; // at the last return
    bool m_merged = false;
};

} // namespace fluxion
