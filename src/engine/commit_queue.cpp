#include "engine/commit_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace fluxion {

CommitQueue::CommitQueue(uint64_t pauseBytes, uint64_t maxBytes)
    : m_pauseBytes(pauseBytes), m_maxBytes(maxBytes)
{
}

Accepted CommitQueue::reserve(uint64_t bytes, Mailbox* mailbox)
{
    if (m_closed)
        return Accepted::No;
    uint64_t before = m_bytes.load();
    do {
        // One that is larger than the cap by itself must not be told to try again for ever.
        if (before > 0 && before + bytes > m_maxBytes)
            return Accepted::No;
    } while (!m_bytes.compare_exchange_weak(before, before + bytes));
    if (before + bytes <= m_pauseBytes)
        return Accepted::Yes;
    std::lock_guard lock(m_mutex);
    if (mailbox && std::find(m_paused.begin(), m_paused.end(), mailbox) == m_paused.end())
        m_paused.push_back(mailbox);
    return Accepted::Pause;
}

void CommitQueue::push(std::vector<Proposal>& proposals, uint64_t bytes)
{
    std::unique_lock lock(m_mutex);
    if (m_waiting.empty())
        m_waiting.swap(proposals);
    else
        m_waiting.insert(m_waiting.end(), std::make_move_iterator(proposals.begin()),
                         std::make_move_iterator(proposals.end()));
    m_waitingBytes += bytes;
    const bool sleeping = std::exchange(m_sleeping, false);
    lock.unlock();
    proposals.clear();
    if (sleeping)
        m_filled.notify_one();
}

std::vector<Proposal> CommitQueue::take(int timeoutMs, std::vector<Mailbox*>& wantsRoom)
{
    std::unique_lock lock(m_mutex);
    const auto ready = [this] { return !m_waiting.empty() || m_woken || m_closed; };
    m_sleeping = !ready();
    m_filled.wait_for(lock, std::chrono::milliseconds(timeoutMs), ready);
    m_sleeping = false;
    m_woken = false;
    m_bytes -= std::exchange(m_waitingBytes, 0);
    const bool full = m_heldBytes > 0 && m_bytes > m_pauseBytes;
    wantsRoom = full ? std::vector<Mailbox*>() : std::exchange(m_paused, {});
    return std::exchange(m_waiting, {});
}

void CommitQueue::setHeld(uint64_t bytes)
{
    m_bytes += bytes - m_heldBytes;
    if (std::exchange(m_heldBytes, bytes) == 0 || bytes > 0)
        return;
    // Whoever was told to pause because of them is told of the room by the next take(), at once.
    std::lock_guard lock(m_mutex);
    m_woken |= !m_paused.empty();
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

} // namespace fluxion
