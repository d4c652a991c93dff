#include "live/event_queue.h"

#include <utility>

#include "base/release.h"

namespace fluxion {

namespace {

constexpr size_t kKeptRoom = 64; // not worth to be given back

} // namespace

void EventQueue::push(QueuedEvent event)
{
    m_bytes += event.text->text().size();
    m_events.push_back(std::move(event));
}

QueuedEvent EventQueue::pop()
{
    QueuedEvent event = std::move(m_events[m_head++]);
    m_bytes -= event.text->text().size();
    if (empty()) {
        clear();
    } else if (m_head >= kKeptRoom && m_head >= size()) {
        m_events.erase(m_events.begin(), m_events.begin() + static_cast<ptrdiff_t>(m_head));
        m_head = 0;
    }
    return event;
}

void EventQueue::clear()
{
    if (m_events.capacity() > kKeptRoom)
        release(m_events);
    else
        m_events.clear();
    m_head = 0;
    m_bytes = 0;
}

} // namespace fluxion
