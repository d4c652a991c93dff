#pragma once

// Proposals on their way to the commit thread: bounded in bytes, taken all at once.

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

    // Any thread.
    Accepted push(Proposal proposal);

    // All that waits, in order, at most `timeoutMs` later; possibly nothing. `wantsRoom` is set to
    // the mailboxes that were told to pause. Commit thread.
    std::vector<Proposal> take(int timeoutMs, std::vector<Mailbox*>& wantsRoom);

    // Wakes take() at once. Any thread.
    void wake();
    // Nothing more is taken in; take() still yields what waits.
    void close();
    bool closed() const;

  private:
    const uint64_t m_pauseBytes;
    const uint64_t m_maxBytes;
    mutable std::mutex m_mutex;
    std::condition_variable m_filled;
    std::vector<Proposal> m_waiting;
    std::vector<Mailbox*> m_paused;
    uint64_t m_bytes = 0;
    bool m_woken = false;
    bool m_closed = false;
    bool m_sleeping = false; // the commit thread; spares the others a needless notify
};

} // namespace fluxion
