#pragma once

// Proposals on their way to the commit thread: bounded in bytes, taken all at once.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "engine/proposal.h"

namespace fluxion {

enum class Accepted {
    Yes,
    Pause, // taken, but the queue is over its bound: stop reading until Mailbox::roomAgain()
    No     // past the hard cap, or closed: nothing was taken
};

class CommitQueue {
  public:
    // `pauseBytes`: above it givers are told to pause; `maxBytes`: above it nothing is taken.
    CommitQueue(uint64_t pauseBytes, uint64_t maxBytes);

    // Makes room for a proposal of so many bytes; with Accepted::No there is none. Any thread.
    Accepted reserve(uint64_t bytes, Mailbox* mailbox);
    // Takes proposals for which room was made, and leaves the vector without them. Any thread.
    void push(std::vector<Proposal>& proposals, uint64_t bytes);

    // All that waits, in order, at most `timeoutMs` later; possibly nothing. `wantsRoom` is set to
    // the mailboxes that were told to pause, if there is room again. Commit thread.
    std::vector<Proposal> take(int timeoutMs, std::vector<Mailbox*>& wantsRoom);

    // How much of what was taken still waits elsewhere, and counts as if it had not been taken.
    // Commit thread.
    void setHeld(uint64_t bytes);

    // Wakes take() at once. Any thread.
    void wake();
    // No more room is made; take() still yields what waits. Whoever has room must push before.
    void close();
    bool closed() const { return m_closed; }
    uint64_t bytes() const { return m_bytes; }

  private:
    const uint64_t m_pauseBytes;
    const uint64_t m_maxBytes;
    std::mutex m_mutex;
    std::condition_variable m_filled;
    std::vector<Proposal> m_waiting;
    std::vector<Mailbox*> m_paused;
    std::atomic<uint64_t> m_bytes = 0; // waiting, reserved or held
    uint64_t m_heldBytes = 0;          // commit thread
    uint64_t m_waitingBytes = 0;
    bool m_woken = false;
    std::atomic<bool> m_closed = false;
    bool m_sleeping = false; // the commit thread; spares the others a needless notify
};

} // namespace fluxion
