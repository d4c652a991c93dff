#include "engine/commit_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fluxion {

CommitQueue::CommitQueue(uint64_t pauseBytes, uint64_t maxBytes)
    : m_pauseBytes(pauseBytes), m_maxBytes(maxBytes)
{
}

Accepted CommitQueue::push(Proposal proposal)
{
    const uint64_t bytes = sizeOf(proposal.wish);
    std::unique_lock lock(m_mutex);
    // One that is larger than the cap by itself must not be told to try again for ever.
    if (m_closed || (m_bytes > 0 && m_bytes + bytes > m_maxBytes))
        return Accepted::No;
    m_bytes += bytes;
    Mailbox* const mailbox = proposal.mailbox;
    m_waiting.push_back(std::move(proposal));
    const bool pause = m_bytes > m_pauseBytes;
    if (pause && mailbox && std::find(m_paused.begin(), m_paused.end(), mailbox) == m_paused.end())
        m_paused.push_back(mailbox);
    const bool sleeping = std::exchange(m_sleeping, false);
    lock.unlock();
    if (sleeping)
        m_filled.notify_one();
    return pause ? Accepted::Pause : Accepted::Yes;
}

std::vector<Proposal> CommitQueue::take(int timeoutMs, std::vector<Mailbox*>& wantsRoom)
{
    std::unique_lock lock(m_mutex);
    const auto ready = [this] { return !m_waiting.empty() || m_woken || m_closed; };
    m_sleeping = !ready();
    m_filled.wait_for(lock, std::chrono::milliseconds(timeoutMs), ready);
    m_sleeping = false;
    m_woken = false;
    m_bytes = 0;
    wantsRoom = std::exchange(m_paused, {});
    return std::exchange(m_waiting, {});
}

void CommitQueue::wake()
{
    {
        std::lock_guard lock(m_mutex);
        m_woken = true;
    }
    m_filled.notify_one();
}

void CommitQueue::close()
{
    {
        std::lock_guard lock(m_mutex);
        m_closed = true;
    }
    m_filled.notify_one();
}

bool CommitQueue::closed() const
{
    std::lock_guard lock(m_mutex);
    return m_closed;
}

} // namespace fluxion
