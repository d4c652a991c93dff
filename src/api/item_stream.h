#pragma once

// A reply made of a head, many items and a tail, produced in slices: of bytes, so that a large
// answer does not stand in memory, and of time, so that the other clients of the thread get their
// turns.

#include <chrono>
#include <string>
#include <string_view>

#include "api/client_link.h"

namespace fluxion {

class ItemStream : public ReplyStream {
  public:
    ItemStream(std::string head, std::string_view tail) : m_head(std::move(head)), m_tail(tail) {}

    bool produce(std::string& out, size_t aimBytes) final
    {
        out += m_head;
        m_head.clear();
        const auto until = std::chrono::steady_clock::now() + kSlice;
        const size_t begin = out.size();
        while (out.size() - begin < aimBytes) {
            // One item may be as large as a message.
            for (int i = 0; i < kItemsPerLook && out.size() - begin < aimBytes; ++i) {
                bool appended = false;
                if (!nextItem(out, appended)) {
                    out += m_tail;
                    return false;
                }
                m_any |= appended;
            }
            if (std::chrono::steady_clock::now() >= until)
                break;
        }
        return true;
    }

  protected:
    // Looks at one more item and appends it if it belongs to the answer, or passes some that do
    // not. Some microseconds of work: for 16 calls nobody looks at the clock. False at the end.
    virtual bool nextItem(std::string& out, bool& appended) = 0;

    // Before every item but the first.
    void separate(std::string& out) const
    {
        if (m_any)
            out += ',';
    }

  private:
    static constexpr auto kSlice = std::chrono::milliseconds(1);
    static constexpr int kItemsPerLook = 16;

    std::string m_head;
    std::string_view m_tail; // constant text
    bool m_any = false;
};

} // namespace fluxion
