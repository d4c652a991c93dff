#pragma once

// Events on their way to one subscriber, in order.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "live/event_text.h"

namespace fluxion {

struct QueuedEvent {
    uint64_t seq = 0;
    SharedEvent text;
};

// One thread. An empty one takes next to no memory, and one that is never empty no more than twice
// what it holds: many subscriptions rest, and some are always a little behind.
class EventQueue {
  public:
    bool empty() const { return m_head == m_events.size(); }
    size_t size() const { return m_events.size() - m_head; }
    size_t bytes() const { return m_bytes; } // of the texts
    uint64_t nextSeq() const { return m_events[m_head].seq; }
    uint64_t lastSeq() const { return m_events.back().seq; }
    uint32_t nextIndex() const { return m_events[m_head].text->index(); }
    size_t room() const { return m_events.capacity(); } // in events, used or not

    void push(QueuedEvent event);
    QueuedEvent pop(); // not of an empty one
    void clear();

  private:
    std::vector<QueuedEvent> m_events;
    size_t m_head = 0; // those before it are gone
    size_t m_bytes = 0;
};

} // namespace fluxion
