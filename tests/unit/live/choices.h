#pragma once

// Every way through a test that asks "which of n?" again and again: run it, and while next() is
// true run it once more. Depth first, the same questions in the same places.

#include <cstddef>
#include <utility>
#include <vector>

namespace fluxion {

class Choices {
  public:
    // 0 to n - 1; n is at least 1.
    size_t of(size_t n)
    {
        if (m_at == m_path.size())
            m_path.emplace_back(0, n);
        return m_path[m_at++].first;
    }
    // Leads to the next way; false after the last one.
    bool next()
    {
        m_at = 0;
        while (!m_path.empty() && m_path.back().first + 1 == m_path.back().second)
            m_path.pop_back();
        if (m_path.empty())
            return false;
        ++m_path.back().first;
        return true;
    }

  private:
    std::vector<std::pair<size_t, size_t>> m_path; // taken, of how many
    size_t m_at = 0;
};

} // namespace fluxion
