#include "engine/heap_return.h"

#include <utility>

namespace fluxion {

namespace {

constexpr int64_t kIntervalUs = 1000000;         // to look costs time, too
constexpr uint64_t kMuchBytes = 8 * 1024 * 1024; // that may have left holes worth it
constexpr uint64_t kFewBytes = 64 * 1024;        // between two looks: they do not need the holes

} // namespace

bool HeapReturn::isDue(uint64_t written, bool merging, int64_t nowUs)
{
    m_merged |= merging;
    if (merging || nowUs - m_lookedUs < kIntervalUs)
        return false;
    m_lookedUs = nowUs;
    const bool isCalm = written - std::exchange(m_seenBytes, written) < kFewBytes;
    const bool isMuch = written - m_returnedBytes >= kMuchBytes;
    if (!m_merged && !(isCalm && isMuch))
        return false;
    m_merged = false;
    m_returnedBytes = written;
    return true;
}

} // namespace fluxion
