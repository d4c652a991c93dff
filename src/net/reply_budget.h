#pragma once

// The memory that large replies may hold together, over all I/O threads.

#include <atomic>
#include <cstdint>

namespace fluxion {

// Any thread. Holds at least one share of a large reply, or none could ever leave.
class ReplyBudget {
  public:
    explicit ReplyBudget(uint64_t bytes) : m_left(static_cast<int64_t>(bytes)) {}

    // False: nothing was taken, try again later.
    bool take(uint64_t bytes)
    {
        const auto n = static_cast<int64_t>(bytes);
        if (m_left.fetch_sub(n) >= n)
            return true;
        m_left.fetch_add(n);
        return false;
    }
    void giveBack(uint64_t bytes) { m_left.fetch_add(static_cast<int64_t>(bytes)); }

  private:
    std::atomic<int64_t> m_left;
};

} // namespace fluxion
