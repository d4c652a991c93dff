#include "store/merge_queue.h"

namespace fluxion {

bool MergeQueue::push(Item item)
{
    std::lock_guard guard(m_mutex);
    if (m_items.size() >= kMaxQueuedMerges)
        return false;
    m_items.push_back(std::move(item));
    return true;
}

std::optional<MergeQueue::Item> MergeQueue::pop()
{
    std::lock_guard guard(m_mutex);
    if (m_items.empty())
        return std::nullopt;
    Item item = std::move(m_items.front());
    m_items.pop_front();
    return item;
}

bool MergeQueue::empty() const
{
    std::lock_guard guard(m_mutex);
    return m_items.empty();
}

void MergeQueue::discard(Collection::SeriesPin dropped)
{
    std::lock_guard guard(m_mutex);
    m_discarded.push_back(std::move(dropped));
}

void MergeQueue::release()
{
    std::vector<Collection::SeriesPin> discarded; // released after the lock
    std::lock_guard guard(m_mutex);
    discarded.swap(m_discarded);
}

} // namespace fluxion
