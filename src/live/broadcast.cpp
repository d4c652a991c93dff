#include "live/broadcast.h"

namespace fluxion {

bool Broadcast::begin(uint64_t lastSeq)
{
    std::lock_guard lock(m_mutex);
    if (!m_feeds.empty())
        return true;
    m_through = lastSeq;
    return false;
}

void Broadcast::publish(const SharedBatch& batch)
{
    std::lock_guard lock(m_mutex);
    m_through = batch->lastSeq;
    for (Feed* feed : m_feeds)
        feed->publish(batch);
}

uint64_t Broadcast::attach(Feed& feed)
{
    std::lock_guard lock(m_mutex);
    m_feeds.push_back(&feed);
    return m_through;
}

void Broadcast::detach(Feed& feed)
{
    std::lock_guard lock(m_mutex);
    std::erase(m_feeds, &feed);
}

} // namespace fluxion
